//! Rules about the services of a Compose model, with the Dockerfiles that they are built from.

use super::{
    Finding,
    images::{is_system_folder, moves},
    programs, secrets, wiring,
};
use crate::docker::{
    dockerfile::reference,
    validate::{
        Settings,
        compose::{Model, Service, items},
        project::{Dockerfile, Project},
    },
};
use std::collections::BTreeSet;

/// One model with all that is known around it.
pub struct Rules<'a> {
    pub model: &'a Model,
    pub project: &'a Project,
    pub settings: &'a Settings,
    pub findings: Vec<Finding>,
    /// Exceptions that excused something: service and rule.
    pub used: BTreeSet<(String, String)>,
}

pub fn check(rules: &mut Rules<'_>) {
    let model = rules.model;
    if model.services().next().is_none() {
        let path = &model.sources[model.sources.len() - 1].path;
        rules.findings.push(Finding::new("SQ-C00", path, 1).because("there are no services"));
    }
    for warning in &model.warnings {
        let source = model.sources.iter().rfind(|source| warning.contains(&source.path));
        let path = &source.unwrap_or(&model.sources[0]).path;
        rules.findings.push(Finding::new("SQ-C22", path, 1).because(format!("Compose warns: {warning}")));
    }
    for service in model.services() {
        rules.health(service);
        rules.rights(service);
        rules.image(service);
        rules.mounts(service);
        if model.is_production && !rules.is_for_development(service) {
            rules.production(service);
        }
        wiring::check(rules, service);
    }
}

impl<'a> Rules<'a> {
    /// Adds a finding at a key of a service, unless the file excuses it.
    pub fn add(&mut self, rule: &str, service: Service<'_>, key: &str, why: String) {
        self.add_at(rule, service, key, "", why);
    }

    /// The same at the line below the key that holds `detail`.
    pub fn add_at(&mut self, rule: &str, service: Service<'_>, key: &str, detail: &str, why: String) {
        if self.model.allows(service.name, rule).is_some() {
            self.used.insert((service.name.to_owned(), rule.to_owned()));
            return;
        }
        let (path, line) = self.model.place(service.name, key, detail);
        self.findings.push(Finding::new(rule, path, line).because(why));
    }

    /// It starts only when someone asks for it while developing.
    pub fn is_for_development(&self, service: Service<'_>) -> bool {
        let mut profiles = service.list("profiles").peekable();
        profiles.peek().is_some()
            && profiles.all(|profile| self.settings.development_profiles.iter().any(|known| known == profile))
    }

    /// The Dockerfile and the stage that a service is built from.
    pub fn stage(&self, service: Service<'_>) -> Option<(&'a Dockerfile, usize)> {
        self.project.stage_of(&service.json["build"])
    }

    fn health(&mut self, service: Service<'_>) {
        let (name, stage) = (service.name, self.stage(service));
        let image_check =
            stage.and_then(|(file, stage)| file.parsed.last(stage, "HEALTHCHECK")?.command.as_ref());
        if service.has_health_check_disabled() {
            if !self.model.is_job(service) {
                self.add("SQ-C01", service, "healthcheck", format!("the health check of {name} is disabled"));
            }
        } else if !service.has("healthcheck") && image_check.is_none() && !self.model.is_job(service) {
            let why = format!("{name} has no health check, neither here nor in its image");
            self.add("SQ-C01", service, "", why);
        }
        if let (Some((file, stage)), Some(command)) = (stage, service.health_check())
            && let Some(missing) = programs::missing(&file.parsed, stage, &command)
        {
            self.add(
                "SQ-C23",
                service,
                "healthcheck",
                format!("the health check of {name} {missing} its image"),
            );
        }
    }

    fn rights(&mut self, service: Service<'_>) {
        let (name, json) = (service.name, service.json);
        let has = |key: &str, value: &str| {
            json[key] == value || service.list(key).any(|item| item.eq_ignore_ascii_case(value))
        };
        if json["read_only"] != true {
            self.add("SQ-C05", service, "read_only", format!("the root file system of {name} is writable"));
        }
        if !has("cap_drop", "ALL") {
            self.add(
                "SQ-C06",
                service,
                "cap_drop",
                format!("{name} keeps the engine's fourteen capabilities"),
            );
        }
        let forms = ["no-new-privileges:true", "no-new-privileges", "no-new-privileges=true"];
        if !forms.iter().any(|form| has("security_opt", form)) {
            self.add(
                "SQ-C07",
                service,
                "security_opt",
                format!("a setuid file can raise the privileges of {name}"),
            );
        }
        if json["privileged"] == true {
            self.add(
                "SQ-C19",
                service,
                "privileged",
                format!("{name} is privileged: it is root on the host"),
            );
        }
        let powers = [
            ("pid", "host", "sees all processes of the host"),
            ("ipc", "host", "shares memory with the host"),
            ("uts", "host", "can rename the host"),
            ("userns_mode", "host", "leaves the engine's user namespace"),
            ("network_mode", "host", "uses the host's network"),
            ("security_opt", "seccomp:unconfined", "may make every system call"),
            ("security_opt", "seccomp=unconfined", "may make every system call"),
            ("security_opt", "apparmor:unconfined", "has no AppArmor profile"),
        ];
        for (key, _, why) in powers.into_iter().filter(|(key, value, _)| has(key, value)) {
            self.add("SQ-C19", service, key, format!("{name} {why}"));
        }
        const ROOT_LIKE: [&str; 8] = [
            "ALL",
            "SYS_ADMIN",
            "NET_ADMIN",
            "SYS_PTRACE",
            "SYS_MODULE",
            "DAC_READ_SEARCH",
            "SYS_RAWIO",
            "BPF",
        ];
        for added in service.list("cap_add") {
            if ROOT_LIKE.contains(&added.to_uppercase().trim_start_matches("CAP_")) {
                let why = format!("{name} gets {added}, which is close to being root on the host");
                self.add_at("SQ-C19", service, "cap_add", added, why);
            }
        }
        let user = json["user"].as_str().map(|user| user.split(':').next().unwrap_or_default());
        if matches!(user, Some("root" | "0")) {
            self.add("SQ-C21", service, "user", format!("{name} runs as root"));
        }
        if service.has("container_name") {
            let why =
                format!("{name} has a fixed name: a second stack cannot start, and it cannot have replicas");
            self.add("SQ-C22", service, "container_name", why);
        }
        if service.has("links") {
            self.add("SQ-C22", service, "links", format!("networks do what the links of {name} are for"));
        }
    }

    /// An image that is built here has the name that it gets.
    fn image(&mut self, service: Service<'_>) {
        let Some(image) = service.json["image"].as_str().filter(|_| !service.has("build")) else { return };
        let (name, tag, has_digest) = reference(image);
        match tag {
            _ if has_digest => {}
            None => self.add("SQ-C11", service, "image", format!("{image} has no version")),
            Some(tag) if moves(tag) => {
                let why = format!("the tag of {image} moves to another image every few weeks");
                self.add("SQ-C11", service, "image", why);
            }
            Some(_) => {}
        }
        // PostgreSQL 18's images keep their data in a folder of their version, below the one to mount.
        let tag = tag.unwrap_or_default().rsplit("pg").next().unwrap_or_default();
        let major: String = tag.chars().take_while(char::is_ascii_digit).collect();
        if !matches!(name, "postgres" | "pgvector/pgvector")
            || major.parse().is_ok_and(|major: u32| major < 18)
        {
            return;
        }
        let targets = items(&service.json["volumes"]).filter_map(|mount| mount["target"].as_str());
        for target in targets.filter(|target| target.trim_end_matches('/') == "/var/lib/postgresql/data") {
            let why = format!(
                "PostgreSQL {major} keeps its data elsewhere below /var/lib/postgresql: the data is lost"
            );
            self.add_at("SQ-C24", service, "volumes", target, why);
        }
    }

    fn mounts(&mut self, service: Service<'_>) {
        let name = service.name;
        for mount in items(&service.json["volumes"]).filter(|mount| mount["type"] == "bind") {
            let source = mount["source"].as_str().unwrap_or_default();
            let target = mount["target"].as_str().unwrap_or_default();
            if source.ends_with("docker.sock") {
                let why = format!("{name} gets the engine's socket, and with it root on the host");
                self.add_at("SQ-C19", service, "volumes", target, why);
            } else if is_system_folder(source) {
                self.add_at(
                    "SQ-C19",
                    service,
                    "volumes",
                    target,
                    format!("{name} gets {source} of the host"),
                );
            } else if self.project.relative(source).is_some_and(|path| !self.project.root.join(path).exists())
            {
                let path = self.project.relative(source).unwrap_or(source);
                self.add_at(
                    "SQ-C20",
                    service,
                    "volumes",
                    target,
                    format!("{name} mounts {path}, which does not exist"),
                );
            }
        }
    }

    fn production(&mut self, service: Service<'_>) {
        let (name, json) = (service.name, service.json);
        let limits = &json["deploy"]["resources"]["limits"];
        let all = [("mem_limit", "memory"), ("cpus", "cpus"), ("pids_limit", "pids")];
        let is_missing = |(key, limit): &(&str, &str)| json[key].is_null() && limits[limit].is_null();
        let missing: Vec<_> = all.into_iter().filter(is_missing).map(|(_, limit)| limit).collect();
        if !missing.is_empty() {
            self.add("SQ-C02", service, "", format!("{name} has no limit of {}", missing.join(", ")));
        }
        let options = &json["logging"]["options"];
        let is_bounded = ["max-size", "max-file"].map(|option| !options[option].is_null());
        // json-file, which is the default, does not rotate unless its options ask for it.
        let rotates = !matches!(json["logging"]["driver"].as_str(), None | Some("json-file"));
        if !rotates && is_bounded != [true, true] {
            let why = if is_bounded == [false, false] {
                format!("the logs of {name} grow until the disk is full")
            } else {
                format!("the logs of {name} need both max-size and max-file to be bounded")
            };
            self.add("SQ-C03", service, "logging", why);
        }
        let policy = json["deploy"]["restart_policy"]["condition"].as_str();
        let restart = json["restart"].as_str().unwrap_or_default();
        let restarts = ["always", "unless-stopped", "on-failure"].iter().any(|it| restart.starts_with(it));
        let is_job = self.model.is_job(service);
        if !is_job && !restarts && !matches!(policy, Some("any" | "on-failure")) {
            let why = format!("{name} stays down after a crash or a restart of the host");
            self.add("SQ-C04", service, "restart", why);
        } else if is_job && matches!(restart, "always" | "unless-stopped") {
            self.add(
                "SQ-C04",
                service,
                "restart",
                format!("{name} is restarted when it ends, and others wait for its end"),
            );
        }
        for (variable, value) in service.environment().filter_map(|(name, value)| Some((name, value?))) {
            let is_file = variable.ends_with("_FILE") || value.starts_with("/run/secrets/");
            let is_secret =
                secrets::is_secret(variable) || secrets::holds_password(value) || secrets::holds_token(value);
            if is_secret && !is_file && !value.is_empty() && !self.model.is_handed_on(variable, value) {
                let why =
                    format!("{name} gets a secret in the variable {variable}, which `docker inspect` shows");
                self.add_at("SQ-C14", service, "environment", variable, why);
            }
        }
    }
}
