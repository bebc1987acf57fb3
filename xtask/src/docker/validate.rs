//! `docker validate`: check Dockerfiles, Compose files and the build context as one whole. No
//! engine is needed.
//!
//! The flow: read the files ([`project`]) → hadolint judges the Dockerfiles, and Compose reads its
//! files with all that is laid over them ([`compose`]) → our own rules join both ([`images`],
//! [`services`]) → report. hadolint and Compose run side by side.

mod project;
mod compose;
mod images;
mod services;
mod programs;
mod secrets;
mod tables;
#[cfg(test)]
mod tests;

pub use secrets::{holds_password, is_secret, is_secret_file};

use super::{
    context,
    engine::{self, NO_COMPOSE},
};
use crate::{
    failure::{Exit, Failure, SKIPPED},
    tools,
    world::{Docker, World, capture},
};
use anyhow::{Context, Result};
use compose::{Model, Source};
use project::Project;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    env,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Files to check, each on its own [default: the whole repository]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Finding {
    /// From the root of the repository.
    file: String,
    line: usize,
    #[serde(alias = "code")]
    rule: String,
    #[serde(alias = "message")]
    why: String,
    #[serde(default)]
    fix: String,
}

impl Finding {
    /// Without a reason it has that of the table of rules.
    fn new(rule: &str, file: &str, line: usize, why: impl Into<String>) -> Self {
        let (_, reason, fix) = rules().find(|(id, ..)| *id == rule).unwrap_or_default();
        let why = Some(why.into()).filter(|why| !why.is_empty()).unwrap_or_else(|| reason.to_owned());
        Self { file: file.into(), line, rule: rule.into(), why, fix: fix.into() }
    }
}

/// Id, why it is a rule, and what to do: the rows of a table that people read too.
fn rules() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    include_str!("../../../docs/reference/docker-rules.md").lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.trim_end_matches(" |").split(" | ");
        Some((cells.next()?.trim_end_matches('`'), cells.next()?, cells.next()?))
    })
}

#[derive(Debug, Default, Serialize)]
struct Report {
    findings: BTreeSet<Finding>,
    /// What was checked.
    files: Vec<String>,
    /// What could not be checked, and why.
    skipped: Option<String>,
}

const TRIED: &str = "checking Dockerfiles, Compose files and the build context";

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let (hadolint, has_compose) = (tools::program(world, "hadolint")?, engine::has_compose());
    if !has_compose && engine::is_required() {
        let next = "install it, or unset SQUALL_DOCKER to skip these rules";
        return Err(Failure::new(TRIED, NO_COMPOSE, next).exit(Exit::ToolMissing).into());
    }
    let project = Project::read(&world.root, &arguments.files)?;
    let report = judge(&project, &world.settings.docker, &hadolint, has_compose)?;
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&report)? + "\n",
        false => text(&report),
    };
    // A reader that closes early, such as `head`, is not an error.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    if report.findings.is_empty() {
        return Ok(());
    }
    let next =
        "apply the fixes above; `# hadolint ignore=RULE` and `x-allow:` in a Compose file make exceptions";
    Err(Failure::new(TRIED, format!("findings above: {}", report.findings.len()), next).into())
}

fn judge(project: &Project, settings: &Docker, hadolint: &Path, has_compose: bool) -> Result<Report> {
    let mut report = Report::default();
    // Each program takes a tenth of a second to start, so all run at once.
    let (linted, models) = thread::scope(|scope| {
        let read = |sources| scope.spawn(move || Model::read(&project.root, sources));
        let models: Vec<_> = overlays(project).into_iter().filter(|_| has_compose).map(read).collect();
        let linted = lint(project, hadolint);
        (linted, models.into_iter().filter_map(|model| model.join().ok()).collect::<Vec<_>>())
    });
    report.findings.extend(linted?);
    report.findings.extend(project.broken.iter().cloned());
    let (mut good, mut used, mut known) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for model in models {
        let (base, findings) = match &model {
            Ok(model) => {
                (Some(model.sources[0].path.clone()), services::check(model, project, settings, &mut used))
            }
            Err(finding) => (None, vec![finding.clone()]),
        };
        // What is wrong in the base is reported once, not again for each file over it.
        let is_new = |it: &Finding| known.insert((base.clone(), it.rule.clone(), it.why.clone()));
        report.findings.extend(findings.into_iter().filter(is_new));
        good.extend(model);
    }
    report.findings.extend(good.iter().flat_map(|model| model.check_exceptions(&used)));
    for (path, file) in &project.dockerfiles {
        report.findings.extend(images::check(project, path, file, &good));
    }
    if project.is_whole && !project.dockerfiles.is_empty() {
        report.findings.extend(measure(project, settings)?);
    }
    report.files = project.texts.keys().cloned().collect();
    if has_compose {
        report.files.extend(project.composes.iter().map(|source| source.path.clone()));
    } else if !project.composes.is_empty() {
        report.skipped = Some(format!("rules of Compose files: {NO_COMPOSE}"));
    }
    Ok(report)
}

/// The base on its own, and with each file that is laid over it.
fn overlays(project: &Project) -> Vec<Vec<Source>> {
    let base = project.composes.iter().find(|source| source.path == "compose.yaml");
    let with_base = |source: &Source| {
        base.into_iter().filter(|base| base.path != source.path).chain([source]).cloned().collect()
    };
    project.composes.iter().map(with_base).collect()
}

fn lint(project: &Project, hadolint: &Path) -> Result<Vec<Finding>> {
    if project.texts.is_empty() {
        return Ok(Vec::new());
    }
    let mut command = Command::new(hadolint);
    command.args(["--no-fail", "--format", "json"]).args(project.texts.keys()).current_dir(&project.root);
    let printed = capture(command, "look for the file that hadolint names above")?;
    let mut findings: Vec<Finding> =
        serde_json::from_str(&printed).context("reading the answer of hadolint")?;
    for Finding { rule, fix, .. } in &mut findings {
        let is_of_shell = rule.starts_with("SC");
        let wiki = if is_of_shell { "www.shellcheck.net/wiki" } else { "github.com/hadolint/hadolint/wiki" };
        *fix = format!("see https://{wiki}/{rule}");
    }
    Ok(findings)
}

/// What is wrong with the build context as a whole.
fn measure(project: &Project, settings: &Docker) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    if !project.root.join(context::IGNORE).exists() {
        findings.push(Finding::new("SQ-X02", context::IGNORE, 1, ""));
    }
    let paths = project.ignore.files(&project.root, "")?;
    let size = |path: &String| project.root.join(path).symlink_metadata().map_or(0, |it| it.len());
    let mut files: Vec<_> = paths.iter().map(|path| (size(path).div_ceil(1000), path)).collect();
    files.sort_by(|one, other| other.cmp(one));
    let kilobytes = paths.iter().map(size).sum::<u64>().div_ceil(1000);
    if kilobytes > settings.context_kilobytes {
        let largest = files.iter().take(5).map(|(kilobytes, path)| format!("{path} ({kilobytes} kB)"));
        let largest = largest.collect::<Vec<_>>().join(", ");
        let budget = settings.context_kilobytes;
        let why = format!(
            "the build context is {kilobytes} kB, its budget {budget} kB; the largest files are {largest}"
        );
        findings.push(Finding::new("SQ-X01", context::IGNORE, 1, why));
    }
    Ok(findings)
}

/// One finding a paragraph in the form of compilers, so that editors find the line.
fn text(report: &Report) -> String {
    if report.files.is_empty() && report.findings.is_empty() {
        return "No Dockerfile and no Compose file found: nothing was checked.\n".to_owned();
    }
    let mut text = String::new();
    for Finding { file, line, rule, why, fix } in &report.findings {
        text += &format!("{file}:{line}: {rule}: {why}\n    fix: {fix}\n");
        if env::var_os("GITHUB_ACTIONS").is_some() {
            let message = format!("{why}. Fix: {fix}.").replace('%', "%25").replace('\n', "%0A");
            text += &format!("::error file={file},line={line},title={rule}::{message}\n");
        }
    }
    if report.findings.is_empty() {
        text += &format!("No findings. Files checked: {}.\n", report.files.len());
    }
    // CI reports lines that begin so.
    text + &report.skipped.as_ref().map_or(String::new(), |what| format!("{SKIPPED}{what}\n"))
}
