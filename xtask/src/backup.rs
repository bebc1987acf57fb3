//! `backup`: runs `squall-backup`, which knows backups; xtask only knows which database is meant and where its
//! programs are. Recovery to a point in time of the native stack is here too: it exchanges the data folder.

mod schedule;

use crate::{
    build::{self, Binaries},
    docker::engine::Engine,
    failure::Failure,
    migrate::database,
    postgres::{Postgres, account::Account, given_url},
    up::{Place, compose::stack::ComposeStack, plan::postgres_home},
    world::{Profile, World},
};
use anyhow::{Context, Result};
use clap::Subcommand;
use std::{
    env,
    ffi::OsString,
    fs,
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};
use xshell::cmd;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Makes a backup from one snapshot, while the database goes on working.
    #[command(after_help = "Example:\n  cargo xtask backup create --to s3://bucket/squall")]
    Create(Passed),
    /// Lists the backups of a place.
    #[command(after_help = "Example:\n  cargo xtask backup list --json")]
    List(Passed),
    /// Reads every byte of a backup and compares it with what was written.
    #[command(after_help = "Example:\n  cargo xtask backup verify --all")]
    Verify(Passed),
    /// Removes backups that no rule keeps; never the newest good one, the newest proven one, or the last one.
    #[command(after_help = "Example:\n  cargo xtask backup prune --dry-run")]
    Prune(Passed),
    /// Makes a backup a database again; with --to, takes the native stack back to a moment.
    #[command(
        after_help = "Examples:\n  cargo xtask backup restore --into squall_yesterday\n  cargo xtask backup restore --replace\n  cargo xtask backup restore --to '2026-11-20 12:34'"
    )]
    Restore {
        /// The moment in UTC to which the native stack goes back, from a base and the write-ahead log.
        #[arg(long, value_name = "TIME")]
        to: Option<String>,
        #[command(flatten)]
        passed: Passed,
    },
    /// Proves a backup: restores it into a scratch database, compares, and drops that again.
    #[command(after_help = "Example:\n  cargo xtask backup drill")]
    Drill(Passed),
    /// Copies the whole data folder, or what changed in it: where recovery to a point in time begins.
    #[command(after_help = "Example:\n  cargo xtask backup base --incremental")]
    Base(Passed),
    /// Prepares a data folder as it was at one moment, beside whatever runs.
    #[command(
        after_help = "Example:\n  cargo xtask backup recover --to '2026-11-20 12:34' --into /var/lib/postgresql/recovered"
    )]
    Recover(Passed),
    /// Makes a pair of keys for encrypted backups.
    #[command(after_help = "Example:\n  cargo xtask backup key --to squall-backup.key")]
    Key(Passed),
    /// Makes a backup every day, proves it, and removes what no rule keeps; for a container, where no cron runs.
    #[command(after_help = "Example:\n  cargo xtask backup schedule --at 02:30")]
    Schedule(schedule::Arguments),
    /// Follows the write-ahead log and keeps it, until it is interrupted.
    #[command(after_help = "Example:\n  cargo xtask backup wal")]
    Wal(Passed),
}

#[derive(Debug, clap::Args)]
struct Passed {
    #[command(flatten)]
    place: Place,
    /// Goes to squall-backup as it is; `-- --help` lists what it takes.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    match &arguments.action {
        Action::Create(passed) => engine(world, "create", passed, &[]),
        Action::List(passed) => engine(world, "list", passed, &[]),
        Action::Verify(passed) => engine(world, "verify", passed, &[]),
        Action::Prune(passed) => engine(world, "prune", passed, &[]),
        Action::Restore { to: Some(moment), passed } => go_back(world, moment, passed),
        Action::Restore { to: None, passed } => engine(world, "restore", passed, &[]),
        Action::Drill(passed) => engine(world, "drill", passed, &[]),
        Action::Base(passed) => engine(world, "base", passed, &[]),
        Action::Recover(passed) => {
            refuse_in_containers(world, passed, "recover", BY_VOLUME)?;
            engine(world, "recover", passed, &[])
        }
        Action::Key(passed) => engine(world, "key", passed, &[]),
        Action::Schedule(arguments) => schedule::run(world, arguments),
        Action::Wal(passed) => {
            refuse_in_containers(world, passed, "wal", BY_SERVICE)?;
            let spool = world.build_folder().join("squall-wal").into_os_string();
            engine(world, "wal", passed, &["--spool".into(), spool])
        }
    }
}

const NEXT: &str = "mend what the message above names, then run the command again";

const BY_VOLUME: &str = "recover into a volume of its own: `docker compose run --rm --no-deps recover --to TIME`; docs/backups.md says \
                         how the database then starts on it";
const BY_SERVICE: &str =
    "set COMPOSE_PROFILES=point-in-time in .env, then `cargo xtask up` again: the service `wal` does it";

/// What would be lost with the container of one command, or acts on a folder that is in a volume.
fn refuse_in_containers(world: &World, passed: &Passed, command: &str, next: &str) -> Result<()> {
    if running_in_containers(world, &passed.place)?.is_none() {
        return Ok(());
    }
    let wrong = "the stack is in containers, and what this command writes would not reach them";
    Err(Failure::new(format!("backup {command}"), wrong, next).into())
}

fn engine(world: &World, command: &str, passed: &Passed, more: &[OsString]) -> Result<()> {
    // A key needs no database, and belongs to the person rather than to a container that goes.
    if command != "key"
        && let Some(stack) = running_in_containers(world, &passed.place)?
    {
        return in_containers(world, &stack, command, &passed.arguments);
    }
    build::binaries(world, Binaries::ReleaseOne("squall-backup"))?;
    let (shell, program) = (world.shell()?, world.binary(Profile::Release, "squall-backup")?);
    let reads_files_only = matches!(command, "list" | "verify" | "prune" | "key");
    let mut environment: Vec<(&str, OsString)> = vec![("SQUALL_BACKUP_TO", destination(world)?)];
    if !reads_files_only && command != "recover" {
        environment.push(("DATABASE_URL", database(world, &passed.place)?.into()));
    }
    // The programs of a server that is not ours are its owner's choice: SQUALL_PG_BIN, or the path.
    if !reads_files_only && given_url().is_none() {
        environment.push(("SQUALL_PG_BIN", programs(world)?));
    }
    let given = &passed.arguments;
    world.run(cmd!(shell, "{program} {command} {more...} {given...}").envs(environment), NEXT)
}

fn programs(world: &World) -> Result<OsString> {
    Ok(Postgres::provide(world, &|line| eprintln!("{line}"))?.bin.into())
}

/// The stack in containers that a command means, unless a person named another database.
fn running_in_containers(world: &World, place: &Place) -> Result<Option<ComposeStack>> {
    if given_url().is_some() {
        return Ok(None);
    }
    ComposeStack::load(&place.folder(world)?)
}

/// The same command in the image that holds it, beside the database.
fn in_containers(world: &World, stack: &ComposeStack, command: &str, given: &[String]) -> Result<()> {
    let engine = Engine::need("running a backup command in a container")?;
    let mut compose = stack.job(world, &engine, "ops")?;
    compose.args(["squall-backup", command]).args(given);
    world.run(compose, NEXT)
}

/// SQUALL_BACKUP_TO, else the place that xtask.toml names; a folder there is one of the repository.
fn destination(world: &World) -> Result<OsString> {
    if let Some(given) = env::var_os("SQUALL_BACKUP_TO").filter(|given| !given.is_empty()) {
        return Ok(given);
    }
    let place = &world.settings.backup.to;
    Ok(if place.contains("://") { place.into() } else { world.root.join(place).into() })
}

/// Takes the stopped native stack back to a moment. The data folder of now is kept beside.
fn go_back(world: &World, moment: &str, passed: &Passed) -> Result<()> {
    let tried = format!("taking the stack back to {moment}");
    if given_url().is_some() {
        let wrong = "DATABASE_URL names a server whose data folder is not ours";
        let next = "run `squall-backup recover --to TIME --into FOLDER` on its machine; docs/backups.md says how to go on";
        return Err(Failure::new(tried, wrong, next).into());
    }
    let folder = passed.place.folder(world)?;
    let _lock = folder.lock()?;
    ComposeStack::refuse_where_it_ran_last(&folder, &tried)?;
    if folder.supervisor()?.is_some() {
        return Err(Failure::new(
            tried,
            "the stack runs",
            "stop it with `cargo xtask down`, then run the command again",
        )
        .into());
    }
    let home = postgres_home(&folder)?;
    let (data, aside) = (home.join("data"), home.join("data.recovered"));
    if !data.exists() {
        let next = "name the stack's folder with --state, or start the stack once with `cargo xtask up`";
        return Err(Failure::new(tried, format!("there is no database in {}", home.display()), next).into());
    }
    for left in [&aside, &home.join("data.recovered.parts")] {
        let _ = fs::remove_dir_all(left);
    }
    build::binaries(world, Binaries::ReleaseOne("squall-backup"))?;
    let (shell, program) = (world.shell()?, world.binary(Profile::Release, "squall-backup")?);
    let given = &passed.arguments;
    let recover = cmd!(shell, "{program} recover --to {moment} --into {aside} {given...}");
    let recover = recover.env("SQUALL_BACKUP_TO", destination(world)?).env("SQUALL_PG_BIN", programs(world)?);
    world.run(recover, NEXT)?;
    if let Some(account) = Account::for_postgres()? {
        let owner = account.owner();
        world.run(cmd!(shell, "chown -R {owner} {aside}"), NEXT)?;
    }
    let kept = exchange(&data, &aside)?;
    println!("The data of before are in {}. Delete them when they are not needed any more.", kept.display());
    println!("Now: cargo xtask up. PostgreSQL replays up to {moment} while the other services wait for it.");
    Ok(())
}

fn exchange(data: &std::path::Path, aside: &std::path::Path) -> Result<PathBuf> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let kept = data.with_file_name(format!("data.before.{now}"));
    fs::rename(data, &kept).with_context(|| format!("moving {} aside", data.display()))?;
    if let Err(error) = fs::rename(aside, data) {
        // Half an exchange is none.
        fs::rename(&kept, data).with_context(|| format!("moving {} back", kept.display()))?;
        return Err(error).with_context(|| format!("moving {} into place", aside.display()));
    }
    Ok(kept)
}
