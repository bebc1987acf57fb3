//! Projects: each is a team's application, with its own keys, sources and retention.

use crate::{audit, error::ApiError};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};
use utoipa::ToSchema;

/// Days that events are kept when a project does not say otherwise.
pub const DEFAULT_RETENTION_DAYS: i32 = 30;

/// A team's application.
#[derive(Debug, Serialize, ToSchema)]
pub struct Project {
    pub id: i64,
    /// The project's name in URLs.
    pub slug: String,
    name: String,
    /// Events older than this many days are dropped.
    retention_days: i32,
    created_at: DateTime<Utc>,
}

/// A project to add.
#[derive(Deserialize, ToSchema)]
pub struct AddProject {
    name: String,
    /// Derived from the name if omitted.
    slug: Option<String>,
    /// 30 if omitted.
    retention_days: Option<i32>,
}

/// The fields to change; omitted fields stay as they are.
#[derive(Deserialize, ToSchema)]
pub struct ChangeProject {
    name: Option<String>,
    retention_days: Option<i32>,
}

pub async fn list(pool: &PgPool) -> Result<Vec<Project>, ApiError> {
    let projects = sqlx::query_as!(
        Project,
        "select id, slug, name, retention_days, created_at from projects order by name, id"
    )
    .fetch_all(pool)
    .await?;
    Ok(projects)
}

pub async fn find(pool: &PgPool, slug: &str) -> Result<Project, ApiError> {
    sqlx::query_as!(
        Project,
        "select id, slug, name, retention_days, created_at from projects where slug = $1",
        slug
    )
    .fetch_optional(pool)
    .await?
    .ok_or_else(|| ApiError::not_found("project"))
}

pub async fn id(pool: &PgPool, slug: &str) -> Result<i64, ApiError> {
    sqlx::query_scalar!("select id from projects where slug = $1", slug)
        .fetch_optional(pool)
        .await?
        .ok_or_else(|| ApiError::not_found("project"))
}

/// The id behind an optional filter by project.
pub async fn optional_id(pool: &PgPool, slug: Option<&str>) -> Result<Option<i64>, ApiError> {
    match slug {
        Some(slug) => id(pool, slug).await.map(Some),
        None => Ok(None),
    }
}

pub async fn add(pool: &PgPool, actor_id: i64, new: AddProject) -> Result<Project, ApiError> {
    let slug = new.slug.unwrap_or_else(|| slug_of(&new.name));
    let retention_days = new.retention_days.unwrap_or(DEFAULT_RETENTION_DAYS);
    let mut transaction = pool.begin().await?;
    let project = insert(&mut transaction, &slug, new.name.trim(), retention_days).await?;
    audit::record(&mut transaction, actor_id, "project.add", &project.slug).await?;
    transaction.commit().await?;
    Ok(project)
}

pub async fn change(
    pool: &PgPool,
    actor_id: i64,
    slug: &str,
    change: ChangeProject,
) -> Result<Project, ApiError> {
    let mut transaction = pool.begin().await?;
    let project = sqlx::query_as!(
        Project,
        "update projects set name = coalesce($2, name), retention_days = coalesce($3, retention_days)
         where slug = $1 returning id, slug, name, retention_days, created_at",
        slug,
        change.name,
        change.retention_days,
    )
    .fetch_optional(&mut *transaction)
    .await?
    .ok_or_else(|| ApiError::not_found("project"))?;
    audit::record(&mut transaction, actor_id, "project.change", slug).await?;
    transaction.commit().await?;
    Ok(project)
}

/// Inserts a project together with the source that its pushed events belong to.
pub async fn insert(
    connection: &mut PgConnection,
    slug: &str,
    name: &str,
    retention_days: i32,
) -> Result<Project, ApiError> {
    let project = sqlx::query_as!(
        Project,
        "insert into projects (slug, name, retention_days) values ($1, $2, $3)
         returning id, slug, name, retention_days, created_at",
        slug,
        name,
        retention_days,
    )
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query!("insert into sources (project_id, kind, name) values ($1, 'http', 'HTTP')", project.id)
        .execute(connection)
        .await?;
    Ok(project)
}

fn slug_of(name: &str) -> String {
    let dashed: String =
        name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let words: Vec<&str> = dashed.split('-').filter(|word| !word.is_empty()).collect();
    let mut slug = words.join("-");
    slug.truncate(50);
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::slug_of;

    #[test]
    fn a_slug_is_made_from_a_name() {
        for (name, expected) in
            [("Web Shop", "web-shop"), ("  Año 2026! ", "a-o-2026"), ("---", ""), ("a", "a")]
        {
            assert_eq!(slug_of(name), expected, "{name}");
        }
    }
}
