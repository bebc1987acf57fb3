//! Receiving updates: from Redis while it can be used, from PostgreSQL otherwise.

use crate::{Redis, Update, publish::CHANNEL, redis::State};
use anyhow::{Context as _, Result};
use futures_util::{StreamExt, pin_mut};
use sqlx::{PgPool, postgres::PgListener};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long to wait before subscribing again after a failure.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// What a subscriber receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// The subscription is new: updates from before it may have been missed.
    Subscribed,
    /// Something changed.
    Update(Update),
}

/// Sends messages until their receiver is dropped.
pub async fn subscribe(pool: PgPool, redis: Option<Redis>, messages: mpsc::Sender<Message>) {
    let mut failing = false;
    while !messages.is_closed() {
        let usable = redis.as_ref().filter(|redis| redis.state() == State::Up);
        let ended = match usable {
            Some(redis) => receive_from_redis(redis, &messages).await,
            None => receive_from_postgres(&pool, redis.as_ref(), &messages).await,
        };
        if let Err(error) = &ended
            && !failing
        {
            tracing::warn!(
                error = format!("{error:#}"),
                "The subscription to live updates failed; subscribing again."
            );
        }
        failing = ended.is_err();
        if failing {
            tokio::select! {
                () = messages.closed() => {}
                () = tokio::time::sleep(RETRY_PAUSE) => {}
            }
        }
    }
}

/// Receives from Redis until it fails.
async fn receive_from_redis(redis: &Redis, messages: &mpsc::Sender<Message>) -> Result<()> {
    let published = redis.subscribe().await.context("subscribing to Redis")?;
    pin_mut!(published);
    send(messages, Message::Subscribed).await;
    loop {
        tokio::select! {
            () = messages.closed() => return Ok(()),
            // A dead connection shows by the failed writes of the other one, not by its silence.
            () = redis.wait_for(|state| *state != State::Up) => return Ok(()),
            payload = published.next() => match payload {
                Some(payload) => send(messages, Message::Update(Update::parse(&payload))).await,
                None => anyhow::bail!("Redis closed the connection"),
            },
        }
    }
}

/// Receives from PostgreSQL until it fails or Redis can be used.
async fn receive_from_postgres(
    pool: &PgPool,
    redis: Option<&Redis>,
    messages: &mpsc::Sender<Message>,
) -> Result<()> {
    let mut listener = PgListener::connect_with(pool).await.context("connecting to listen")?;
    listener.listen(CHANNEL).await.context("listening")?;
    send(messages, Message::Subscribed).await;
    loop {
        tokio::select! {
            () = messages.closed() => return Ok(()),
            () = until_usable(redis) => return Ok(()),
            notification = listener.try_recv() => match notification.context("listening")? {
                Some(notification) => {
                    send(messages, Message::Update(Update::parse(notification.payload()))).await;
                }
                None => anyhow::bail!("PostgreSQL closed the connection"),
            },
        }
    }
}

async fn until_usable(redis: Option<&Redis>) {
    match redis {
        Some(redis) => redis.wait_for(|state| *state == State::Up).await,
        None => std::future::pending().await,
    }
}

/// A closed receiver is not a failure: the loop then ends.
async fn send(messages: &mpsc::Sender<Message>, message: Message) {
    let _ = messages.send(message).await;
}
