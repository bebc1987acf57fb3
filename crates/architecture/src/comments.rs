//! Where a step only compiles a source, `cargo xtask ci` leaves its comments out of the step's key. So no
//! program may contain a source as a text.

use crate::{
    crates::folders,
    queries::SOURCES,
    source::{files, root, text},
};
use anyhow::{Result, anyhow};
use proc_macro2::{TokenStream, TokenTree};

/// The macros that put a file into a program as it is.
const INCLUDING: [&str; 2] = ["include_str", "include_bytes"];

/// The Rust sources that a file includes as texts.
fn included(tokens: TokenStream) -> Vec<String> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        found.extend(included(group.stream()));
        if let [.., TokenTree::Ident(name), TokenTree::Punct(_)] = &tokens[..at]
            && INCLUDING.iter().any(|including| name == including)
        {
            found.extend(literals(group.stream()).into_iter().filter(|path| path.ends_with(".rs")));
        }
    }
    found
}

/// The texts among tokens, also in macros that join them.
fn literals(tokens: TokenStream) -> Vec<String> {
    let texts = tokens.into_iter().map(|token| match token {
        TokenTree::Literal(literal) => text(&literal).into_iter().collect(),
        TokenTree::Group(group) => literals(group.stream()),
        _ => Vec::new(),
    });
    texts.collect::<Vec<_>>().concat()
}

#[test]
fn no_program_contains_the_text_of_a_source() -> Result<()> {
    for package in folders()? {
        let folders = SOURCES.map(|folder| format!("{package}/{folder}"));
        for folder in folders.iter().filter(|folder| root().join(folder).is_dir()) {
            for file in files(folder, &[".rs"])? {
                let tokens = file.text.parse().map_err(|error| anyhow!("{}: {error}", file.path))?;
                assert_eq!(included(tokens), Vec::<String>::new(), "{} includes a source", file.path);
            }
        }
    }
    Ok(())
}

#[test]
fn a_source_that_another_includes_is_found() {
    let code = r#"mod a { const A: &str = include_str!("a.rs"); const B: &str = include_str!("b.txt");
        const C: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/c.rs")); }"#;
    assert_eq!(included(code.parse().unwrap()), ["a.rs", "/src/c.rs"]);
}
