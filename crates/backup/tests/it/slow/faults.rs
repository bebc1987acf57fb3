//! Kills, lost connections, concurrent runs: the data and the store stay intact.

use crate::support::{World, content};
use chrono::{TimeDelta, Utc};
use squall_backup::{
    keys::Identities,
    list::choose,
    manifest::{Manifest, SEAL},
    postgres,
    progress::Progress,
    prune::{Policy, prune},
    restore::Target,
    verify::verify,
};
use std::{collections::BTreeSet, fs};
use tokio::task::yield_now;

const KEEP_ALL: Policy = Policy { daily: 100, weekly: 100, monthly: 100 };

/// Enough rows for a create and a restore to be caught at work.
const MANY_ROWS: &str = "create table many as select i as id, repeat(md5(i::text), 8) as note from generate_series(1, 150000) i; \
                         create index on many (note, id)";

#[tokio::test]
async fn a_killed_create_is_never_listed_and_the_next_one_works() {
    let world = World::empty().await;
    world.execute(MANY_ROWS).await;
    let mut stages = BTreeSet::new();
    for files in [1, 2, 3] {
        let mut child = world.command(&["create", "--split-above", "1"]).spawn().unwrap();
        while world.files().await.len() < files && child.try_wait().unwrap().is_none() {
            yield_now().await;
        }
        child.start_kill().unwrap();
        child.wait().await.unwrap();
        stages.insert(world.files().await.len());
        assert!(world.sealed().await.is_empty(), "it ended before it could be killed: make more rows");
    }
    assert!(world.unfinished().await > 0, "{stages:?}");
    let manifest = world.create().await.unwrap();
    assert_eq!(world.sealed().await, std::slice::from_ref(&manifest.id));

    prune(&world.store, KEEP_ALL, false, Utc::now()).await.unwrap();
    assert!(world.unfinished().await > 0, "an unfinished one may still be at work");
    prune(&world.store, KEEP_ALL, false, Utc::now() + TimeDelta::hours(25)).await.unwrap();
    assert_eq!(world.unfinished().await, 0);
    assert!(world.files().await.iter().all(|entry| entry.path.starts_with(manifest.id.as_str())));
    verify(&world.store, &manifest.id, &Identities::default(), &Progress::hidden()).await.unwrap();
}

#[tokio::test]
async fn two_creates_at_once_make_two_backups() {
    let world = World::filled().await;
    let (one, other) = tokio::join!(world.create(), world.create());
    let ids: BTreeSet<_> = [one.unwrap().id, other.unwrap().id].into();
    assert_eq!(world.sealed().await.into_iter().collect::<BTreeSet<_>>(), ids);
    for id in ids {
        verify(&world.store, &id, &Identities::default(), &Progress::hidden()).await.unwrap();
    }
}

/// The number of connections of this database that wait for a lock or do something named so.
async fn waits_until(world: &World, condition: &str) {
    let mut aside = world.server.connect_maintenance().await.unwrap();
    let query = format!(
        "select count(*) from pg_stat_activity where datname = '{}' and {condition}",
        world.server.database()
    );
    while postgres::value::<i64>(&mut aside, &query).await.unwrap() == 0 {
        yield_now().await;
    }
}

#[tokio::test]
async fn a_connection_lost_in_the_middle_leaves_nothing_and_says_so() {
    let world = World::filled().await;
    let mut holder = world.connect().await;
    // The coordinator locks partitions only; pg_dump waits for what they are partitions of.
    postgres::execute(&mut holder, "begin; lock table only events in access exclusive mode").await.unwrap();
    let cutting = async {
        waits_until(&world, "wait_event_type = 'Lock'").await;
        let mut aside = world.server.connect_maintenance().await.unwrap();
        let cut = format!(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = '{}' and application_name = 'squall-backup'",
            world.server.database()
        );
        postgres::execute(&mut aside, &cut).await.unwrap();
    };
    let (made, ()) = tokio::join!(world.create(), cutting);
    let error = format!("{:#}", made.unwrap_err());
    assert!(error.contains("no backup was created, and nothing of"), "{error}");
    assert!(world.files().await.is_empty());
}

#[tokio::test]
async fn a_create_that_is_asked_to_stop_leaves_nothing() {
    let world = World::filled().await;
    // The coordinator waits for the first, pg_dump for the second.
    for table in ["plain", "events"] {
        let mut holder = world.connect().await;
        let lock = format!("begin; lock table only {table} in access exclusive mode");
        postgres::execute(&mut holder, &lock).await.unwrap();
        let child = world.command(&["create"]).spawn().unwrap();
        waits_until(&world, "wait_event_type = 'Lock'").await;
        let process = child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
        let output = child.wait_with_output().await.unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && stderr.contains("it was stopped on request"), "{stderr}");
        assert!(world.files().await.is_empty());
        postgres::execute(&mut holder, "rollback").await.unwrap();
    }
}

#[tokio::test]
async fn a_killed_restore_changes_nothing_and_the_next_one_clears_up() {
    let world = World::empty().await;
    world.execute(MANY_ROWS).await;
    let manifest = world.create().await.unwrap();
    let before = content(&world.server, &manifest).await;
    let leftovers = |names: &[String]| names.iter().filter(|name| name.contains("_restoring_")).count();
    for (before_it, arguments) in
        [vec!["restore", "--into", "TARGET"], vec!["restore", "--replace"]].into_iter().enumerate()
    {
        let name = world.other("restored");
        let arguments: Vec<_> =
            arguments.into_iter().map(|word| if word == "TARGET" { name.as_str() } else { word }).collect();
        let mut child = world.command(&arguments).spawn().unwrap();
        while leftovers(&world.databases().await) == before_it {
            assert!(child.try_wait().unwrap().is_none(), "{arguments:?} ended before it could be killed");
            yield_now().await;
        }
        child.start_kill().unwrap();
        child.wait().await.unwrap();
        let databases = world.databases().await;
        assert!(!databases.contains(&name), "{databases:?}");
        assert_eq!(content(&world.server, &manifest).await, before);
    }
    assert_eq!(leftovers(&world.databases().await), 2);
    world.restore(&manifest, &Target::Into(world.other("restored"))).await.unwrap();
    world.restore(&manifest, &Target::Replace).await.unwrap();
    assert_eq!(leftovers(&world.databases().await), 0);
}

#[tokio::test]
async fn a_database_that_is_not_empty_is_refused_with_the_next_step() {
    let world = World::filled().await;
    let manifest = world.create().await.unwrap();
    let into = Target::Into(world.server.database().to_owned());
    let error = format!("{:#}", world.restore(&manifest, &into).await.unwrap_err());
    assert!(error.contains("it is not empty") && error.contains("--replace"), "{error}");
    for name in ["", "postgres", "template1"] {
        assert!(world.restore(&manifest, &Target::Into(name.to_owned())).await.is_err(), "{name}");
    }
    assert_eq!(world.databases().await, [world.server.database()]);
}

#[tokio::test]
async fn an_empty_database_is_filled_and_keeps_its_settings() {
    let world = World::filled().await;
    let manifest = world.create().await.unwrap();
    let name = world.other("empty");
    world.execute(&format!("create database {name}")).await;
    world.execute(&format!("alter database {name} set work_mem to '9MB'")).await;
    world.execute(&format!("revoke connect on database {name} from public")).await;
    world.restore(&manifest, &Target::Into(name.clone())).await.unwrap();
    let mut restored = world.server.with_database(&name).connect().await.unwrap();
    assert_eq!(postgres::value::<String>(&mut restored, "show work_mem").await.unwrap(), "9MB");
    let public = "select not exists (select from pg_database d, aclexplode(d.datacl) a \
                  where d.datname = current_database() and a.grantee = 0 and a.privilege_type = 'CONNECT')";
    assert!(postgres::value::<bool>(&mut restored, public).await.unwrap());
    assert_eq!(world.databases().await, [world.server.database().to_owned(), name]);
}

#[tokio::test]
async fn replacing_keeps_the_old_database_even_while_it_is_in_use() {
    let world = World::filled().await;
    let manifest = world.create().await.unwrap();
    world.execute("insert into parent values (77, 'after the backup')").await;
    let newer = content(&world.server, &manifest).await;
    let mut user = world.connect().await;
    postgres::execute(&mut user, "begin; insert into parent values (78, 'never committed')").await.unwrap();

    let restored = world.restore(&manifest, &Target::Replace).await.unwrap();
    let old = restored.kept_as.clone().unwrap();
    assert!(restored.sentence().contains(&format!("drop database \"{old}\";")));
    assert_eq!(content(&world.server.with_database(&old), &manifest).await, newer);
    let mut now = world.connect().await;
    assert_eq!(
        postgres::value::<i64>(&mut now, "select count(*) from parent where id > 70").await.unwrap(),
        0
    );
    assert!(postgres::execute(&mut user, "commit").await.is_err(), "the old connection is gone");
}

#[tokio::test]
async fn a_prune_killed_half_way_leaves_no_half_backup_in_the_list() {
    let world = World::filled().await;
    let (first, second) = (world.create().await.unwrap(), world.create().await.unwrap());
    // This is the first thing that prune removes of a backup.
    fs::remove_file(world.path(&first.id, SEAL)).unwrap();
    assert_eq!(world.sealed().await, std::slice::from_ref(&second.id));
    assert!(choose(&world.store, first.id.as_str()).await.is_err());
    prune(&world.store, KEEP_ALL, false, Utc::now() + TimeDelta::hours(25)).await.unwrap();
    assert_eq!(world.unfinished().await, 0);
    assert_eq!(world.sealed().await, [second.id]);
}

#[tokio::test]
async fn prune_never_takes_the_last_good_one_and_keeps_a_damaged_one_for_its_owner() {
    let world = World::empty().await;
    let good = world.create().await.unwrap();
    let old = aged(&world, &good, "20250101T000000Z-aaaa").await;
    let damaged = aged(&world, &good, "20270101T000000Z-bbbb").await;
    fs::write(world.path(&damaged.id, "data.dump.zst"), "short").unwrap();
    let nothing = Policy { daily: 0, weekly: 0, monthly: 0 };

    let rehearsed = prune(&world.store, nothing, true, Utc::now()).await.unwrap();
    assert_eq!(world.sealed().await.len(), 3, "a rehearsal removes nothing");
    assert_eq!(prune(&world.store, nothing, false, Utc::now()).await.unwrap(), rehearsed);
    assert_eq!(world.sealed().await, [good.id, damaged.id]);
    assert!(!fs::exists(world.path(&old.id, "")).unwrap());
}

/// The same backup as if made at another time.
async fn aged(world: &World, manifest: &Manifest, id: &str) -> Manifest {
    let aged = Manifest { id: id.to_owned().try_into().unwrap(), ..manifest.clone() };
    for file in &manifest.files {
        let content = world.store.get(&manifest.id.file(&file.name)).await.unwrap().unwrap();
        world.store.put(&aged.id.file(&file.name), content).await.unwrap();
    }
    aged.seal(&world.store).await.unwrap();
    aged
}

#[tokio::test]
async fn missing_programs_are_named_with_what_to_install_or_set() {
    let world = World::empty().await;
    let empty = tempfile::tempdir().unwrap();
    let output = world.command(&["create"]).env("SQUALL_PG_BIN", empty.path()).output().await.unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        stderr.contains("looking for pg_dump")
            && stderr.contains("SQUALL_PG_BIN")
            && stderr.contains("install"),
        "{stderr}"
    );
}

#[tokio::test]
async fn a_password_is_on_no_command_line_and_in_no_error() {
    let world = World::empty().await;
    let url = "postgres://nobody:very-secret-word@127.0.0.1:1/none";
    let output = world.command(&["create"]).env("DATABASE_URL", url).output().await.unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && stderr.contains("check that PostgreSQL is running"), "{stderr}");
    assert!(!stderr.contains("very-secret-word"), "{stderr}");
}

#[tokio::test]
async fn a_place_that_takes_no_more_is_left_as_it_was() {
    let world = World::empty().await;
    world.execute(MANY_ROWS).await;
    // No file may grow beyond 100 blocks of 512 bytes.
    let limited = "trap '' XFSZ; ulimit -f 100; exec \"$0\" create --split-above 1";
    let output = tokio::process::Command::new("sh")
        .args(["-c", limited])
        .arg(env!("CARGO_BIN_EXE_squall-backup"))
        .env("DATABASE_URL", &world.url)
        .env("SQUALL_BACKUP_TO", world.store.location())
        .output()
        .await
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        stderr.contains("no backup was created, and nothing of") && stderr.contains("run the command again"),
        "{stderr}"
    );
    assert!(world.files().await.is_empty());
}

#[tokio::test]
async fn a_restore_whose_connections_are_cut_changes_nothing() {
    let world = World::empty().await;
    world.execute(MANY_ROWS).await;
    let manifest = world.create().await.unwrap();
    let target = Target::Replace;
    // Vacuum has connections, too; and one that is cut may have done its work already.
    let cutting = async {
        let mut aside = world.server.connect_maintenance().await.unwrap();
        let cut = format!(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity
             where datname like '{}_restoring_%' and backend_type = 'client backend' and state = 'active'",
            world.server.database()
        );
        loop {
            postgres::value::<i64>(&mut aside, &cut).await.unwrap();
            yield_now().await;
        }
    };
    let restored = tokio::select! {
        restored = world.restore(&manifest, &target) => restored,
        () = cutting => unreachable!("it cuts until the restore ends"),
    };
    let error = format!("{:#}", restored.unwrap_err());
    assert!(error.contains("the existing database is unchanged"), "{error}");
    assert_eq!(world.databases().await, [world.server.database()]);
}
