//! Gauges that are read from the database at each scrape: sources, days and the size of the
//! database.

use crate::partitions;
use chrono::Utc;
use sqlx::PgPool;
use squall_boot::metrics::{self, Exporter};

/// Renders all metrics. A gauge whose value cannot be read is NaN.
pub(crate) async fn render(pool: &PgPool, exporter: &Exporter) -> String {
    let is_up = metrics::observe_database(pool).await;
    let gauges = if is_up { read_gauges(pool).await.ok() } else { None };
    let unknown = || Gauges { days: f64::NAN, ahead: f64::NAN, bytes: f64::NAN, sources: Vec::new() };
    let gauges = gauges.unwrap_or_else(unknown);
    metrics::PARTITIONS.set(&[], gauges.days);
    metrics::PARTITIONS_AHEAD.set(&[], gauges.ahead);
    metrics::DATABASE_BYTES.set(&[], gauges.bytes);
    for kind in KINDS {
        for state in STATES {
            let found =
                gauges.sources.iter().find(|it| (it.kind.as_str(), it.state.as_str()) == (kind, state));
            let none = if gauges.bytes.is_nan() { f64::NAN } else { 0.0 };
            metrics::SOURCES.set(&[kind, state], found.map_or(none, |it| it.count));
        }
    }
    exporter.render()
}

const KINDS: [&str; 2] = ["file", "http"];
const STATES: [&str; 3] = ["working", "failing", "disabled"];

struct Gauges {
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

async fn read_gauges(pool: &PgPool) -> anyhow::Result<Gauges> {
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
    Ok(Gauges {
        days: days.len() as f64,
        ahead: ahead as f64,
        bytes: bytes.fetch_one(pool).await?,
        sources: sources.fetch_all(pool).await?,
    })
}
