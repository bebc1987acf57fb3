//! `openapi`: generate the API's description from the api, and the web app's types from that.

use crate::{
    build::{self, Binaries},
    failure::Failure,
    files,
    world::{Profile, World},
};
use anyhow::{Context, Result};
use std::fs;
use xshell::cmd;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Change nothing, and fail if the description or the types would change.
    #[arg(long)]
    pub check: bool,
}

const NEXT: &str = "run `cargo xtask openapi`, and commit web/openapi.json and web/src/api/schema.ts";

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    build::binaries(world, Binaries::Tested)?;
    build::node_modules(world, &|line| eprintln!("{line}"))?;
    let (shell, api) = (world.shell()?, world.binary(Profile::Debug, "squall-api")?);
    let described = world
        .capture(cmd!(shell, "{api} openapi"), "fix what the message names, then run the command again")?;
    let described = format!("{}\n", described.trim_end());
    let document = world.web().join("openapi.json");
    let committed = files::read_if_there(&document)?.unwrap_or_default();
    if arguments.check && committed != described {
        let wrong = format!(
            "it differs from the api's own description; the first difference is {}",
            first_difference(&committed, &described)
        );
        return Err(Failure::new("comparing web/openapi.json with the api", wrong, NEXT).into());
    }
    fs::write(&document, described).with_context(|| format!("writing {}", document.display()))?;
    types(world, arguments.check)
}

/// Generates the types; with `check` the committed ones stay.
fn types(world: &World, check: bool) -> Result<()> {
    let path = world.web().join("src/api/schema.ts");
    let committed = files::read_if_there(&path)?.unwrap_or_default();
    let shell = world.web_shell()?;
    let generated = world.run(cmd!(shell, "npm run --silent generate"), "fix what the generator names above");
    let fresh = files::read_if_there(&path)?.unwrap_or_default();
    if check && fresh != committed {
        fs::write(&path, &committed).with_context(|| format!("writing {}", path.display()))?;
        let wrong = format!(
            "they differ from what it generates; the first difference is {}",
            first_difference(&committed, &fresh)
        );
        return Err(Failure::new("comparing web/src/api/schema.ts with web/openapi.json", wrong, NEXT).into());
    }
    generated
}

/// `line 3: "old" instead of "new"`
pub fn first_difference(committed: &str, fresh: &str) -> String {
    let (mut old, mut new) = (committed.lines(), fresh.lines());
    for number in 1.. {
        match (old.next(), new.next()) {
            (None, None) => break,
            (old, new) if old == new => {}
            (old, new) => {
                let show = |line: Option<&str>| {
                    line.map_or_else(|| "nothing".to_owned(), |line| format!("`{}`", line.trim()))
                };
                return format!("line {number}: {} instead of {}", show(old), show(new));
            }
        }
    }
    "the end of the file".into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_a_line_with_both_sides() {
        let check = |old, new, expected: &str| assert_eq!(first_difference(old, new), expected);
        check("a\nb\n", "a\nc\n", "line 2: `b` instead of `c`");
        check("a\n", "a\nb\n", "line 2: nothing instead of `b`");
        check("a", "a\n", "the end of the file");
    }
}
