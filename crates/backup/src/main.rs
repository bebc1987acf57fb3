//! `squall-backup`: make backups, prove that they restore, and restore them.

mod arguments;

use anyhow::{Context, Result};
use arguments::{Base, Cli, Command, Create, Destination, From, Key, MEGABYTE, Restore, Schedule, Source};
use chrono::{TimeDelta, Utc};
use clap::Parser;
use indicatif::HumanBytes;
use squall_backup::{
    base::{self, base},
    create::{self, create},
    drill::drill,
    failure::{failure, inline, with_contexts},
    keys::{Identities, Recipients, generate},
    list::{choose, list},
    postgres::{Programs, Server},
    progress::Progress,
    proof,
    prune::{self, Policy, prune},
    record::{Recorded, record},
    recover::{self, recover},
    restore::{self, Target, restore},
    schedule::{self, Heartbeat, SystemClock},
    store::Store,
    stream::Stop,
    verify::{verify, verify_all},
    wal,
};
use squall_base::secrets;
use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, SystemTime},
};
use tokio::signal::unix::{SignalKind, signal};

impl Destination {
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
            let failure = with_contexts(&error, "running squall-backup");
            eprint!("{failure}");
            failure.exit.into()
        }
    }
}

async fn run(command: Command) -> Result<()> {
    match command {
        Command::Create(arguments) => create_backup(arguments).await,
        Command::Base(arguments) => create_base(arguments).await,
        Command::Wal { destination, spool, flush } => {
            archive_wal(&destination, spool, Duration::from_secs(flush)).await
        }
        Command::Recover { from, to, into, key } => {
            let (store, identities) = (Store::open(&from.from)?, Identities::read(key.file())?);
            let request = recover::Request {
                store: &store,
                identities: &identities,
                to,
                into,
                progress: &Progress::of("recover"),
            };
            let prepared = recover(&request).await?;
            print(&format!(
                "Prepared {} from the base {}{} and {} segments. Start PostgreSQL {} on it: it replays the log up to {to}, \
                 then accepts writes.",
                request.into.display(),
                prepared.base.id,
                match prepared.bases {
                    1 => String::new(),
                    bases => format!(" (one full base and {} increments)", bases - 1),
                },
                prepared.segments,
                prepared.base.server_version_number / 10_000,
            ))
        }
        Command::Key { to } => print(&format!(
            "Store {} away from the backups. The public key is {}",
            to.display(),
            generate(&to)?
        )),
        Command::List { from, json } => list_backups(&from, json).await,
        Command::Verify { from, id, all, key } => verify_backups(&from, &id, all, &key).await,
        Command::Prune { from, daily, weekly, monthly, dry_run } => {
            let store = Store::open(&from.from)?;
            let decisions = prune(&store, Policy { daily, weekly, monthly }, dry_run, Utc::now()).await?;
            print(&prune::table(&decisions, dry_run))
        }
        Command::Restore(arguments) => restore_backup(arguments).await,
        Command::Drill { source, json, or_verify } => match or_verify && verify_without_key(&source).await? {
            true => Ok(()),
            false => drill_backup(&source, json).await,
        },
        Command::Schedule(arguments) => run_schedule(&arguments).await,
    }
}

async fn run_schedule(arguments: &Schedule) -> Result<()> {
    let heartbeat = Heartbeat::default();
    if arguments.check {
        return heartbeat.check(SystemTime::now());
    }
    let (schedule, stop) = (schedule::Schedule { at: arguments.at, now: arguments.now }, stop_on_signals()?);
    let run_job = async |job| schedule::run_as_process(job, &stop).await;
    tokio::select! {
        () = schedule.run(&SystemClock, &stop, run_job) => Ok(()),
        failed = heartbeat.keep() => failed,
    }
}

async fn create_backup(arguments: Create) -> Result<()> {
    let Create { destination, split_above, jobs } = arguments;
    let ((store, recipients), server, stop) = (destination.open()?, server().await?, stop_on_signals()?);
    let programs = Programs::find(server.version_number().await?).await?;
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
    print(&format!("{}\n{}", manifest.id, manifest.sentence(&store.location())))
}

async fn create_base(arguments: Base) -> Result<()> {
    let Base { destination, incremental, full_every, keep } = arguments;
    let ((store, recipients), server, stop) = (destination.open()?, server().await?, stop_on_signals()?);
    let programs = Programs::find(server.version_number().await?).await?;
    let request = base::Request {
        server: &server,
        programs: &programs,
        store: &store,
        recipients: &recipients,
        increment_for: incremental.then(|| TimeDelta::days(full_every.into())),
        keep,
        progress: &Progress::of("base"),
        stop: &stop,
    };
    let made = base(&request).await?;
    let kind = match &made.parent {
        Some(parent) => format!("Increment of {parent}"),
        None => "Full base".to_owned(),
    };
    let size = HumanBytes(made.file.stored_bytes);
    print(&format!(
        "{}\n{kind}, {size} in {}. While `squall-backup wal` runs, any time from {} on can be recovered.",
        made.id,
        store.location(),
        made.finished_at
    ))
}

async fn archive_wal(destination: &Destination, spool: PathBuf, flush: Duration) -> Result<()> {
    let ((store, recipients), server, stop) = (destination.open()?, server().await?, stop_on_signals()?);
    let programs = Programs::find(server.version_number().await?).await?;
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

async fn list_backups(from: &From, json: bool) -> Result<()> {
    let store = Store::open(&from.from)?;
    let listing = list(&store).await?;
    if json {
        return print(&serde_json::to_string_pretty(&listing.json())?);
    }
    print(&listing.table(&store.location()))
}

async fn verify_backups(from: &From, id: &str, all: bool, key: &Key) -> Result<()> {
    let store = Store::open(&from.from)?;
    let identities = Identities::read(key.file())?;
    let progress = Progress::of("verify");
    if all {
        return verify_all(&store, &identities, &progress, &mut print).await;
    }
    let manifest = choose(&store, id).await?;
    let verified = verify(&store, &manifest.id, &identities, &progress).await?;
    drop(progress);
    print(&format!("{}  {}", manifest.id, verified.sentence()))
}

async fn restore_backup(arguments: Restore) -> Result<()> {
    let Restore { source, into, replace: _ } = arguments;
    let target = into.map_or(Target::Replace, Target::Into);
    let restored =
        source.with("restore", async |request, manifest| restore(request, manifest, &target).await).await?;
    print(&restored.sentence())
}

/// Without its key an encrypted backup cannot be restored, but its stored bytes can be checked.
/// Returns whether that was done.
async fn verify_without_key(source: &Source) -> Result<bool> {
    let (store, identities) = (Store::open(&source.from.from)?, Identities::read(source.key.file())?);
    let manifest = choose(&store, &source.id).await?;
    if manifest.encryption.is_none() || !identities.is_empty() {
        return Ok(false);
    }
    let progress = Progress::of("verify");
    let verified = verify(&store, &manifest.id, &identities, &progress).await?;
    drop(progress);
    print(&format!(
        "{}  {}\nNOT PROVEN: without its key it is unknown whether it restores. Run `squall-backup drill --identity FILE` on \
         a machine that has the key.",
        manifest.id,
        verified.sentence()
    ))?;
    Ok(true)
}

async fn drill_backup(source: &Source, json: bool) -> Result<()> {
    let report = source.with("drill", async |request, manifest| drill(request, manifest).await).await?;
    print(&if json { serde_json::to_string_pretty(&report)? } else { report.table() })?;
    if let Err(error) = proof::store(&Store::open(&source.from.from)?, &report).await {
        note(&format!("The proof was not stored, so prune does not know of it: {}", inline(&error)));
    }
    match record(&server().await?, &report).await {
        Ok(Recorded::Written) => note("Recorded in the table backup_drills."),
        Ok(Recorded::NoTable) => note("Not recorded: the database has no table backup_drills."),
        // A drill on a machine without the live database is as good a proof.
        Err(error) => note(&format!("Not recorded in the table backup_drills: {}", inline(&error))),
    }
    if !report.ok {
        return Err(failure(
            format!("drilling the backup {}", report.backup_id),
            "it is not proven; the table above shows why",
            "make another backup and drill that one",
        ));
    }
    Ok(())
}

impl Source {
    /// Opens the store, the server and the backup, and runs `work` with them.
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
    let url = secrets::database_url(&secrets::process_variable).map_err(|problems| {
        failure(
            "reading the address of the database",
            problems.join("\n"),
            "fix these variables, then run the command again",
        )
    })?;
    for warning in url.warnings {
        note(&format!("Warning: {warning}"));
    }
    Ok(Server::parse(&url.value)?.prefer_socket().await)
}

/// The first Ctrl-C or SIGTERM cancels the work and cleans up; a second one ends the process
/// immediately.
fn stop_on_signals() -> Result<Stop> {
    let stop = Stop::default();
    let requested = stop.clone();
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if requested.is_requested() {
                std::process::exit(130);
            }
            note("Stopping and cleaning up; press Ctrl-C again to stop immediately.");
            requested.request();
        }
    });
    Ok(stop)
}

fn print(text: &str) -> Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout(), "{text}").context("writing to standard output")
}

fn note(text: &str) {
    eprintln!("{text}");
}
