//! Decide which services a stack has, on which ports and with which variables.

use super::Options;
use crate::{
    build, files, ports,
    postgres::{self, Postgres, Settings, account::Account, cluster},
    process,
    stack::{
        service::{Plan, Probe, Service},
        state::{ServiceStatus, StateFolder, Status},
    },
    world::{World, squall_variables},
};
use anyhow::Result;
use std::{
    collections::BTreeMap,
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
    let name = format!("squall-ports-{}.lock", process::effective_user());
    let ports = files::lock(&env::temp_dir().join(name), || {
        eprintln!("waiting for another stack that is starting until it has its ports");
    })?;
    let mut planner = Planner::new(world, folder, options)?;
    let database_url = planner.postgres()?;
    planner.variables.insert("DATABASE_URL".into(), database_url.clone());
    let needs: Vec<_> = planner.ports.contains_key("postgres").then_some("postgres").into_iter().collect();
    planner.add("migrate", "squall-migrate", &["run"], &needs, Probe::Ends)?;
    let demo = options.demo || planner.before.service("demo").is_some();
    if demo {
        planner.seed()?;
    }
    let url = planner.api(web, if demo { "seed" } else { "migrate" })?;
    planner.worker()?;
    planner.web(web)?;
    if demo {
        planner.demo()?;
    }
    let mut services = planner.services;
    for service in &mut services {
        let before = planner.before.service(&service.name);
        service.restart_requests = before.map_or(0, |before| before.restart_requests);
    }
    let plan = Plan {
        folder: Some(folder.path()),
        url,
        database_url,
        services,
        start_seconds: world.settings.stack.start_seconds,
        stop_seconds: world.settings.stack.stop_seconds,
        restarts: world.settings.stack.restarts,
        log_megabytes: world.settings.stack.log_megabytes,
        watch: options.dev.then(|| world.root.clone()),
    };
    Ok((plan, ports))
}

struct Planner<'a> {
    world: &'a World,
    folder: &'a StateFolder,
    options: &'a Options,
    before: Plan,
    /// Services of the previous plan that are still running and hold their ports.
    running: Vec<String>,
    variables: BTreeMap<String, String>,
    ports: BTreeMap<String, u16>,
    services: Vec<Service>,
}

impl<'a> Planner<'a> {
    fn new(world: &'a World, folder: &'a StateFolder, options: &'a Options) -> Result<Self> {
        let before = folder.plan()?.unwrap_or_default();
        // Without a supervisor of this folder, the processes in its status are those of another
        // one.
        let status = folder.supervisor()?.map_or(Ok(Status::default()), |_| folder.status())?;
        let alive = |service: &ServiceStatus| service.is_alive().then(|| service.name.clone());
        let running = status.services.iter().filter_map(alive).collect();
        let mut variables = squall_variables();
        for (name, value) in [("SQUALL_ENV", "development"), ("SQUALL_LOG", "info")] {
            variables.entry(name.into()).or_insert_with(|| value.into());
        }
        let (ports, services) = (BTreeMap::new(), Vec::new());
        Ok(Self { world, folder, options, before, running, variables, ports, services })
    }

    /// Add the server, unless DATABASE_URL names one, and return the address of the database.
    fn postgres(&mut self) -> Result<String> {
        // An isolated stack starts empty, which the user's own database hardly is.
        if let Some(url) = postgres::given_url().filter(|_| !self.options.isolated) {
            eprintln!("using the PostgreSQL that DATABASE_URL names; none is started");
            return Ok(url);
        }
        let postgres = Postgres::provide(self.world, &|line| eprintln!("{line}"))?;
        let home = postgres_home(self.folder)?;
        if !home.starts_with(&self.folder.0) {
            let home = home.display();
            eprintln!(
                "PostgreSQL cannot run as root, and its user cannot reach the state folder: its data is in {home}"
            );
        }
        let created = cluster::create(&postgres, &home, self.options.durable)?;
        let port = self.port("postgres", self.world.settings.ports.postgres)?;
        let tuned = self.world.settings.postgres.clone();
        let settings = Settings { tuned, durable: self.options.durable, connections: CONNECTIONS };
        self.services.push(Service {
            name: "postgres".into(),
            program: postgres.bin.join("postgres"),
            arguments: postgres.arguments(&settings, &created.data, port),
            environment: [("LC_ALL".to_owned(), "C".to_owned())].into(),
            folder: "/".into(),
            probe: Probe::Postgres { port },
            port: Some(port),
            account: postgres.account,
            data: Some(created.data),
            build: postgres.version,
            ..Service::default()
        });
        Ok(postgres::url(&created.password, port))
    }

    fn seed(&mut self) -> Result<()> {
        let demo = &self.world.settings.demo;
        fs::create_dir_all(self.demo_logs())?;
        fs::create_dir_all(self.folder.secret(""))?;
        let watched = format!("{}/*.log", self.demo_logs());
        let (password, key) = (self.secret("demo-password"), self.secret("demo-key"));
        let (project, source, admin) = (&demo.project, &demo.source, &demo.admin);
        #[rustfmt::skip]
        let arguments = [
            "seed", "--project", project, "--source", source, "--watch", &watched, "--admin", admin,
            "--password-file", &password, "--key-file", &key,
        ];
        let output = self.folder.secret("seed.json");
        self.add("seed", "squall-api", &arguments, &["migrate"], Probe::Ends)?.output = Some(output);
        Ok(())
    }

    fn api(&mut self, web: Option<&Path>, needs: &str) -> Result<String> {
        let port = self.port("api", self.world.settings.ports.api)?;
        let public = match web {
            Some(_) => port,
            None => self.port("web", self.world.settings.ports.vite)?,
        };
        let url = format!("http://127.0.0.1:{public}");
        let api = self.add("api", "squall-api", &["serve"], &[needs], Probe::ready(port))?;
        api.environment.insert("SQUALL_LISTEN".into(), format!("127.0.0.1:{port}"));
        api.environment.insert("SQUALL_PUBLIC_URL".into(), url.clone());
        let web = web.map(|folder| ("SQUALL_WEB_ROOT".to_owned(), folder.display().to_string()));
        api.environment.extend(web);
        Ok(url)
    }

    fn worker(&mut self) -> Result<()> {
        let port = self.port("worker", self.world.settings.ports.worker)?;
        let worker = self.add("worker", "squall-worker", &[], &["migrate"], Probe::ready(port))?;
        worker.environment.insert("SQUALL_HEALTH_LISTEN".into(), format!("127.0.0.1:{port}"));
        Ok(())
    }

    /// The web app: served by the api, or by Vite.
    fn web(&mut self, web: Option<&Path>) -> Result<()> {
        let (path, text) = ("/".to_owned(), "<html".to_owned());
        let api = self.ports["api"];
        let mut service = Service { name: "web".into(), needs: vec!["api".into()], ..Service::default() };
        if web.is_some() {
            (service.port, service.probe) = (Some(api), Probe::Served { port: api, path, text });
        } else {
            let port = self.port("web", self.world.settings.ports.vite)?;
            let arguments = format!("run dev -- --host 127.0.0.1 --strictPort --port {port}");
            service.program = "npm".into();
            service.arguments = arguments.split(' ').map(str::to_owned).collect();
            service.environment.insert("SQUALL_API_URL".into(), format!("http://127.0.0.1:{api}"));
            service.folder = self.world.web();
            (service.port, service.probe) = (Some(port), Probe::Http { port, path, text });
        }
        self.services.push(service);
        Ok(())
    }

    fn demo(&mut self) -> Result<()> {
        let api = format!("http://127.0.0.1:{}", self.ports["api"]);
        let (key, logs) = (self.secret("demo-key"), self.demo_logs());
        let arguments = ["--api", &api, "--key-file", &key, "--dir", &logs];
        self.add("demo", "squall-demo", &arguments, &["api", "worker"], Probe::Runs).map(drop)
    }

    /// Where the demo writes log files, and its source reads them.
    fn demo_logs(&self) -> String {
        self.folder.0.join("demo-logs").display().to_string()
    }

    fn secret(&self, name: &str) -> String {
        self.folder.secret(name).display().to_string()
    }

    /// Add a service that runs one of Squall's programs.
    fn add(
        &mut self,
        name: &str,
        program: &str,
        arguments: &[&str],
        needs: &[&str],
        probe: Probe,
    ) -> Result<&mut Service> {
        let program = self.world.binary(self.options.binaries.profile(), program)?;
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        self.services.push(Service {
            name: name.into(),
            build: build::mark(&program)?,
            program,
            arguments: owned(arguments),
            environment: self.variables.clone(),
            folder: self.world.root.clone(),
            needs: owned(needs),
            port: self.ports.get(name).copied(),
            probe,
            ..Service::default()
        });
        let last = self.services.len() - 1;
        Ok(&mut self.services[last])
    }

    /// The port of the running service, else the usual one, else the one it had before, else a free
    /// one.
    fn port(&mut self, service: &str, usual: u16) -> Result<u16> {
        if let Some(port) = self.ports.get(service) {
            return Ok(*port);
        }
        let reserved: Vec<_> = self.ports.values().copied().collect();
        let before = self.before.port(service).filter(|port| !reserved.contains(port));
        let port = match before {
            Some(port) if self.running.iter().any(|name| name == service) => port,
            Some(port) if ports::is_free(port) && !ports::is_free(usual) => port,
            _ if self.options.isolated => ports::any()?,
            _ => {
                let (port, remark) = ports::take(service, usual, &reserved)?;
                remark.iter().for_each(|remark| eprintln!("{remark}"));
                port
            }
        };
        self.ports.insert(service.to_owned(), port);
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
