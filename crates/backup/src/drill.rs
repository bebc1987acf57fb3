//! `drill`: proves that a backup can be restored by restoring it.

use crate::{
    create::snapshot,
    failure::{Cancelled, explain_cancelled, inline},
    manifest::{BackupId, Manifest},
    postgres::{self, Server, qualified},
    restore::{Request, check_requirements, load::Loading, scratch::ScratchDatabase},
};
use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use indicatif::HumanBytes;
use serde::Serialize;
use sqlx::Connection;
use std::time::Instant;

/// Rows to read from each table, to show that it is readable.
const ROWS_READ: u32 = 1_000;

/// The outcome of a drill.
#[derive(Debug, Clone, Serialize)]
pub struct DrillReport {
    /// The id of the backup.
    pub backup_id: BackupId,
    /// Where the backup is stored.
    pub location: String,
    /// When the snapshot of the backup was taken.
    pub made_at: DateTime<Utc>,
    /// When the drill ended.
    pub proven_at: DateTime<Utc>,
    /// Whether all checks passed.
    pub ok: bool,
    /// Wall time.
    pub duration_ms: u64,
    /// The size of the restored database.
    pub bytes: i64,
    /// Rows of all tables.
    pub rows: i64,
    /// What was compared.
    pub checks: Vec<Check>,
    /// Why the backup could not be restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// One comparison.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// Its name in the table.
    pub name: String,
    /// From the manifest.
    pub expected: String,
    /// From the restored database.
    pub found: String,
    /// Whether both are equal.
    pub ok: bool,
}

/// Restores into a scratch database, compares, and drops it. A backup that cannot be restored is an
/// outcome (`ok` is false), not an error.
///
/// # Errors
/// When the drill cannot start: no server, no programs, no key.
pub async fn drill(request: &Request<'_>, manifest: &Manifest) -> Result<DrillReport> {
    let started = Instant::now();
    let mut maintenance = request.server.connect_maintenance().await?;
    let programs = check_requirements(request, manifest, &mut maintenance).await?;
    request.progress.expect(manifest.plain_bytes());
    let scratch =
        ScratchDatabase::create(maintenance, "squall_drill", &manifest.database, request.progress).await?;
    let scratch_server = request.server.with_database(scratch.name());
    let loading = Loading { request, manifest, programs: &programs, scratch: &scratch_server };
    let examined = async {
        let rows = request.stop.or(loading.run()).await?;
        request.progress.say("comparing");
        examine(&scratch_server, manifest, rows).await
    };
    let examined = examined.await;
    scratch.remove().await.context("dropping the scratch database")?;
    let report = DrillReport::new(request, manifest, started);
    match examined {
        Ok(Examined { bytes, rows, checks }) => {
            Ok(DrillReport { ok: checks.iter().all(|check| check.ok), bytes, rows, checks, ..report })
        }
        Err(error) if error.is::<Cancelled>() => Err(explain_cancelled(error, "drilling a backup")),
        Err(error) => Ok(DrillReport { failure: Some(inline(&error)), ..report }),
    }
}

struct Examined {
    bytes: i64,
    rows: i64,
    checks: Vec<Check>,
}

async fn examine(scratch: &Server, manifest: &Manifest, rows: i64) -> Result<Examined> {
    let mut connection = scratch.connect().await?;
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
    connection.close().await.context("closing the connection")?;
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

impl DrillReport {
    /// A report without checks.
    fn new(request: &Request<'_>, manifest: &Manifest, started: Instant) -> Self {
        Self {
            backup_id: manifest.id.clone(),
            location: request.store.location(),
            made_at: manifest.snapshot_at,
            proven_at: Utc::now(),
            ok: false,
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            bytes: 0,
            rows: 0,
            checks: Vec::new(),
            failure: None,
        }
    }

    /// For the user.
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
            lines.push(format!("The backup could not be restored: {failure}"));
        }
        let seconds = self.duration_ms as f64 / 1_000.0;
        let bytes = u64::try_from(self.bytes).unwrap_or_default();
        lines.push(format!("{:<36} {:>14}", "size of the restored database", HumanBytes(bytes).to_string()));
        lines.push(format!("{:<36} {:>14}", "time to restore and compare", format!("{seconds:.1} s")));
        lines.push(format!("{:<36} {:>14}", "data as of (UTC)", self.made_at.format("%Y-%m-%d %H:%M:%S")));
        lines.push(match self.ok {
            true => "Proven: this backup restores.".to_owned(),
            false => "NOT PROVEN: do not rely on this backup. Create another one and drill it.".to_owned(),
        });
        lines.join("\n")
    }
}

const BROKEN_INDEXES: &str = r"
select count(*) from pg_index i join pg_class c on c.oid = i.indexrelid
join pg_namespace n on n.oid = c.relnamespace
where not (i.indisvalid and i.indisready) and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'";
