//! The API description is complete, and is the one that the web app was generated from.

use serde_json::Value;
use squall_api::{openapi, routes};
use std::collections::BTreeSet;

fn description() -> String {
    openapi::json(&routes::description()).unwrap()
}

#[test]
fn every_operation_has_a_unique_name_a_summary_and_its_failures() {
    let document: Value = serde_json::from_str(&description()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name =
                operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no name"));
            assert!(names.insert(name.to_owned()), "{name} occurs twice");
            assert!(operation["summary"].is_string(), "{name} has no summary");
            if operation.get("security").is_some() && !matches!(name, "list_users" | "list_projects") {
                let failures = operation["responses"]
                    .as_object()
                    .unwrap()
                    .keys()
                    .filter(|status| status.starts_with('4'));
                assert!(failures.count() > 0, "{name} lists no failure");
            }
        }
    }
}

#[test]
fn the_committed_description_is_up_to_date() {
    let committed = include_str!("../../../web/openapi.json");
    assert!(committed == description(), "web/openapi.json is stale: run `cargo xtask generated openapi`");
}
