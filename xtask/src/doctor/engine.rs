//! The container engine for steps of CI. Root on Debian gets one that runs as long as xtask does.

use super::is_root_on_debian;
use crate::{
    docker::engine::{Engine, is_required},
    world::World,
};
use anyhow::{Context, Result};
use squall_steps::Provision;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
};

/// Prepares an engine with Compose, buildx and the base images, if a step needs one. Fails only where
/// SQUALL_DOCKER=required; elsewhere the steps are skipped, and name the command that installs one.
///
/// An engine that this starts is stopped when the value is dropped, or when xtask ends in any way.
pub fn engine(world: &World, provisions: &BTreeSet<Provision>) -> Result<Option<Guard>> {
    if !provisions.contains(&Provision::Docker) {
        return Ok(None);
    }
    if !is_root_on_debian() {
        let tried = "finding Docker, which SQUALL_DOCKER=required asks for";
        return if is_required() { Engine::need(tried).map(|_| None) } else { Ok(None) };
    }
    let folder = world.build_folder().join("squall-ci");
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let pid_file = folder.join(format!("dockerd-{}.pid", std::process::id()));
    // First the guard, then what it guards.
    let guard = Guard::of(&pid_file)?;
    let mut script = Command::new(world.root.join(".ci/engine"));
    script.arg(&pid_file).stdin(Stdio::null());
    world.run(script, "fix the cause above, then run the command again")?;
    Ok(Some(guard))
}

/// A shell that ends the process named in a file once its input closes: xtask holds the other end,
/// which the kernel closes even after kill -9.
pub struct Guard(Child);

impl Guard {
    fn of(pid_file: &Path) -> Result<Self> {
        let script = r#"trap "" HUP INT TERM; read -r _; [ -s "$0" ] && kill "$(cat "$0")"; rm -f "$0""#;
        let mut shell = Command::new("sh");
        // A group of its own: Ctrl-C is for xtask.
        shell.args(["-c", script]).arg(pid_file).stdin(Stdio::piped()).process_group(0);
        shell.stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(shell.spawn().context("starting sh")?))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_ends_with_its_guard() {
        let folder = tempfile::tempdir().unwrap();
        let pid_file = folder.path().join("pid");
        let guard = Guard::of(&pid_file).unwrap();
        let mut engine = Command::new("sleep").arg("600").spawn().unwrap();
        fs::write(&pid_file, engine.id().to_string()).unwrap();
        drop(guard);
        assert!(!engine.wait().unwrap().success());
        assert!(!pid_file.exists());
    }

    #[test]
    fn an_engine_that_was_there_before_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        drop(Guard::of(&folder.path().join("pid")).unwrap());
    }
}
