//! Starts xtask from any folder of the workspace.
//!
//! A cargo alias takes paths from the current folder, and `--package` finds the workspace from
//! anywhere below it. But xtask has a workspace of its own, which cargo resolves seven times
//! faster. So the root's alias names the manifest of xtask, and every other folder starts this.

use std::{env, io, os::unix::process::CommandExt, path::Path, process::Command};

fn main() -> io::Result<()> {
    let here = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let manifest = Path::new(&here).join("../../xtask/Cargo.toml").canonicalize()?;
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["run", "--quiet", "--locked", "--manifest-path"]).arg(manifest).arg("--");
    Err(cargo.args(env::args_os().skip(1)).exec())
}
