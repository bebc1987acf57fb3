//! The browser for tests: an installed one, else Debian's package, else Playwright's build.

use super::{apt_install, is_root_on_debian};
use crate::{
    build,
    failure::{Exit, Failure},
    world::{World, path_variable, say},
};
use anyhow::Result;
use squall_steps::Provision;
use std::path::PathBuf;
use xshell::cmd;

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The browser that CHROMIUM_PATH names, one on the path, or the one that Playwright downloaded.
pub fn find(world: &World) -> Option<PathBuf> {
    if let Some(path) = path_variable("CHROMIUM_PATH") {
        return Some(path).filter(|path| path.is_file());
    }
    NAMES.iter().find_map(|name| which::which(name).ok()).or_else(|| playwrights_own(world))
}

/// The browser, installed if necessary.
pub fn chromium(world: &World) -> Result<PathBuf> {
    if let Some(found) = find(world) {
        return Ok(found);
    }
    let missing = |wrong: &str| {
        let next = "install Chromium and put it on the path (Debian: apt-get install chromium \
                    fonts-liberation), or set CHROMIUM_PATH to it";
        Failure::new("finding Chromium for the browser tests", wrong, next).exit(Exit::ToolMissing)
    };
    if path_variable("CHROMIUM_PATH").is_some() {
        return Err(missing("CHROMIUM_PATH names a file that does not exist").into());
    }
    if is_root_on_debian() {
        apt_install(world, Provision::Chromium.packages())?;
    } else {
        build::node_modules(world)?;
        say("downloading Chromium: Playwright's build, pinned in web/package-lock.json");
        let shell = world.web_shell()?;
        if cmd!(shell, "npx playwright install chromium").run().is_err() {
            return Err(missing("Chromium is missing, and Playwright could not download it").into());
        }
    }
    find(world).ok_or_else(|| missing("Chromium is missing after its installation").into())
}

/// Playwright knows where it downloads the build of its version to.
fn playwrights_own(world: &World) -> Option<PathBuf> {
    let shell = world.web_shell().ok()?;
    let script = "console.log(require('@playwright/test').chromium.executablePath())";
    let path = cmd!(shell, "node --eval {script}").ignore_stderr().read().ok()?;
    Some(PathBuf::from(path)).filter(|path| path.is_file())
}
