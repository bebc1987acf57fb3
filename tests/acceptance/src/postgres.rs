//! A private PostgreSQL that a test may kill.
//!
//! It uses the binaries of the server of `DATABASE_URL`, which reports their folder, and runs as
//! the same user as that server, because PostgreSQL refuses to run as root.

use anyhow::{Context, Result, ensure};
use sqlx::PgPool;
use std::{
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A cluster in a temporary folder, listening on loopback.
pub struct Postgres {
    binaries: PathBuf,
    owner: (u32, u32),
    folder: tempfile::TempDir,
    port: u16,
    server: Option<Child>,
}

impl Postgres {
    /// Creates a cluster and starts it.
    ///
    /// # Errors
    /// When the server of `DATABASE_URL` cannot be reached, or its binaries cannot be run from
    /// here.
    pub async fn start() -> Result<Self> {
        let url =
            std::env::var("DATABASE_URL").context("DATABASE_URL is not set: run `cargo xtask test rust`")?;
        let pool = PgPool::connect(&url).await.context("connecting to the test server")?;
        let binaries: String = sqlx::query_scalar("select setting from pg_config() where name = 'BINDIR'")
            .fetch_one(&pool)
            .await?;
        let data: String = sqlx::query_scalar("show data_directory").fetch_one(&pool).await?;
        pool.close().await;
        let metadata = std::fs::metadata(&data).with_context(|| format!("finding the owner of {data}"))?;
        let owner = (metadata.uid(), metadata.gid());
        // In /tmp, because the path of a socket must be short and every user can enter.
        let folder = tempfile::Builder::new().prefix("squall-pg-").tempdir_in("/tmp")?;
        std::os::unix::fs::chown(folder.path(), Some(owner.0), Some(owner.1))
            .context("giving the folder to PostgreSQL")?;
        let port = crate::process::free_port()?;
        let mut postgres = Self { binaries: binaries.into(), owner, folder, port, server: None };
        postgres.initialise()?;
        postgres.restart().await?;
        Ok(postgres)
    }

    /// The address to connect to.
    pub fn url(&self) -> String {
        format!("postgres://squall@127.0.0.1:{}/postgres", self.port)
    }

    /// Kills the postmaster with SIGKILL, which ends every backend.
    ///
    /// # Errors
    /// When it is not running.
    pub fn kill(&mut self) -> Result<()> {
        let mut server = self.server.take().context("the server is not running")?;
        server.kill()?;
        server.wait()?;
        Ok(())
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn restart(&mut self) -> Result<()> {
        let start = Instant::now();
        // Backends outlive a killed postmaster for a moment, and the new one refuses to start until
        // they have ended.
        loop {
            let data = self.data();
            let settings = [
                format!("port={}", self.port),
                format!("unix_socket_directories={}", self.folder.path().display()),
            ];
            let mut server = self.command("postgres");
            server.arg("-D").arg(&data).args(["-c", &settings[0], "-c", &settings[1]]);
            // With fsync, because this server is killed and must have everything that it
            // acknowledged.
            let mut server = server.args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=on"]).spawn()?;
            while server.try_wait()?.is_none() {
                if PgPool::connect(&self.url()).await.is_ok() {
                    self.server = Some(server);
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            ensure!(start.elapsed() < Duration::from_secs(60), "PostgreSQL did not start; its log is above");
        }
    }

    fn initialise(&self) -> Result<()> {
        let made = self
            .command("initdb")
            .args(["--no-sync", "--auth=trust", "--username=squall", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(self.data())
            .stdout(Stdio::null())
            .status()?;
        ensure!(made.success(), "initdb failed; its output is above");
        Ok(())
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(Path::new(&self.binaries).join(name));
        command.current_dir(self.folder.path()).stdin(Stdio::null()).stderr(Stdio::null());
        // Only root may change to another user, and must, since PostgreSQL refuses to run as root.
        if self.owner.0 != effective_user(self.folder.path()) {
            command.uid(self.owner.0).gid(self.owner.1);
        }
        command
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// The user of this process, by the owner of `/proc/self`, which needs no unsafe code.
fn effective_user(fallback: &Path) -> u32 {
    std::fs::metadata("/proc/self")
        .or_else(|_| std::fs::metadata(fallback))
        .map_or(0, |metadata| metadata.uid())
}
