//! `cargo xtask ci` takes a comment for no input of a step that only compiles a source. So no source may
//! get into a program as a text.

use crate::{
    crates::folders,
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
            let literals = group.stream().into_iter().filter_map(|token| match token {
                TokenTree::Literal(literal) => text(&literal),
                _ => None,
            });
            found.extend(literals.filter(|path| path.ends_with(".rs")));
        }
    }
    found
}

#[test]
fn no_program_contains_the_text_of_a_source() -> Result<()> {
    for package in folders()? {
        for folder in ["src", "tests"].map(|folder| format!("{package}/{folder}")) {
            if !root().join(&folder).is_dir() {
                continue;
            }
            for file in files(&folder, &[".rs"])? {
                let tokens = file.text.parse().map_err(|error| anyhow!("{}: {error}", file.path))?;
                assert_eq!(included(tokens), Vec::<String>::new(), "{} includes a source", file.path);
            }
        }
    }
    Ok(())
}

#[test]
fn a_source_that_another_includes_is_found() {
    let code = r#"mod a { const A: &str = include_str!("a.rs"); const B: &str = include_str!("b.txt"); }"#;
    assert_eq!(included(code.parse().unwrap()), ["a.rs"]);
}
