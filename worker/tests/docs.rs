//! The docs say what the binary says.

use squall_worker::config::Config;

#[test]
fn the_table_of_the_docs_is_the_one_of_the_binary() {
    let table = squall_boot::config::markdown(&Config::knobs());
    let page = include_str!("../../docs/configuration.md");
    assert!(page.contains(&table), "docs/configuration.md is stale; put in:\n{table}");
}
