//! The files of .sqlx, from which the sources are compiled without a database, hold what the server says.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Database, Executor, PgPool, Postgres, SqlSafeStr};
use std::{collections::BTreeMap, fs};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.sqlx");

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn the_server_describes_each_query_as_its_file_does(pool: PgPool) {
    let mut differences = Vec::new();
    for entry in fs::read_dir(FOLDER).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_name().unwrap().to_string_lossy();
            differences.extend(difference(&pool, &name, &fs::read_to_string(&path).unwrap()).await);
        }
    }
    differences.sort();
    assert!(
        differences.is_empty(),
        "files of .sqlx differ from the queries on the migrated schema; run `cargo xtask generated queries`, and \
         commit what it changes:\n{}",
        differences.join("\n")
    );
}

/// What differs between a file and what sqlx's macros would write for its query.
async fn difference(pool: &PgPool, name: &str, text: &str) -> Option<String> {
    let mut file: Value = match serde_json::from_str(text) {
        Ok(file) => file,
        Err(error) => return Some(format!(".sqlx/{name} is not JSON: {error}")),
    };
    let query = file["query"].as_str().unwrap_or_default().to_owned();
    let heading = format!(".sqlx/{name}: {}", query.trim().lines().next().unwrap_or_default());
    let described = match pool.describe(AssertSqlSafe(query.clone()).into_sql_str()).await {
        Ok(described) => described,
        Err(error) => return Some(format!("{heading}\n    the server refuses it: {error}")),
    };
    let hash: String = Sha256::digest(&query).iter().map(|byte| format!("{byte:02x}")).collect();
    file["file name"] = json!(name);
    let expected = json!({
        "file name": format!("query-{hash}.json"),
        "db_name": Postgres::NAME,
        "query": query,
        "describe": described,
        "hash": hash,
    });
    let (found, expected) = (leaves(&file), leaves(&expected));
    let places = found.keys().chain(expected.keys().filter(|place| !found.contains_key(*place)));
    let value = |of: &BTreeMap<_, _>, place| of.get(place).cloned().unwrap_or_else(|| "absent".to_owned());
    let lines = places.filter(|place| found.get(*place) != expected.get(*place)).map(|place| {
        format!("\n    {place} is {}, and should be {}", value(&found, place), value(&expected, place))
    });
    let lines: String = lines.collect();
    (!lines.is_empty()).then(|| heading + &lines)
}

/// The values of a document by their places, such as `describe.nullable.0`.
fn leaves(document: &Value) -> BTreeMap<String, String> {
    let members: Vec<(String, &Value)> = match document {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(at, item)| (at.to_string(), item)).collect(),
        _ => Vec::new(),
    };
    if members.is_empty() {
        return BTreeMap::from([(String::new(), document.to_string())]);
    }
    let inner = members.into_iter().flat_map(|(name, value)| {
        let below =
            move |place: String| if place.is_empty() { name.clone() } else { format!("{name}.{place}") };
        leaves(value).into_iter().map(move |(place, value)| (below(place), value))
    });
    inner.collect()
}

#[sqlx::test(migrator = "squall_migrations::MIGRATOR")]
async fn a_file_that_differs_is_named_with_its_query_and_what_differs(pool: PgPool) {
    const NAME: &str = "query-f41087fb1d28cde68645038b9ad5e4f1f38bd68c5e7e5c05ccb20ecadb745727.json";
    let file = json!({
        "db_name": "PostgreSQL",
        "query": "\n select id\n from projects",
        "describe": {
            "columns": [{
                "ordinal": 0,
                "name": "id",
                "type_info": "Int8",
                "origin": { "Table": { "table": "projects", "name": "id" } },
            }],
            "parameters": { "Left": [] },
            "nullable": [false],
        },
        "hash": NAME.trim_start_matches("query-").trim_end_matches(".json"),
    });
    let changed = |change: fn(&mut Value)| {
        let mut file = file.clone();
        change(&mut file);
        file.to_string()
    };
    assert_eq!(difference(&pool, NAME, &file.to_string()).await, None);
    for (name, text, expected) in [
        (
            NAME,
            changed(|file| file["describe"]["nullable"] = json!([true])),
            "describe.nullable.0 is true, and should be false",
        ),
        (
            NAME,
            changed(|file| file["describe"]["nullable"] = json!([])),
            "describe.nullable is [], and should be absent",
        ),
        (NAME, changed(|file| file["hash"] = json!("5d")), "hash is \"5d\", and should be \"f410"),
        ("query-5d.json", file.to_string(), "file name is \"query-5d.json\", and should be \"query-f410"),
        (NAME, changed(|file| file["query"] = json!("select id\nfrom project")), "the server refuses it: "),
    ] {
        let difference = difference(&pool, name, &text).await.unwrap();
        assert!(difference.starts_with(&format!(".sqlx/{name}: select id\n    ")), "{difference}");
        assert!(difference.contains(expected), "{difference}");
    }
    let difference = difference(&pool, NAME, "{").await.unwrap();
    assert!(difference.contains("is not JSON"), "{difference}");
}
