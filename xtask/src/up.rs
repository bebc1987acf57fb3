//! `up`: from a clone to a healthy stack with a printed address.
//!
//! The flow: build what changed → write the plan ([`plan`]) → a supervisor makes it so ([`supervisor`], [`running`])
//! → wait until every health probe answers → say where it is. The plan is what should run, the state file what
//! does ([`state`]); a second `up` writes the same plan, finds it fulfilled and is done.
//!
//! The supervisor is this process, or with `--detach` one of its own. Deliberately absent: a control socket. The plan
//! file is the only wish, signals the only command, and both survive a crash of either side.

pub mod service;
pub mod state;
pub mod plan;
pub mod running;
mod supervisor;
mod progress;
mod rebuild;
pub mod wait;
pub mod down;
pub mod ps;
pub mod logs;
pub mod restart;
pub mod compose;

use crate::{
    build::{self, Binaries},
    docker::engine::{Absent, Engine},
    failure::Failure,
    world::World,
};
use anyhow::{Context, Result};
use compose::stack::ComposeStack;
use plan::{Planned, Web};
use service::Plan;
use state::StateFolder;
use std::{
    fs::OpenOptions,
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};
use wait::Started;
use xshell::cmd;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Feeds a realistic stream of logs, and makes a project, a source and an admin for it.
    #[arg(long)]
    demo: bool,
    /// Returns when all is healthy; the stack runs on. `down` ends it.
    #[arg(long)]
    detach: bool,
    /// Runs unoptimised binaries and the Vite dev server, and rebuilds on every change.
    #[arg(long)]
    dev: bool,
    /// Runs the services as processes of this machine. This is the choice where no Docker engine answers.
    #[arg(long, conflicts_with_all = ["docker", "prod"])]
    native: bool,
    /// Runs the services in containers. This is the choice where a Docker engine answers.
    #[arg(long, conflicts_with = "dev")]
    docker: bool,
    /// Runs the containers as in production: limits, secrets in files, no unsafe setting.
    #[arg(long, conflicts_with_all = ["dev", "demo"])]
    prod: bool,
    #[command(flatten)]
    pub place: Place,
}

/// Which of several stacks is meant.
#[derive(Debug, Default, clap::Args)]
pub struct Place {
    /// The stack's folder; another folder is another stack. SQUALL_STATE sets it too. [default: target/squall]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

impl Place {
    pub fn folder(&self, world: &World) -> Result<StateFolder> {
        StateFolder::choose(&world.root, self.state.as_deref())
    }
}

/// What kind of stack is wanted.
#[derive(Debug, Clone)]
pub struct Options {
    pub demo: bool,
    /// With the Vite dev server, and rebuilt on change.
    pub dev: bool,
    pub binaries: Binaries,
    /// Takes any free ports and a server of its own, so that it meets neither other stacks nor the user's data.
    pub isolated: bool,
    /// Whether a power cut may lose nothing.
    pub durable: bool,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let folder = arguments.place.folder(world)?;
    if in_containers(arguments, &folder)? {
        return compose::up(world, arguments, &folder);
    }
    refuse_beside_containers(&folder)?;
    let lock = folder.lock()?;
    report_leftovers(&folder)?;
    let options = Options {
        demo: arguments.demo,
        dev: arguments.dev,
        binaries: if arguments.dev { Binaries::Dev } else { Binaries::Release },
        isolated: false,
        durable: true,
    };
    let planned = prepare(world, &folder, &options)?;
    let Planned { plan, ports, remarks } = planned;
    remarks.iter().for_each(|remark| eprintln!("{remark}"));
    let runs = folder.supervisor()?.is_some();
    plan.write(&folder.plan())?;
    let stop = stop_signal()?;
    if runs {
        wait::until_healthy(&folder, &plan, &stop, Started::Before)?;
    } else if arguments.detach {
        let mut supervisor = start_supervisor(&folder, true)?;
        if let Err(error) = wait::until_healthy(&folder, &plan, &stop, Started::Now(&mut supervisor)) {
            folder.stop(Duration::from_secs(plan.stop_seconds))?;
            return Err(error);
        }
    } else {
        return in_foreground(world, &folder, &plan, &stop, [lock, ports]);
    }
    greet(world, &folder, &plan)
}

/// What was asked for, else what runs already, else what this machine has.
fn in_containers(arguments: &Arguments, folder: &StateFolder) -> Result<bool> {
    if arguments.docker || arguments.prod {
        return Ok(true);
    }
    // A server of one's own, a watched build: neither goes with containers.
    if arguments.native || arguments.dev || crate::postgres::given_url().is_some() {
        return Ok(false);
    }
    if ComposeStack::load(folder)?.is_some() {
        return Ok(true);
    }
    if folder.supervisor()?.is_some() {
        return Ok(false);
    }
    let found = Engine::find();
    if let Err(Absent::Silent(_)) = &found {
        eprintln!(
            "there is a docker client, but its engine does not answer: the stack runs as processes of this machine"
        );
    }
    let engine = found.is_ok_and(|engine| engine.compose().is_ok());
    if engine {
        eprintln!(
            "a Docker engine answers: the stack runs in containers; --native runs it as processes of this machine"
        );
    }
    Ok(engine)
}

/// One folder, one stack.
fn refuse_beside_containers(folder: &StateFolder) -> Result<()> {
    let Some(stack) = ComposeStack::load(folder)? else { return Ok(()) };
    let wrong = format!("the stack runs in containers already (Compose project {})", stack.project);
    let next = "stop it with `cargo xtask down`, or name another stack with --state";
    Err(Failure::new("starting the stack natively", wrong, next).into())
}

/// Builds what the stack runs and decides what it is made of. Starts nothing.
pub fn prepare(world: &World, folder: &StateFolder, options: &Options) -> Result<Planned> {
    let say = |line: &str| eprintln!("{line}");
    let web = if options.dev {
        build::binaries(world, options.binaries)?;
        build::node_modules(world, &say)?;
        Web::DevServer
    } else {
        Web::Built(build::stack(world, options.binaries)?)
    };
    plan::make(world, folder, options, &web)
}

/// The hidden command behind `--detach`.
pub fn supervise(folder: &StateFolder) -> Result<()> {
    let stop = stop_signal()?;
    let plan = Plan::read(&folder.plan())?.context("there is no plan in the state folder")?;
    if let Some(root) = plan.watch {
        rebuild::watch_in_background(root, folder.clone());
    }
    supervisor::run(folder, &stop)
}

/// Starts a supervisor for the plan in the folder: one that outlives us, or one that ends with this thread.
pub fn start_supervisor(folder: &StateFolder, outlives_us: bool) -> Result<Child> {
    std::fs::create_dir_all(folder.logs())?;
    let mut options = OpenOptions::new();
    let log = options.create(true).append(true).mode(0o600).open(folder.log("supervisor"))?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("supervise").arg("--state").arg(&folder.0).current_dir("/");
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    if outlives_us {
        crate::process::own_session(&mut command);
    } else {
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        crate::process::die_with_parent(&mut command, crate::process::SIGTERM);
    }
    command.spawn().context("starting the supervisor")
}

/// Set by Ctrl-C, SIGTERM, or a terminal that closes.
pub fn stop_signal() -> Result<Arc<AtomicBool>> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("listening for signals")?;
    }
    Ok(stop)
}

/// Supervises in this thread; another one shows what happens.
fn in_foreground(
    world: &World,
    folder: &StateFolder,
    plan: &Plan,
    stop: &AtomicBool,
    locks: [std::fs::File; 2],
) -> Result<()> {
    if let Some(root) = plan.watch.clone() {
        rebuild::watch_in_background(root, folder.clone());
    }
    let outcome = thread::scope(|scope| {
        let display = scope.spawn(|| {
            let result = wait::until_healthy(folder, plan, stop, Started::Here)
                .and_then(|()| greet(world, folder, plan));
            if result.is_err() {
                stop.store(true, Ordering::Relaxed);
                return result;
            }
            // Healthy: others may change the stack now, and we only show it.
            drop(locks);
            eprintln!("Ctrl-C stops it.");
            wait::show_changes(folder, stop)
        });
        let supervised = supervisor::run(folder, stop);
        stop.store(true, Ordering::Relaxed);
        let displayed = display.join().unwrap_or(Ok(()));
        supervised.and(displayed)
    });
    // A stop that was asked for is a good end, unless it came before the stack was up.
    outcome.inspect(|()| eprintln!("stopped"))
}

/// Says where the stack is and how to get in.
fn greet(world: &World, folder: &StateFolder, plan: &Plan) -> Result<()> {
    println!("Squall is up: {}", plan.url);
    if let Some(sign_in) = sign_in(folder, plan)? {
        println!("Sign in as {} with the password {}", sign_in.email, sign_in.password);
    }
    if let Some(link) = setup_link(world, plan)? {
        println!("First run: make the admin at {link}");
    }
    Ok(())
}

struct SignIn {
    email: String,
    password: String,
}

/// The demo's admin, as the seed left it.
fn sign_in(folder: &StateFolder, plan: &Plan) -> Result<Option<SignIn>> {
    if plan.service("seed").is_none() {
        return Ok(None);
    }
    let seeded =
        std::fs::read_to_string(folder.secret("seed.json")).context("reading what the seed printed")?;
    let seeded: serde_json::Value = serde_json::from_str(&seeded).context("reading what the seed printed")?;
    let text = |name: &str| seeded[name].as_str().map(str::to_owned);
    Ok(text("email").zip(text("password")).map(|(email, password)| SignIn { email, password }))
}

/// A fresh one-time link, if nobody has made the admin yet.
pub fn setup_link(world: &World, plan: &Plan) -> Result<Option<String>> {
    let Some(api) = plan.service("api") else { return Ok(None) };
    let (shell, program) = (world.shell()?, &api.program);
    let printed = world
        .capture(cmd!(shell, "{program} setup-link").envs(&api.environment), "see `cargo xtask logs api`")?;
    let link: serde_json::Value =
        serde_json::from_str(printed.trim()).context("reading what `squall-api setup-link` printed")?;
    Ok(link["url"].as_str().filter(|_| link["needed"] == true).map(str::to_owned))
}

pub fn report_leftovers(folder: &StateFolder) -> Result<()> {
    let ended = folder.clean_up()?;
    if !ended.is_empty() {
        eprintln!("a supervisor was killed; ended what it left: {}", ended.join(", "));
    }
    Ok(())
}

/// A stack that ends with the thread that started it: for browser tests and benchmarks.
pub struct Isolated {
    pub folder: StateFolder,
    pub plan: Plan,
    supervisor: Child,
}

impl Isolated {
    /// Starts a fresh stack in `folder`; what was in it before is deleted.
    pub fn start(world: &World, folder: StateFolder, options: &Options) -> Result<Self> {
        let _lock = folder.lock()?;
        folder.stop(Duration::from_secs(5))?;
        down::delete_data(&folder)?;
        let planned = prepare(world, &folder, options)?;
        Self::start_planned(folder, planned)
    }

    fn start_planned(folder: StateFolder, planned: Planned) -> Result<Self> {
        let Planned { plan, ports, .. } = planned;
        plan.write(&folder.plan())?;
        let supervisor = start_supervisor(&folder, false)?;
        let mut stack = Self { folder, plan, supervisor };
        // Dropping the stack on failure ends what was started.
        wait::until_healthy(
            &stack.folder,
            &stack.plan,
            &AtomicBool::new(false),
            Started::Now(&mut stack.supervisor),
        )?;
        drop(ports);
        Ok(stack)
    }
}

impl Drop for Isolated {
    fn drop(&mut self) {
        let _ = self.folder.stop(Duration::from_secs(self.plan.stop_seconds));
        let _ = self.supervisor.kill();
        let _ = self.supervisor.wait();
    }
}
