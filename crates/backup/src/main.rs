//! `squall-backup`: makes backups, proves them, and brings them back.

use anyhow::{Context, Result, bail};
use chrono::{DateTime, NaiveDateTime, Utc};
use clap::{Args, Parser, Subcommand};
use indicatif::HumanBytes;
use squall_backup::{
    base::{self, base},
    create::{self, SPLIT_ABOVE, create},
    drill::drill,
    failure::Failure,
    keys::{Identities, Recipients, generate},
    list::{choose, list},
    postgres::{Programs, Server},
    progress::Progress,
    prune::{self, Policy, prune},
    record::{Recorded, record},
    recover::{self, recover},
    restore::{self, Target, restore},
    store::Store,
    stream::Stop,
    verify::{verify, verify_all},
    wal,
};
use std::{path::PathBuf, process::ExitCode, time::Duration};
use tokio::signal::unix::{SignalKind, signal};

/// Makes backups, proves them, and brings them back.
#[derive(Parser)]
#[command(
    name = "squall-backup",
    version,
    after_help = "A place is a folder or s3://bucket/prefix, with AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and \
                  AWS_SECRET_ACCESS_KEY from the environment.\nThe database is that of DATABASE_URL; pg_dump and \
                  pg_restore are those in SQUALL_PG_BIN or on the PATH.\n\nExample:\n  \
                  squall-backup create --to /var/backups/squall && squall-backup drill --from /var/backups/squall"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes a backup from one snapshot, while the database goes on working.
    Create(Create),
    /// Copies the whole data folder: where recovery to a point in time begins.
    Base {
        #[command(flatten)]
        seal: Seal,
        /// Bases to keep; older ones go, with the segments that only they needed.
        #[arg(long, default_value_t = 2)]
        keep: usize,
        #[command(flatten)]
        database: Database,
    },
    /// Follows the write-ahead log and keeps it, until it is asked to stop.
    Wal {
        #[command(flatten)]
        seal: Seal,
        /// A folder for segments on their way.
        #[arg(long, value_name = "FOLDER")]
        spool: PathBuf,
        /// How often the segment being written is kept, in seconds: so much can be lost with the machine.
        #[arg(long, default_value_t = 30, value_name = "SECONDS")]
        flush: u64,
        #[command(flatten)]
        database: Database,
    },
    /// Prepares a data folder as it was at one moment, from a base and the write-ahead log.
    #[command(
        after_help = "Example:\n  squall-backup recover --from /var/backups/squall --to '2026-11-20 12:34' --into /var/lib/postgresql/recovered"
    )]
    Recover {
        #[command(flatten)]
        from: From,
        /// The moment in UTC: `2026-11-20 12:34` or `2026-11-20T12:34:56Z`.
        #[arg(long, value_name = "TIME", value_parser = moment)]
        to: DateTime<Utc>,
        /// A folder that is empty or not there.
        #[arg(long, value_name = "FOLDER")]
        into: PathBuf,
        #[command(flatten)]
        key: Key,
    },
    /// Makes a pair of keys for encrypted backups: FILE with the secret one, FILE.pub with the public one.
    Key {
        /// Where the secret key goes.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Lists the backups of a place.
    List {
        #[command(flatten)]
        from: From,
        /// Prints JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Reads every byte of a backup and compares it with what was written.
    Verify {
        #[command(flatten)]
        from: From,
        /// Which backup: an id or `latest`.
        #[arg(default_value = "latest", conflicts_with = "all")]
        id: String,
        /// Verifies all backups of the place.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        key: Key,
    },
    /// Removes backups that no rule keeps; never the newest good one, never the last one.
    Prune {
        #[command(flatten)]
        from: From,
        /// Keeps the newest backup of so many days.
        #[arg(long, default_value_t = 7, value_name = "DAYS")]
        daily: usize,
        /// Keeps the newest backup of so many weeks.
        #[arg(long, default_value_t = 5, value_name = "WEEKS")]
        weekly: usize,
        /// Keeps the newest backup of so many months.
        #[arg(long, default_value_t = 12, value_name = "MONTHS")]
        monthly: usize,
        /// Shows what would be removed, and removes nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Makes a backup a database again, wholly or not at all.
    Restore(Restore),
    /// Proves a backup: restores it into a scratch database, compares, and drops that again.
    Drill {
        #[command(flatten)]
        source: Source,
        /// Prints JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
}

/// Where something new goes, and who can read it.
#[derive(Args)]
struct Seal {
    /// Where it goes: a folder or s3://bucket/prefix.
    #[arg(long, env = "SQUALL_BACKUP_TO", hide_env_values = true, value_name = "PLACE")]
    to: String,
    /// Encrypts to this age recipient (age1…); may be given several times.
    #[arg(
        long = "recipient",
        value_name = "KEY",
        env = "SQUALL_BACKUP_RECIPIENTS",
        value_delimiter = ',',
        hide_env_values = true
    )]
    recipients: Vec<String>,
    /// Encrypts to the age recipients in this file, one a line.
    #[arg(long, value_name = "FILE")]
    recipients_file: Option<PathBuf>,
}

impl Seal {
    fn open(&self) -> Result<(Store, Recipients)> {
        let recipients = Recipients::parse(&self.recipients, self.recipients_file.as_deref())?;
        Ok((Store::open(&self.to)?, recipients))
    }
}

#[derive(Args)]
struct Create {
    #[command(flatten)]
    seal: Seal,
    /// Tables above this many megabytes get a file of their own, written beside the others.
    #[arg(long, default_value_t = SPLIT_ABOVE / MEGABYTE, value_name = "MB")]
    split_above: u64,
    /// Files written at once.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    #[command(flatten)]
    database: Database,
}

#[derive(Args)]
struct Restore {
    #[command(flatten)]
    source: Source,
    /// Restores into this database, which is new or empty.
    #[arg(long, value_name = "NAME", required_unless_present = "replace", conflicts_with = "replace")]
    into: Option<String>,
    /// Replaces the database of DATABASE_URL; the old one is kept under another name.
    #[arg(long)]
    replace: bool,
}

#[derive(Args)]
struct Source {
    #[command(flatten)]
    from: From,
    /// Which backup: an id or `latest`.
    #[arg(default_value = "latest")]
    id: String,
    #[command(flatten)]
    key: Key,
    /// Leaves out grants, for a server without the roles they name.
    #[arg(long)]
    no_privileges: bool,
    /// Files loaded at once.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    #[command(flatten)]
    database: Database,
}

#[derive(Args)]
struct From {
    /// Where the backups are: a folder or s3://bucket/prefix.
    #[arg(long, env = "SQUALL_BACKUP_TO", hide_env_values = true, value_name = "PLACE")]
    from: String,
}

#[derive(Args)]
struct Key {
    /// A file with the secret key of an encrypted backup.
    #[arg(long, env = "SQUALL_BACKUP_IDENTITY", hide_env_values = true, value_name = "FILE")]
    identity: Option<PathBuf>,
}

/// The database comes from the environment only, as its address holds a password.
#[derive(Args)]
struct Database {
    /// The folder of pg_dump and pg_restore, if they are not on the PATH.
    #[arg(long, env = "SQUALL_PG_BIN", hide_env_values = true, value_name = "FOLDER")]
    pg_bin: Option<PathBuf>,
}

const MEGABYTE: u64 = 1024 * 1024;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("squall-backup failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<()> {
    match command {
        Command::Create(arguments) => make(arguments).await,
        Command::Base { seal, keep, database } => copy_folder(&seal, keep, database).await,
        Command::Wal { seal, spool, flush, database } => {
            follow(&seal, spool, Duration::from_secs(flush), database).await
        }
        Command::Recover { from, to, into, key } => {
            let (store, identities) = (Store::open(&from.from)?, Identities::read(key.identity.as_deref())?);
            let request = recover::Request {
                store: &store,
                identities: &identities,
                to,
                into,
                progress: &Progress::of("recover"),
            };
            let prepared = recover(&request).await?;
            say(&format!(
                "{} is prepared from the base {} and {} segments. Start PostgreSQL {} on it: it replays up to {to}, and then takes writes.",
                request.into.display(),
                prepared.base.id,
                prepared.segments,
                prepared.base.server_version_number / 10_000,
            ))
        }
        Command::Key { to } => say(&format!(
            "Keep {} apart from the backups. Its public key is {}",
            to.display(),
            generate(&to)?
        )),
        Command::List { from, json } => show(&from, json).await,
        Command::Verify { from, id, all, key } => check(&from, &id, all, &key).await,
        Command::Prune { from, daily, weekly, monthly, dry_run } => {
            let store = Store::open(&from.from)?;
            let decisions = prune(&store, Policy { daily, weekly, monthly }, dry_run, Utc::now()).await?;
            say(&prune::table(&decisions, dry_run))
        }
        Command::Restore(arguments) => bring_back(arguments).await,
        Command::Drill { source, json } => prove(&source, json).await,
    }
}

async fn make(arguments: Create) -> Result<()> {
    let Create { seal, split_above, jobs, database } = arguments;
    let ((store, recipients), server, stop) = (seal.open()?, server()?, stop_on_signals()?);
    let programs = Programs::find(database.pg_bin, server.version_number().await?).await?;
    let manifest = create(&create::Request {
        server: &server,
        programs: &programs,
        store: &store,
        recipients: &recipients,
        split_above: split_above.saturating_mul(MEGABYTE),
        jobs,
        stop: &stop,
        progress: &Progress::of("backup"),
    })
    .await?;
    say(&format!("{}\n{}", manifest.id, manifest.sentence(&store.location())))
}

async fn copy_folder(seal: &Seal, keep: usize, database: Database) -> Result<()> {
    let ((store, recipients), server, stop) = (seal.open()?, server()?, stop_on_signals()?);
    let programs = Programs::find(database.pg_bin, server.version_number().await?).await?;
    let request = base::Request {
        server: &server,
        programs: &programs,
        store: &store,
        recipients: &recipients,
        keep,
        progress: &Progress::of("base"),
        stop: &stop,
    };
    let made = base(&request).await?;
    let size = HumanBytes(made.file.stored_bytes);
    say(&format!(
        "{}\n{size} in {}; any moment from {} on can be recovered while `wal` runs",
        made.id,
        store.location(),
        made.finished_at
    ))
}

async fn follow(seal: &Seal, spool: PathBuf, flush: Duration, database: Database) -> Result<()> {
    let ((store, recipients), server, stop) = (seal.open()?, server()?, stop_on_signals()?);
    let programs = Programs::find(database.pg_bin, server.version_number().await?).await?;
    let request = wal::Request {
        server: &server,
        programs: &programs,
        store: &store,
        recipients: &recipients,
        spool,
        flush,
        stop: &stop,
    };
    wal::receive(&request).await
}

/// A moment as people write it; without a zone it is UTC.
fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    let plain = text.trim().trim_end_matches('Z').replace('T', " ");
    let zoned = DateTime::parse_from_rfc3339(text.trim()).map(|moment| moment.to_utc()).ok();
    let formats = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    let utc = || {
        formats
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(&plain, format).ok())
            .map(|at| at.and_utc())
    };
    zoned.or_else(utc).ok_or_else(|| "it is written 2026-11-20 12:34, in UTC".to_owned())
}

async fn show(from: &From, json: bool) -> Result<()> {
    let store = Store::open(&from.from)?;
    let listing = list(&store).await?;
    if json {
        return say(&serde_json::to_string_pretty(&listing.json())?);
    }
    say(&listing.table(&store.location()))
}

async fn check(from: &From, id: &str, all: bool, key: &Key) -> Result<()> {
    let store = Store::open(&from.from)?;
    let identities = Identities::read(key.identity.as_deref())?;
    let progress = Progress::of("verify");
    if all {
        return verify_all(&store, &identities, &progress, &mut say).await;
    }
    let manifest = choose(&store, id).await?;
    let verified = verify(&store, &manifest.id, &identities, &progress).await?;
    drop(progress);
    say(&format!("{}  {}", manifest.id, verified.sentence()))
}

async fn bring_back(arguments: Restore) -> Result<()> {
    let Restore { source, into, replace: _ } = arguments;
    let target = into.map_or(Target::Replace, Target::Into);
    let restored =
        source.with("restore", async |request, manifest| restore(request, manifest, &target).await).await?;
    say(&restored.sentence())
}

async fn prove(source: &Source, json: bool) -> Result<()> {
    let drilled = source.with("drill", async |request, manifest| drill(request, manifest).await).await?;
    say(&if json { serde_json::to_string_pretty(&drilled)? } else { drilled.table() })?;
    match record(&server()?, &drilled).await {
        Ok(Recorded::Written) => note("Recorded in the table backup_drills."),
        Ok(Recorded::NoTable) => note("Not recorded: the database has no table backup_drills."),
        // A drill on a machine without the live database proves as much.
        Err(error) => note(&format!("Not recorded: {error:#}")),
    }
    if !drilled.ok {
        bail!("the backup {} is not proven; the table above says why", drilled.backup_id);
    }
    Ok(())
}

impl Source {
    /// Opens everything and does the work with it.
    async fn with<T>(
        &self,
        task: &str,
        work: impl AsyncFnOnce(&restore::Request<'_>, &squall_backup::manifest::Manifest) -> Result<T>,
    ) -> Result<T> {
        let (server, store, stop) = (server()?, Store::open(&self.from.from)?, stop_on_signals()?);
        let identities = Identities::read(self.key.identity.as_deref())?;
        let manifest = choose(&store, &self.id).await?;
        let request = restore::Request {
            server: &server,
            programs_folder: self.database.pg_bin.clone(),
            store: &store,
            identities: &identities,
            jobs: self.jobs,
            no_privileges: self.no_privileges,
            stop: &stop,
            progress: &Progress::of(task),
        };
        work(&request, &manifest).await
    }
}

fn server() -> Result<Server> {
    let url = std::env::var("DATABASE_URL").map_err(|_| {
        Failure::new(
            "looking for the database",
            "DATABASE_URL is not set",
            "set it to postgres://user:password@host:port/database",
        )
    })?;
    Server::parse(&url)
}

/// The first Ctrl-C or SIGTERM ends the work tidily; a second one ends the process.
fn stop_on_signals() -> Result<Stop> {
    let stop = Stop::default();
    let asked = stop.clone();
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if asked.is_asked() {
                std::process::exit(130);
            }
            note("Stopping tidily; again to stop at once.");
            asked.ask();
        }
    });
    Ok(stop)
}

fn say(text: &str) -> Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout(), "{text}").context("writing to standard output")
}

fn note(text: &str) {
    eprintln!("{text}");
}
