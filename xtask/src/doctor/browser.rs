//! The browser for tests: one that is there, else Debian's, else Playwright's own.

use crate::{
    build,
    failure::{Exit, Failure},
    process,
    world::World,
};
use anyhow::Result;
use std::{
    env,
    path::{Path, PathBuf},
};
use xshell::cmd;

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The one that CHROMIUM_PATH names, one on the path, or the one that Playwright has fetched.
pub fn find() -> Option<PathBuf> {
    if let Some(named) = env::var_os("CHROMIUM_PATH").filter(|named| !named.is_empty()) {
        return Some(PathBuf::from(named)).filter(|named| named.is_file());
    }
    NAMES.iter().find_map(|name| which::which(name).ok()).or_else(playwrights_own)
}

/// The browser, fetched if need be.
pub fn chromium(world: &World, say: &dyn Fn(&str)) -> Result<PathBuf> {
    if let Some(found) = find() {
        return Ok(found);
    }
    let tried = "finding a Chromium for the browser tests";
    let next = "install Chromium and put it on the path, or set CHROMIUM_PATH to it (Debian: apt-get install chromium)";
    if env::var_os("CHROMIUM_PATH").is_some_and(|named| !named.is_empty()) {
        let failure = Failure::new(tried, "CHROMIUM_PATH names a file that is not there", next);
        return Err(failure.exit(Exit::ToolMissing).into());
    }
    if process::is_root() && Path::new("/etc/debian_version").exists() {
        say("fetching Chromium: Debian's package chromium, signed by Debian, with apt-get");
        let shell = world.shell()?;
        let apt =
            cmd!(shell, "apt-get install --yes --quiet --no-install-recommends chromium fonts-liberation");
        world.run(
            apt.env("DEBIAN_FRONTEND", "noninteractive"),
            "run `apt-get update`, then the command again; or set CHROMIUM_PATH to a Chromium",
        )?;
    } else {
        build::node_modules(world, say)?;
        say(
            "fetching Chromium: the build that Playwright pins, by the version in web/package-lock.json, with npx",
        );
        let shell = world.web_shell()?;
        world.run(cmd!(shell, "npx playwright install chromium"), next)?;
    }
    find().ok_or_else(|| {
        Failure::new(tried, "it is not there after it was installed", next).exit(Exit::ToolMissing).into()
    })
}

/// `<cache>/ms-playwright/chromium-1234/chrome-linux/chrome`, the newest of several.
fn playwrights_own() -> Option<PathBuf> {
    let home = PathBuf::from(env::var_os("HOME")?);
    let usual = if cfg!(target_os = "macos") {
        home.join("Library/Caches/ms-playwright")
    } else {
        home.join(".cache/ms-playwright")
    };
    let folder = env::var_os("PLAYWRIGHT_BROWSERS_PATH").map_or(usual, PathBuf::from);
    let mut builds: Vec<_> = folder.read_dir().ok()?.flatten().map(|entry| entry.path()).collect();
    builds.sort();
    let programs =
        ["chrome-linux/chrome", "chrome-linux64/chrome", "chrome-mac/Chromium.app/Contents/MacOS/Chromium"];
    let chromium = |path: &&PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("chromium-"))
    };
    let builds = builds.iter().rev().filter(chromium);
    builds.flat_map(|build| programs.map(|program| build.join(program))).find(|program| program.is_file())
}
