//! How services fit together and to the images they are made of: waits, ports, networks, builds,
//! variables.

use super::Check;
use crate::docker::{
    dockerfile::{Instruction, reference},
    validate::{
        Finding,
        compose::{Model, asked, entries, items, outline},
        project::Project,
        tables::TABLES,
    },
};
use regex_lite::Regex;
use std::collections::BTreeSet;

pub fn check(check: &mut Check<'_>) {
    dependencies(check);
    networks(check);
    build(check);
    ports(check);
    environment(check);
}

fn dependencies(check: &mut Check<'_>) {
    for (on, dependency) in entries(&check.service.json["depends_on"]) {
        let Some(other) = check.model.service(on) else { continue };
        let is_checked = match check.project.stage_of(&other.json["build"]) {
            _ if other.has("healthcheck") => !other.has_health_check_disabled(),
            Some((file, stage)) => file.health_check(stage).is_some(),
            None => true,
        };
        let why = match dependency["condition"].as_str() {
            Some("service_started") if !check.model.is_job(other) => "to be started, not to be ready",
            Some("service_healthy") if !is_checked => "to be healthy, but it has no health check",
            _ => continue,
        };
        check.add_at("SQ-C08", "depends_on", on, format!("it waits for {on} {why}"));
    }
}

fn networks(check: &mut Check<'_>) {
    let mut networks = entries(&check.service.json["networks"]).map(|(network, _)| network);
    let open = networks.find(|network| check.model.json["networks"][network]["internal"] != true);
    if open == Some("default") {
        check.add("SQ-C10", "", "it is on the default network, which has a way out");
    } else if let Some(network) = open.filter(|_| !check.is_edge()) {
        let why = format!("it is on the network {network}, which is not internal and has a way out");
        check.add_at("SQ-C10", "networks", network, why);
    }
}

fn build(check: &mut Check<'_>) {
    let build = &check.service.json["build"];
    let Some(path) = check.project.dockerfile_of(build) else { return };
    if !check.project.root.join(&path).exists() {
        return check.add("SQ-C17", "build", format!("{path} does not exist"));
    }
    let Some(file) = check.project.dockerfiles.get(&path) else { return };
    if let (Some(target), None) = (build["target"].as_str(), check.stage()) {
        check.add_at("SQ-C17", "build", "target", format!("{path} has no stage {target}"));
    }
    let arguments = file.instructions.iter().filter(|it| it.is("ARG")).flat_map(Instruction::pairs);
    let declared: BTreeSet<_> = arguments.map(|(name, _)| name).collect();
    for (argument, _) in entries(&build["args"]).filter(|(argument, _)| !declared.contains(*argument)) {
        let is_built_in = argument.starts_with("BUILDKIT_") || argument == "SOURCE_DATE_EPOCH";
        if !is_built_in && !argument.to_uppercase().ends_with("_PROXY") {
            check.add_at("SQ-C17", "build", argument, format!("no ARG of {path} takes {argument}"));
        }
    }
}

/// Only the edge is reached from outside. Published ports, and those that the health check asks,
/// must be among those that the image opens.
fn ports(check: &mut Check<'_>) {
    let exposed = check.stage().map(|(file, stage)| file.exposed(stage)).unwrap_or_default();
    let is_known = !exposed.is_empty() && !exposed.iter().any(|port| port.contains(['$', '-']));
    let is_closed = |port: &String| is_known && !exposed.contains(port);
    let opened = exposed.join(", ");
    for published in items(&check.service.json["ports"]) {
        let port = published["target"].to_string();
        let is_local = published["host_ip"].as_str().is_some_and(|ip| ip.starts_with("127.") || ip == "::1");
        let is_allowed = check.is_edge() || is_local && check.is_for_development();
        if !is_allowed {
            let edges = check.settings.edges.join(", ");
            let why =
                format!("it publishes port {port}, and only the edge ({edges}) may be reached from outside");
            check.add_at("SQ-C09", "ports", &port, why);
        }
        if is_closed(&port) {
            let why = format!("it publishes port {port}, and its image opens {opened}");
            check.add_at("SQ-C18", "ports", &port, why);
        }
    }
    let text = check.service.json["healthcheck"]["test"].to_string();
    let Ok(local) = Regex::new(r"(localhost|127\.0\.0\.1|\[::1\]):(\d+)") else { return };
    for port in local.captures_iter(&text).map(|found| found[2].to_owned()) {
        if is_closed(&port) {
            let why = format!("the health check asks port {port}, and its image opens {opened}");
            check.add("SQ-C18", "healthcheck", why);
        }
    }
}

fn environment(check: &mut Check<'_>) {
    let is_ours = check.stage().is_some() && check.project.has_sources();
    let image = check.service.json["image"].as_str().filter(|_| !check.service.has("build"));
    let prefixes = image.and_then(|image| TABLES.read_by_image.get(reference(image).0));
    let starts = |name: &str, prefixes: &[String]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    for (name, _) in check.service.environment() {
        let is_read = match prefixes {
            Some(prefixes) => starts(name, prefixes),
            None => !is_ours || check.project.reads(name),
        };
        let is_common = starts(name, &TABLES.read_by_libraries) || name.to_uppercase().ends_with("_PROXY");
        if !is_read && !is_common {
            check.add_at("SQ-C13", "environment", name, format!("nothing in it reads {name}"));
        }
    }
}

/// What a file says outside of its services: warnings of Compose, variables nobody can find, unused
/// declarations.
pub fn file(model: &Model, project: &Project) -> Vec<Finding> {
    let Some(source) = model.sources.last() else { return Vec::new() };
    let finding = |rule, line, why: String| Finding::new(rule, &source.path, line, why);
    let mut findings = Vec::new();
    if model.services().next().is_none() {
        findings.push(finding("SQ-C00", 1, "there are no services".to_owned()));
    }
    let warnings = model.warnings.iter().filter(|warning| warning.contains(&source.path));
    findings.extend(warnings.map(|warning| finding("SQ-C22", 1, format!("Compose warns: {warning}"))));
    for (name, _, line) in asked(&source.text) {
        if project.example.as_ref().is_some_and(|example| !example.contains(name)) {
            findings.push(finding("SQ-C12", line, format!("${{{name}}} is not in .env.example")));
        }
    }
    // Compose leaves out of its answer what no service uses.
    for (at, (path, _)) in outline(&source.text).iter().enumerate() {
        let Some((section, name)) = path.split_once('/') else { continue };
        let is_declared = matches!(section, "volumes" | "networks" | "secrets" | "configs")
            && !name.contains('/')
            && !matches!(name, "" | "default");
        if is_declared && model.json[section][name].is_null() {
            findings.push(finding("SQ-C16", at + 1, format!("no service uses {name} of {section}")));
        }
    }
    findings
}
