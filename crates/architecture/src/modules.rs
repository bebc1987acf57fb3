//! Modules inside a crate: siblings do not import each other in a cycle, and some do not import
//! each other at all.
//!
//! Imports between a parent and its children are fine in both directions: a parent joins its
//! children, and a child uses the types of its parent.

use crate::{
    crates::folders,
    source::{File, Module, files, modules},
};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Modules whose children do not import each other: only the parent joins them.
const SEPARATE: &[(&str, &str)] = &[("api", "routes"), ("worker", "pipeline")];

/// Modules that nothing but these imports; "" is the root of the crate.
const ONLY_IMPORTED_BY: &[(&str, &str, &[&str])] = &[
    // The domain (issues, projects, keys, …) does not know HTTP.
    ("api", "routes", &["", "openapi"]),
    // Stages are run; nothing reads what is in them.
    ("worker", "pipeline", &[""]),
];

/// An import from one module to another, by the names they have under their nearest common parent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    from: String,
    to: String,
    evidence: String,
}

/// The imports between siblings, by their parent.
fn edges(modules: &[Module]) -> BTreeMap<String, Vec<Edge>> {
    let known: BTreeSet<&[String]> = modules.iter().map(|module| &module.path[..]).collect();
    let mut edges: BTreeMap<String, Vec<Edge>> = BTreeMap::new();
    for module in modules {
        for import in &module.imports {
            let target = (0..=import.path.len()).rev().map(|end| &import.path[..end]);
            let Some(target) = target.into_iter().find(|path| known.contains(path)) else { continue };
            let common = module.path.iter().zip(target).take_while(|(one, other)| one == other).count();
            let (Some(from), Some(to)) = (module.path.get(common), target.get(common)) else { continue };
            let evidence = format!("{}:{} uses {}", module.file, import.line, import.path.join("::"));
            let edge = Edge { from: from.clone(), to: to.clone(), evidence };
            edges.entry(module.path[..common].join("::")).or_default().push(edge);
        }
    }
    edges
}

/// The cycles among siblings: for each import in one, the shortest.
fn cycles(edges: &[Edge]) -> BTreeSet<Vec<String>> {
    let cycle = |edge: &Edge| {
        let mut ways = VecDeque::from([vec![edge.from.clone(), edge.to.clone()]]);
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop_front() {
            let last = way.last()?;
            if last == &edge.from {
                return Some(way);
            }
            for next in edges.iter().filter(|next| next.from == *last) {
                if seen.insert(&next.to) {
                    ways.push_back([&way[..], std::slice::from_ref(&next.to)].concat());
                }
            }
        }
        None
    };
    edges.iter().filter_map(cycle).map(|way| from_the_first(&way)).collect()
}

/// The same cycle, whichever import it was found by.
fn from_the_first(way: &[String]) -> Vec<String> {
    let cycle = &way[..way.len() - 1];
    let first = cycle.iter().enumerate().min_by_key(|(_, name)| *name).map_or(0, |(index, _)| index);
    [&cycle[first..], &cycle[..=first]].concat()
}

fn broken_rules(folder: &str, modules: &[Module]) -> Vec<String> {
    let edges = edges(modules);
    let mut broken = Vec::new();
    for (parent, edges) in &edges {
        let inside = if parent.is_empty() { folder.to_owned() } else { format!("{folder} {parent}") };
        for cycle in cycles(edges) {
            broken.push(format!("{inside}: {} is a cycle", cycle.join(" → ")));
            for pair in cycle.windows(2) {
                let of_pair = edges.iter().filter(|edge| [&edge.from, &edge.to] == [&pair[0], &pair[1]]);
                broken.extend(
                    of_pair.map(|edge| format!("    {} → {}: {}", edge.from, edge.to, edge.evidence)),
                );
            }
        }
        if SEPARATE.contains(&(folder, parent)) {
            broken.extend(edges.iter().map(|edge| {
                format!("{inside}: {} imports its sibling {}: {}", edge.from, edge.to, edge.evidence)
            }));
        }
        for (_, closed, importers) in
            ONLY_IMPORTED_BY.iter().filter(|(of, ..)| *of == folder && parent.is_empty())
        {
            let wrong =
                edges.iter().filter(|edge| edge.to == *closed && !importers.contains(&edge.from.as_str()));
            broken.extend(
                wrong.map(|edge| format!("{folder}: {} imports {closed}: {}", edge.from, edge.evidence)),
            );
        }
    }
    broken
}

fn read(folder: &str) -> Result<Vec<File>> {
    files(&format!("{folder}/src"), &[".rs"])
}

fn check(folder: &str, files: &[File]) -> Result<Vec<String>> {
    Ok(broken_rules(folder, &modules(&format!("{folder}/src"), files)?))
}

#[test]
fn no_modules_import_each_other_in_a_cycle_and_separate_ones_not_at_all() -> Result<()> {
    let mut broken = Vec::new();
    for folder in folders()? {
        broken.extend(check(&folder, &read(&folder)?)?);
    }
    assert!(
        broken.is_empty(),
        "move what both need into a module that neither is, or pass it in from the parent:\n{}",
        broken.join("\n")
    );
    Ok(())
}

#[test]
fn a_cycle_a_stage_that_imports_a_stage_and_a_domain_that_imports_a_route_are_found() -> Result<()> {
    for (folder, file, line, expected) in [
        ("crates/grouping", "mask.rs", "use crate::grouper::Grouper;", "is a cycle"),
        ("worker", "pipeline/retain.rs", "use super::poll::Poll;", "retain imports its sibling poll"),
        ("worker", "partitions.rs", "use crate::pipeline::Progress;", "partitions imports pipeline"),
        ("api", "error.rs", "use crate::routes::issues;", "error imports routes"),
    ] {
        let mut files = read(folder)?;
        let path = format!("{folder}/src/{file}");
        let target = files.iter_mut().find(|file| file.path == path);
        target.unwrap_or_else(|| panic!("{path} is not there any more")).text.push_str(line);
        let broken = check(folder, &files)?.join("\n");
        assert!(broken.contains(expected), "{folder}: {line} is not found:\n{broken}");
    }
    Ok(())
}

#[test]
fn a_cycle_is_shown_once_with_every_import_in_it() -> Result<()> {
    let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
    let files = [
        file("x/src/lib.rs", "mod a; mod b; mod c;"),
        file("x/src/a.rs", "use crate::b::inner::B; mod below;"),
        file("x/src/a/below.rs", "use super::A;"),
        file("x/src/b.rs", "pub mod inner;"),
        file("x/src/b/inner.rs", "use crate::c::C;"),
        file("x/src/c.rs", "fn c() { crate::a::below::call() }"),
    ];
    assert_eq!(
        check("x", &files)?,
        [
            "x: a → b → c → a is a cycle",
            "    a → b: x/src/a.rs:1 uses b::inner::B",
            "    b → c: x/src/b/inner.rs:1 uses c::C",
            "    c → a: x/src/c.rs:1 uses a::below::call",
        ]
    );
    Ok(())
}
