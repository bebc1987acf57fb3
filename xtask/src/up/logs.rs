//! `logs`: the last lines of each service, and with `-f` each new one.

use super::{
    Place,
    compose::stack::ComposeStack,
    service::{Plan, unknown},
    state::StateFolder,
};
use crate::{docker::engine::Engine, files, world::World};
use anyhow::Result;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{ErrorKind, Read, Seek, SeekFrom, Write},
    thread,
    time::Duration,
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The service, as `ps` names it; all of them without it.
    service: Option<String>,
    /// Goes on printing new lines until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
    /// How many lines of each service.
    #[arg(short = 'n', long, default_value_t = 50)]
    lines: usize,
    #[command(flatten)]
    place: Place,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let folder = arguments.place.folder(world)?;
    if let Some(stack) = ComposeStack::load(&folder)? {
        return containers(world, &stack, arguments);
    }
    let known = services(&folder)?;
    let chosen: Vec<_> = match &arguments.service {
        Some(name) if known.contains(name) => vec![name.clone()],
        Some(name) => return Err(unknown(name, &known).into()),
        None => known,
    };
    let mut places: BTreeMap<_, u64> = BTreeMap::new();
    for name in &chosen {
        let length = fs::metadata(folder.log(name)).map(|metadata| metadata.len()).unwrap_or(0);
        print(
            name,
            chosen.len() > 1,
            files::last_lines(&folder.log(name), arguments.lines).join("\n").as_str(),
        )?;
        places.insert(name.clone(), length);
    }
    if !arguments.follow {
        return Ok(());
    }
    loop {
        thread::sleep(Duration::from_millis(200));
        for (name, place) in &mut places {
            print(name, chosen.len() > 1, new_lines(&folder, name, place).trim_end_matches('\n'))?;
        }
    }
}

/// The engine keeps the logs of containers, and Compose shows them.
fn containers(world: &World, stack: &ComposeStack, arguments: &Arguments) -> Result<()> {
    let engine = Engine::need("reading the logs of containers")?;
    if let Some(name) = arguments.service.as_ref().filter(|name| stack.service(name).is_none()) {
        return Err(unknown(name, &stack.names()).into());
    }
    let mut command = stack.compose(&engine)?;
    command.args(["logs", "--no-color", "--tail", &arguments.lines.to_string()]);
    command.args(arguments.follow.then_some("--follow"));
    command.args(arguments.service.as_ref().map(|_| "--no-log-prefix")).args(&arguments.service);
    world.run(command, "see what Compose says above")
}

/// Each service of the plan that has a process, and the supervisor.
fn services(folder: &StateFolder) -> Result<Vec<String>> {
    let plan = Plan::read(&folder.plan())?.unwrap_or_default();
    let services =
        plan.services.iter().filter(|service| service.has_process()).map(|service| service.name.clone());
    Ok(services.chain(["supervisor".to_owned()]).collect())
}

/// Whole lines written since `place`, which moves on. A log that was shortened is read from its start.
fn new_lines(folder: &StateFolder, name: &str, place: &mut u64) -> String {
    let Ok(mut file) = File::open(folder.log(name)) else { return String::new() };
    if file.metadata().map(|metadata| metadata.len()).unwrap_or(0) < *place {
        *place = 0;
    }
    let mut bytes = Vec::new();
    if file.seek(SeekFrom::Start(*place)).is_err() || file.read_to_end(&mut bytes).is_err() {
        return String::new();
    }
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    *place += whole as u64;
    String::from_utf8_lossy(&bytes[..whole]).into_owned()
}

fn print(name: &str, prefixed: bool, text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for line in text.lines() {
        let written = match prefixed {
            true => writeln!(out, "{name:<10} | {line}"),
            false => writeln!(out, "{line}"),
        };
        match written {
            // Who pipes into `head` has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
            written => written?,
        }
    }
    Ok(())
}
