//! `ci --prove-inputs`: run a step in a copy of the repository that has only its declared inputs, with
//! only its declared variables. What it reads besides is missing there, and fails it.

use super::{report, run::command, sources, step};
use crate::{
    doctor,
    failure::{self, Exit, Failure, SKIPPED},
    files,
    process::{self, SIGTERM},
    steps,
    world::{World, cache_folder},
};
use anyhow::{Context, Result};
use cargo_metadata::TargetKind;
use squall_steps::{
    Provision, Step,
    code::without_comments,
    key::{self, Sources},
    store::Store,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    os::unix::fs::symlink,
    path::Path,
    time::Instant,
};
use xshell::cmd;

pub fn run(world: &World, store: &Store, all: &[Step], chosen: &[Step], no_skip: bool) -> Result<()> {
    let copy = cache_folder().join("prove").join(&files::fingerprint(&world.root.to_string_lossy())[..12]);
    fs::create_dir_all(&copy).with_context(|| format!("creating {}", copy.display()))?;
    let _lock =
        files::lock(&copy.with_extension("lock"), || eprintln!("another proof runs; waiting for it"))?;
    let sources = sources::of(world, store, all)?;
    let provisions: BTreeSet<_> = chosen.iter().flat_map(|step| &step.provisions).copied().collect();
    for error in doctor::provide(world, &provisions) {
        eprint!("{}", failure::of_command(error, "ci --prove-inputs"));
    }
    let _engine = doctor::engine(world, &provisions)?;
    let mut unproven = Vec::new();
    for step in chosen {
        let began = Instant::now();
        let proof = prove(world, all, step, &sources, &copy)?;
        let (word, text) = match &proof {
            Proof::Passed => ("proven", ""),
            Proof::Partial(reasons) => ("partial", reasons.as_str()),
            Proof::Skipped(reason) => ("skipped", reason.as_str()),
            Proof::Failed(log) => ("failed", log.as_str()),
        };
        println!("{word:<7} {:<20} {:.1} s", step.id, began.elapsed().as_secs_f64());
        if !text.is_empty() {
            println!("{text}");
        }
        let is_short = matches!(proof, Proof::Partial(_) | Proof::Skipped(_));
        if matches!(proof, Proof::Failed(_)) || no_skip && is_short {
            unproven.push(step.id.clone());
        }
    }
    if unproven.is_empty() {
        return Ok(());
    }
    let next = "declare in xtask/src/steps.rs what a step reads, or install what a skipped one needs";
    let wrong = format!("not proven: {}", unproven.join(", "));
    Err(Failure::new("proving the inputs of steps", wrong, next).into())
}

enum Proof {
    Passed,
    /// Programs are missing for some of its tests: the reasons.
    Partial(String),
    /// A program is missing, so nothing was proven: the reason.
    Skipped(String),
    /// What is not declared, as far as the log names it, and the end of the log.
    Failed(String),
}

/// Runs a step and all it needs in the copy.
fn prove(world: &World, all: &[Step], step: &Step, sources: &Sources, copy: &Path) -> Result<Proof> {
    let with_needs = steps::choose(all, std::slice::from_ref(&step.id));
    fill(world, &with_needs, sources, copy)?;
    let mut skipped = Vec::new();
    for step in &with_needs {
        let log = copy.with_extension("log");
        let mut command = command(&world.root, step)?;
        command.arg("--root").arg(copy);
        let child = process::watched(&command, SIGTERM).full_env(step::variables(&world.root, step));
        let child = child.stderr_to_stdout().stdout_file(File::create(&log)?);
        let status = child.run().with_context(|| format!("starting the step {}", step.id))?.status;
        let is_missing = [Exit::NotRun as i32, Exit::ToolMissing as i32].map(Some).contains(&status.code());
        let log = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        if is_missing {
            return Ok(Proof::Skipped(report::reason(&log)));
        } else if !status.success() {
            return Ok(Proof::Failed(format!("{}\n{}", undeclared(&log, sources, copy), tail(&log))));
        }
        skipped.extend(log.lines().filter_map(|line| line.strip_prefix(SKIPPED)).map(str::to_owned));
    }
    Ok(if skipped.is_empty() { Proof::Passed } else { Proof::Partial(skipped.join("\n")) })
}

/// Makes the copy hold the inputs of the steps and nothing else that git would list.
fn fill(world: &World, steps: &[Step], sources: &Sources, copy: &Path) -> Result<()> {
    let mut wanted: BTreeMap<&str, &str> = BTreeMap::new();
    for step in steps {
        let files = key::files(step, sources)?;
        wanted.extend(files.into_iter().map(|file| (file.path.as_str(), file.mode.as_str())));
    }
    let stubs = stubs(world, &wanted)?;
    let mut left = Vec::new();
    files::walk(copy, &["target", "node_modules", ".git"], &mut |path| {
        left.push(path.to_owned());
        Ok(())
    })?;
    for path in left {
        let name = path.strip_prefix(copy)?.to_string_lossy().into_owned();
        if !wanted.contains_key(name.as_str()) && !stubs.contains_key(&name) {
            fs::remove_file(&path).with_context(|| format!("deleting {}", path.display()))?;
        }
    }
    let compiled = only_compiled(steps, sources)?;
    let mut written = stubs;
    for path in wanted.keys() {
        let source = world.root.join(path);
        if compiled.contains(path) {
            // A step that reads its comments gets another result here.
            written.insert((*path).to_owned(), without_comments(&fs::read_to_string(&source)?));
        } else {
            mirror(&source, &copy.join(path))?;
        }
    }
    for (path, text) in &written {
        let path = copy.join(path);
        // Only what changed is compiled again.
        if files::read_if_there(&path)?.as_deref() != Some(text) {
            files::remove(&path)?;
            files::replace(&path, text)?;
        }
    }
    if steps.iter().any(|step| step.provisions.contains(&Provision::NpmPackages)) {
        let (from, to) = (world.web().join("node_modules"), copy.join("web/node_modules"));
        let shell = world.shell()?;
        fs::create_dir_all(copy.join("web"))?;
        files::remove(&to)?;
        // Links are enough, where the file system has them.
        let linked = cmd!(shell, "cp --archive --link {from} {to}").quiet().ignore_stderr().run();
        if linked.is_err() {
            files::remove(&to)?;
            world.capture(
                cmd!(shell, "cp --archive {from} {to}"),
                "check the free space of the cache folder",
            )?;
        }
    }
    commit(world, copy)
}

/// The Rust sources that each of the steps that reads them only compiles.
fn only_compiled<'a>(steps: &[Step], sources: &'a Sources) -> Result<BTreeSet<&'a str>> {
    let (mut compiled, mut read) = (BTreeSet::new(), BTreeSet::new());
    for step in steps {
        let code: BTreeSet<_> = key::code_files(step, sources)?.iter().map(|file| &*file.path).collect();
        let all = key::files(step, sources)?.into_iter().map(|file| &*file.path);
        read.extend(all.filter(|path| !code.contains(path)));
        compiled.extend(code);
    }
    Ok(&compiled - &read)
}

/// Checks ask git which files there are.
fn commit(world: &World, copy: &Path) -> Result<()> {
    let shell = world.shell()?;
    shell.change_dir(copy);
    let next = "check the free space of the cache folder";
    if !copy.join(".git").exists() {
        world.capture(cmd!(shell, "git init --quiet --initial-branch=main"), next)?;
        fs::write(copy.join(".git/info/exclude"), "target/\nnode_modules/\nweb/dist/\n")?;
    }
    world.capture(cmd!(shell, "git add --all"), next)?;
    let author =
        ["-c", "user.name=squall", "-c", "user.email=squall@localhost", "-c", "commit.gpgsign=false"];
    let commit = cmd!(shell, "git {author...} commit --quiet --allow-empty --no-verify --message inputs");
    world.capture(commit, next).map(drop)
}

/// Copies a file with its time, which tells cargo whether it changed.
fn mirror(from: &Path, to: &Path) -> Result<()> {
    let copying = || format!("copying {}", from.display());
    let metadata = fs::symlink_metadata(from).with_context(copying)?;
    fs::create_dir_all(to.parent().context("a file has a folder")?).with_context(copying)?;
    if metadata.is_symlink() {
        files::remove(to)?;
        return symlink(fs::read_link(from)?, to).with_context(copying);
    }
    let is_same = fs::symlink_metadata(to).is_ok_and(|there| {
        let times = there.modified().ok() == metadata.modified().ok();
        times && there.len() == metadata.len() && there.permissions() == metadata.permissions()
    });
    if !is_same {
        files::remove(to)?;
        fs::copy(from, to).with_context(copying)?;
        File::options().append(true).open(to)?.set_modified(metadata.modified()?).with_context(copying)?;
    }
    Ok(())
}

/// Empty targets for the packages whose manifests are there and whose sources are not: cargo reads the
/// manifests of the whole workspace.
fn stubs(world: &World, wanted: &BTreeMap<&str, &str>) -> Result<BTreeMap<String, String>> {
    let mut stubs = BTreeMap::new();
    for target in world.metadata()?.packages.iter().flat_map(|package| &package.targets) {
        let path = target.src_path.strip_prefix(&world.root).unwrap_or(&target.src_path).to_string();
        let is_library = target.kind.contains(&TargetKind::Lib);
        let text = if is_library { "//! Left out.\n" } else { "//! Left out.\nfn main() {}\n" };
        if !wanted.contains_key(path.as_str()) && wanted.contains_key("Cargo.toml") {
            stubs.insert(path, text.to_owned());
        }
    }
    Ok(stubs)
}

/// The files of the repository that a log names and that are missing in the copy.
fn undeclared(log: &str, sources: &Sources, copy: &Path) -> String {
    let missing = sources.tree.files().iter().filter(|file| !copy.join(&file.path).exists());
    let named: Vec<_> =
        missing.filter(|file| log.contains(&file.path)).map(|file| file.path.as_str()).collect();
    if named.is_empty() {
        "its output names no missing file of the repository".to_owned()
    } else {
        format!("not declared: {}", named.join(", "))
    }
}

fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
