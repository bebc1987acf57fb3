//! `ci --watch`: run what changed, whenever a file changes.

use super::{Options, once, sources};
use crate::{
    failure::{self, Exit, Failure},
    process::{stop_signal, wait_until},
    world::World,
};
use anyhow::Result;
use squall_steps::{Step, store::Store};
use std::{sync::atomic::Ordering, time::Duration};

pub fn run(world: &World, store: &Store, steps: &[Step], options: &Options) -> Result<()> {
    let stop = stop_signal()?;
    loop {
        let before = sources::tree(&world.root)?;
        if let Err(error) = once(world, store, steps, options) {
            let failure = failure::of_command(error, "ci --watch");
            if failure.exit == Exit::Interrupted {
                return Err(failure.into());
            }
            if !failure.is_silent() {
                eprint!("{failure}");
            }
        }
        eprintln!("\nwaiting for a change; Ctrl-C ends it");
        let has_changed = || sources::tree(&world.root).is_ok_and(|tree| tree != before);
        let mut quiet = 0;
        wait_until(Duration::MAX, || {
            std::thread::sleep(PAUSE);
            quiet = if has_changed() { quiet + 1 } else { 0 };
            // An editor writes a file in several steps.
            quiet >= 2 || stop.load(Ordering::Relaxed)
        });
        if stop.load(Ordering::Relaxed) {
            return Err(Failure::silent(Exit::Interrupted).into());
        }
    }
}

const PAUSE: Duration = Duration::from_millis(200);
