//! `drill`: the proof that a backup can be restored, by restoring it.

use crate::{
    create::snapshot,
    failure::{GivenUp, stopped},
    manifest::{BackupId, Manifest},
    postgres::{self, Server, qualified},
    restore::{Request, beside::Beside, load::Loading, ready},
};
use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use indicatif::HumanBytes;
use serde::Serialize;
use sqlx::Connection;
use std::time::Instant;

/// Rows read of each table by the query that shows that it can be read.
const ROWS_READ: u32 = 1_000;

/// The outcome of a drill.
#[derive(Debug, Clone, Serialize)]
pub struct Drilled {
    /// Which backup.
    pub backup_id: BackupId,
    /// Where it lies.
    pub location: String,
    /// When its snapshot was taken.
    pub made_at: DateTime<Utc>,
    /// When the drill ended.
    pub proven_at: DateTime<Utc>,
    /// Whether all checks held.
    pub ok: bool,
    /// How long it took.
    pub duration_ms: u64,
    /// The size of the restored database.
    pub bytes: i64,
    /// Rows of all tables.
    pub rows: i64,
    /// What was compared.
    pub checks: Vec<Check>,
    /// Why it could not be restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// One comparison.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// What was compared.
    pub name: String,
    /// What the manifest says.
    pub expected: String,
    /// What the restored database says.
    pub found: String,
    /// Whether they agree.
    pub ok: bool,
}

/// Restores into a scratch database, compares, and drops it. A backup that cannot be restored is an
/// outcome (`ok` is false), not an error.
///
/// # Errors
/// When the drill could not even begin: no server, no programs, no key.
pub async fn drill(request: &Request<'_>, manifest: &Manifest) -> Result<Drilled> {
    let began = Instant::now();
    let mut aside = request.server.connect_aside().await?;
    let programs = ready(request, manifest, &mut aside).await?;
    request.progress.expect(manifest.plain_bytes());
    let beside = Beside::make(aside, "squall_drill", &manifest.database, request.progress).await?;
    let side = request.server.with_database(beside.name());
    let loading = Loading { request, manifest, programs: &programs, side: &side };
    let proof = async {
        let rows = request.stop.or(loading.run()).await?;
        request.progress.say("comparing");
        examine(&side, manifest, rows).await
    };
    let proof = proof.await;
    beside.remove().await.context("dropping the scratch database")?;
    let drilled = Drilled::new(request, manifest, began);
    match proof {
        Ok(Examined { bytes, rows, checks }) => {
            Ok(Drilled { ok: checks.iter().all(|check| check.ok), bytes, rows, checks, ..drilled })
        }
        Err(error) if error.is::<GivenUp>() => Err(stopped(error, "drilling a backup")),
        Err(error) => Ok(Drilled { failure: Some(format!("{error:#}")), ..drilled }),
    }
}

struct Examined {
    bytes: i64,
    rows: i64,
    checks: Vec<Check>,
}

async fn examine(side: &Server, manifest: &Manifest, rows: i64) -> Result<Examined> {
    let mut connection = side.connect().await?;
    postgres::execute(&mut connection, "set default_transaction_read_only = on").await?;
    let structure = snapshot::structure(&mut connection).await?;
    let version = snapshot::schema_version(&mut connection).await?;
    let broken: i64 = postgres::value(&mut connection, BROKEN_INDEXES).await?;
    let mut readable = 0_usize;
    for table in &manifest.tables {
        let query = format!("select * from {} limit {ROWS_READ}", qualified(&table.schema, &table.name));
        postgres::execute(&mut connection, &query).await?;
        readable += 1;
    }
    let bytes = postgres::value(&mut connection, "select pg_database_size(current_database())").await?;
    connection.close().await.context("leaving the scratch database")?;
    let shown =
        |version: Option<i64>| version.map_or_else(|| "none".to_owned(), |version| version.to_string());
    let checks = vec![
        Check::new("rows", manifest.rows(), rows),
        Check::new("tables with equal rows and readable", manifest.tables.len(), readable),
        Check::new("schema version", shown(manifest.database.schema_version), shown(version)),
        Check::new("valid indexes", manifest.database.valid_indexes, structure.valid_indexes),
        Check::new("broken indexes", 0, broken),
        Check::new("valid constraints", manifest.database.valid_constraints, structure.valid_constraints),
    ];
    Ok(Examined { bytes, rows, checks })
}

impl Check {
    fn new<T: ToString>(name: &str, expected: T, found: T) -> Self {
        let (expected, found) = (expected.to_string(), found.to_string());
        Self { name: name.to_owned(), ok: expected == found, expected, found }
    }
}

impl Drilled {
    /// Nothing proven yet.
    fn new(request: &Request<'_>, manifest: &Manifest, began: Instant) -> Self {
        Self {
            backup_id: manifest.id.clone(),
            location: request.store.location(),
            made_at: manifest.snapshot_at,
            proven_at: Utc::now(),
            ok: false,
            duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            bytes: 0,
            rows: 0,
            checks: Vec::new(),
            failure: None,
        }
    }

    /// A table for people.
    pub fn table(&self) -> String {
        let mut lines = vec![
            format!("Drill of {} from {}", self.backup_id, self.location),
            format!("{:<36} {:>14} {:>14}", "", "BACKUP", "RESTORED"),
        ];
        for Check { name, expected, found, ok } in &self.checks {
            let verdict = if *ok { "equal" } else { "DIFFERS" };
            lines.push(format!("{name:<36} {expected:>14} {found:>14}  {verdict}"));
        }
        if let Some(failure) = &self.failure {
            lines.push(format!("It could not be restored: {failure}"));
        }
        let seconds = self.duration_ms as f64 / 1_000.0;
        let bytes = u64::try_from(self.bytes).unwrap_or_default();
        lines.push(format!("{:<36} {:>14}", "size of the restored database", HumanBytes(bytes).to_string()));
        lines.push(format!("{:<36} {:>14}", "time to restore and compare", format!("{seconds:.1} s")));
        lines.push(format!("{:<36} {:>14}", "data as of (UTC)", self.made_at.format("%Y-%m-%d %H:%M:%S")));
        lines.push(match self.ok {
            true => "Proven: this backup restores.".to_owned(),
            false => "NOT PROVEN: do not rely on this backup. Make another one and drill it.".to_owned(),
        });
        lines.join("\n")
    }
}

const BROKEN_INDEXES: &str = r"
select count(*) from pg_index i join pg_class c on c.oid = i.indexrelid
join pg_namespace n on n.oid = c.relnamespace
where not (i.indisvalid and i.indisready) and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'";
