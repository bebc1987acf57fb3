//! The browser for tests: an installed one, else Debian's package, else Playwright's build.

use super::{Provision, apt_install, is_root_on_debian};
use crate::{
    build,
    failure::{Exit, Failure},
    world::World,
};
use anyhow::Result;
use std::{env, path::PathBuf};
use xshell::cmd;

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The browser that CHROMIUM_PATH names, one on the path, or the one that Playwright downloaded.
pub fn find() -> Option<PathBuf> {
    if let Some(path) = env::var_os("CHROMIUM_PATH").filter(|path| !path.is_empty()) {
        return Some(PathBuf::from(path)).filter(|path| path.is_file());
    }
    NAMES.iter().find_map(|name| which::which(name).ok()).or_else(playwrights_own)
}

/// The browser, installed if necessary.
pub fn chromium(world: &World, print: &dyn Fn(&str)) -> Result<PathBuf> {
    if let Some(found) = find() {
        return Ok(found);
    }
    let missing = |wrong: &str| {
        let next = "install Chromium and put it on the path (Debian: apt-get install chromium \
                    fonts-liberation), or set CHROMIUM_PATH to it";
        Failure::new("finding Chromium for the browser tests", wrong, next).exit(Exit::ToolMissing)
    };
    if env::var_os("CHROMIUM_PATH").is_some_and(|path| !path.is_empty()) {
        return Err(missing("CHROMIUM_PATH names a file that does not exist").into());
    }
    if is_root_on_debian() {
        apt_install(world, Provision::Chromium.packages())?;
    } else {
        build::node_modules(world, print)?;
        print("downloading Chromium: Playwright's build, pinned in web/package-lock.json");
        let shell = world.web_shell()?;
        if cmd!(shell, "npx playwright install chromium").run().is_err() {
            return Err(missing("Chromium is missing, and Playwright could not download it").into());
        }
    }
    find().ok_or_else(|| missing("Chromium is missing after its installation").into())
}

/// `<cache>/ms-playwright/chromium-1234/chrome-linux/chrome`, the newest of several.
fn playwrights_own() -> Option<PathBuf> {
    let home = PathBuf::from(env::var_os("HOME")?);
    let caches = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
    let usual = home.join(caches).join("ms-playwright");
    let folder = env::var_os("PLAYWRIGHT_BROWSERS_PATH").map_or(usual, PathBuf::from);
    let mut builds: Vec<_> = folder.read_dir().ok()?.flatten().map(|entry| entry.path()).collect();
    builds.retain(|path| path.file_name().is_some_and(|it| it.to_string_lossy().starts_with("chromium-")));
    builds.sort();
    let programs =
        ["chrome-linux/chrome", "chrome-linux64/chrome", "chrome-mac/Chromium.app/Contents/MacOS/Chromium"];
    let programs = builds.iter().rev().flat_map(|build| programs.map(|program| build.join(program)));
    programs.into_iter().find(|program| program.is_file())
}
