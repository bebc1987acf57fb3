//! Updates from publisher to subscriber.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed step ends its test")]

mod postgres;
mod redis;
#[path = "../support/mod.rs"]
mod support;

use sqlx::PgPool;
use squall_live::{Message, Redis, Update, subscribe};
use support::TIMEOUT;
use tokio::{sync::mpsc, time::timeout};

async fn next(messages: &mut mpsc::Receiver<Message>) -> Message {
    timeout(TIMEOUT, messages.recv()).await.expect("no message arrives").expect("the subscription ended")
}

fn subscribed(pool: &PgPool, redis: Option<&Redis>) -> mpsc::Receiver<Message> {
    let (sender, messages) = mpsc::channel(64);
    tokio::spawn(subscribe(pool.clone(), redis.cloned(), sender));
    messages
}

fn changed(issue: i64) -> Update {
    let mut update = Update::default();
    update.add_changed(issue);
    update
}
