//! The command line of `squall-backup`.

use chrono::{DateTime, NaiveDateTime, NaiveTime, Utc};
use clap::{
    Args, Parser, Subcommand,
    builder::{OsStringValueParser, TypedValueParser},
};
use squall_backup::create::SPLIT_ABOVE;
use std::path::{Path, PathBuf};

/// Make backups, prove that they restore, and restore them.
#[derive(Parser)]
#[command(
    name = "squall-backup",
    version,
    after_help = "Backups are stored in a folder, or in a bucket as s3://bucket/prefix with AWS_ENDPOINT_URL, AWS_REGION, \
                  AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY from the environment.\nDATABASE_URL names the database; it \
                  is not an argument, since it may hold a password. PostgreSQL's programs are taken from the folder \
                  SQUALL_PG_BIN or the PATH.\n\nExample:\n  \
                  squall-backup create --to /var/backups/squall && squall-backup drill --from /var/backups/squall"
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Back up the database from one snapshot, without stopping it.
    #[command(after_help = "Example:\n  squall-backup create --to s3://bucket/squall")]
    Create(Create),
    /// Copy the data folder, in full or only what changed: the start of point-in-time recovery.
    #[command(after_help = "Example:\n  squall-backup base --incremental --to /var/backups/squall --keep 2")]
    Base(Base),
    /// Archive the write-ahead log continuously, until stopped.
    #[command(
        after_help = "Example:\n  squall-backup wal --to /var/backups/squall --spool /var/lib/squall/wal"
    )]
    Wal {
        #[command(flatten)]
        destination: Destination,
        /// Folder for segments that are not stored yet.
        #[arg(long, value_name = "FOLDER")]
        spool: PathBuf,
        /// Store the current segment this often, in seconds; at most this much is lost with the
        /// machine.
        #[arg(long, default_value_t = 30, value_name = "SECONDS")]
        flush: u64,
    },
    /// Prepare a data folder as of a point in time, from a base and the write-ahead log.
    #[command(
        after_help = "Example:\n  squall-backup recover --from /var/backups/squall --to '2026-11-20 12:34' --into /var/lib/postgresql/recovered"
    )]
    Recover {
        #[command(flatten)]
        from: From,
        /// Point in time in UTC: `2026-11-20 12:34` or `2026-11-20T12:34:56Z`.
        #[arg(long, value_name = "TIME", value_parser = point_in_time)]
        to: DateTime<Utc>,
        /// New or empty folder.
        #[arg(long, value_name = "FOLDER")]
        into: PathBuf,
        #[command(flatten)]
        key: Key,
    },
    /// Generate a key pair for encrypted backups: FILE with the secret one, FILE.pub with the
    /// public one.
    #[command(after_help = "Example:\n  squall-backup key --to squall-backup.key")]
    Key {
        /// File for the secret key.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// List backups.
    #[command(after_help = "Example:\n  squall-backup list --from /var/backups/squall --json")]
    List {
        #[command(flatten)]
        from: From,
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Read every byte of a backup and check it against the manifest.
    #[command(after_help = "Example:\n  squall-backup verify --from /var/backups/squall --all")]
    Verify {
        #[command(flatten)]
        from: From,
        /// Backup id, or `latest`.
        #[arg(default_value = "latest", conflicts_with = "all")]
        id: String,
        /// Verify all backups.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        key: Key,
    },
    /// Remove old backups; always keep the newest good and the newest proven one.
    #[command(after_help = "Example:\n  squall-backup prune --from /var/backups/squall --daily 14 --dry-run")]
    Prune {
        #[command(flatten)]
        from: From,
        /// Keep the newest backup of each of this many days.
        #[arg(long, default_value_t = 7, value_name = "DAYS")]
        daily: usize,
        /// Keep the newest backup of each of this many weeks.
        #[arg(long, default_value_t = 5, value_name = "WEEKS")]
        weekly: usize,
        /// Keep the newest backup of each of this many months.
        #[arg(long, default_value_t = 12, value_name = "MONTHS")]
        monthly: usize,
        /// Show what would be removed, without removing anything.
        #[arg(long)]
        dry_run: bool,
    },
    /// Restore a backup into a database, completely or not at all.
    #[command(
        after_help = "Example:\n  squall-backup restore --from /var/backups/squall --into squall_yesterday"
    )]
    Restore(Restore),
    /// Prove that a backup restores: load it into a scratch database, compare, and drop it again.
    #[command(after_help = "Example:\n  squall-backup drill --from /var/backups/squall")]
    Drill {
        #[command(flatten)]
        source: Source,
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
        /// Without the key of an encrypted backup, verify its bytes instead of failing.
        #[arg(long, conflicts_with = "json")]
        or_verify: bool,
    },
    /// Back up, drill and prune once a day; for containers, which have no cron.
    #[command(
        after_help = "SQUALL_BACKUP_TO names the folder or bucket, and DATABASE_URL the database.\n\nExample:\n  \
                      squall-backup schedule --at 02:30"
    )]
    Schedule(Schedule),
}

/// Where to write, and who can decrypt it.
#[derive(Args)]
pub struct Destination {
    /// Folder or s3://bucket/prefix to write to.
    #[arg(long, env = "SQUALL_BACKUP_TO", hide_env_values = true, value_name = "LOCATION")]
    pub to: String,
    /// Encrypt to this age recipient (age1…); may be repeated.
    #[arg(
        long = "recipient",
        value_name = "KEY",
        env = "SQUALL_BACKUP_RECIPIENTS",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub recipients: Vec<String>,
    /// Encrypt to the age recipients in this file, one per line.
    #[arg(long, value_name = "FILE")]
    pub recipients_file: Option<PathBuf>,
}

#[derive(Args)]
pub struct Create {
    #[command(flatten)]
    pub destination: Destination,
    /// Write tables larger than this many megabytes to files of their own, in parallel.
    #[arg(long, default_value_t = SPLIT_ABOVE / MEGABYTE, value_name = "MB")]
    pub split_above: u64,
    /// Number of files to write in parallel.
    #[arg(long, default_value_t = 3)]
    pub jobs: usize,
}

#[derive(Args)]
pub struct Base {
    #[command(flatten)]
    pub destination: Destination,
    /// Copy only what changed since the newest base; requires summarize_wal = on at the server.
    #[arg(long)]
    pub incremental: bool,
    /// With --incremental: make a full base when the newest full one is this many days old.
    #[arg(long, default_value_t = 7, value_name = "DAYS", requires = "incremental")]
    pub full_every: u32,
    /// Number of full bases to keep, with their increments; older ones and their segments are
    /// removed.
    #[arg(long, default_value_t = 2)]
    pub keep: usize,
}

#[derive(Args)]
pub struct Restore {
    #[command(flatten)]
    pub source: Source,
    /// New or empty database to restore into.
    #[arg(long, value_name = "NAME", required_unless_present = "replace", conflicts_with = "replace")]
    pub into: Option<String>,
    /// Replace the database of DATABASE_URL; the old one is renamed and kept.
    #[arg(long)]
    pub replace: bool,
}

#[derive(Args)]
pub struct Source {
    #[command(flatten)]
    pub from: From,
    /// Backup id, or `latest`.
    #[arg(default_value = "latest")]
    pub id: String,
    #[command(flatten)]
    pub key: Key,
    /// Omit grants, for a server without the roles they name.
    #[arg(long)]
    pub no_privileges: bool,
    /// Number of files to load in parallel.
    #[arg(long, default_value_t = 2)]
    pub jobs: usize,
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
    /// Folder or s3://bucket/prefix of the backups.
    #[arg(long, env = "SQUALL_BACKUP_TO", hide_env_values = true, value_name = "LOCATION")]
    pub from: String,
}

#[derive(Args)]
pub struct Key {
    /// File with the secret key of encrypted backups.
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
    /// An empty variable counts as unset: Compose passes unset variables on as empty.
    pub fn file(&self) -> Option<&Path> {
        self.identity.as_deref().filter(|file| !file.as_os_str().is_empty())
    }
}

/// The unit of `--split-above`.
pub const MEGABYTE: u64 = 1024 * 1024;

/// Without a time zone it is UTC.
fn point_in_time(text: &str) -> Result<DateTime<Utc>, String> {
    let plain = text.trim().trim_end_matches('Z').replace('T', " ");
    let zoned = DateTime::parse_from_rfc3339(text.trim()).map(|moment| moment.to_utc()).ok();
    let formats = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    let utc = || {
        formats
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(&plain, format).ok())
            .map(|at| at.and_utc())
    };
    zoned.or_else(utc).ok_or_else(|| "write it like 2026-11-20 12:34, in UTC".to_owned())
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
