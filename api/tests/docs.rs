//! The docs say what the binary says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should end")]

use squall_api::config::Config;
use squall_boot::{
    config::{KNOWN, markdown},
    docs,
};
use std::path::Path;

#[test]
fn the_table_of_the_docs_is_the_one_of_the_binary() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/configuration.md");
    docs::keep(&page, "## The api", &markdown(&Config::knobs())).unwrap();
}

#[test]
fn every_variable_is_known_to_the_other_programs() {
    for knob in Config::knobs().iter().filter(|knob| knob.name.starts_with("SQUALL_")) {
        assert!(KNOWN.contains(&knob.name), "add {} to squall_boot::config::KNOWN", knob.name);
    }
}
