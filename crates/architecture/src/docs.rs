//! The docs name variables that exist, and their links lead somewhere.

use crate::source;
use squall_base::environment::KNOWN_VARIABLES;
use std::{fs, path::PathBuf};

/// The Markdown pages of these folders.
fn pages(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let root = source::root();
    let entries = folders.iter().flat_map(|folder| fs::read_dir(root.join(folder)).unwrap());
    let paths = entries.map(|entry| entry.unwrap().path());
    let pages = paths.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

const DOCS: [&str; 4] = ["docs", "docs/guide", "docs/reference", "docs/internals"];

#[test]
fn the_docs_name_variables_that_something_reads() {
    let root = source::root();
    // Other tests compare these two with the programs that read them.
    let example = fs::read_to_string(root.join(".env.example")).unwrap();
    let edge = fs::read_to_string(root.join("docs/reference/edge.md")).unwrap();
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    for (path, text) in pages(&DOCS) {
        for rest in text.split("`SQUALL_").skip(1) {
            let name = format!("SQUALL_{}", rest.chars().take_while(|c| is_name(*c)).collect::<String>());
            let is_read = name == "SQUALL_"
                || KNOWN_VARIABLES.contains(&name.as_str())
                || example.contains(&format!("# {name}="))
                || edge.contains(&format!("| `{name}` |"));
            assert!(is_read, "{} names {name}, which nothing reads", path.display());
        }
    }
}

#[test]
fn the_links_of_the_docs_lead_to_files_and_headings() {
    let folders: Vec<&str> = DOCS.into_iter().chain(["", "migrations"]).collect();
    for (path, text) in pages(&folders) {
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.starts_with("http")) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let linked = if file.is_empty() { path.clone() } else { path.with_file_name(file) };
            assert!(linked.exists(), "{} links to {target}, which does not exist", path.display());
            let has_heading = anchor.is_empty()
                || fs::read_to_string(&linked)
                    .unwrap()
                    .lines()
                    .any(|line| anchor_of(line) == Some(anchor.into()));
            assert!(has_heading, "{} links to {target}, which has no such heading", path.display());
        }
    }
}

/// The anchor of a heading, as GitHub makes it.
fn anchor_of(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    Some(kept.map(|c| if c == ' ' { '-' } else { c }).collect())
}
