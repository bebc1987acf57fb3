//! Decide which services a stack has, on which ports and with which variables.

use super::Options;
use crate::{
    build, files, ports,
    postgres::{self, Postgres, account::Account, cluster},
    stack::{
        service::{Plan, Probe, Service},
        state::{ServiceStatus, StateFolder, Status},
    },
    world::{Demo, World, squall_variables},
};
use anyhow::Result;
use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
};

/// For the api, the worker, and a person with a client.
const CONNECTIONS: u16 = 100;

/// Returns the plan with a lock to hold until the services listen: two stacks that start at once
/// must not choose the same ports. Without the folder of a built web app, the plan has the Vite dev
/// server.
pub fn make(
    world: &World,
    folder: &StateFolder,
    options: &Options,
    web: Option<&Path>,
) -> Result<(Plan, File)> {
    let name = format!("squall-ports-{}.lock", nix::unistd::geteuid());
    let lock = files::lock(&env::temp_dir().join(name), || {
        eprintln!("another stack is starting; waiting until it has chosen its ports");
    })?;
    let before = folder.plan()?.unwrap_or_default();
    // Without a supervisor of this folder, the processes in its status are those of another one.
    let status = folder.supervisor()?.map_or(Ok(Status::default()), |_| folder.status())?;
    let mut ports = Ports { before: &before, status, isolated: options.isolated, chosen: Vec::new() };
    let usual = world.settings.ports;
    // An isolated stack starts empty, which the user's own database hardly is.
    let (database, database_url) = if let Some(url) = postgres::given_url().filter(|_| !options.isolated) {
        eprintln!("using the PostgreSQL that DATABASE_URL names; none is started");
        (None, url)
    } else {
        let postgres = Postgres::provide(world)?;
        let home = postgres_home(folder)?;
        if !home.starts_with(&folder.0) {
            eprintln!(
                "PostgreSQL cannot run as root, and its user cannot reach the state folder: its data is in {}",
                home.display()
            );
        }
        let port = ports.choose("postgres", usual.postgres)?;
        let (server, url) = server(world, &postgres, &home, port, CONNECTIONS, options.durable)?;
        (Some(server), url)
    };
    let api_port = ports.choose("api", usual.api)?;
    let web_port = web.map_or_else(|| ports.choose("web", usual.vite), |_| Ok(api_port))?;
    let worker_port = ports.choose("worker", usual.worker)?;
    let address = |port: u16| format!("127.0.0.1:{port}");
    let (api_url, url) = (format!("http://{}", address(api_port)), format!("http://{}", address(web_port)));

    let mut variables = squall_variables();
    for (name, value) in [("SQUALL_ENV", "development"), ("SQUALL_LOG", "info")] {
        variables.entry(name.into()).or_insert_with(|| value.into());
    }
    variables.insert("DATABASE_URL".into(), database_url.clone());
    // A service that runs one of Squall's programs.
    let squall = |name: &str, program: &str, arguments: &[&str], needs: &[&str], probe| {
        let program = world.binary(options.binaries.profile(), program)?;
        anyhow::Ok(Service {
            name: name.into(),
            build: build::mark(&program)?,
            program,
            arguments: owned(arguments),
            environment: variables.clone(),
            folder: world.root.clone(),
            needs: owned(needs),
            probe,
            ..Service::default()
        })
    };

    let demo = options.demo || before.service("demo").is_some();
    let secret = |name| folder.secret(name).display().to_string();
    let (key, password) = (secret("demo-key"), secret("demo-password"));
    // The demo writes log files here, and its source reads them.
    let logs = folder.0.join("demo-logs").display().to_string();
    let mut services: Vec<Service> = database.into_iter().collect();
    let first: Vec<_> = services.iter().map(|_| "postgres").collect();
    services.push(squall("migrate", "squall-migrate", &["run"], &first, Probe::Ends)?);
    if demo {
        fs::create_dir_all(&logs)?;
        fs::create_dir_all(folder.secret(""))?;
        let (Demo { project, source, admin }, watched) = (&world.settings.demo, format!("{logs}/*.log"));
        #[rustfmt::skip]
        let arguments = [
            "seed", "--project", project, "--source", source, "--watch", &watched, "--admin", admin,
            "--password-file", &password, "--key-file", &key,
        ];
        let seed = squall("seed", "squall-api", &arguments, &["migrate"], Probe::Ends)?;
        services.push(Service { output: Some(folder.secret("seed.json")), ..seed });
    }
    let needs = if demo { "seed" } else { "migrate" };
    let mut api = squall("api", "squall-api", &["serve"], &[needs], Probe::ready(api_port))?;
    api.environment.insert("SQUALL_LISTEN".into(), address(api_port));
    api.environment.insert("SQUALL_PUBLIC_URL".into(), url.clone());
    api.environment.extend(web.map(|folder| ("SQUALL_WEB_ROOT".into(), folder.display().to_string())));
    let mut worker = squall("worker", "squall-worker", &[], &["migrate"], Probe::ready(worker_port))?;
    worker.environment.insert("SQUALL_HEALTH_LISTEN".into(), address(worker_port));
    let mut app = Service {
        name: "web".into(),
        needs: owned(&["api"]),
        probe: Probe::Http { port: web_port, path: "/".into(), text: "<html".into() },
        ..Service::default()
    };
    if web.is_none() {
        let port = web_port.to_string();
        app.program = "npm".into();
        app.arguments = owned(&["run", "dev", "--", "--host", "127.0.0.1", "--strictPort", "--port", &port]);
        app.environment.insert("SQUALL_API_URL".into(), api_url.clone());
        app.folder = world.web();
    }
    services.extend([api, worker, app]);
    if demo {
        let arguments = ["--api", &api_url, "--key-file", &key, "--dir", &logs];
        services.push(squall("demo", "squall-demo", &arguments, &["api", "worker"], Probe::Runs)?);
    }
    for service in &mut services {
        service.restart_requests = before.service(&service.name).map_or(0, |before| before.restart_requests);
    }
    let watch = options.dev.then(|| world.root.clone());
    let (folder, settings) = (Some(folder.path()), world.settings.stack);
    Ok((Plan { folder, url, database_url, services, settings, watch }, lock))
}

/// A private server in `home`, and the address of its database.
pub fn server(
    world: &World,
    postgres: &Postgres,
    home: &Path,
    port: u16,
    connections: u16,
    durable: bool,
) -> Result<(Service, String)> {
    let (data, password) = cluster::create(postgres, home, durable)?;
    let service = Service {
        name: "postgres".into(),
        program: postgres.bin.join("postgres"),
        arguments: postgres.arguments(world, &data, port, connections, durable),
        environment: [("LC_ALL".to_owned(), "C".to_owned())].into(),
        folder: "/".into(),
        probe: Probe::Postgres { port },
        account: postgres.account.clone(),
        data: Some(data),
        build: postgres.version.clone(),
        ..Service::default()
    };
    Ok((service, postgres::url(&password, port)))
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

struct Ports<'a> {
    before: &'a Plan,
    /// Services that are still running hold their ports.
    status: Status,
    isolated: bool,
    chosen: Vec<u16>,
}

impl Ports<'_> {
    /// The port of the running service, else the usual one, else the one it had before, else a free
    /// one.
    fn choose(&mut self, service: &str, usual: u16) -> Result<u16> {
        let before = self.before.port(service).filter(|port| !self.chosen.contains(port));
        let is_running = self.status.service(service).is_some_and(ServiceStatus::is_alive);
        let port = match before {
            Some(port) if is_running || ports::is_free(port) && !ports::is_free(usual) => port,
            _ if self.isolated => ports::any()?,
            _ => {
                let (port, remark) = ports::take(service, usual, &self.chosen)?;
                remark.iter().for_each(|remark| eprintln!("{remark}"));
                port
            }
        };
        self.chosen.push(port);
        Ok(port)
    }
}

/// The folder of the server's files, which may be far from the state folder: where the data is,
/// else where it would be created.
pub fn postgres_home(folder: &StateFolder) -> Result<PathBuf> {
    let plan = folder.plan()?.unwrap_or_default();
    let data = plan.service("postgres").and_then(|service| service.data.clone()).filter(|data| data.exists());
    if let Some(home) = data.as_ref().and_then(|data| data.parent()) {
        return Ok(home.to_owned());
    }
    let account = Account::for_postgres()?;
    Ok(postgres::account::reachable_place(&folder.0.join("postgres"), "/var/lib/squall", account.as_ref()))
}
