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

use super::context;
use crate::{
    failure::{Exit, Failure},
    tools,
    world::{Docker, World},
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
    context: Option<ContextSize>,
    /// What could not be checked, and why.
    skipped: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct ContextSize {
    bytes: u64,
    budget_bytes: u64,
    files: usize,
}

/// The programs whose findings are reported beside our own.
struct Tools {
    hadolint: PathBuf,
    compose: Option<PathBuf>,
}

const TRIED: &str = "checking Dockerfiles, Compose files and the build context";
const NO_COMPOSE: &str = "rules of Compose files, because there is no Compose client (apt-get install docker-compose-v2 or \
                          docker-compose; on Debian 12, .ci/engine)";

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let tools = Tools { hadolint: tools::program(world, "hadolint")?, compose: compose::client() };
    if tools.compose.is_none() && env::var("SQUALL_DOCKER").is_ok_and(|value| value == "required") {
        let wrong = "SQUALL_DOCKER=required, and there is no Compose client to read the Compose files";
        let next = "install it (Debian: apt-get install docker-compose-v2 or docker-compose), then run the command again";
        return Err(Failure::new(TRIED, wrong, next).exit(Exit::ToolMissing).into());
    }
    let project = Project::read(&world.root, &arguments.files)?;
    let report = judge(&project, &world.settings.docker, &tools)?;
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
    Err(Failure::new(TRIED, format!("{} above", many(report.findings.len(), "finding")), next).into())
}

fn judge(project: &Project, settings: &Docker, tools: &Tools) -> Result<Report> {
    let mut report = Report::default();
    // Each program takes a tenth of a second to start, so all run at once.
    let (linted, models) = thread::scope(|scope| {
        let read = |sources| {
            let client = tools.compose.as_deref()?;
            Some(scope.spawn(move || Model::read(client, &project.root, sources)))
        };
        let models: Vec<_> = overlays(project).into_iter().filter_map(read).collect();
        let linted = lint(project, &tools.hadolint);
        (linted, models.into_iter().filter_map(|model| model.join().ok()).collect::<Vec<_>>())
    });
    report.findings.extend(linted?);
    let (mut good, mut used, mut known) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for model in models {
        match model {
            Ok(model) => good.push(model),
            // Files over a broken base are refused for the same reason.
            Err(finding) if known.insert((None, finding.rule.clone(), finding.why.clone())) => {
                report.findings.insert(finding);
            }
            Err(_) => {}
        }
    }
    for model in &good {
        // What is wrong in the base is reported once, not again for each file over it.
        let base = Some(&model.sources[0].path);
        let found = services::check(model, project, settings, &mut used);
        let new = found.into_iter().filter(|it| known.insert((base, it.rule.clone(), it.why.clone())));
        report.findings.extend(new);
    }
    report.findings.extend(good.iter().flat_map(|model| model.check_exceptions(&used)));
    for (path, file) in &project.dockerfiles {
        report.findings.extend(images::check(project, path, file, &good));
    }
    if project.is_whole && !project.dockerfiles.is_empty() {
        measure(project, settings, &mut report)?;
    }
    let read = project.composes.iter().filter(|_| tools.compose.is_some()).map(|source| &source.path);
    report.files = project.dockerfiles.keys().chain(read).cloned().collect();
    if tools.compose.is_none() && !project.composes.is_empty() {
        report.skipped.push(NO_COMPOSE);
    }
    Ok(report)
}

/// The base on its own, and with each file that is laid over it.
fn overlays(project: &Project) -> Vec<Vec<Source>> {
    let bases = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
    let base = project.composes.iter().find(|source| bases.contains(&source.path.as_str()));
    let with_base = |source: &Source| {
        base.into_iter().filter(|base| base.path != source.path).chain([source]).cloned().collect()
    };
    project.composes.iter().map(with_base).collect()
}

fn lint(project: &Project, hadolint: &Path) -> Result<Vec<Finding>> {
    let files = project.dockerfiles.iter().filter(|(_, file)| file.is_utf8).map(|(path, _)| &**path);
    let arguments: Vec<_> = ["--no-fail", "--format", "json"].into_iter().chain(files).collect();
    if arguments.len() == 3 {
        return Ok(Vec::new());
    }
    let command = duct::cmd(hadolint, arguments).dir(&project.root).stdin_null().unchecked();
    let output = command.stdout_capture().stderr_capture().run().context("starting hadolint")?;
    let mut findings: Vec<Finding> = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("reading hadolint's answer: {}", String::from_utf8_lossy(&output.stderr)))?;
    for Finding { rule, fix, .. } in &mut findings {
        let is_of_shell = rule.starts_with("SC");
        let wiki = if is_of_shell { "www.shellcheck.net/wiki" } else { "github.com/hadolint/hadolint/wiki" };
        *fix = format!("see https://{wiki}/{rule}");
    }
    Ok(findings)
}

fn measure(project: &Project, settings: &Docker, report: &mut Report) -> Result<()> {
    if project.ignore.is_none() {
        report.findings.insert(Finding::new("SQ-X02", context::IGNORE, 1, ""));
    }
    let paths = project.ignore.clone().unwrap_or_default().files(&project.root, "")?;
    let size = |path: &String| project.root.join(path).symlink_metadata().map_or(0, |it| it.len());
    let mut files: Vec<_> = paths.iter().map(|path| (size(path), path)).collect();
    files.sort_by(|one, other| other.cmp(one));
    let (bytes, budget_bytes) =
        (files.iter().map(|(bytes, _)| bytes).sum(), settings.context_kilobytes * 1000);
    if bytes > budget_bytes {
        let largest = files.iter().take(5).map(|(bytes, path)| format!("{path} ({})", kilobytes(*bytes)));
        let largest = largest.collect::<Vec<_>>().join(", ");
        let (bytes, budget) = (kilobytes(bytes), kilobytes(budget_bytes));
        let why =
            format!("the build context is {bytes}, its budget {budget}; the largest files are {largest}");
        report.findings.insert(Finding::new("SQ-X01", context::IGNORE, 1, why));
    }
    report.context = Some(ContextSize { bytes, budget_bytes, files: files.len() });
    Ok(())
}

fn kilobytes(bytes: u64) -> String {
    format!("{} kB", bytes.div_ceil(1000))
}

fn many(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// One finding a paragraph in the form of compilers, so that editors find the line.
fn text(report: &Report) -> String {
    if report.files.is_empty() {
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
        text += &format!("{} clean.\n", many(report.files.len(), "file"));
    }
    if let Some(ContextSize { bytes, budget_bytes, files, .. }) = &report.context {
        let (bytes, budget, files) = (kilobytes(*bytes), kilobytes(*budget_bytes), many(*files, "file"));
        text += &format!("Build context: {bytes} in {files}; the budget is {budget}.\n");
    }
    // CI reports lines that begin so.
    text + &report.skipped.iter().map(|what| format!("skipped: {what}\n")).collect::<String>()
}
