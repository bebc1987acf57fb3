//! The SQL texts in sqlx's macros are those that .sqlx describes. Whether the descriptions are right is a test of
//! `migrations`, which has a server.

use crate::{
    crates::folders,
    source::{File, files, root, text},
};
use anyhow::{Context, Result, anyhow};
use proc_macro2::{TokenStream, TokenTree};
use serde_json::Value;
use std::{collections::BTreeMap, fs};

/// SQL texts, and where each is.
type Queries = BTreeMap<String, String>;

/// What cargo compiles of a package.
pub const SOURCES: [&str; 4] = ["src", "tests", "benches", "examples"];

fn used() -> Result<Queries> {
    let mut used = Queries::new();
    for package in folders()? {
        let folders = SOURCES.map(|folder| format!("{package}/{folder}"));
        for folder in folders.iter().filter(|folder| root().join(folder).is_dir()) {
            for file in files(folder, &[".rs"])? {
                let tokens = file.text.parse().map_err(|error| anyhow!("{}: {error}", file.path))?;
                collect(tokens, &package, &file, &mut used)?;
            }
        }
    }
    Ok(used)
}

fn described() -> Result<Queries> {
    let query = |file: File| {
        // A damaged file describes a query that no source has.
        let description: Value = serde_json::from_str(&file.text).unwrap_or_default();
        (description["query"].as_str().unwrap_or_default().to_owned(), file.path)
    };
    Ok(files(".sqlx", &[".json"])?.into_iter().map(query).collect())
}

/// The queries in the macros of a file, also in those that other macros get.
fn collect(tokens: TokenStream, package: &str, file: &File, into: &mut Queries) -> Result<()> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        if let [.., TokenTree::Ident(name), TokenTree::Punct(mark)] = &tokens[..at]
            && mark.as_char() == '!'
            && let Some(call) = Macro::named(&name.to_string())
        {
            let place = format!("{}:{}", file.path, name.span().start().line);
            let sql =
                call.sql(group.stream(), package).with_context(|| format!("reading {name}! in {place}"))?;
            into.insert(sql, place);
        }
        collect(group.stream(), package, file, into)?;
    }
    Ok(())
}

/// One of sqlx's macros that check a query.
struct Macro {
    /// Its first argument is a type.
    is_typed: bool,
    /// It has a path instead of a text.
    is_file: bool,
}

impl Macro {
    fn named(name: &str) -> Option<Self> {
        let name = name.strip_prefix("query")?;
        let name = name.strip_suffix("_unchecked").unwrap_or(name);
        let (kind, is_file) = name.strip_prefix("_file").map_or((name, false), |kind| (kind, true));
        ["", "_as", "_scalar"].contains(&kind).then_some(Self { is_typed: kind == "_as", is_file })
    }

    /// The SQL among the arguments of a call: literals joined with `+`.
    fn sql(&self, arguments: TokenStream, package: &str) -> Result<String> {
        let is =
            |token: &TokenTree, mark: char| matches!(token, TokenTree::Punct(it) if it.as_char() == mark);
        // A comma between the arguments of a type separates none of the macro's.
        let mut depth = 0;
        let arguments: Vec<TokenTree> = arguments.into_iter().collect();
        let arguments = arguments.split(|token| {
            depth += i32::from(is(token, '<')) - i32::from(is(token, '>'));
            depth == 0 && is(token, ',')
        });
        let argument = arguments.into_iter().nth(usize::from(self.is_typed)).unwrap_or_default();
        let literals = argument.split(|token| is(token, '+')).map(|tokens| match tokens {
            [TokenTree::Literal(literal)] => text(literal),
            _ => None,
        });
        let literals: Option<String> = literals.collect();
        let sql = literals.context("its SQL is not a string literal; write it as one")?;
        if self.is_file {
            return fs::read_to_string(root().join(package).join(&sql))
                .with_context(|| format!("reading {sql}"));
        }
        Ok(sql)
    }
}

/// A line for each query that only one side has.
fn differences(used: &Queries, described: &Queries) -> Vec<String> {
    let line = |(sql, place): (&String, &String), what: &str| {
        format!("{place} {what}: {}", sql.trim().lines().next().unwrap_or_default())
    };
    let missing = used.iter().filter(|(sql, _)| !described.contains_key(*sql));
    let stale = described.iter().filter(|(sql, _)| !used.contains_key(*sql));
    let missing = missing.map(|query| line(query, "has a query that no file of .sqlx describes"));
    missing.chain(stale.map(|query| line(query, "describes a query that no source has"))).collect()
}

#[test]
fn each_query_of_the_sources_is_described_and_no_other() -> Result<()> {
    let differences = differences(&used()?, &described()?);
    assert!(
        differences.is_empty(),
        "run `cargo xtask generated queries`, and commit what it changes:\n{}",
        differences.join("\n")
    );
    Ok(())
}

#[test]
fn the_text_of_a_query_is_what_sqlx_reads() -> Result<()> {
    let code = r####"
        fn one() { sqlx::query!("select \"a\"\n \
            from b", x, "no") }
        #[cfg(test)]
        mod tests { fn two() { assert!(query_as!(Map<A, crate::B>, r#"select "c""#).is(1)) } }
        fn three() { query_scalar_unchecked!["select " + r"d" + " from e", &f] }
        fn four() { query_file_as_unchecked!(A, "sql/0001_initial.sql") }
        fn five() { query("not!"); query_as::<_, A>("not"); query != ("not"); other_query!("not") }
        // query!("not")
        const SIX: &str = "query!(\"not\")";
    "####;
    let found = |code: &str| {
        let file = File { path: "api/src/a.rs".to_owned(), text: String::new() };
        let (tokens, mut queries) = (code.parse().map_err(|error| anyhow!("{error}"))?, Queries::new());
        collect(tokens, "migrations", &file, &mut queries).map(|()| queries)
    };
    let initial = fs::read_to_string(root().join("migrations/sql/0001_initial.sql"))?;
    let expected = [
        ("select \"a\"\n from b", "api/src/a.rs:2"),
        ("select \"c\"", "api/src/a.rs:5"),
        ("select d from e", "api/src/a.rs:6"),
        (&initial, "api/src/a.rs:7"),
    ];
    assert_eq!(found(code)?, expected.map(|(sql, place)| (sql.to_owned(), place.to_owned())).into());
    let refused = found("\nquery_as!(A, SQL)").unwrap_err();
    assert!(
        format!("{refused:#}").starts_with("reading query_as! in api/src/a.rs:2: its SQL is not"),
        "{refused:#}"
    );
    Ok(())
}

#[test]
fn a_query_without_a_description_and_a_description_without_a_query_are_named() {
    let queries =
        |of: &[(&str, &str)]| of.iter().map(|(sql, place)| (sql.to_string(), place.to_string())).collect();
    let used = queries(&[("select 1", "api/src/a.rs:1"), ("\n  select 2\nfrom a", "api/src/a.rs:2")]);
    let described = queries(&[("select 1", ".sqlx/query-1.json"), ("select 3", ".sqlx/query-3.json")]);
    assert_eq!(
        differences(&used, &described),
        [
            "api/src/a.rs:2 has a query that no file of .sqlx describes: select 2",
            ".sqlx/query-3.json describes a query that no source has: select 3",
        ]
    );
}
