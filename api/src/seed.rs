//! What `cargo xtask up` asks for before anybody has signed in: the first-run link, and the demo's project.

use crate::{access::Role, auth, routes};
use anyhow::{Context, Result};
use serde::Serialize;
use sqlx::PgPool;
use squall_base::random;
use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Whether the first admin is still to be made, and where.
#[derive(Debug, Serialize)]
pub struct SetupLink {
    /// No admin exists.
    pub needed: bool,
    /// Opens the first-run page; works once, for a day.
    pub url: Option<String>,
}

/// Makes a one-time link for the first admin, unless there is one. Links made before stay good.
///
/// # Errors
/// When the database is away.
pub async fn setup_link(pool: &PgPool, public_url: &str) -> Result<SetupLink> {
    let admin = sqlx::query_scalar!("select exists (select from users where role = 'admin') as \"exists!\"")
        .fetch_one(pool)
        .await
        .context("looking for an admin")?;
    if admin {
        return Ok(SetupLink { needed: false, url: None });
    }
    let token = random::token();
    sqlx::query!(
        "insert into setup_tokens (token_hash, expires_at) values ($1, now() + interval '1 day')",
        &auth::sha256(&token),
    )
    .execute(pool)
    .await
    .context("storing the token of the link")?;
    // Behind the # the token stays in the browser and out of every log.
    Ok(SetupLink { needed: true, url: Some(format!("{public_url}/setup#token={token}")) })
}

/// What to make.
#[derive(Debug, clap::Args)]
pub struct Seed {
    /// The slug of the project.
    #[arg(long)]
    project: String,
    /// The name of a file source to make.
    #[arg(long, requires = "watch")]
    source: Option<String>,
    /// The files it watches.
    #[arg(long, value_name = "GLOB", requires = "source")]
    watch: Option<String>,
    /// The email of an admin to make.
    #[arg(long, value_name = "EMAIL")]
    admin: Option<String>,
    /// Keeps the admin's password here, for the owner only, and takes it from here next time.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Keeps the project's key here, for the owner only, and takes it from here next time.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// What was made, or was there already.
#[derive(Debug, Serialize)]
pub struct Seeded {
    /// The slug of the project.
    pub project: String,
    /// A key that may ingest.
    pub key: String,
    /// The file source.
    pub source_id: Option<i64>,
    /// The source for what is pushed.
    pub http_source_id: i64,
    /// The admin.
    pub email: Option<String>,
    /// Their password; null when they were there already and no file has it.
    pub password: Option<String>,
}

/// Makes a project, a source, a key and an admin, each unless it is there.
///
/// # Errors
/// When the database is away or a file cannot be written.
pub async fn seed(pool: &PgPool, asked: &Seed) -> Result<Seeded> {
    let mut transaction = pool.begin().await.context("connecting to the database")?;
    let known = sqlx::query_scalar!("select id from projects where slug = $1", asked.project)
        .fetch_optional(&mut *transaction)
        .await?;
    let project_id = match known {
        Some(id) => id,
        None => {
            routes::create_project(&mut transaction, &asked.project, &title(&asked.project), 30)
                .await
                .map_err(|error| {
                    anyhow::anyhow!("making the project {:?}: {}", asked.project, error.message)
                })?
                .id
        }
    };
    let http_source_id =
        sqlx::query_scalar!("select id from sources where project_id = $1 and kind = 'http'", project_id)
            .fetch_one(&mut *transaction)
            .await?;
    let mut source_id = None;
    if let (Some(name), Some(glob)) = (&asked.source, &asked.watch) {
        source_id = sqlx::query_scalar!(
            "insert into sources (project_id, kind, name, settings) values ($1, 'file', $2, $3)
             on conflict (project_id, name) do update set settings = excluded.settings returning id",
            project_id,
            name,
            serde_json::json!({ "glob": glob }),
        )
        .fetch_optional(&mut *transaction)
        .await?;
    }
    let key = match read_secret(asked.key_file.as_deref())? {
        Some(key) => key,
        None => routes::new_secret(),
    };
    sqlx::query!(
        "insert into api_keys (project_id, name, secret_hash, secret_hint) values ($1, 'seed', $2, $3)
         on conflict (secret_hash) do nothing",
        project_id,
        &auth::sha256(&key),
        routes::hint(&key),
    )
    .execute(&mut *transaction)
    .await?;
    let mut password = None;
    if let Some(email) = &asked.admin {
        password = read_secret(asked.password_file.as_deref())?;
        let known = sqlx::query_scalar!("select id from users where email = lower($1)", email)
            .fetch_optional(&mut *transaction)
            .await?;
        if known.is_none() {
            let chosen = password.unwrap_or_else(|| random::hex(&random::bytes::<8>()));
            let hash = auth::hash_password(chosen.clone())
                .await
                .map_err(|error| anyhow::anyhow!("{}", error.message))?;
            sqlx::query!(
                "insert into users (email, name, password_hash, role) values (lower($1), 'Demo admin', $2, $3)",
                email,
                hash,
                Role::Admin as Role,
            )
            .execute(&mut *transaction)
            .await?;
            password = Some(chosen);
        }
    }
    transaction.commit().await.context("writing what was made")?;
    write_secret(asked.key_file.as_deref(), Some(&key))?;
    write_secret(asked.password_file.as_deref(), password.as_deref())?;
    Ok(Seeded {
        project: asked.project.clone(),
        key,
        source_id,
        http_source_id,
        email: asked.admin.clone(),
        password,
    })
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
