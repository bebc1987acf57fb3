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
    let metrics = text("docs/metrics.md");
    assert!(metrics.contains(&format!("SQUALL_METRICS_LISTEN=127.0.0.1:{api} squall-api")));
    assert!(metrics.contains(&format!("http://127.0.0.1:{api}/metrics")));
    assert!(metrics.contains(&format!("on port {api} and the worker on {worker}")));
    assert!(
        text("docs/configuration.md").contains(&format!("| `SQUALL_HEALTH_LISTEN` | `127.0.0.1:{worker}` |"))
    );
}
