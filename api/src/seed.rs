//! `squall-api seed`: what a stack needs to be used without its pages, such as the project of the
//! demo.

use crate::{
    error::ApiError,
    identity::{self, Role, password},
    key,
    project::{self, DEFAULT_RETENTION_DAYS},
    secret::sha256,
};
use anyhow::{Context, Result};
use serde::Serialize;
use sqlx::{PgConnection, PgPool};
use squall_base::random;
use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// What to create.
#[derive(Debug, clap::Args)]
pub struct SeedOptions {
    /// Slug of the project
    #[arg(long)]
    project: String,
    /// Name of a file source to create
    #[arg(long, requires = "watch")]
    source: Option<String>,
    /// Files the source reads
    #[arg(long, value_name = "GLOB", requires = "source")]
    watch: Option<String>,
    /// Email of an admin to create
    #[arg(long, value_name = "EMAIL")]
    admin: Option<String>,
    /// File that keeps the admin's password, readable by its owner only; read again next time
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// File that keeps the project's key, readable by its owner only; read again next time
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// What was created or already existed.
#[derive(Debug, Serialize)]
pub struct Seeded {
    /// The slug of the project.
    pub project: String,
    /// The secret of a key that may ingest.
    pub key: String,
    /// The id of the file source.
    pub source_id: Option<i64>,
    /// The id of the source that pushed events belong to.
    pub http_source_id: i64,
    /// The email of the admin.
    pub email: Option<String>,
    /// The admin's password; null if the admin already existed and no file keeps the password.
    pub password: Option<String>,
}

/// Create a project, a source, a key and an admin, unless they exist.
///
/// # Errors
/// If the database is unavailable or a file cannot be written.
pub async fn seed(pool: &PgPool, options: &SeedOptions) -> Result<Seeded> {
    let mut transaction = pool.begin().await.context("connecting to the database")?;
    let project_id = project_id(&mut transaction, &options.project).await?;
    let http_source_id =
        sqlx::query_scalar!("select id from sources where project_id = $1 and kind = 'http'", project_id)
            .fetch_one(&mut *transaction)
            .await?;
    let source_id = file_source(&mut transaction, project_id, options).await?;
    let key = read_secret(options.key_file.as_deref())?.unwrap_or_else(key::new_secret);
    sqlx::query!(
        "insert into api_keys (project_id, name, secret_hash, secret_hint) values ($1, 'seed', $2, $3)
         on conflict (secret_hash) do nothing",
        project_id,
        &sha256(&key),
        key::hint(&key),
    )
    .execute(&mut *transaction)
    .await?;
    let password = match &options.admin {
        Some(email) => admin_password(&mut transaction, email, options.password_file.as_deref()).await?,
        None => None,
    };
    transaction.commit().await.context("committing what was created")?;
    write_secret(options.key_file.as_deref(), Some(&key))?;
    write_secret(options.password_file.as_deref(), password.as_deref())?;
    Ok(Seeded {
        project: options.project.clone(),
        key,
        source_id,
        http_source_id,
        email: options.admin.clone(),
        password,
    })
}

async fn project_id(connection: &mut PgConnection, slug: &str) -> Result<i64> {
    let known = sqlx::query_scalar!("select id from projects where slug = $1", slug)
        .fetch_optional(&mut *connection)
        .await?;
    match known {
        Some(id) => Ok(id),
        None => Ok(project::insert(connection, slug, &title(slug), DEFAULT_RETENTION_DAYS)
            .await
            .map_err(plain)
            .with_context(|| format!("creating the project {slug:?}"))?
            .id),
    }
}

async fn file_source(
    connection: &mut PgConnection,
    project_id: i64,
    options: &SeedOptions,
) -> Result<Option<i64>> {
    let (Some(name), Some(glob)) = (&options.source, &options.watch) else { return Ok(None) };
    let id = sqlx::query_scalar!(
        "insert into sources (project_id, kind, name, settings) values ($1, 'file', $2, $3)
             on conflict (project_id, name) do update set settings = excluded.settings returning id",
        project_id,
        name,
        serde_json::json!({ "glob": glob }),
    )
    .fetch_optional(connection)
    .await?;
    Ok(id)
}

/// The password of the admin, who is created with a random one unless the file has one.
async fn admin_password(
    connection: &mut PgConnection,
    email: &str,
    file: Option<&Path>,
) -> Result<Option<String>> {
    let kept = read_secret(file)?;
    let known = sqlx::query_scalar!("select id from users where email = lower($1)", email)
        .fetch_optional(&mut *connection)
        .await?;
    if known.is_some() {
        return Ok(kept);
    }
    let password = kept.unwrap_or_else(|| random::hex(&random::bytes::<8>()));
    let hash = password::hash(password.clone()).await.map_err(plain)?;
    identity::insert(connection, email, "Demo admin", &hash, Role::Admin).await.map_err(plain)?;
    Ok(Some(password))
}

fn plain(error: ApiError) -> anyhow::Error {
    anyhow::anyhow!(error.cause.unwrap_or(error.message))
}

fn title(slug: &str) -> String {
    let mut letters = slug.replace('-', " ").chars().collect::<Vec<_>>();
    if let Some(first) = letters.first_mut() {
        first.make_ascii_uppercase();
    }
    letters.into_iter().collect()
}

fn read_secret(file: Option<&Path>) -> Result<Option<String>> {
    let Some(file) = file.filter(|file| file.exists()) else { return Ok(None) };
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}

fn write_secret(file: Option<&Path>, secret: Option<&str>) -> Result<()> {
    let (Some(file), Some(secret)) = (file, secret) else { return Ok(()) };
    let open = fs::File::options().create(true).write(true).truncate(true).mode(0o600).open(file);
    open.and_then(|mut open| writeln!(open, "{secret}"))
        .with_context(|| format!("writing {}", file.display()))
}
