//! Bases and the write-ahead log become the database of one moment, on servers of their own.

use crate::support::cluster::Cluster;
use chrono::{DateTime, TimeDelta, Utc};
use squall_backup::{
    base::{self, Base, base, bases},
    keys::{Identities, Recipients, generate},
    postgres::Programs,
    progress::Progress,
    recover::{self, Prepared, recover},
    store::Store,
    stream::Stop,
    wal,
};
use std::{os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};
use tempfile::TempDir;
use tokio::task::JoinHandle;

#[tokio::test(flavor = "multi_thread")]
async fn a_row_deleted_by_mistake_is_there_again_at_the_moment_before() {
    let mut world = World::new().await;
    let follower = world.follow();
    world.live.run("create table numbers (n integer); insert into numbers values (1)").await;
    let base = world.base(None).await.unwrap();
    world.live.run("insert into numbers values (2)").await;
    world.live.run("select pg_switch_wal()").await;
    world.live.run("insert into numbers values (3)").await;
    let before: DateTime<Utc> = world.live.value("select clock_timestamp()").await;
    world.live.run("delete from numbers").await;
    follower.end_after_now(&mut world, &base).await;

    let prepared = world.recover(before, "recovered").await.unwrap();
    assert!(prepared.segments >= 2 && prepared.bases == 1, "{prepared:?}");
    let mut recovered = Cluster::start(&world.path("recovered"));
    let rows: Vec<i32> = recovered.rows("select n from numbers order by n").await;
    assert_eq!(rows, [1, 2, 3]);
    recovered.run("insert into numbers values (5)").await;
    drop(recovered);

    let refused = world.recover(base.started_at - TimeDelta::days(1), "early").await.unwrap_err().to_string();
    assert!(refused.contains("the earliest time that can be recovered is"), "{refused}");
    assert!(world.recover(before, "recovered").await.unwrap_err().to_string().contains("is not empty"));
    assert_eq!(bases(&world.store).await.unwrap().len(), 1);
    world.damage(&base.tar());
    let error = format!("{:#}", world.recover(before, "elsewhere").await.unwrap_err());
    assert!(error.contains("nothing was recovered") && error.contains("the hash differs"), "{error}");
    assert!(!world.path("elsewhere").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_is_recovered_from_a_full_base_and_its_encrypted_increments() {
    let mut world = World::new().await;
    world.encrypt();
    let week = Some(TimeDelta::days(7));
    world.live.run("create table numbers (n integer, filler text)").await;
    world.live.run("insert into numbers select n, repeat('x', 500) from generate_series(1, 20000) n").await;
    let follower = world.follow();
    let full = world.base(week).await.unwrap();
    assert_eq!(full.parent, None, "the first one is full");
    world.live.run("update numbers set n = -n where n <= 3; insert into numbers values (20001, '')").await;
    let first = world.base(week).await.unwrap();
    world.live.run("delete from numbers where n between 4 and 10000").await;
    let second = world.base(week).await.unwrap();
    assert_eq!((first.parent.as_ref(), second.parent.as_ref()), (Some(&full.id), Some(&first.id)));
    // The log that a base carries is in whole segments of 16 MB; what changed is a few kilobytes.
    assert!(first.file.stored_bytes * 4 < full.file.stored_bytes, "{first:?}, {full:?}");
    world.live.run("insert into numbers values (20002, '')").await;
    let before: DateTime<Utc> = world.live.value("select clock_timestamp()").await;
    world.live.run("drop table numbers").await;
    follower.end_after_now(&mut world, &second).await;

    let prepared = world.recover(before, "recovered").await.unwrap();
    assert_eq!((prepared.base.id, prepared.bases), (second.id.clone(), 3));
    assert!(!world.path("recovered.parts").exists(), "what it was made of is gone");
    let mut recovered = Cluster::start(&world.path("recovered"));
    let rows: Vec<i32> =
        recovered.rows("select n from numbers where n <= 10001 or n > 20000 order by n").await;
    assert_eq!(rows, [-3, -2, -1, 10001, 20001, 20002]);
    drop(recovered);

    world.damage(&first.tar());
    let error = format!("{:#}", world.recover(before, "elsewhere").await.unwrap_err());
    assert!(error.contains("nothing was recovered") && error.contains("the hash differs"), "{error}");
    assert!(!world.path("elsewhere").exists() && !world.path("elsewhere.parts").exists());

    world.keep = 1;
    let next = world.base(None).await.unwrap();
    let left: Vec<_> = bases(&world.store).await.unwrap().into_iter().map(|base| base.id).collect();
    assert_eq!(left, [next.id], "increments go with the full one they build on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_in_the_log_is_named_and_a_base_after_it_serves_again() {
    let mut world = World::new().await;
    let follower = world.follow();
    let early = world.base(None).await.unwrap();
    follower.end_after_now(&mut world, &early).await;
    // Without the slot the server removes segments that were not received.
    world.live.run("select pg_drop_replication_slot('squall_backup')").await;
    for _ in 0..3 {
        world.live.run("create table busy as select 1; drop table busy").await;
        world.live.run("select pg_switch_wal()").await;
    }
    world.live.run("checkpoint").await;
    // A slot alone does not help: what the spool has ends before it.
    world.live.run("select pg_create_physical_replication_slot('squall_backup', true)").await;
    let follower = world.follow();
    let late = world.base(None).await.unwrap();
    let moment: DateTime<Utc> = world.live.value("select clock_timestamp()").await;
    follower.end_after_now(&mut world, &late).await;
    assert_eq!(world.recover(moment, "served").await.unwrap().base.id, late.id);
    let mut recovered = Cluster::start(&world.path("served"));
    recovered.run("create table it_takes_writes (n integer)").await;

    let between = late.started_at - TimeDelta::milliseconds(1);
    let error = format!("{:#}", world.recover(between, "between").await.unwrap_err());
    assert!(error.contains("what follows is missing") && error.contains(early.id.as_str()), "{error}");
    let later = moment + TimeDelta::days(1);
    let error = format!("{:#}", world.recover(later, "later").await.unwrap_err());
    assert!(error.contains("nothing later was archived") && error.contains(late.id.as_str()), "{error}");
    assert!(!world.path("between").exists() && !world.path("later").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_long_after_a_moment_does_not_touch_it() {
    let mut world = World::new().await;
    let follower = world.follow();
    let base = world.base(None).await.unwrap();
    let moment: DateTime<Utc> = world.live.value("select clock_timestamp()").await;
    for _ in 0..5 {
        world.live.run("select pg_logical_emit_message(true, 'busy', '')").await;
        world.live.run("select pg_switch_wal()").await;
    }
    follower.end_after_now(&mut world, &base).await;
    let segments = wal::segments(&world.store, &base.system, &base.first_segment).await.unwrap();
    world.damage(&segments.last().unwrap().path);
    world.recover(moment, "recovered").await.unwrap();
    let latest = segments.last().unwrap().received_at;
    assert!(format!("{:#}", world.recover(latest, "latest").await.unwrap_err()).contains("the hash differs"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_recovery_reaches_a_later_moment_of_the_first_server() {
    let mut world = World::new().await;
    world.live.run("create table numbers (n integer)").await;
    let follower = world.follow();
    let base = world.base(None).await.unwrap();
    world.live.run("insert into numbers values (1)").await;
    let first: DateTime<Utc> = world.live.value("select clock_timestamp()").await;
    world.live.run("insert into numbers values (2)").await;
    let second: DateTime<Utc> = world.live.value("select clock_timestamp()").await;
    world.live.run("drop table numbers").await;
    follower.end_after_now(&mut world, &base).await;

    world.recover(first, "early").await.unwrap();
    world.live = Cluster::start(&world.path("early"));
    assert_eq!(world.live.rows("select n from numbers").await, [1]);
    // The recovered server continues on a timeline of its own, and its log goes to the same store,
    // encrypted from now on.
    world.encrypt();
    let mut follower = world.follow();
    follower.has_begun(&mut world).await;
    world.live.run("insert into numbers values (10)").await;
    let third: DateTime<Utc> = world.live.value("select clock_timestamp()").await;
    world.live.run("drop table numbers").await;
    follower.end_after_now(&mut world, &base).await;

    for (moment, into, expected) in [(second, "second", vec![1, 2]), (third, "third", vec![1, 10])] {
        world.recover(moment, into).await.unwrap();
        let mut recovered = Cluster::start(&world.path(into));
        assert_eq!(recovered.rows("select n from numbers order by n").await, expected, "{into}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_increment_that_cannot_be_made_says_what_to_do_and_leaves_nothing() {
    let mut world = World::new().await;
    let week = Some(TimeDelta::days(7));
    let full = world.base(week).await.unwrap();
    world.live.run("alter system set summarize_wal = off").await;
    world.live.run("select pg_reload_conf()").await;
    while world.live.value::<String>("show summarize_wal").await == "on" {}
    let refused = format!("{:#}", world.base(week).await.unwrap_err());
    assert!(refused.contains("summarize_wal is off") && refused.contains("squall-backup base"), "{refused}");
    assert_eq!(bases(&world.store).await.unwrap().len(), 1);
    assert_eq!(world.store.list("base").await.unwrap().len(), 4, "the files of {} alone", full.id);
    let other = world.base(Some(TimeDelta::zero())).await.unwrap();
    assert_eq!(other.parent, None, "when the full one is old, the next is full again");
}

/// A live server, a place for its bases, and who reads them.
struct World {
    folder: TempDir,
    live: Cluster,
    store: Store,
    programs: Programs,
    recipients: Recipients,
    identities: Identities,
    keep: usize,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let mut live = Cluster::create(&folder.path().join("live"));
        let version = live.value("select current_setting('server_version_num')::int").await;
        Self {
            store: Store::open(folder.path().join("backups").to_str().unwrap()).unwrap(),
            programs: Programs::find(version).await.unwrap(),
            recipients: Recipients::default(),
            identities: Identities::default(),
            keep: 2,
            folder,
            live,
        }
    }

    fn encrypt(&mut self) {
        let key = self.path("key");
        self.recipients = Recipients::parse(&[generate(&key).unwrap()], None).unwrap();
        self.identities = Identities::read(Some(&key)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn base(&self, increment_for: Option<TimeDelta>) -> anyhow::Result<Base> {
        let request = base::Request {
            server: &self.live.server,
            programs: &self.programs,
            store: &self.store,
            recipients: &self.recipients,
            increment_for,
            keep: self.keep,
            progress: &Progress::hidden(),
            stop: &Stop::default(),
        };
        base(&request).await
    }

    async fn recover(&self, to: DateTime<Utc>, into: &str) -> anyhow::Result<Prepared> {
        let request = recover::Request {
            store: &self.store,
            identities: &self.identities,
            to,
            into: self.path(into),
            progress: &Progress::hidden(),
        };
        recover(&request).await
    }

    /// Keeps the log of the live server in the background.
    fn follow(&self) -> Follower {
        let (server, programs, store) = (self.live.server.clone(), self.programs.clone(), self.store.clone());
        let (recipients, spool, stop) = (self.recipients.clone(), self.path("spool"), Stop::default());
        let requested = stop.clone();
        let task = tokio::spawn(async move {
            let request = wal::Request {
                server: &server,
                programs: &programs,
                store: &store,
                recipients: &recipients,
                spool,
                flush: Duration::ZERO,
                stop: &requested,
                note: |_| {},
            };
            wal::receive(&request).await
        });
        Follower { stop, task }
    }

    fn damage(&self, path: &str) {
        let path = self.path("backups").join(path);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
}

struct Follower {
    stop: Stop,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Follower {
    /// Waits until pg_receivewal is there.
    async fn has_begun(&mut self, world: &mut World) {
        while world.live.value::<i64>("select count(*) from pg_stat_replication").await == 0 {
            assert!(!self.task.is_finished(), "the log is not being archived: {:?}", (&mut self.task).await);
        }
    }

    /// Waits until the log up to now is archived, then ends.
    async fn end_after_now(self, world: &mut World, base: &Base) {
        let last: String = world.live.value("select pg_walfile_name(pg_current_wal_lsn())").await;
        world.live.run("select pg_logical_emit_message(true, 'later', '')").await;
        world.live.run("select pg_switch_wal()").await;
        let arrived = async || {
            let segments = wal::segments(&world.store, &base.system, &base.first_segment).await.unwrap();
            segments.iter().any(|segment| segment.file.name == last)
        };
        while !arrived().await {
            assert!(!self.task.is_finished(), "the log is no longer being archived: {:?}", self.task.await);
            tokio::task::yield_now().await;
        }
        self.stop.request();
        self.task.await.unwrap().unwrap();
    }
}
