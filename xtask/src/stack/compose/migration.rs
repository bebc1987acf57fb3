//! Migrate the database of a running stack with the new image before anything is replaced.
//!
//! Compose removes the containers whose image changed before it starts `migrate`: a migration that
//! fails would leave a stack without its processes. The old ones work on the new schema for one
//! release, so they keep running.

use super::{ComposeStack, containers, explain};
use crate::failure::{Exit, Failure};
use crate::process::stop_signal;
use anyhow::{Context, Result};
use std::sync::atomic::Ordering;

/// The service that migrates the database.
pub const JOB: &str = "migrate";

pub fn ahead(stack: &ComposeStack) -> Result<()> {
    if !is_due(stack)? {
        return Ok(());
    }
    eprintln!("migrating the database; running services are replaced afterwards");
    let stop = stop_signal()?;
    let mut command = stack.compose()?;
    command.args(["run", "--rm", "--no-TTY", "--no-deps", JOB]);
    let output = command.output().context("starting Compose")?;
    if output.status.success() {
        return Ok(());
    }
    if stop.load(Ordering::Relaxed) {
        return Err(Failure::silent(Exit::Interrupted).into());
    }
    let printed = [output.stdout, output.stderr].concat();
    Err(explain::migration(&String::from_utf8_lossy(&printed)).into())
}

/// Whether the database answers, and was last migrated by another image.
fn is_due(stack: &ComposeStack) -> Result<bool> {
    let containers = containers::all(&stack.engine, &stack.record)?;
    let of = |name: &str| containers.iter().find(|container| container.service() == name);
    let Some(job) = stack.record.service(JOB).filter(|_| of("postgres").is_some_and(|it| it.is_healthy()))
    else {
        return Ok(false);
    };
    let now = stack.engine.ask(&["image", "inspect", "--format", "{{.Id}}", &job.image]).unwrap_or_default();
    Ok(of(JOB).is_none_or(|before| before.image != now.trim()))
}

#[cfg(test)]
mod tests {
    use super::super::{record::tests::*, tests::*};
    use crate::world::{World, tests::root};
    use std::fs;

    #[test]
    fn a_migration_that_fails_leaves_everything_running() {
        let (world, folder) = (World::new(root()).unwrap(), folder("ahead"));
        let mut record = record("squall");
        let job = r#"{"name": "migrate", "image": "m", "target": "migrate", "is_job": true, "needs": []}"#;
        record.services.push(serde_json::from_str(job).unwrap());
        let container = |service: &str, image: &str, status: &str| {
            format!(
                r#"{{"Id": "1", "Image": "{image}", "State": {{"Status": "{status}", "ExitCode": 0}},
                    "Config": {{"Labels": {{"com.docker.compose.service": "{service}"}}}}}}"#
            )
        };
        let job = |image| container("migrate", image, "exited");
        let database = |status| container("postgres", "sha256:p", status);
        let ahead = |containers: &[String]| {
            let ids = if containers.is_empty() { "" } else { "1" };
            let answers = format!(
                "'image inspect'*) echo sha256:new;;\n'ps '*) echo {ids};;\n'container inspect'*) echo '[{}]';;\n\
                 *' run '*) echo 'the table is locked' >&2; exit 1;;",
                containers.join(",")
            );
            super::ahead(&fake(&world, &folder, record.clone(), &answers))
        };
        // Nothing is running yet, the database is stopped, nothing has changed.
        ahead(&[]).unwrap();
        ahead(&[database("exited"), job("sha256:old")]).unwrap();
        ahead(&[database("running"), job("sha256:new")]).unwrap();
        assert!(!asked(&folder.0).contains(" run "));
        let error = ahead(&[database("running"), job("sha256:old")]).unwrap_err().to_string();
        assert!(error.contains("the table is locked") && error.contains("nothing was replaced"), "{error}");
        assert!(asked(&folder.0).ends_with(" run --rm --no-TTY --no-deps migrate\n"));
        fs::remove_dir_all(&folder.0).unwrap();
    }
}
