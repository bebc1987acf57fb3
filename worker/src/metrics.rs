//! What is looked up when Prometheus reads: sources, days and the size of the database.

use crate::partitions;
use chrono::Utc;
use sqlx::PgPool;
use squall_boot::metrics::{self, Exporter};

/// Looks everything up and renders it with what was counted. What is not known is not a number.
pub(crate) async fn render(pool: &PgPool, exporter: &Exporter) -> String {
    let is_up = metrics::observe_database(pool).await;
    let looked_up = if is_up { look_up(pool).await.ok() } else { None };
    let unknown = || Stock { days: f64::NAN, ahead: f64::NAN, bytes: f64::NAN, sources: Vec::new() };
    let stock = looked_up.unwrap_or_else(unknown);
    metrics::PARTITIONS.set(&[], stock.days);
    metrics::PARTITIONS_AHEAD.set(&[], stock.ahead);
    metrics::DATABASE_BYTES.set(&[], stock.bytes);
    for kind in KINDS {
        for state in STATES {
            let found =
                stock.sources.iter().find(|it| (it.kind.as_str(), it.state.as_str()) == (kind, state));
            let none = if stock.bytes.is_nan() { f64::NAN } else { 0.0 };
            metrics::SOURCES.set(&[kind, state], found.map_or(none, |it| it.count));
        }
    }
    exporter.render()
}

const KINDS: [&str; 2] = ["file", "http"];
const STATES: [&str; 3] = ["working", "failing", "disabled"];

struct Stock {
    days: f64,
    ahead: f64,
    bytes: f64,
    sources: Vec<Sources>,
}

struct Sources {
    kind: String,
    state: String,
    count: f64,
}

async fn look_up(pool: &PgPool) -> anyhow::Result<Stock> {
    let days = partitions::existing(pool).await?;
    let today = Utc::now().date_naive();
    let ahead = days.last().map_or(-1, |newest| (*newest - today).num_days());
    let bytes = sqlx::query_scalar!("select pg_database_size(current_database())::float8 as \"bytes!\"");
    let sources = sqlx::query_as!(
        Sources,
        "select kind::text as \"kind!\",
                case when not enabled then 'disabled' when failures > 0 then 'failing' else 'working' end as \"state!\",
                count(*)::float8 as \"count!\"
         from sources group by 1, 2"
    );
    Ok(Stock {
        days: days.len() as f64,
        ahead: ahead as f64,
        bytes: bytes.fetch_one(pool).await?,
        sources: sources.fetch_all(pool).await?,
    })
}
