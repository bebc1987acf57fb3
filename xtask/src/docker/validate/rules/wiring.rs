//! How services depend on each other and on the images they are made of: waits, ports, networks, builds, variables.

use super::{Finding, services::Rules};
use crate::docker::{
    dockerfile::{Command, reference},
    validate::compose::{Service, entries, items, variables},
};
use std::collections::BTreeSet;

pub fn check(rules: &mut Rules<'_>, service: Service<'_>) {
    dependencies(rules, service);
    published(rules, service);
    networks(rules, service);
    build(rules, service);
    ports(rules, service);
    environment(rules, service);
}

fn dependencies(rules: &mut Rules<'_>, service: Service<'_>) {
    let name = service.name;
    for (on, dependency) in entries(&service.json["depends_on"]) {
        let Some(other) = rules.model.service(on) else { continue };
        let in_image = rules.stage(other).is_none_or(|(file, stage)| {
            file.parsed.last(stage, "HEALTHCHECK").is_some_and(|check| check.command.is_some())
        });
        let is_checked = if other.has("healthcheck") { !other.has_health_check_disabled() } else { in_image };
        let why = match dependency["condition"].as_str() {
            Some("service_started") if !rules.model.is_job(other) => {
                format!("{name} waits for {on} to be started, not to be ready")
            }
            Some("service_healthy") if !is_checked => {
                format!("{name} waits for {on} to be healthy, and {on} has no health check: it never starts")
            }
            _ => continue,
        };
        rules.add_at("SQ-C08", service, "depends_on", on, why);
    }
}

fn published(rules: &mut Rules<'_>, service: Service<'_>) {
    let name = service.name;
    if rules.settings.edges.iter().any(|edge| edge == name) {
        return;
    }
    for port in items(&service.json["ports"]) {
        let is_local = port["host_ip"].as_str().is_some_and(|ip| ip.starts_with("127.") || ip == "::1");
        if !(is_local && rules.is_for_development(service)) {
            let edges = rules.settings.edges.join(", ");
            let why = format!(
                "{name} publishes port {}: only the edge ({edges}) may be reached from outside",
                port["target"]
            );
            rules.add_at("SQ-C09", service, "ports", &port["target"].to_string(), why);
        }
    }
}

fn networks(rules: &mut Rules<'_>, service: Service<'_>) {
    let name = service.name;
    let is_internal = |network: &str| rules.model.json["networks"][network]["internal"] == true;
    let open =
        entries(&service.json["networks"]).map(|(network, _)| network).find(|network| !is_internal(network));
    match open {
        Some("default") => {
            let why = format!("{name} is on the default network, with every other service and a way out");
            rules.add("SQ-C10", service, "", why);
        }
        Some(network) if !rules.settings.edges.iter().any(|edge| edge == name) => {
            let why = format!("{name} is on the network {network}, which is not internal: it has a way out");
            rules.add_at("SQ-C10", service, "networks", network, why);
        }
        _ => {}
    }
}

fn build(rules: &mut Rules<'_>, service: Service<'_>) {
    let (name, build) = (service.name, &service.json["build"]);
    let Some(path) = rules.project.dockerfile_of(build) else { return };
    let Some(file) = rules.project.dockerfiles.get(&path) else {
        return rules.add(
            "SQ-C17",
            service,
            "build",
            format!("{name} is built from {path}, which does not exist"),
        );
    };
    if let (Some(target), None) = (build["target"].as_str(), rules.stage(service)) {
        let why = format!("{name} is built from the stage {target}, which {path} does not have");
        rules.add_at("SQ-C17", service, "build", "target", why);
    }
    let arguments = file.parsed.instructions.iter().filter(|instruction| instruction.is("ARG"));
    let declared: BTreeSet<_> =
        arguments.flat_map(|argument| argument.pairs()).map(|(name, _)| name).collect();
    for (argument, _) in entries(&build["args"]) {
        // BuildKit has arguments of its own.
        let is_known = declared.contains(argument)
            || argument.starts_with("BUILDKIT_")
            || argument.to_uppercase().ends_with("_PROXY")
            || argument == "SOURCE_DATE_EPOCH";
        if !is_known {
            let why = format!("{name} is built with {argument}, which no ARG of {path} takes");
            rules.add_at("SQ-C17", service, "build", argument, why);
        }
    }
}

/// Published ports, and those that the health check asks, must be among those that the image opens.
fn ports(rules: &mut Rules<'_>, service: Service<'_>) {
    let Some((file, stage)) = rules.stage(service) else { return };
    let exposes = file.parsed.history(stage).filter(|instruction| instruction.is("EXPOSE"));
    let port = |word: &String| word.split('/').next().unwrap_or_default().to_owned();
    let exposed: Vec<_> = exposes.flat_map(|expose| expose.words.iter().map(port)).collect();
    if exposed.is_empty() || exposed.iter().any(|port| port.contains(['$', '-'])) {
        return;
    }
    let (name, opened) = (service.name, exposed.join(", "));
    for port in items(&service.json["ports"]).map(|port| port["target"].to_string()) {
        if !exposed.contains(&port) {
            let why = format!("{name} publishes port {port}, and its image opens {opened}");
            rules.add_at("SQ-C18", service, "ports", &port, why);
        }
    }
    let text = service.health_check().as_ref().map(Command::text).unwrap_or_default();
    for host in ["localhost:", "127.0.0.1:", "[::1]:"] {
        for rest in text.split(host).skip(1) {
            let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
            if !port.is_empty() && !exposed.contains(&port) {
                let why =
                    format!("the health check of {name} asks port {port}, and its image opens {opened}");
                rules.add("SQ-C18", service, "healthcheck", why);
            }
        }
    }
}

/// Beginnings of names that images of others read.
#[rustfmt::skip]
const THIRD_PARTY: [(&str, &str); 11] = [
    ("axllent/mailpit", "MP_"), ("chrislusf/seaweedfs", "WEED_ S3_ AWS_"), ("dxflrs/garage", "GARAGE_"),
    ("minio/mc", "MC_"), ("minio/minio", "MINIO_"), ("nginx", "NGINX_"), ("pgvector/pgvector", "POSTGRES_ PG"),
    ("postgres", "POSTGRES_ PG"), ("redis", "REDIS_ SKIP_"), ("rustfs/rustfs", "RUSTFS_"), ("valkey/valkey", "VALKEY_"),
];

/// Beginnings of names that libraries read, so that no source of ours has them.
const BY_LIBRARIES: &str =
    "AWS_ HOME LANG LC_ALL MALLOC_ NO_COLOR ORT_DYLIB_PATH OTEL_ PATH PG RUST_ SSL_CERT_ TMPDIR TZ";

fn environment(rules: &mut Rules<'_>, service: Service<'_>) {
    let is_ours = rules.stage(service).is_some() && rules.project.has_sources();
    let image =
        service.json["image"].as_str().filter(|_| !service.has("build")).map(|image| reference(image).0);
    let prefixes = THIRD_PARTY.iter().find(|(known, _)| Some(*known) == image).map(|(_, prefixes)| *prefixes);
    let starts = |name: &str, prefixes: &str| prefixes.split(' ').any(|prefix| name.starts_with(prefix));
    for (name, _) in service.environment() {
        let is_read = match prefixes {
            Some(prefixes) => starts(name, prefixes),
            None => !is_ours || rules.project.reads(name),
        };
        if !is_read && !starts(name, BY_LIBRARIES) && !name.to_uppercase().ends_with("_PROXY") {
            let why = format!("{} gets {name}, which nothing in it reads", service.name);
            rules.add_at("SQ-C13", service, "environment", name, why);
        }
    }
}

/// Variables that a person can set but cannot find, and what is declared and not used by any model.
pub fn sources(rules: &mut Rules<'_>) {
    let Some(source) = rules.model.sources.last() else { return };
    for variable in variables(&source.text) {
        if rules.project.example.as_ref().is_some_and(|example| !example.contains(variable.name)) {
            let why = format!("${{{}}} is not in .env.example, so it cannot be found", variable.name);
            rules.findings.push(Finding::new("SQ-C12", &source.path, variable.line).because(why));
        }
    }
    // Compose leaves out of its answer what no service uses.
    let mut section = "";
    for (index, line) in
        source.text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#'))
    {
        match line.split_once(':') {
            Some((key, _)) if !key.starts_with(' ') => section = key,
            Some((key, _)) if matches!(section, "volumes" | "networks" | "secrets" | "configs") => {
                let name =
                    key.strip_prefix("  ").filter(|name| !name.starts_with([' ', '-']) && *name != "default");
                if let Some(name) = name.filter(|name| rules.model.json[section][name].is_null()) {
                    let why = format!("{name} is declared under {section}, and no service uses it");
                    rules.findings.push(Finding::new("SQ-C16", &source.path, index + 1).because(why));
                }
            }
            _ => {}
        }
    }
}
