//! `docker build`: the images, one after the other, with BuildKit; then what they weigh beside what they may.
//!
//! All Rust programs are compiled in one stage, so that the first image takes minutes and the others seconds.

use super::{
    context::{self, MADE},
    engine::Engine,
    images::{self, IMAGES, Image, Naming},
};
use crate::{
    failure::{Exit, Failure},
    files, process,
    world::World,
};
use anyhow::{Context, Result};
use serde::Serialize;
use std::{
    collections::BTreeSet,
    env,
    fs::{self, File},
    process::Command,
    time::Instant,
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// These images; all that the stack runs without any.
    #[arg(value_name = "IMAGE")]
    images: Vec<String>,
    /// The tag they get. [default: SQUALL_VERSION, else local]
    #[arg(long)]
    tag: Option<String>,
    /// Lists the images with their sizes and budgets instead of building them.
    #[arg(long)]
    list: bool,
    /// Prints the sizes as JSON.
    #[arg(long)]
    json: bool,
}

/// An image with its size.
#[derive(Debug, Serialize)]
pub struct Weighed {
    pub image: &'static str,
    pub reference: String,
    pub bytes: u64,
    /// What counts towards the budget: the whole, or what stands above the base.
    pub counted_bytes: u64,
    pub budget_megabytes: Option<u64>,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let naming = Naming::here().tagged(arguments.tag.clone());
    let chosen = choose(&arguments.images)?;
    let engine = Engine::for_step("building images")?;
    if !arguments.list {
        images(world, &engine, &chosen, &naming)?;
    }
    let weighed = chosen.iter().filter_map(|image| weigh(&engine, image, &naming).ok()).collect::<Vec<_>>();
    match arguments.json {
        true => println!("{}", serde_json::to_string_pretty(&weighed)?),
        false => print!("{}", table(&weighed)),
    }
    over_budget(&weighed)
}

/// Builds them, with the client's own output on the terminal.
pub fn images(world: &World, engine: &Engine, chosen: &[Image], naming: &Naming) -> Result<()> {
    let builder = engine.builder()?;
    for image in chosen {
        let began = Instant::now();
        let reference = image.reference(naming);
        eprintln!("building {reference}");
        let next = "mend what the builder names above; where a base image cannot be pulled, `cargo xtask docker base-images` makes a stand-in";
        world.run(command(world, &builder, image, &reference)?, next)?;
        eprintln!("built {reference} in {:.0} s", began.elapsed().as_secs_f64());
    }
    Ok(())
}

fn command(world: &World, builder: &Engine, image: &Image, reference: &str) -> Result<Command> {
    let mut docker =
        builder.docker(["build", "--file", image.dockerfile, "--target", image.name, "--tag", reference]);
    // Where nobody watches, a line an event reads better than a picture that moves.
    docker.args(["--progress", if env::var_os("CI").is_some() { "plain" } else { "auto" }]);
    docker.arg("--label").arg(format!("{SOURCE}={}", source_stamp(world, image)?));
    for (name, value) in labels(world) {
        docker.arg("--label").arg(format!("org.opencontainers.image.{name}={value}"));
    }
    // Builders reach the registries as this machine does; these arguments stand in no layer and no history.
    for name in ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"] {
        if env::var_os(name).is_some() {
            docker.args(["--build-arg", name]);
        }
    }
    let context = context::pack(world, image)?;
    docker.arg("-").current_dir(&world.root).env("DOCKER_BUILDKIT", "1");
    docker.stdin(File::open(context)?);
    Ok(docker)
}

/// What only the one who builds knows; the rest of the labels stands in the Dockerfiles.
fn labels(world: &World) -> Vec<(&'static str, String)> {
    let mut git = Command::new("git");
    git.args(["rev-parse", "HEAD"]).current_dir(&world.root);
    process::die_with_parent(&mut git, process::SIGTERM);
    let revision = super::engine::capture(git).map(|text| ("revision", text.trim().to_owned())).ok();
    revision.into_iter().collect()
}

/// The label that says which sources an image was made from.
const SOURCE: &str = "org.squall.source";

/// What an image is made from.
fn source_stamp(world: &World, image: &Image) -> Result<String> {
    let paths: Vec<_> = image.sources().into_iter().map(|path| world.root.join(path)).collect();
    files::content_stamp(&paths, &MADE)
}

/// The images that are not there, or were made from other sources.
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

/// The public images that these are made from, read from their Dockerfiles.
pub fn bases(world: &World, images: &[Image]) -> Result<BTreeSet<String>> {
    let mut bases = BTreeSet::new();
    for dockerfile in images.iter().map(|image| image.dockerfile).collect::<BTreeSet<_>>() {
        let path = world.root.join(dockerfile);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        bases.extend(from_lines(&text));
    }
    Ok(bases)
}

/// The images after FROM that are neither stages nor nothing.
fn from_lines(dockerfile: &str) -> Vec<String> {
    let froms: Vec<Vec<_>> = dockerfile
        .lines()
        .filter(|line| line.starts_with("FROM "))
        .map(|line| line.split_whitespace().collect())
        .collect();
    let is_stage = |name: &str| froms.iter().any(|words| words.get(3) == Some(&name));
    let images = froms.iter().filter_map(|words| words.get(1));
    images.filter(|name| **name != "scratch" && !is_stage(name)).map(|name| (*name).to_owned()).collect()
}

pub fn choose(names: &[String]) -> Result<Vec<Image>> {
    if names.is_empty() {
        return Ok(IMAGES.into_iter().filter(|image| image.usual).collect());
    }
    let found = |name: &String| {
        images::named(name).ok_or_else(|| {
            let known = IMAGES.map(|image| image.name).join(", ");
            let failure = Failure::new(
                "choosing images",
                format!("there is no image {name}"),
                format!("choose from {known}"),
            );
            failure.exit(Exit::Usage).into()
        })
    };
    names.iter().map(found).collect()
}

pub fn weigh(engine: &Engine, image: &Image, naming: &Naming) -> Result<Weighed> {
    let reference = image.reference(naming);
    let size = |name: &str| -> Result<u64> {
        let text = engine.ask(&["image", "inspect", "--format", "{{.Size}}", name])?;
        text.trim().parse().with_context(|| format!("reading the size of {name}"))
    };
    let bytes = size(&reference)?;
    let base = match image.budget.and_then(|budget| budget.above) {
        Some(base) => size(base).unwrap_or(0),
        None => 0,
    };
    Ok(Weighed {
        image: image.name,
        reference,
        bytes,
        counted_bytes: bytes.saturating_sub(base),
        budget_megabytes: image.budget.map(|budget| budget.megabytes),
    })
}

fn table(weighed: &[Weighed]) -> String {
    let mut text = format!("{:<28} {:>9} {:>9} {:>9}\n", "IMAGE", "SIZE", "COUNTED", "BUDGET");
    for image in weighed {
        let budget = image.budget_megabytes.map(|megabytes| format!("≤ {megabytes} MB")).unwrap_or_default();
        text += format!(
            "{:<28} {:>9} {:>9} {budget:>9}",
            image.reference,
            megabytes(image.bytes),
            megabytes(image.counted_bytes)
        )
        .trim_end();
        text.push('\n');
    }
    text
}

pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn over_budget(weighed: &[Weighed]) -> Result<()> {
    let over: Vec<_> = weighed
        .iter()
        .filter_map(|image| {
            let budget = image.budget_megabytes?;
            (image.counted_bytes > budget * 1_000_000).then(|| {
                format!("{} weighs {} and may weigh {budget} MB", image.image, megabytes(image.counted_bytes))
            })
        })
        .collect();
    if over.is_empty() {
        return Ok(());
    }
    let next = "find what grew with `docker history`, and take it out; a new budget stands in xtask/src/docker/images.rs";
    Err(Failure::new("comparing the images with their budgets", over.join("\n"), next).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_over_its_budget_is_named_with_both_figures() {
        let weighed = |counted_bytes| Weighed {
            image: "api",
            reference: "squall/api:local".into(),
            bytes: 20_000_000,
            counted_bytes,
            budget_megabytes: Some(12),
        };
        assert!(over_budget(&[weighed(12_000_000)]).is_ok());
        let error = over_budget(&[weighed(12_400_000)]).unwrap_err();
        assert!(error.to_string().contains("api weighs 12.4 MB and may weigh 12 MB"));
    }

    #[test]
    fn stages_and_scratch_are_no_base_images() {
        let text =
            "FROM rust:1 AS build\nRUN true\nFROM build AS more\nFROM scratch AS api\nFROM pg:18 AS ops\n";
        assert_eq!(from_lines(text), ["rust:1", "pg:18"]);
    }

    #[test]
    fn every_image_is_a_target_of_its_dockerfile() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for image in IMAGES {
            let text = std::fs::read_to_string(root.join(image.dockerfile)).unwrap();
            assert!(
                text.lines().any(|line| line.ends_with(&format!(" AS {}", image.name))),
                "{}",
                image.name
            );
        }
    }
}
