//! A Redis for one test, which can kill it and restart it on the same port.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    dead_code,
    reason = "each test binary uses a part of it, and a failed step ends its test"
)]

use squall_live::{Address, Redis, redis::State};
use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Longer than any step takes on a busy machine; reaching it is a failure.
pub const TIMEOUT: Duration = Duration::from_secs(60);

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
        server.restart();
        server
    }

    pub fn restart(&mut self) {
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
            .expect("redis-server cannot be started: install it (Debian: apt-get install redis-server)");
        self.child = Some(child);
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(start.elapsed() < TIMEOUT, "redis-server does not listen");
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

    /// A connected handle.
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
    tokio::time::timeout(TIMEOUT, redis.wait_for(fits))
        .await
        .unwrap_or_else(|_| panic!("Redis stays {:?}", redis.state()));
}
