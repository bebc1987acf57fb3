//! The one task of a process that hears what changed and tells it.

use super::{
    Live,
    pending::Pending,
    read,
    told::{Missed, Told},
};
use sqlx::PgPool;
use squall_live::{Message, Redis, subscribe};
use std::time::Duration;
use tokio::{sync::mpsc, time::Instant};

/// Updates that may wait to be gathered, at most ten a second from each process.
const HEARD: usize = 64;

/// The pause between two words that everybody should read anew: under a load that never ends, that is polling.
const OVERFLOW_PAUSE: Duration = Duration::from_secs(10);

/// Hears while somebody watches, until the process is about to stop.
pub(super) async fn run(live: Live, pool: PgPool, redis: Option<Redis>) {
    let closing = live.0.closing.clone();
    let mut streams = live.0.streams.subscribe();
    loop {
        tokio::select! {
            () = closing.cancelled() => return,
            watched = streams.wait_for(|count| *count > 0) => if watched.is_err() { return },
        }
        let (sender, heard) = mpsc::channel(HEARD);
        tokio::spawn(subscribe(pool.clone(), redis.clone(), sender));
        tokio::select! {
            () = closing.cancelled() => return,
            () = gather(&live, &pool, heard) => {}
            () = nobody_watches(&live) => {}
        }
        // Nothing is known of what happens from now on: whoever comes back begins anew.
        live.0.hearing.send_replace(false);
        live.ring().begin_anew();
    }
}

/// Returns when there was no stream for a while.
async fn nobody_watches(live: &Live) {
    let mut streams = live.0.streams.subscribe();
    loop {
        let _ = streams.wait_for(|count| *count == 0).await;
        let somebody = streams.wait_for(|count| *count > 0);
        if tokio::time::timeout(live.0.pace.linger, somebody).await.is_err() {
            return;
        }
    }
}

async fn gather(live: &Live, pool: &PgPool, mut heard: mpsc::Receiver<Message>) {
    let mut pending = Pending::default();
    let mut next = Instant::now();
    let mut next_overflow = next;
    loop {
        tokio::select! {
            // What is due is told however much is heard.
            biased;
            () = tokio::time::sleep_until(next), if !pending.is_empty() => {
                next = Instant::now() + live.0.pace.tell;
                tell(live, pool, &mut pending, &mut next_overflow).await;
            }
            heard = heard.recv() => match heard {
                None => return,
                Some(Message::Update(update)) => pending.add(&update),
                Some(Message::Subscribed) => {
                    pending = Pending::default();
                    live.tell([Told::resync(Missed::Interrupted)]);
                    live.0.hearing.send_replace(true);
                }
            },
        }
    }
}

async fn tell(live: &Live, pool: &PgPool, pending: &mut Pending, next_overflow: &mut Instant) {
    let now = Instant::now();
    let turn = pending.take(now >= *next_overflow);
    if turn.overflow {
        *next_overflow = now + OVERFLOW_PAUSE;
        live.tell([Told::resync(Missed::Overflow)]);
    }
    match read::told(pool, &turn).await {
        Ok(told) => live.tell(told),
        Err(error) => {
            tracing::warn!(error = %error, "What changed could not be read; whoever watches is told to read anew.");
            pending.overflow();
        }
    }
}
