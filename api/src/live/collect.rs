//! The one task of a process that receives changes and turns them into messages.

use super::{
    Live, load,
    message::{ResyncReason, StreamMessage},
    pending::Pending,
};
use sqlx::PgPool;
use squall_live::{Message, Redis, subscribe};
use std::time::Duration;
use tokio::{sync::mpsc, time::Instant};

/// Updates that may wait to be collected. Each process sends at most ten a second.
const CHANNEL_CAPACITY: usize = 64;

/// The pause between two resyncs for everyone: under a load that never ends, this becomes polling.
const OVERFLOW_PAUSE: Duration = Duration::from_secs(10);

/// Receive changes while anyone is subscribed, until the process shuts down.
pub async fn run(live: Live, pool: PgPool, redis: Option<Redis>) {
    let closing = live.0.closing.clone();
    let mut streams = live.0.streams.subscribe();
    loop {
        tokio::select! {
            () = closing.cancelled() => return,
            watched = streams.wait_for(|count| *count > 0) => if watched.is_err() { return },
        }
        let (sender, messages) = mpsc::channel(CHANNEL_CAPACITY);
        tokio::spawn(subscribe(pool.clone(), redis.clone(), sender));
        tokio::select! {
            () = closing.cancelled() => return,
            () = collect(&live, &pool, messages) => {}
            () = unwatched(&live) => {}
        }
        // From now on changes are missed, so that nobody can continue where they left off.
        live.0.connected.send_replace(false);
        live.history().restart();
    }
}

/// Return when nobody has been subscribed for a while.
async fn unwatched(live: &Live) {
    let mut streams = live.0.streams.subscribe();
    loop {
        let _ = streams.wait_for(|count| *count == 0).await;
        let next = streams.wait_for(|count| *count > 0);
        if tokio::time::timeout(live.0.timing.linger, next).await.is_err() {
            return;
        }
    }
}

async fn collect(live: &Live, pool: &PgPool, mut messages: mpsc::Receiver<Message>) {
    let mut pending = Pending::default();
    let mut next = Instant::now();
    let mut next_overflow = next;
    loop {
        tokio::select! {
            // What is due is sent however much arrives.
            biased;
            () = tokio::time::sleep_until(next), if !pending.is_empty() => {
                next = Instant::now() + live.0.timing.send;
                send(live, pool, &mut pending, &mut next_overflow).await;
            }
            message = messages.recv() => match message {
                None => return,
                Some(Message::Update(update)) => pending.add(&update),
                Some(Message::Subscribed) => {
                    pending = Pending::default();
                    live.send([StreamMessage::resync(ResyncReason::Interrupted)]);
                    live.0.connected.send_replace(true);
                }
            },
        }
    }
}

async fn send(live: &Live, pool: &PgPool, pending: &mut Pending, next_overflow: &mut Instant) {
    let now = Instant::now();
    let turn = pending.take(now >= *next_overflow);
    if turn.overflow {
        *next_overflow = now + OVERFLOW_PAUSE;
        live.send([StreamMessage::resync(ResyncReason::Overflow)]);
    }
    match load::messages(pool, &turn).await {
        Ok(messages) => live.send(messages),
        Err(error) => {
            tracing::warn!(error = %error, "Changes could not be loaded; subscribers will be asked to resync.");
            pending.overflow();
        }
    }
}
