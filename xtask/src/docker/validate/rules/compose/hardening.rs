//! What a service may do and use: health, limits, rights.

use super::{Found, Surroundings, is_for_development, wiring};
use crate::docker::validate::{
    compose::{Model, Service, yaml::Node},
    rules::images::{Missing, starts},
    stages::Stages,
};

pub fn check(model: &Model, service: &Service, around: &Surroundings<'_>, found: &mut Found) {
    health(model, service, around, found);
    rights(service, found);
    if model.is_production && !is_for_development(service, around) {
        production(model, service, found);
    }
}

fn health(model: &Model, service: &Service, around: &Surroundings<'_>, found: &mut Found) {
    let name = &service.name;
    let stage = wiring::stage(service, around);
    let in_image = stage.is_some_and(|(dockerfile, stage)| {
        let stages = Stages::of(&dockerfile.parsed);
        stages.last(stage, "HEALTHCHECK").is_some_and(|check| !check.is_health_none())
    });
    match &service.healthcheck {
        Some(check) if check.disabled && !model.is_one_shot(service) => {
            found.add("SQ-C01", &check.place, format!("the health check of {name} is switched off"));
        }
        None if !in_image && !model.is_one_shot(service) => {
            found.add(
                "SQ-C01",
                &service.place,
                format!("{name} runs on and has no health check, neither here nor in its image"),
            );
        }
        Some(check) => {
            let (Some((dockerfile, stage)), Some(command)) = (stage, &check.command) else { return };
            let stages = Stages::of(&dockerfile.parsed);
            let why = match starts(&stages, stage, command) {
                Some(Missing::Program(program)) => {
                    format!("the health check of {name} starts {program}, which is not in its image")
                }
                Some(Missing::Shell) => {
                    format!("the health check of {name} needs a shell, and its image has none")
                }
                None => return,
            };
            found.add("SQ-C23", &check.place, why);
        }
        None => {}
    }
}

fn rights(service: &Service, found: &mut Found) {
    let (name, node) = (&service.name, &service.node);
    let place = |key: &str| node.place_of(key).unwrap_or(&service.place);
    let has = |key: &str, wanted: &str| {
        node.get(key)
            .map(Node::texts)
            .unwrap_or_default()
            .iter()
            .any(|item| item.text().is_some_and(|text| text.eq_ignore_ascii_case(wanted)))
    };
    if !node.get("read_only").is_some_and(Node::is_true) {
        found.add("SQ-C05", place("read_only"), format!("the root file system of {name} can be written"));
    }
    if !has("cap_drop", "ALL") {
        found.add("SQ-C06", place("cap_drop"), format!("{name} keeps the engine's fourteen capabilities"));
    }
    if !has("security_opt", "no-new-privileges:true")
        && !has("security_opt", "no-new-privileges")
        && !has("security_opt", "no-new-privileges=true")
    {
        found.add(
            "SQ-C07",
            place("security_opt"),
            format!("a process of {name} can gain rights by a setuid file"),
        );
    }
    let more = [
        ("privileged", "true", "is privileged: it is root on the host"),
        ("pid", "host", "sees all processes of the host"),
        ("ipc", "host", "shares memory with the host"),
        ("uts", "host", "can rename the host"),
        ("userns_mode", "host", "leaves the engine's user name space"),
        ("network_mode", "host", "uses the host's network, with no border"),
        ("security_opt", "seccomp:unconfined", "may make every system call"),
        ("security_opt", "seccomp=unconfined", "may make every system call"),
        ("security_opt", "apparmor:unconfined", "is held by no AppArmor profile"),
    ];
    for (key, value, why) in more {
        if has(key, value) {
            found.add("SQ-C19", place(key), format!("{name} {why}"));
        }
    }
    const POWERFUL: [&str; 8] =
        ["ALL", "SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "SYS_MODULE", "DAC_READ_SEARCH", "SYS_RAWIO", "BPF"];
    for added in node.get("cap_add").map(Node::texts).unwrap_or_default() {
        let capability = added.text().unwrap_or_default().to_uppercase();
        if POWERFUL.contains(&capability.trim_start_matches("CAP_")) {
            found.add(
                "SQ-C19",
                &added.place,
                format!("{name} gets {capability}, which is next to being root on the host"),
            );
        }
    }
    if let Some(user) = node.get("user")
        && user.text().is_some_and(|user| matches!(user.split(':').next(), Some("root" | "0")))
    {
        found.add("SQ-C21", &user.place, format!("{name} runs as root"));
    }
    if node.get("container_name").is_some() && !service.name.is_empty() {
        found.add(
            "SQ-C22",
            place("container_name"),
            format!("{name} has a fixed name: a second stack cannot start, and it cannot have replicas"),
        );
    }
    if node.get("links").is_some() {
        found.add("SQ-C22", place("links"), format!("links of {name} are what networks do by themselves"));
    }
}

fn production(model: &Model, service: &Service, found: &mut Found) {
    let (name, node) = (&service.name, &service.node);
    // The file above is the one that has to say it, if it speaks of the service at all.
    let place = &service.place;
    let is_set = |paths: [&str; 2]| paths.iter().any(|path| node.at(path).is_some());
    let limits = [
        ("memory", ["mem_limit", "deploy.resources.limits.memory"]),
        ("cpus", ["cpus", "deploy.resources.limits.cpus"]),
        ("pids", ["pids_limit", "deploy.resources.limits.pids"]),
    ];
    let missing: Vec<_> =
        limits.into_iter().filter(|(_, paths)| !is_set(*paths)).map(|(limit, _)| limit).collect();
    if !missing.is_empty() {
        found.add("SQ-C02", place, format!("{name} has no limit of {}", missing.join(", ")));
    }
    logging(service, place, found);
    let is_one_shot = model.is_one_shot(service);
    let restart = service.restart.as_ref().map(|(restart, _)| restart.as_str());
    let policy = node.at("deploy.restart_policy.condition").and_then(Node::text);
    let comes_back = matches!(restart, Some("always" | "unless-stopped"))
        || restart.is_some_and(|restart| restart.starts_with("on-failure"))
        || matches!(policy, Some("any" | "on-failure"));
    if !is_one_shot && !comes_back {
        found.add(
            "SQ-C04",
            service.restart.as_ref().map_or(place, |(_, place)| place),
            format!("{name} stays down after a crash or a restart of the host"),
        );
    }
    if is_one_shot && matches!(restart, Some("always" | "unless-stopped")) {
        let place = service.restart.as_ref().map_or(place, |(_, place)| place);
        found.add("SQ-C04", place, format!("{name} is waited for to end, and restarted when it does"));
    }
}

fn logging(service: &Service, place: &crate::docker::validate::compose::yaml::Place, found: &mut Found) {
    let (name, node) = (&service.name, &service.node);
    let driver = node.at("logging.driver").and_then(Node::text);
    let option = |key: &str| {
        node.get("logging").and_then(|node| node.get("options")).and_then(|node| node.get(key)).is_some()
    };
    let why = match driver {
        // The driver `local` rotates by itself; json-file, which is what none means, does not.
        Some(
            "local" | "none" | "journald" | "syslog" | "fluentd" | "gelf" | "awslogs" | "gcplogs" | "splunk",
        ) => return,
        _ if option("max-size") && option("max-file") => return,
        _ if option("max-size") || option("max-file") => {
            format!("the logs of {name} need both max-size and max-file to be bounded")
        }
        _ => format!("the logs of {name} grow until the disk is full"),
    };
    found.add("SQ-C03", node.place_of("logging").unwrap_or(place), why);
}
