//! The docs say what the binary says.

use sqlx::{AssertSqlSafe, PgPool};
use squall_base::docs;
use squall_base::environment::{KNOWN_VARIABLES, markdown};
use squall_worker::config::Config;
use std::path::Path;

#[test]
fn the_table_of_the_docs_is_the_one_of_the_binary() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/configuration.md");
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
    let page = include_str!("../../../docs/guide/troubleshooting.md");
    let queries: Vec<_> =
        page.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(queries.len() >= 5, "only {} queries", queries.len());
    for query in queries {
        let ran = sqlx::query(AssertSqlSafe(query.trim().to_owned())).fetch_all(&pool).await;
        assert!(ran.is_ok(), "{query}: {ran:?}");
    }
}
