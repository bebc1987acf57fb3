//! Hearing what changed: from Redis while it can be used, from PostgreSQL otherwise.

use crate::{Redis, Update, publish::CHANNEL, redis::State};
use anyhow::{Context as _, Result};
use futures_util::{StreamExt, pin_mut};
use sqlx::{PgPool, postgres::PgListener};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long to wait before listening again after what was listened to went away.
const PAUSE: Duration = Duration::from_millis(500);

/// What was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// From here on everything is heard; what was told before may have been missed.
    Anew,
    /// Something changed.
    Update(Update),
}

/// Hears until nobody wants to know any more: until the receiver of `heard` is dropped.
pub async fn hear(pool: PgPool, redis: Option<Redis>, heard: mpsc::Sender<Heard>) {
    let mut failing = false;
    while !heard.is_closed() {
        let usable = redis.as_ref().filter(|redis| redis.state() == State::Up);
        let ended = match usable {
            Some(redis) => from_redis(redis, &heard).await,
            None => from_postgres(&pool, redis.as_ref(), &heard).await,
        };
        if let Err(error) = &ended
            && !failing
        {
            tracing::warn!(
                error = format!("{error:#}"),
                "Live updates are not heard at the moment; listening again."
            );
        }
        failing = ended.is_err();
        if failing {
            tokio::select! {
                () = heard.closed() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }
}

/// Hears from Redis until it fails.
async fn from_redis(redis: &Redis, heard: &mpsc::Sender<Heard>) -> Result<()> {
    let published = redis.subscribe().await.context("subscribing to Redis")?;
    pin_mut!(published);
    tell(heard, Heard::Anew).await;
    loop {
        tokio::select! {
            () = heard.closed() => return Ok(()),
            // A connection that is silently gone shows by the proofs, not by its silence.
            () = redis.wait_for(|state| *state != State::Up) => return Ok(()),
            payload = published.next() => match payload {
                Some(payload) => tell(heard, Heard::Update(Update::parse(&payload))).await,
                None => anyhow::bail!("Redis closed the connection"),
            },
        }
    }
}

/// Hears from PostgreSQL until it fails or Redis can be used.
async fn from_postgres(pool: &PgPool, redis: Option<&Redis>, heard: &mpsc::Sender<Heard>) -> Result<()> {
    let mut listener = PgListener::connect_with(pool).await.context("connecting to listen")?;
    listener.listen(CHANNEL).await.context("listening")?;
    tell(heard, Heard::Anew).await;
    loop {
        tokio::select! {
            () = heard.closed() => return Ok(()),
            () = usable(redis) => return Ok(()),
            notification = listener.try_recv() => match notification.context("listening")? {
                Some(notification) => tell(heard, Heard::Update(Update::parse(notification.payload()))).await,
                None => anyhow::bail!("PostgreSQL closed the connection"),
            },
        }
    }
}

async fn usable(redis: Option<&Redis>) {
    match redis {
        Some(redis) => redis.wait_for(|state| *state == State::Up).await,
        None => std::future::pending().await,
    }
}

/// Nobody who wants to know is no failure: the loop ends by itself.
async fn tell(heard: &mpsc::Sender<Heard>, what: Heard) {
    let _ = heard.send(what).await;
}
