//! `backup`: run `squall-backup`, which knows backups, on the right database with the right
//! programs. Taking the native stack back to a moment is here too, since it exchanges the data
//! folder.

use crate::{
    failure::Failure,
    postgres::{Postgres, account::Account, given_url},
    stack::{
        self, Job, StackOptions,
        compose::record::Record,
        native::{self, plan::postgres_home},
    },
    world::World,
};
use anyhow::{Context, Result};
use clap::Subcommand;
use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
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
    /// Create a backup from one snapshot while the database stays in use
    #[command(after_help = "Example:\n  cargo xtask backup create --to s3://bucket/squall")]
    Create(Forwarded),
    /// List backups
    #[command(after_help = "Example:\n  cargo xtask backup list --json")]
    List(Forwarded),
    /// Read every byte of a backup and compare it with what was written
    #[command(after_help = "Example:\n  cargo xtask backup verify --all")]
    Verify(Forwarded),
    /// Remove backups that no rule keeps; never the newest good, the newest proven or the last one
    #[command(after_help = "Example:\n  cargo xtask backup prune --dry-run")]
    Prune(Forwarded),
    /// Restore a backup into a database; with --to, take the native stack back to a moment
    #[command(
        after_help = "Examples:\n  cargo xtask backup restore --into squall_yesterday\n  cargo xtask backup restore --replace\n  cargo xtask backup restore --to '2026-11-20 12:34'"
    )]
    Restore {
        /// Take the native stack back to this moment (UTC), from a base and the write-ahead log
        #[arg(long, value_name = "TIME")]
        to: Option<String>,
        #[command(flatten)]
        forwarded: Forwarded,
    },
    /// Prove a backup: restore it into a scratch database and compare
    #[command(after_help = "Example:\n  cargo xtask backup drill")]
    Drill(Forwarded),
    /// Copy the data folder, or what changed in it; recovery to a point in time starts there
    #[command(after_help = "Example:\n  cargo xtask backup base --incremental")]
    Base(Forwarded),
    /// Prepare a data folder as it was at one moment, beside the running stack
    #[command(
        after_help = "Example:\n  cargo xtask backup recover --to '2026-11-20 12:34' --into /var/lib/postgresql/recovered"
    )]
    Recover(Forwarded),
    /// Create a key pair for encrypted backups
    #[command(after_help = "Example:\n  cargo xtask backup key --to squall-backup.key")]
    Key(Forwarded),
    /// Receive and keep the write-ahead log until interrupted
    #[command(after_help = "Example:\n  cargo xtask backup wal")]
    Wal(Forwarded),
}

#[derive(Debug, clap::Args)]
struct Forwarded {
    #[command(flatten)]
    stack: StackOptions,
    /// Arguments of squall-backup; `-- --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let (command, forwarded) = match &arguments.action {
        Action::Create(forwarded) => ("create", forwarded),
        Action::List(forwarded) => ("list", forwarded),
        Action::Verify(forwarded) => ("verify", forwarded),
        Action::Prune(forwarded) => ("prune", forwarded),
        Action::Restore { to: Some(moment), forwarded } => return go_back(world, moment, forwarded),
        Action::Restore { to: None, forwarded } => ("restore", forwarded),
        Action::Drill(forwarded) => ("drill", forwarded),
        Action::Base(forwarded) => ("base", forwarded),
        Action::Recover(forwarded) => ("recover", forwarded),
        Action::Key(forwarded) => ("key", forwarded),
        Action::Wal(forwarded) => ("wal", forwarded),
    };
    squall_backup(world, command, forwarded)
}

const NEXT: &str = "fix the cause shown above, then run the command again";

fn squall_backup(world: &World, command: &str, forwarded: &Forwarded) -> Result<()> {
    let in_containers = given_url().is_none() && Record::load(&forwarded.stack.folder(world)?)?.is_some();
    let other_way = match command {
        "recover" => {
            "recover into a volume of its own: `docker compose run --rm --no-deps recover --to TIME` \
             (docs/guide/backup-and-restore.md)"
        }
        "wal" => {
            "set COMPOSE_PROFILES=point-in-time in .env, then run `cargo xtask up` again: the service `wal` does it"
        }
        _ => "",
    };
    if in_containers && !other_way.is_empty() {
        let wrong = "the stack is in containers, and what this command writes would not reach them";
        return Err(Failure::new(format!("backup {command}"), wrong, other_way).into());
    }
    let mut words = vec![command.to_owned()];
    if command == "wal" {
        words.extend(["--spool".into(), world.build_folder().join("squall-wal").display().to_string()]);
    }
    words.extend(forwarded.arguments.iter().cloned());
    let reads_only_backups = matches!(command, "list" | "verify" | "prune" | "key");
    let environment = match in_containers {
        true => Vec::new(),
        // For another server its owner chooses the programs: SQUALL_PG_BIN, or the path.
        false => environment(world, !reads_only_backups && given_url().is_none())?,
    };
    let needs_database = !reads_only_backups && command != "recover";
    let job = Job { program: "squall-backup", arguments: words, environment, needs_database };
    // A key belongs to the user rather than to a container that is removed.
    let run = match command {
        "key" => native::job(world, &job, None)?,
        _ => stack::job(world, &forwarded.stack, &job)?,
    };
    world.run(run, NEXT)
}

/// Where backups are: SQUALL_BACKUP_TO, else the setting in xtask.toml, where a folder is one of
/// the repository. And the programs that read and write them.
fn environment(world: &World, with_programs: bool) -> Result<Vec<(&'static str, OsString)>> {
    let usual = || match world.settings.backup.to.as_str() {
        to if to.contains("://") => to.into(),
        to => world.root.join(to).into(),
    };
    let given = env::var_os("SQUALL_BACKUP_TO").filter(|given| !given.is_empty());
    let mut environment = vec![("SQUALL_BACKUP_TO", given.unwrap_or_else(usual))];
    if with_programs {
        let postgres = Postgres::provide(world)?;
        environment.push(("SQUALL_PG_BIN", postgres.bin.into()));
    }
    Ok(environment)
}

/// Take the stopped native stack back to a moment. The current data folder is kept beside it.
fn go_back(world: &World, moment: &str, forwarded: &Forwarded) -> Result<()> {
    let tried = format!("taking the stack back to {moment}");
    let refuse = |wrong: &str, next: &str| Err(Failure::new(&tried, wrong, next).into());
    if given_url().is_some() {
        return refuse(
            "DATABASE_URL names a server whose data folder xtask does not manage",
            "run `squall-backup recover --to TIME --into FOLDER` on its machine (docs/guide/backup-and-restore.md)",
        );
    }
    let folder = forwarded.stack.folder(world)?;
    let _lock = folder.lock()?;
    Record::refuse_if_last_in_containers(&folder, &tried)?;
    if folder.supervisor()?.is_some() {
        let next = "stop it with `cargo xtask down`, then run the command again";
        return refuse("the stack is running", next);
    }
    let home = postgres_home(&folder)?;
    let (data, aside) = (home.join("data"), home.join("data.recovered"));
    if !data.exists() {
        let next = "name the stack's folder with --state, or start the stack once with `cargo xtask up`";
        return refuse(&format!("there is no database in {}", home.display()), next);
    }
    for left in [&aside, &home.join("data.recovered.parts")] {
        let _ = fs::remove_dir_all(left);
    }
    let mut arguments: Vec<_> = ["recover", "--to", moment, "--into"].map(str::to_owned).into();
    arguments.push(aside.display().to_string());
    arguments.extend(forwarded.arguments.iter().cloned());
    let environment = environment(world, true)?;
    let job = Job { program: "squall-backup", arguments, environment, needs_database: false };
    world.run(native::job(world, &job, None)?, NEXT)?;
    if let Some(account) = Account::for_postgres()? {
        let owner = account.owner();
        let shell = world.shell()?;
        world.run(cmd!(shell, "chown -R {owner} {aside}"), NEXT)?;
    }
    let kept = exchange(&data, &aside)?;
    println!("The previous data is in {}. Delete it when it is no longer needed.", kept.display());
    println!("Next: cargo xtask up. PostgreSQL replays up to {moment} while the other services wait for it.");
    Ok(())
}

fn exchange(data: &Path, aside: &Path) -> Result<PathBuf> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let kept = data.with_file_name(format!("data.before.{now}"));
    fs::rename(data, &kept).with_context(|| format!("moving {} aside", data.display()))?;
    if let Err(error) = fs::rename(aside, data) {
        // Half an exchange would leave no data folder at all.
        fs::rename(&kept, data).with_context(|| format!("moving {} back", kept.display()))?;
        return Err(error).with_context(|| format!("moving {} into place", aside.display()));
    }
    Ok(kept)
}
