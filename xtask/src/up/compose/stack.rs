//! Which Compose files, services, port and variables make the stack of one state folder.
//!
//! What `up` decided is kept in the folder's compose.json, so that `ps`, `logs`, `restart`, `down`, `backup` and `migrate` ask
//! Compose with the same words.

use super::{
    published::{self, Published, Wanted},
    secrets,
    services::{ComposeService, Config, in_order},
    variables::{PROFILES, Said, is_said},
};
use crate::{
    docker::{
        engine::{Engine, capture},
        images::Naming,
    },
    failure::{Exit, Failure},
    files,
    up::{
        Arguments,
        state::{Phase, State, StateFolder},
    },
    world::World,
};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::Command,
    time::Duration,
};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ComposeStack {
    /// Compose's name of the stack; containers carry it as a label.
    pub project: String,
    root: PathBuf,
    files: Vec<PathBuf>,
    profiles: Vec<String>,
    environment: BTreeMap<String, String>,
    /// What the files ask for and the shell had set when the stack was started; the shell of a later command may lack it. Without
    /// secrets, and without what `.env` says.
    remembered: BTreeMap<String, String>,
    /// What the files cannot be read without, wherever it was said; nothing is decided by it.
    #[serde(default)]
    required: BTreeMap<String, String>,
    pub url: String,
    /// For http; with TLS only to lead to https.
    port: u16,
    #[serde(default)]
    tls_port: Option<u16>,
    pub secrets: PathBuf,
    pub services: Vec<ComposeService>,
    start_seconds: u64,
    demo: bool,
    pub prod: bool,
    /// A native stack ran in the same folder after it was stopped.
    #[serde(default)]
    pub superseded: bool,
    #[serde(skip)]
    pub remarks: Vec<String>,
}

/// What decides besides the variables that a person set.
#[derive(Debug, Clone, Copy)]
struct Wish {
    demo: bool,
    prod: bool,
    processors: u32,
    /// The ports of this stack, if it runs.
    running: Option<Published>,
}

impl ComposeStack {
    /// Decides everything; starts nothing.
    pub fn plan(world: &World, engine: &Engine, folder: &StateFolder, arguments: &Arguments) -> Result<Self> {
        let kept = Self::load(folder)?;
        let running = kept.as_ref().filter(|kept| kept.runs(engine));
        // What was said to a stack that is down is forgotten, but not where its volumes are.
        let said =
            Said::here(&world.root, running.map(|running| running.remembered.clone()).unwrap_or_default());
        let stopped = Self::stopped(folder)?;
        let wish = Wish {
            demo: arguments.demo,
            prod: arguments.prod,
            processors: engine.processors,
            running: running.map(Self::published),
        };
        let mut stack = Self::decide(world, folder, wish, &said, kept.as_ref().or(stopped.as_ref()))?;
        if let Some(running) = running.filter(|running| running.project != stack.project) {
            let wrong = format!(
                "the stack of this folder runs as {}, and COMPOSE_PROJECT_NAME says {}",
                running.project, stack.project
            );
            let next = "stop it with `cargo xtask down`, or name another stack with --state";
            return Err(Failure::new("starting the stack in containers", wrong, next).into());
        }
        stack.services = stack.configured(engine)?;
        Ok(stack)
    }

    /// All but the services, which Compose names.
    fn decide(
        world: &World,
        folder: &StateFolder,
        wish: Wish,
        said: &Said,
        before: Option<&Self>,
    ) -> Result<Self> {
        // A running stack stays what it is: its database was made with that password.
        let running = before.filter(|_| wish.running.is_some());
        let demo = wish.demo || running.is_some_and(|running| running.demo);
        let prod = wish.prod || running.is_some_and(|running| running.prod);
        let has_tls = prod && said.get("SQUALL_TLS_CERTIFICATE").is_some();
        let mut files = vec![world.root.join("compose.yaml")];
        files.extend(prod.then(|| world.root.join("infra/compose.prod.yaml")));
        files.extend(has_tls.then(|| world.root.join("infra/compose.tls.yaml")));
        let project = project(world, folder, said, before);
        // One that is down may have been moved: its secrets are where they were, or where they belong.
        let made_before = before.filter(|it| it.prod && (running.is_some() || secrets::are_in(&it.secrets)));
        let (secrets, remark_on_secrets) = match (said.now("SQUALL_SECRETS"), made_before) {
            (Some(folder), _) => (std::path::absolute(folder)?, None),
            (None, Some(before)) => (before.secrets.clone(), None),
            (None, None) => secrets::place(world, folder, &project),
        };
        let usual = world.settings.ports.api;
        let wanted = Wanted { prod, tls: has_tls, usual, running: wish.running };
        let (published, remark) = published::choose(said, wanted)?;
        let url = said.get("SQUALL_PUBLIC_URL").map(str::to_owned);
        if let Some(url) = url.as_ref().filter(|url| has_tls && !url.starts_with("https://")) {
            let wrong = format!("SQUALL_PUBLIC_URL is {url:?}, and the edge takes TLS");
            let next = "set it to the https address that people open";
            return Err(Failure::new("reading the address of the stack", wrong, next)
                .exit(Exit::Usage)
                .into());
        }
        let mut environment = BTreeMap::from([
            ("SQUALL_PORT".to_owned(), published.plain.to_string()),
            ("SQUALL_SECRETS".to_owned(), secrets.display().to_string()),
        ]);
        if let Some(tls) = published.tls {
            environment.insert("SQUALL_TLS_PORT".into(), tls.to_string());
        }
        if said.get("SQUALL_CPUS").is_none() {
            environment.insert("SQUALL_CPUS".into(), wish.processors.to_string());
        }
        let texts: Vec<_> =
            files.iter().map(|file| std::fs::read_to_string(file).unwrap_or_default()).collect();
        let texts = || texts.iter().map(String::as_str);
        let (remembered, left_out) = said.of_files(texts());
        let named = said.get(PROFILES).into_iter().flat_map(|names| names.split(',')).map(str::trim);
        let profiles: BTreeSet<_> =
            named.filter(|name| !name.is_empty()).chain(demo.then_some("demo")).collect();
        Ok(Self {
            project,
            root: world.root.clone(),
            files,
            profiles: profiles.into_iter().map(str::to_owned).collect(),
            environment,
            remembered,
            required: said.required(texts()),
            url: url.unwrap_or_else(|| published.url()),
            port: published.plain,
            tls_port: published.tls,
            secrets,
            services: Vec::new(),
            start_seconds: world.settings.stack.start_seconds,
            demo,
            prod,
            superseded: false,
            remarks: [remark, remark_on_secrets.filter(|_| prod), remark_on_left_out(&left_out)]
                .into_iter()
                .flatten()
                .collect(),
        })
    }

    /// Where the edge is reached.
    pub fn published(&self) -> Published {
        Published { plain: self.port, tls: self.tls_port }
    }

    /// Whoever names a version means images that were built elsewhere.
    pub fn is_built_here(&self) -> bool {
        self.said("SQUALL_VERSION").is_none()
    }

    /// What the images of ours are called in this stack.
    pub fn naming(&self) -> Naming {
        Naming::of(|name| self.said(name))
    }

    /// What the shell says, else what the one said that started the stack.
    fn said(&self, name: &str) -> Option<String> {
        let said = if is_said(name) { std::env::var(name).ok() } else { self.remembered.get(name).cloned() };
        said.filter(|value| !value.is_empty())
    }

    /// What is left of it when it is down: where its volumes and secrets are, and nothing that a shell said.
    pub fn without_words(self) -> Self {
        let (remembered, required) = (BTreeMap::new(), BTreeMap::new());
        Self { remembered, required, profiles: Vec::new(), ..self }
    }

    /// `docker compose` for this stack.
    pub fn compose(&self, engine: &Engine) -> Result<Command> {
        let mut command = engine.compose()?.command();
        command.arg("--project-name").arg(&self.project).arg("--project-directory").arg(&self.root);
        self.files.iter().for_each(|file| {
            command.arg("--file").arg(file);
        });
        // One flag, and Compose ignores COMPOSE_PROFILES: those of the variable are among them.
        self.profiles.iter().for_each(|profile| {
            command.args(["--profile", profile]);
        });
        command
            .args(["--ansi", "never", "--progress", "plain"])
            .envs(self.required.iter().filter(|(name, _)| self.said(name).is_none()))
            .envs(self.remembered.iter().filter(|(name, _)| !is_said(name)))
            .envs(&self.environment)
            .current_dir(&self.root);
        Ok(command)
    }

    /// `docker compose run` for a job of this stack, with its image made; the words after it are the job's.
    pub fn job(&self, world: &World, engine: &Engine, service: &str) -> Result<Command> {
        super::images::provide_for_job(world, engine, self, service)?;
        let mut command = self.compose(engine)?;
        command.args(["--profile", "ops", "run", "--rm", "--no-TTY", "--no-deps", service]);
        Ok(command)
    }

    /// How long a start may take: each service has its time, and they start in a row.
    pub fn start_limit(&self) -> Duration {
        Duration::from_secs(self.start_seconds * 3)
    }

    pub fn service(&self, name: &str) -> Option<&ComposeService> {
        self.services.iter().find(|service| service.name == name)
    }

    pub fn names(&self) -> Vec<String> {
        self.services.iter().map(|service| service.name.clone()).collect()
    }

    pub fn is_fulfilled_by(&self, state: &State) -> bool {
        self.first_unready(state).is_none()
    }

    pub fn first_unready(&self, state: &State) -> Option<String> {
        let ready = |name: &str| state.service(name).is_some_and(|service| service.phase.is_ready());
        self.services.iter().map(|service| &service.name).find(|name| !ready(name)).cloned()
    }

    /// A fresh one-time link, if nobody has made the admin yet.
    pub fn setup_link(&self, engine: &Engine) -> Result<Option<String>> {
        let mut command = self.compose(engine)?;
        command.args(["exec", "-T", "api", "/squall-api", "setup-link"]);
        let link: serde_json::Value = serde_json::from_str(capture(command)?.trim())
            .context("reading what `squall-api setup-link` printed")?;
        Ok(link["url"].as_str().filter(|_| link["needed"] == true).map(str::to_owned))
    }

    /// The demo's admin, as the seed printed it.
    pub fn sign_in(&self, engine: &Engine) -> Result<Option<(String, String)>> {
        if self.service("seed").is_none() {
            return Ok(None);
        }
        let mut command = self.compose(engine)?;
        command.args(["logs", "--no-color", "--no-log-prefix", "seed"]);
        let printed = capture(command)?;
        let seeded =
            printed.lines().rev().find_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let seeded = seeded.unwrap_or_default();
        let text = |name: &str| seeded[name].as_str().map(str::to_owned);
        Ok(text("email").zip(text("password")))
    }

    fn runs(&self, engine: &Engine) -> bool {
        super::containers::all(engine, &self.project).is_ok_and(|found| !found.is_empty())
    }

    /// What a container of this service is when it does what it should.
    pub fn good_phase(&self, name: &str) -> Phase {
        match self.service(name).is_some_and(|service| service.is_job) {
            true => Phase::Done,
            false => Phase::Healthy,
        }
    }

    /// What Compose makes of the files: the services in an order in which they can start.
    fn configured(&self, engine: &Engine) -> Result<Vec<ComposeService>> {
        let mut command = self.compose(engine)?;
        command.args(["config", "--format", "json"]);
        let output = command.output().context("starting Compose")?;
        if !output.status.success() {
            let names: Vec<_> =
                self.files.iter().filter_map(|file| file.strip_prefix(&self.root).ok()?.to_str()).collect();
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let next = "mend what Compose names: mostly a variable of the shell or of .env; .env.example describes each";
            return Err(Failure::new(format!("reading {}", names.join(" and ")), said, next).into());
        }
        let config: Config =
            serde_json::from_slice(&output.stdout).context("reading what `docker compose config` printed")?;
        Ok(in_order(&config))
    }
}

/// What the shell alone says and nobody writes down, a later command has to be told again.
fn remark_on_left_out(names: &[String]) -> Option<String> {
    let (are, them) = match names {
        [] => return None,
        [_] => ("is a secret: it is", "it"),
        _ => ("are secrets: they are", "them"),
    };
    Some(format!(
        "{} {are} not kept for later commands; put {them} into .env, or set {them} in each shell that starts, restarts or backs up the stack",
        names.join(", ")
    ))
}

/// `squall` for the usual folder, so that plain `docker compose` means the same stack.
fn project(world: &World, folder: &StateFolder, said: &Said, before: Option<&ComposeStack>) -> String {
    match (said.now("COMPOSE_PROJECT_NAME"), before) {
        (Some(name), _) => name.to_owned(),
        (None, Some(before)) => before.project.clone(),
        (None, None) if folder.0 == world.root.join("target/squall") => "squall".into(),
        (None, None) => format!("squall-{}", &files::fingerprint(&folder.0)[..8]),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A stack of this name without services, as an older xtask could have written it down.
    pub fn stack(project: &str) -> ComposeStack {
        let written = serde_json::json!({
            "project": project, "root": "/", "files": [], "profiles": [], "environment": {}, "remembered": {}, "services": [],
            "url": "http://127.0.0.1:8642", "port": 8642, "secrets": "/secrets", "start_seconds": 1, "demo": false, "prod": false,
        });
        serde_json::from_value(written).unwrap()
    }

    #[test]
    fn a_second_shell_that_says_less_decides_as_the_first_one_did() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
        let (world, folder) = (World::new(root.clone()).unwrap(), StateFolder(root.join("target/nowhere")));
        // Its ports are those of a stack that runs, whoever has them on this machine.
        let running = Some(Published { plain: 80, tls: Some(443) });
        let wish = Wish { demo: false, prod: true, processors: 4, running };
        let variables = [
            ("COMPOSE_PROJECT_NAME", "mine"),
            ("SQUALL_CPUS", "1"),
            ("SQUALL_IMAGES", "registry.example/squall"),
            ("SQUALL_PUBLIC_URL", "https://squall.example"),
            ("SQUALL_SECRETS", "/etc/squall"),
            ("SQUALL_TLS_CERTIFICATE", "/etc/squall/tls.pem"),
            ("SQUALL_VERSION", "1.4.0"),
        ];
        let first =
            ComposeStack::decide(&world, &folder, wish, &Said::of(&variables, &BTreeMap::new()), None)
                .unwrap();
        // The second one says neither --prod nor any variable.
        let bare = Wish { prod: false, ..wish };
        let second =
            ComposeStack::decide(&world, &folder, bare, &Said::of(&[], &first.remembered), Some(&first))
                .unwrap();
        assert_eq!(serde_json::to_value(&second).unwrap(), serde_json::to_value(&first).unwrap());
        assert_eq!(second.published(), Published { plain: 80, tls: Some(443) });
        assert_eq!(
            (second.environment["SQUALL_PORT"].as_str(), second.environment["SQUALL_TLS_PORT"].as_str()),
            ("80", "443")
        );
        assert_eq!(second.url, "https://squall.example");
        assert!(second.files.contains(&root.join("infra/compose.tls.yaml")));
        assert_eq!(second.secrets, std::path::Path::new("/etc/squall"));
        assert_eq!(second.environment.get("SQUALL_CPUS"), None);
        assert!(!second.is_built_here());
        let naming = second.naming();
        assert_eq!((naming.prefix.as_str(), naming.tag.as_str()), ("registry.example/squall", "1.4.0"));
        // What it does say is new.
        let said = Said::of(&[("SQUALL_VERSION", "1.5.0")], &first.remembered);
        let third = ComposeStack::decide(&world, &folder, bare, &said, Some(&first)).unwrap();
        assert_eq!((third.naming().tag.as_str(), third.project.as_str()), ("1.5.0", "mine"));
    }

    #[test]
    fn of_a_stack_that_is_down_only_its_name_is_remembered() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
        let (world, folder) = (World::new(root.clone()).unwrap(), StateFolder(root.join("target/nowhere")));
        let running = Some(Published { plain: 80, tls: None });
        let wish = Wish { demo: true, prod: true, processors: 4, running };
        let variables = [
            ("COMPOSE_PROJECT_NAME", "mine"),
            ("COMPOSE_PROFILES", "storage, dev"),
            ("SQUALL_PUBLIC_URL", "https://squall.example"),
            ("SQUALL_SECRETS", "/etc/squall-of-nobody"),
        ];
        let first =
            ComposeStack::decide(&world, &folder, wish, &Said::of(&variables, &BTreeMap::new()), None)
                .unwrap();
        assert_eq!(first.profiles, ["demo", "dev", "storage"]);
        // Its containers are gone: another shell starts it from nothing, on the same volumes.
        let (said, bare) = (
            Said::of(&[("SQUALL_PORT", "18642")], &BTreeMap::new()),
            Wish { demo: false, prod: false, processors: 4, running: None },
        );
        let second = ComposeStack::decide(&world, &folder, bare, &said, Some(&first)).unwrap();
        assert_eq!((second.project.as_str(), second.prod, second.demo), ("mine", false, false));
        assert!(second.profiles.is_empty() && second.required.is_empty(), "{second:?}");
        assert_eq!(second.remembered.into_keys().collect::<Vec<_>>(), ["SQUALL_PORT"]);
        assert_ne!(second.secrets, first.secrets);
    }

    #[test]
    fn an_address_without_tls_is_refused_where_the_edge_takes_tls() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
        let (world, folder) = (World::new(root.clone()).unwrap(), StateFolder(root.join("target/nowhere")));
        let running = Some(Published { plain: 80, tls: Some(443) });
        let wish = Wish { demo: false, prod: true, processors: 4, running };
        let variables =
            [("SQUALL_TLS_CERTIFICATE", "/tls.pem"), ("SQUALL_PUBLIC_URL", "http://squall.example")];
        let said = Said::of(&variables, &BTreeMap::new());
        let error = ComposeStack::decide(&world, &folder, wish, &said, None).unwrap_err();
        let shown = Failure::from_error(error, "").to_string();
        assert!(shown.contains("the edge takes TLS") && shown.contains("https address"), "{shown}");
    }

    #[test]
    fn the_database_in_a_container_has_the_settings_of_the_native_one() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
        let compose = std::fs::read_to_string(root.join("compose.yaml")).unwrap();
        for (name, value) in World::new(root).unwrap().settings.postgres {
            let plain = format!("- -c{name}={value}\n");
            let settable = format!("- -c{name}=${{SQUALL_POSTGRES_{}:-{value}}}\n", name.to_uppercase());
            assert!(compose.contains(&plain) || compose.contains(&settable), "{name} = {value}");
        }
    }
}
