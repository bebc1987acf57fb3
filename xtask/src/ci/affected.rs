//! `ci --affected`: the steps whose key now differs from their key at another commit.
//!
//! The same keys decide whether a step is cached, so that the two can never disagree.

use super::sources;
use crate::{failure::OrFail, world::World};
use anyhow::{Context, Result};
use squall_steps::{
    Input, Step,
    key::{Key, Sources},
    packages::Packages,
    store::Store,
    tree::{Tree, git},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};
use xshell::cmd;

/// The table of steps: where it differs, each step may.
const DEFINITIONS: &str = "xtask/src/steps.rs";

/// The steps whose result may differ from that at the merge base of `reference` and HEAD; for the plan of
/// a workflow all of them, if there is no such commit.
pub fn of(world: &World, store: &Store, steps: &[Step], reference: &str, is_plan: bool) -> Result<Vec<Step>> {
    let next = "fetch it (`git fetch origin main`), or name another commit with --affected COMMIT";
    let base = git(&world.root, &["merge-base", reference, "HEAD"]);
    if is_plan && base.is_err() {
        // The first push of a branch has no commit before it, and a forced one has lost it.
        eprintln!("{reference} is unknown here: every step is affected");
        return Ok(steps.to_vec());
    }
    let base = base.or_fail(format!("finding where {reference} and HEAD part"), next)?;
    let now = sources::of(world, store, steps)?;
    let before = at(world, store, base.trim(), &now)?;
    let definition =
        |sources: &Sources| sources.tree.select([DEFINITIONS]).first().map(|file| file.id.clone());
    if definition(&now) != definition(&before) {
        eprintln!("{DEFINITIONS} changed since {reference}: every step is affected");
        return Ok(steps.to_vec());
    }
    let mut affected: BTreeSet<&str> = BTreeSet::new();
    for step in steps {
        let key = |sources| Key::of(step, sources, &BTreeMap::new()).map(|key| key.hash());
        // A package or an image may be new.
        let is_changed = key(&now)? != key(&before).unwrap_or_default();
        let reads = |input: &Input| matches!(input, Input::Outputs(id) if affected.contains(id.as_str()));
        if is_changed || step.inputs.iter().any(reads) {
            affected.insert(&step.id);
        }
    }
    Ok(steps.iter().filter(|step| affected.contains(step.id.as_str())).cloned().collect())
}

/// What keys were made from at a commit, on this machine.
fn at(world: &World, store: &Store, commit: &str, now: &Sources) -> Result<Sources> {
    let copy = Copy::of(world, commit)?;
    let then = world.at(copy.0.clone());
    let tree = Tree::of_commit(&world.root, commit)?;
    Ok(Sources {
        codes: store.codes(&copy.0, &tree),
        tree,
        packages: Packages::of(then.metadata()?),
        images: sources::images(&copy.0)?,
        tools: now.tools.clone(),
        environment: now.environment.clone(),
    })
}

/// The files of a commit in a folder that is deleted in the end.
struct Copy(PathBuf);

impl Copy {
    fn of(world: &World, commit: &str) -> Result<Self> {
        let copy = Self(env::temp_dir().join(format!("squall-affected-{}", std::process::id())));
        std::fs::create_dir_all(&copy.0).with_context(|| format!("creating {}", copy.0.display()))?;
        let archive = copy.0.join("archive.tar");
        let (shell, folder) = (world.shell()?, &copy.0);
        let next = "check the free space of the folder for temporary files";
        world.capture(cmd!(shell, "git archive --format=tar --output={archive} {commit}"), next)?;
        world.capture(cmd!(shell, "tar --extract --file={archive} --directory={folder}"), next)?;
        std::fs::remove_file(&archive)?;
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes the jobs of the steps to GITHUB_OUTPUT, as `jobs=["static","rust"]`.
pub fn plan_jobs(affected: &[Step]) -> Result<()> {
    let jobs: BTreeSet<_> = affected.iter().map(|step| &step.job).collect();
    let line = format!("jobs={}\n", serde_json::to_string(&jobs)?);
    print!("{line}");
    let Some(path) = env::var_os("GITHUB_OUTPUT") else { return Ok(()) };
    let mut file = File::options().create(true).append(true).open(Path::new(&path))?;
    Ok(file.write_all(line.as_bytes())?)
}
