//! A real nginx, started by the real `squall-edge`, with clients in front of it and an api behind
//! it.

pub mod api;
pub mod client;
pub mod name_server;
pub mod upstream;

use client::{Answer, Client};
use squall_acceptance::process::{free_port, signal};
use std::{
    fs,
    net::SocketAddr,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Longer than anything here takes on a busy machine; reaching it is a failure.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// A user without privileges: the edge needs none.
const NOBODY: u32 = 65_534;

pub const PAGE: &str =
    "<!doctype html><title>Squall</title><script src=\"/assets/app-1a2b3c4d.js\"></script>";
pub const SCRIPT: &str = "console.log('plain')\n";

/// A folder with a built web app, for an edge that is not started yet.
pub struct Folder(TempDir);

/// A running edge.
pub struct Edge {
    pub folder: Folder,
    pub address: SocketAddr,
    process: Child,
}

impl Folder {
    pub fn new() -> Self {
        // In /tmp, which every user can enter.
        let folder = tempfile::Builder::new().prefix("squall-edge-").tempdir_in("/tmp").unwrap();
        let web = folder.path().join("web");
        fs::create_dir_all(web.join("assets")).unwrap();
        for (name, text) in [
            ("index.html", PAGE),
            ("index.html.br", "page in brotli"),
            ("favicon.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
            ("assets/app-1a2b3c4d.js", SCRIPT),
            ("assets/app-1a2b3c4d.js.br", "script in brotli"),
            ("assets/app-1a2b3c4d.js.gz", "script in gzip"),
            ("assets/app-5e6f7a8b.css", "body{}"),
            ("assets/font-9c0d1e2f.woff2", "font"),
        ] {
            fs::write(web.join(name), text).unwrap();
        }
        let folder = Self(folder);
        folder.give_away(folder.path());
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// The edge's command with a clean environment.
    pub fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        // The checkout may be in a folder that only root can enter. Another process copies the
        // binary, because a file that is open for writing here, or in a child that another test has
        // just forked, cannot be executed.
        let binary = self.path().join("squall-edge");
        if !binary.exists() {
            let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_squall-edge")).arg(&binary).status();
            assert!(copied.unwrap().success());
        }
        let mut command = Command::new(binary);
        for (name, _) in
            std::env::vars().filter(|(name, _)| name.starts_with("SQUALL_") && name != "SQUALL_EDGE_NGINX")
        {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .current_dir("/")
            .env("SQUALL_EDGE_WEB", self.path().join("web"))
            .env("SQUALL_EDGE_FOLDER", self.path().join("run"))
            .envs(variables.iter().copied())
            .stdin(Stdio::null());
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    pub fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        self.command(arguments, variables).output().unwrap()
    }

    fn give_away(&self, path: &Path) {
        if is_root() {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
}

impl Edge {
    /// An edge in front of an api at this address.
    pub fn before(api: &str) -> Self {
        Self::with(&[("SQUALL_EDGE_API", api)])
    }

    pub fn with(variables: &[(&str, &str)]) -> Self {
        Self::start(Folder::new(), variables)
    }

    pub fn start(folder: Folder, variables: &[(&str, &str)]) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port().unwrap()));
        let access_log = folder.path().join("access.log");
        let output = folder.path().join("output.log");
        let mut command = folder.command(&["run"], &[]);
        command
            .env("SQUALL_EDGE_LISTEN", address.to_string())
            .env("SQUALL_EDGE_ACCESS_LOG", access_log)
            .env("SQUALL_EDGE_LOG", "error")
            .envs(variables.iter().copied())
            .stdout(log_file(&output))
            .stderr(log_file(&output));
        // nginx opens /dev/stdout by name, which needs permission on this file.
        folder.give_away(&output);
        let mut process = command.spawn().unwrap();
        let start = Instant::now();
        // `nginx -t` also listens for a moment, so only an answer counts.
        while !Client::to(address).is_healthy() {
            let ended = process.try_wait().unwrap();
            assert!(
                ended.is_none() && start.elapsed() < TIMEOUT,
                "The edge did not start. If nginx is missing: apt-get install nginx-light. Its output:\n{}",
                fs::read_to_string(&output).unwrap()
            );
            std::thread::yield_now();
        }
        Self { folder, address, process }
    }

    pub fn client(&self) -> Client {
        Client::to(self.address)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.client().get(path, &[])
    }

    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.client().get(path, headers)
    }

    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.client().send("POST", path, headers, body)
    }

    /// The line of the access log about a request. nginx writes it after the response.
    pub fn logged(&self, request_id: &str) -> serde_json::Value {
        let start = Instant::now();
        loop {
            let text = fs::read_to_string(self.folder.path().join("access.log")).unwrap();
            let line = text.lines().find(|line| line.contains(request_id) && line.ends_with('}'));
            if let Some(line) = line {
                return serde_json::from_str(line).unwrap();
            }
            assert!(start.elapsed() < TIMEOUT, "no line about {request_id} in:\n{text}");
            std::thread::yield_now();
        }
    }

    /// Standard output and error of the edge and nginx.
    pub fn output(&self) -> String {
        fs::read_to_string(self.folder.path().join("output.log")).unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    pub fn wait(&mut self) -> std::process::ExitStatus {
        self.process.wait().unwrap()
    }
}

impl Drop for Edge {
    /// With SIGKILL, the master process would leave its workers behind.
    fn drop(&mut self) {
        if self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = signal(self.process.id(), "TERM");
            let _ = self.process.wait();
        }
    }
}

fn log_file(path: &Path) -> fs::File {
    fs::File::options().append(true).create(true).open(path).unwrap()
}

/// By the owner of `/proc/self`, which needs no unsafe code.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// The message of an edge that refuses to start, without what differs between runs.
pub fn refusal(folder: &Folder, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    // /dev/stdout is a pipe of another user here, which the edge could not open.
    let output = folder.run(arguments, &[&[("SQUALL_EDGE_ACCESS_LOG", "off")], variables].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap().replace(folder.path().to_str().unwrap(), "[folder]")
}
