//! Migrate the database of a running stack with the new image before anything is replaced.
//!
//! Compose removes the containers whose image changed before it starts `migrate`: a migration that
//! fails would leave a stack without its processes. The old ones work on the new schema for one
//! release, so they keep running.

use super::{ComposeStack, containers, explain};
use crate::{
    failure::{Exit, Failure},
    process::stop_signal,
    stack::state::Phase,
};
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
    let of = |name: &str| containers.iter().find(|container| container.service == name);
    let Some(job) = stack.record.service(JOB) else { return Ok(false) };
    if of("postgres").is_none_or(|database| database.phase(false) != Phase::Healthy) {
        return Ok(false);
    }
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
        let job = r#"{"name": "migrate", "image": "m", "target": "migrate", "is_job": true}"#;
        record.services.push(serde_json::from_str(job).unwrap());
        let ahead = |database: &str, image: &str| {
            let containers = [
                inspected("postgres", database, "sha256:p", "/"),
                inspected("migrate", "exited", image, "/"),
            ];
            let answers = format!(
                "'image inspect'*) echo sha256:new;;\n'ps '*) echo 1;;\n'container inspect'*) echo '[{}]';;\n\
                 *' run '*) echo 'the table is locked' >&2; exit 1;;",
                containers.join(",")
            );
            super::ahead(&fake(&world, &folder, record.clone(), &answers))
        };
        // The database is stopped, or nothing has changed.
        ahead("exited", "sha256:old").unwrap();
        ahead("running", "sha256:new").unwrap();
        assert!(!asked(&folder.0).contains(" run "));
        let error = ahead("running", "sha256:old").unwrap_err().to_string();
        assert!(error.contains("the table is locked") && error.contains("nothing was replaced"), "{error}");
        assert!(asked(&folder.0).ends_with(" run --rm --no-TTY --no-deps migrate\n"));
        fs::remove_dir_all(&folder.0).unwrap();
    }
}
