//! Live updates: from the changes that the worker publishes to the messages of every open page.
//!
//! One task of a process ([`collect`]) receives changes, waits until a second has passed, loads the
//! issues concerned once for everyone, and appends the messages to one bounded [`history`]. A
//! stream ([`subscription`]) is a position in that history: one that is too slow falls off its end
//! and gets a `resync`, and one that reconnects continues after the id of its last message.
//! Watching costs the worker nothing, and while no one watches, the task receives nothing.
//!
//! Invariant: a client that loads its data after the stream has started, and again after each
//! `resync`, misses no change.

mod collect;
mod history;
mod load;
mod message;
mod pending;
mod subscription;

pub(crate) use history::Position;
pub(crate) use message::{StreamData, StreamMessage};
pub(crate) use subscription::{Scope, Subscriber, Subscription};

use history::History;
use sqlx::PgPool;
use squall_live::{Publisher, Redis};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often things happen; tests are faster.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// The pause between two turns, and so the highest rate of messages about one issue.
    pub send: Duration,
    /// How often a stream checks that its session or key is still valid.
    pub access_check: Duration,
    /// How long changes are received after the last stream has ended, for clients that reconnect.
    pub linger: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            send: Duration::from_secs(1),
            access_check: Duration::from_secs(15),
            linger: Duration::from_secs(60),
        }
    }
}

/// The live updates of one process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Live(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    timing: Timing,
    publisher: Publisher,
    history: Mutex<History>,
    /// Signals new messages in the history.
    sent: watch::Sender<()>,
    /// Whether changes are received at the moment.
    connected: watch::Sender<bool>,
    /// Open streams by subscriber.
    subscribers: Mutex<HashMap<Subscriber, usize>>,
    /// Open streams in all; the task sleeps while there are none.
    streams: watch::Sender<usize>,
    closing: CancellationToken,
}

impl Live {
    /// Start the task on the current runtime; it ends with [`Self::close`].
    pub fn start(pool: PgPool, redis: Option<Redis>, timing: Timing) -> Self {
        let live = Self(Arc::new(Shared {
            timing,
            publisher: Publisher::start(pool.clone(), redis.clone()),
            history: Mutex::new(History::new()),
            sent: watch::channel(()).0,
            connected: watch::channel(false).0,
            subscribers: Mutex::default(),
            streams: watch::channel(0).0,
            closing: CancellationToken::new(),
        }));
        tokio::spawn(collect::run(live.clone(), pool, redis));
        live
    }

    /// Publish that a user changed an issue.
    pub fn issue_changed(&self, issue_id: i64) {
        self.0.publisher.issue_changed(issue_id);
    }

    /// End every stream and refuse new ones, so that a shutdown does not wait for them.
    pub fn close(&self) {
        self.0.closing.cancel();
    }

    pub(crate) async fn closing(&self) {
        self.0.closing.cancelled().await;
    }

    pub(crate) fn timing(&self) -> Timing {
        self.0.timing
    }

    /// The number of open streams.
    pub(crate) fn streams(&self) -> usize {
        *self.0.streams.borrow()
    }

    /// Whether changes are received. While no one watches, they are not.
    pub(crate) fn is_connected(&self) -> bool {
        *self.0.connected.borrow()
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.0.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, messages: impl IntoIterator<Item = StreamMessage>) {
        let mut history = self.history();
        messages.into_iter().for_each(|message| history.push(message));
        drop(history);
        self.0.sent.send_replace(());
    }
}
