//! What `up` decided about a stack in containers: Compose files, project, profiles, ports, secrets.
//!
//! It is kept in the state folder so that later commands ask Compose with the same arguments:
//! compose.json for the decisions, stack.env for the variables of the shell that started the stack.
//! While only volumes are left, compose.json stays, without the variables.

use super::{
    ports::{self, Published, Wanted},
    secrets,
    variables::{PROFILES, Variables},
};
use crate::{
    env_file,
    failure::{Exit, Failure},
    files,
    stack::state::StateFolder,
    world::World,
};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComposeService {
    pub name: String,
    pub image: String,
    /// The target of the Dockerfile, for an image that is built here.
    pub target: Option<String>,
    /// Runs once: others wait until it has succeeded.
    pub is_job: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// The state folder it was written for.
    pub folder: Option<PathBuf>,
    pub lifecycle: Lifecycle,
    /// Compose's name of the stack, which its containers carry as a label.
    pub project: String,
    pub root: PathBuf,
    /// Variables that the decisions set, whatever the shell has; COMPOSE_FILE and others that
    /// Compose itself reads are among them.
    pub environment: BTreeMap<String, String>,
    pub url: String,
    pub ports: Published,
    pub secrets: PathBuf,
    pub services: Vec<ComposeService>,
    pub demo: bool,
    pub prod: bool,
    /// Variables of the shell that started the stack; kept in stack.env.
    #[serde(skip)]
    pub remembered: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    Started,
    /// `down` removed the containers; the volumes are left.
    Stopped,
    /// Stopped, and a native stack was started in the same folder afterwards: the user means that
    /// one.
    Superseded,
}

/// What decides besides the variables that the user set.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub demo: bool,
    pub prod: bool,
    pub processors: u32,
    /// The last stack of this folder.
    pub before: Option<&'a Record>,
    pub is_running: bool,
}

impl Record {
    /// The record in a folder, whatever has become of its stack. That of another folder is one,
    /// too.
    pub fn read(folder: &StateFolder) -> Result<Option<Self>> {
        let text = files::read_if_there(&record_file(folder))?;
        let record = text.and_then(|text| serde_json::from_str::<Self>(&text).ok());
        let remembered = env_file::read(&env_file_of(folder))?;
        Ok(record.map(|record| Self { remembered, ..record }))
    }

    /// The stack that `up` started in this folder in containers.
    ///
    /// A copied folder names the Compose project of the original, whose containers are not its own.
    pub fn load(folder: &StateFolder) -> Result<Option<Self>> {
        Ok(Self::own(folder)?.filter(|record| record.lifecycle == Lifecycle::Started))
    }

    /// The stack in containers that is down, with its volumes.
    pub fn stopped(folder: &StateFolder) -> Result<Option<Self>> {
        Ok(Self::own(folder)?.filter(|record| record.lifecycle != Lifecycle::Started))
    }

    pub fn own(folder: &StateFolder) -> Result<Option<Self>> {
        Ok(Self::read(folder)?.filter(|record| folder.is_own(record.folder.as_deref())))
    }

    pub fn save(&self, folder: &StateFolder) -> Result<()> {
        files::replace(&record_file(folder), &serde_json::to_string_pretty(self)?)?;
        match self.lifecycle {
            Lifecycle::Started => env_file::write(&env_file_of(folder), &self.remembered),
            _ => remove(&env_file_of(folder)),
        }
    }

    /// Keep where the volumes and secrets are, and nothing that a shell has set.
    pub fn mark_stopped(folder: &StateFolder) -> Result<()> {
        let Some(record) = Self::load(folder)? else { return Ok(()) };
        Self { lifecycle: Lifecycle::Stopped, environment: BTreeMap::new(), ..record }.save(folder)
    }

    /// A native stack is started in the same folder.
    pub fn supersede(folder: &StateFolder) -> Result<()> {
        let Some(record) = Self::stopped(folder)? else { return Ok(()) };
        Self { lifecycle: Lifecycle::Superseded, ..record }.save(folder)
    }

    /// Its volumes are gone.
    pub fn forget(folder: &StateFolder) -> Result<()> {
        remove(&record_file(folder))
    }

    /// For a command that exchanges the data folder of the native stack: the data of containers is
    /// elsewhere.
    pub fn refuse_if_last_in_containers(folder: &StateFolder, tried: &str) -> Result<()> {
        let Some(record) = Self::own(folder)? else { return Ok(()) };
        let state = match record.lifecycle {
            Lifecycle::Started => "is running",
            Lifecycle::Stopped => "last ran",
            Lifecycle::Superseded => return Ok(()),
        };
        let wrong = format!(
            "the stack of this folder {state} in containers (Compose project {}), with its data in a volume; this \
             command exchanges the data folder of the native stack",
            record.project
        );
        let next = "restore a whole backup with `cargo xtask backup restore --replace` while the stack is up; for a \
                    moment between backups, `docker compose run --rm --no-deps recover --to TIME` fills a volume to \
                    start the database on (docs/guide/backup-and-restore.md). If you mean the native database of this \
                    folder, run `cargo xtask up --native` once and `cargo xtask down`, then this command again";
        Err(Failure::new(tried, wrong, next).into())
    }

    /// Decide everything but the services, which Compose lists.
    pub fn decide(
        world: &World,
        folder: &StateFolder,
        variables: &Variables,
        request: &Request,
    ) -> Result<Self> {
        let Request { before, is_running, .. } = *request;
        // A running stack stays what it is: its database was created with that password.
        let running = before.filter(|_| is_running);
        let demo = request.demo || running.is_some_and(|running| running.demo);
        let prod = request.prod || running.is_some_and(|running| running.prod);
        let tls = prod && variables.get("SQUALL_TLS_CERTIFICATE").is_some();
        let of_prod = prod.then_some("infra/compose.prod.yaml");
        let of_tls = tls.then_some("infra/compose.tls.yaml");
        let files: Vec<_> = ["compose.yaml"].into_iter().chain(of_prod).chain(of_tls).collect();

        // `squall` for the default folder, so that plain `docker compose` means the same stack.
        let project = match (variables.now("COMPOSE_PROJECT_NAME"), before) {
            (Some(name), _) => name.to_owned(),
            (None, Some(before)) => before.project.clone(),
            (None, None) if folder.0 == world.root.join("target/squall") => "squall".into(),
            (None, None) => format!("squall-{}", &files::fingerprint(&folder.0.to_string_lossy())[..8]),
        };
        // A stack that is down may have been moved: its secrets are where they were, or where they
        // belong.
        let created = before.filter(|it| it.prod && (is_running || secrets::are_in(&it.secrets)));
        let secrets = match (variables.now("SQUALL_SECRETS"), created) {
            (Some(folder), _) => std::path::absolute(folder)?,
            (None, Some(before)) => before.secrets.clone(),
            (None, None) => secrets::locate(world, folder, &project),
        };

        let running = running.map(|running| running.ports);
        let wanted = Wanted { prod, tls, usual: world.settings.ports.api, running };
        let (ports, remark) = ports::choose(variables, wanted)?;
        if let Some(remark) = remark {
            eprintln!("{remark}");
        }
        let url = variables.get("SQUALL_PUBLIC_URL").map_or_else(|| ports.url(), str::to_owned);
        if tls && !url.starts_with("https://") {
            let wrong = format!("SQUALL_PUBLIC_URL is {url:?}, but the edge terminates TLS");
            let next = "set it to the https address that people open";
            let failure = Failure::new("reading the address of the stack", wrong, next);
            return Err(failure.exit(Exit::Usage).into());
        }

        let mut environment = BTreeMap::new();
        let mut set = |name: &str, value: String| environment.insert(name.to_owned(), value);
        set("COMPOSE_PROJECT_NAME", project.clone());
        set("COMPOSE_FILE", files.join(":"));
        set("COMPOSE_PATH_SEPARATOR", ":".into());
        set("SQUALL_PORT", ports.plain.to_string());
        set("SQUALL_SECRETS", secrets.display().to_string());
        if let Some(port) = ports.tls {
            set("SQUALL_TLS_PORT", port.to_string());
        }
        if variables.get("SQUALL_CPUS").is_none() {
            set("SQUALL_CPUS", request.processors.to_string());
        }
        let profiles = variables.get(PROFILES).unwrap_or_default().split(',').map(str::trim);
        let profiles: BTreeSet<_> =
            profiles.chain(demo.then_some("demo")).filter(|name| !name.is_empty()).collect();
        set(PROFILES, profiles.into_iter().collect::<Vec<_>>().join(","));

        let read = |file: &&str| {
            fs::read_to_string(world.root.join(file)).with_context(|| format!("reading {file}"))
        };
        let texts = files.iter().map(read).collect::<Result<Vec<_>>>()?;
        let (remembered, not_kept) = variables.to_remember(&texts.join("\n"));
        if !not_kept.is_empty() {
            eprintln!(
                "not kept for later commands, since they are secrets: {}; put them into .env, or set them in each \
                 shell that starts, restarts or backs up the stack",
                not_kept.join(", ")
            );
        }
        Ok(Self {
            folder: Some(folder.path()),
            lifecycle: Lifecycle::Started,
            project,
            root: world.root.clone(),
            environment,
            url,
            ports,
            secrets,
            services: Vec::new(),
            demo,
            prod,
            remembered,
        })
    }

    pub fn service(&self, name: &str) -> Option<&ComposeService> {
        self.services.iter().find(|service| service.name == name)
    }

    pub fn is_job(&self, name: &str) -> bool {
        self.service(name).is_some_and(|service| service.is_job)
    }
}

fn record_file(folder: &StateFolder) -> PathBuf {
    folder.0.join("compose.json")
}

fn env_file_of(folder: &StateFolder) -> PathBuf {
    folder.0.join("stack.env")
}

fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("deleting {}", file.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::world::tests::root;

    /// A started stack of this project without services.
    pub fn record(project: &str) -> Record {
        Record {
            folder: None,
            lifecycle: Lifecycle::Started,
            project: project.into(),
            root: "/".into(),
            environment: BTreeMap::new(),
            url: "http://127.0.0.1:8642".into(),
            ports: Published { plain: 80, tls: Some(443) },
            secrets: "/secrets".into(),
            services: Vec::new(),
            demo: false,
            prod: false,
            remembered: BTreeMap::new(),
        }
    }

    pub fn folder(name: &str) -> StateFolder {
        let folder = std::env::temp_dir().join(format!("squall-compose-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        StateFolder(folder)
    }

    const SHELL: [(&str, &str); 8] = [
        ("COMPOSE_PROFILES", "storage, dev"),
        ("COMPOSE_PROJECT_NAME", "mine"),
        ("SQUALL_CPUS", "1"),
        ("SQUALL_IMAGES", "registry.example/squall"),
        ("SQUALL_PUBLIC_URL", "https://squall.example"),
        ("SQUALL_SECRETS", "/etc/squall-of-nobody"),
        ("SQUALL_TLS_CERTIFICATE", "/etc/squall/tls.pem"),
        ("SQUALL_VERSION", "1.4.0"),
    ];

    /// Ports of a running stack are not asked for, whichever process has them on this machine.
    fn decide(shell: &[(&str, &str)], prod: bool, before: &Record, is_running: bool) -> Result<Record> {
        let (world, folder) = (World::new(root()).unwrap(), StateFolder(root().join("target/nowhere")));
        let remembered: Vec<_> =
            before.remembered.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let variables = Variables::of(shell, &[], &remembered);
        let request = Request { demo: prod, prod, processors: 4, before: Some(before), is_running };
        Record::decide(&world, &folder, &variables, &request)
    }

    #[test]
    fn a_second_shell_decides_as_the_first_one_did_until_the_stack_is_down() {
        let folder = folder("down");
        let first = decide(&SHELL, true, &record("other"), true).unwrap();
        let first = Record { folder: Some(folder.path()), ..first };
        first.save(&folder).unwrap();
        let loaded = Record::load(&folder).unwrap().unwrap();
        assert_eq!(loaded.remembered, first.remembered);
        let second = decide(&[], false, &loaded, true).unwrap();
        let expected = [
            ("COMPOSE_FILE", "compose.yaml:infra/compose.prod.yaml:infra/compose.tls.yaml"),
            ("COMPOSE_PATH_SEPARATOR", ":"),
            ("COMPOSE_PROFILES", "demo,dev,storage"),
            ("COMPOSE_PROJECT_NAME", "mine"),
            ("SQUALL_PORT", "80"),
            ("SQUALL_SECRETS", "/etc/squall-of-nobody"),
            ("SQUALL_TLS_PORT", "443"),
        ];
        assert_eq!(second.environment, expected.map(|(name, value)| (name.into(), value.into())).into());
        assert_eq!((&second.environment, &second.remembered), (&first.environment, &first.remembered));
        assert_eq!((second.project.as_str(), second.url.as_str()), ("mine", "https://squall.example"));
        // A variable that it does set is new.
        let newer = decide(&[("SQUALL_VERSION", "1.5.0")], false, &loaded, true).unwrap();
        let remembered = ["SQUALL_IMAGES", "SQUALL_VERSION"].map(|name| newer.remembered[name].as_str());
        assert_eq!(remembered, ["registry.example/squall", "1.5.0"]);

        Record::mark_stopped(&folder).unwrap();
        assert!(Record::load(&folder).unwrap().is_none() && !env_file_of(&folder).exists());
        // Another shell starts it from nothing, on the same volumes.
        let stopped = Record::stopped(&folder).unwrap().unwrap();
        let third = decide(&[("SQUALL_PORT", "18642")], false, &stopped, false).unwrap();
        assert_eq!((third.project.as_str(), third.prod, third.demo), ("mine", false, false));
        assert_eq!(third.environment["COMPOSE_PROFILES"], "");
        assert_eq!(third.remembered.into_keys().collect::<Vec<_>>(), ["SQUALL_PORT"]);
        assert_ne!(third.secrets, first.secrets);
        fs::remove_dir_all(&folder.0).unwrap();
    }

    #[test]
    fn a_plain_address_is_refused_where_the_edge_terminates_tls() {
        let shell = [("SQUALL_TLS_CERTIFICATE", "/tls.pem"), ("SQUALL_PUBLIC_URL", "http://squall.example")];
        let error = decide(&shell, true, &record("squall"), true).unwrap_err().to_string();
        assert!(error.contains("the edge terminates TLS") && error.contains("https address"), "{error}");
    }

    #[test]
    fn the_data_folder_is_not_exchanged_if_the_stack_last_ran_in_containers() {
        let folder = folder("ran-last");
        let refused = || {
            let refused = Record::refuse_if_last_in_containers(&folder, "going back");
            refused.err().map(|error| error.to_string())
        };
        assert_eq!(refused(), None);
        record("squall").save(&folder).unwrap();
        assert!(refused().unwrap().contains("is running in containers (Compose project squall)"));
        Record::mark_stopped(&folder).unwrap();
        assert!(refused().unwrap().contains("last ran in containers"));
        Record::supersede(&folder).unwrap();
        assert_eq!(refused(), None);
        fs::remove_dir_all(&folder.0).unwrap();
    }

    #[test]
    fn the_database_in_a_container_has_the_settings_of_the_native_one() {
        let compose = fs::read_to_string(root().join("compose.yaml")).unwrap();
        for (name, value) in World::new(root()).unwrap().settings.postgres {
            let plain = format!("- -c{name}={value}\n");
            let settable = format!("- -c{name}=${{SQUALL_POSTGRES_{}:-{value}}}\n", name.to_uppercase());
            assert!(compose.contains(&plain) || compose.contains(&settable), "{name} = {value}");
        }
    }
}
