//! A project with a source, and a digest to drive by hand.

use sqlx::PgPool;
use squall_base::Environment;
use squall_intake::{Batch, Origin, batch::Shape, inbox};
use squall_live::Publisher;
use squall_worker::{
    config::Config,
    pipeline::{Context, Digest, Progress, Stage},
};
use std::sync::Arc;
use tokio::sync::Notify;

pub async fn project(pool: &PgPool, slug: &str) -> Origin {
    let project_id = sqlx::query_scalar("insert into projects (slug, name) values ($1, $1) returning id")
        .bind(slug)
        .fetch_one(pool)
        .await
        .unwrap();
    let source_id = sqlx::query_scalar(
        "insert into sources (project_id, kind, name) values ($1, 'http', 'HTTP') returning id",
    )
    .bind(project_id)
    .fetch_one(pool)
    .await
    .unwrap();
    Origin { project_id, source_id }
}

pub fn context(pool: &PgPool) -> Context {
    context_with(pool, &[])
}

/// A worker's context with these settings.
pub fn context_with(pool: &PgPool, settings: &'static [(&'static str, &'static str)]) -> Context {
    let env = Environment::from_lookup(move |wanted| match wanted {
        "DATABASE_URL" => Some("postgres://not-used".to_owned()),
        _ => settings.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned()),
    });
    Context {
        pool: pool.clone(),
        config: Arc::new(Config::read(env).unwrap()),
        inbox_filled: Arc::new(Notify::new()),
        live: Publisher::start(pool.clone(), None),
    }
}

pub async fn put(pool: &PgPool, origin: Origin, shape: Shape, body: &str) {
    let batch = Batch::parse(body.as_bytes(), shape).unwrap();
    inbox::insert(&mut pool.acquire().await.unwrap(), origin, &batch).await.unwrap();
}

/// Runs the digest until it finds nothing to do.
pub async fn digest_all(digest: &mut Digest) {
    while digest.run_once().await.unwrap() != Progress::Idle {}
}

pub async fn number(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}
