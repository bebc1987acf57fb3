//! Live updates: from what the worker tells to what every open page is told.
//!
//! One task of a process ([`gather`]) hears what changed, waits until a second is full, reads the issues concerned once
//! for everybody, and appends what there is to tell to one bounded list ([`ring`]). A stream ([`subscription`]) is a place
//! in that list: who is too slow falls off its end and is told to `resync`, and who comes back finds their place by the
//! id of the last event. Nobody who watches costs the worker anything, and while nobody watches the task hears nothing.
//!
//! Invariant: a client that reads its data after the stream has begun, and again after each `resync`, misses no change.

pub mod checks;
mod gather;
mod pending;
mod read;
mod ring;
mod subscription;
pub(crate) mod told;

pub use ring::Position;
pub use subscription::{Refused, Scope, Subscription, Who};

use ring::Ring;
use sqlx::PgPool;
use squall_live::{Publisher, Redis};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use told::Told;

/// How fast things go; a test has less time than a person.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The pause between two tellings: the most often that one issue is told.
    pub tell: Duration,
    /// How often it is asked whether who watches still may.
    pub recheck: Duration,
    /// How long after the last stream has ended it goes on, for who comes back.
    pub linger: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            tell: Duration::from_secs(1),
            recheck: Duration::from_secs(15),
            linger: Duration::from_secs(60),
        }
    }
}

/// The live updates of one process, cheap to clone.
#[derive(Debug, Clone)]
pub struct Live(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pace: Pace,
    publisher: Publisher,
    ring: Mutex<Ring>,
    /// Rung when the ring has something new.
    told: watch::Sender<()>,
    /// Whether what changes is heard at the moment.
    hearing: watch::Sender<bool>,
    seats: Mutex<HashMap<Who, usize>>,
    /// How many streams there are: the task sleeps while there are none.
    streams: watch::Sender<usize>,
    closing: CancellationToken,
}

impl Live {
    /// Starts the task on the current runtime; it ends with [`Self::close`].
    pub fn start(pool: PgPool, redis: Option<Redis>, pace: Pace) -> Self {
        let live = Self(Arc::new(Shared {
            pace,
            publisher: Publisher::start(pool.clone(), redis.clone()),
            ring: Mutex::new(Ring::new()),
            told: watch::channel(()).0,
            hearing: watch::channel(false).0,
            seats: Mutex::default(),
            streams: watch::channel(0).0,
            closing: CancellationToken::new(),
        }));
        tokio::spawn(gather::run(live.clone(), pool, redis));
        live
    }

    /// Tells everybody that a person changed an issue.
    pub fn issue_changed(&self, issue_id: i64) {
        self.0.publisher.issue_changed(issue_id);
    }

    /// Ends every stream, and refuses new ones: the process is about to stop and need not wait for them.
    pub fn close(&self) {
        self.0.closing.cancel();
    }

    /// Returns when every stream is to end.
    pub async fn closing(&self) {
        self.0.closing.cancelled().await;
    }

    /// How fast things go.
    pub fn pace(&self) -> Pace {
        self.0.pace
    }

    /// How many streams there are.
    pub fn streams(&self) -> usize {
        *self.0.streams.borrow()
    }

    /// Whether what changes is heard; there is nothing to hear for while nobody watches.
    pub fn is_hearing(&self) -> bool {
        *self.0.hearing.borrow()
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, told: impl IntoIterator<Item = Told>) {
        let mut ring = self.ring();
        told.into_iter().for_each(|told| ring.push(told));
        drop(ring);
        self.0.told.send_replace(());
    }
}
