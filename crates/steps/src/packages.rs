//! Which folders a cargo package is built from.

use cargo_metadata::{DependencyKind, Metadata, Package};
use std::collections::BTreeMap;

/// The folders of each package of a workspace with those it is built from, its own tests included.
#[derive(Debug, Clone, Default)]
pub struct Packages(BTreeMap<String, Folders>);

#[derive(Debug, Clone, Default)]
struct Folders {
    /// From the root of the repository, with a slash at the end.
    paths: Vec<String>,
    uses_sqlx: bool,
}

impl Packages {
    /// Reads `cargo metadata --no-deps`.
    pub fn of(metadata: &Metadata) -> Self {
        let folder = |package: &Package| {
            let folder = package.manifest_path.parent().unwrap_or(&package.manifest_path);
            let folder = folder.strip_prefix(&metadata.workspace_root).unwrap_or(folder);
            format!("{folder}/")
        };
        let packages = metadata.packages.iter().map(|package| {
            let closure = closure(metadata, package);
            let mut paths: Vec<_> = closure.iter().map(|package| folder(package)).collect();
            paths.sort();
            let is_sqlx = |package: &&Package| package.dependencies.iter().any(|it| it.name == "sqlx");
            let uses_sqlx = closure.iter().any(is_sqlx);
            (package.name.to_string(), Folders { paths, uses_sqlx })
        });
        Self(packages.collect())
    }

    /// The names of all packages.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The patterns of the files that a package and its tests are compiled from; none if there is no
    /// such package.
    pub fn patterns(&self, package: &str) -> Option<Vec<&str>> {
        let Folders { paths, uses_sqlx } = self.0.get(package)?;
        // All manifests and both lock files: cargo chooses the features of a shared dependency by
        // all packages of the workspace.
        let shared = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", ".cargo/", "**/Cargo.toml"];
        let mut patterns: Vec<_> = shared.into_iter().chain(paths.iter().map(String::as_str)).collect();
        if *uses_sqlx {
            patterns.push(".sqlx/");
        }
        Some(patterns)
    }
}

/// A package, what its tests use, and all of the workspace that these are built from.
fn closure<'a>(metadata: &'a Metadata, package: &'a Package) -> Vec<&'a Package> {
    let mut found = vec![package];
    let mut at = 0;
    while at < found.len() {
        let built_from = found[at].dependencies.iter().filter(|dependency| {
            let is_used = at == 0 || dependency.kind != DependencyKind::Development;
            is_used && dependency.path.is_some()
        });
        for dependency in built_from {
            let package = metadata.packages.iter().find(|package| *package.name == dependency.name);
            found.extend(package.filter(|package| !found.iter().any(|other| other.id == package.id)));
        }
        at += 1;
    }
    found
}
