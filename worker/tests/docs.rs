//! The docs say what the binary says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should end")]

use sqlx::{AssertSqlSafe, PgPool};
use squall_base::environment::{KNOWN_VARIABLES, markdown};
use squall_boot::docs;
use squall_worker::config::Config;
use std::path::Path;

#[test]
fn the_table_of_the_docs_is_the_one_of_the_binary() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    docs::keep(&page, "## The worker", &markdown(&Config::variables())).unwrap();
}

#[test]
fn every_variable_is_known_to_the_other_programs() {
    for variable in Config::variables().iter().filter(|variable| variable.name.starts_with("SQUALL_")) {
        assert!(KNOWN_VARIABLES.contains(&variable.name), "add {} to KNOWN_VARIABLES", variable.name);
    }
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn the_queries_of_the_docs_run_on_the_schema(pool: PgPool) {
    let page = include_str!("../../docs/troubleshooting.md");
    let queries: Vec<_> =
        page.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(queries.len() >= 5, "only {} queries", queries.len());
    for query in queries {
        let ran = sqlx::query(AssertSqlSafe(query.trim().to_owned())).fetch_all(&pool).await;
        assert!(ran.is_ok(), "{query}: {ran:?}");
    }
}

/// A page that names a variable nobody reads, or a file that is not there, sends a person astray.
#[test]
fn the_docs_name_variables_and_pages_that_exist() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    // Those of the edge and of Compose, which xtask's tests compare with what reads them.
    let example = std::fs::read_to_string(folder.join("../.env.example")).unwrap();
    for page in ["configuration.md", "metrics.md", "operations.md", "security.md", "troubleshooting.md"] {
        let text = std::fs::read_to_string(folder.join(page)).unwrap();
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        for rest in text.split("`SQUALL_").skip(1) {
            let name = format!("SQUALL_{}", rest.chars().take_while(|c| is_name(*c)).collect::<String>());
            assert!(
                name == "SQUALL_"
                    || KNOWN_VARIABLES.contains(&name.as_str())
                    || example.contains(&format!("# {name}=")),
                "{page} names {name}, which nothing reads"
            );
        }
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let is_outside = link.starts_with("http");
            assert!(is_outside || folder.join(link).exists(), "{page} leads to {link}, which is not there");
        }
    }
}
