//! One stream: its subscriber, its scope and its position in the history.

use super::{
    Live, Position,
    message::{ResyncReason, StreamMessage},
};
use crate::error::ApiError;
use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError},
    time::Duration,
};

/// Open streams of one user or key. Each tab has one, and a browser opens six connections to a
/// server.
const MAX_PER_SUBSCRIBER: usize = 10;

/// Open streams of a process. Each costs a connection and a few kilobytes.
const MAX_STREAMS: usize = 2_000;

/// Messages taken from the history at once, so that a stalled stream holds few of them.
const CHUNK: usize = 32;

/// How long a stream waits for changes to be received before it starts. If they are received later,
/// it resyncs then.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Whose open streams are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subscriber {
    /// `users.id`
    User(i64),
    /// `api_keys.id`
    Key(i64),
}

/// The projects a stream is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every project.
    All,
    /// One project, by `projects.id`.
    Project(i64),
}

impl Scope {
    fn contains(self, message: &StreamMessage) -> bool {
        match (self, message.project_id) {
            (Self::All, _) | (_, None) => true,
            (Self::Project(wanted), Some(project_id)) => wanted == project_id,
        }
    }
}

/// Why a stream was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscribeError {
    /// The user or key has too many open streams.
    TooMany,
    /// The process has too many open streams.
    Full,
    /// The process is shutting down.
    Closing,
}

impl From<SubscribeError> for ApiError {
    fn from(error: SubscribeError) -> Self {
        match error {
            SubscribeError::TooMany => Self::too_many_requests(
                "too_many_streams",
                format!("You already have {MAX_PER_SUBSCRIBER} open streams. Close one of them."),
                30,
            ),
            SubscribeError::Full | SubscribeError::Closing => Self::overloaded(
                "No stream can be opened at the moment. Try again later; until then, poll.",
                5,
            ),
        }
    }
}

/// A stream, counted until it is dropped.
#[derive(Debug)]
pub struct Subscription {
    live: Live,
    subscriber: Subscriber,
    scope: Scope,
    position: Position,
    resync: Option<ResyncReason>,
    chunk: VecDeque<(Position, Arc<StreamMessage>)>,
}

impl Live {
    /// Start a stream after the latest message, or after the last one that the client received.
    pub(crate) async fn subscribe(
        &self,
        subscriber: Subscriber,
        scope: Scope,
        last_event_id: Option<&str>,
    ) -> Result<Subscription, SubscribeError> {
        self.count(subscriber)?;
        // From here on, dropping the subscription takes it off the count.
        let mut subscription = Subscription {
            live: self.clone(),
            subscriber,
            scope,
            position: self.history().end(),
            resync: None,
            chunk: VecDeque::new(),
        };
        let mut connected = self.0.connected.subscribe();
        let _ = tokio::time::timeout(CONNECT_TIMEOUT, connected.wait_for(|connected| *connected)).await;
        let history = self.history();
        subscription.position = history.end();
        if let Some(id) = last_event_id {
            let last = Position::parse(id).filter(|last| history.after(*last, 1).is_some());
            subscription.resync = last.is_none().then_some(ResyncReason::Began);
            subscription.position = last.unwrap_or(subscription.position);
        }
        drop(history);
        Ok(subscription)
    }

    fn count(&self, subscriber: Subscriber) -> Result<(), SubscribeError> {
        if self.0.closing.is_cancelled() {
            return Err(SubscribeError::Closing);
        }
        let mut subscribers = self.0.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        let open = subscribers.get(&subscriber).copied().unwrap_or_default();
        if open >= MAX_PER_SUBSCRIBER {
            return Err(SubscribeError::TooMany);
        }
        if self.streams() >= MAX_STREAMS {
            return Err(SubscribeError::Full);
        }
        subscribers.insert(subscriber, open + 1);
        self.0.streams.send_modify(|streams| *streams += 1);
        Ok(())
    }
}

impl Subscription {
    pub fn position(&self) -> Position {
        self.position
    }

    /// Wait for the next message in scope. Cancelling loses nothing.
    pub async fn next(&mut self) -> (Position, Arc<StreamMessage>) {
        // Subscribed before the history is read, so that no message falls in between.
        let mut sent = self.live.0.sent.subscribe();
        loop {
            if let Some(reason) = self.resync.take() {
                return (self.position, Arc::new(StreamMessage::resync(reason)));
            }
            while let Some((position, message)) = self.chunk.pop_front() {
                self.position = position;
                if self.scope.contains(&message) {
                    return (position, message);
                }
            }
            let chunk = self.live.history().after(self.position, CHUNK);
            match chunk {
                None => {
                    self.position = self.live.history().end();
                    self.resync = Some(ResyncReason::Overflow);
                }
                Some(chunk) if chunk.is_empty() => drop(sent.changed().await),
                Some(chunk) => self.chunk = chunk.into(),
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut subscribers = self.live.0.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = subscribers.get_mut(&self.subscriber) {
            *open -= 1;
            if *open == 0 {
                subscribers.remove(&self.subscriber);
            }
        }
        self.live.0.streams.send_modify(|streams| *streams -= 1);
    }
}
