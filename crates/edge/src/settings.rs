//! What a person can set, checked before anything starts: one entry a variable, in the order of the docs.

use crate::{
    environment::Environment,
    failure::Failure,
    value::{self, Place, Rate},
};
use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

/// The settings of the edge.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the api is: one name that may lead to many replicas, or several places.
    pub api: Vec<Place>,
    /// The folder of the built web app.
    pub web: PathBuf,
    /// Where plain HTTP is taken.
    pub listen: SocketAddr,
    /// TLS, when a certificate is there.
    pub tls: Option<Tls>,
    /// Networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<String>,
    /// Who knows the addresses behind names; none: what `/etc/resolv.conf` says.
    pub name_servers: Vec<String>,
    /// What one client may ask for.
    pub client: Limit,
    /// Connections one client may have at once.
    pub client_connections: u64,
    /// How often one client may try a password or a set-up token.
    pub auth: Limit,
    /// How often one key may send.
    pub key: Limit,
    /// Largest body in bytes, where nothing else is said.
    pub max_body: u64,
    /// Largest body of what senders push, in bytes, packed as it is.
    pub max_intake_body: u64,
    /// How long a client may be silent, in seconds.
    pub client_timeout: u64,
    /// How long the api may be silent, in seconds.
    pub read_timeout: u64,
    /// How long a live stream may be silent, in seconds.
    pub stream_timeout: u64,
    /// How long a graceful stop waits, in seconds.
    pub graceful_timeout: u64,
    /// Processes of nginx.
    pub workers: u64,
    /// Where the access log goes; nowhere when it is `None`.
    pub access_log: Option<PathBuf>,
    /// From which level down nginx's own messages are written.
    pub log: String,
    /// The folder for everything that nginx writes.
    pub folder: PathBuf,
    /// The program.
    pub nginx: PathBuf,
}

/// A rate, and how much may come at once before it counts.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// What may come for long.
    pub rate: Rate,
    /// What may come at once.
    pub burst: u64,
}

/// TLS that ends at the edge.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Where it is taken.
    pub listen: SocketAddr,
    /// The certificate and those between it and the root, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// The port that clients see.
    pub public_port: u64,
    /// How long browsers shall insist on TLS, in seconds.
    pub hsts_seconds: u64,
}

const LISTEN: &str = "SQUALL_EDGE_LISTEN";
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl Settings {
    /// Reads the environment, and looks whether the files it names are there.
    pub fn read(mut env: Environment) -> Result<Self, Failure> {
        let settings = Self::describe(&mut env);
        settings.look(&mut env);
        env.finish().map(|()| settings)
    }

    /// Where the edge listens; all that a health check needs to know.
    pub fn read_listen(mut env: Environment) -> Result<SocketAddr, Failure> {
        let listen = listen(&mut env);
        env.finish().map(|()| listen)
    }

    /// Every variable with its default, for the docs.
    pub fn table() -> String {
        let mut env = Environment::from_lookup(|_| None);
        Self::describe(&mut env);
        env.table().to_owned()
    }

    fn describe(env: &mut Environment) -> Self {
        Self {
            api: env
                .get_required(
                    "SQUALL_EDGE_API",
                    "Where the api is: `host:port`. A name may lead to many replicas; it is looked up again every second. Several, \
                     with commas between, are taken too: addresses with any nginx, names from nginx 1.27.3 on.",
                    "host:port, such as api:8642, or several with commas between",
                    value::places,
                )
                .unwrap_or_default(),
            web: path(env, "SQUALL_EDGE_WEB", "/usr/share/squall/web", "The folder of the built web app."),
            listen: listen(env),
            tls: tls(env),
            trusted_proxies: env
                .get_optional(
                    "SQUALL_EDGE_TRUSTED_PROXIES",
                    "Networks of proxies in front of the edge, such as `10.0.0.0/8`, with commas between: their `X-Forwarded-For` names \
                     the client, and their `X-Forwarded-Proto` the scheme. Without it nobody's is believed.",
                    "addresses or networks such as 10.0.0.0/8, with commas between",
                    value::networks,
                )
                .unwrap_or_default(),
            name_servers: env
                .get_optional(
                    "SQUALL_EDGE_RESOLVER",
                    "DNS servers that know the name of the api, with commas between; without it those of `/etc/resolv.conf`.",
                    "addresses of DNS servers such as 127.0.0.11, with commas between",
                    value::name_servers,
                )
                .unwrap_or_default(),
            client: limit(
                env,
                ["SQUALL_EDGE_CLIENT_RATE", "500/s", "Requests of one client, by its address (IPv6: its /64 network)."],
                ["SQUALL_EDGE_CLIENT_BURST", "1000", "How many more of them may come at once."],
            ),
            client_connections: count(
                env,
                "SQUALL_EDGE_CLIENT_CONNECTIONS",
                "200",
                1..=100_000,
                "Requests of one client that may be under way at once, live streams among them.",
            ),
            auth: limit(
                env,
                ["SQUALL_EDGE_AUTH_RATE", "30/min", "Attempts of one client to sign in or to set up."],
                ["SQUALL_EDGE_AUTH_BURST", "20", "How many more of them may come at once."],
            ),
            key: limit(
                env,
                ["SQUALL_EDGE_KEY_RATE", "300/s", "Requests with one ingestion key; a request may hold many events."],
                ["SQUALL_EDGE_KEY_BURST", "600", "How many more of them may come at once."],
            ),
            max_body: size(
                env,
                "SQUALL_EDGE_MAX_BODY",
                "1MiB",
                "Largest body of a request that is not intake. Signing in takes 16 KiB.",
            ),
            max_intake_body: size(
                env,
                "SQUALL_EDGE_MAX_INTAKE_BODY",
                "10MiB",
                "Largest body of an intake request as it is sent; not less than the `SQUALL_MAX_BODY` of the api.",
            ),
            client_timeout: count(
                env,
                "SQUALL_EDGE_CLIENT_TIMEOUT",
                "30",
                1..=600,
                "Longest silence of a client within a request or answer, in seconds.",
            ),
            read_timeout: count(
                env,
                "SQUALL_EDGE_READ_TIMEOUT",
                "60",
                2..=3600,
                "Longest silence of the api, in seconds; more than its `SQUALL_REQUEST_TIMEOUT`, which answers with a better sentence.",
            ),
            stream_timeout: count(
                env,
                "SQUALL_EDGE_STREAM_TIMEOUT",
                "3600",
                2..=86_400,
                "Longest silence of a live stream, in seconds.",
            ),
            graceful_timeout: count(
                env,
                "SQUALL_EDGE_GRACEFUL_TIMEOUT",
                "20",
                1..=600,
                "How long a graceful stop (SIGQUIT) waits for requests under way, in seconds.",
            ),
            workers: count(env, "SQUALL_EDGE_WORKERS", "2", 1..=256, "Processes of nginx that handle requests."),
            access_log: env
                .get(
                    "SQUALL_EDGE_ACCESS_LOG",
                    "/dev/stdout",
                    "The file of the access log, one JSON object a request; `off` for none.",
                    "a plain absolute path, or off",
                    |text| if text == "off" { Some(None) } else { value::path(text).map(Some) },
                )
                .flatten(),
            log: env
                .get(
                    "SQUALL_EDGE_LOG",
                    "crit",
                    "From which level on nginx's own messages go to standard error: `crit`, `error`, `warn`, `notice`, `info`. From `error` on \
                     they hold whole request lines, and with them keys that Sentry's browser SDK puts into queries.",
                    "one of crit, error, warn, notice, info",
                    |text| ["crit", "error", "warn", "notice", "info"].contains(&text).then(|| text.to_owned()),
                )
                .unwrap_or_default(),
            folder: path(
                env,
                "SQUALL_EDGE_FOLDER",
                "/tmp/squall-edge",
                "The folder for all that nginx writes: its configuration, its process id, bodies that do not fit into memory. It is made \
                 when it is not there.",
            ),
            nginx: env
                .get("SQUALL_EDGE_NGINX", "nginx", "The program nginx, 1.22 or newer: a name on the path, or a path.", "a path", |text| {
                    Some(PathBuf::from(text))
                })
                .unwrap_or_default(),
        }
    }

    /// What only the file system and the values together can tell.
    fn look(&self, env: &mut Environment) {
        // A value that could not be read has been told already.
        let known = |path: &Path| !path.as_os_str().is_empty();
        if let Some(Place::Name(name, _)) =
            self.api.iter().find(|place| matches!(place, Place::Name(name, _) if name == "localhost"))
        {
            env.refuse(format!(
                "SQUALL_EDGE_API names {name}, which nginx would ask a DNS server for. Write 127.0.0.1 instead"
            ));
        }
        if known(&self.web)
            && let Err(error) = fs::File::open(self.web.join("index.html"))
        {
            env.refuse(format!(
                "SQUALL_EDGE_WEB is {:?}, and the index.html in it cannot be read: {error}. Set it to the folder of the built web app (web/dist)",
                self.web.display().to_string()
            ));
        }
        // A socket in the place of standard output, as systemd makes one, cannot be opened by its name.
        if let Some(log) = &self.access_log
            && let Err(error) = fs::File::options().append(true).create(true).open(log)
        {
            let log = log.display().to_string();
            env.refuse(format!(
                "SQUALL_EDGE_ACCESS_LOG is {log:?}, which cannot be written: {error}. Set it to a file that this user may write, or to off"
            ));
        }
        if let Some(tls) = &self.tls {
            for (name, path) in
                [("SQUALL_EDGE_TLS_CERTIFICATE", &tls.certificate), ("SQUALL_EDGE_TLS_KEY", &tls.key)]
            {
                if known(path)
                    && let Err(error) = fs::File::open(path)
                {
                    let path = path.display().to_string();
                    env.refuse(format!("{name} is {path:?}, and this file cannot be read: {error}. Mount it so that the edge's user may read it"));
                }
            }
            if tls.listen.port() == self.listen.port() && tls.listen.port() != 0 {
                env.refuse(format!(
                    "{LISTEN} and SQUALL_EDGE_TLS_LISTEN have the same port. Give each its own"
                ));
            }
        }
    }
}

fn listen(env: &mut Environment) -> SocketAddr {
    address(env, LISTEN, "0.0.0.0:8080", "Where plain HTTP is taken; `[::]:8080` takes IPv4 and IPv6.")
}

/// Both files make TLS; neither makes none.
fn tls(env: &mut Environment) -> Option<Tls> {
    const CERTIFICATE: &str = "SQUALL_EDGE_TLS_CERTIFICATE";
    const KEY: &str = "SQUALL_EDGE_TLS_KEY";
    const SHAPE: &str = "a plain absolute path";
    let certificate = env.get_optional(
        CERTIFICATE,
        "The certificate with its chain, PEM. With it and its key TLS is on, and plain HTTP leads there.",
        SHAPE,
        value::path,
    );
    let key = env.get_optional(
        KEY,
        "The private key of the certificate, PEM, without a passphrase.",
        SHAPE,
        value::path,
    );
    let listen = address(env, "SQUALL_EDGE_TLS_LISTEN", "0.0.0.0:8443", "Where TLS is taken.");
    let public_port = count(
        env,
        "SQUALL_EDGE_TLS_PUBLIC_PORT",
        "443",
        1..=65_535,
        "The port that clients reach TLS at; plain HTTP leads there.",
    );
    let hsts_seconds = count(
        env,
        "SQUALL_EDGE_HSTS_SECONDS",
        "31536000",
        0..=63_072_000,
        "How long a browser shall insist on TLS (HSTS), in seconds; only sent over TLS that ends at the edge.",
    );
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(Tls { listen, certificate, key, public_port, hsts_seconds }),
        (None, None) => None,
        (there, _) => {
            let (set, missing) = if there.is_some() { (CERTIFICATE, KEY) } else { (KEY, CERTIFICATE) };
            env.refuse(format!(
                "{set} is set and {missing} is not, or cannot be used. Set both for TLS, or neither"
            ));
            None
        }
    }
}

fn address(env: &mut Environment, name: &str, default: &str, about: &str) -> SocketAddr {
    let parse = |text: &str| text.parse().ok().filter(|address: &SocketAddr| address.port() != 0);
    env.get(name, default, about, "an address such as 0.0.0.0:8080", parse).unwrap_or(ANY)
}

fn path(env: &mut Environment, name: &str, default: &str, about: &str) -> PathBuf {
    env.get(name, default, about, "a plain absolute path, without quotation marks, $ or ;", value::path)
        .unwrap_or_default()
}

fn limit(env: &mut Environment, rate: [&str; 3], burst: [&str; 3]) -> Limit {
    let found = env.get(rate[0], rate[1], rate[2], "a rate such as 100/s or 30/min", Rate::parse);
    let burst = count(env, burst[0], burst[1], 0..=1_000_000, burst[2]);
    Limit { rate: found.unwrap_or(Rate::ONE), burst }
}

fn size(env: &mut Environment, name: &str, default: &str, about: &str) -> u64 {
    env.get(name, default, about, "a size such as 10MiB, from 1 KiB to 16 GiB", value::size).unwrap_or(0)
}

fn count(env: &mut Environment, name: &str, default: &str, bounds: RangeInclusive<u64>, about: &str) -> u64 {
    let shape = format!("a whole number from {} to {}", bounds.start(), bounds.end());
    let parse = |text: &str| text.parse().ok().filter(|number| bounds.contains(number));
    env.get(name, default, about, &shape, parse).unwrap_or(*bounds.start())
}
