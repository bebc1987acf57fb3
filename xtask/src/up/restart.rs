//! `restart`: restart one service or all of them, and wait until they are healthy.

use crate::{
    process::stop_signal,
    stack::{StackOptions, choose_services, open, wait_until_healthy},
    world::World,
};
use anyhow::Result;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Service, as `ps` lists it [default: all]
    service: Option<String>,
    #[command(flatten)]
    stack: StackOptions,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let folder = arguments.stack.folder(world)?;
    let _lock = folder.lock()?;
    let mut stack = open(world, &folder)?;
    let service = arguments.service.as_deref();
    if stack.is_running()? {
        choose_services(stack.services(), service)?;
    }
    stack.restart(service)?;
    wait_until_healthy(&mut *stack, &*stop_signal()?)
}
