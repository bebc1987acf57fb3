//! Updates through PostgreSQL alone.

use crate::{changed, next, subscribed};
use sqlx::PgPool;
use squall_live::{Message, Publisher, update::PAYLOADS};

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn without_redis_updates_arrive_through_postgresql(pool: PgPool) {
    let mut messages = subscribed(&pool, None);
    assert_eq!(next(&mut messages).await, Message::Subscribed);
    Publisher::start(pool.clone(), None).issue_changed(7);
    assert_eq!(next(&mut messages).await, Message::Update(changed(7)));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_lost_connection_to_postgresql_is_replaced_and_reported(pool: PgPool) {
    let mut messages = subscribed(&pool, None);
    assert_eq!(next(&mut messages).await, Message::Subscribed);
    sqlx::query("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query ilike 'listen%'")
        .execute(&pool)
        .await
        .unwrap();
    assert_eq!(next(&mut messages).await, Message::Subscribed);
    Publisher::start(pool.clone(), None).issue_changed(7);
    assert_eq!(next(&mut messages).await, Message::Update(changed(7)));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn changes_of_one_moment_are_sent_together_and_too_many_are_reported_as_more(pool: PgPool) {
    let mut messages = subscribed(&pool, None);
    assert_eq!(next(&mut messages).await, Message::Subscribed);
    let publisher = Publisher::start(pool.clone(), None);
    (0..100_000).for_each(|issue| publisher.issue_changed(issue));
    let mut payloads = 0;
    loop {
        let Message::Update(update) = next(&mut messages).await else { panic!("the connection was lost") };
        payloads += 1;
        if update.more {
            break;
        }
    }
    assert!(payloads <= PAYLOADS * 2, "{payloads} notifications for one moment");
}
