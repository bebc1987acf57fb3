//! Fills a database with the product's schema and enough events.

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, PgPool};

/// About 40 MB with their index.
const PORTION: u32 = 100_000;

/// The schema, partitions for four days, one project with a source, and a thousand issues.
pub async fn prepare(pool: &PgPool) -> Result<()> {
    squall_migrations::MIGRATOR.run(pool).await.context("making the schema")?;
    sqlx::raw_sql(
        "insert into projects (slug, name) values ('bench', 'Bench');
         insert into sources (project_id, kind, name) values (1, 'http', 'HTTP');
         insert into issues (project_id, title, culprit, level, first_seen, last_seen)
         select 1, 'Connection to <*> refused ' || n, 'shop.db', 4, now(), now() from generate_series(1, 1000) n;
         create table events_1 partition of events for values from ('2026-11-01 00:00Z') to ('2026-11-02 00:00Z');
         create table events_2 partition of events for values from ('2026-11-02 00:00Z') to ('2026-11-03 00:00Z');
         create table events_3 partition of events for values from ('2026-11-03 00:00Z') to ('2026-11-04 00:00Z');
         create table events_4 partition of events for values from ('2026-11-04 00:00Z') to ('2026-11-05 00:00Z');",
    )
    .execute(pool)
    .await
    .context("filling the database")?;
    Ok(())
}

/// Adds events until the database has this size, and returns its size in bytes.
pub async fn until(pool: &PgPool, megabytes: u64) -> Result<u64> {
    loop {
        let size = "select pg_database_size(current_database())";
        let bytes: i64 = sqlx::query_scalar(size).fetch_one(pool).await?;
        let bytes = u64::try_from(bytes).unwrap_or_default();
        if bytes >= megabytes * 1_000_000 {
            // Dirty pages and hint bits would be written while the first one dumps.
            sqlx::raw_sql("vacuum analyze").execute(pool).await?;
            sqlx::raw_sql("checkpoint").execute(pool).await?;
            return Ok(bytes);
        }
        // Messages with numbers, addresses and ids, as logs have them: neither constant nor noise.
        let portion = format!(
            "insert into events (occurred_at, received_at, issue_id, project_id, source_id, level, logger, message, attributes)
             select t, t + interval '1 second', 1 + (n * 7919) % 1000, 1, 1, (n % 6)::smallint, 'shop.' || (n % 40),
                    'Connection to 10.' || n % 256 || '.' || n % 199 || '.7:5432 refused after ' || (random() * 1000)::int
                        || ' ms for request ' || md5(random()::text),
                    jsonb_build_object('host.name', 'web-' || n % 12, 'service.name', 'shop', 'trace_id', md5(n::text))
             from generate_series(1, {PORTION}) n,
                  lateral (select timestamptz '2026-11-01 00:00Z' + random() * interval '3 days 23 hours' as t) t"
        );
        sqlx::raw_sql(AssertSqlSafe(portion)).execute(pool).await?;
    }
}
