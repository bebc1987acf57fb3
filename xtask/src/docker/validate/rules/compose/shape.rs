//! Whether a file is a Compose file, and says nothing twice, too much or of things that are not there.

use super::{Found, Surroundings};
use crate::docker::validate::compose::{
    Model,
    yaml::{Key, Node, Value},
};
use std::collections::BTreeSet;

const TOP: [&str; 9] =
    ["name", "version", "services", "networks", "volumes", "configs", "secrets", "include", "models"];

const SERVICE: [&str; 92] = [
    "annotations",
    "attach",
    "blkio_config",
    "build",
    "cap_add",
    "cap_drop",
    "cgroup",
    "cgroup_parent",
    "command",
    "configs",
    "container_name",
    "cpu_count",
    "cpu_percent",
    "cpu_period",
    "cpu_quota",
    "cpu_rt_period",
    "cpu_rt_runtime",
    "cpu_shares",
    "cpus",
    "cpuset",
    "credential_spec",
    "depends_on",
    "deploy",
    "develop",
    "device_cgroup_rules",
    "devices",
    "dns",
    "dns_opt",
    "dns_search",
    "domainname",
    "driver_opts",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extends",
    "external_links",
    "extra_hosts",
    "gpus",
    "group_add",
    "healthcheck",
    "hostname",
    "image",
    "init",
    "ipc",
    "isolation",
    "label_file",
    "labels",
    "links",
    "logging",
    "mac_address",
    "mem_limit",
    "mem_reservation",
    "mem_swappiness",
    "memswap_limit",
    "models",
    "network_mode",
    "networks",
    "oom_kill_disable",
    "oom_score_adj",
    "pid",
    "pids_limit",
    "platform",
    "ports",
    "post_start",
    "pre_stop",
    "privileged",
    "profiles",
    "provider",
    "pull_policy",
    "read_only",
    "restart",
    "runtime",
    "scale",
    "secrets",
    "security_opt",
    "shm_size",
    "stdin_open",
    "stop_grace_period",
    "stop_signal",
    "storage_opt",
    "sysctls",
    "tmpfs",
    "tty",
    "ulimits",
    "use_api_socket",
    "user",
    "userns_mode",
    "uts",
    "volumes",
    "volumes_from",
    "working_dir",
];

pub fn check(model: &Model, around: &Surroundings<'_>, found: &mut Found) {
    for (key, _) in model.root.entries() {
        if !TOP.contains(&key.text.as_str()) && !key.text.starts_with("x-") {
            found.add(
                "SQ-C00",
                &key.place,
                format!("{} means nothing at the top of a Compose file", key.text),
            );
        }
        if key.text == "version" {
            found.add(
                "SQ-C22",
                &key.place,
                "version: has no meaning any more, and Compose warns of it".into(),
            );
        }
    }
    if !matches!(model.root.get("services").map(|node| &node.value), Some(Value::Map(_))) {
        found.add("SQ-C00", &model.root.place, "there are no services".into());
    }
    for service in &model.services {
        for (key, _) in service.node.entries() {
            if !SERVICE.contains(&key.text.as_str()) && !key.text.starts_with("x-") {
                found.add("SQ-C00", &key.place, format!("{} means nothing in a service", key.text));
            }
        }
        if service.image.is_none()
            && service.build.is_none()
            && service.node.get("provider").is_none()
            && service.node.get("extends").is_none()
        {
            found.add("SQ-C00", &service.place, format!("{} has neither image nor build", service.name));
        }
    }
    declared(model, found);
    binds(model, around, found);
}

/// What services use must be declared, and what is declared must be used.
fn declared(model: &Model, found: &mut Found) {
    for kind in ["volumes", "networks", "secrets", "configs"] {
        let declared = model.root.get(kind).map(Node::entries).unwrap_or_default();
        let mut used: BTreeSet<String> = BTreeSet::new();
        for service in &model.services {
            let names: Vec<_> = match kind {
                "volumes" => service
                    .mounts
                    .iter()
                    .filter(|mount| !mount.is_bind)
                    .filter_map(|mount| Some((mount.source.clone()?, mount.place.clone())))
                    .collect(),
                "networks" => service.networks.clone(),
                "secrets" => service.secrets.clone(),
                _ => service
                    .node
                    .get("configs")
                    .map(Node::items)
                    .unwrap_or_default()
                    .iter()
                    .filter_map(|item| {
                        Some((
                            item.text().or_else(|| item.get("source")?.text())?.to_owned(),
                            item.place.clone(),
                        ))
                    })
                    .collect(),
            };
            for (name, place) in names {
                let is_there = declared.iter().any(|(key, _)| key.text == name)
                    || (kind == "networks" && name == "default");
                if !is_there && !name.contains('$') {
                    let what = &kind[..kind.len() - 1];
                    found.add(
                        "SQ-C15",
                        &place,
                        format!("{} uses the {what} {name}, which is not declared", service.name),
                    );
                }
                used.insert(name);
            }
        }
        let built = model.services.iter().filter_map(|service| service.node.at(&format!("build.{kind}")));
        used.extend(built.flat_map(|node| node.texts()).filter_map(|node| node.text().map(str::to_owned)));
        // A file laid over another may leave out what the other uses.
        let is_last = |key: &&Key| Some(&*key.place.file) == model.files.last().map(String::as_str);
        let names = declared.iter().map(|(key, _)| key);
        let idle = names.filter(|key| !used.contains(&key.text) && key.text != "default");
        for key in idle.filter(is_last) {
            found.add(
                "SQ-C16",
                &key.place,
                format!("{} is declared under {kind}, and no service uses it", key.text),
            );
        }
    }
}

/// A folder that is not there is made by the engine, empty and owned by root.
fn binds(model: &Model, around: &Surroundings<'_>, found: &mut Found) {
    const SENSITIVE: [&str; 9] = ["/", "/boot", "/dev", "/etc", "/proc", "/root", "/sys", "/usr", "/var/run"];
    for service in &model.services {
        for mount in service.mounts.iter().filter(|mount| mount.is_bind) {
            let Some(source) = mount.source.as_deref() else { continue };
            if source.ends_with("docker.sock") {
                let why = format!("{} gets the engine's socket, and with it root on the host", service.name);
                found.add("SQ-C19", &mount.place, why);
            } else if SENSITIVE.contains(&source.trim_end_matches('/')) || source == "/" {
                found.add("SQ-C19", &mount.place, format!("{} gets {source} of the host", service.name));
            } else if source.starts_with("./") || source.starts_with("../") {
                // Paths of every file count from the folder of the first.
                if !around.root.join(&model.folder).join(source).exists() {
                    let why = format!("{} mounts {source}, which is not there", service.name);
                    found.add("SQ-C20", &mount.place, why);
                }
            }
        }
    }
    let top =
        ["secrets", "configs"].into_iter().filter_map(|kind| model.root.get(kind)).flat_map(Node::entries);
    for (key, node) in top {
        let Some(environment) = node.get("environment") else { continue };
        let why = format!(
            "the secret {} comes from the environment of whoever starts the stack, where every process of theirs can read it",
            key.text
        );
        if model.is_production {
            found.add("SQ-C14", &environment.place, why);
        }
    }
}
