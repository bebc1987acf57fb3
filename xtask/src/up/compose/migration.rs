//! Of a stack that runs, the database is migrated with the new image before anything is replaced.
//!
//! Compose removes the containers whose image changed before it starts `migrate`: a migration that fails would leave a stack without
//! its processes. The old ones work on the new schema for one release, so they run on meanwhile.

use super::{containers::Container, explain, stack::ComposeStack};
use crate::{
    docker::engine::Engine,
    failure::{Exit, Failure},
};
use anyhow::{Context, Result};
use std::sync::atomic::{AtomicBool, Ordering};

const JOB: &str = "migrate";

/// Migrates where the stack runs with other migrations; asks the engine one question where it does not.
pub fn ahead(engine: &Engine, stack: &ComposeStack, found: &[Container], stop: &AtomicBool) -> Result<()> {
    if !is_due(engine, stack, found) {
        return Ok(());
    }
    eprintln!("migrating the database; what runs is replaced after it");
    let mut command = stack.compose(engine)?;
    command.args(["run", "--rm", "--no-TTY", "--no-deps", JOB]);
    let output = command.output().context("starting Compose")?;
    if output.status.success() {
        return Ok(());
    }
    if stop.load(Ordering::Relaxed) {
        return Err(Failure::silent(Exit::Interrupted).into());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(explain::migration(&String::from_utf8_lossy(&said)).into())
}

/// Whether the database answers, and was last migrated by another image than the one of now.
fn is_due(engine: &Engine, stack: &ComposeStack, found: &[Container]) -> bool {
    let of = |name: &str| found.iter().find(|container| container.service() == name);
    let Some(job) = stack.service(JOB).filter(|_| of("postgres").is_some_and(Container::is_healthy)) else {
        return false;
    };
    let now = engine.ask(&["image", "inspect", "--format", "{{.Id}}", &job.image]).unwrap_or_default();
    of(JOB).is_none_or(|before| before.image != now.trim())
}

#[cfg(test)]
mod tests {
    use super::{super::stack::tests::stack, *};
    use crate::process::write_script;
    use std::fs;

    #[test]
    fn a_migration_that_fails_leaves_everything_running() {
        let folder = std::env::temp_dir().join(format!("squall-ahead-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let script = format!(
            "#!/bin/sh\necho \"$*\" >>{}/asked\ncase \"$*\" in\n'compose version'*) echo 2.40.3;;\n\
             'image inspect'*) echo sha256:new;;\n*' run '*) echo 'the table is locked' >&2; exit 1;;\nesac\n",
            folder.display()
        );
        write_script(&folder.join("docker"), &script);
        let engine = Engine::pretended(folder.join("docker"));
        let mut stack = stack("squall");
        let job = r#"{"name": "migrate", "image": "squall/migrate:local", "target": "migrate", "is_job": true, "needs": []}"#;
        stack.services.push(serde_json::from_str(job).unwrap());
        let container = |service: &str, image: &str, status: &str| -> Container {
            let text = format!(
                r#"{{"Id": "1", "Image": "{image}", "State": {{"Status": "{status}", "ExitCode": 0}},
                    "Config": {{"Labels": {{"com.docker.compose.service": "{service}"}}}}}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        let job = |image| container("migrate", image, "exited");
        let database = |status| container("postgres", "sha256:p", status);
        let ahead = |found: &[Container]| ahead(&engine, &stack, found, &AtomicBool::new(false));
        // Nothing runs yet, the database is stopped, nothing has changed.
        ahead(&[]).unwrap();
        ahead(&[database("exited"), job("sha256:old")]).unwrap();
        ahead(&[database("running"), job("sha256:new")]).unwrap();
        assert!(!fs::read_to_string(folder.join("asked")).unwrap().contains(" run "));
        let error = ahead(&[database("running"), job("sha256:old")]).unwrap_err();
        let shown = Failure::from_error(error, "").to_string();
        assert!(shown.contains("the table is locked") && shown.contains("nothing was replaced"), "{shown}");
        let asked = fs::read_to_string(folder.join("asked")).unwrap();
        assert!(asked.ends_with(" run --rm --no-TTY --no-deps migrate\n"), "{asked}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
