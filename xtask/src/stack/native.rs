//! The stack as processes of this machine.
//!
//! `up` builds what changed and writes the plan ([`plan`]: what should run); a supervisor carries
//! it out ([`supervisor`], [`running`]) and writes the status (what does run). A second `up` writes
//! the same plan, finds it fulfilled and is done. Deliberately absent: a control socket. The plan
//! file and signals are the only ways to talk to the supervisor, and both survive a crash of either
//! side.

pub mod plan;
mod running;
mod supervisor;
pub mod scratch;
mod rebuild;

use super::{
    Job, Kind, SignIn, Stack, Starting, choose_services,
    compose::record::Record,
    not_running, parse_setup_link,
    service::Plan,
    state::{Phase, ServiceStatus, StateFolder, Status},
    wait_until_healthy,
};
use crate::{
    build::{self, Binaries},
    failure::Failure,
    files, ports,
    process::{self, SIGTERM},
    world::World,
};
use anyhow::{Context, Result};
use duct::Handle;
use plan::postgres_home;
use running::STARTS;
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, ErrorKind, Write},
    process::Command,
    sync::atomic::AtomicBool,
    thread,
    time::{Duration, Instant},
};
use xshell::cmd;

/// How many log lines of a failed service are shown.
const LAST_LINES: usize = 15;

#[derive(Debug, Clone)]
pub struct Options {
    pub demo: bool,
    /// Run the Vite dev server, and rebuild on change.
    pub dev: bool,
    pub binaries: Binaries,
    /// Use free ports and a separate server, away from other stacks and the user's data.
    pub isolated: bool,
    /// Whether data must survive a power cut.
    pub durable: bool,
}

pub struct NativeStack<'w> {
    world: &'w World,
    pub folder: StateFolder,
    pub plan: Plan,
    /// Held until the services listen.
    ports: Option<File>,
    /// The supervisor that this process started.
    supervisor: Option<Handle>,
    began: Instant,
    /// Ends with this value.
    is_isolated: bool,
}

impl<'w> NativeStack<'w> {
    pub fn open(world: &'w World, folder: &StateFolder) -> Result<Self> {
        report_leftovers(folder)?;
        Ok(Self::new(world, folder, folder.plan()?.unwrap_or_default(), None))
    }

    /// Build what the stack runs and decide what it is made of. Starts nothing.
    pub fn plan(world: &'w World, folder: &StateFolder, options: &Options) -> Result<Self> {
        report_leftovers(folder)?;
        let web = if options.dev {
            build::binaries(world, options.binaries)?;
            build::node_modules(world)?;
            None
        } else {
            Some(build::stack(world, options.binaries)?)
        };
        let (plan, ports) = plan::make(world, folder, options, web.as_deref())?;
        let mut stack = Self::new(world, folder, plan, Some(ports));
        stack.is_isolated = options.isolated;
        Ok(stack)
    }

    fn new(world: &'w World, folder: &StateFolder, plan: Plan, ports: Option<File>) -> Self {
        let (folder, began) = (folder.clone(), Instant::now());
        Self { world, folder, plan, ports, supervisor: None, began, is_isolated: false }
    }

    /// Start a fresh stack for browser tests or benchmarks in `folder`, whose earlier data is
    /// deleted. It ends with the returned value, or with the thread that started it.
    pub fn isolated(world: &'w World, folder: &StateFolder, options: &Options) -> Result<Self> {
        let _lock = folder.lock()?;
        folder.stop(Duration::from_secs(5))?;
        delete_data(folder)?;
        let mut stack = Self::plan(world, folder, options)?;
        stack.start(false)?;
        wait_until_healthy(&mut stack, &AtomicBool::new(false))?;
        Ok(stack)
    }

    /// Which service failed, why, its last log lines, and which process has its port.
    fn explain(&self, failed: &ServiceStatus) -> Failure {
        if let Some(taken) = failed.port.and_then(|port| ports::taken(&failed.name, port)) {
            return taken;
        }
        let note = failed.note.as_deref().unwrap_or("failed");
        let log = self.folder.log(&failed.name);
        let lines = files::last_lines(&log, LAST_LINES);
        // Not the output of an earlier process.
        let start = lines.iter().rposition(|line| line.starts_with("[xtask]") && line.ends_with(STARTS));
        let lines = lines[start.map_or(0, |start| start + 1)..].join("\n");
        let wrong = format!("{} {note}. The last lines of its log, {}:\n{lines}", failed.name, log.display());
        let others = match self.supervisor {
            Some(_) => "everything that was started has been stopped",
            None => "the other services keep running",
        };
        let next = format!("fix the cause shown in the log, then run `cargo xtask up` again; {others}");
        Failure::new(format!("starting {}", failed.name), wrong, next)
    }
}

impl Stack for NativeStack<'_> {
    fn kind(&self) -> Kind {
        Kind::Processes
    }

    fn services(&self) -> Vec<String> {
        self.plan.services.iter().map(|service| service.name.clone()).collect()
    }

    fn url(&self) -> String {
        self.plan.url.clone()
    }

    fn database_url(&self) -> Option<String> {
        Some(self.plan.database_url.clone())
    }

    fn status(&mut self) -> Result<Status> {
        self.folder.status()
    }

    fn is_running(&self) -> Result<bool> {
        Ok(self.folder.supervisor()?.is_some())
    }

    fn is_healthy(&self, status: &Status) -> bool {
        status.fulfils(&self.plan)
    }

    fn start(&mut self, detached: bool) -> Result<()> {
        Record::supersede(&self.folder)?;
        self.plan.write(&self.folder.plan_file())?;
        self.began = Instant::now();
        if !self.is_running()? {
            self.supervisor = Some(start_supervisor(&self.folder, detached)?);
        }
        Ok(())
    }

    fn starting(&mut self, status: &Status) -> Result<Starting> {
        if status.fulfils(&self.plan) {
            self.ports = None;
            return Ok(Starting::Healthy);
        }
        let stamps = self.plan.stamps();
        let failed =
            |service: &&ServiceStatus| service.phase == Phase::Failed && stamps.contains(&service.stamp);
        if let Some(failed) = status.services.iter().find(failed) {
            return Ok(Starting::Failed(self.explain(failed)));
        }
        let ended = match &self.supervisor {
            Some(supervisor) => supervisor.try_wait()?.is_some(),
            None => !self.is_running()?,
        };
        // Each service has a limit of its own; this one only ends the wait for a supervisor that
        // hangs.
        let steps = u64::try_from(stamps.len()).unwrap_or(1);
        let settings = &self.plan.settings;
        let limit = settings.start_seconds * steps + settings.stop_seconds + 10;
        if !ended && self.began.elapsed() < Duration::from_secs(limit) {
            return Ok(Starting::Waiting);
        }
        let how = if ended { "ended" } else { "is not making progress" };
        let lines = files::last_lines(&self.folder.log("supervisor"), LAST_LINES).join("\n");
        let next = "run `cargo xtask down`, then `cargo xtask up` again";
        let wrong = format!("the supervisor {how}:\n{lines}");
        Ok(Starting::Failed(Failure::new("starting the stack", wrong, next)))
    }

    fn restart(&mut self, service: Option<&str>) -> Result<()> {
        if !self.is_running()? {
            return Err(not_running(format!("restarting {}", service.unwrap_or("the stack"))));
        }
        self.plan.request_restart(service);
        self.start(true)
    }

    fn stop(&mut self) -> Result<bool> {
        let grace = self.plan.settings.stop_seconds.max(self.world.settings.stack.stop_seconds);
        let stopped = self.folder.stop(Duration::from_secs(grace))?;
        if let Some(supervisor) = self.supervisor.take() {
            // One that ended before it had a status is not found by the folder.
            let _ = supervisor.kill();
        }
        Ok(stopped)
    }

    fn logs(&self, service: Option<&str>, lines: usize, follow: bool) -> Result<()> {
        let with_process = self.plan.services.iter().filter(|service| service.has_process());
        let all = with_process.map(|service| service.name.clone()).chain(["supervisor".to_owned()]);
        let services = choose_services(all.collect(), service)?;
        let tail = |name: &String| {
            let mut tail = Command::new("tail");
            tail.args(["-n", &lines.to_string()]).args(follow.then_some("-F")).arg(self.folder.log(name));
            let prefix = if service.is_none() { format!("{name:<10} | ") } else { String::new() };
            Ok((prefix, process::watched(&tail, SIGTERM).reader().context("starting tail")?))
        };
        let exists = |name: &&String| self.folder.log(name).exists();
        let tails = services.iter().filter(exists).map(tail).collect::<Result<Vec<_>>>()?;
        thread::scope(|scope| {
            for (prefix, tail) in tails {
                match follow {
                    true => drop(scope.spawn(move || print_lines(&prefix, tail))),
                    false => print_lines(&prefix, tail),
                }
            }
        });
        Ok(())
    }

    fn job(&self, job: &Job) -> Result<Command> {
        let url = (job.needs_database && self.is_running()?).then_some(self.plan.database_url.as_str());
        if job.needs_database && url.is_none() {
            let next = "start the stack with `cargo xtask up --detach`, or set DATABASE_URL";
            let wrong = "no stack is running, and DATABASE_URL is not set";
            return Err(Failure::new("finding the database", wrong, next).into());
        }
        self::job(self.world, job, url)
    }

    fn sign_in(&self) -> Result<Option<SignIn>> {
        if self.plan.service("seed").is_none() {
            return Ok(None);
        }
        let seeded = fs::read_to_string(self.folder.secret("seed.json"));
        Ok(SignIn::parse(&seeded.context("reading the output of the seed")?))
    }

    fn setup_link(&self) -> Result<Option<String>> {
        let Some(api) = self.plan.service("api") else { return Ok(None) };
        let (shell, program) = (self.world.shell()?, &api.program);
        let command = cmd!(shell, "{program} setup-link").envs(&api.environment);
        parse_setup_link(&self.world.capture(command, "see `cargo xtask logs api`")?)
    }
}

impl Drop for NativeStack<'_> {
    fn drop(&mut self) {
        if self.is_isolated {
            let _ = self.stop();
        }
    }
}

/// The command of a job on this machine, built if need be.
pub fn job(world: &World, job: &Job, database_url: Option<&str>) -> Result<Command> {
    let binaries = match job.program {
        // Backups work on real data, where an unoptimized program takes minutes.
        "squall-backup" => Binaries::ReleaseOne(job.program),
        _ => Binaries::One(job.program),
    };
    build::binaries(world, binaries)?;
    let mut command = Command::new(world.binary(binaries.profile(), job.program)?);
    command.args(&job.arguments).current_dir(&world.root);
    command.envs(job.environment.iter().map(|(name, value)| (name, value)));
    command.envs(database_url.map(|url| ("DATABASE_URL", url)));
    Ok(command)
}

/// The hidden command `supervise`.
pub fn supervise(folder: &StateFolder) -> Result<()> {
    let stop = process::stop_signal()?;
    let plan = folder.plan()?.context("there is no plan in the state folder")?;
    if let Some(root) = plan.watch {
        rebuild::watch_in_background(root, folder.clone());
    }
    supervisor::run(folder, &stop)
}

/// A supervisor for the plan in the folder: it outlives this process, or ends with this thread.
fn start_supervisor(folder: &StateFolder, detached: bool) -> Result<Handle> {
    fs::create_dir_all(folder.logs())?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("supervise").arg("--state").arg(&folder.0).current_dir("/");
    let supervisor = match detached {
        true => process::detached(&command),
        false => process::watched(&command, SIGTERM),
    };
    let log = files::open_to_append(&folder.log("supervisor"))?;
    supervisor.stderr_to_stdout().stdout_file(log).start().context("starting the supervisor")
}

fn report_leftovers(folder: &StateFolder) -> Result<()> {
    let ended = folder.end_leftovers()?;
    if !ended.is_empty() {
        eprintln!("the supervisor was killed; stopped what it left running: {}", ended.join(", "));
    }
    Ok(())
}

fn print_lines(prefix: &str, tail: impl std::io::Read) {
    for line in BufReader::new(tail).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        match writeln!(std::io::stdout().lock(), "{prefix}{line}") {
            // `cargo xtask logs | head` has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
            _ => {}
        }
    }
}

/// Delete what xtask created in a state folder and nothing else: `--state` may name any folder.
pub fn delete_data(folder: &StateFolder) -> Result<()> {
    files::remove(&postgres_home(folder)?)?;
    let created = [
        "postgres",
        "wal",
        "logs",
        "demo-logs",
        "plan.json",
        "state.json",
        "build-failed",
        "supervisor.lock",
    ];
    for name in created {
        files::remove(&folder.0.join(name))?;
    }
    // There may be others: the password of a production database in containers opens a volume.
    for name in ["demo-key", "demo-password", "seed.json"] {
        files::remove(&folder.secret(name))?;
    }
    let _ = fs::remove_dir(folder.secret(""));
    Ok(())
}
