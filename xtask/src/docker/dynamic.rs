//! The part of validation that needs an engine: what only a built and running image shows.
//!
//! The flow, for each image: what it weighs and is made of ([`layers`]) → it starts with a read-only root, without capabilities, beside a
//! fresh database ([`start`]) → it becomes healthy by its own health check, answers on its port, and ends on its stop signal.
//! Everything is found before anything is told; what was started is removed whatever happens.

mod layers;
mod start;

use super::{
    build,
    engine::Engine,
    images::{Image, Naming},
};
use crate::failure::Failure;
use anyhow::Result;
use serde::Serialize;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// These images; all that the stack runs without any.
    #[arg(value_name = "IMAGE")]
    images: Vec<String>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// One thing that is wrong with an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Defect {
    pub image: &'static str,
    /// A stable name: `size`, `layers`, `secret`, `user`, `start`, `health`, `answer`, `stop`.
    pub rule: &'static str,
    pub what: String,
    pub fix: &'static str,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let chosen = build::choose(&arguments.images)?;
    let tried = "probing the images";
    let engine = Engine::for_step(tried)?;
    let naming = Naming::here();
    let lacking: Vec<_> =
        chosen.iter().filter(|image| !engine.has_image(&image.reference(&naming))).collect();
    if let [first, ..] = lacking[..] {
        let wrong = format!("there is no image {}", first.reference(&naming));
        return Err(Failure::new(tried, wrong, "make it with `cargo xtask docker build`").into());
    }
    let defects = check(&engine, &chosen, &naming)?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&defects)?);
    } else {
        for Defect { image, rule, what, fix } in &defects {
            println!("{image}: {rule}: {what}\n  fix: {fix}");
        }
    }
    if defects.is_empty() {
        if !arguments.json {
            println!(
                "{} images: small enough, no secret in a layer, and each starts, answers and stops as it should",
                chosen.len()
            );
        }
        return Ok(());
    }
    let wrong = format!("{} defects; they stand above", defects.len());
    Err(Failure::new(
        tried,
        wrong,
        "mend what each line names, build the image again, and run the command again",
    )
    .into())
}

/// Everything that is wrong with these images, as they are on this machine.
pub fn check(engine: &Engine, chosen: &[Image], naming: &Naming) -> Result<Vec<Defect>> {
    let mut defects = Vec::new();
    for image in chosen {
        eprintln!("looking into {}", image.reference(naming));
        defects.extend(layers::check(engine, image, naming)?);
    }
    defects.extend(start::check(engine, chosen, naming)?);
    Ok(defects)
}
