//! What `squall-backup` takes: its commands and their arguments, which are its manual.

use chrono::{DateTime, NaiveDateTime, NaiveTime, Utc};
use clap::{
    Args, Parser, Subcommand,
    builder::{OsStringValueParser, TypedValueParser},
};
use squall_backup::create::SPLIT_ABOVE;
use std::path::{Path, PathBuf};

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
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Makes a backup from one snapshot, while the database goes on working.
    #[command(after_help = "Example:\n  squall-backup create --to s3://bucket/squall")]
    Create(Create),
    /// Copies the whole data folder, or what changed in it: where recovery to a point in time begins.
    #[command(after_help = "Example:\n  squall-backup base --incremental --to /var/backups/squall --keep 2")]
    Base(Base),
    /// Follows the write-ahead log and keeps it, until it is asked to stop.
    #[command(
        after_help = "Example:\n  squall-backup wal --to /var/backups/squall --spool /var/lib/squall/wal"
    )]
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
        /// The folder of pg_combinebackup, if it is not on the PATH; only increments need it.
        #[arg(long, env = "SQUALL_PG_BIN", hide_env_values = true, value_name = "FOLDER")]
        pg_bin: Option<PathBuf>,
    },
    /// Makes a pair of keys for encrypted backups: FILE with the secret one, FILE.pub with the public one.
    #[command(after_help = "Example:\n  squall-backup key --to squall-backup.key")]
    Key {
        /// Where the secret key goes.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Lists the backups of a place.
    #[command(after_help = "Example:\n  squall-backup list --from /var/backups/squall --json")]
    List {
        #[command(flatten)]
        from: From,
        /// Prints JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Reads every byte of a backup and compares it with what was written.
    #[command(after_help = "Example:\n  squall-backup verify --from /var/backups/squall --all")]
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
    /// Removes backups that no rule keeps; never the newest good one, never the newest proven one, never the last one.
    #[command(after_help = "Example:\n  squall-backup prune --from /var/backups/squall --daily 14 --dry-run")]
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
    #[command(
        after_help = "Example:\n  squall-backup restore --from /var/backups/squall --into squall_yesterday"
    )]
    Restore(Restore),
    /// Proves a backup: restores it into a scratch database, compares, and drops that again.
    #[command(after_help = "Example:\n  squall-backup drill --from /var/backups/squall")]
    Drill {
        #[command(flatten)]
        source: Source,
        /// Prints JSON instead of a table.
        #[arg(long)]
        json: bool,
        /// Verifies an encrypted backup for which no key was given, and says that it is not proven, instead of failing.
        #[arg(long, conflicts_with = "json")]
        or_verify: bool,
    },
    /// Back up, drill and prune once a day; for containers, which have no cron.
    #[command(after_help = "Example:\n  squall-backup schedule --at 02:30")]
    Schedule(Schedule),
}

/// Where something new goes, and who can read it.
#[derive(Args)]
pub struct Seal {
    /// Where it goes: a folder or s3://bucket/prefix.
    #[arg(long, env = "SQUALL_BACKUP_TO", hide_env_values = true, value_name = "PLACE")]
    pub to: String,
    /// Encrypts to this age recipient (age1…); may be given several times.
    #[arg(
        long = "recipient",
        value_name = "KEY",
        env = "SQUALL_BACKUP_RECIPIENTS",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub recipients: Vec<String>,
    /// Encrypts to the age recipients in this file, one a line.
    #[arg(long, value_name = "FILE")]
    pub recipients_file: Option<PathBuf>,
}

#[derive(Args)]
pub struct Create {
    #[command(flatten)]
    pub seal: Seal,
    /// Tables above this many megabytes get a file of their own, written beside the others.
    #[arg(long, default_value_t = SPLIT_ABOVE / MEGABYTE, value_name = "MB")]
    pub split_above: u64,
    /// Files written at once.
    #[arg(long, default_value_t = 3)]
    pub jobs: usize,
    #[command(flatten)]
    pub database: Database,
}

#[derive(Args)]
pub struct Base {
    #[command(flatten)]
    pub seal: Seal,
    /// Copies only what changed since the newest base. The server must run with summarize_wal = on.
    #[arg(long)]
    pub incremental: bool,
    /// With --incremental: the first base and every one after so many days is a whole one.
    #[arg(long, default_value_t = 7, value_name = "DAYS", requires = "incremental")]
    pub whole_every: u32,
    /// Whole bases to keep with their increments; older ones go, with the segments that only they needed.
    #[arg(long, default_value_t = 2)]
    pub keep: usize,
    #[command(flatten)]
    pub database: Database,
}

#[derive(Args)]
pub struct Restore {
    #[command(flatten)]
    pub source: Source,
    /// Restores into this database, which is new or empty.
    #[arg(long, value_name = "NAME", required_unless_present = "replace", conflicts_with = "replace")]
    pub into: Option<String>,
    /// Replaces the database of DATABASE_URL; the old one is kept under another name.
    #[arg(long)]
    pub replace: bool,
}

#[derive(Args)]
pub struct Source {
    #[command(flatten)]
    pub from: From,
    /// Which backup: an id or `latest`.
    #[arg(default_value = "latest")]
    pub id: String,
    #[command(flatten)]
    pub key: Key,
    /// Leaves out grants, for a server without the roles they name.
    #[arg(long)]
    pub no_privileges: bool,
    /// Files loaded at once.
    #[arg(long, default_value_t = 2)]
    pub jobs: usize,
    #[command(flatten)]
    pub database: Database,
}

#[derive(Args)]
pub struct Schedule {
    /// Time of day in UTC.
    #[arg(long, value_name = "HH:MM", default_value = "02:30", value_parser = time_of_day)]
    pub at: NaiveTime,
    /// Make the first backup immediately.
    #[arg(long)]
    pub now: bool,
    /// Check that a schedule is running on this machine, and exit: the health check of a container.
    #[arg(long, conflicts_with = "now")]
    pub check: bool,
}

#[derive(Args)]
pub struct From {
    /// Where the backups are: a folder or s3://bucket/prefix.
    #[arg(long, env = "SQUALL_BACKUP_TO", hide_env_values = true, value_name = "PLACE")]
    pub from: String,
}

#[derive(Args)]
pub struct Key {
    /// A file with the secret key of an encrypted backup.
    #[arg(
        long,
        env = "SQUALL_BACKUP_IDENTITY",
        hide_env_values = true,
        value_name = "FILE",
        value_parser = OsStringValueParser::new().map(PathBuf::from)
    )]
    identity: Option<PathBuf>,
}

impl Key {
    /// An empty variable counts as not set, as Compose hands on what nobody has set.
    pub fn file(&self) -> Option<&Path> {
        self.identity.as_deref().filter(|file| !file.as_os_str().is_empty())
    }
}

/// The database comes from the environment only, as its address holds a password.
#[derive(Args)]
pub struct Database {
    /// The folder of pg_dump and pg_restore, if they are not on the PATH.
    #[arg(long, env = "SQUALL_PG_BIN", hide_env_values = true, value_name = "FOLDER")]
    pub pg_bin: Option<PathBuf>,
}

/// The unit of `--split-above`.
pub const MEGABYTE: u64 = 1024 * 1024;

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

fn time_of_day(text: &str) -> Result<NaiveTime, String> {
    NaiveTime::parse_from_str(text, "%H:%M").map_err(|_| "write it like 02:30, in UTC".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_has_hours_and_minutes() {
        assert_eq!(time_of_day("02:30").ok(), NaiveTime::from_hms_opt(2, 30, 0));
        for text in ["24:00", "02:60", "2", "", "02:30:00", "-1:00"] {
            assert!(time_of_day(text).is_err(), "{text}");
        }
    }
}
