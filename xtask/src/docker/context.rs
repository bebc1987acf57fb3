//! What a build sends to the engine: the sources of one image and nothing else, packed. Plain `docker build` sends the same files by the
//! ignore files beside the Dockerfiles, unpacked.

use super::images::Image;
use crate::{failure::OrFail, world::World};
use anyhow::Result;
use std::{fs, path::PathBuf, process::Command};

/// Folders that hold what was made, and no sources; and what tests a person runs elsewhere.
pub const MADE: [&str; 6] = ["target", "node_modules", "dist", "test-results", "playwright-report", "e2e"];

/// Never part of an image, wherever they lie.
const NEVER: [&str; 9] = [
    ".env",
    "*.pem",
    "*.key",
    "crates/*/tests",
    "crates/grouping/fuzz",
    "migrations/tests",
    "tests/acceptance/tests",
    "worker/tests",
    "xtask/tests",
];

/// Packs the context of an image and returns the file.
pub fn pack(world: &World, image: &Image) -> Result<PathBuf> {
    let folder = world.build_folder().join("squall-build");
    fs::create_dir_all(&folder)?;
    let file = folder.join(format!("context-{}.tar.gz", image.name));
    let mut tar = Command::new("tar");
    tar.arg("--create").arg("--gzip").arg("--file").arg(&file).arg("--directory").arg(&world.root);
    tar.args(MADE.iter().chain(&NEVER).map(|name| format!("--exclude={name}")));
    let paths = image.context();
    tar.args(paths.iter().filter(|path| world.root.join(path).exists()));
    let next = "see that the folder target can be written and that there is room on the disk";
    super::engine::capture(tar).or_fail(format!("packing the sources of {}", image.name), next)?;
    Ok(file)
}
