//! `restore`: a backup becomes a database again, wholly or not at all.
//!
//! It is always loaded into a database beside the wanted one, every byte checked on its way, and takes
//! the wanted name at the end. Whatever fails or is killed before leaves the server's databases as they were.

pub(crate) mod beside;
pub(crate) mod load;
mod install;

use crate::{
    failure::{Failure, stopped},
    keys::Identities,
    manifest::Manifest,
    postgres::{self, Programs, Server},
    progress::Progress,
    store::Store,
    stream::Stop,
};
use anyhow::{Result, ensure};
use beside::Beside;
use install::{Installed, Place};
use load::Loading;
use std::{path::PathBuf, time::Instant};

/// What to restore, and where to.
#[derive(Debug)]
pub struct Request<'a> {
    /// The server; its database is the one that `--replace` replaces.
    pub server: &'a Server,
    /// Where the programs of PostgreSQL are, if not on the PATH.
    pub programs_folder: Option<PathBuf>,
    /// Where the backup is.
    pub store: &'a Store,
    /// Who reads it.
    pub identities: &'a Identities,
    /// Files loaded at once.
    pub jobs: usize,
    /// Leaves out grants, for a server without the roles they name.
    pub no_privileges: bool,
    /// Stops the work.
    pub stop: &'a Stop,
    /// Hears how far it is.
    pub progress: &'a Progress,
}

/// Which database the backup becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One that is new or empty.
    Into(String),
    /// That of the address, whatever is in it; the old one is kept under another name.
    Replace,
}

/// What became of it.
#[derive(Debug)]
pub struct Restored {
    /// The database.
    pub database: String,
    /// Where the database of that name went, with `--replace`.
    pub kept_as: Option<String>,
    /// Rows of all tables.
    pub rows: i64,
    /// How long it took.
    pub duration_ms: u64,
}

/// Restores a backup.
///
/// # Errors
/// When the target is not empty, the backup is not as it was written, or the server refuses. No database
/// is changed then, and none is left behind.
pub async fn restore(request: &Request<'_>, manifest: &Manifest, target: &Target) -> Result<Restored> {
    let began = Instant::now();
    let name = match target {
        Target::Into(name) => name.clone(),
        Target::Replace => request.server.database().to_owned(),
    };
    let mut aside = request.server.connect_aside().await?;
    let programs = ready(request, manifest, &mut aside).await?;
    let place = install::look(request.server, &mut aside, &name, target).await?;
    request.progress.expect(manifest.plain_bytes());
    let mut beside =
        Beside::make(aside, &format!("{name}_restoring"), &manifest.database, request.progress).await?;
    let made = async {
        let side = request.server.with_database(beside.name());
        let loading = Loading { request, manifest, programs: &programs, side: &side };
        let rows = request.stop.or(loading.run()).await?;
        Ok((rows, install::install(request.server, &mut beside, &name, &place).await?))
    };
    match made.await {
        Ok((rows, Installed { kept_as })) => {
            let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            Ok(Restored { database: name, kept_as, rows, duration_ms })
        }
        Err(error) => {
            let left = beside.remove().await;
            Err(with_what_is_left(error, &place, left))
        }
    }
}

/// Finds out what would fail later anyway: the key, the programs, the version of the server.
pub(crate) async fn ready(
    request: &Request<'_>,
    manifest: &Manifest,
    aside: &mut sqlx::PgConnection,
) -> Result<Programs> {
    if manifest.encryption.is_some() && request.identities.is_empty() {
        return Err(Failure::new(
            format!("opening the backup {}", manifest.id),
            "it is encrypted",
            "give the file of a secret key with --identity FILE",
        ));
    }
    let version: i32 = postgres::value(aside, "select current_setting('server_version_num')::int").await?;
    let (has, needs) = (version / 10_000, manifest.server.version_number / 10_000);
    if has < needs {
        return Err(Failure::new(
            format!("restoring the backup {}", manifest.id),
            format!("it comes from PostgreSQL {needs}, and this server is {has}"),
            format!("restore it on a server of PostgreSQL {needs} or newer"),
        ));
    }
    Programs::find(request.programs_folder.clone(), version).await
}

fn with_what_is_left(error: anyhow::Error, place: &Place, left: Result<()>) -> anyhow::Error {
    let untouched = match place {
        Place::Absent => "nothing was restored, and no database is left behind",
        Place::Empty | Place::Filled => "nothing was restored, and the database that was there is as it was",
    };
    let error = stopped(error, "restoring a backup");
    match left {
        Ok(()) => error.context(untouched),
        Err(why) => error.context(format!(
            "{untouched}, except the database beside it ({why:#}); the next restore drops it"
        )),
    }
}

impl Restored {
    /// What a person wants to know now.
    pub fn sentence(&self) -> String {
        let Self { database, rows, duration_ms, kept_as } = self;
        let seconds = *duration_ms as f64 / 1_000.0;
        let restored =
            format!("Restored the database {database}: {rows} rows, as in the backup, in {seconds:.1} s.");
        match kept_as {
            None => restored,
            Some(old) => format!(
                "{restored}\nThe database that was there is kept as {old}. When it is no longer needed, drop it: \
                 drop database {};",
                postgres::quoted(old)
            ),
        }
    }
}

/// Refuses row counts that are not those of the manifest.
pub(crate) fn same_rows(manifest: &Manifest, found: &[crate::manifest::TableRows]) -> Result<i64> {
    let differs = |(expected, found): (&crate::manifest::TableRows, &crate::manifest::TableRows)| {
        (expected != found).then(|| {
            format!("{}.{} has {} rows instead of {}", found.schema, found.name, found.rows, expected.rows)
        })
    };
    let differences: Vec<_> = manifest.tables.iter().zip(found).filter_map(differs).take(5).collect();
    ensure!(
        differences.is_empty() && found.len() == manifest.tables.len(),
        Failure::new(
            "comparing the rows with the manifest",
            differences.join(", "),
            "do not use this backup: choose another one, and report this"
        )
    );
    Ok(manifest.rows())
}
