//! What `up` decided about a stack in containers: Compose files, project, profiles, port, secrets.
//!
//! It is kept in the state folder so that later commands ask Compose with the same arguments:
//! compose.json for the decisions, stack.env for the variables: those of the shell that started the
//! stack, and those that `up` chose.
//! While only volumes are left, compose.json stays: it has the name of their project.

use super::variables::{PROFILES, Variables};
use crate::{env_file, failure::Failure, files, ports, stack::state::StateFolder, world::World};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

const PROD: &str = "infra/compose.prod.yaml";
/// Names the folder of the password that the database was created with.
pub const SECRETS: &str = "SQUALL_SECRETS";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComposeService {
    pub name: String,
    pub image: String,
    /// The target of the Dockerfile, for an image that is built here.
    pub target: Option<String>,
    /// Runs once: others wait until it has succeeded.
    pub is_job: bool,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Record {
    /// The state folder it was written for.
    pub folder: PathBuf,
    /// Whether `up` has started the containers and `down` has not removed them.
    pub is_started: bool,
    /// A native stack was started in the folder since: the user means that one.
    pub is_superseded: bool,
    pub root: PathBuf,
    /// Compose's name of the stack, which its containers and volumes carry as a label.
    pub project: String,
    pub files: Vec<String>,
    /// As COMPOSE_PROFILES lists them.
    pub profiles: String,
    pub url: String,
    pub services: Vec<ComposeService>,
    /// Variables that the files ask for and the next shell may not have; kept in stack.env.
    #[serde(skip)]
    pub remembered: BTreeMap<String, String>,
}

impl Record {
    /// The record in a folder, whatever has become of its stack. That of another folder is one,
    /// too.
    pub fn read(folder: &StateFolder) -> Result<Option<Self>> {
        let Some(record) = files::read_json::<Self>(&record_file(folder))? else { return Ok(None) };
        Ok(Some(Self { remembered: env_file::read(&env_file_of(folder))?, ..record }))
    }

    /// The stack of this folder in containers, or what `down` has left of it.
    ///
    /// A copied folder names the Compose project of the original, whose containers are not its own.
    pub fn own(folder: &StateFolder) -> Result<Option<Self>> {
        Ok(Self::read(folder)?.filter(|record| folder.is_own(Some(&record.folder))))
    }

    /// The stack that `up` started in this folder in containers.
    pub fn load(folder: &StateFolder) -> Result<Option<Self>> {
        Ok(Self::own(folder)?.filter(|record| record.is_started))
    }

    pub fn save(&self, folder: &StateFolder) -> Result<()> {
        files::replace(&record_file(folder), &serde_json::to_string_pretty(self)?)?;
        env_file::write(&env_file_of(folder), &self.remembered)
    }

    /// Keep where the volumes and secrets are, and nothing else that a shell has set.
    pub fn mark_stopped(folder: &StateFolder) -> Result<()> {
        let Some(record) = Self::load(folder)? else { return Ok(()) };
        record.stopped().save(folder)
    }

    pub fn stopped(mut self) -> Self {
        self.is_started = false;
        self.remembered.retain(|name, _| name == SECRETS);
        self
    }

    /// A native stack is started in the same folder. The volumes stay.
    pub fn supersede(folder: &StateFolder) -> Result<()> {
        let Some(record) = Self::own(folder)? else { return Ok(()) };
        Self { is_superseded: true, ..record.stopped() }.save(folder)
    }

    /// Its volumes are gone.
    pub fn forget(folder: &StateFolder) -> Result<()> {
        files::remove(&record_file(folder))?;
        files::remove(&env_file_of(folder))
    }

    /// For a command that exchanges the data folder of the native stack: containers have their data
    /// in volumes.
    pub fn refuse_if_last_in_containers(folder: &StateFolder, tried: &str) -> Result<()> {
        let Some(record) = Self::own(folder)?.filter(|record| !record.is_superseded) else { return Ok(()) };
        let state = if record.is_started { "is running" } else { "last ran" };
        let wrong = format!(
            "the stack in this folder {state} in containers (Compose project {}); this command works only on a native \
             stack",
            record.project
        );
        let next = "restore a whole backup with `cargo xtask backup restore --replace` while the stack is up; for a \
                    point in time between backups, `docker compose run --rm --no-deps recover --to TIME` recovers \
                    into a separate volume, which you then start the database on \
                    (docs/guide/backup-and-restore.md). If you mean the native database of this folder, run `cargo \
                    xtask up --native` once and `cargo xtask down`, then this command again";
        Err(Failure::new(tried, wrong, next).into())
    }

    /// Decide everything but the services and their address, which Compose lists. `before` is what
    /// this folder had last.
    pub fn decide(
        world: &World,
        folder: &StateFolder,
        variables: &mut Variables,
        before: Option<&Self>,
        demo: bool,
        prod: bool,
    ) -> Result<Self> {
        // A running stack stays what it is: its database was created with that password.
        let running = before.filter(|before| before.is_started);
        let demo = demo || running.is_some_and(|running| running.service("demo").is_some());
        let prod = prod || running.is_some_and(Self::is_prod);
        let tls = prod && variables.get("SQUALL_TLS_CERTIFICATE").is_some();
        let of_tls = tls.then_some("infra/compose.tls.yaml");
        let files: Vec<_> = ["compose.yaml"].into_iter().chain(prod.then_some(PROD)).chain(of_tls).collect();

        // `squall` for the default folder, so that plain `docker compose` means the same stack.
        let is_default = folder.0 == world.root.join("target/squall");
        let project = match (variables.get("COMPOSE_PROJECT_NAME"), before) {
            (Some(name), _) => name.to_owned(),
            (None, Some(before)) => before.project.clone(),
            (None, None) if is_default => "squall".into(),
            (None, None) => format!("squall-{}", &files::fingerprint(&folder.0.to_string_lossy())[..8]),
        };
        if let Some(running) = running.filter(|running| running.project != project) {
            let is = &running.project;
            let wrong =
                format!("this folder's stack is running as {is}, but COMPOSE_PROJECT_NAME is {project}");
            let next = "stop it with `cargo xtask down`, or choose another folder with --state";
            return Err(Failure::new("choosing the Compose project of the stack", wrong, next).into());
        }

        let profiles = variables.get(PROFILES).unwrap_or_default().split(',').map(str::trim);
        let profiles: BTreeSet<_> =
            profiles.chain(demo.then_some("demo")).filter(|name| !name.is_empty()).collect();
        let profiles = profiles.into_iter().collect::<Vec<_>>().join(",");

        if prod {
            // `./secrets` is the default of infra/compose.prod.yaml, too.
            let secrets = if is_default { "./secrets".into() } else { format!("./secrets/{project}") };
            variables.set_default(SECRETS, secrets);
        } else if variables.get("SQUALL_PORT").is_none() {
            // In development any port will do. Others know that of production, a proxy or people: it
            // is the one in the Compose files.
            let (port, remark) = ports::take("the stack", world.settings.ports.api, &[])?;
            remark.iter().for_each(|remark| eprintln!("{remark}"));
            variables.set_default("SQUALL_PORT", port.to_string());
        }

        let read = |file: &&str| {
            fs::read_to_string(world.root.join(file)).with_context(|| format!("reading {file}"))
        };
        let texts = files.iter().map(read).collect::<Result<Vec<_>>>()?;
        let dotenv = env_file::read(&world.root.join(".env"))?;
        let (remembered, not_kept) = variables.to_remember(&dotenv, &texts.join("\n"));
        if !not_kept.is_empty() {
            eprintln!(
                "not kept for later commands, since they are secrets: {}; put them into .env, or set them in each \
                 shell that starts, restarts or backs up the stack",
                not_kept.join(", ")
            );
        }
        Ok(Self {
            folder: folder.path(),
            is_started: true,
            root: world.root.clone(),
            project,
            files: files.into_iter().map(str::to_owned).collect(),
            profiles,
            remembered,
            ..Self::default()
        })
    }

    pub fn is_prod(&self) -> bool {
        self.files.iter().any(|file| file == PROD)
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

#[cfg(test)]
mod tests {
    use super::{
        super::variables::tests::{map, variables},
        *,
    };
    use crate::{stack::copied_from, world::tests::root};
    use std::path::Path;
    use tempfile::TempDir;

    /// A folder with the record of a started stack.
    fn started(project: &str) -> (TempDir, StateFolder) {
        let parent = tempfile::tempdir().unwrap();
        let folder = StateFolder(parent.path().to_owned());
        let record =
            Record { folder: folder.path(), is_started: true, project: project.into(), ..Record::default() };
        record.save(&folder).unwrap();
        (parent, folder)
    }

    const SHELL: [(&str, &str); 7] = [
        ("COMPOSE_PROFILES", "storage, dev"),
        ("COMPOSE_PROJECT_NAME", "mine"),
        ("SQUALL_CPUS", "1"),
        ("SQUALL_IMAGES", "registry.example/squall"),
        ("SQUALL_SECRETS", "/etc/squall-of-nobody"),
        ("SQUALL_TLS_CERTIFICATE", "/etc/squall/tls.pem"),
        ("SQUALL_VERSION", "1.4.0"),
    ];

    fn decide(
        folder: &StateFolder,
        shell: &[(&str, &str)],
        before: Option<&Record>,
        prod: bool,
    ) -> Result<Record> {
        let remembered = before.map(|before| before.remembered.clone()).unwrap_or_default();
        let mut variables = variables(shell, &remembered);
        Record::decide(&World::new(root()).unwrap(), folder, &mut variables, before, prod, prod)
    }

    #[test]
    fn a_second_shell_decides_as_the_first_one_did_until_the_stack_is_down() {
        let (_parent, folder) = started("other");
        let mut first = decide(&folder, &SHELL, None, true).unwrap();
        let files = ["compose.yaml", "infra/compose.prod.yaml", "infra/compose.tls.yaml"];
        assert_eq!((first.project.as_str(), first.profiles.as_str()), ("mine", "demo,dev,storage"));
        assert_eq!(first.files, files);
        let demo = r#"[{"name": "demo", "image": "d", "target": "demo", "is_job": false}]"#;
        first.services = serde_json::from_str(demo).unwrap();
        first.save(&folder).unwrap();

        let loaded = Record::load(&folder).unwrap().unwrap();
        let second = decide(&folder, &[], Some(&loaded), false).unwrap();
        assert_eq!((&second.project, &second.profiles), (&first.project, &first.profiles));
        assert_eq!((&second.files, &second.remembered), (&first.files, &first.remembered));
        // A variable that it does set is new.
        let newer = decide(&folder, &[("SQUALL_VERSION", "1.5.0")], Some(&loaded), false).unwrap();
        let remembered = ["SQUALL_IMAGES", "SQUALL_VERSION"].map(|name| newer.remembered[name].as_str());
        assert_eq!(remembered, ["registry.example/squall", "1.5.0"]);
        let renamed = decide(&folder, &[("COMPOSE_PROJECT_NAME", "new")], Some(&loaded), false);
        assert!(renamed.unwrap_err().to_string().contains("is running as mine"));

        Record::mark_stopped(&folder).unwrap();
        assert!(Record::load(&folder).unwrap().is_none());
        // Another shell starts it from nothing, on the same volumes and with the same secrets.
        let stopped = Record::own(&folder).unwrap().unwrap();
        let third = decide(&folder, &[("SQUALL_PORT", "18642")], Some(&stopped), false).unwrap();
        assert_eq!((third.project.as_str(), third.profiles.as_str()), ("mine", ""));
        assert_eq!(third.files, ["compose.yaml"]);
        assert_eq!(third.remembered, map(&[("SQUALL_PORT", "18642")]));
        assert_eq!(stopped.remembered, map(&[("SQUALL_SECRETS", "/etc/squall-of-nobody")]));
    }

    #[test]
    fn secrets_of_production_outlive_the_build_folder() {
        for (folder, expected) in
            [(root().join("target/squall"), "./secrets"), (root().join("target/other"), "./secrets/mine")]
        {
            let record = decide(&StateFolder(folder), &SHELL[..2], None, true).unwrap();
            assert_eq!(record.remembered[SECRETS], expected);
        }
    }

    #[test]
    fn a_copied_folder_does_not_reach_the_containers_of_the_original() {
        let (parent, original) = started("squall");
        let copy = StateFolder(parent.path().join("copy"));
        fs::create_dir(&copy.0).unwrap();
        fs::copy(record_file(&original), record_file(&copy)).unwrap();
        // `down`, `ps` and the others find no stack here, and `down --delete-data` no volumes.
        assert!(Record::own(&copy).unwrap().is_none());
        assert_eq!(copied_from(&copy).unwrap().as_deref(), Some(Path::new(&original.path())));
        Record::mark_stopped(&copy).unwrap();
        assert!(Record::own(&copy).unwrap().is_none());
    }

    #[test]
    fn the_data_folder_is_not_exchanged_if_the_stack_last_ran_in_containers() {
        let (_parent, folder) = started("squall");
        let refused = || Record::refuse_if_last_in_containers(&folder, "going back");
        let is_running = "is running in containers (Compose project squall)";
        assert!(refused().unwrap_err().to_string().contains(is_running));
        Record::mark_stopped(&folder).unwrap();
        assert!(refused().unwrap_err().to_string().contains("last ran in containers"));
        Record::supersede(&folder).unwrap();
        refused().unwrap();
        assert_eq!(Record::own(&folder).unwrap().unwrap().project, "squall", "its volumes are found again");
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
