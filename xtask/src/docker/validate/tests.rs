//! The corpus of broken files in tests/docker, and what the Compose files of this repository promise.

use super::*;
use crate::files;
use serde_json::Value;
use std::{collections::BTreeMap, fs};

fn world() -> World {
    World::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()).unwrap()
}

fn tools() -> Tools {
    Tools { hadolint: tools::program(&world(), "hadolint").unwrap(), compose: client() }
}

/// Without a client the tests of Compose files cannot run.
fn client() -> Option<PathBuf> {
    let client = compose::client();
    if client.is_none() {
        eprintln!("skipped: there is no Compose client; apt-get install docker-compose-v2 or docker-compose");
    }
    client
}

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/docker").join(name)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

/// File, line and rule of each `# expect RULE at LINE`, which is in the file itself or names one that does not exist.
fn expected(root: &Path, path: &Path) -> BTreeSet<(String, usize, String)> {
    let text = String::from_utf8_lossy(&fs::read(path).unwrap()).replace('\0', "");
    let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
    let lines = text.lines().filter_map(|line| line.trim_start_matches('\u{fffd}').strip_prefix("# expect "));
    lines
        .map(|expectation| {
            let (rule, place) = expectation.split_once(" at ").unwrap();
            let (line, file) = place.split_once(" in ").unwrap_or((place, &name));
            (file.to_owned(), line.trim().parse().unwrap(), rule.to_owned())
        })
        .collect()
}

fn found(report: &Report) -> BTreeSet<(String, usize, String)> {
    report.findings.iter().map(|it| (it.file.clone(), it.line, it.rule.clone())).collect()
}

#[test]
fn each_case_has_exactly_the_findings_written_at_its_top() {
    let settings = Settings {
        context_kilobytes: 4,
        edges: vec!["edge".to_owned()],
        development_profiles: vec!["dev".to_owned()],
    };
    let (root, tools) = (corpus("cases"), tools());
    let (folders, mut files): (Vec<_>, Vec<_>) = entries(&root).into_iter().partition(|path| path.is_dir());
    let is_compose = |path: &PathBuf| path.extension().is_some_and(|end| end == "yaml");
    files.retain(|path| tools.compose.is_some() || !is_compose(path));
    let mut wrong = String::new();
    let mut check = |root: &Path, given: &[PathBuf], paths: &[PathBuf]| {
        let project = Project::read(root, given).unwrap();
        let report = judge(&project, &settings, given.is_empty(), &tools).unwrap();
        let wanted = paths.iter().flat_map(|path| expected(root, path)).collect();
        let found = found(&report);
        for (sign, all, others) in [("-", &wanted, &found), ("+", &found, &wanted)] {
            for (file, line, rule) in all.difference(others) {
                wrong +=
                    &format!("{sign} {}/{file}: {rule} at {line}\n", root.file_name().unwrap().display());
            }
        }
    };
    check(&root, &files, &files);
    for folder in folders.iter().filter(|_| tools.compose.is_some()) {
        let mut paths = Vec::new();
        files::walk(folder, &[], &mut |path| {
            paths.push(path.to_owned());
            Ok(())
        })
        .unwrap();
        check(folder, &[], &paths);
    }
    assert!(wrong.is_empty(), "- missed, + too much\n{wrong}");
}

/// Shows what a newer hadolint changes. UPDATE=1 writes the file.
#[test]
fn hadolint_finds_in_its_corpus_what_it_found_before() {
    let (root, table) = (corpus("hadolint"), corpus("hadolint.txt"));
    let project = Project::read(&root, &entries(&root)).unwrap();
    let mut found: Vec<_> = lint(&project, &tools().hadolint).unwrap();
    found.sort();
    let found: String = found.iter().map(|it| format!("{}:{} {}\n", it.file, it.line, it.rule)).collect();
    if env::var_os("UPDATE").is_some() {
        fs::write(&table, &found).unwrap();
    }
    assert_eq!(fs::read_to_string(&table).unwrap(), found);
}

#[test]
fn every_rule_is_broken_by_a_case() {
    let mut broken = BTreeSet::new();
    files::walk(&corpus("cases"), &[], &mut |path| {
        broken.extend(expected(&corpus("cases"), path).into_iter().map(|(_, _, rule)| rule));
        Ok(())
    })
    .unwrap();
    let never: Vec<_> = rules::rules().map(|(id, ..)| id).filter(|id| !broken.contains(*id)).collect();
    assert!(never.is_empty(), "no case breaks {never:?}");
}

fn text(path: &str) -> String {
    fs::read_to_string(world().root.join(path)).unwrap()
}

/// The files laid over each other, with the defaults of all variables.
fn stack(client: &Path, files: &[&str]) -> Value {
    let source = |path: &&str| Source { path: (*path).to_owned(), text: text(path) };
    Model::read(client, &world().root, files.iter().map(source).collect()).unwrap().json
}

#[test]
fn prometheus_reads_each_process_at_the_port_it_serves_natively_and_in_containers() {
    let Some(client) = client() else { return };
    let services = &stack(&client, &["compose.yaml"])["services"];
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
    let Some(client) = client() else { return };
    let files = ["compose.yaml", "infra/compose.prod.yaml", "infra/compose.tls.yaml"];
    let (stack, written) = (stack(&client, &files), files.map(text).concat());
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
    let Some(client) = client() else { return };
    let stack = stack(&client, &["compose.yaml", "infra/compose.prod.yaml"]);
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
    let Some(client) = client() else { return };
    let stack = stack(&client, &["compose.yaml"]);
    let postgres = &stack["services"]["postgres"];
    let mount = compose::items(&postgres["volumes"]).find(|mount| mount["type"] == "bind").unwrap();
    let rules = fs::read_to_string(mount["source"].as_str().unwrap()).unwrap();
    let rules = rules.lines().filter(|line| !line.starts_with('#'));
    let rules: Vec<Vec<_>> = rules.map(|line| line.split_whitespace().collect()).collect();
    assert!(rules.contains(&vec!["host", "replication", "squall", "samenet", "scram-sha-256"]));
    let open: Vec<_> = rules.iter().filter(|rule| rule[0] != "local" && rule[4] != "scram-sha-256").collect();
    assert!(open.is_empty(), "without a password: {open:?}");
    let wanted = format!("-chba_file={}", mount["target"].as_str().unwrap());
    assert!(compose::items(&postgres["command"]).any(|word| *word == wanted), "PostgreSQL does not read it");
    assert_eq!(compose::entries(&postgres["networks"]).map(|(name, _)| name).collect::<Vec<_>>(), ["data"]);
}

#[test]
fn tests_in_containers_have_a_stack_of_their_own_that_keeps_nothing() {
    let Some(client) = client() else { return };
    let stack = stack(&client, &["compose.yaml", "infra/compose.test.yaml"]);
    assert_eq!(stack["name"], "squall-test");
    assert_eq!(compose::items(&stack["services"]["postgres"]["volumes"]).count(), 0);
}

#[test]
fn storage_in_production_refuses_the_secret_that_everybody_knows() {
    let Some(client) = client() else { return };
    let production = stack(&client, &["compose.yaml", "infra/compose.prod.yaml"]);
    // The entrypoint of the job before the server, as production has it.
    let is_made_with = |secret: Option<&str>| {
        let words: Vec<_> = compose::items(&production["services"]["bucket"]["entrypoint"]).collect();
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
    let base = stack(&client, &["compose.yaml"]);
    let known = base["services"]["s3"]["environment"]["ROOT_SECRET_KEY"].as_str().unwrap();
    assert!(!is_made_with(None) && !is_made_with(Some("")) && !is_made_with(Some(known)));
    assert!(is_made_with(Some("5f0c6c3b9a")));
}

#[test]
fn a_file_system_in_memory_has_a_size() {
    let Some(client) = client() else { return };
    for files in [&["compose.yaml"][..], &["compose.yaml", "infra/compose.test.yaml"]] {
        let stack = stack(&client, files);
        let mounts =
            compose::entries(&stack["services"]).flat_map(|(_, service)| compose::items(&service["tmpfs"]));
        let options: Vec<_> = mounts.filter_map(Value::as_str).collect();
        assert!(options.len() >= 8 && options.iter().all(|options| options.contains("size=")), "{options:?}");
    }
}
