//! `restore`: loads a backup into a database, completely or not at all.
//!
//! It always loads into a scratch database, checks every byte, and renames that database at the
//! end. A failure or a kill before that leaves the databases of the server unchanged.

pub(crate) mod scratch;
pub(crate) mod load;
mod install;

use crate::{
    failure::{explain_cancelled, failure, inline},
    keys::Identities,
    manifest::Manifest,
    postgres::{self, Programs, Server},
    progress::Progress,
    store::Store,
    stream::Stop,
};
use anyhow::{Result, ensure};
use install::{Installed, TargetState};
use load::Loading;
use scratch::ScratchDatabase;
use std::time::Instant;

/// What to restore, and where to.
#[derive(Debug)]
pub struct Request<'a> {
    /// The server; its database is the one that `--replace` replaces.
    pub server: &'a Server,
    /// Where the backup is stored.
    pub store: &'a Store,
    /// Keys to decrypt it.
    pub identities: &'a Identities,
    /// Number of files to load in parallel.
    pub jobs: usize,
    /// Omits grants, for a server without the roles they name.
    pub no_privileges: bool,
    /// Cancels the work.
    pub stop: &'a Stop,
    /// Shows the progress.
    pub progress: &'a Progress,
}

/// Which database to restore into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A new or empty one.
    Into(String),
    /// The one of the address, whatever it contains; the old one is renamed and kept.
    Replace,
}

/// A finished restore.
#[derive(Debug)]
pub struct Restored {
    /// The name of the database.
    pub database: String,
    /// The new name of the database that was replaced.
    pub kept_as: Option<String>,
    /// Rows of all tables.
    pub rows: i64,
    /// Wall time.
    pub duration_ms: u64,
}

/// Restores a backup.
///
/// # Errors
/// When the target is not empty, the backup is damaged, or the server refuses. No database is
/// changed or left behind then.
pub async fn restore(request: &Request<'_>, manifest: &Manifest, target: &Target) -> Result<Restored> {
    let started = Instant::now();
    let name = match target {
        Target::Into(name) => name.clone(),
        Target::Replace => request.server.database().to_owned(),
    };
    let mut maintenance = request.server.connect_maintenance().await?;
    let programs = check_requirements(request, manifest, &mut maintenance).await?;
    let state = install::target_state(request.server, &mut maintenance, &name, target).await?;
    request.progress.expect(manifest.plain_bytes());
    let mut scratch = ScratchDatabase::create(
        maintenance,
        &format!("{name}_restoring"),
        &manifest.database,
        request.progress,
    )
    .await?;
    let restored = async {
        let scratch_server = request.server.with_database(scratch.name());
        let loading = Loading { request, manifest, programs: &programs, scratch: &scratch_server };
        let rows = request.stop.or(loading.run()).await?;
        Ok((rows, install::install(request.server, &mut scratch, &name, state).await?))
    };
    match restored.await {
        Ok((rows, Installed { kept_as })) => {
            let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            Ok(Restored { database: name, kept_as, rows, duration_ms })
        }
        Err(error) => {
            let removed = scratch.remove().await;
            Err(explain_leftovers(error, state, removed))
        }
    }
}

/// Checks what would fail later: the key, the version of the server, the programs.
pub(crate) async fn check_requirements(
    request: &Request<'_>,
    manifest: &Manifest,
    maintenance: &mut sqlx::PgConnection,
) -> Result<Programs> {
    if manifest.encryption.is_some() && request.identities.is_empty() {
        return Err(failure(
            format!("opening the backup {}", manifest.id),
            "it is encrypted",
            "name the file with the secret key: --identity FILE",
        ));
    }
    let version: i32 =
        postgres::value(maintenance, "select current_setting('server_version_num')::int").await?;
    let (has, needs) = (version / 10_000, manifest.server.version_number / 10_000);
    if has < needs {
        return Err(failure(
            format!("restoring the backup {}", manifest.id),
            format!("it was created by PostgreSQL {needs}, and this server is {has}"),
            format!("restore it on PostgreSQL {needs} or newer"),
        ));
    }
    Programs::find(version).await
}

fn explain_leftovers(error: anyhow::Error, state: TargetState, removed: Result<()>) -> anyhow::Error {
    let unchanged = match state {
        TargetState::Missing => "nothing was restored, and no database is left behind",
        TargetState::Empty | TargetState::InUse => {
            "nothing was restored, and the existing database is unchanged"
        }
    };
    let error = explain_cancelled(error, "restoring a backup");
    match removed {
        Ok(()) => error.context(unchanged),
        Err(why) => error.context(format!(
            "{unchanged}; a scratch database is left ({}), which the next restore drops",
            inline(&why)
        )),
    }
}

impl Restored {
    /// A summary for the user.
    pub fn sentence(&self) -> String {
        let Self { database, rows, duration_ms, kept_as } = self;
        let seconds = *duration_ms as f64 / 1_000.0;
        let restored =
            format!("Restored the database {database}: {rows} rows, as in the backup, in {seconds:.1} s.");
        match kept_as {
            None => restored,
            Some(old) => format!(
                "{restored}\nThe previous database is kept as {old}. When you no longer need it, drop it: \
                 drop database {};",
                postgres::quoted(old)
            ),
        }
    }
}

/// Checks the row counts against the manifest, and returns their sum.
pub(crate) fn check_rows(manifest: &Manifest, found: &[crate::manifest::TableRows]) -> Result<i64> {
    let differs = |(expected, found): (&crate::manifest::TableRows, &crate::manifest::TableRows)| {
        (expected != found).then(|| {
            format!("{}.{} has {} rows instead of {}", found.schema, found.name, found.rows, expected.rows)
        })
    };
    let differences: Vec<_> = manifest.tables.iter().zip(found).filter_map(differs).take(5).collect();
    ensure!(
        differences.is_empty() && found.len() == manifest.tables.len(),
        failure(
            "comparing the rows with the manifest",
            differences.join(", "),
            "do not use this backup; choose another one, and report this as a bug"
        )
    );
    Ok(manifest.rows())
}
