//! Decide which services a stack has, on which ports and with which variables.

use super::{
    Options,
    service::{Plan, Probe, Service},
};
use crate::{
    build, files, ports,
    postgres::{self, Postgres, Settings, account::Account, cluster},
    process,
    stack::state::StateFolder,
    world::{World, squall_variables},
};
use anyhow::Result;
use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    path::PathBuf,
};

/// For the api, the worker, and a person with a client.
const CONNECTIONS: u16 = 100;

/// Where the web app of this stack comes from.
pub enum Web {
    Built(PathBuf),
    DevServer,
}

/// Returns the plan with a lock to hold until the services listen: two stacks that start at once must not choose
/// the same ports.
pub fn make(world: &World, folder: &StateFolder, options: &Options, web: &Web) -> Result<(Plan, File)> {
    let name = format!("squall-ports-{}.lock", process::effective_user());
    let ports = files::lock(&env::temp_dir().join(name), || {
        eprintln!("waiting for another stack that is starting until it has its ports");
    })?;
    let mut planner = Planner::new(world, folder, options)?;
    let database_url = planner.postgres()?;
    planner.variables.insert("DATABASE_URL".into(), database_url.clone());
    planner.migrate()?;
    let demo = options.demo || planner.before.service("demo").is_some();
    if demo {
        planner.seed()?;
    }
    let url = planner.api(web, demo)?;
    planner.worker()?;
    planner.web(web)?;
    if demo {
        planner.demo(&url)?;
    }
    Ok((planner.finish(url, database_url), ports))
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
        // Without a supervisor of this folder, the processes in its status are those of another one.
        let status = folder.supervisor()?.map_or(Ok(Default::default()), |_| folder.status())?;
        let alive = status.services.iter().filter(|service| service.is_alive());
        let running = alive.map(|service| service.name.clone()).collect();
        let (variables, ports, services) = (squall_variables(), BTreeMap::new(), Vec::new());
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
        let wanted = self.folder.0.join("postgres");
        let home = postgres_home(self.folder)?;
        if home != wanted {
            let (wanted, home) = (wanted.display(), home.display());
            eprintln!(
                "PostgreSQL will not run as root, and its user cannot reach {wanted}: its data is in {home}"
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
            account: postgres.account.clone(),
            data: Some(created.data),
            build: postgres.version,
            ..Service::default()
        });
        Ok(postgres::url(&created.password, port))
    }

    fn migrate(&mut self) -> Result<()> {
        let needs = self.services.iter().map(|service| service.name.clone()).collect();
        let migrate = self.service("migrate", "squall-migrate", &["run"])?;
        self.services.push(Service { needs, probe: Probe::Ends, ..migrate });
        Ok(())
    }

    fn seed(&mut self) -> Result<()> {
        let demo = &self.world.settings.demo;
        let logs = demo_logs(self.folder);
        fs::create_dir_all(&logs)?;
        fs::create_dir_all(self.folder.secret("").as_path())?;
        let glob = format!("{}/*.log", logs.display());
        let (password, key) = (self.folder.secret("demo-password"), self.folder.secret("demo-key"));
        let (password, key) = (password.display().to_string(), key.display().to_string());
        let arguments = [
            ["seed", "--project", &demo.project].as_slice(),
            &["--source", &demo.source, "--watch", &glob, "--admin", &demo.admin],
            &["--password-file", &password, "--key-file", &key],
        ]
        .concat();
        let seed = self.service("seed", "squall-api", &arguments)?;
        let output = Some(self.folder.secret("seed.json"));
        self.services.push(Service { needs: vec!["migrate".into()], probe: Probe::Ends, output, ..seed });
        Ok(())
    }

    fn api(&mut self, web: &Web, demo: bool) -> Result<String> {
        let port = self.port("api", self.world.settings.ports.api)?;
        let mut api = self.service("api", "squall-api", &["serve"])?;
        let url = match web {
            Web::Built(_) => format!("http://127.0.0.1:{port}"),
            Web::DevServer => {
                format!("http://127.0.0.1:{}", self.port("web", self.world.settings.ports.vite)?)
            }
        };
        let mut set = |name: &str, value: String| api.environment.insert(name.into(), value);
        set("SQUALL_LISTEN", format!("127.0.0.1:{port}"));
        set("SQUALL_PUBLIC_URL", url.clone());
        if let Web::Built(folder) = web {
            set("SQUALL_WEB_ROOT", folder.display().to_string());
        }
        let needs = vec![if demo { "seed" } else { "migrate" }.into()];
        let probe = Probe::Http { port, path: "/readyz".into(), text: String::new() };
        self.services.push(Service { needs, probe, port: Some(port), ..api });
        Ok(url)
    }

    fn worker(&mut self) -> Result<()> {
        let port = self.port("worker", self.world.settings.ports.worker)?;
        let mut worker = self.service("worker", "squall-worker", &[])?;
        worker.environment.insert("SQUALL_HEALTH_LISTEN".into(), format!("127.0.0.1:{port}"));
        let probe = Probe::Http { port, path: "/readyz".into(), text: String::new() };
        self.services.push(Service { needs: vec!["migrate".into()], probe, port: Some(port), ..worker });
        Ok(())
    }

    fn web(&mut self, web: &Web) -> Result<()> {
        let api = self.ports.get("api").copied();
        let (path, text) = ("/".to_owned(), "<html".to_owned());
        let service = match (web, api) {
            (Web::Built(_), Some(port)) => {
                Service { probe: Probe::Served { port, path, text }, port: Some(port), ..Service::default() }
            }
            (_, api) => {
                let port = self.port("web", self.world.settings.ports.vite)?;
                let arguments =
                    ["run", "dev", "--", "--host", "127.0.0.1", "--strictPort", "--port"].map(str::to_owned);
                let api = format!("http://127.0.0.1:{}", api.unwrap_or(self.world.settings.ports.api));
                Service {
                    program: "npm".into(),
                    arguments: arguments.into_iter().chain([port.to_string()]).collect(),
                    environment: [("SQUALL_API_URL".to_owned(), api)].into(),
                    folder: self.world.web(),
                    probe: Probe::Http { port, path, text },
                    port: Some(port),
                    ..Service::default()
                }
            }
        };
        self.services.push(Service { name: "web".into(), needs: vec!["api".into()], ..service });
        Ok(())
    }

    fn demo(&mut self, url: &str) -> Result<()> {
        let api = self.ports.get("api").copied();
        let api = api.map_or_else(|| url.to_owned(), |port| format!("http://127.0.0.1:{port}"));
        let key = self.folder.secret("demo-key").display().to_string();
        let logs = demo_logs(self.folder).display().to_string();
        let demo =
            self.service("demo", "squall-demo", &["--api", &api, "--key-file", &key, "--dir", &logs])?;
        self.services.push(Service { needs: vec!["api".into(), "worker".into()], ..demo });
        Ok(())
    }

    /// A service that runs one of Squall's binaries.
    fn service(&self, name: &str, binary: &str, arguments: &[&str]) -> Result<Service> {
        let program = self.world.binary(self.options.binaries.profile(), binary)?;
        let mut environment = self.variables.clone();
        for (name, value) in [("SQUALL_ENV", "development"), ("SQUALL_LOG", "info")] {
            environment.entry(name.into()).or_insert_with(|| value.into());
        }
        Ok(Service {
            name: name.into(),
            build: build::mark(&program)?,
            program,
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            environment,
            folder: self.world.root.clone(),
            ..Service::default()
        })
    }

    /// The port of the running service, else the usual one, else the one it had before, else a free one.
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

    fn finish(self, url: String, database_url: String) -> Plan {
        let mut services = self.services;
        for service in &mut services {
            let before = self.before.service(&service.name);
            service.restart_requests = before.map_or(0, |before| before.restart_requests);
        }
        let stack = self.world.settings.stack;
        Plan {
            folder: Some(self.folder.path()),
            url,
            database_url,
            services,
            start_seconds: stack.start_seconds,
            stop_seconds: stack.stop_seconds,
            restarts: stack.restarts,
            log_megabytes: stack.log_megabytes,
            watch: self.options.dev.then(|| self.world.root.clone()),
        }
    }
}

/// Where the demo writes log files, and its source reads them.
fn demo_logs(folder: &StateFolder) -> PathBuf {
    folder.0.join("demo-logs")
}

/// The folder of the server's files, which may be far from the state folder: where the data is, else where it
/// would be created.
pub fn postgres_home(folder: &StateFolder) -> Result<PathBuf> {
    let plan = folder.plan()?.unwrap_or_default();
    let data = plan.service("postgres").and_then(|service| service.data.clone()).filter(|data| data.exists());
    if let Some(home) = data.as_ref().and_then(|data| data.parent()) {
        return Ok(home.to_owned());
    }
    let account = Account::for_postgres()?;
    Ok(postgres::account::reachable_place(&folder.0.join("postgres"), "/var/lib/squall", account.as_ref()))
}
