//! Rules about each service of a Compose model: health, rights, image, mounts, and what production
//! adds.

mod wiring;

use super::{
    Finding,
    compose::{Model, Service, items},
    programs,
    project::Project,
    secrets,
    tables::{Row, TABLES},
};
use crate::{
    docker::dockerfile::{Dockerfile, reference},
    world::Docker,
};
use regex_lite::Regex;
use std::collections::BTreeSet;

/// One service with all that is known around it.
pub struct Check<'a> {
    pub model: &'a Model,
    pub project: &'a Project,
    pub settings: &'a Docker,
    pub service: Service<'a>,
    findings: Vec<Finding>,
    used: &'a mut Exceptions,
}

/// Exceptions that excused something: service and rule.
pub type Exceptions = BTreeSet<(String, String)>;

pub fn check(model: &Model, project: &Project, settings: &Docker, used: &mut Exceptions) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in model.services() {
        let mut check = Check { model, project, settings, service, findings, used };
        check.health();
        check.rights();
        check.image();
        check.mounts();
        if model.is_production && !check.is_for_development() {
            check.production();
        }
        wiring::check(&mut check);
        findings = check.findings;
    }
    findings.extend(wiring::file(model, project));
    findings
}

impl<'a> Check<'a> {
    /// Add a finding at a key of the service, unless the file excuses it. Without a reason the
    /// rule's own is given.
    pub fn add(&mut self, rule: &str, key: &str, why: impl Into<String>) {
        self.add_at(rule, key, "", why);
    }

    /// The same at the line below the key that holds `detail`.
    pub fn add_at(&mut self, rule: &str, key: &str, detail: &str, why: impl Into<String>) {
        let name = self.service.name;
        if self.model.allows(name, rule) {
            self.used.insert((name.to_owned(), rule.to_owned()));
            return;
        }
        let (path, line) = self.model.place(name, key, detail);
        let mut finding = Finding::new(rule, path, line, why);
        finding.why = format!("{name}: {}", finding.why);
        self.findings.push(finding);
    }

    /// It starts only when someone asks for it while developing.
    pub fn is_for_development(&self) -> bool {
        let profiles: Vec<_> = self.service.list("profiles").collect();
        let known = &self.settings.development_profiles;
        !profiles.is_empty() && profiles.iter().all(|profile| known.iter().any(|known| known == profile))
    }

    pub fn is_edge(&self) -> bool {
        self.settings.edges.iter().any(|edge| edge == self.service.name)
    }

    /// The Dockerfile and the stage that the service is built from.
    pub fn stage(&self) -> Option<(&'a Dockerfile, usize)> {
        self.project.stage_of(&self.service.json["build"])
    }

    fn health(&mut self) {
        let (service, stage) = (self.service, self.stage());
        let in_image = stage.and_then(|(file, stage)| file.health_check(stage));
        let is_missing = !service.has("healthcheck") && in_image.is_none();
        if !self.model.is_job(service) && (is_missing || service.has_health_check_disabled()) {
            let missing = "neither it nor its image has a health check";
            let why = if is_missing { missing } else { "its health check is disabled" };
            self.add("SQ-C01", "healthcheck", why);
        }
        let command = service.health_check();
        let missing = stage
            .zip(command.as_ref())
            .and_then(|((file, stage), command)| programs::missing(file, stage, command));
        if let Some((_, missing)) = missing {
            self.add("SQ-C23", "healthcheck", format!("the health check {missing} its image"));
        }
    }

    fn rights(&mut self) {
        let service = self.service;
        let found = |row: &Row| {
            let json = &service.json[&row.key];
            let written = json.as_bool().map(|value| value.to_string()).or(json.as_str().map(str::to_owned));
            let pattern = Regex::new(&format!("^(?i)(cap_)?({})$", row.pattern)).ok()?;
            let mut all = service.list(&row.key).map(str::to_owned).chain(written);
            all.find(|value| pattern.is_match(value))
        };
        for row in TABLES.required.iter().filter(|row| found(row).is_none()) {
            self.add(&row.rule, &row.key, "");
        }
        for (row, value) in TABLES.forbidden.iter().filter_map(|row| Some((row, found(row)?))) {
            self.add_at(&row.rule, &row.key, &value, &*row.why);
        }
    }

    /// An image that is built here has the name that it gets.
    fn image(&mut self) {
        let Some(image) = self.service.json["image"].as_str().filter(|_| !self.service.has("build")) else {
            return;
        };
        let (name, tag, has_digest) = reference(image);
        if !has_digest && tag.is_none_or(|tag| TABLES.moving_tags.contains(tag)) {
            self.add("SQ-C11", "image", format!("the tag of {image} moves to a new image every few weeks"));
        }
        // PostgreSQL 18's images keep their data in a folder of their version, below the one to
        // mount.
        let tag = tag.and_then(|tag| tag.rsplit("pg").next()).unwrap_or_default();
        let major = tag.split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
        let is_new =
            matches!(name, "postgres" | "pgvector/pgvector") && major.parse().is_ok_and(|it: u32| it >= 18);
        let targets = items(&self.service.json["volumes"]).filter_map(|mount| mount["target"].as_str());
        for target in targets.filter(|it| is_new && it.trim_end_matches('/') == "/var/lib/postgresql/data") {
            let why = format!("PostgreSQL {major} keeps its data in another folder: the data is lost");
            self.add_at("SQ-C24", "volumes", target, why);
        }
    }

    fn mounts(&mut self) {
        for mount in items(&self.service.json["volumes"]).filter(|mount| mount["type"] == "bind") {
            let source = mount["source"].as_str().unwrap_or_default();
            let target = mount["target"].as_str().unwrap_or_default();
            let here = self.project.relative(source);
            let (rule, why) = if source.ends_with("docker.sock") {
                ("SQ-C19", "it gets the engine's socket, and with it root on the host".to_owned())
            } else if TABLES.system_folders.contains(source) {
                ("SQ-C19", format!("it gets {source} of the host"))
            } else if let Some(path) = here.filter(|path| !self.project.root.join(path).exists()) {
                ("SQ-C20", format!("{path} does not exist"))
            } else {
                continue;
            };
            self.add_at(rule, "volumes", target, why);
        }
    }

    fn production(&mut self) {
        let (service, json) = (self.service, self.service.json);
        let limits = &json["deploy"]["resources"]["limits"];
        let all = [("mem_limit", "memory"), ("cpus", "cpus"), ("pids_limit", "pids")];
        let is_missing = |(key, limit): &(&str, &str)| json[key].is_null() && limits[limit].is_null();
        let missing: Vec<_> = all.into_iter().filter(is_missing).map(|(_, limit)| limit).collect();
        if !missing.is_empty() {
            self.add("SQ-C02", "", format!("it has no limit of {}", missing.join(", ")));
        }
        // json-file, which is the default, rotates only if its options ask for it.
        let rotates = !matches!(json["logging"]["driver"].as_str(), None | Some("json-file"));
        let options = &json["logging"]["options"];
        if !rotates && ["max-size", "max-file"].iter().any(|option| options[option].is_null()) {
            self.add("SQ-C03", "logging", "its logs are not bounded by max-size and max-file");
        }
        let restart = json["restart"].as_str().unwrap_or_default();
        let restarts = ["always", "unless-stopped", "on-failure"].iter().any(|it| restart.starts_with(it));
        let policy = json["deploy"]["restart_policy"]["condition"].as_str();
        let is_job = self.model.is_job(service);
        if !is_job && !restarts && !matches!(policy, Some("any" | "on-failure")) {
            self.add("SQ-C04", "restart", "it stays down after a crash or a restart of the host");
        } else if is_job && matches!(restart, "always" | "unless-stopped") {
            self.add("SQ-C04", "restart", "it is restarted when it ends, and others wait for its end");
        }
        for (name, value) in service.environment().filter_map(|(name, value)| Some((name, value?))) {
            let is_file = name.ends_with("_FILE") || value.starts_with("/run/secrets/");
            let is_secret = secrets::is_secret(name) || secrets::is_in(value);
            if is_secret && !is_file && !value.is_empty() && !self.model.is_handed_on(name, value) {
                let why = format!("the variable {name} is a secret, which `docker inspect` shows");
                self.add_at("SQ-C14", "environment", name, why);
            }
        }
    }
}
