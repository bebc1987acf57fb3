//! A Redis of a test's own, which it may kill and start again on the same port.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    dead_code,
    reason = "each test file uses a part of it, and ends where it cannot go on"
)]

use squall_live::{Address, Redis, redis::State};
use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Longer than anything here takes on a busy machine; reaching it is a failure.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct RedisServer {
    port: u16,
    password: &'static str,
    folder: tempfile::TempDir,
    child: Option<Child>,
}

impl RedisServer {
    pub fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server =
            Self { port, password: "hunter2", folder: tempfile::tempdir().unwrap(), child: None };
        server.start_again();
        server
    }

    pub fn start_again(&mut self) {
        let child = Command::new("redis-server")
            .args([
                "--port",
                &self.port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ])
            .args(["--requirepass", self.password, "--dir"])
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server cannot be run: install it (Debian: apt-get install redis-server)");
        self.child = Some(child);
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(start.elapsed() < PATIENCE, "redis-server does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}/3", self.password, self.port)
    }

    /// A handle that has connected.
    pub async fn connect(&self) -> Redis {
        let redis = Redis::start(Address::parse(&self.url()).unwrap());
        until(&redis, |state| *state == State::Up).await;
        redis
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

pub async fn until(redis: &Redis, fits: impl Fn(&State) -> bool) {
    tokio::time::timeout(PATIENCE, redis.wait_for(fits))
        .await
        .unwrap_or_else(|_| panic!("Redis stays {:?}", redis.state()));
}
