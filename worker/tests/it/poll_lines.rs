//! From the content of a file to events: torn lines, long lines, odd bytes, stack traces, gzip.

use crate::poll_support::{Watched, events, gzip, lines};
use chrono::TimeDelta;
use sqlx::PgPool;
use std::fs;

const TRACE: &str = "2026-01-01 00:00:01 ERROR shop payment failed
java.lang.IllegalStateException: no connection
\tat com.example.Shop.pay(Shop.java:42)
\tat com.example.Shop.main(Shop.java:7)
Caused by: java.io.IOException: refused
\t... 2 more
";

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn an_unfinished_line_is_held_back_until_it_is_finished(pool: PgPool) {
    let mut watched = Watched::new(&pool, "app.log").await;
    watched.append("app.log", lines(0..2));
    watched.append("app.log", "2026-01-01 00:00:00 INFO the first half");
    watched.poll().await;
    // The line before it is held back too: what follows may be its stack trace.
    assert_eq!(watched.messages().await, events(0..1));
    watched.pass(TimeDelta::milliseconds(900));
    watched.append("app.log", " and the other\n");
    watched.settle().await;
    assert_eq!(watched.messages().await[2..], ["2026-01-01 00:00:00 INFO the first half and the other"]);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn an_unfinished_line_is_taken_when_the_file_grows_no_more(pool: PgPool) {
    let mut watched = Watched::new(&pool, "app.log").await;
    watched.append("app.log", "2026-01-01 00:00:00 INFO no line end");
    watched.poll().await;
    watched.pass(TimeDelta::milliseconds(999));
    watched.poll().await;
    assert!(watched.messages().await.is_empty());
    watched.pass(TimeDelta::milliseconds(1));
    watched.poll().await;
    assert_eq!(watched.messages().await, ["2026-01-01 00:00:00 INFO no line end"]);
    watched.append("app.log", "\n2026-01-01 00:00:00 INFO the next line\n");
    watched.settle().await;
    assert_eq!(watched.messages().await[1..], ["2026-01-01 00:00:00 INFO the next line"]);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_stack_trace_split_over_two_polls_stays_one_event(pool: PgPool) {
    for split in [10, 60, 110, TRACE.len() - 3] {
        let mut watched = Watched::new(&pool, "app.log").await;
        watched.append("app.log", lines(0..2));
        watched.append("app.log", &TRACE[..split]);
        watched.poll().await;
        watched.restart();
        watched.append("app.log", &TRACE[split..]);
        watched.append("app.log", lines(2..4));
        watched.settle().await;
        let expected = [events(0..2), vec![TRACE.trim_end().to_owned()], events(2..4)].concat();
        assert_eq!(watched.messages().await, expected, "split at {split}");
        sqlx::query("delete from projects").execute(&pool).await.unwrap();
    }
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_line_of_a_megabyte_is_kept_and_a_longer_one_cut(pool: PgPool) {
    let mut watched = Watched::new(&pool, "app.log").await;
    let megabyte = "a".repeat(1 << 20);
    watched.append("app.log", format!("{megabyte}\n{}\nshort line\n", "b".repeat(3 << 20)));
    watched.settle().await;
    let read = watched.events().await;
    assert_eq!(read.iter().map(|(message, _)| message.len()).collect::<Vec<_>>(), [1 << 20, 1 << 20, 10]);
    assert_eq!(
        read.iter().map(|(_, attributes)| attributes["squall.cut_bytes"].as_u64()).collect::<Vec<_>>(),
        [None, Some(2 << 20), None]
    );
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_line_that_never_ends_is_one_event_and_does_not_stop_the_file(pool: PgPool) {
    let mut watched = Watched::new(&pool, "app.log").await;
    for _ in 0..10 {
        watched.append("app.log", vec![b'x'; 1 << 20]);
        watched.poll().await;
        watched.restart();
    }
    watched.append("app.log", "\n2026-01-01 00:00:00 INFO after it\n");
    watched.settle().await;
    let read = watched.messages().await;
    assert_eq!(
        (read.len(), read[0].len(), read[1].as_str()),
        (2, 1 << 20, "2026-01-01 00:00:00 INFO after it")
    );
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn odd_bytes_become_replacement_characters(pool: PgPool) {
    let mut watched = Watched::new(&pool, "app.log").await;
    watched.append("app.log", b"caf\xe9 down\r\n\n  \nwith \0 inside\n");
    watched.settle().await;
    assert_eq!(watched.messages().await, ["caf\u{fffd} down", "with \u{fffd} inside"]);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_gzip_file_is_read_once_and_whole(pool: PgPool) {
    let mut watched = Watched::new(&pool, "*.gz").await;
    let packed = [gzip(&lines(0..3000)), gzip(&lines(3000..3100)), gzip("no line end")].concat();
    watched.write("app.log.gz", packed);
    watched.settle().await;
    watched.settle().await;
    watched.restart();
    watched.settle().await;
    assert_eq!(watched.messages().await, [events(0..3100), vec!["no line end".to_owned()]].concat());
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_rotated_file_that_was_compressed_is_not_read_again(pool: PgPool) {
    let mut watched = Watched::new(&pool, "app.log*").await;
    watched.append("app.log", lines(0..100));
    watched.settle().await;
    // Lines that come while the worker is down are in the compressed file only.
    watched.append("app.log", lines(100..110));
    let text = fs::read_to_string(watched.path("app.log")).unwrap();
    watched.remove("app.log");
    watched.write("app.log.1.gz", gzip(&text));
    watched.restart();
    watched.settle().await;
    assert_eq!(watched.messages().await, events(0..110));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn of_a_damaged_gzip_file_the_readable_part_is_read_and_the_rest_told(pool: PgPool) {
    let mut watched = Watched::new(&pool, "*.gz").await;
    watched.write("app.log.gz", [gzip(&lines(0..5)), b"no gzip at all".to_vec()].concat());
    watched.settle().await;
    watched.settle().await;
    assert_eq!(watched.messages().await, events(0..5));
    let (failures, message) = watched.health().await;
    assert_eq!(failures, 1);
    assert!(message.unwrap().contains("damaged or not complete"));
}
