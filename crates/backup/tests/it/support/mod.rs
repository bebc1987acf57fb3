//! Databases on a real server and folders for backups, one of each per test.

pub mod cluster;

use sqlx::PgConnection;
use squall_backup::{
    create::{self, create},
    keys::{Identities, Recipients},
    list::list,
    manifest::{BackupId, BackupState, Manifest},
    postgres::{self, Programs, Server},
    progress::Progress,
    restore::{self, Restored, Target, restore},
    store::{Entry, Store},
    stream::Stop,
};
use std::{
    path::PathBuf,
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
};
use tempfile::TempDir;
use tokio::process::Command;

/// A database and a folder for its backups. Both are removed at the end, even when a test fails.
pub struct World {
    pub server: Server,
    pub programs: Programs,
    pub store: Store,
    pub folder: TempDir,
    pub url: String,
}

/// The parts that a request borrows.
pub struct Quiet {
    pub stop: Stop,
    pub progress: Progress,
}

impl Default for Quiet {
    fn default() -> Self {
        Self { stop: Stop::default(), progress: Progress::hidden() }
    }
}

impl World {
    /// An empty database.
    pub async fn empty() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("backup_test_{}_{number}", std::process::id());
        let base = std::env::var("DATABASE_URL").expect("DATABASE_URL names a server for tests");
        let mut aside = Server::parse(&base).unwrap().connect_maintenance().await.unwrap();
        postgres::execute(&mut aside, &format!("create database {name} template template0")).await.unwrap();
        let url = with_database(&base, &name);
        let server = Server::parse(&url).unwrap();
        let version = server.version_number().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self {
            programs: Programs::find(version).await.unwrap(),
            store: Store::open(folder.path().join("backups").to_str().unwrap()).unwrap(),
            server,
            folder,
            url,
        }
    }

    /// A database with every kind of object.
    pub async fn filled() -> Self {
        let world = Self::empty().await;
        world.execute(include_str!("odd.sql")).await;
        let mut connection = world.connect().await;
        let vector = "select exists (select from pg_available_extensions where name = 'vector')";
        if postgres::value(&mut connection, vector).await.unwrap() {
            world.execute(include_str!("vector.sql")).await;
        }
        world
    }

    pub async fn connect(&self) -> PgConnection {
        self.server.connect().await.unwrap()
    }

    pub async fn execute(&self, sql: &str) {
        postgres::execute(&mut self.connect().await, sql).await.unwrap();
    }

    /// The name of another database of this test.
    pub fn other(&self, suffix: &str) -> String {
        format!("{}_{suffix}", self.server.database())
    }

    /// All databases of this test.
    pub async fn databases(&self) -> Vec<String> {
        let mut aside = self.server.connect_maintenance().await.unwrap();
        let names = sqlx::query_scalar(
            "select datname::text from pg_database where starts_with(datname, $1) order by 1",
        );
        names.bind(self.server.database()).fetch_all(&mut aside).await.unwrap()
    }

    pub async fn create(&self) -> anyhow::Result<Manifest> {
        self.create_in(&self.store, &Recipients::default()).await
    }

    /// Every table with rows gets a file of its own.
    pub async fn create_in(&self, store: &Store, recipients: &Recipients) -> anyhow::Result<Manifest> {
        create(&create::Request {
            server: &self.server,
            programs: &self.programs,
            store,
            recipients,
            split_above: 8 * 1024,
            jobs: 2,
            stop: &Stop::default(),
            progress: &Progress::hidden(),
        })
        .await
    }

    pub async fn restore(&self, manifest: &Manifest, target: &Target) -> anyhow::Result<Restored> {
        self.restore_from(&self.store, manifest, target, &Identities::default()).await
    }

    pub async fn restore_from(
        &self,
        store: &Store,
        manifest: &Manifest,
        target: &Target,
        identities: &Identities,
    ) -> anyhow::Result<Restored> {
        restore(&self.request(store, identities, &Quiet::default()), manifest, target).await
    }

    pub fn request<'a>(
        &'a self,
        store: &'a Store,
        identities: &'a Identities,
        quiet: &'a Quiet,
    ) -> restore::Request<'a> {
        restore::Request {
            server: &self.server,
            store,
            identities,
            jobs: 2,
            no_privileges: false,
            stop: &quiet.stop,
            progress: &quiet.progress,
        }
    }

    /// The program, for this database and this folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_squall-backup"));
        command.args(arguments).env("DATABASE_URL", &self.url).env("SQUALL_BACKUP_TO", self.store.location());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    pub async fn sealed(&self) -> Vec<BackupId> {
        list(&self.store).await.unwrap().sealed().map(|manifest| manifest.id.clone()).collect()
    }

    pub async fn unfinished(&self) -> usize {
        let found = list(&self.store).await.unwrap().0;
        found.iter().filter(|(_, found)| matches!(found, BackupState::Unfinished)).count()
    }

    pub async fn files(&self) -> Vec<Entry> {
        self.store.list("").await.unwrap()
    }

    pub fn path(&self, id: &BackupId, name: &str) -> PathBuf {
        PathBuf::from(self.store.location()).join(id.file(name))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let server = self.server.clone();
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut aside = server.connect_maintenance().await.unwrap();
                let names = sqlx::query_scalar(
                    "select datname::text from pg_database where starts_with(datname, $1)",
                );
                let names: Vec<String> = names.bind(server.database()).fetch_all(&mut aside).await.unwrap();
                for name in names {
                    let drop = format!("drop database if exists {} with (force)", postgres::quoted(&name));
                    postgres::execute(&mut aside, &drop).await.unwrap();
                }
            });
        });
        // A test that failed has reported its reason already.
        let _ = dropping.join();
    }
}

/// The content of a database as text, to compare databases: every row and every sequence.
pub async fn content(server: &Server, manifest: &Manifest) -> Vec<String> {
    let mut connection = server.connect().await.unwrap();
    let mut content = Vec::new();
    for table in &manifest.tables {
        let name = postgres::qualified(&table.schema, &table.name);
        let query =
            format!("select coalesce(string_agg(t::text, E'\\n' order by t::text), '') from only {name} t");
        content
            .push(format!("{name}\n{}", postgres::value::<String>(&mut connection, &query).await.unwrap()));
    }
    let sequences = "select coalesce(string_agg(schemaname || sequencename || last_value, ' ' order by 1), '') \
                     from (select * from pg_sequences order by schemaname, sequencename) s";
    content.push(postgres::value(&mut connection, sequences).await.unwrap());
    content
}

fn with_database(url: &str, name: &str) -> String {
    let (address, query) =
        url.split_once('?').map_or((url, String::new()), |(address, query)| (address, format!("?{query}")));
    let authority = address.find("://").map_or(0, |index| index + 3);
    let end = address[authority..].find('/').map_or(address.len(), |index| authority + index);
    format!("{}/{name}{query}", &address[..end])
}
