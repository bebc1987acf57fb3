//! `backup`: run `squall-backup`, which knows backups, on the right database with the right
//! programs. Returning the native stack to a point in time is here, too, since it exchanges the data
//! folder.

use crate::{
    failure::{Exit, Failure},
    postgres::{Postgres, account::Account, given_url},
    stack::{
        self, Job, StackOptions,
        compose::record::Record,
        native::{self, plan::postgres_home},
        state::StateFolder,
    },
    world::World,
};
use anyhow::{Context, Result};
use clap::{ArgAction, ValueEnum};
use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};
use xshell::cmd;

#[derive(Debug, clap::Args)]
#[command(
    disable_help_flag = true,
    after_help = "Examples:\n  cargo xtask backup create --to s3://bucket/squall\n  cargo xtask backup restore --replace\n  cargo xtask backup restore --to '2026-11-20 12:34'\n  cargo xtask backup drill -- --help"
)]
pub struct Arguments {
    #[command(flatten)]
    stack: StackOptions,
    /// Command of squall-backup
    command: Command,
    /// Arguments of that command; `-- --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
    /// Print help
    // With a line for each command.
    #[arg(short, long, action = ArgAction::HelpLong)]
    help: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Command {
    /// Create a backup from one snapshot while the database stays in use
    Create,
    /// List backups
    List,
    /// Read every byte of a backup and compare it with what was written
    Verify,
    /// Remove old backups; always keep the newest good and the newest proven one
    Prune,
    /// Restore a backup into a database; with --to, return the native stack to a point in time (UTC)
    Restore,
    /// Prove a backup: restore it into a scratch database and compare
    Drill,
    /// Copy the data folder, or what changed in it; recovery to a point in time starts there
    Base,
    /// Prepare a data folder as of a point in time, beside the running stack
    Recover,
    /// Create a key pair for encrypted backups
    Key,
    /// Receive and keep the write-ahead log until interrupted
    Wal,
}

const NEXT: &str = "fix the cause shown above, then run the command again";

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    use Command::{Key, List, Prune, Recover, Restore, Verify, Wal};
    let (command, folder) = (arguments.command, arguments.stack.folder(world)?);
    let has = |is_it: fn(&str) -> bool| arguments.arguments.iter().any(|word| is_it(word));
    if has(|word| word == "--state" || word.starts_with("--state=")) {
        let wrong = "--state belongs to xtask, but all that follows the command goes to squall-backup";
        let next = format!("write `cargo xtask backup --state DIR {} …`", name(command));
        return Err(Failure::new("reading the arguments", wrong, next).exit(Exit::Usage).into());
    }
    let asks_for_help = has(|word| matches!(word, "--help" | "-h"));
    if command == Restore && !asks_for_help && has(|word| word.starts_with("--to")) {
        return go_back(world, &folder, &arguments.arguments);
    }
    let in_containers = given_url().is_none() && Record::load(&folder)?.is_some();
    if in_containers && !asks_for_help && matches!(command, Recover | Wal) {
        let wrong =
            "the stack runs in containers, which cannot use files that this command writes on the host";
        let next = match command {
            Recover => {
                "recover into a volume of its own: `docker compose run --rm --no-deps recover --to TIME` \
                 (docs/guide/backup-and-restore.md)"
            }
            _ => {
                "set COMPOSE_PROFILES=point-in-time in .env, then run `cargo xtask up` again: the service `wal` \
                 then receives the log"
            }
        };
        return Err(Failure::new(format!("backup {}", name(command)), wrong, next).into());
    }
    let mut words = vec![name(command)];
    if command == Wal {
        words.extend(["--spool".into(), folder.0.join("wal").display().to_string()]);
    }
    words.extend(arguments.arguments.iter().cloned());
    let reads_only_backups = matches!(command, List | Verify | Prune | Key);
    let environment = match in_containers {
        true => Vec::new(),
        // For another server its owner chooses the programs: SQUALL_PG_BIN, or the path.
        false => environment(world, !reads_only_backups && !asks_for_help && given_url().is_none())?,
    };
    let needs_database = !reads_only_backups && command != Recover && !asks_for_help;
    let job = Job { program: "squall-backup", arguments: words, environment, needs_database };
    // A key belongs to the user rather than to a container that is removed.
    let run = match command {
        Key => native::job(world, &job, None)?,
        _ => stack::job(world, &arguments.stack, &job)?,
    };
    world.run(run, NEXT)
}

fn name(command: Command) -> String {
    command.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
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
fn go_back(world: &World, folder: &StateFolder, arguments: &[String]) -> Result<()> {
    const TRIED: &str = "returning the stack to a point in time";
    let refuse = |wrong: &str, next: &str| Err(Failure::new(TRIED, wrong, next).into());
    if given_url().is_some() {
        return refuse(
            "DATABASE_URL names a server whose data folder xtask does not manage",
            "run `squall-backup recover --to TIME --into FOLDER` on its machine (docs/guide/backup-and-restore.md)",
        );
    }
    let _lock = folder.lock()?;
    Record::refuse_if_last_in_containers(folder, TRIED)?;
    if folder.supervisor()?.is_some() {
        let next = "stop it with `cargo xtask down`, then run the command again";
        return refuse("the stack is running", next);
    }
    let home = postgres_home(folder)?;
    let (data, aside) = (home.join("data"), home.join("data.recovered"));
    if !data.exists() {
        let next = "name the stack's folder with --state, or start the stack once with `cargo xtask up`";
        return refuse(&format!("there is no database in {}", home.display()), next);
    }
    for left in [&aside, &home.join("data.recovered.parts")] {
        let _ = fs::remove_dir_all(left);
    }
    let into = ["recover".to_owned(), "--into".into(), aside.display().to_string()];
    let (arguments, environment) = ([&into, arguments].concat(), environment(world, true)?);
    let job = Job { program: "squall-backup", arguments, environment, needs_database: false };
    world.run(native::job(world, &job, None)?, NEXT)?;
    if let Some(account) = Account::for_postgres()? {
        let (shell, owner) = (world.shell()?, account.owner());
        world.run(cmd!(shell, "chown -R {owner} {aside}"), NEXT)?;
    }
    let kept = exchange(&data, &aside)?;
    println!("The previous data is in {}. Delete it when it is no longer needed.", kept.display());
    println!(
        "Next: cargo xtask up. PostgreSQL replays the log up to that time, and the other services wait for it."
    );
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
