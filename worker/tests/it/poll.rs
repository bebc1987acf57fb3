//! A file source puts every line into the inbox once, whatever happens to the files, the worker or
//! the database.

use crate::poll_support::{Watched, context, events, lines};
use chrono::TimeDelta;
use sqlx::PgPool;
use squall_worker::pipeline::{Poll, Progress};
use std::{fs, os::unix::fs::symlink};

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn existing_and_appended_lines_are_read_once(pool: PgPool) {
    let mut watched = Watched::new(&pool, "app.log").await;
    watched.append("app.log", lines(0..3));
    watched.settle().await;
    watched.append("app.log", lines(3..5));
    watched.settle().await;
    watched.settle().await;
    assert_eq!(watched.messages().await, events(0..5));
    let (_, attributes) = watched.events().await.remove(0);
    assert_eq!(attributes, serde_json::json!({ "log.file.path": watched.path("app.log") }));
    let (last_success, bytes): (bool, i64) = sqlx::query_as(
        "select last_success_at is not null, (select sum(bytes)::bigint from polls) from sources",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert_eq!((last_success, bytes), (true, lines(0..5).len() as i64));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn after_a_restart_nothing_is_read_twice(pool: PgPool) {
    let mut watched = Watched::new(&pool, "app.log").await;
    for turn in 0..4 {
        watched.append("app.log", lines(turn * 10..turn * 10 + 10));
        watched.poll().await;
        watched.restart();
    }
    watched.settle().await;
    assert_eq!(watched.messages().await, events(0..40));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn what_could_not_be_saved_is_read_again(pool: PgPool) {
    let mut watched = Watched::new(&pool, "app.log").await;
    watched.append("app.log", lines(0..5));
    // The cursor is written last; when that fails, the events before it must not stay.
    sqlx::raw_sql(
        "create function refuse() returns trigger language plpgsql as
         $$ begin raise exception 'no space left'; end $$;
         create trigger refuse before update of cursor on sources for each row execute function refuse();",
    )
    .execute(&pool)
    .await
    .unwrap();
    let mut crashing = watched.another_worker();
    for poll in [&mut crashing, &mut watched.poll] {
        let error = poll.poll_once(chrono::DateTime::UNIX_EPOCH).await.unwrap_err();
        assert!(format!("{error:#}").contains("no space left"), "{error:#}");
    }
    assert!(watched.messages().await.is_empty());
    sqlx::raw_sql("drop trigger refuse on sources").execute(&pool).await.unwrap();
    watched.settle().await;
    assert_eq!(watched.messages().await, events(0..5));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn one_poll_reads_no_more_than_its_budget_and_asks_for_more(pool: PgPool) {
    let mut watched = Watched::new(&pool, "app.log").await;
    watched.append("app.log", lines(0..3000));
    let Progress::Did(first) = watched.poll_once().await.unwrap() else { panic!("nothing read") };
    assert!((500..1500).contains(&first), "{first}");
    watched.settle().await;
    assert_eq!(watched.messages().await, events(0..3000));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_large_file_does_not_keep_a_small_one_waiting(pool: PgPool) {
    let mut watched = Watched::new(&pool, "*.log").await;
    for number in 0..4 {
        watched.append(&format!("large-{number}.log"), lines(0..3000));
    }
    watched.append("small.log", "a few words\nand a few more\n");
    for _ in 0..5 {
        watched.poll_once().await.unwrap();
    }
    assert!(watched.messages().await.contains(&"a few words".to_owned()));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_rotated_file_is_read_to_its_end_before_the_new_one(pool: PgPool) {
    let mut watched = Watched::new(&pool, "app.log").await;
    watched.append("app.log", lines(0..2000));
    watched.poll_once().await.unwrap();
    watched.append("app.log", lines(2000..2010));
    watched.rename("app.log", "app.log.1");
    watched.append("app.log", lines(2011..2020));
    watched.poll().await;
    // The program has not let go of the old file yet.
    watched.append("app.log.1", lines(2010..2011));
    watched.settle().await;
    assert_eq!(watched.messages().await, events(0..2020));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_file_rotated_while_the_worker_was_down_is_found_by_its_inode(pool: PgPool) {
    let mut watched = Watched::new(&pool, "app.log").await;
    watched.append("app.log", lines(0..5));
    watched.settle().await;
    watched.append("app.log", lines(5..9));
    watched.rename("app.log", "app.log.1");
    watched.append("app.log", lines(9..12));
    watched.restart();
    watched.settle().await;
    assert_eq!(watched.messages().await, events(0..12));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn rotated_names_that_match_the_glob_are_not_read_again(pool: PgPool) {
    let mut watched = Watched::new(&pool, "app.log*").await;
    for turn in 0..4 {
        watched.append("app.log", lines(turn * 5..turn * 5 + 5));
        watched.settle().await;
        for number in (1..4).rev().filter(|number| watched.path(&format!("app.log.{number}")).exists()) {
            watched.rename(&format!("app.log.{number}"), &format!("app.log.{}", number + 1));
        }
        watched.rename("app.log", "app.log.1");
        watched.restart();
    }
    watched.settle().await;
    assert_eq!(watched.messages().await, events(0..20));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_truncated_file_is_read_from_its_start(pool: PgPool) {
    let mut watched = Watched::new(&pool, "app.log").await;
    watched.append("app.log", lines(0..50));
    watched.settle().await;
    // Once shorter than before, once longer: only its first bytes then tell.
    watched.write("app.log", lines(50..55));
    watched.settle().await;
    watched.write("app.log", lines(55..99));
    watched.restart();
    watched.settle().await;
    assert_eq!(watched.messages().await, events(0..99));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_copy_of_a_truncated_file_is_read_on_where_the_original_was(pool: PgPool) {
    let mut watched = Watched::new(&pool, "app.log*").await;
    watched.append("app.log", lines(0..50));
    watched.settle().await;
    watched.append("app.log", lines(50..60));
    fs::copy(watched.path("app.log"), watched.path("app.log.1")).unwrap();
    // The worker looks between the copy and the truncation.
    watched.poll().await;
    watched.write("app.log", "");
    watched.settle().await;
    watched.append("app.log", lines(60..65));
    watched.settle().await;
    assert_eq!(watched.messages().await, events(0..65));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_file_replaced_by_one_of_the_same_size_is_read_from_its_start(pool: PgPool) {
    let mut watched = Watched::new(&pool, "app.log").await;
    watched.append("app.log", lines(10..20));
    watched.settle().await;
    watched.append("new", lines(20..30));
    watched.rename("new", "app.log");
    watched.settle().await;
    assert_eq!(watched.messages().await, events(10..30));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn an_inode_given_to_another_file_is_noticed(pool: PgPool) {
    let mut watched = Watched::new(&pool, "*.log").await;
    watched.append("old.log", lines(0..10));
    watched.settle().await;
    // Rewriting the file keeps its inode, as if the file system had reused it for another file.
    watched.write("old.log", lines(10..30));
    watched.rename("old.log", "new.log");
    watched.restart();
    watched.settle().await;
    assert_eq!(watched.messages().await, events(0..30));
    assert_eq!(watched.events().await[29].1["log.file.path"], serde_json::json!(watched.path("new.log")));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_file_that_vanishes_while_it_is_read_is_read_to_its_end(pool: PgPool) {
    let mut watched = Watched::new(&pool, "app.log").await;
    watched.append("app.log", lines(0..2000));
    watched.poll_once().await.unwrap();
    watched.append("app.log", lines(2000..2005));
    watched.remove("app.log");
    watched.settle().await;
    assert_eq!(watched.messages().await, events(0..2005));
    let (failures, message) = watched.health().await;
    assert_eq!(failures, 0);
    assert!(message.unwrap().starts_with("No file matches"));
    // The same name, another file.
    watched.append("app.log", lines(2005..2010));
    watched.settle().await;
    assert_eq!(watched.messages().await, events(0..2010));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_removed_file_that_is_made_again_with_the_same_line_is_read_again(pool: PgPool) {
    let mut watched = Watched::new(&pool, "app.log").await;
    for _ in 0..3 {
        watched.append("app.log", lines(0..1));
        watched.settle().await;
        watched.remove("app.log");
        watched.settle().await;
    }
    assert_eq!(watched.messages().await, [events(0..1), events(0..1), events(0..1)].concat());
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_file_that_comes_back_with_its_volume_is_read_on(pool: PgPool) {
    let mut watched = Watched::new(&pool, "logs/app.log").await;
    fs::create_dir(watched.path("logs")).unwrap();
    watched.append("logs/app.log", lines(0..5));
    watched.settle().await;
    watched.rename("logs", "away");
    watched.restart();
    watched.settle().await;
    watched.rename("away", "logs");
    watched.append("logs/app.log", lines(5..8));
    watched.restart();
    watched.settle().await;
    assert_eq!(watched.messages().await, events(0..8));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_glob_that_matches_nothing_says_so_until_a_file_appears(pool: PgPool) {
    let mut watched = Watched::new(&pool, "*.log").await;
    watched.settle().await;
    let (failures, message) = watched.health().await;
    let expected = format!(
        "No file matches {}. Check the path, and that the worker can read it.",
        watched.path("*.log").display()
    );
    assert_eq!((failures, message), (0, Some(expected)));
    assert!(watched.history().await.is_empty());
    watched.append("app.log", lines(0..1));
    watched.settle().await;
    assert_eq!(watched.health().await, (0, None));
    assert_eq!(watched.messages().await, events(0..1));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_file_that_cannot_be_read_is_named_and_the_others_go_on(pool: PgPool) {
    let mut watched = Watched::new(&pool, "*.log").await;
    // Not even root can follow a link to itself.
    symlink(watched.path("loop.log"), watched.path("loop.log")).unwrap();
    watched.append("app.log", lines(0..3));
    watched.settle().await;
    watched.append("app.log", lines(3..5));
    watched.settle().await;
    assert_eq!(watched.messages().await, events(0..5));
    let (failures, message) = watched.health().await;
    let message = message.unwrap();
    assert_eq!(failures, 1, "the same message again is not a new failure");
    assert!(message.contains("loop.log cannot be read") && message.contains("remove it"), "{message}");
    let failed = watched.history().await.into_iter().filter(|(outcome, _, _)| outcome == "failed").count();
    assert_eq!(failed, 1);
    watched.remove("loop.log");
    watched.settle().await;
    assert_eq!(watched.health().await, (0, None));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn settings_that_cannot_work_are_recorded_once(pool: PgPool) {
    let mut watched = Watched::new(&pool, "*.log").await;
    sqlx::query("update sources set settings = '{\"glob\": \"logs/*.log\"}'").execute(&pool).await.unwrap();
    for _ in 0..3 {
        assert!(watched.poll_once().await.is_err());
    }
    let (failures, message) = watched.health().await;
    assert_eq!(failures, 3);
    assert!(message.unwrap().contains("must be an absolute path"));
    assert_eq!(watched.history().await.len(), 1);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn two_workers_on_one_source_double_nothing(pool: PgPool) {
    let watched = Watched::new(&pool, "*.log").await;
    for name in ["a.log", "b.log"] {
        watched.append(name, lines(0..4000));
    }
    let work = |mut poll: Poll| async move {
        let mut now = chrono::DateTime::UNIX_EPOCH;
        for _ in 0..60 {
            now += TimeDelta::milliseconds(500);
            while poll.poll_once(now).await.unwrap() != Progress::Idle {}
        }
    };
    let workers: Vec<_> = (0..3).map(|_| tokio::spawn(work(watched.another_worker()))).collect();
    for worker in workers {
        worker.await.unwrap();
    }
    let mut read = watched.messages().await;
    let mut expected = [events(0..4000), events(0..4000)].concat();
    read.sort();
    expected.sort();
    assert!(read == expected, "{} events", read.len());
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_disabled_source_is_not_read(pool: PgPool) {
    let mut watched = Watched::new(&pool, "app.log").await;
    watched.append("app.log", lines(0..3));
    watched.settle().await;
    sqlx::query("update sources set enabled = false").execute(&pool).await.unwrap();
    watched.append("app.log", lines(3..6));
    watched.settle().await;
    watched.restart();
    watched.settle().await;
    assert_eq!(watched.messages().await, events(0..3));
    sqlx::query("update sources set enabled = true").execute(&pool).await.unwrap();
    watched.settle().await;
    assert_eq!(watched.messages().await, events(0..6));
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_source_deleted_while_it_is_read_ends_quietly(pool: PgPool) {
    let mut watched = Watched::new(&pool, "app.log").await;
    watched.append("app.log", lines(0..3));
    watched.settle().await;
    sqlx::query("delete from projects").execute(&pool).await.unwrap();
    watched.append("app.log", lines(3..6));
    assert_eq!(watched.poll_once().await.unwrap(), Progress::Idle);
    assert_eq!(watched.poll_once().await.unwrap(), Progress::Idle);
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn new_events_ring_for_the_digest(pool: PgPool) {
    let watched = Watched::new(&pool, "app.log").await;
    watched.append("app.log", lines(0..3));
    let context = context(&pool);
    Poll::new(context.clone(), watched.source_id).poll_once(chrono::DateTime::UNIX_EPOCH).await.unwrap();
    context.inbox_filled.notified().await;
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_file_without_permission_is_read_when_it_is_given(pool: PgPool) {
    use std::os::unix::fs::PermissionsExt;
    read_as_an_ordinary_user();
    let mut watched = Watched::new(&pool, "*.log").await;
    watched.append("app.log", lines(0..3));
    fs::set_permissions(watched.path("app.log"), fs::Permissions::from_mode(0o000)).unwrap();
    watched.settle().await;
    let (failures, message) = watched.health().await;
    assert_eq!(failures, 1);
    assert!(message.unwrap().contains("Give the user of the worker read access"));
    fs::set_permissions(watched.path("app.log"), fs::Permissions::from_mode(0o644)).unwrap();
    watched.settle().await;
    assert_eq!((watched.messages().await, watched.health().await), (events(0..3), (0, None)));
}

/// Takes from this thread, and from those it starts, what lets root read every file.
fn read_as_an_ordinary_user() {
    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
    let mut sets = capabilities(None).unwrap();
    sets.effective.remove(CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH);
    set_capabilities(None, sets).unwrap();
}
