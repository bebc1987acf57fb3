//! The key of a step: a hash over all that its result depends on.

use crate::{
    packages::Packages,
    step::{Input, Plan, Step},
    tree::{File, Tree},
};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Raised whenever the meaning of a key or the form of a result changes.
const VERSION: &str = "2";

/// What keys are made from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The files of the repository.
    pub tree: Tree,
    /// Its packages.
    pub packages: Packages,
    /// The name of the code of each Rust source, by the name of its content. One without is known by
    /// its content.
    pub codes: BTreeMap<String, String>,
    /// The files of each image's build context.
    pub images: BTreeMap<String, Vec<String>>,
    /// The version of each program; none if it is missing.
    pub tools: BTreeMap<String, Option<String>>,
    /// The declared variables that are set.
    pub environment: BTreeMap<String, String>,
}

impl Sources {
    /// The name of a Rust source's code.
    fn code(&self, file: &File) -> Option<&String> {
        self.codes.get(&file.id).filter(|_| file.path.ends_with(".rs"))
    }
}

/// All that a result depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// What it runs.
    pub plan: String,
    /// Mode and content of each file, by path; of a Rust source that is only compiled, its code.
    pub files: BTreeMap<String, String>,
    /// The output files of needed steps, by step.
    pub outputs: BTreeMap<String, String>,
    /// The version of each program; none if it is missing.
    pub tools: BTreeMap<String, Option<String>>,
    /// The hash of each declared variable that is set: a value may be a secret.
    pub environment: BTreeMap<String, String>,
}

impl Key {
    /// The key of a step, where `outputs` has the hash of the output files of each needed step.
    ///
    /// # Errors
    /// An input names a package or an image that does not exist.
    pub fn of(step: &Step, sources: &Sources, outputs: &BTreeMap<String, String>) -> Result<Self> {
        let needed = step.inputs.iter().filter_map(|input| match input {
            Input::Outputs(step) => Some((step.clone(), outputs.get(step).cloned().unwrap_or_default())),
            _ => None,
        });
        let tool = |name: &String| (name.clone(), sources.tools.get(name).cloned().flatten());
        let variable = |name: &String| {
            let value = sources.environment.get(name)?;
            Some((name.clone(), blake3::hash(value.as_bytes()).to_hex().to_string()))
        };
        Ok(Self {
            plan: serde_json::to_string(&(&step.command, &step.plan, &step.outputs, &step.needs))?,
            files: identities(step, sources)?,
            outputs: needed.collect(),
            tools: step.tools.iter().map(tool).collect(),
            environment: step.environment.iter().filter_map(variable).collect(),
        })
    }

    /// The name of a result with this key.
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        // Each part with its length, so that no two keys look alike.
        let mut add = |part: &str| {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        };
        add(VERSION);
        add(&self.plan);
        for map in [&self.files, &self.outputs, &self.environment] {
            add(&map.len().to_string());
            map.iter().for_each(|(name, value)| {
                add(name);
                add(value);
            });
        }
        for (name, version) in &self.tools {
            add(name);
            add(version.as_deref().unwrap_or("\0missing"));
        }
        hasher.finalize().to_hex().to_string()
    }

    /// What changed since an earlier key, a line each.
    pub fn changes_since(&self, earlier: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if self.plan != earlier.plan {
            changes.push("the definition of the step changed".to_owned());
        }
        let maps = [
            (&self.files, &earlier.files, ""),
            (&self.outputs, &earlier.outputs, "the output of "),
            (&self.environment, &earlier.environment, ""),
        ];
        for (now, before, prefix) in maps {
            for name in now.keys().chain(before.keys().filter(|name| !now.contains_key(*name))) {
                let change = match (now.get(name), before.get(name)) {
                    (Some(now), Some(before)) if now == before => continue,
                    (Some(now), Some(before))
                        if now.split(' ').nth(1) == before.split(' ').nth(1) && now.contains(' ') =>
                    {
                        "has another mode"
                    }
                    (Some(_), Some(_)) => "changed",
                    (Some(_), None) => "is new",
                    _ => "is gone",
                };
                changes.push(format!("{prefix}{name} {change}"));
            }
        }
        let version = |version: Option<&Option<String>>| match version {
            Some(Some(version)) => version.clone(),
            _ => "missing".to_owned(),
        };
        for name in self.tools.keys().filter(|name| self.tools.get(*name) != earlier.tools.get(*name)) {
            let (before, now) = (version(earlier.tools.get(name)), version(self.tools.get(name)));
            changes.push(format!("{name} was {before} and is {now}"));
        }
        changes
    }
}

/// The files that a step reads, in the order of their paths.
///
/// # Errors
/// An input names a package or an image that does not exist.
pub fn files<'a>(step: &Step, sources: &'a Sources) -> Result<Vec<&'a File>> {
    let (content, code) = patterns(step, sources)?;
    Ok(sources.tree.select(content.into_iter().chain(code)))
}

/// The files of which only the code counts.
///
/// # Errors
/// As [`files`].
pub fn code_files<'a>(step: &Step, sources: &'a Sources) -> Result<Vec<&'a File>> {
    let (content, code) = patterns(step, sources)?;
    let content: BTreeSet<_> = sources.tree.select(content).into_iter().map(|file| &file.path).collect();
    let is_code = |file: &&File| sources.code(file).is_some() && !content.contains(&file.path);
    Ok(sources.tree.select(code).into_iter().filter(is_code).collect())
}

/// What each file that a step reads counts as, by path.
///
/// # Errors
/// As [`files`].
pub fn identities(step: &Step, sources: &Sources) -> Result<BTreeMap<String, String>> {
    let (content, code) = patterns(step, sources)?;
    let identity = |file: &File, code: Option<&String>| {
        let identity = match code {
            Some(code) => format!("{} code:{code}", file.mode),
            None => format!("{} {}", file.mode, file.id),
        };
        (file.path.clone(), identity)
    };
    let code = sources.tree.select(code).into_iter();
    let code = code.map(|file| identity(file, sources.code(file)));
    let content = sources.tree.select(content).into_iter().map(|file| identity(file, None));
    // If a file counts both ways, its content decides.
    Ok(code.chain(content).collect())
}

/// The patterns of the files whose content counts, and of those of which only the code counts.
fn patterns<'a>(step: &'a Step, sources: &'a Sources) -> Result<(Vec<&'a str>, Vec<&'a str>)> {
    let (mut content, mut code): (Vec<&str>, Vec<&str>) = Default::default();
    for input in &step.inputs {
        match input {
            Input::Package(name) => {
                let found = sources.packages.patterns(name);
                code.extend(found.with_context(|| format!("{}: there is no package {name}", step.id))?);
            }
            Input::Files(pattern) => content.push(pattern),
            Input::Code(pattern) => code.push(pattern),
            Input::Image(name) => {
                let found = sources.images.get(name);
                let found = found.with_context(|| format!("{}: there is no image {name}", step.id))?;
                code.extend(found.iter().map(String::as_str));
            }
            Input::Outputs(_) => {}
        }
    }
    if step.plan == Plan::Xtask {
        code.extend(XTASK);
    }
    Ok((content, code))
}

/// What xtask is compiled from and reads wherever it runs.
pub const XTASK: [&str; 9] = [
    "xtask/src/",
    "xtask/Cargo.toml",
    "xtask/Cargo.lock",
    "xtask/tools.toml",
    "xtask/xtask.toml",
    "crates/base/",
    "crates/steps/",
    "Cargo.toml",
    ".cargo/",
];
