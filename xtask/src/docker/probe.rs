//! `docker probe`: what only a built and running image shows.
//!
//! The flow, for each image: its layers and what is in them ([`layers`]) → it starts with a
//! read-only root and without capabilities beside a fresh database, becomes healthy, answers on its
//! port and ends on its stop signal ([`start`]). All images are probed before anything is reported,
//! and everything that was started is removed.

mod layers;
mod start;

use super::{
    build,
    engine::Engine,
    images::{self, Naming},
};
use crate::{failure::Failure, world::World};
use anyhow::Result;
use serde::Serialize;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Images to probe [default: all that the stack runs]
    #[arg(value_name = "IMAGE", value_parser = images::names())]
    images: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Something that is wrong with an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Defect {
    pub image: &'static str,
    /// A stable name: `layers`, `secret`, `start`, `answer`, `stop`.
    pub rule: &'static str,
    pub what: String,
    pub fix: &'static str,
}

const TRIED: &str = "probing the images";

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let (chosen, naming) = (build::choose(&arguments.images), Naming::here());
    let engine = Engine::for_step(TRIED)?;
    if let Some(missing) = chosen.iter().find(|image| !engine.has_image(&image.reference(&naming))) {
        let wrong = format!("the image {} does not exist", missing.reference(&naming));
        return Err(Failure::new(TRIED, wrong, "build it with `cargo xtask docker build`").into());
    }
    let mut defects = Vec::new();
    for image in &chosen {
        eprintln!("inspecting {}", image.reference(&naming));
        defects.extend(layers::check(world, &engine, image, &naming)?);
    }
    defects.extend(start::check(world, &engine, &chosen, &naming)?);
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&defects)?);
    } else {
        for Defect { image, rule, what, fix } in &defects {
            println!("{image}: {rule}: {what}\n  fix: {fix}");
        }
    }
    if defects.is_empty() {
        eprintln!(
            "{} images: few layers, no secret in them, and each starts, answers and stops",
            chosen.len()
        );
        return Ok(());
    }
    let next = "apply the fixes above, build the image again, then run the command again";
    Err(Failure::new(TRIED, format!("{} defects, listed above", defects.len()), next).into())
}
