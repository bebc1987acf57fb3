//! The API description is whole, and is the one the web app was made from.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should end")]

use serde_json::Value;
use squall_api::{AppState, config::Config, openapi};
use squall_base::Environment;
use std::collections::BTreeSet;

fn description() -> String {
    let lookup = |name: &str| (name == "DATABASE_URL").then(|| "postgres://unused".to_owned());
    let config = Config::read(Environment::from_lookup(lookup)).unwrap();
    openapi::json(&AppState::new(sqlx::PgPool::connect_lazy("postgres://unused").unwrap(), config)).unwrap()
}

#[tokio::test]
async fn every_operation_has_a_name_of_its_own_and_says_how_it_fails() {
    let document: Value = serde_json::from_str(&description()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name =
                operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no name"));
            assert!(names.insert(name.to_owned()), "{name} stands twice");
            assert!(operation["summary"].is_string(), "{name} says nothing of what it does");
            if operation.get("security").is_some() && !matches!(name, "list_users" | "list_projects") {
                let failures = operation["responses"]
                    .as_object()
                    .unwrap()
                    .keys()
                    .filter(|status| status.starts_with('4'));
                assert!(failures.count() > 0, "{name} names no failure");
            }
        }
    }
}

#[tokio::test]
async fn the_committed_description_is_the_one_of_the_code() {
    let committed = include_str!("../../web/openapi.json");
    assert!(committed == description(), "web/openapi.json is stale: run `cargo xtask openapi`");
}
