//! The stack of one state folder: Squall's services, as processes of this machine or in containers.
//!
//! `up`, `ps`, `logs`, `restart`, `down`, `migrate` and `backup` are written against [`Stack`].
//! Whatever the kind, a start is: decide what the stack is made of and provide it (`plan` of
//! [`native`] and [`compose`]) → [`Stack::start`] → [`wait_until_healthy`] → print where it is.

pub mod service;
pub mod state;
pub mod native;
pub mod compose;
mod progress;

pub use native::{NativeStack, scratch::Scratch};
pub use progress::{show_changes, wait_until_healthy};

use crate::{
    failure::{Exit, Failure},
    postgres::given_url,
    world::World,
};
use anyhow::{Context, Result};
use compose::{ComposeStack, record::Record};
use serde::{Deserialize, Serialize};
use state::{StateFolder, Status};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

/// The argument by which every command chooses one of several stacks.
#[derive(Debug, Default, clap::Args)]
pub struct StackOptions {
    /// Folder of the stack; each folder is a stack of its own [env: SQUALL_STATE] [default:
    /// target/squall]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

impl StackOptions {
    pub fn folder(&self, world: &World) -> Result<StateFolder> {
        StateFolder::choose(&world.root, self.state.as_deref())
    }

    pub fn open<'w>(&self, world: &'w World) -> Result<Box<dyn Stack + 'w>> {
        open(world, &self.folder(world)?)
    }
}

pub trait Stack {
    fn kind(&self) -> Kind;
    /// The services, in the order they start.
    fn services(&self) -> Vec<String>;
    fn url(&self) -> String;
    /// Where this machine reaches the database; none if only other services reach it.
    fn database_url(&self) -> Option<String> {
        None
    }

    fn status(&mut self) -> Result<Status>;
    fn is_running(&self) -> Result<bool>;
    fn is_healthy(&self, status: &Status) -> bool;

    /// Start what is missing or has changed, and return at once. Unless it is `detached`, the stack
    /// ends with this process.
    fn start(&mut self, detached: bool) -> Result<()>;
    /// How far the start is.
    fn starting(&mut self, status: &Status) -> Result<Starting>;
    /// Restart one service, or all but the jobs, and return at once.
    fn restart(&mut self, service: Option<&str>) -> Result<()>;
    /// Stop the stack cleanly. Returns whether it was running.
    fn stop(&mut self) -> Result<bool>;
    /// Print the last lines of one service or all, and with `follow` each new one until Ctrl-C.
    fn logs(&self, service: Option<&str>, lines: usize, follow: bool) -> Result<()>;

    /// A program of Squall to run once, where it reaches the database of the stack.
    fn job(&self, job: &Job) -> Result<Command>;
    /// The demo's admin.
    fn sign_in(&self) -> Result<Option<SignIn>>;
    /// A fresh one-time link, unless there is an admin.
    fn setup_link(&self) -> Result<Option<String>>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Processes,
    Containers,
}

pub enum Starting {
    Waiting,
    Healthy,
    Failed(Failure),
}

/// From what `squall-api seed` prints.
#[derive(Deserialize)]
pub struct SignIn {
    pub email: String,
    pub password: String,
}

impl SignIn {
    fn parse(printed: &str) -> Option<Self> {
        serde_json::from_str(printed).ok()
    }
}

/// From what `squall-api setup-link` prints.
fn parse_setup_link(printed: &str) -> Result<Option<String>> {
    let link: serde_json::Value =
        serde_json::from_str(printed.trim()).context("reading the output of `squall-api setup-link`")?;
    Ok(link["url"].as_str().filter(|_| link["needed"] == true).map(str::to_owned))
}

/// One run of a program of Squall: `squall-migrate` or `squall-backup`.
pub struct Job {
    pub program: &'static str,
    pub arguments: Vec<String>,
    /// Variables of a run on this machine; containers get theirs from the Compose files.
    pub environment: Vec<(&'static str, OsString)>,
    pub needs_database: bool,
}

/// The stack of a folder, running or not.
pub fn open<'w>(world: &'w World, folder: &StateFolder) -> Result<Box<dyn Stack + 'w>> {
    Ok(match Record::load(folder)? {
        Some(record) => Box::new(ComposeStack::open(world, folder, record)?),
        None => Box::new(NativeStack::open(world, folder)?),
    })
}

/// The command for a job on the database that DATABASE_URL names, else on that of the stack.
pub fn job(world: &World, options: &StackOptions, job: &Job) -> Result<Command> {
    match given_url() {
        Some(url) => native::job(world, job, Some(&url)),
        None => options.open(world)?.job(job),
    }
}

/// Each folder has one stack: starting the other kind beside it is refused.
pub fn refuse_other_kind(folder: &StateFolder, wanted: Kind) -> Result<()> {
    let other = match wanted {
        Kind::Processes => Record::load(folder)?
            .map(|record| format!("it is running in containers (Compose project {})", record.project)),
        Kind::Containers => {
            folder.supervisor()?.map(|_| "it is running as processes of this machine".to_owned())
        }
    };
    let next = "stop it with `cargo xtask down`, or choose another folder with --state";
    other.map_or(Ok(()), |wrong| Err(Failure::new("starting the stack", wrong, next).into()))
}

/// The path a folder was copied or moved from, if its files were written for another one.
pub fn copied_from(folder: &StateFolder) -> Result<Option<PathBuf>> {
    if folder.supervisor()?.is_some() {
        return Ok(None);
    }
    let recorded = [Record::read(folder)?.map(|record| record.folder), folder.status()?.folder];
    Ok(recorded.into_iter().flatten().find(|recorded| !folder.is_own(Some(recorded))))
}

pub fn describe_copy(original: &Path) -> String {
    let original = original.display();
    format!(
        "this folder was copied or moved from {original}; no stack is running here, `cargo xtask up` starts one"
    )
}

/// The named service, or all of them.
pub fn choose_services(all: Vec<String>, name: Option<&str>) -> Result<Vec<String>> {
    let Some(name) = name else { return Ok(all) };
    if all.iter().any(|service| service == name) {
        return Ok(vec![name.to_owned()]);
    }
    let next = format!("use one of: {}", all.join(", "));
    let failure = Failure::new(format!("finding the service {name}"), "this stack has no such service", next);
    Err(failure.exit(Exit::Usage).into())
}

pub fn not_running(tried: impl Into<String>) -> anyhow::Error {
    Failure::new(tried, "no stack is running", "start it with `cargo xtask up`").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_service_is_refused_with_the_known_ones() {
        let all = || vec!["migrate".to_owned(), "api".to_owned()];
        assert_eq!(choose_services(all(), Some("api")).unwrap(), ["api"]);
        let error = choose_services(all(), Some("apu")).unwrap_err();
        assert!(error.to_string().ends_with("Next:   use one of: migrate, api\n"), "{error}");
    }
}
