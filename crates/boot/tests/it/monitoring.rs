//! The dashboard, the alert rules and the docs speak of metrics that exist, by labels and values
//! they have.

use serde_json::Value;
use squall_boot::metrics::{ALL, Kind, Metric, markdown};
use std::{collections::BTreeSet, path::Path, process::Command};

const DASHBOARD: &str = include_str!("../../../../infra/monitoring/grafana/squall.json");
const ALERTS: &str = include_str!("../../../../infra/monitoring/alerts.yml");
const ALERT_TESTS: &str = include_str!("../../../../infra/monitoring/alerts_test.yml");

/// A metric in an expression, with the label matchers in its braces.
#[derive(Debug)]
struct Mention<'a> {
    name: &'a str,
    selector: &'a str,
}

/// Every metric that a text mentions.
fn mentions(text: &str) -> Vec<Mention<'_>> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = ["squall_", "process_"].iter().filter_map(|prefix| rest.find(prefix)).min() {
        let is_inside = rest[..start].ends_with(is_name);
        let name_end = rest[start..].find(|c| !is_name(c)).map_or(rest.len(), |length| start + length);
        let (name, behind) = (&rest[start..name_end], &rest[name_end..]);
        let selector = behind.strip_prefix('{').and_then(|it| it.split_once('}')).map_or("", |it| it.0);
        if !is_inside {
            found.push(Mention { name, selector });
        }
        rest = behind;
    }
    found
}

fn metric(name: &str) -> Option<&'static Metric> {
    let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
    ALL.iter().find(|metric| match metric.kind {
        Kind::Histogram => Some(metric.name) == of_histogram,
        _ => metric.name == name,
    })
}

/// Fails on a mention of what does not exist.
fn assert_exists(place: &str, mention: &Mention<'_>) {
    let Mention { name, selector } = mention;
    let metric = metric(name).unwrap_or_else(|| panic!("{place} names {name}, which no process serves"));
    for condition in selector.split(',').filter(|it| !it.trim().is_empty()) {
        let (label, value) = condition.split_once(['=', '!']).unwrap();
        // What Prometheus and histograms add by themselves.
        if ["job", "instance", "le"].contains(&label.trim()) {
            continue;
        }
        let known = metric.labels.iter().find(|(it, _)| *it == label.trim());
        let (_, values) = known.unwrap_or_else(|| panic!("{place}: {name} has no label {label}"));
        let value = value.trim_matches(['=', '~', '"', '\\', ' ']);
        assert!(values.is_empty() || values.contains(&value), "{place}: {name} has no {label} {value}");
    }
}

/// All values of a key, wherever they stand.
fn texts<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    match value {
        Value::Object(fields) => {
            let own = fields.get(key).and_then(Value::as_str);
            own.into_iter().chain(fields.values().flat_map(|it| texts(it, key))).collect()
        }
        Value::Array(items) => items.iter().flat_map(|it| texts(it, key)).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn the_dashboard_shows_metrics_that_exist_and_every_one_of_ours() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let expressions = texts(&dashboard, "expr").join("\n");
    let mentions = mentions(&expressions);
    mentions.iter().for_each(|mention| assert_exists("the dashboard", mention));
    let shown: BTreeSet<_> = mentions.iter().filter_map(|it| metric(it.name)).map(|it| it.name).collect();
    for metric in ALL.iter().filter(|metric| metric.name.starts_with("squall_")) {
        assert!(shown.contains(metric.name), "the dashboard does not show {}", metric.name);
    }
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "two panels have one id");
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{}", panel["title"]);
    }
}

#[test]
fn the_alert_rules_read_metrics_that_exist() {
    for (place, text) in [("alerts.yml", ALERTS), ("alerts_test.yml", ALERT_TESTS)] {
        let text =
            text.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n");
        let mentions = mentions(&text);
        assert!(mentions.len() > 5, "{place} mentions only {mentions:?}");
        for mention in &mentions {
            // A sentence names the family of a histogram.
            if ALL.iter().all(|metric| metric.name != mention.name) {
                assert_exists(place, mention);
            }
        }
    }
}

#[test]
fn a_mention_of_what_does_not_exist_is_found() {
    for text in [
        "rate(squall_events_lost_total[5m])",
        "squall_inbox_events{state=\"lost\"}",
        "squall_inbox_events{colour=\"red\"}",
        "squall_http_request_seconds",
    ] {
        let found = mentions(text);
        assert!(std::panic::catch_unwind(|| assert_exists("here", &found[0])).is_err(), "{text}");
    }
    assert!(mentions("my_squall_thing").is_empty());
}

/// `cargo xtask test rust` leaves this module out, and reports it, where promtool is missing.
mod promtool {
    use super::{Command, Path};

    #[test]
    fn it_takes_the_rules_and_their_tests() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/monitoring");
        for arguments in [
            ["check", "config", "prometheus.yml"],
            ["check", "rules", "alerts.yml"],
            ["test", "rules", "alerts_test.yml"],
        ] {
            let output = Command::new("promtool").args(arguments).current_dir(&folder).output().unwrap();
            let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "promtool {arguments:?}: {printed}");
        }
    }
}

#[test]
fn the_table_of_the_docs_is_the_one_of_the_code() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/metrics.md");
    squall_base::docs::keep(&page, "# Metrics", &markdown()).unwrap();
}
