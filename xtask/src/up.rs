//! `up`: from a clone to a healthy stack with a printed address.

pub mod down;
pub mod ps;
pub mod logs;
pub mod restart;

use crate::{
    build::Binaries,
    docker::engine::{Engine, Unavailable},
    process::stop_signal,
    stack::{
        Kind, Stack, StackOptions,
        compose::{ComposeStack, record::Record},
        native::{self, NativeStack},
        refuse_other_kind, show_changes,
        state::StateFolder,
        wait_until_healthy,
    },
    world::World,
};
use anyhow::Result;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Feed a realistic stream of logs into a demo project, with a source and an admin
    #[arg(long)]
    demo: bool,
    /// Return when the stack is healthy and leave it running; `down` stops it
    #[arg(long)]
    detach: bool,
    /// Run unoptimized processes and the Vite dev server, and rebuild on every change
    #[arg(long)]
    dev: bool,
    /// Run the services as processes of this machine [default if no Docker engine answers]
    #[arg(long, conflicts_with_all = ["docker", "prod"])]
    native: bool,
    /// Run the services in containers [default if a Docker engine answers]
    #[arg(long, conflicts_with = "dev")]
    docker: bool,
    /// Run the containers in production mode: secrets in files, safe settings, nightly backups
    #[arg(long, conflicts_with_all = ["dev", "demo"])]
    prod: bool,
    #[command(flatten)]
    stack: StackOptions,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let folder = arguments.stack.folder(world)?;
    let kind = choose_kind(arguments, &folder)?;
    let lock = folder.lock()?;
    refuse_other_kind(&folder, kind)?;
    let Arguments { demo, dev, prod, .. } = *arguments;
    let binaries = if dev { Binaries::Dev } else { Binaries::Release };
    let mut stack: Box<dyn Stack> = match kind {
        Kind::Containers => Box::new(ComposeStack::plan(world, &folder, demo, prod)?),
        Kind::Processes => {
            let options = native::Options { demo, dev, binaries, isolated: false, durable: true };
            Box::new(NativeStack::plan(world, &folder, &options)?)
        }
    };
    let stop = stop_signal()?;
    let was_running = stack.is_running()?;
    let started = stack.start(arguments.detach).and_then(|()| wait_until_healthy(&mut *stack, &stop));
    if let Err(error) = started.and_then(|()| greet(&*stack)) {
        if !was_running {
            stack.stop()?;
        }
        return Err(error);
    }
    drop(lock);
    if arguments.detach || was_running {
        return Ok(());
    }
    eprintln!("Press Ctrl-C to stop it.");
    show_changes(&mut *stack, &stop)?;
    stack.stop()?;
    eprintln!("stopped");
    Ok(())
}

/// The kind that was asked for, else the one that is running, else what this machine has.
fn choose_kind(arguments: &Arguments, folder: &StateFolder) -> Result<Kind> {
    if arguments.docker || arguments.prod {
        return Ok(Kind::Containers);
    }
    // A database of the user's own and a watched build do not go with containers.
    if arguments.native || arguments.dev || crate::postgres::given_url().is_some() {
        return Ok(Kind::Processes);
    }
    if Record::load(folder)?.is_some() {
        return Ok(Kind::Containers);
    }
    if folder.supervisor()?.is_some() {
        return Ok(Kind::Processes);
    }
    let (kind, why) = match Engine::find() {
        Ok(engine) if engine.compose().is_ok() => (
            Kind::Containers,
            "a Docker engine answers: running in containers; --native runs processes instead",
        ),
        Err(Unavailable::NotResponding(_)) => {
            (Kind::Processes, "no Docker engine answers: running as processes of this machine")
        }
        _ => return Ok(Kind::Processes),
    };
    eprintln!("{why}");
    Ok(kind)
}

/// Print where the stack is and how to sign in.
fn greet(stack: &dyn Stack) -> Result<()> {
    println!("Squall is up: {}", stack.url());
    if let Some(sign_in) = stack.sign_in()? {
        println!("Sign in as {} with the password {}", sign_in.email, sign_in.password);
    }
    if let Some(link) = stack.setup_link()? {
        println!("First run: create the admin at {link}");
    }
    Ok(())
}
