//! The real api on a database of its own.

use super::{TIMEOUT, client::Client};
use serde_json::Value;
use squall_acceptance::process::{self, Process, free_port};
use std::{net::SocketAddr, time::Instant};
use tempfile::TempDir;

/// A migrated database with a project, on the server that `DATABASE_URL` names.
pub struct Database {
    pub url: String,
    /// A key that may ingest.
    pub key: String,
    server: String,
    name: String,
    folder: TempDir,
}

/// A running `squall-api`.
pub struct Api {
    pub address: SocketAddr,
    process: Option<Process>,
}

impl Database {
    pub fn new() -> Self {
        let server = std::env::var("DATABASE_URL")
            .unwrap_or_else(|_| panic!("DATABASE_URL is not set: run `cargo xtask test rust`"));
        let name = format!("squall_edge_{}_{}", std::process::id(), free_port().unwrap());
        execute(&server, &format!("create database {name}"));
        let (start, _) = server.rsplit_once('/').unwrap();
        let url = format!("{start}/{name}");
        let variables = [("DATABASE_URL", url.as_str())];
        process::run("squall-migrate", &["run"], &variables).unwrap();
        let seeded = process::run("squall-api", &["seed", "--project", "shop"], &variables).unwrap();
        let seeded: Value = serde_json::from_str(&seeded).unwrap();
        let key = seeded["key"].as_str().unwrap().to_owned();
        Self { url, key, server, name, folder: tempfile::tempdir().unwrap() }
    }

    /// Starts an api at `ip` and waits until it is ready.
    pub fn api(&self, address: SocketAddr) -> Api {
        let listen = address.to_string();
        let variables = [("DATABASE_URL", self.url.as_str()), ("SQUALL_LISTEN", &listen)];
        let process = Process::spawn("squall-api", &["serve"], &variables, self.folder.path()).unwrap();
        let start = Instant::now();
        while std::net::TcpStream::connect(address).is_err()
            || Client::to(address).get("/readyz", &[]).status != 200
        {
            assert!(start.elapsed() < TIMEOUT, "the api at {address} did not become ready");
            std::thread::yield_now();
        }
        Api { address, process: Some(process) }
    }

    /// What every api on this database wrote.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("squall-api.log")).unwrap()
    }

    /// One number that the database knows.
    pub fn count(&self, sql: &'static str) -> i64 {
        block_on(async {
            let pool = sqlx::PgPool::connect(&self.url).await.unwrap();
            sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap()
        })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        execute(&self.server, &format!("drop database if exists {} with (force)", self.name));
    }
}

impl Api {
    /// SIGTERM, and until the end.
    pub fn stop(mut self) {
        self.process.take().unwrap().stop().unwrap();
    }
}

/// A free port of loopback.
pub fn local() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port().unwrap()))
}

fn execute(url: &str, sql: &str) {
    block_on(async {
        let pool = sqlx::PgPool::connect(url).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).execute(&pool).await.unwrap();
    });
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
