//! How services fit together and to the images they are made of: waits, ports, networks, builds,
//! variables.

use super::{
    Finding,
    compose::{Model, asked, entries, items, outline},
    project::Project,
    services::Check,
    tables::TABLES,
};
use crate::docker::dockerfile::reference;
use std::collections::BTreeSet;

pub fn check(check: &mut Check<'_>) {
    dependencies(check);
    published(check);
    networks(check);
    build(check);
    ports(check);
    environment(check);
}

fn dependencies(check: &mut Check<'_>) {
    for (on, dependency) in entries(&check.service.json["depends_on"]) {
        let Some(other) = check.model.service(on) else { continue };
        let image = check.project.stage_of(&other.json["build"]);
        let in_image = image.is_none_or(|(file, stage)| {
            file.parsed.last(stage, "HEALTHCHECK").is_some_and(|check| check.command.is_some())
        });
        let is_checked = if other.has("healthcheck") { !other.has_health_check_disabled() } else { in_image };
        let why = match dependency["condition"].as_str() {
            Some("service_started") if !check.model.is_job(other) => "to be started, not to be ready",
            Some("service_healthy") if !is_checked => {
                "to be healthy, which has no health check: it never starts"
            }
            _ => continue,
        };
        check.add_at("SQ-C08", "depends_on", on, &format!("it waits for {on} {why}"));
    }
}

fn published(check: &mut Check<'_>) {
    for port in items(&check.service.json["ports"]).filter(|_| !check.is_edge()).collect::<Vec<_>>() {
        let is_local = port["host_ip"].as_str().is_some_and(|ip| ip.starts_with("127.") || ip == "::1");
        if !(is_local && check.is_for_development()) {
            let target = port["target"].to_string();
            let edges = check.settings.edges.join(", ");
            let why = format!(
                "it publishes port {target}, and only the edge ({edges}) may be reached from outside"
            );
            check.add_at("SQ-C09", "ports", &target, &why);
        }
    }
}

fn networks(check: &mut Check<'_>) {
    let is_open = |network: &&str| check.model.json["networks"][network]["internal"] != true;
    match entries(&check.service.json["networks"]).map(|(network, _)| network).find(is_open) {
        Some("default") => check.add("SQ-C10", "", "it is on the default network, which has a way out"),
        Some(network) if !check.is_edge() => {
            let why = format!("it is on the network {network}, which is not internal and has a way out");
            check.add_at("SQ-C10", "networks", network, &why);
        }
        _ => {}
    }
}

fn build(check: &mut Check<'_>) {
    let build = &check.service.json["build"];
    let Some(path) = check.project.dockerfile_of(build) else { return };
    let Some(file) = check.project.dockerfiles.get(&path) else {
        return check.add("SQ-C17", "build", &format!("{path} does not exist"));
    };
    if let (Some(target), None) = (build["target"].as_str(), check.stage()) {
        check.add_at("SQ-C17", "build", "target", &format!("{path} has no stage {target}"));
    }
    let arguments = file.parsed.instructions.iter().filter(|instruction| instruction.is("ARG"));
    let declared: BTreeSet<_> =
        arguments.flat_map(|argument| argument.pairs()).map(|(name, _)| name).collect();
    for (argument, _) in entries(&build["args"]) {
        let is_built_in = argument.starts_with("BUILDKIT_") || argument == "SOURCE_DATE_EPOCH";
        if !declared.contains(argument) && !is_built_in && !argument.to_uppercase().ends_with("_PROXY") {
            check.add_at("SQ-C17", "build", argument, &format!("no ARG of {path} takes {argument}"));
        }
    }
}

/// Published ports, and those that the health check asks, must be among those that the image opens.
fn ports(check: &mut Check<'_>) {
    let Some((file, stage)) = check.stage() else { return };
    let exposes = file.parsed.history(stage).filter(|instruction| instruction.is("EXPOSE"));
    let port = |word: &String| word.split('/').next().unwrap_or_default().to_owned();
    let exposed: Vec<_> = exposes.flat_map(|expose| expose.words.iter().map(port)).collect();
    if exposed.is_empty() || exposed.iter().any(|port| port.contains(['$', '-'])) {
        return;
    }
    let opened = exposed.join(", ");
    for port in items(&check.service.json["ports"]).map(|port| port["target"].to_string()) {
        if !exposed.contains(&port) {
            let why = format!("it publishes port {port}, and its image opens {opened}");
            check.add_at("SQ-C18", "ports", &port, &why);
        }
    }
    let text = check.service.json["healthcheck"]["test"].to_string();
    for rest in ["localhost:", "127.0.0.1:", "[::1]:"].iter().flat_map(|host| text.split(host).skip(1)) {
        let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
        if !port.is_empty() && !exposed.contains(&port) {
            let why = format!("the health check asks port {port}, and its image opens {opened}");
            check.add("SQ-C18", "healthcheck", &why);
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
            check.add_at("SQ-C13", "environment", name, &format!("nothing in it reads {name}"));
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
