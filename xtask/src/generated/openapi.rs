//! `generated openapi`: generate the API's description from the api, and the web app's types from that.

use crate::{
    build::{self, Binaries},
    generated::renew,
    world::{Profile, World},
};
use anyhow::{Context, Result};
use std::fs;
use xshell::cmd;

pub fn run(world: &World, check: bool) -> Result<()> {
    build::binaries(world, Binaries::Tested)?;
    build::node_modules(world)?;
    let (shell, api) = (world.shell()?, world.binary(Profile::Debug, "squall-api")?);
    let next = "fix what the message names, then run the command again";
    let document = format!("{}\n", world.capture(cmd!(shell, "{api} openapi"), next)?.trim_end());
    let fresh = world.build_folder().join("squall-openapi.json");
    fs::write(&fresh, &document).with_context(|| format!("writing {}", fresh.display()))?;
    let shell = world.web_shell()?;
    let types = world.capture(cmd!(shell, "npm run --silent generate -- {fresh}"), next)?;
    let web = world.web();
    let files = [(web.join("openapi.json"), document), (web.join("src/api/schema.ts"), types)];
    renew(world, &files, check)
}
