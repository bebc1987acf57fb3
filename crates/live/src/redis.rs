//! The connection to Redis, which may fail at any time without harm.
//!
//! One task keeps a connection and checks it every second with a write. While the check succeeds,
//! commands are sent; otherwise [`Redis::run`] returns at once, and callers work without Redis: no
//! request waits for a Redis that is down, and no process has to be restarted when it is back. Each
//! change of state is logged once.

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

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a command may take before Redis counts as down. Only the requests of that moment wait
/// for it.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(1);

/// How often the connection is checked, and how long to wait after a failure.
const CHECK_PAUSE: Duration = Duration::from_secs(1);

/// The form of an address, for messages.
const FORM: &str = "redis://user:password@host:port/number";

/// The address of Redis. It may hold a password, which `Debug` leaves out.
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
    /// A sentence that does not repeat it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let client = text.into_connection_info().and_then(Client::open);
        client.map(Self).map_err(|_| format!("REDIS_URL is not a Redis address of the form {FORM}"))
    }

    /// Reads `REDIS_URL`, which may be unset.
    pub fn read(env: &mut Environment) -> Option<Self> {
        let about = "Redis, shared by replicas for rate limits and live updates: redis://user:password@host:port/number; \
                     one database number for each instance. Without it, each process limits rates on its own and live updates use PostgreSQL.";
        match Self::parse(&env.optional_text("REDIS_URL", about)?) {
            Ok(address) => Some(address),
            Err(problem) => {
                env.reject(problem);
                None
            }
        }
    }
}

/// Whether Redis can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Not known yet: the process has just started.
    Starting,
    /// It answers.
    Up,
    /// It cannot be reached or refuses writes, with the reason.
    Down(String),
}

/// A handle to Redis, cheap to clone.
#[derive(Debug, Clone)]
pub struct Redis {
    client: Client,
    link: Arc<watch::Sender<Link>>,
}

/// The state that the task and the callers share. Connections are numbered, so that a late failure
/// of an old one does not take down its successor.
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
    /// Starts connecting on the current runtime; Redis may start later. The task ends with the last
    /// handle.
    pub fn start(address: Address) -> Self {
        let (link, _) = watch::channel(Link { number: 0, state: LinkState::Starting });
        let redis = Self { client: address.0, link: Arc::new(link) };
        tokio::spawn(keep_connected(redis.client.clone(), Arc::downgrade(&redis.link)));
        redis
    }

    /// Whether it can be used now.
    pub fn state(&self) -> State {
        match &self.link.borrow().state {
            LinkState::Starting => State::Starting,
            LinkState::Up(_) => State::Up,
            LinkState::Down(reason) => State::Down(reason.clone()),
        }
    }

    /// Waits until `fits` returns true for its state.
    pub async fn wait_for(&self, fits: impl Fn(&State) -> bool) {
        let mut watch = self.link.subscribe();
        while !fits(&self.state()) {
            if watch.changed().await.is_err() {
                return;
            }
        }
    }

    /// Runs a command; `None` when Redis is down or the command failed, which is then logged.
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

    /// Publishes an update, if Redis is up.
    pub(crate) async fn publish(&self, payload: &str) {
        let channel = self.channel();
        self.run(|mut connection| async move {
            cmd("PUBLISH").arg(channel).arg(payload).query_async::<()>(&mut connection).await
        })
        .await;
    }

    /// Everything published from now on.
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

    /// Keys belong to a numbered database, channels to the whole server: the name contains the
    /// number.
    fn channel(&self) -> String {
        format!("squall:{}:live", self.client.get_connection_info().redis_settings().db())
    }

    fn failed<T>(&self, number: u64, reason: &str) -> Option<T> {
        self.link.send_if_modified(|link| take_down(link, number, reason));
        None
    }
}

/// Keeps a connection while there is a handle.
async fn keep_connected(client: Client, link: Weak<watch::Sender<Link>>) {
    loop {
        let connected = connect(&client).await;
        let Some(sender) = link.upgrade() else { return };
        match connected {
            Err(error) => {
                sender.send_if_modified(|link| take_down(link, link.number, &error.to_string()));
                drop(sender);
                tokio::time::sleep(CHECK_PAUSE).await;
            }
            Ok(connection) => {
                let mut number = 0;
                sender.send_modify(|link| {
                    number = link.number + 1;
                    let state = LinkState::Up(connection.clone());
                    match std::mem::replace(link, Link { number, state }).state {
                        LinkState::Down(_) => {
                            tracing::warn!("Redis is back: rate limits and live updates are shared again.")
                        }
                        _ => tracing::info!("Connected to Redis: rate limits and live updates are shared."),
                    }
                });
                let watch = sender.subscribe();
                drop(sender);
                if !watch_connection(connection, number, watch, &link).await {
                    return;
                }
            }
        }
    }
}

/// Returns when the connection has failed; `false` when the last handle is gone.
async fn watch_connection(
    mut connection: MultiplexedConnection,
    number: u64,
    mut watch: watch::Receiver<Link>,
    link: &Weak<watch::Sender<Link>>,
) -> bool {
    loop {
        tokio::select! {
            // A command failed, or the last handle is gone.
            changed = watch.changed() => match changed {
                Err(_) => return false,
                Ok(()) if matches!(watch.borrow().state, LinkState::Up(_)) => continue,
                Ok(()) => {}
            },
            () = tokio::time::sleep(CHECK_PAUSE) => {
                let Err(error) = check_writable(&mut connection).await else { continue };
                let Some(sender) = link.upgrade() else { return false };
                sender.send_if_modified(|link| take_down(link, number, &error));
            }
        }
        // Without a pause, a Redis that accepts connections and refuses commands would cause a busy
        // loop.
        tokio::time::sleep(CHECK_PAUSE).await;
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
    check_writable(&mut connection).await?;
    Ok(connection)
}

/// A write, because a full or read-only Redis still answers PING.
async fn check_writable(connection: &mut MultiplexedConnection) -> Result<(), String> {
    let mut write = cmd("SET");
    write.arg("squall:check").arg(1).arg("PX").arg(10_000);
    let written = timeout(CONNECT_TIMEOUT, write.query_async::<()>(connection)).await;
    written.map_err(|_| "it did not answer in time".to_owned())?.map_err(|error| error.to_string())
}

/// Marks the connection of this number as failed and logs it. Returns whether the state changed.
fn take_down(link: &mut Link, number: u64, reason: &str) -> bool {
    if link.number != number || matches!(link.state, LinkState::Down(_)) {
        return false;
    }
    tracing::error!(
        reason,
        "Redis is down. Until it is back, each api limits rates on its own and receives live updates from PostgreSQL."
    );
    link.state = LinkState::Down(reason.to_owned());
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_address_is_refused_without_repeating_its_password() {
        for text in
            ["redis", "http://:hunter2@cache", "rediss://:hunter2@cache:6379", "redis://:hunter2@cache:port"]
        {
            let problem = Address::parse(text).unwrap_err();
            assert!(problem.contains(FORM) && !problem.contains("hunter2"), "{problem}");
        }
        let address = Address::parse("redis://:hunter2@cache:6379/3").unwrap();
        assert_eq!(format!("{address:?}"), "cache:6379");
    }
}
