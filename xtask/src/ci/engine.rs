//! Tests of .ci/engine on machines that are pretended: every program that it could change this one with is a script of the test.

use crate::process::write_script;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

struct Machine {
    folder: PathBuf,
}

/// What the script said, and with which status it ended.
struct Ended {
    status: Option<i32>,
    said: String,
    /// What was asked of apt-get, a line each.
    asked: String,
}

impl Machine {
    /// A Debian with an engine that answers, where we are root and every package can be had.
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("squall-engine-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let machine = Self { folder };
        machine.program("id", "echo 0");
        for name in ["docker", "dockerd", "apt-get", "debootstrap", "install", "dpkg-deb", "cargo"] {
            machine.program(name, "exit 0");
        }
        machine
    }

    fn program(&self, name: &str, does: &str) {
        let (path, asked) = (self.folder.join(name), self.folder.join("asked"));
        let script =
            format!("#!/bin/sh\n[ {name} = apt-get ] && echo \"$*\" >>{}\n{does}\n", asked.display());
        write_script(&path, &script);
    }

    fn run(self, required: bool) -> Ended {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut script = Command::new(root.join(".ci/engine"));
        script.arg(self.folder.join("pid")).env("PATH", format!("{}:/usr/bin:/bin", self.folder.display()));
        script.env_remove("SQUALL_DOCKER").envs(required.then_some(("SQUALL_DOCKER", "required")));
        let output = script.output().unwrap();
        let asked = fs::read_to_string(self.folder.join("asked")).unwrap_or_default();
        fs::remove_dir_all(&self.folder).unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Ended { status: output.status.code(), said, asked }
    }
}

#[test]
fn a_machine_with_everything_is_left_alone() {
    let ended = Machine::new("whole").run(true);
    assert_eq!((ended.status, ended.said.as_str(), ended.asked.as_str()), (Some(0), "", ""));
}

#[test]
fn a_download_that_fails_half_way_is_noticed() {
    let machine = Machine::new("download");
    let plugins = machine.folder.join("plugins");
    machine.program("docker", &format!("[ \"$2\" != version ] || [ -e {} ]", plugins.display()));
    // Compose arrives and buildx does not; this release of Debian has neither.
    machine.program(
        "apt-get",
        "case \"$*\" in install*) exit 100;; indextargets*) echo http://deb.example/debian;; *download*) touch compose.deb; exit 100;; esac",
    );
    machine.program("dpkg-deb", "mkdir -p files/usr/libexec/docker/cli-plugins; touch files/usr/libexec/docker/cli-plugins/docker-compose");
    machine.program("install", &format!("touch {}", plugins.display()));
    let ended = machine.run(false);
    assert_eq!(ended.status, Some(0));
    assert!(
        ended.said.contains("will be skipped: Compose and buildx could not be fetched"),
        "{}",
        ended.said
    );
}

#[test]
fn package_lists_are_fetched_once_before_the_first_install() {
    let machine = Machine::new("lists");
    let plugins = machine.folder.join("plugins");
    // Neither the plugins nor the base image are there, and no registry answers.
    let docker =
        format!("case \"$1 $2\" in *version) [ -e {} ];; image*|pull*) exit 1;; esac", plugins.display());
    machine.program("docker", &docker);
    machine.program(
        "apt-get",
        &format!("case \"$*\" in *docker-compose-v2*) touch {};; esac", plugins.display()),
    );
    let ended = machine.run(false);
    let asked: Vec<_> = ended.asked.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(asked, ["update", "install"], "{}", ended.said);
}

#[test]
fn a_plugin_that_lacks_is_named() {
    for plugin in ["compose", "buildx"] {
        let machine = Machine::new(plugin);
        machine.program("docker", &format!("[ \"$1\" != {plugin} ]"));
        let ended = machine.run(false);
        assert_eq!(ended.status, Some(0));
        assert!(ended.said.contains(&format!("there is no plugin docker {plugin}")), "{}", ended.said);
    }
}

#[test]
fn what_is_skipped_elsewhere_fails_where_docker_is_required() {
    let without_engine = |name| {
        let machine = Machine::new(name);
        machine.program("id", "echo 1000");
        machine.program("docker", "exit 1");
        machine
    };
    let ended = without_engine("skipped").run(false);
    assert_eq!(ended.status, Some(0));
    assert!(ended.said.starts_with("Docker steps will be skipped: no engine answers"), "{}", ended.said);
    let ended = without_engine("required").run(true);
    assert_eq!(ended.status, Some(1));
    assert!(
        ended.said.contains("Failed: no engine answers") && ended.said.contains("Next:"),
        "{}",
        ended.said
    );
}
