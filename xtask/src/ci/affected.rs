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

/// Writes the jobs of the steps to GITHUB_OUTPUT, as `jobs=["static","rust"]`, and the steps of each
/// shard of the job that has many: `rust=["test-api,test-live","test-edge"]`.
pub fn plan_jobs(store: &Store, affected: &[Step]) -> Result<()> {
    let jobs: BTreeSet<_> = affected.iter().map(|step| &step.job).collect();
    let sharded = affected.iter().filter(|step| step.job == SHARDED).map(|step| {
        let seconds = store.last(&step.id).map_or(UNKNOWN_SECONDS, |last| last.seconds);
        (step.id.clone(), seconds)
    });
    let shards: Vec<_> = shards(sharded.collect()).iter().map(|shard| shard.join(",")).collect();
    let (jobs, shards) = (serde_json::to_string(&jobs)?, serde_json::to_string(&shards)?);
    let lines = format!("jobs={jobs}\n{SHARDED}={shards}\n");
    print!("{lines}");
    let Some(path) = env::var_os("GITHUB_OUTPUT") else { return Ok(()) };
    let mut file = File::options().create(true).append(true).open(Path::new(&path))?;
    Ok(file.write_all(lines.as_bytes())?)
}

/// The job whose steps are spread over several machines. The steps of the others share a build.
pub const SHARDED: &str = "rust";

/// What a step counts that has not run yet where its results are kept.
const UNKNOWN_SECONDS: f64 = 30.0;

/// Below this a second machine takes longer to compile the tests than the first to run them.
const SHARD_SECONDS: f64 = 300.0;
pub const SHARDS_LIMIT: usize = 4;

/// Spreads steps, each with its seconds, so that the shards take about as long: the longest step first,
/// each to the shard that has least so far.
fn shards(mut steps: Vec<(String, f64)>) -> Vec<Vec<String>> {
    let total: f64 = steps.iter().map(|(_, seconds)| seconds).sum();
    let most = SHARDS_LIMIT.min(steps.len());
    let count = (1..most).find(|count| total <= SHARD_SECONDS * *count as f64).unwrap_or(most);
    let mut shards = vec![(0.0_f64, Vec::new()); count];
    steps.sort_by(|one, other| other.1.total_cmp(&one.1));
    for (id, seconds) in steps {
        if let Some((sum, shard)) = shards.iter_mut().min_by(|one, other| one.0.total_cmp(&other.0)) {
            *sum += seconds;
            shard.push(id);
        }
    }
    shards.into_iter().map(|(_, shard)| shard).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_take_about_as_long_and_are_as_few_as_are_worth_their_build() {
        let check = |seconds: &[u32], expected: &[&str]| {
            let names = seconds.iter().map(|seconds| (seconds.to_string(), f64::from(*seconds)));
            let shards: Vec<_> = shards(names.collect()).iter().map(|shard| shard.join(" ")).collect();
            assert_eq!(shards, expected, "{seconds:?}");
        };
        check(&[], &[]);
        check(&[10, 20], &["20 10"]);
        check(&[1000], &["1000"]);
        check(&[100, 90, 110, 120], &["120 90", "110 100"]);
        check(&[500, 400, 300, 200, 100, 50], &["500", "400", "300 50", "200 100"]);
    }
}
