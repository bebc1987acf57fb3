//! The users of this Squall: who they are, their roles and their passwords.

pub mod password;

use crate::{audit, error::ApiError};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};
use utoipa::ToSchema;

/// What a user may do; each role includes the ones before it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type, ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "user_role", rename_all = "lowercase")]
pub(crate) enum Role {
    /// May read everything.
    Viewer,
    /// May also change issues.
    Member,
    /// May also change projects, sources, keys and users.
    Admin,
}

impl Role {
    /// The role as the API and the database spell it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Admin => "admin",
        }
    }
}

/// A user who can sign in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct User {
    pub(crate) id: i64,
    email: String,
    name: String,
    role: Role,
    created_at: DateTime<Utc>,
    /// When the user was disabled; null if active.
    disabled_at: Option<DateTime<Utc>>,
}

/// A user to add.
#[derive(Deserialize, ToSchema)]
pub(crate) struct AddUser {
    email: String,
    name: String,
    role: Role,
    /// 10 to 200 characters.
    password: String,
}

/// The fields to change; omitted fields stay as they are.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ChangeUser {
    name: Option<String>,
    role: Option<Role>,
    password: Option<String>,
    disabled: Option<bool>,
}

pub(crate) async fn list(pool: &PgPool) -> Result<Vec<User>, ApiError> {
    let users = sqlx::query_as!(
        User,
        "select id, email, name, role as \"role: Role\", created_at, disabled_at from users order by email"
    )
    .fetch_all(pool)
    .await?;
    Ok(users)
}

pub(crate) async fn find(pool: &PgPool, id: i64) -> Result<User, ApiError> {
    sqlx::query_as!(
        User,
        "select id, email, name, role as \"role: Role\", created_at, disabled_at from users where id = $1",
        id
    )
    .fetch_optional(pool)
    .await?
    .ok_or_else(|| ApiError::not_found("user"))
}

pub(crate) async fn has_admin(connection: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar!("select exists (select from users where role = 'admin') as \"exists!\"")
        .fetch_one(connection)
        .await
}

/// The id of the active user with this email and password. An email is in lower case.
pub(crate) async fn authenticate(
    pool: &PgPool,
    email: &str,
    password: String,
) -> Result<Option<i64>, ApiError> {
    let user =
        sqlx::query!("select id, password_hash from users where email = $1 and disabled_at is null", email)
            .fetch_optional(pool)
            .await?;
    let (id, hash) = user.map(|user| (user.id, user.password_hash)).unzip();
    // Verified without a user as well, so that an unknown email takes as long as a wrong password.
    let is_correct = password::verify(password, hash).await?;
    Ok(id.filter(|_| is_correct))
}

pub(crate) async fn add(pool: &PgPool, actor_id: i64, new: AddUser) -> Result<User, ApiError> {
    let hash = password::hash(new.password).await?;
    let mut transaction = pool.begin().await?;
    let user = insert(&mut transaction, &new.email, &new.name, &hash, new.role).await?;
    audit::record(&mut transaction, actor_id, "user.add", &user.email).await?;
    transaction.commit().await?;
    Ok(user)
}

/// A new password, a new role or disabling also ends the user's sessions.
pub(crate) async fn change(
    pool: &PgPool,
    actor_id: i64,
    id: i64,
    change: ChangeUser,
) -> Result<User, ApiError> {
    let hash = match change.password {
        Some(password) => Some(password::hash(password).await?),
        None => None,
    };
    let mut transaction = pool.begin().await?;
    // Two admins who disable each other at the same time would leave none; the lock makes one of
    // them wait.
    sqlx::query!("lock table users in share row exclusive mode").execute(&mut *transaction).await?;
    let user = sqlx::query_as!(
        User,
        "update users set name = coalesce($2, name), role = coalesce($3, role), password_hash = coalesce($4, password_hash),
             disabled_at = case when $5 then coalesce(disabled_at, now()) when not $5 then null else disabled_at end
         where id = $1
         returning id, email, name, role as \"role: Role\", created_at, disabled_at",
        id,
        change.name,
        change.role as Option<Role>,
        hash,
        change.disabled,
    )
    .fetch_optional(&mut *transaction)
    .await?
    .ok_or_else(|| ApiError::not_found("user"))?;
    let admins = sqlx::query_scalar!(
        "select count(*) as \"count!\" from users where role = 'admin' and disabled_at is null"
    )
    .fetch_one(&mut *transaction)
    .await?;
    if admins == 0 {
        return Err(ApiError::conflict("This is the last admin. Make another user an admin first."));
    }
    if hash.is_some() || change.role.is_some() || change.disabled == Some(true) {
        sqlx::query!("delete from sessions where user_id = $1", id).execute(&mut *transaction).await?;
    }
    audit::record(&mut transaction, actor_id, "user.change", &user.email).await?;
    transaction.commit().await?;
    Ok(user)
}

pub(crate) async fn insert(
    connection: &mut PgConnection,
    email: &str,
    name: &str,
    password_hash: &str,
    role: Role,
) -> Result<User, ApiError> {
    let user = sqlx::query_as!(
        User,
        "insert into users (email, name, password_hash, role) values (lower(trim($1)), trim($2), $3, $4)
         returning id, email, name, role as \"role: Role\", created_at, disabled_at",
        email,
        name,
        password_hash,
        role as Role,
    )
    .fetch_one(connection)
    .await?;
    Ok(user)
}
