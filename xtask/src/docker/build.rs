//! `docker build`: build the images one after the other with BuildKit, then compare their sizes
//! with the budgets.
//!
//! One stage compiles all Rust programs, so the first image takes minutes and the others seconds.

use super::{
    context,
    engine::Engine,
    images::{self, IMAGES, Image, Naming},
};
use crate::{failure::Failure, files, world::World};
use anyhow::{Context, Result};
use serde::Serialize;
use std::{
    env,
    fs::{self, File},
    process::Command,
};
use xshell::cmd;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Images to build [default: all that the stack runs]
    #[arg(value_name = "IMAGE", value_parser = images::names())]
    images: Vec<String>,
    /// Tag of the images [default: SQUALL_VERSION, else local]
    #[arg(long)]
    tag: Option<String>,
    /// List sizes and budgets instead of building
    #[arg(long)]
    list: bool,
    /// Print the sizes as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct ImageSize {
    image: &'static str,
    reference: String,
    bytes: u64,
    /// What counts towards the budget: what is above the base.
    counted_bytes: u64,
    budget_megabytes: Option<u64>,
    /// What a build sends to the engine.
    context_bytes: u64,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let mut naming = Naming::here();
    naming.tag = arguments.tag.clone().unwrap_or(naming.tag);
    let chosen = choose(&arguments.images);
    let engine = Engine::for_step("building images")?;
    if !arguments.list {
        images(world, &engine, &chosen, &naming)?;
    }
    let sizes: Vec<_> =
        chosen.iter().filter_map(|image| weigh(world, &engine, image, &naming).ok()).collect();
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&sizes)?);
    } else {
        println!("{:<28} {:>9} {:>9} {:>9}", "IMAGE", "SIZE", "COUNTED", "BUDGET");
        for ImageSize { reference, bytes, counted_bytes, budget_megabytes, .. } in &sizes {
            let budget = budget_megabytes.map_or(String::new(), |budget| format!("≤ {budget} MB"));
            let (size, counted) = (megabytes(*bytes), megabytes(*counted_bytes));
            println!("{reference:<28} {size:>9} {counted:>9} {budget:>9}");
        }
    }
    let over: Vec<_> = sizes.iter().filter_map(over_budget).collect();
    // A list shows the budgets too; its reader compares.
    if over.is_empty() || arguments.list {
        return Ok(());
    }
    let next = "find what grew with `docker history`; budgets are in xtask/src/docker/images.rs";
    Err(Failure::new("comparing the images with their budgets", over.join("\n"), next).into())
}

/// The client writes its progress to the terminal.
pub fn images(world: &World, engine: &Engine, chosen: &[Image], naming: &Naming) -> Result<()> {
    for image in chosen {
        let reference = image.reference(naming);
        eprintln!("building {reference}");
        let next = "fix the error that the builder printed; where no registry is reachable, .ci/base-images makes the base images";
        world.run(command(world, engine, image, &reference)?, next)?;
    }
    Ok(())
}

fn command(world: &World, engine: &Engine, image: &Image, reference: &str) -> Result<Command> {
    let mut docker =
        engine.docker(["build", "--file", image.dockerfile, "--target", image.name, "--tag", reference]);
    docker.arg("--label").arg(format!("{SOURCE}={}", source_stamp(world, image)?));
    // The only label that the Dockerfiles cannot hold.
    let shell = world.shell()?;
    if let Ok(revision) = cmd!(shell, "git rev-parse HEAD").quiet().ignore_stderr().read() {
        docker.arg("--label").arg(format!("org.opencontainers.image.revision={revision}"));
    }
    // Builders reach the registries as this machine does. These arguments leave no trace in the
    // image.
    for name in ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"] {
        if env::var_os(name).is_some() {
            docker.args(["--build-arg", name]);
        }
    }
    docker.arg("-").stdin(File::open(context::pack(world, image)?)?);
    docker.current_dir(&world.root).env("DOCKER_BUILDKIT", "1");
    Ok(docker)
}

/// The label with the stamp of the sources that an image was made from.
const SOURCE: &str = "org.squall.source";

fn source_stamp(world: &World, image: &Image) -> Result<String> {
    let files = context::files_of(&world.root, image)?;
    let paths: Vec<_> = files.iter().map(|path| world.root.join(path)).collect();
    files::content_stamp(&world.root, &paths, &[])
}

/// The images that do not exist or were made from other sources.
pub fn stale(world: &World, engine: &Engine, images: &[Image], naming: &Naming) -> Result<Vec<Image>> {
    let format = format!("{{{{index .Config.Labels \"{SOURCE}\"}}}}");
    let mut stale = Vec::new();
    for image in images {
        let made_from = engine.ask(&["image", "inspect", "--format", &format, &image.reference(naming)]).ok();
        if made_from.is_none_or(|label| label.trim() != source_stamp(world, image).unwrap_or_default()) {
            stale.push(*image);
        }
    }
    Ok(stale)
}

/// The named images, or all that the stack runs.
pub fn choose(names: &[String]) -> Vec<Image> {
    let is_chosen = |image: &Image| {
        if names.is_empty() { image.usual } else { names.iter().any(|name| name == image.name) }
    };
    IMAGES.into_iter().filter(is_chosen).collect()
}

fn weigh(world: &World, engine: &Engine, image: &Image, naming: &Naming) -> Result<ImageSize> {
    let reference = image.reference(naming);
    let size = |name: &str| -> Result<u64> {
        let text = engine.ask(&["image", "inspect", "--format", "{{.Size}}", name])?;
        text.trim().parse().with_context(|| format!("reading the size of {name}"))
    };
    let bytes = size(&reference)?;
    // The engine has no image `scratch`.
    let base = image.base(&world.root)?.and_then(|base| size(&base).ok()).unwrap_or(0);
    Ok(ImageSize {
        image: image.name,
        reference,
        bytes,
        counted_bytes: bytes.saturating_sub(base),
        budget_megabytes: image.budget,
        context_bytes: fs::metadata(context::pack(world, image)?)?.len(),
    })
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn over_budget(size: &ImageSize) -> Option<String> {
    let budget = size.budget_megabytes.filter(|budget| size.counted_bytes > budget * 1_000_000)?;
    Some(format!("{} is {}, its budget {budget} MB", size.image, megabytes(size.counted_bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_is_a_target_with_sources_and_without_secrets() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for image in IMAGES {
            let files = context::files_of(root, &image).unwrap();
            assert!(files.iter().any(|file| file == "Cargo.toml"), "{}: {files:?}", image.name);
            let secrets = files.iter().find(|file| file.ends_with(".env") || file.ends_with(".key"));
            assert_eq!(secrets, None, "{}", image.name);
        }
    }
}
