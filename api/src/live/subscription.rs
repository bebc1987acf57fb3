//! One stream: who watches, what they may see, and their place in the list.

use super::{
    Live, Position,
    told::{Missed, Told},
};
use crate::error::ApiError;
use axum::http::StatusCode;
use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError},
    time::Duration,
};

/// Streams of one person or key at a time: each open tab has one, and a browser gives a server six connections.
const STREAMS_EACH: usize = 10;

/// Streams of a process at a time. Each costs a connection and a few kilobytes.
const STREAMS: usize = 2_000;

/// Events taken from the list at once, so that a stream that is not read holds little.
const TAKE: usize = 32;

/// How long a stream waits for what changes to be heard before it begins; it is told when that comes later.
const HEARING_TIMEOUT: Duration = Duration::from_secs(3);

/// Whose streams are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who {
    /// `users.id`
    Person(i64),
    /// `api_keys.id`
    Key(i64),
}

/// What somebody may see and wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every project.
    All,
    /// One project, by `projects.id`.
    Project(i64),
}

impl Scope {
    fn covers(self, told: &Told) -> bool {
        match (self, told.project_id) {
            (Self::All, _) | (_, None) => true,
            (Self::Project(wanted), Some(project_id)) => wanted == project_id,
        }
    }
}

/// Why there is no stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// This person or key has as many as they may.
    TooMany,
    /// The process has as many as it can.
    Full,
    /// The process is about to stop.
    Closing,
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::TooMany => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_streams",
                format!("There are {STREAMS_EACH} streams of yours already. Close one of them."),
            )
            .retry_after(30),
            Refused::Full | Refused::Closing => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "overloaded",
                "No stream can be opened at the moment. Try again; until then, ask for what you need to know.",
            )
            .retry_after(5),
        }
    }
}

/// A stream, counted until it is dropped.
#[derive(Debug)]
pub struct Subscription {
    live: Live,
    who: Who,
    scope: Scope,
    place: Position,
    missed: Option<Missed>,
    taken: VecDeque<(Position, Arc<Told>)>,
}

impl Live {
    /// Begins a stream behind everything told so far, or behind the event that somebody heard last.
    ///
    /// # Errors
    /// When there are too many.
    pub async fn subscribe(
        &self,
        who: Who,
        scope: Scope,
        last: Option<&str>,
    ) -> Result<Subscription, Refused> {
        self.take_seat(who)?;
        // From here on the seat is given back by the drop.
        let place = self.ring().end();
        let mut stream =
            Subscription { live: self.clone(), who, scope, place, missed: None, taken: VecDeque::new() };
        let mut hearing = self.0.hearing.subscribe();
        // When it cannot be heard now, everybody is told to read anew as soon as it can.
        let _ = tokio::time::timeout(HEARING_TIMEOUT, hearing.wait_for(|hearing| *hearing)).await;
        let ring = self.ring();
        stream.place = ring.end();
        if let Some(last) = last {
            let place = Position::parse(last).filter(|place| ring.behind(*place, 1).is_some());
            stream.missed = place.is_none().then_some(Missed::Began);
            stream.place = place.unwrap_or(stream.place);
        }
        drop(ring);
        Ok(stream)
    }

    fn take_seat(&self, who: Who) -> Result<(), Refused> {
        if self.0.closing.is_cancelled() {
            return Err(Refused::Closing);
        }
        let mut seats = self.0.seats.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = seats.get(&who).copied().unwrap_or_default();
        if taken >= STREAMS_EACH {
            return Err(Refused::TooMany);
        }
        if self.streams() >= STREAMS {
            return Err(Refused::Full);
        }
        seats.insert(who, taken + 1);
        self.0.streams.send_modify(|streams| *streams += 1);
        Ok(())
    }
}

impl Subscription {
    /// The place the stream has come to.
    pub fn place(&self) -> Position {
        self.place
    }

    /// Waits for the next event that this stream is about, with its place. Nothing is lost when it is cancelled.
    pub(crate) async fn next(&mut self) -> (Position, Arc<Told>) {
        let mut told = self.live.0.told.subscribe();
        loop {
            if let Some(why) = self.missed.take() {
                return (self.place, Arc::new(Told::resync(why)));
            }
            while let Some((place, event)) = self.taken.pop_front() {
                self.place = place;
                if self.scope.covers(&event) {
                    return (place, event);
                }
            }
            let taken = self.live.ring().behind(self.place, TAKE);
            match taken {
                None => {
                    self.place = self.live.ring().end();
                    self.missed = Some(Missed::Overflow);
                }
                Some(taken) if taken.is_empty() => drop(told.changed().await),
                Some(taken) => self.taken = taken.into(),
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut seats = self.live.0.seats.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = seats.get_mut(&self.who) {
            *taken -= 1;
            if *taken == 0 {
                seats.remove(&self.who);
            }
        }
        self.live.0.streams.send_modify(|streams| *streams -= 1);
    }
}
