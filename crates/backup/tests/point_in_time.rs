//! A base and the write-ahead log become the database of one moment, on servers of their own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use chrono::{DateTime, TimeDelta, Utc};
use squall_backup::{
    base::{self, base, bases},
    keys::{Identities, Recipients},
    postgres::{self, Programs, Server},
    progress::Progress,
    recover::{self, recover},
    store::Store,
    stream::Stop,
    wal,
};
use std::{
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread")]
async fn a_row_deleted_by_mistake_is_there_again_at_the_moment_before() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let mut live = Cluster::create(&folder.path().join("live"));
    let store = Store::open(folder.path().join("backups").to_str().unwrap()).unwrap();
    let programs =
        Programs::find(bin(), live.value("select current_setting('server_version_num')::int").await)
            .await
            .unwrap();
    let (stop, progress, recipients) = (Stop::default(), Progress::silent(), Recipients::default());
    let spool = folder.path().join("spool");
    let follower = {
        let (server, programs, store, stop) =
            (live.server.clone(), programs.clone(), store.clone(), stop.clone());
        tokio::spawn(async move {
            let request = wal::Request {
                server: &server,
                programs: &programs,
                store: &store,
                recipients: &Recipients::default(),
                spool,
                flush: Duration::ZERO,
                stop: &stop,
            };
            wal::receive(&request).await
        })
    };
    live.run("create table kept (n integer); insert into kept values (1)").await;
    let request = base::Request {
        server: &live.server,
        programs: &programs,
        store: &store,
        recipients: &recipients,
        keep: 2,
        progress: &progress,
        stop: &Stop::default(),
    };
    let base = base(&request).await.unwrap();
    live.run("insert into kept values (2)").await;
    live.run("select pg_switch_wal()").await;
    live.run("insert into kept values (3)").await;
    let before: DateTime<Utc> = live.value("select clock_timestamp()").await;
    live.run("delete from kept").await;
    let last: String = live.value("select pg_walfile_name(pg_current_wal_lsn())").await;
    live.run("insert into kept values (4)").await;
    // The log is followed by itself; a moment later than the delete has to arrive.
    while !wal::segments(&store, &base.first_segment).await.unwrap().iter().any(|s| s.name.starts_with(&last))
    {
        assert!(!follower.is_finished(), "nobody follows the log any more: {:?}", follower.await);
        tokio::task::yield_now().await;
    }
    stop.ask();
    follower.await.unwrap().unwrap();
    drop(live);

    let into = folder.path().join("recovered");
    let request = recover::Request {
        store: &store,
        identities: &Identities::default(),
        to: before,
        into: into.clone(),
        progress: &progress,
    };
    let prepared = recover(&request).await.unwrap();
    assert!(prepared.segments >= 2, "{prepared:?}");
    let mut recovered = Cluster::start(&into);
    let rows: Vec<i32> = recovered.rows("select n from kept order by n").await;
    assert_eq!(rows, [1, 2, 3]);
    recovered.run("insert into kept values (5)").await;
    drop(recovered);

    let early = recover::Request {
        to: base.started_at - TimeDelta::days(1),
        into: folder.path().join("early"),
        ..request
    };
    let refused = recover(&early).await.unwrap_err().to_string();
    assert!(refused.contains("the first moment that can be recovered is"), "{refused}");
    let again = recover::Request { to: before, into, ..early };
    assert!(recover(&again).await.unwrap_err().to_string().contains("is not empty"));
    assert_eq!(bases(&store).await.unwrap().len(), 1);
    damage(&folder, &base.tar());
    let elsewhere = recover::Request { into: folder.path().join("elsewhere"), ..again };
    let said = format!("{:#}", recover(&elsewhere).await.unwrap_err());
    assert!(said.contains("nothing was recovered") && said.contains("the hash differs"), "{said}");
    assert!(!folder.path().join("elsewhere").exists());
}

fn damage(folder: &TempDir, path: &str) {
    let path = folder.path().join("backups").join(path);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
}

/// A server of the test's own, on a free port.
struct Cluster {
    server: Server,
    child: Child,
}

impl Cluster {
    fn create(data: &Path) -> Self {
        std::fs::create_dir(data).unwrap();
        give_away(data);
        let arguments =
            ["--no-sync", "--auth=trust", "--username=squall", "--encoding=UTF8", "--no-locale", "-D"];
        let made = program("initdb").args(arguments).arg(data).stdout(Stdio::null()).status().unwrap();
        assert!(made.success());
        Self::start(data)
    }

    fn start(data: &Path) -> Self {
        give_away(data);
        // A socket in the folder and no port: nobody else can have it.
        let mut command = program("postgres");
        command.arg("-D").arg(data).args(["-c", "listen_addresses=", "-c"]);
        command.arg(format!("unix_socket_directories={}", data.display()));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server =
            Server::parse(&format!("postgres:///postgres?host={}&user=squall", data.display())).unwrap();
        Self { server, child }
    }

    /// Waits until the server is there, and takes writes: while it recovers it does not.
    async fn connect(&mut self) -> sqlx::PgConnection {
        loop {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended: {ended:?}");
            if let Ok(mut connection) = self.server.connect().await
                && !postgres::value::<bool>(&mut connection, "select pg_is_in_recovery()")
                    .await
                    .unwrap_or(true)
            {
                return connection;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn run(&mut self, statement: &str) {
        postgres::execute(&mut self.connect().await, statement).await.unwrap();
    }

    async fn value<T>(&mut self, query: &str) -> T
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        postgres::value(&mut self.connect().await, query).await.unwrap()
    }

    async fn rows(&mut self, query: &'static str) -> Vec<i32> {
        sqlx::query_scalar(query).fetch_all(&mut self.connect().await).await.unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

fn bin() -> Option<PathBuf> {
    std::env::var_os("SQUALL_PG_BIN").map(PathBuf::from)
}

/// PostgreSQL refuses to run as root: then it runs as nobody.
fn program(name: &str) -> Command {
    let path = bin().map_or_else(|| PathBuf::from(name), |bin| bin.join(name));
    let mut command = Command::new(path);
    if is_root() {
        std::os::unix::process::CommandExt::uid(&mut command, NOBODY);
    }
    command
}

const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

fn give_away(folder: &Path) {
    if !is_root() {
        return;
    }
    chown(folder, Some(NOBODY), None).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            give_away(&path);
        } else {
            chown(&path, Some(NOBODY), None).unwrap();
        }
    }
}
