//! `logs`: the last lines of each service, and with `-f` each new one.

use crate::{stack::StackOptions, world::World};
use anyhow::Result;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Service, as `ps` lists it [default: all]
    service: Option<String>,
    /// Keep printing new lines until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Number of lines of each service
    #[arg(short = 'n', long, default_value_t = 50)]
    lines: usize,
    #[command(flatten)]
    stack: StackOptions,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let stack = arguments.stack.open(world)?;
    stack.logs(arguments.service.as_deref(), arguments.lines, arguments.follow)
}
