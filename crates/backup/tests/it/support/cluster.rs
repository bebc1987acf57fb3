//! A private server, whose data folder can be copied and whose log can be archived.

use squall_backup::postgres::{self, Server};
use squall_base::postgres::{program as program_path, programs_folder};
use std::{
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A server that only this test can reach.
pub struct Cluster {
    pub server: Server,
    data: PathBuf,
    child: Child,
}

impl Cluster {
    pub fn create(data: &Path) -> Self {
        std::fs::create_dir(data).unwrap();
        give_away(data);
        let arguments =
            ["--no-sync", "--auth=trust", "--username=squall", "--encoding=UTF8", "--no-locale", "-D"];
        let made = program("initdb").args(arguments).arg(data).stdout(Stdio::null()).status().unwrap();
        assert!(made.success());
        std::fs::write(data.join("postgresql.auto.conf"), "summarize_wal = on\n").unwrap();
        Self::start(data)
    }

    pub fn start(data: &Path) -> Self {
        give_away(data);
        // A socket in the folder and no port, which another process could use.
        let mut command = program("postgres");
        command.arg("-D").arg(data).args(["-c", "listen_addresses=", "-c"]);
        command.arg(format!("unix_socket_directories={}", data.display()));
        let log = std::fs::File::create(data.with_extension("log")).unwrap();
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let server =
            Server::parse(&format!("postgres:///postgres?host={}&user=squall", data.display())).unwrap();
        Self { server, data: data.to_owned(), child }
    }

    /// Waits until the server is there, and takes writes: while it recovers it does not.
    async fn connect(&mut self) -> sqlx::PgConnection {
        loop {
            let ended = self.child.try_wait().unwrap();
            let log = || std::fs::read_to_string(self.data.with_extension("log")).unwrap_or_default();
            assert!(ended.is_none(), "the server ended: {}", log());
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

    pub async fn run(&mut self, statement: &str) {
        postgres::execute(&mut self.connect().await, statement).await.unwrap();
    }

    pub async fn value<T>(&mut self, query: &str) -> T
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        postgres::value(&mut self.connect().await, query).await.unwrap()
    }

    pub async fn rows(&mut self, query: &'static str) -> Vec<i32> {
        sqlx::query_scalar(query).fetch_all(&mut self.connect().await).await.unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// PostgreSQL refuses to run as root, so root starts it as nobody.
fn program(name: &str) -> Command {
    let mut command = Command::new(program_path(programs_folder().as_deref(), name));
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
