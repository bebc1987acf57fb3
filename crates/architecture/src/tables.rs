//! Who writes which table: the table in migrations/README.md is what the sources do.

use crate::source::{File, files, modules, root};
use anyhow::{Context, Result};
use regex::Regex;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

/// The programs whose writes count. Benchmarks fill databases of their own.
const PROGRAMS: &[&str] = &["api", "worker", "crates/boot", "crates/intake", "crates/live", "crates/backup"];

/// These compute the name of a table they write; it is always a partition of `events`.
const WRITE_PARTITIONS: &[&str] = &["api", "worker"];
const PARTITIONS: &str = "partitions of events";

/// Tables with the files that write them.
type Writers = BTreeMap<String, BTreeSet<String>>;

fn tables() -> Result<Vec<String>> {
    let schema = fs::read_to_string(root().join("migrations/schema.sql"))?;
    let table = Regex::new(r"(?m)^create table (\w+)")?;
    let names = table.captures_iter(&schema).map(|found| found[1].to_owned());
    Ok(names.chain([PARTITIONS.to_owned()]).collect())
}

fn writes() -> Result<Regex> {
    let table = r#"(?:only )?"?(\w+|\{)"#;
    let verbs = r"insert\s+into|update|delete\s+from|truncate(?:\s+table)?|copy|drop\s+table(?:\s+if\s+exists)?|create\s+table(?:\s+if\s+not\s+exists)?";
    Ok(Regex::new(&format!(r"(?i)\b(?:{verbs})\s+{table}"))?)
}

/// What a program writes, in string literals and in SQL files.
fn writers(program: &str, files: &[File], tables: &[String]) -> Result<Writers> {
    let folder = format!("{program}/src");
    let (rust, sql): (Vec<_>, Vec<_>) = files.iter().cloned().partition(|file| file.path.ends_with(".rs"));
    let in_rust = modules(&folder, &rust)?.into_iter().map(|module| (module.file, module.literals));
    let texts = in_rust.chain(sql.into_iter().map(|file| (file.path, vec![file.text])));
    let (writes, mut writers) = (writes()?, Writers::new());
    for (file, texts) in texts {
        for found in texts.iter().flat_map(|text| writes.captures_iter(text)) {
            let table = match &found[1] {
                "{" if WRITE_PARTITIONS.contains(&program) => PARTITIONS,
                name => name,
            };
            if tables.iter().any(|known| known == table) {
                writers.entry(table.to_owned()).or_default().insert(file.clone());
            }
        }
    }
    Ok(writers)
}

fn read(program: &str) -> Result<Vec<File>> {
    files(&format!("{program}/src"), &[".rs", ".sql"])
}

fn found() -> Result<Writers> {
    let tables = tables()?;
    let mut all: Writers = tables.iter().map(|table| (table.clone(), BTreeSet::new())).collect();
    for program in PROGRAMS {
        for (table, files) in writers(program, &read(program)?, &tables)? {
            all.entry(table).or_default().extend(files);
        }
    }
    Ok(all)
}

/// The rows of the README: `| table | `file`, `file` |`.
fn documented(readme: &str) -> Result<Writers> {
    let rows = readme.lines().skip_while(|line| !line.starts_with("| table | written by |")).skip(2);
    let mut writers = Writers::new();
    for row in rows.take_while(|line| line.starts_with('|')) {
        let mut cells = row.trim_matches('|').split('|').map(str::trim);
        let (table, files) = cells.next().zip(cells.next()).with_context(|| format!("reading {row:?}"))?;
        let files = files.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        writers.insert(table.to_owned(), files);
    }
    Ok(writers)
}

/// As the README shows it, in the order of the schema.
fn rows(writers: &Writers) -> Result<String> {
    let row = |table: String| {
        let files: Vec<_> =
            writers.get(&table).into_iter().flatten().map(|file| format!("`{file}`")).collect();
        let files = if files.is_empty() { "nothing yet".to_owned() } else { files.join(", ") };
        format!("| {table} | {files} |\n")
    };
    Ok(tables()?.into_iter().map(row).collect())
}

#[test]
fn each_table_is_written_by_the_files_that_the_readme_names() -> Result<()> {
    let readme = fs::read_to_string(root().join("migrations/README.md"))?;
    let (documented, found) = (rows(&documented(&readme)?)?, rows(&found()?)?);
    assert!(
        documented == found,
        "a table has another writer than migrations/README.md names. Move the write to the owner of the table, or \
         write what is true into the README:\n{found}\ninstead of\n{documented}"
    );
    Ok(())
}

#[test]
fn a_new_writer_of_a_table_is_found_in_a_literal_and_in_a_file_of_sql() -> Result<()> {
    let tables = tables()?;
    let statements = [
        ("issues", "update issues set status = $1"),
        ("events", "insert\n    into only \"events\" (id)"),
        ("inbox", "with gone as (delete from inbox returning 1) select"),
        ("polls", "COPY polls (id) from stdin"),
        (PARTITIONS, "drop table {name}"),
    ];
    for (table, statement) in statements {
        let code = format!("fn write() {{ query!(r#\"{statement}\"#) }}");
        let rust = File { path: "worker/src/health.rs".to_owned(), text: code };
        let sql = File { path: "worker/src/health.sql".to_owned(), text: statement.to_owned() };
        for file in [rust, sql] {
            let found = writers("worker", std::slice::from_ref(&file), &tables)?;
            assert_eq!(found.get(table), Some(&BTreeSet::from([file.path])), "{statement}");
        }
    }
    let harmless = File {
        path: "worker/src/health.rs".to_owned(),
        text: "// update issues\nfn f() { \"a copy of events\" }".to_owned(),
    };
    assert!(writers("worker", &[harmless], &tables)?.is_empty());
    Ok(())
}
