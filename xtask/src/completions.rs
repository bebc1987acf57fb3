//! `completions`: a script for a shell, generated from the same enum as the help.

use crate::Cli;
use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Shell to complete in.
    shell: Shell,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    // Shells complete the words after `cargo-xtask`; the alias `cargo xtask` is completed through it.
    clap_complete::generate(arguments.shell, &mut Cli::command(), "cargo-xtask", &mut std::io::stdout());
    Ok(())
}
