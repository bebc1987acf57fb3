//! `docker validate`: Dockerfiles, Compose files and the build context, read as one whole. No engine is needed.
//!
//! The flow: find and read the files ([`project`]) → lay Compose files over each other, with Compose's own reading where a client answers
//! ([`compose`]) → judge Dockerfiles ([`rules::hadolint`], [`rules::images`]), Compose ([`rules::compose`]) and the context ([`context`]) →
//! take away what is excused with a reason ([`exceptions`]) → tell ([`finding`]). All but the first and the last step is pure.
//!
//! What only a running image shows (its size, what is in its layers, whether it starts) is not judged here, and is said to be open.

mod project;
mod dockerfile;
mod shell;
mod stages;
mod compose;
mod context;
mod rules;
mod exceptions;
mod finding;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod stack_tests;

pub use rules::{hadolint::is_secret, images::holds_password};

use crate::{failure::Failure, world::World};
use anyhow::Result;
use compose::{Model, client};
use context::Sent;
use finding::Finding;
use project::Project;
use rules::{compose as services, images};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::Write,
    path::PathBuf,
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only these files, each on its own; without any, the whole repository.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Prints JSON.
    #[arg(long, conflicts_with = "sarif")]
    json: bool,
    /// Prints SARIF, for code scanning.
    #[arg(long)]
    sarif: bool,
}

/// What a person tunes, in xtask.toml.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What a build may send to the engine.
    pub context_kilobytes: u64,
    /// The services that may publish ports.
    pub edges: Vec<String>,
    /// Folders of Dockerfiles whose images nobody runs as a service; what they copy comes from elsewhere.
    pub aside: Vec<String>,
    /// Profiles that no production has.
    pub development_profiles: Vec<String>,
    /// Rules that do not hold anywhere here, each with its reason.
    #[serde(default)]
    pub allow: BTreeMap<String, String>,
}

/// The answer as a whole.
#[derive(Debug, Default, Serialize)]
struct Report {
    findings: Vec<Finding>,
    /// What was judged.
    files: Vec<String>,
    contexts: Vec<ContextSize>,
    /// What could not be.
    unchecked: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ContextSize {
    /// The file that says what is left out.
    ignore: String,
    bytes: u64,
    budget_bytes: u64,
    files: usize,
    /// The largest files, in bytes.
    largest: Vec<(u64, String)>,
}

/// Where exceptions for all files stand.
const SETTINGS: &str = "xtask/xtask.toml";

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let project = Project::read(&world.root, &arguments.files)?;
    let is_whole = arguments.files.is_empty();
    let mut report = judge(&project, &world.settings.docker, is_whole, is_whole)?;
    if is_whole {
        let settings = fs::read_to_string(world.root.join(SETTINGS))?;
        exceptions::apply_settings(SETTINGS, &settings, &world.settings.docker.allow, &mut report.findings);
    }
    report.findings.sort();
    tell(&report, arguments)
}

/// Everything but the exceptions of xtask.toml.
fn judge(project: &Project, settings: &Settings, is_whole: bool, asks_compose: bool) -> Result<Report> {
    let mut report = Report::default();
    let mut findings = Vec::new();
    let models = models(project, &mut findings);
    // Each question costs Compose a tenth of a second of starting up: they are asked at once, while we do what needs no answer.
    let asked: Vec<_> = models
        .iter()
        .filter(|_| asks_compose)
        .map(|model| client::Question::of(model).start(project.root.clone()))
        .collect();
    if is_whole {
        measure(project, settings, &mut report)?;
    }
    for dockerfile in project.dockerfiles.all() {
        let broken = rules::hadolint::check(&dockerfile.parsed);
        findings.extend(broken.into_iter().map(|(line, rule)| Finding::new(rule, &dockerfile.path, line)));
    }
    let mut answers = asked.into_iter().map(|thread| thread.join().unwrap_or(client::Answer::Absent));
    let answers = models.iter().map(|_| answers.next().unwrap_or(client::Answer::Absent)).collect();
    let models = as_compose_reads(project, models, answers, &mut findings, &mut report.unchecked);
    let surroundings = services::Surroundings {
        root: &project.root,
        dockerfiles: &project.dockerfiles,
        readers: &project.readers,
        edges: &settings.edges,
        development_profiles: &settings.development_profiles,
    };
    // What a file says on its own is told once, not again for each file laid over it.
    let mut told: BTreeSet<(&str, String)> = BTreeSet::new();
    for model in &models {
        let new = services::check(model, &surroundings);
        findings.extend(new.into_iter().filter(|finding| told.insert((finding.rule, finding.why.clone()))));
    }
    for dockerfile in project.dockerfiles.all() {
        if !dockerfile.is_utf8 {
            findings.push(Finding::new("SQ-D07", &dockerfile.path, 1));
        }
        let path = dockerfile.path.as_str();
        let targets: BTreeSet<_> =
            models.iter().flat_map(|model| services::targets(model, &surroundings, path)).collect();
        let base = models.first();
        let elsewhere =
            base.map(|model| services::checked_elsewhere(model, &surroundings, path)).unwrap_or_default();
        let is_aside = settings.aside.iter().any(|folder| path.starts_with(&format!("{folder}/")));
        let around = images::Surroundings {
            context: (is_whole && !is_aside).then_some(project.root.as_path()),
            ignore: project.ignore_of(path).1,
            targets: Some(&targets).filter(|targets| !targets.is_empty()),
            checked_elsewhere: &elsewhere,
            is_shipped: !is_aside,
        };
        findings.extend(images::check(path, &dockerfile.parsed, &around));
    }
    report.files = project
        .dockerfiles
        .all()
        .map(|file| file.path.clone())
        .chain(project.composes.iter().map(|source| source.path.clone()))
        .collect();
    report.findings.extend(excuse(project, findings));
    if !report.files.is_empty() {
        report.unchecked.push(
            "sizes, layers, start, health and stop of the built images: `cargo xtask docker probe` does, with an engine".to_owned(),
        );
    }
    Ok(report)
}

/// The base on its own, and with each file that is laid over it.
fn models(project: &Project, findings: &mut Vec<Finding>) -> Vec<Model> {
    let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let is_base = |path: &str| {
        matches!(
            name(path).as_str(),
            "compose.yaml" | "compose.yml" | "docker-compose.yaml" | "docker-compose.yml"
        )
    };
    let base = project.composes.iter().find(|source| is_base(&source.path));
    let mut models = Vec::new();
    for source in &project.composes {
        let is_production = name(&source.path).contains("prod");
        let sources: Vec<_> =
            base.into_iter().filter(|base| base.path != source.path).chain([source]).cloned().collect();
        match Model::read(&sources, is_production) {
            Ok(model) => models.push(model),
            Err(faults) => findings.extend(faults),
        }
    }
    models
}

/// The models as Compose reads them, where it answered.
fn as_compose_reads(
    project: &Project,
    models: Vec<Model>,
    answers: Vec<client::Answer>,
    findings: &mut Vec<Finding>,
    unchecked: &mut Vec<String>,
) -> Vec<Model> {
    if answers.iter().any(|answer| matches!(answer, client::Answer::Absent)) {
        unchecked.push("whether Compose itself accepts the files: `docker compose` does not answer, so they were read by xtask alone".to_owned());
    }
    let mut is_refused = false;
    let mut dressed = Vec::new();
    for (model, answer) in models.into_iter().zip(answers) {
        dressed.push(match answer {
            client::Answer::Read(read) => model.dressed(&read),
            client::Answer::Absent => model,
            // What is wrong in the base is wrong in all; once is enough.
            client::Answer::Refused(_) if is_refused => model,
            client::Answer::Refused(said) => {
                is_refused = true;
                let file = model.files.last().cloned().unwrap_or_default();
                let said = said.replace(&format!("{}/", project.root.display()), "");
                let why = format!("Compose does not accept {}: {said}", model.title);
                findings.push(Finding::new("SQ-C00", &file, 1).saying(why));
                model
            }
        });
    }
    dressed
}

/// Takes away what each file excuses in itself.
fn excuse(project: &Project, findings: Vec<Finding>) -> Vec<Finding> {
    let mut by_file: BTreeMap<String, Vec<Finding>> = BTreeMap::new();
    for finding in findings {
        by_file.entry(finding.file.clone()).or_default().push(finding);
    }
    let mut kept = Vec::new();
    for dockerfile in project.dockerfiles.all() {
        let findings = by_file.remove(&dockerfile.path).unwrap_or_default();
        kept.extend(exceptions::apply(
            &dockerfile.path,
            &dockerfile.text,
            Some(&dockerfile.parsed),
            findings,
        ));
    }
    for source in &project.composes {
        let findings = by_file.remove(&source.path).unwrap_or_default();
        kept.extend(exceptions::apply(&source.path, &source.text, None, findings));
    }
    kept.extend(by_file.into_values().flatten());
    kept.sort();
    kept
}

/// Each context once: Dockerfiles with the same .dockerignore have the same.
fn measure(project: &Project, settings: &Settings, report: &mut Report) -> Result<()> {
    let is_aside = |path: &str| settings.aside.iter().any(|folder| path.starts_with(&format!("{folder}/")));
    let built = project.dockerfiles.all().filter(|dockerfile| !is_aside(&dockerfile.path));
    let ignores: BTreeMap<_, _> = built.map(|dockerfile| project.ignore_of(&dockerfile.path)).collect();
    for (name, ignore) in ignores {
        if name == project::IGNORE && !project.has_ignore {
            report.findings.push(Finding::new("SQ-X02", &name, 1));
        }
        let Sent { files, bytes, cut } = context::measure(&project.root, ignore)?;
        let budget = settings.context_kilobytes * 1000;
        if bytes > budget {
            let largest: Vec<_> =
                files.iter().take(5).map(|(bytes, path)| format!("{path} ({})", kilobytes(*bytes))).collect();
            let more = if cut { "more than " } else { "" };
            let why = format!(
                "a build sends {more}{} to the engine, and may send {}; the largest files are {}",
                kilobytes(bytes),
                kilobytes(budget),
                largest.join(", ")
            );
            report.findings.push(Finding::new("SQ-X01", &name, 1).saying(why));
        }
        report.contexts.push(ContextSize {
            ignore: name,
            bytes,
            budget_bytes: budget,
            files: files.len(),
            largest: files.into_iter().take(10).collect(),
        });
    }
    Ok(())
}

fn kilobytes(bytes: u64) -> String {
    format!("{} kB", bytes.div_ceil(1000))
}

fn tell(report: &Report, arguments: &Arguments) -> Result<()> {
    let findings = &report.findings;
    let told = if arguments.json {
        serde_json::to_string_pretty(report)? + "\n"
    } else if arguments.sarif {
        serde_json::to_string_pretty(&finding::sarif(findings))? + "\n"
    } else {
        let annotations = if env::var_os("GITHUB_ACTIONS").is_some() {
            finding::annotations(findings)
        } else {
            String::new()
        };
        finding::text(findings) + &annotations + &summary(report)
    };
    // A reader that closes early, such as `head`, is no failure of ours.
    let _ = std::io::stdout().lock().write_all(told.as_bytes());
    if findings.is_empty() {
        return Ok(());
    }
    let files: BTreeSet<_> = findings.iter().map(|finding| &finding.file).collect();
    let wrong = format!("{} in {}, told above", many(findings.len(), "finding"), many(files.len(), "file"));
    let next = "do what each fix says, or excuse it where it stands: `# squall: allow RULE, because …`; docs/docker.md has all rules";
    Err(Failure::new("reading Dockerfiles, Compose files and the build context", wrong, next).into())
}

fn summary(report: &Report) -> String {
    if report.files.is_empty() {
        return "There is no Dockerfile and no Compose file, so nothing was checked.\n".to_owned();
    }
    let mut text = match report.findings.len() {
        0 => format!("{} clean.\n", many(report.files.len(), "file")),
        _ => String::new(),
    };
    for ContextSize { ignore, bytes, budget_bytes, files, .. } in &report.contexts {
        let (bytes, budget, files) = (kilobytes(*bytes), kilobytes(*budget_bytes), many(*files, "file"));
        text += &format!("Build context by {ignore}: {bytes} in {files}, of at most {budget}.\n");
    }
    text + &report.unchecked.iter().map(|open| format!("Not checked: {open}.\n")).collect::<String>()
}

fn many(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
