//! `restart`: the same plan once more, for one service or all of them.

use super::{
    Place,
    compose::{self, stack::ComposeStack},
    service::Plan,
    stop_signal,
    wait::{self, Started},
};
use crate::{failure::Failure, world::World};
use anyhow::{Context, Result};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The service, as `ps` names it; all of them without it.
    service: Option<String>,
    #[command(flatten)]
    place: Place,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let folder = arguments.place.folder(world)?;
    let _lock = folder.lock()?;
    if let Some(stack) = ComposeStack::load(&folder)? {
        return compose::restart(&stack, &folder, arguments.service.as_deref());
    }
    super::report_leftovers(&folder)?;
    if folder.supervisor()?.is_none() {
        let tried = format!("restarting {}", arguments.service.as_deref().unwrap_or("the stack"));
        return Err(Failure::new(tried, "nothing runs", "start the stack with `cargo xtask up`").into());
    }
    let mut plan = Plan::read(&folder.plan())?.context("the stack runs without a plan")?;
    plan.ask_restart(arguments.service.as_deref())?;
    plan.write(&folder.plan())?;
    wait::until_healthy(&folder, &plan, &*stop_signal()?, Started::Before)
}
