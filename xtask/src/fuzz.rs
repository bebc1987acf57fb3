//! `fuzz`: run the fuzz targets of crates/grouping/fuzz.
//!
//! libFuzzer needs the coverage instrumentation of LLVM, which a stable compiler has; a nightly one
//! adds the address sanitizer. cargo-fuzz would need nightly for both.

use crate::{
    tools::{require, version_of},
    world::World,
};
use anyhow::{Context, Result};
use std::fs;
use xshell::cmd;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Target to run [default: all, one after the other].
    target: Option<String>,
    /// How long each target runs.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Inputs are kept, so that the next run starts where this one ended.
const FOLDER: &str = "target/fuzz";

const COVERAGE: &str = "--cfg fuzzing -Cdebug-assertions -Ccodegen-units=1 -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let targets = arguments.target.clone().map_or_else(|| targets(world), |target| Ok(vec![target]))?;
    require("c++", &["--version"], "install a C++ compiler (Debian: apt-get install g++)")?;
    let nightly = version_of("rustc", &["+nightly", "--version"]).is_some();
    let flags = if nightly { format!("{COVERAGE} -Zsanitizer=address") } else { COVERAGE.to_owned() };
    let toolchain = nightly.then_some("+nightly");
    let host = version_of("rustc", &["--print", "host-tuple"]).context("asking rustc for its host")?;
    let shell = world.shell()?;
    // An explicit target keeps the flags away from build scripts and macros.
    let options = ["--locked", "--release", "--target", &host, "--target-dir", FOLDER];
    let build = cmd!(shell, "cargo {toolchain...} build {options...}");
    let build = build.args(["--manifest-path", "crates/grouping/fuzz/Cargo.toml"]).env("RUSTFLAGS", flags);
    let build = build.args(targets.iter().flat_map(|target| ["--bin", target]));
    world.run(build, "fix what cargo names above")?;
    for target in targets {
        let corpus = format!("{FOLDER}/corpus/{target}");
        let failures = format!("{FOLDER}/failures/{target}");
        for folder in [&corpus, &failures] {
            fs::create_dir_all(world.root.join(folder)).with_context(|| format!("creating {folder}"))?;
        }
        eprintln!("fuzzing {target} for {} s", arguments.seconds);
        let program = world.root.join(format!("{FOLDER}/{host}/release/{target}"));
        let limits = [format!("-max_total_time={}", arguments.seconds), "-print_final_stats=1".into()];
        let run = cmd!(shell, "{program} {corpus} -artifact_prefix={failures}/ {limits...}");
        world.run(run, "add the input named above to the tests, and fix what it breaks")?;
    }
    Ok(())
}

fn targets(world: &World) -> Result<Vec<String>> {
    let folder = world.root.join("crates/grouping/fuzz/fuzz_targets");
    let files = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let names = files.flatten().filter_map(|file| file.file_name().into_string().ok());
    let mut names: Vec<_> = names.filter_map(|name| Some(name.strip_suffix(".rs")?.to_owned())).collect();
    names.sort();
    Ok(names)
}
