//! The docs have the settings of the program.

use squall_api::config::Config;
use squall_base::docs;
use squall_base::environment::{KNOWN_VARIABLES, markdown};
use std::path::Path;

#[test]
fn the_docs_have_every_setting_with_its_default() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/configuration.md");
    docs::keep(&page, "## The api", &markdown(&Config::variables())).unwrap();
}

#[test]
fn every_variable_is_known_to_the_other_programs() {
    for variable in Config::variables().iter().filter(|variable| variable.name.starts_with("SQUALL_")) {
        assert!(KNOWN_VARIABLES.contains(&variable.name), "add {} to KNOWN_VARIABLES", variable.name);
    }
}
