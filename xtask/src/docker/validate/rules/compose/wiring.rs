//! How services hang together, and with the images they are made of: dependencies, ports, networks, builds.

use super::{Found, Surroundings, is_for_development};
use crate::docker::validate::{
    compose::{Model, Service, yaml::Node},
    dockerfile::{Form, reference},
    project::DockerfileOf,
    rules::images::moves,
    stages::Stages,
};
use std::collections::BTreeSet;

pub fn check(model: &Model, service: &Service, around: &Surroundings<'_>, found: &mut Found) {
    dependencies(model, service, around, found);
    published(service, around, found);
    networks(model, service, around, found);
    image(service, found);
    build(service, around, found);
    ports(service, around, found);
}

fn dependencies(model: &Model, service: &Service, around: &Surroundings<'_>, found: &mut Found) {
    let name = &service.name;
    for dependency in &service.dependencies {
        let on = &dependency.on;
        let Some(other) = model.service(on) else {
            found.add("SQ-C27", &dependency.place, format!("{name} waits for {on}, which is no service"));
            continue;
        };
        let is_checked = other.healthcheck.as_ref().map_or_else(
            || {
                stage(other, around).is_none_or(|(dockerfile, stage)| {
                    Stages::of(&dockerfile.parsed)
                        .last(stage, "HEALTHCHECK")
                        .is_some_and(|check| !check.is_health_none())
                })
            },
            |check| !check.disabled,
        );
        match dependency.condition.as_deref() {
            None => found.add(
                "SQ-C08",
                &dependency.place,
                format!("{name} waits for {on} to be started, not to be ready"),
            ),
            Some("service_started") if !model.is_one_shot(other) => {
                found.add(
                    "SQ-C08",
                    &dependency.place,
                    format!("{name} waits for {on} to be started, not to be ready"),
                );
            }
            Some("service_healthy") if !is_checked => {
                found.add(
                    "SQ-C08",
                    &dependency.place,
                    format!(
                        "{name} waits for {on} to be healthy, and {on} has no health check: it never starts"
                    ),
                );
            }
            Some("service_healthy" | "service_started" | "service_completed_successfully") => {}
            Some(other) => found.add("SQ-C08", &dependency.place, format!("{other} is no condition")),
        }
        if reaches(model, on, name, &mut BTreeSet::new()) {
            found.add("SQ-C27", &dependency.place, format!("{name} waits for {on}, which waits for {name}"));
        }
    }
}

fn reaches(model: &Model, from: &str, to: &str, seen: &mut BTreeSet<String>) -> bool {
    from == to
        || (seen.insert(from.to_owned())
            && model.service(from).is_some_and(|service| {
                service.dependencies.iter().any(|dependency| reaches(model, &dependency.on, to, seen))
            }))
}

fn published(service: &Service, around: &Surroundings<'_>, found: &mut Found) {
    if around.edges.contains(&service.name) {
        return;
    }
    let is_for_development = is_for_development(service, around);
    for port in service.ports.iter().filter(|port| !(is_for_development && port.is_local)) {
        let (name, target) = (&service.name, &port.target);
        let why = format!(
            "{name} publishes port {target}: only the edge may be reached from outside ({})",
            around.edges.join(", ")
        );
        found.add("SQ-C09", &port.place, why);
    }
}

fn networks(model: &Model, service: &Service, around: &Surroundings<'_>, found: &mut Found) {
    let name = &service.name;
    if service.node.get("network_mode").is_some() {
        return;
    }
    let is_internal = |network: &str| {
        let declared = model.root.get("networks").and_then(|networks| networks.get(network));
        declared.is_some_and(|node| node.get("internal").is_some_and(Node::is_true))
    };
    if service.networks.is_empty() && !is_internal("default") {
        found.add(
            "SQ-C10",
            &service.place,
            format!("{name} is on the default network, with every other service and the world"),
        );
        return;
    }
    if around.edges.contains(name) {
        return;
    }
    let open = service.networks.iter().find(|(network, _)| !is_internal(network));
    if let Some((network, place)) = open {
        found.add(
            "SQ-C10",
            place,
            format!("{name} is on the network {network}, which is not internal: it can reach the world"),
        );
    }
}

fn image(service: &Service, found: &mut Found) {
    // What is built here has the name that it gets.
    let Some((image, place)) = service.image.as_ref().filter(|_| service.build.is_none()) else { return };
    let (name, tag, digest) = reference(image);
    if digest.is_some() || name.starts_with('$') {
        return;
    }
    match tag.as_deref() {
        None => found.add("SQ-C11", place, format!("{image} has no version")),
        Some(tag) if tag == "latest" || moves(tag) => {
            found.add(
                "SQ-C11",
                place,
                format!("the tag of {image} moves: it is another image every few weeks"),
            );
        }
        Some(_) => {}
    }
    data_folder(service, &name, tag.as_deref().unwrap_or_default(), found);
}

/// PostgreSQL 18's images keep their data in a folder of their version, below the one to mount.
fn data_folder(service: &Service, image: &str, tag: &str, found: &mut Found) {
    if !matches!(image, "postgres" | "pgvector/pgvector") {
        return;
    }
    let digits: String = tag.trim_start_matches("pg").chars().take_while(char::is_ascii_digit).collect();
    if digits.parse::<u32>().is_ok_and(|major| major >= 18) {
        for mount in service
            .mounts
            .iter()
            .filter(|mount| mount.target.trim_end_matches('/') == "/var/lib/postgresql/data")
        {
            let why = format!(
                "PostgreSQL {digits} keeps its data under /var/lib/postgresql/{digits}: this volume stays empty, and the data is lost"
            );
            found.add("SQ-C24", &mount.place, why);
        }
    }
}

/// The Dockerfile and the stage that a service is built from.
pub fn stage<'a>(service: &Service, around: &Surroundings<'a>) -> Option<(&'a DockerfileOf, usize)> {
    let build = service.build.as_ref()?;
    let path = around.dockerfiles.path_of(build);
    let dockerfile = around.dockerfiles.get(&path)?;
    let stages = Stages::of(&dockerfile.parsed);
    let stage = match &build.target {
        Some((target, _)) => {
            stages.named(target).or_else(|| target.parse().ok().filter(|index| *index < stages.stages.len()))
        }
        None => stages.stages.len().checked_sub(1),
    };
    Some((dockerfile, stage?))
}

fn build(service: &Service, around: &Surroundings<'_>, found: &mut Found) {
    let Some(build) = &service.build else { return };
    let name = &service.name;
    if build.context.contains('$') || build.context.contains("://") {
        return;
    }
    let path = around.dockerfiles.path_of(build);
    let Some(dockerfile) = around.dockerfiles.get(&path) else {
        found.add("SQ-C17", &build.place, format!("{name} is built from {path}, which is not there"));
        return;
    };
    if let (Some((target, place)), None) = (&build.target, stage(service, around)) {
        found.add(
            "SQ-C17",
            place,
            format!("{name} is built from the stage {target}, which {path} does not have"),
        );
    }
    let declared: BTreeSet<String> = dockerfile
        .parsed
        .instructions
        .iter()
        .filter(|instruction| instruction.is("ARG"))
        .flat_map(|arg| arg.declared())
        .map(|(name, _)| name)
        .collect();
    for (argument, _, place) in &build.arguments {
        // BuildKit has arguments of its own.
        let known = declared.contains(argument)
            || argument.starts_with("BUILDKIT_")
            || argument.to_uppercase().ends_with("_PROXY")
            || argument == "SOURCE_DATE_EPOCH";
        if !known {
            found.add(
                "SQ-C17",
                place,
                format!("{name} is built with {argument}, which no ARG of {path} takes"),
            );
        }
    }
}

/// Ports that are published, or that the health check asks, must be those that the image says it opens.
fn ports(service: &Service, around: &Surroundings<'_>, found: &mut Found) {
    let Some((dockerfile, stage)) = stage(service, around) else { return };
    let stages = Stages::of(&dockerfile.parsed);
    let history = stages.history(stage);
    let exposed: Vec<String> = history
        .iter()
        .filter(|instruction| instruction.is("EXPOSE"))
        .flat_map(|instruction| {
            instruction.body.split_whitespace().map(|port| port.split('/').next().unwrap_or(port).to_owned())
        })
        .collect();
    if exposed.is_empty() || exposed.iter().any(|port| port.contains(['$', '-'])) {
        return;
    }
    let name = &service.name;
    for port in &service.ports {
        if !exposed.contains(&port.target) && !port.target.contains(['$', '-']) {
            let why =
                format!("{name} publishes port {}, and its image opens {}", port.target, exposed.join(", "));
            found.add("SQ-C18", &port.place, why);
        }
    }
    let Some(check) = &service.healthcheck else { return };
    let text = match &check.command {
        Some(Form::Exec(words)) => words.join(" "),
        Some(Form::Shell(text)) => text.clone(),
        None => return,
    };
    for port in local_ports(&text).filter(|port| !exposed.contains(port)) {
        found.add(
            "SQ-C18",
            &check.place,
            format!(
                "the health check of {name} asks port {port}, and its image opens {}",
                exposed.join(", ")
            ),
        );
    }
}

/// Ports behind the names of the container itself.
fn local_ports(text: &str) -> impl Iterator<Item = String> + '_ {
    ["localhost:", "127.0.0.1:", "[::1]:"].into_iter().flat_map(move |host| {
        text.match_indices(host).filter_map(move |(at, _)| {
            let port: String = text[at + host.len()..].chars().take_while(char::is_ascii_digit).collect();
            (!port.is_empty()).then_some(port)
        })
    })
}
