//! What the Compose files of this repository promise to those who run it, compared with the code's own tables and with what
//! stands beside them.

use super::compose::{Model, Source, yaml};
use std::{collections::BTreeMap, fs, path::Path};

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

/// The files laid over each other, with the defaults of all variables.
fn stack(files: &[&str]) -> Model {
    let sources: Vec<_> =
        files.iter().map(|path| Source { path: (*path).to_owned(), text: text(path) }).collect();
    Model::read(&sources, false).unwrap()
}

fn variable(model: &Model, service: &str, name: &str) -> String {
    let environment = &model.service(service).unwrap().environment;
    let (_, value, _) = environment.iter().find(|(known, ..)| known == name).unwrap();
    value.clone().unwrap_or_default()
}

#[test]
fn prometheus_reads_each_process_at_the_port_it_serves_natively_and_in_containers() {
    let compose = stack(&["compose.yaml"]);
    let prometheus = yaml::parse("prometheus.yml", &text("infra/monitoring/prometheus.yml")).unwrap();
    let mut read = BTreeMap::new();
    for job in prometheus.get("scrape_configs").unwrap().items() {
        for found in job.get("dns_sd_configs").unwrap().items() {
            let name = found.get("names").unwrap().items()[0].text().unwrap().to_owned();
            read.insert(name, found.get("port").unwrap().text().unwrap().to_owned());
        }
    }
    let listens = [("api", "SQUALL_METRICS_LISTEN"), ("worker", "SQUALL_HEALTH_LISTEN")];
    for (service, name) in listens {
        let listen = variable(&compose, service, name);
        assert_eq!(listen, format!("0.0.0.0:{}", read[service]), "{service}");
    }
    assert_eq!(read.len(), listens.len(), "a job reads what no service serves: {read:?}");
    let (api, worker) = (&read["api"], &read["worker"]);
    let metrics = text("docs/reference/metrics.md");
    assert!(metrics.contains(&format!("SQUALL_METRICS_LISTEN=127.0.0.1:{api} squall-api")));
    assert!(metrics.contains(&format!("http://127.0.0.1:{api}/metrics")));
    assert!(metrics.contains(&format!("on port {api} and the worker on {worker}")));
    assert!(
        text("docs/reference/configuration.md")
            .contains(&format!("| `SQUALL_HEALTH_LISTEN` | `127.0.0.1:{worker}` |"))
    );
}

/// The names in the first column of the tables below a heading, up to the next heading.
fn table(page: &str, heading: &str) -> Vec<String> {
    let text = text(page);
    let (_, section) = text.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned())).collect()
}

/// What a container gets otherwise, or has no use for.
const NOT_HANDED_ON: [(&str, &str); 17] = [
    ("DATABASE_URL", "the stack has its own database"),
    ("DATABASE_URL_FILE", "the stack has its own database"),
    ("SQUALL_DATABASE_PASSWORD", "its password is in the file database_password"),
    ("SQUALL_DATABASE_PASSWORD_FILE", "its password is in the file database_password"),
    ("OTEL_SERVICE_NAME", "one name for two processes tells them no longer apart"),
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
    ("SQUALL_EDGE_FOLDER", "the one folder that can be written to"),
    ("SQUALL_EDGE_NGINX", "the image's own"),
];

#[test]
fn every_variable_of_the_tables_reaches_its_container_or_has_a_reason_not_to() {
    let files = ["compose.yaml", "infra/compose.prod.yaml", "infra/compose.tls.yaml"];
    let (stack, written) = (stack(&files), files.map(text).concat());
    let example = text(".env.example");
    let tables = [
        ("api", table("docs/reference/configuration.md", "The api")),
        ("worker", table("docs/reference/configuration.md", "The worker")),
        ("edge", table("docs/reference/edge.md", "Settings")),
    ];
    let mut excused = Vec::new();
    for (service, names) in &tables {
        assert!(names.len() > 20, "the table of {service} was not found");
        let environment = &stack.service(service).unwrap().environment;
        for name in names {
            let given = environment.iter().find(|(known, ..)| known == name);
            // Without a value, or from a variable: of the same name, or of the one that the TLS file has for it.
            let handed_on = given.is_some_and(|(_, value, _)| {
                value.is_none()
                    || [name.clone(), name.replace("_EDGE_TLS_", "_TLS_")]
                        .iter()
                        .any(|name| written.contains(&format!("${{{name}:")))
            });
            let reason = NOT_HANDED_ON.iter().find(|(known, _)| known == name);
            assert!(handed_on != reason.is_some(), "{service} and {name}: handed on {handed_on}, {reason:?}");
            excused.extend(reason);
            assert!(
                reason.is_some()
                    || name.starts_with("SQUALL_EDGE_TLS_")
                    || example.contains(&format!("# {name}=")),
                ".env.example does not describe {name}"
            );
        }
    }
    let stale: Vec<_> = NOT_HANDED_ON.iter().filter(|known| !excused.contains(known)).collect();
    assert!(stale.is_empty(), "no table has {stale:?}");
}

#[test]
fn a_proxy_on_the_machine_has_an_address_that_can_be_named_and_is_trusted_only_when_it_is() {
    let stack = stack(&["compose.yaml", "infra/compose.prod.yaml"]);
    let front = stack.root.at("networks.front.ipam.config").unwrap();
    let subnet = front.items()[0].get("subnet").unwrap().text().unwrap();
    let (network, _) = subnet.split_once(".0/24").unwrap();
    let gateway = format!("{network}.1");
    for page in [".env.example", "docs/guide/production.md"] {
        assert!(text(page).contains(&gateway), "{page} does not name {gateway}");
    }
    assert!(text(".env.example").contains(&format!("# SQUALL_FRONT_SUBNET={subnet}\n")));
    assert_eq!(variable(&stack, "edge", "SQUALL_EDGE_TRUSTED_PROXIES"), "", "nobody is trusted by default");
}

#[test]
fn the_database_lets_its_owner_follow_the_log_from_the_network_of_the_data_alone() {
    let stack = stack(&["compose.yaml"]);
    let postgres = stack.service("postgres").unwrap();
    let mount = postgres.mounts.iter().find(|mount| mount.is_bind).unwrap();
    let rules = text(mount.source.as_deref().unwrap());
    let rules: Vec<Vec<_>> = rules
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert!(rules.contains(&vec!["host", "replication", "squall", "samenet", "scram-sha-256"]));
    let open: Vec<_> = rules.iter().filter(|rule| rule[0] != "local" && rule[4] != "scram-sha-256").collect();
    assert!(open.is_empty(), "without a password: {open:?}");
    let command = postgres.node.get("command").unwrap().texts();
    let wanted = format!("-chba_file={}", mount.target);
    assert!(command.iter().any(|word| word.text() == Some(wanted.as_str())), "PostgreSQL does not read it");
    assert_eq!(postgres.networks.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["data"]);
}

#[test]
fn tests_in_containers_have_a_stack_of_their_own_that_keeps_nothing() {
    let stack = stack(&["compose.yaml", "infra/compose.test.yaml"]);
    assert_eq!(stack.root.get("name").and_then(yaml::Node::text), Some("squall-test"));
    let volumes: Vec<_> =
        stack.service("postgres").unwrap().mounts.iter().filter(|mount| mount.source.is_some()).collect();
    assert!(volumes.is_empty(), "{volumes:?}");
}

/// Runs the entrypoint of the job before the server, as production has it, with one secret.
fn bucket_is_made_with(secret: Option<&str>) -> bool {
    let stack = stack(&["compose.yaml", "infra/compose.prod.yaml"]);
    let entrypoint = stack.service("bucket").unwrap().node.get("entrypoint").unwrap().texts();
    let words: Vec<_> = entrypoint.iter().map(|word| word.text().unwrap()).collect();
    let folder = std::env::temp_dir().join(format!("squall-bucket-{}", std::process::id()));
    // Compose makes one $ of two; the reader has done so already.
    let script = words[2].replace("/backups", folder.to_str().unwrap());
    let mut command = std::process::Command::new(words[0]);
    command.args([words[1], &script]).env_remove("AWS_SECRET_ACCESS_KEY");
    command.envs(secret.map(|secret| ("AWS_SECRET_ACCESS_KEY", secret)));
    let output = command.output().unwrap();
    let _ = fs::remove_dir_all(&folder);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.success(), said.is_empty(), "{said}");
    output.status.success()
}

#[test]
fn storage_in_production_refuses_the_secret_that_everybody_knows() {
    let base = stack(&["compose.yaml"]);
    let known = variable(&base, "s3", "ROOT_SECRET_KEY");
    assert!(!bucket_is_made_with(None) && !bucket_is_made_with(Some("")));
    assert!(!bucket_is_made_with(Some(&known)), "{known} is the default of development");
    assert!(bucket_is_made_with(Some("5f0c6c3b9a")));
    let production = stack(&["compose.yaml", "infra/compose.prod.yaml"]);
    assert_eq!(variable(&production, "s3", "ROOT_SECRET_KEY"), "");
}

#[test]
fn a_file_system_in_memory_ends_before_the_memory_of_its_container_does() {
    for (files, least) in [(&["compose.yaml"][..], 8), (&["compose.yaml", "infra/compose.test.yaml"], 9)] {
        let model = stack(files);
        let mounts = model.services.iter().filter_map(|service| service.node.get("tmpfs"));
        let options: Vec<_> =
            mounts.flat_map(|mounts| mounts.texts()).filter_map(|text| text.text()).collect();
        assert!(options.len() >= least, "{options:?}");
        for options in options {
            assert!(options.contains("size="), "{options}");
        }
    }
}
