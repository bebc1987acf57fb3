//! What the Compose files promise to those who run Squall, compared with the docs and the files
//! beside them. Compose itself reads them: without it, `cargo xtask test` leaves this module out.

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    process::Command,
};

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The files laid over each other, with the defaults of all variables.
fn stack(files: &[&str]) -> Value {
    let mut compose = Command::new("docker");
    compose.current_dir(root()).env("SQUALL_PUBLIC_URL", "-");
    compose.env("SQUALL_TLS_CERTIFICATE", "-").env("SQUALL_TLS_KEY", "-");
    compose.args(["compose", "--env-file", "/dev/null", "--profile", "*"]);
    compose.args(files.iter().flat_map(|file| ["--file", file])).args(["config", "--format", "json"]);
    let output = compose.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn prometheus_reads_each_process_at_the_port_it_serves_natively_and_in_containers() {
    let stack = stack(&["compose.yaml"]);
    let services = &stack["services"];
    let scraped = text("infra/monitoring/prometheus.yml");
    let mut ports = BTreeMap::new();
    for job in scraped.split("- names: [").skip(1) {
        let port = job.split("port: ").nth(1).unwrap().lines().next().unwrap();
        ports.insert(job.split(']').next().unwrap(), port);
    }
    for (service, name) in [("api", "SQUALL_METRICS_LISTEN"), ("worker", "SQUALL_HEALTH_LISTEN")] {
        assert_eq!(
            services[service]["environment"][name],
            format!("0.0.0.0:{}", ports[service]),
            "{service}"
        );
    }
    assert_eq!(ports.len(), 2, "a job reads what no service serves: {ports:?}");
    let (api, worker) = (ports["api"], ports["worker"]);
    let metrics = text("docs/reference/metrics.md");
    assert!(metrics.contains(&format!("SQUALL_METRICS_LISTEN=127.0.0.1:{api} squall-api")));
    assert!(metrics.contains(&format!("http://127.0.0.1:{api}/metrics")));
    let listen = format!("| `SQUALL_HEALTH_LISTEN` | `127.0.0.1:{worker}` |");
    assert!(text("docs/reference/configuration.md").contains(&listen));
}

/// The names in the first column of the tables below a heading, up to the next heading.
fn table(page: &str, heading: &str) -> Vec<String> {
    let text = text(page);
    let (_, section) = text.split_once(&format!("\n## {heading}\n")).unwrap();
    let rows = section.split("\n## ").next().unwrap().lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned())).collect()
}

/// What a container gets otherwise, or has no use for.
#[rustfmt::skip]
const NOT_PASSED_ON: [(&str, &str); 17] = [
    ("DATABASE_URL", "the stack has its own database"),
    ("DATABASE_URL_FILE", "the stack has its own database"),
    ("SQUALL_DATABASE_PASSWORD", "its password is in the file database_password"),
    ("SQUALL_DATABASE_PASSWORD_FILE", "its password is in the file database_password"),
    ("OTEL_SERVICE_NAME", "two processes need two names"),
    ("SQUALL_LISTEN", "other services and the health check expect that address"),
    ("SQUALL_METRICS_LISTEN", "Prometheus expects that address"),
    ("SQUALL_HEALTH_LISTEN", "the health check and Prometheus expect that address"),
    ("SQUALL_WEB_ROOT", "the edge has the web app"),
    ("SQUALL_EDGE_API", "the api's name in the stack"),
    ("SQUALL_EDGE_WEB", "where the image has the web app"),
    ("SQUALL_EDGE_LISTEN", "the port that is published"),
    ("SQUALL_EDGE_TLS_LISTEN", "the port that is published"),
    ("SQUALL_EDGE_TLS_PUBLIC_PORT", "SQUALL_TLS_PORT sets both sides of it"),
    ("SQUALL_EDGE_RESOLVER", "the engine's own knows the services"),
    ("SQUALL_EDGE_FOLDER", "the one writable folder"),
    ("SQUALL_EDGE_NGINX", "the image's own"),
];

#[test]
fn every_variable_of_the_tables_reaches_its_container_or_has_a_reason_not_to() {
    let files = ["compose.yaml", "infra/compose.prod.yaml", "infra/compose.tls.yaml"];
    let stack = stack(&files);
    let written = files.map(text).concat();
    let example = text(".env.example");
    let mut excused = BTreeSet::<(&str, &str)>::new();
    for (service, names) in [
        ("api", table("docs/reference/configuration.md", "The api")),
        ("worker", table("docs/reference/configuration.md", "The worker")),
        ("edge", table("docs/reference/edge.md", "Settings")),
    ] {
        assert!(names.len() > 20, "the table of {service} was not found");
        let environment = stack["services"][service]["environment"].as_object().unwrap();
        for name in &names {
            // Without a value, or from a variable: of the same name, or of the one that the TLS file has for it.
            let sources = [name.clone(), name.replace("_EDGE_TLS_", "_TLS_")];
            let is_passed_on = environment.get(name).is_some_and(|value| {
                value.is_null() || sources.iter().any(|name| written.contains(&format!("${{{name}:")))
            });
            let reason = NOT_PASSED_ON.iter().find(|(known, _)| known == name);
            assert!(
                is_passed_on != reason.is_some(),
                "{service} and {name}: passed on {is_passed_on}, {reason:?}"
            );
            excused.extend(reason);
            let is_described =
                name.starts_with("SQUALL_EDGE_TLS_") || example.contains(&format!("# {name}="));
            assert!(reason.is_some() || is_described, ".env.example does not describe {name}");
        }
    }
    assert_eq!(excused.len(), NOT_PASSED_ON.len(), "no table has some of the others: {excused:?}");
}

#[test]
fn a_proxy_on_the_machine_has_a_fixed_address_that_is_trusted_only_when_named() {
    let stack = stack(&["compose.yaml", "infra/compose.prod.yaml"]);
    let subnet = stack["networks"]["front"]["ipam"]["config"][0]["subnet"].as_str().unwrap();
    let gateway = format!("{}.1", subnet.split_once(".0/24").unwrap().0);
    for page in [".env.example", "docs/guide/production.md"] {
        assert!(text(page).contains(&gateway), "{page} does not name {gateway}");
    }
    assert!(text(".env.example").contains(&format!("# SQUALL_FRONT_SUBNET={subnet}\n")));
    assert!(stack["services"]["edge"]["environment"]["SQUALL_EDGE_TRUSTED_PROXIES"].is_null());
}

#[test]
fn the_database_lets_its_owner_follow_the_log_from_its_own_network_alone() {
    let stack = stack(&["compose.yaml"]);
    let postgres = &stack["services"]["postgres"];
    let mount = items(&postgres["volumes"]).iter().find(|mount| mount["type"] == "bind").unwrap();
    let rules = fs::read_to_string(mount["source"].as_str().unwrap()).unwrap();
    let rules = rules.lines().filter(|line| !line.starts_with('#'));
    let rules: Vec<Vec<_>> = rules.map(|line| line.split_whitespace().collect()).collect();
    assert!(rules.contains(&vec!["host", "replication", "squall", "samenet", "scram-sha-256"]));
    let open: Vec<_> = rules.iter().filter(|rule| rule[0] != "local" && rule[4] != "scram-sha-256").collect();
    assert!(open.is_empty(), "without a password: {open:?}");
    let wanted = format!("-chba_file={}", mount["target"].as_str().unwrap());
    assert!(items(&postgres["command"]).iter().any(|word| *word == wanted), "PostgreSQL does not read it");
    assert_eq!(postgres["networks"].as_object().unwrap().keys().collect::<Vec<_>>(), ["data"]);
}

#[test]
fn tests_in_containers_have_a_stack_of_their_own_that_keeps_nothing() {
    let stack = stack(&["compose.yaml", "infra/compose.test.yaml"]);
    assert_eq!(stack["name"], "squall-test");
    assert_eq!(items(&stack["services"]["postgres"]["volumes"]).len(), 0);
}

#[test]
fn storage_in_production_refuses_the_secret_that_everybody_knows() {
    let production = stack(&["compose.yaml", "infra/compose.prod.yaml"]);
    // The entrypoint of the job before the server, as production has it.
    let is_made_with = |secret: Option<&str>| {
        let words = items(&production["services"]["bucket"]["entrypoint"]);
        let script = words[2].as_str().unwrap().replace("$$", "$").replace("exec mkdir", "exec true");
        let mut command = Command::new(words[0].as_str().unwrap());
        command.args([words[1].as_str().unwrap(), &script]).env_remove("AWS_SECRET_ACCESS_KEY");
        command
            .envs(secret.map(|secret| ("AWS_SECRET_ACCESS_KEY", secret)))
            .output()
            .unwrap()
            .status
            .success()
    };
    let base = stack(&["compose.yaml"]);
    let known = base["services"]["s3"]["environment"]["ROOT_SECRET_KEY"].as_str().unwrap();
    assert!(!is_made_with(None) && !is_made_with(Some("")) && !is_made_with(Some(known)));
    assert!(is_made_with(Some("5f0c6c3b9a")));
}

#[test]
fn a_file_system_in_memory_has_a_size() {
    for files in [&["compose.yaml"][..], &["compose.yaml", "infra/compose.test.yaml"]] {
        let stack = stack(files);
        let mounts = stack["services"].as_object().unwrap().values().flat_map(|it| items(&it["tmpfs"]));
        let options: Vec<_> = mounts.filter_map(Value::as_str).collect();
        assert!(options.len() >= 8 && options.iter().all(|options| options.contains("size=")), "{options:?}");
    }
}
