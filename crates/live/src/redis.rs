//! The way to Redis, which may be away at any time and must then be missed by nobody.
//!
//! One task keeps a connection and proves it every second by a write. While it is proved, commands are sent; when it is
//! not, [`Redis::run`] says so at once, and callers do without: no request waits for a Redis that is gone, and none has
//! to be restarted for one that came back. Each change of state is logged once.

use futures_util::{Stream, StreamExt};
use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo, RedisError, RedisResult, aio::MultiplexedConnection,
    cmd,
};
use squall_base::Environment;
use std::{
    fmt,
    future::Future,
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::{sync::watch, time::timeout};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a command may take before Redis counts as away. Requests under way wait for it once, those after them not.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(1);

/// How often the connection is proved, and how long after a failure it is tried again.
const PROOF_PAUSE: Duration = Duration::from_secs(1);

/// The shape of an address, for whoever mistyped one.
const SHAPE: &str = "redis://user:password@host:port/number";

/// Where Redis is. It holds a password and never shows it.
#[derive(Clone)]
pub struct Address(Client);

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.get_connection_info().addr())
    }
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// When it is none, without repeating it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let client = text.into_connection_info().and_then(Client::open);
        client.map(Self).map_err(|_| format!("REDIS_URL is not an address of Redis. It reads {SHAPE}"))
    }

    /// Reads `REDIS_URL`, which may be left out.
    pub fn read(env: &mut Environment) -> Option<Self> {
        let about = "Redis, shared by replicas for rate limits and live updates: redis://user:password@host:port/number; \
                     one number for each Squall. Without it both work inside each process.";
        match Self::parse(&env.optional_text("REDIS_URL", about)?) {
            Ok(address) => Some(address),
            Err(problem) => {
                env.reject(problem);
                None
            }
        }
    }
}

/// Whether Redis can be used at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nobody knows yet: the process has just started.
    Starting,
    /// It answers.
    Up,
    /// It cannot be reached or takes no writes, and why.
    Down(String),
}

/// A handle to Redis, cheap to clone.
#[derive(Debug, Clone)]
pub struct Redis {
    client: Client,
    link: Arc<watch::Sender<Link>>,
}

/// What the task and the callers share: each new connection has the next number, so that a late failure of an old one
/// is not held against it.
#[derive(Debug, Clone)]
struct Link {
    number: u64,
    state: LinkState,
}

#[derive(Clone)]
enum LinkState {
    Starting,
    Up(MultiplexedConnection),
    Down(String),
}

impl fmt::Debug for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Up(_) => "up",
            Self::Down(_) => "down",
        })
    }
}

impl Redis {
    /// Begins to reach for Redis on the current runtime; it need not be there yet. The task ends when the last handle
    /// does.
    pub fn start(address: Address) -> Self {
        let (link, _) = watch::channel(Link { number: 0, state: LinkState::Starting });
        let redis = Self { client: address.0, link: Arc::new(link) };
        tokio::spawn(keep(redis.client.clone(), Arc::downgrade(&redis.link)));
        redis
    }

    /// Whether it can be used at this moment.
    pub fn state(&self) -> State {
        match &self.link.borrow().state {
            LinkState::Starting => State::Starting,
            LinkState::Up(_) => State::Up,
            LinkState::Down(reason) => State::Down(reason.clone()),
        }
    }

    /// Waits until it is in a state that fits.
    pub async fn wait_for(&self, fits: impl Fn(&State) -> bool) {
        let mut watch = self.link.subscribe();
        while !fits(&self.state()) {
            if watch.changed().await.is_err() {
                return;
            }
        }
    }

    /// Runs a command; `None` when Redis is away or just turned out to be, which the log then says.
    pub async fn run<T, F>(&self, command: impl FnOnce(MultiplexedConnection) -> F) -> Option<T>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let (number, connection) = {
            let link = self.link.borrow();
            let LinkState::Up(connection) = &link.state else { return None };
            (link.number, connection.clone())
        };
        match timeout(COMMAND_TIMEOUT, command(connection)).await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(error)) => self.failed(number, &error.to_string()),
            Err(_) => self.failed(number, "it did not answer in time"),
        }
    }

    /// Publishes an update for whoever listens, if Redis is there.
    pub(crate) async fn publish(&self, payload: &str) {
        let channel = self.channel();
        self.run(|mut connection| async move {
            cmd("PUBLISH").arg(channel).arg(payload).query_async::<()>(&mut connection).await
        })
        .await;
    }

    /// What is published from now on.
    pub(crate) async fn subscribe(&self) -> Result<impl Stream<Item = String> + use<>, RedisError> {
        let unreachable = |_| RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
        let subscribing = async {
            let mut published = self.client.get_async_pubsub().await?;
            published.subscribe(self.channel()).await?;
            Ok::<_, RedisError>(published.into_on_message())
        };
        let messages = timeout(CONNECT_TIMEOUT, subscribing).await.map_err(unreachable)??;
        Ok(messages.map(|message| String::from_utf8_lossy(message.get_payload_bytes()).into_owned()))
    }

    /// Keys belong to a numbered database, channels to the whole server: the number stands in the name.
    fn channel(&self) -> String {
        format!("squall:{}:live", self.client.get_connection_info().redis_settings().db())
    }

    fn failed<T>(&self, number: u64, reason: &str) -> Option<T> {
        self.link.send_if_modified(|link| take_down(link, number, reason));
        None
    }
}

/// Keeps the connection while somebody holds a handle.
async fn keep(client: Client, link: Weak<watch::Sender<Link>>) {
    loop {
        let connected = connect(&client).await;
        let Some(sender) = link.upgrade() else { return };
        match connected {
            Err(error) => {
                sender.send_if_modified(|link| take_down(link, link.number, &error.to_string()));
                drop(sender);
                tokio::time::sleep(PROOF_PAUSE).await;
            }
            Ok(connection) => {
                let mut number = 0;
                sender.send_modify(|link| {
                    number = link.number + 1;
                    let state = LinkState::Up(connection.clone());
                    match std::mem::replace(link, Link { number, state }).state {
                        LinkState::Down(_) => tracing::warn!(
                            "Redis is back and used again: rate limits and live updates are shared."
                        ),
                        _ => tracing::info!("Redis is used: rate limits and live updates are shared."),
                    }
                });
                let watch = sender.subscribe();
                drop(sender);
                if !prove(connection, number, watch, &link).await {
                    return;
                }
            }
        }
    }
}

/// Returns when the connection is no longer good; `false` when nobody needs it any more.
async fn prove(
    mut connection: MultiplexedConnection,
    number: u64,
    mut watch: watch::Receiver<Link>,
    link: &Weak<watch::Sender<Link>>,
) -> bool {
    loop {
        tokio::select! {
            // A command of somebody's failed, or the last handle is gone.
            changed = watch.changed() => match changed {
                Err(_) => return false,
                Ok(()) if matches!(watch.borrow().state, LinkState::Up(_)) => continue,
                Ok(()) => {}
            },
            () = tokio::time::sleep(PROOF_PAUSE) => {
                let Err(error) = write_something(&mut connection).await else { continue };
                let Some(sender) = link.upgrade() else { return false };
                sender.send_if_modified(|link| take_down(link, number, &error));
            }
        }
        // Without a pause, a Redis that accepts connections and refuses commands would be asked in a circle.
        tokio::time::sleep(PROOF_PAUSE).await;
        return true;
    }
}

async fn connect(client: &Client) -> Result<MultiplexedConnection, String> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(CONNECT_TIMEOUT));
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await
        .map_err(|error| error.to_string())?;
    write_something(&mut connection).await?;
    Ok(connection)
}

/// A full or read-only Redis answers PING and is of no use all the same.
async fn write_something(connection: &mut MultiplexedConnection) -> Result<(), String> {
    let mut write = cmd("SET");
    write.arg("squall:proof").arg(1).arg("PX").arg(10_000);
    let written = timeout(CONNECT_TIMEOUT, write.query_async::<()>(connection)).await;
    written.map_err(|_| "it did not answer in time".to_owned())?.map_err(|error| error.to_string())
}

/// Notes and logs that the connection of this number failed; says whether that is news.
fn take_down(link: &mut Link, number: u64, reason: &str) -> bool {
    if link.number != number || matches!(link.state, LinkState::Down(_)) {
        return false;
    }
    tracing::error!(
        reason,
        "Redis cannot be used. Until it is back, each api limits rates by itself and hears live updates from PostgreSQL."
    );
    link.state = LinkState::Down(reason.to_owned());
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_refused_without_its_password() {
        for text in
            ["redis", "http://:hunter2@cache", "rediss://:hunter2@cache:6379", "redis://:hunter2@cache:port"]
        {
            let said = Address::parse(text).unwrap_err();
            assert!(said.contains(SHAPE) && !said.contains("hunter2"), "{said}");
        }
        let address = Address::parse("redis://:hunter2@cache:6379/3").unwrap();
        assert_eq!(format!("{address:?}"), "cache:6379");
    }
}
