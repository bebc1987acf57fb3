//! Tests of .ci/engine on fake machines: each program that could change this one is a script.

use crate::process::write_script;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

struct Machine {
    folder: PathBuf,
    /// The Compose and buildx plugins are there once this file is.
    plugins: String,
}

impl Machine {
    /// A Debian with an engine that answers, where we are root and every package can be had.
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("squall-engine-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let machine = Self { plugins: folder.join("plugins").display().to_string(), folder };
        let programs = ["docker", "dockerd", "apt-get", "debootstrap", "install", "dpkg-deb", "cargo"];
        programs.into_iter().fold(machine.with("id", "echo 0"), |machine, name| machine.with(name, "exit 0"))
    }

    fn with(self, program: &str, script: &str) -> Self {
        let apt = self.folder.join("apt");
        let log = format!("[ {program} = apt-get ] && echo \"$*\" >>{}", apt.display());
        write_script(&self.folder.join(program), &format!("#!/bin/sh\n{log}\n{script}\n"));
        self
    }

    /// The exit code, the messages, and the commands of apt-get.
    fn run(self, docker: &str) -> (Option<i32>, String, Vec<String>) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut script = Command::new(root.join(".ci/engine"));
        script.arg(self.folder.join("pid")).env("PATH", format!("{}:/usr/bin:/bin", self.folder.display()));
        let output = script.env("SQUALL_DOCKER", docker).output().unwrap();
        let apt = fs::read_to_string(self.folder.join("apt")).unwrap_or_default();
        fs::remove_dir_all(&self.folder).unwrap();
        let commands = apt.lines().filter_map(|line| Some(line.split(' ').next()?.to_owned())).collect();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned(), commands)
    }
}

#[test]
fn a_machine_with_everything_is_left_alone() {
    assert_eq!(Machine::new("whole").run("required"), (Some(0), String::new(), Vec::new()));
}

#[test]
fn package_lists_are_fetched_once_before_the_first_install() {
    let machine = Machine::new("lists");
    // Neither the plugins nor the base image are there, and no registry answers.
    let docker =
        format!("case \"$1 $2\" in *version) [ -e {} ];; image*|pull*) exit 1;; esac", machine.plugins);
    let apt = format!("case \"$*\" in *docker-compose-v2*) touch {};; esac", machine.plugins);
    let (_, messages, apt) = machine.with("docker", &docker).with("apt-get", &apt).run("");
    assert_eq!(apt, ["update", "install"], "{messages}");
}

#[test]
fn what_is_missing_is_named_and_fails_only_where_docker_is_required() {
    let user = |name| Machine::new(name).with("id", "echo 1000");
    let check = |machine: Machine, docker, code, expected: &str| {
        let (exit, messages, _) = machine.run(docker);
        assert_eq!(exit, Some(code), "{messages}");
        assert!(messages.contains(expected), "{messages}");
    };
    for plugin in ["compose", "buildx"] {
        let machine = Machine::new(plugin).with("docker", &format!("[ \"$1\" != {plugin} ]"));
        check(machine, "", 0, &format!("there is no plugin docker {plugin}"));
    }
    let skipped = "Docker steps will be skipped: no engine answers";
    check(user("skipped").with("docker", "exit 1"), "", 0, skipped);
    check(user("required").with("docker", "exit 1"), "required", 1, "Failed: no engine answers");
    // Compose arrives and buildx does not; this release of Debian has neither.
    let machine = Machine::new("download");
    let (answers, touch) = (
        format!("[ \"$2\" != version ] || [ -e {} ]", machine.plugins),
        format!("touch {}", machine.plugins),
    );
    let apt = "case \"$*\" in install*) exit 100;; indextargets*) echo http://deb.example/debian;; \
               *download*) touch compose.deb; exit 100;; esac";
    let folder = "files/usr/libexec/docker/cli-plugins";
    let unpack = format!("mkdir -p {folder}; touch {folder}/docker-compose");
    let machine = machine.with("docker", &answers).with("apt-get", apt);
    let machine = machine.with("dpkg-deb", &unpack).with("install", &touch);
    check(machine, "", 0, "will be skipped: Compose and buildx could not be fetched");
}
