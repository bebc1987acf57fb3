//! Which crate may import which.

use crate::source::{files, root};
use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use std::path::Path;

/// Every package of the workspace, and which others it may import. Its tests may import
/// [`IN_TESTS`] as well.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    // Small and quick to compile: every program reads its settings and reports its failures with it.
    ("squall-base", &[]),
    ("squall-steps", &[]),
    // Pure: plain values in, plain values out.
    ("squall-grouping", &[]),
    ("squall-migrations", &["squall-base"]),
    // Only people who change the schema run it: it links a SQL parser.
    ("squall-schema", &["squall-base", "squall-migrations"]),
    ("squall-boot", &["squall-base", "squall-migrations"]),
    ("squall-intake", &["squall-base", "squall-grouping"]),
    ("squall-live", &["squall-base"]),
    // The two processes meet in the inbox, the schema and the live updates, never in each other.
    ("squall-api", SHARED),
    ("squall-worker", SHARED),
    // Everything in a small image with nginx.
    ("squall-edge", &["squall-base"]),
    ("squall-backup", &["squall-base"]),
    ("squall-demo", &["squall-base", "squall-grouping"]),
    (
        "squall-bench",
        &[
            "squall-backup",
            "squall-base",
            "squall-grouping",
            "squall-intake",
            "squall-migrations",
            "squall-steps",
        ],
    ),
    // Starts xtask, and is compiled by the first `cargo xtask` from a folder below the root.
    ("squall-launcher", &[]),
    ("squall-acceptance", &["squall-base"]),
    ("squall-architecture", &["squall-base"]),
];

/// What the api and the worker share.
const SHARED: &[&str] =
    &["squall-base", "squall-boot", "squall-grouping", "squall-intake", "squall-live", "squall-migrations"];

const IN_TESTS: &[&str] = &["squall-acceptance", "squall-migrations"];

/// What must not be among the direct dependencies of these packages.
const WITHOUT: &[(&str, &[&str])] = &[
    ("squall-base", &["sqlx", "tokio", "reqwest", "axum", "tracing"]),
    ("squall-grouping", &["sqlx", "tokio", "reqwest", "tracing", "chrono"]),
    ("squall-edge", &["sqlx", "tokio", "reqwest"]),
];

/// What must not be in these sources: the clock is an argument, so that equal input gives equal
/// groups.
const NOT_WRITTEN: &[(&str, &[&str])] =
    &[("crates/grouping/src", &["SystemTime", "Instant", "::now()", "std::fs", "std::env", "std::net"])];

/// xtask runs the other programs; it links only the small base crate.
const XTASK_MAY_IMPORT: &[&str] = &["squall-base", "squall-steps"];

fn metadata(manifest: &Path) -> Result<Metadata> {
    MetadataCommand::new()
        .manifest_path(manifest)
        .no_deps()
        .exec()
        .with_context(|| format!("cargo metadata of {}", manifest.display()))
}

/// The folder of every package, from the root of the repository.
pub fn folders() -> Result<Vec<String>> {
    let workspace = metadata(&root().join("Cargo.toml"))?;
    let mut folders = vec!["xtask".to_owned()];
    for package in &workspace.packages {
        let manifest = package.manifest_path.strip_prefix(&workspace.workspace_root)?;
        folders.extend(manifest.parent().map(ToString::to_string));
    }
    Ok(folders)
}

fn broken_rules(metadata: &Metadata, may_import: &[(&str, &[&str])]) -> Vec<String> {
    let mut broken = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let Some((_, allowed)) = may_import.iter().find(|(of, _)| *of == name) else {
            broken.push(format!("{name} has no rule in crates/architecture/src/crates.rs"));
            continue;
        };
        for dependency in &package.dependencies {
            let on = dependency.name.as_str();
            let is_for_tests = dependency.kind == DependencyKind::Development && IN_TESTS.contains(&on);
            if dependency.path.is_some() && !allowed.contains(&on) && !is_for_tests {
                broken.push(format!("{name} imports {on}"));
            }
            let forbidden = WITHOUT.iter().find(|(of, _)| *of == name).map_or(&[][..], |(_, words)| words);
            if dependency.kind == DependencyKind::Normal && forbidden.contains(&on) {
                broken.push(format!("{name} depends on {on}"));
            }
        }
    }
    broken
}

#[test]
fn crates_import_only_those_they_may() -> Result<()> {
    let workspace = metadata(&root().join("Cargo.toml"))?;
    let mut broken = broken_rules(&workspace, MAY_IMPORT);
    let xtask = metadata(&root().join("xtask/Cargo.toml"))?;
    broken.extend(broken_rules(&xtask, &[("xtask", XTASK_MAY_IMPORT)]));
    for (name, _) in MAY_IMPORT {
        let is_there = workspace.packages.iter().any(|package| package.name.as_str() == *name);
        broken.extend((!is_there).then(|| format!("{name} has a rule and is not a package")));
    }
    assert!(broken.is_empty(), "change the code, or the rules and ARCHITECTURE.md:\n{}", broken.join("\n"));
    Ok(())
}

#[test]
fn an_import_against_the_rules_is_found() -> Result<()> {
    let workspace = metadata(&root().join("Cargo.toml"))?;
    let strict: Vec<_> = MAY_IMPORT
        .iter()
        .filter(|(name, _)| *name != "squall-edge")
        .map(|(name, allowed)| (*name, if *name == "squall-worker" { &[][..] } else { allowed }))
        .collect();
    let broken = broken_rules(&workspace, &strict);
    for expected in [
        "squall-worker imports squall-grouping",
        "squall-edge has no rule in crates/architecture/src/crates.rs",
    ] {
        assert!(
            broken.iter().any(|line| line == expected),
            "{expected} is not found:\n{}",
            broken.join("\n")
        );
    }
    Ok(())
}

#[test]
fn grouping_reads_no_clock_no_file_and_no_variable() -> Result<()> {
    let mut broken = Vec::new();
    for (folder, words) in NOT_WRITTEN {
        for file in files(folder, &[".rs"])? {
            let has = words.iter().filter(|word| file.text.contains(**word));
            broken.extend(has.map(|word| format!("{} contains {word}", file.path)));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    Ok(())
}
