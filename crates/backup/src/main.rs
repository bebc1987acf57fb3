//! `squall-backup`: makes backups, proves them, and brings them back.

mod arguments;

use anyhow::{Context, Result, bail};
use arguments::{Base, Cli, Command, Create, Database, From, Key, MEGABYTE, Restore, Seal, Source};
use chrono::{TimeDelta, Utc};
use clap::Parser;
use indicatif::HumanBytes;
use squall_backup::{
    base::{self, base},
    create::{self, create},
    drill::drill,
    failure::Failure,
    keys::{Identities, Recipients, generate},
    list::{choose, list},
    postgres::{Programs, Server},
    progress::Progress,
    proof,
    prune::{self, Policy, prune},
    record::{Recorded, record},
    recover::{self, recover},
    restore::{self, Target, restore},
    store::Store,
    stream::Stop,
    verify::{verify, verify_all},
    wal,
};
use squall_base::secrets;
use std::{path::PathBuf, process::ExitCode, time::Duration};
use tokio::signal::unix::{SignalKind, signal};

impl Seal {
    fn open(&self) -> Result<(Store, Recipients)> {
        let recipients = Recipients::parse(&self.recipients, self.recipients_file.as_deref())?;
        Ok((Store::open(&self.to)?, recipients))
    }
}

#[tokio::main(flavor = "current_thread")]
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
        Command::Base(arguments) => copy_folder(arguments).await,
        Command::Wal { seal, spool, flush, database } => {
            follow(&seal, spool, Duration::from_secs(flush), database).await
        }
        Command::Recover { from, to, into, key, pg_bin } => {
            let (store, identities) = (Store::open(&from.from)?, Identities::read(key.file())?);
            let request = recover::Request {
                store: &store,
                identities: &identities,
                programs_folder: pg_bin,
                to,
                into,
                progress: &Progress::of("recover"),
            };
            let prepared = recover(&request).await?;
            say(&format!(
                "{} is prepared from the base {}{} and {} segments. Start PostgreSQL {} on it: it replays up to {to}, and then takes writes.",
                request.into.display(),
                prepared.base.id,
                match prepared.bases {
                    1 => String::new(),
                    bases => format!(" (a whole one and {} increments)", bases - 1),
                },
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
        Command::Drill { source, json, or_verify } => match or_verify && verified_instead(&source).await? {
            true => Ok(()),
            false => prove(&source, json).await,
        },
    }
}

async fn make(arguments: Create) -> Result<()> {
    let Create { seal, split_above, jobs, database } = arguments;
    let ((store, recipients), server, stop) = (seal.open()?, server().await?, stop_on_signals()?);
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

async fn copy_folder(arguments: Base) -> Result<()> {
    let Base { seal, incremental, whole_every, keep, database } = arguments;
    let ((store, recipients), server, stop) = (seal.open()?, server().await?, stop_on_signals()?);
    let programs = Programs::find(database.pg_bin, server.version_number().await?).await?;
    let request = base::Request {
        server: &server,
        programs: &programs,
        store: &store,
        recipients: &recipients,
        increment_for: incremental.then(|| TimeDelta::days(whole_every.into())),
        keep,
        progress: &Progress::of("base"),
        stop: &stop,
    };
    let made = base(&request).await?;
    let kind = match &made.parent {
        Some(parent) => format!("An increment on {parent}"),
        None => "A whole base".to_owned(),
    };
    let size = HumanBytes(made.file.stored_bytes);
    say(&format!(
        "{}\n{kind}, {size} in {}; any moment from {} on can be recovered while `wal` runs",
        made.id,
        store.location(),
        made.finished_at
    ))
}

async fn follow(seal: &Seal, spool: PathBuf, flush: Duration, database: Database) -> Result<()> {
    let ((store, recipients), server, stop) = (seal.open()?, server().await?, stop_on_signals()?);
    let programs = Programs::find(database.pg_bin, server.version_number().await?).await?;
    let request = wal::Request {
        server: &server,
        programs: &programs,
        store: &store,
        recipients: &recipients,
        spool,
        flush,
        stop: &stop,
        note,
    };
    wal::receive(&request).await
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
    let identities = Identities::read(key.file())?;
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

/// An encrypted backup without its key can be read, and nothing more: its stored bytes are then what is looked at.
async fn verified_instead(source: &Source) -> Result<bool> {
    let (store, identities) = (Store::open(&source.from.from)?, Identities::read(source.key.file())?);
    let manifest = choose(&store, &source.id).await?;
    if manifest.encryption.is_none() || !identities.is_empty() {
        return Ok(false);
    }
    let progress = Progress::of("verify");
    let verified = verify(&store, &manifest.id, &identities, &progress).await?;
    drop(progress);
    say(&format!(
        "{}  {}\nNOT PROVEN: whether it restores is not known, as its key is not here. Where the key is, run \
         `squall-backup drill --identity FILE`.",
        manifest.id,
        verified.sentence()
    ))?;
    Ok(true)
}

async fn prove(source: &Source, json: bool) -> Result<()> {
    let drilled = source.with("drill", async |request, manifest| drill(request, manifest).await).await?;
    say(&if json { serde_json::to_string_pretty(&drilled)? } else { drilled.table() })?;
    if let Err(error) = proof::keep(&Store::open(&source.from.from)?, &drilled).await {
        note(&format!("Not noted beside the backup, so that prune does not know of it: {error:#}"));
    }
    match record(&server().await?, &drilled).await {
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
        let (server, store, stop) = (server().await?, Store::open(&self.from.from)?, stop_on_signals()?);
        let identities = Identities::read(self.key.file())?;
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

async fn server() -> Result<Server> {
    let found = secrets::database_url(&secrets::process_variable).map_err(|problems| {
        Failure::new(
            "looking for the database",
            problems.join("\n"),
            "mend these variables, then run the command again",
        )
    })?;
    for warning in found.warnings {
        note(&format!("Warning: {warning}"));
    }
    Ok(Server::parse(&found.value)?.nearest().await)
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
