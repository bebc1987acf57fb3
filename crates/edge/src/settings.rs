//! What a user can set, checked before anything starts: one entry per variable, in the order of the
//! docs.

use crate::value::{self, ApiAddress, Rate};
use squall_base::{Environment, Failure, environment::markdown};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

/// The settings of the edge. Times are in seconds, sizes in bytes.
#[derive(Debug, Clone)]
pub struct Settings {
    /// One name, which may resolve to many replicas, or several addresses.
    pub api: Vec<ApiAddress>,
    pub web: PathBuf,
    pub listen: SocketAddr,
    pub tls: Option<Tls>,
    /// Networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are trusted.
    pub trusted_proxies: Vec<String>,
    /// Empty: those of `/etc/resolv.conf`.
    pub name_servers: Vec<String>,
    pub client: Limit,
    pub client_connections: u64,
    pub auth: Limit,
    pub key: Limit,
    pub max_body: usize,
    pub max_intake_body: usize,
    pub client_timeout: u64,
    pub read_timeout: u64,
    pub stream_timeout: u64,
    pub graceful_timeout: u64,
    pub workers: u64,
    /// `None` turns the access log off.
    pub access_log: Option<PathBuf>,
    pub log_level: &'static str,
    /// The folder for everything that nginx writes.
    pub folder: PathBuf,
    pub nginx: PathBuf,
}

/// A sustained rate, and how many requests may exceed it in a burst.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub rate: Rate,
    pub burst: u64,
}

/// TLS that ends at the edge.
#[derive(Debug, Clone)]
pub struct Tls {
    pub listen: SocketAddr,
    /// The certificate with its chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// The port that clients see.
    pub public_port: u64,
    pub hsts_seconds: u64,
}

const LISTEN: &str = "SQUALL_EDGE_LISTEN";
/// Takes the place of an address that could not be read, until the start is refused.
const UNUSABLE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl Settings {
    /// Reads the environment and checks that the files it names exist. Warnings go to standard
    /// error.
    pub fn read(mut env: Environment) -> Result<Self, Failure> {
        let settings = Self::describe(&mut env);
        settings.check_files(&mut env);
        for warning in env.finish()? {
            eprintln!("Warning: {warning}.");
        }
        Ok(settings)
    }

    /// Where the edge listens, which is all that a health check needs.
    pub fn read_listen(mut env: Environment) -> Result<SocketAddr, Failure> {
        let listen = listen(&mut env);
        env.finish().map(|_| listen)
    }

    /// Every variable with its default, for the docs.
    pub fn table() -> String {
        let mut env = Environment::from_lookup(|_| None);
        Self::describe(&mut env);
        markdown(env.variables())
    }

    fn describe(env: &mut Environment) -> Self {
        Self {
            api: env
                .get_required(
                    "SQUALL_EDGE_API",
                    "Address of the api: `host:port`. A name may resolve to many replicas; it is looked up again every \
                     second. A comma-separated list works too: addresses with any nginx, names since nginx 1.27.3.",
                    "host:port, such as api:8642, or a comma-separated list of them",
                    value::api_addresses,
                )
                .unwrap_or_default(),
            web: path(env, "SQUALL_EDGE_WEB", "/usr/share/squall/web", "Folder of the built web app."),
            listen: listen(env),
            tls: tls(env),
            trusted_proxies: env
                .get_optional(
                    "SQUALL_EDGE_TRUSTED_PROXIES",
                    "Networks of proxies in front of the edge, such as `10.0.0.0/8`, comma-separated. The edge trusts \
                     their `X-Forwarded-For` and `X-Forwarded-Proto`, and no others.",
                    "a comma-separated list of addresses or networks such as 10.0.0.0/8",
                    value::networks,
                )
                .unwrap_or_default(),
            name_servers: env
                .get_optional(
                    "SQUALL_EDGE_RESOLVER",
                    "DNS servers that resolve the name of the api, comma-separated; those of `/etc/resolv.conf` when \
                     unset.",
                    "a comma-separated list of DNS server addresses such as 127.0.0.11",
                    value::name_servers,
                )
                .unwrap_or_default(),
            client: limit(
                env,
                ("SQUALL_EDGE_CLIENT_RATE", "500/s"),
                "Requests of one client, by its address (IPv6: its /64 network).",
                ("SQUALL_EDGE_CLIENT_BURST", 1000),
            ),
            client_connections: env.count(
                "SQUALL_EDGE_CLIENT_CONNECTIONS",
                200,
                1..=100_000,
                "Concurrent requests of one client, including live streams.",
            ),
            auth: limit(
                env,
                ("SQUALL_EDGE_AUTH_RATE", "30/min"),
                "Sign-in and setup attempts of one client.",
                ("SQUALL_EDGE_AUTH_BURST", 20),
            ),
            key: limit(
                env,
                ("SQUALL_EDGE_KEY_RATE", "300/s"),
                "Requests with one project key; a request may hold many events.",
                ("SQUALL_EDGE_KEY_BURST", 600),
            ),
            max_body: size(
                env,
                "SQUALL_EDGE_MAX_BODY",
                "1MiB",
                "Largest body of a request that is not intake. Sign-in and setup are limited to 16 KiB.",
            ),
            max_intake_body: size(
                env,
                "SQUALL_EDGE_MAX_INTAKE_BODY",
                "10MiB",
                "Largest body of an intake request as it is sent; at least the `SQUALL_MAX_BODY` of the api.",
            ),
            client_timeout: env.count(
                "SQUALL_EDGE_CLIENT_TIMEOUT",
                30,
                1..=600,
                "Longest pause of a client within a request or response, in seconds.",
            ),
            read_timeout: env.count(
                "SQUALL_EDGE_READ_TIMEOUT",
                60,
                2..=3600,
                "Longest pause of the api, in seconds; more than its `SQUALL_REQUEST_TIMEOUT`, whose message is more \
                 helpful.",
            ),
            stream_timeout: env.count(
                "SQUALL_EDGE_STREAM_TIMEOUT",
                3600,
                2..=86_400,
                "Longest pause of a live stream, in seconds.",
            ),
            graceful_timeout: env.count(
                "SQUALL_EDGE_GRACEFUL_TIMEOUT",
                20,
                1..=600,
                "How long a graceful stop (SIGQUIT) waits for running requests, in seconds.",
            ),
            workers: env.count("SQUALL_EDGE_WORKERS", 2, 1..=256, "Number of nginx worker processes."),
            access_log: env
                .get(
                    "SQUALL_EDGE_ACCESS_LOG",
                    "/dev/stdout",
                    "File of the access log, one JSON object per request; `off` for no log.",
                    "a plain absolute path, or off",
                    |text| if text == "off" { Some(None) } else { value::path(text).map(Some) },
                )
                .flatten(),
            log_level: env.choice(
                "SQUALL_EDGE_LOG",
                "crit",
                &["crit", "error", "warn", "notice", "info"],
                "Level of the messages that nginx writes to standard error: `crit`, `error`, `warn`, `notice`, `info`. \
                 Messages at `error` and less severe levels contain whole request lines, including the keys that \
                 Sentry's browser SDK puts into queries.",
            ),
            folder: path(
                env,
                "SQUALL_EDGE_FOLDER",
                "/tmp/squall-edge",
                "Folder for everything that nginx writes: its configuration, its process id, and bodies that do not \
                 fit into memory. It is created when missing.",
            ),
            nginx: env
                .get(
                    "SQUALL_EDGE_NGINX",
                    "nginx",
                    "The nginx program, 1.22 or newer: a name on the `PATH`, or a path.",
                    "a path",
                    |text| Some(PathBuf::from(text)),
                )
                .unwrap_or_default(),
        }
    }

    /// Checks what only the file system and several values together show.
    fn check_files(&self, env: &mut Environment) {
        // A value that could not be read is reported already.
        let is_known = |path: &Path| !path.as_os_str().is_empty();
        let is_localhost =
            |address: &ApiAddress| matches!(address, ApiAddress::Name(name, _) if name == "localhost");
        if self.api.iter().any(is_localhost) {
            env.reject(
                "SQUALL_EDGE_API names localhost, which nginx would look up in DNS. Write 127.0.0.1 instead",
            );
        }
        if is_known(&self.web)
            && let Err(error) = fs::File::open(self.web.join("index.html"))
        {
            let web = self.web.display().to_string();
            env.reject(format!(
                "SQUALL_EDGE_WEB is {web:?}, and its index.html cannot be read: {error}. Set it to the folder of the \
                 built web app (web/dist)"
            ));
        }
        // systemd makes standard output a socket, which cannot be opened by its name.
        if let Some(log) = &self.access_log
            && let Err(error) = fs::File::options().append(true).create(true).open(log)
        {
            let log = log.display().to_string();
            env.reject(format!(
                "SQUALL_EDGE_ACCESS_LOG is {log:?}, which cannot be written: {error}. Set it to a file that this user \
                 can write, or to off"
            ));
        }
        if let Some(tls) = &self.tls {
            for (name, path) in
                [("SQUALL_EDGE_TLS_CERTIFICATE", &tls.certificate), ("SQUALL_EDGE_TLS_KEY", &tls.key)]
            {
                if is_known(path)
                    && let Err(error) = fs::File::open(path)
                {
                    let path = path.display().to_string();
                    env.reject(format!(
                        "{name} is {path:?}, which cannot be read: {error}. Mount the file so that the user of the \
                         edge can read it"
                    ));
                }
            }
            if tls.listen.port() == self.listen.port() && tls.listen.port() != 0 {
                env.reject(format!(
                    "{LISTEN} and SQUALL_EDGE_TLS_LISTEN have the same port. Give each its own"
                ));
            }
        }
    }
}

fn listen(env: &mut Environment) -> SocketAddr {
    address(env, LISTEN, "0.0.0.0:8080", "Address for plain HTTP; `[::]:8080` listens on IPv4 and IPv6.")
}

/// TLS needs both files.
fn tls(env: &mut Environment) -> Option<Tls> {
    const CERTIFICATE: &str = "SQUALL_EDGE_TLS_CERTIFICATE";
    const KEY: &str = "SQUALL_EDGE_TLS_KEY";
    const FORM: &str = "a plain absolute path";
    let certificate = env.get_optional(
        CERTIFICATE,
        "The certificate with its chain, PEM. Together with its key it turns TLS on, and plain HTTP redirects there.",
        FORM,
        value::path,
    );
    let key = env.get_optional(
        KEY,
        "The private key of the certificate, PEM, without a passphrase.",
        FORM,
        value::path,
    );
    let listen = address(env, "SQUALL_EDGE_TLS_LISTEN", "0.0.0.0:8443", "Address for TLS.");
    let public_port = env.count(
        "SQUALL_EDGE_TLS_PUBLIC_PORT",
        443,
        1..=65_535,
        "Port at which clients reach TLS; plain HTTP redirects there.",
    );
    let hsts_seconds = env.count(
        "SQUALL_EDGE_HSTS_SECONDS",
        31_536_000,
        0..=63_072_000,
        "How long browsers insist on TLS (HSTS), in seconds; only sent when TLS ends at the edge.",
    );
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(Tls { listen, certificate, key, public_port, hsts_seconds }),
        (None, None) => None,
        (certificate, _) => {
            let (set, missing) = if certificate.is_some() { (CERTIFICATE, KEY) } else { (KEY, CERTIFICATE) };
            env.reject(format!(
                "{set} is set, but {missing} is not or cannot be used. Set both for TLS, or neither"
            ));
            None
        }
    }
}

fn address(env: &mut Environment, name: &'static str, default: &str, about: &'static str) -> SocketAddr {
    let parse = |text: &str| text.parse().ok().filter(|address: &SocketAddr| address.port() != 0);
    env.get(name, default, about, "an address such as 0.0.0.0:8080", parse).unwrap_or(UNUSABLE)
}

fn path(env: &mut Environment, name: &'static str, default: &str, about: &'static str) -> PathBuf {
    env.get(name, default, about, "a plain absolute path, without quotation marks, $ or ;", value::path)
        .unwrap_or_default()
}

fn limit(
    env: &mut Environment,
    (rate, default_rate): (&'static str, &str),
    about: &'static str,
    (burst, default_burst): (&'static str, u64),
) -> Limit {
    let rate = env.get(rate, default_rate, about, "a rate such as 100/s or 30/min", Rate::parse);
    let burst =
        env.count(burst, default_burst, 0..=1_000_000, "How many of them may exceed the rate in a burst.");
    Limit { rate: rate.unwrap_or(Rate::ONE), burst }
}

/// From 1 KiB to 16 GiB.
const SIZES: RangeInclusive<u64> = 1 << 10..=1 << 34;

fn size(env: &mut Environment, name: &'static str, default: &str, about: &'static str) -> usize {
    env.bytes(name, default, SIZES, about)
}
