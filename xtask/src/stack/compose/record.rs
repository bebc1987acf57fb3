//! What `up` decided about a stack in containers: Compose files, project, profiles, ports, secrets.
//!
//! It is kept in the state folder so that later commands ask Compose with the same arguments:
//! compose.json for the decisions, stack.env for the variables of the shell that started the stack.
//! While only volumes are left, compose.json stays, without the variables.

use super::{
    ports::{Published, Wanted, choose},
    secrets,
    services::ComposeService,
    variables::{PROFILES, Variables},
};
use crate::{
    docker::images::Naming,
    env_file,
    failure::{Exit, Failure},
    files,
    stack::state::StateFolder,
    world::World,
};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::ErrorKind,
    path::PathBuf,
};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// The state folder it was written for.
    #[serde(default)]
    pub folder: Option<PathBuf>,
    #[serde(default)]
    pub lifecycle: Lifecycle,
    /// Compose's name of the stack, which its containers carry as a label.
    pub project: String,
    pub root: PathBuf,
    pub files: Vec<PathBuf>,
    pub profiles: Vec<String>,
    /// Variables that the decisions set, whatever the shell has.
    pub environment: BTreeMap<String, String>,
    pub url: String,
    /// For http; with TLS it only redirects to https.
    pub port: u16,
    #[serde(default)]
    pub tls_port: Option<u16>,
    pub secrets: PathBuf,
    pub services: Vec<ComposeService>,
    pub start_seconds: u64,
    pub demo: bool,
    pub prod: bool,
    /// Variables of the shell that started the stack; kept in stack.env.
    #[serde(skip)]
    pub remembered: BTreeMap<String, String>,
    #[serde(skip)]
    pub remarks: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    #[default]
    Started,
    /// `down` removed the containers; the volumes are left.
    Stopped,
    /// Stopped, and a native stack was started in the same folder afterwards: the user means that
    /// one.
    Superseded,
}

/// What decides besides the variables that the user set.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    pub demo: bool,
    pub prod: bool,
    pub processors: u32,
    /// The ports of this stack, if it is running.
    pub running: Option<Published>,
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

    fn own(folder: &StateFolder) -> Result<Option<Self>> {
        Ok(Self::read(folder)?.filter(|record| folder.is_own(record.folder.as_deref())))
    }

    pub fn save(&self, folder: &StateFolder) -> Result<()> {
        files::replace(&record_file(folder), &serde_json::to_string_pretty(self)?)?;
        match self.lifecycle {
            Lifecycle::Started => env_file::write(&env_file_of(folder), &self.remembered),
            _ => unless_missing(fs::remove_file(env_file_of(folder))),
        }
    }

    /// Keep where the volumes and secrets are, and nothing that a shell has set.
    pub fn mark_stopped(folder: &StateFolder) -> Result<()> {
        let Some(record) = Self::load(folder)? else { return Ok(()) };
        let remembered = BTreeMap::new();
        Self { lifecycle: Lifecycle::Stopped, remembered, profiles: Vec::new(), ..record }.save(folder)
    }

    /// A native stack is started in the same folder.
    pub fn supersede(folder: &StateFolder) -> Result<()> {
        let Some(record) = Self::stopped(folder)? else { return Ok(()) };
        Self { lifecycle: Lifecycle::Superseded, ..record }.save(folder)
    }

    /// Its volumes are gone.
    pub fn forget(folder: &StateFolder) -> Result<()> {
        unless_missing(fs::remove_file(record_file(folder)))
    }

    /// For a command that exchanges the data folder of the native stack: the data of containers is
    /// elsewhere.
    pub fn refuse_if_last_in_containers(folder: &StateFolder, tried: &str) -> Result<()> {
        let (state, record) = match Self::own(folder)? {
            Some(record) if record.lifecycle == Lifecycle::Started => ("is running", record),
            Some(record) if record.lifecycle == Lifecycle::Stopped => ("last ran", record),
            _ => return Ok(()),
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
        request: Request,
        variables: &Variables,
        before: Option<&Self>,
    ) -> Result<Self> {
        // A running stack stays what it is: its database was created with that password.
        let running = before.filter(|_| request.running.is_some());
        let demo = request.demo || running.is_some_and(|running| running.demo);
        let prod = request.prod || running.is_some_and(|running| running.prod);
        let tls = prod && variables.get("SQUALL_TLS_CERTIFICATE").is_some();
        let mut files = vec![world.root.join("compose.yaml")];
        files.extend(prod.then(|| world.root.join("infra/compose.prod.yaml")));
        files.extend(tls.then(|| world.root.join("infra/compose.tls.yaml")));
        let project = project(world, folder, variables, before);
        // A stack that is down may have been moved: its secrets are where they were, or where they
        // belong.
        let created = before.filter(|it| it.prod && (running.is_some() || secrets::are_in(&it.secrets)));
        let (secrets, remark_on_secrets) = match (variables.now("SQUALL_SECRETS"), created) {
            (Some(folder), _) => (std::path::absolute(folder)?, None),
            (None, Some(before)) => (before.secrets.clone(), None),
            (None, None) => secrets::locate(world, folder, &project),
        };
        let usual = world.settings.ports.api;
        let (published, remark) = choose(variables, Wanted { prod, tls, usual, running: request.running })?;
        let url = variables.get("SQUALL_PUBLIC_URL").map(str::to_owned);
        if let Some(url) = url.as_ref().filter(|url| tls && !url.starts_with("https://")) {
            let wrong = format!("SQUALL_PUBLIC_URL is {url:?}, but the edge terminates TLS");
            let next = "set it to the https address that people open";
            let failure = Failure::new("reading the address of the stack", wrong, next);
            return Err(failure.exit(Exit::Usage).into());
        }
        let mut environment = BTreeMap::from([
            ("SQUALL_PORT".to_owned(), published.plain.to_string()),
            ("SQUALL_SECRETS".to_owned(), secrets.display().to_string()),
        ]);
        environment.extend(published.tls.map(|port| ("SQUALL_TLS_PORT".to_owned(), port.to_string())));
        if variables.get("SQUALL_CPUS").is_none() {
            environment.insert("SQUALL_CPUS".into(), request.processors.to_string());
        }
        let texts: Vec<_> = files.iter().map(|file| fs::read_to_string(file).unwrap_or_default()).collect();
        let (remembered, not_kept) = variables.to_remember(&texts);
        let named = variables.get(PROFILES).into_iter().flat_map(|names| names.split(',')).map(str::trim);
        let profiles: BTreeSet<_> =
            named.filter(|name| !name.is_empty()).chain(demo.then_some("demo")).collect();
        let remarks = [remark, remark_on_secrets.filter(|_| prod), remark_on_not_kept(&not_kept)];
        Ok(Self {
            folder: Some(folder.path()),
            lifecycle: Lifecycle::Started,
            project,
            root: world.root.clone(),
            files,
            profiles: profiles.into_iter().map(str::to_owned).collect(),
            environment,
            url: url.unwrap_or_else(|| published.url()),
            port: published.plain,
            tls_port: published.tls,
            secrets,
            services: Vec::new(),
            start_seconds: world.settings.stack.start_seconds,
            demo,
            prod,
            remembered,
            remarks: remarks.into_iter().flatten().collect(),
        })
    }

    /// The ports of the edge.
    pub fn published(&self) -> Published {
        Published { plain: self.port, tls: self.tls_port }
    }

    pub fn service(&self, name: &str) -> Option<&ComposeService> {
        self.services.iter().find(|service| service.name == name)
    }

    pub fn is_job(&self, name: &str) -> bool {
        self.service(name).is_some_and(|service| service.is_job)
    }
}

/// The prefix and tag of Squall's own images.
pub fn naming(variables: &Variables) -> Naming {
    Naming::of(|name| variables.get(name).map(str::to_owned))
}

fn record_file(folder: &StateFolder) -> PathBuf {
    folder.0.join("compose.json")
}

fn env_file_of(folder: &StateFolder) -> PathBuf {
    folder.0.join("stack.env")
}

fn unless_missing(done: std::io::Result<()>) -> Result<()> {
    match done {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn remark_on_not_kept(names: &[String]) -> Option<String> {
    let (are, them) = match names {
        [] => return None,
        [_] => ("is a secret: it is", "it"),
        _ => ("are secrets: they are", "them"),
    };
    let names = names.join(", ");
    Some(format!(
        "{names} {are} not kept for later commands; put {them} into .env, or set {them} in each shell that starts, \
         restarts or backs up the stack"
    ))
}

/// `squall` for the default folder, so that plain `docker compose` means the same stack.
fn project(world: &World, folder: &StateFolder, variables: &Variables, before: Option<&Record>) -> String {
    match (variables.now("COMPOSE_PROJECT_NAME"), before) {
        (Some(name), _) => name.to_owned(),
        (None, Some(before)) => before.project.clone(),
        (None, None) if folder.0 == world.root.join("target/squall") => "squall".into(),
        (None, None) => format!("squall-{}", &files::fingerprint(&folder.0.to_string_lossy())[..8]),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::world::tests::root;

    /// A record of this project without services, as an older xtask may have written it.
    pub fn record(project: &str) -> Record {
        let written = serde_json::json!({
            "project": project, "root": "/", "files": [], "profiles": [], "environment": {}, "services": [],
            "url": "http://127.0.0.1:8642", "port": 8642, "secrets": "/secrets", "start_seconds": 1, "demo": false,
            "prod": false,
        });
        serde_json::from_value(written).unwrap()
    }

    pub fn folder(name: &str) -> StateFolder {
        let folder = std::env::temp_dir().join(format!("squall-compose-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        StateFolder(folder)
    }

    const TLS: Option<Published> = Some(Published { plain: 80, tls: Some(443) });

    fn decide(request: Request, variables: &Variables, before: Option<&Record>) -> Result<Record> {
        let world = World::new(root()).unwrap();
        Record::decide(&world, &StateFolder(root().join("target/nowhere")), request, variables, before)
    }

    #[test]
    fn a_second_shell_with_fewer_variables_decides_as_the_first_one_did() {
        // Its ports are those of a running stack, whichever process has them on this machine.
        let request = Request { demo: false, prod: true, processors: 4, running: TLS };
        let shell = [
            ("COMPOSE_PROJECT_NAME", "mine"),
            ("SQUALL_CPUS", "1"),
            ("SQUALL_IMAGES", "registry.example/squall"),
            ("SQUALL_PUBLIC_URL", "https://squall.example"),
            ("SQUALL_SECRETS", "/etc/squall"),
            ("SQUALL_TLS_CERTIFICATE", "/etc/squall/tls.pem"),
            ("SQUALL_VERSION", "1.4.0"),
        ];
        let first = decide(request, &Variables::of(&shell, &BTreeMap::new()), None).unwrap();
        // The second one has neither --prod nor any variable.
        let bare = Request { prod: false, ..request };
        let remembered = Variables::of(&[], &first.remembered);
        let second = decide(bare, &remembered, Some(&first)).unwrap();
        assert_eq!(serde_json::to_value(&second).unwrap(), serde_json::to_value(&first).unwrap());
        assert_eq!(second.remembered, first.remembered);
        assert_eq!(Some(second.published()), TLS);
        let set = |name: &str| second.environment.get(name).map(String::as_str);
        let expected = [Some("80"), Some("443"), None];
        assert_eq!(["SQUALL_PORT", "SQUALL_TLS_PORT", "SQUALL_CPUS"].map(set), expected);
        assert_eq!(second.url, "https://squall.example");
        assert!(second.files.contains(&root().join("infra/compose.tls.yaml")));
        assert_eq!(second.secrets, std::path::Path::new("/etc/squall"));
        let named = naming(&remembered);
        assert_eq!((named.prefix.as_str(), named.tag.as_str()), ("registry.example/squall", "1.4.0"));
        // A variable that it does set is new.
        let newer = Variables::of(&[("SQUALL_VERSION", "1.5.0")], &first.remembered);
        assert_eq!(decide(bare, &newer, Some(&first)).unwrap().project, "mine");
        assert_eq!(naming(&newer).tag, "1.5.0");
    }

    #[test]
    fn of_a_stack_that_is_down_only_its_name_is_remembered() {
        let running = Some(Published { plain: 80, tls: None });
        let request = Request { demo: true, prod: true, processors: 4, running };
        let shell = [
            ("COMPOSE_PROJECT_NAME", "mine"),
            ("COMPOSE_PROFILES", "storage, dev"),
            ("SQUALL_PUBLIC_URL", "https://squall.example"),
            ("SQUALL_SECRETS", "/etc/squall-of-nobody"),
        ];
        let first = decide(request, &Variables::of(&shell, &BTreeMap::new()), None).unwrap();
        assert_eq!(first.profiles, ["demo", "dev", "storage"]);
        let (folder, env_file) = (folder("down"), |folder: &StateFolder| folder.0.join("stack.env"));
        Record { folder: Some(folder.path()), ..first.clone() }.save(&folder).unwrap();
        assert_eq!(Record::load(&folder).unwrap().unwrap().remembered, first.remembered);
        assert!(fs::read_to_string(env_file(&folder)).unwrap().contains("SQUALL_SECRETS=\"/etc/squall"));
        Record::mark_stopped(&folder).unwrap();
        assert!(Record::load(&folder).unwrap().is_none() && !env_file(&folder).exists());
        // Another shell starts it from nothing, on the same volumes.
        let stopped = Record::stopped(&folder).unwrap().unwrap();
        let bare = Request { demo: false, prod: false, processors: 4, running: None };
        let variables = Variables::of(&[("SQUALL_PORT", "18642")], &stopped.remembered);
        let second = decide(bare, &variables, Some(&stopped)).unwrap();
        assert_eq!((second.project.as_str(), second.prod, second.demo), ("mine", false, false));
        assert!(second.profiles.is_empty());
        assert_eq!(second.remembered.into_keys().collect::<Vec<_>>(), ["SQUALL_PORT"]);
        assert_ne!(second.secrets, first.secrets);
        fs::remove_dir_all(&folder.0).unwrap();
    }

    #[test]
    fn a_plain_address_is_refused_where_the_edge_terminates_tls() {
        let request = Request { demo: false, prod: true, processors: 4, running: TLS };
        let shell = [("SQUALL_TLS_CERTIFICATE", "/tls.pem"), ("SQUALL_PUBLIC_URL", "http://squall.example")];
        let error = decide(request, &Variables::of(&shell, &BTreeMap::new()), None).unwrap_err().to_string();
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
