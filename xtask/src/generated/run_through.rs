//! `generated workflows --run-through`: does what GitHub does with the generated workflows, on this
//! machine. Each job gets a fresh clone of HEAD and runs its `run:` lines with bash, with GitHub's
//! variables, conditions and outputs. Of the actions only the checkout happens.

mod expression;
mod yaml;

use crate::{failure::Failure, world::World};
use anyhow::{Context as _, Result};
use expression::{Context, fill, holds};
use serde::Deserialize;
use std::{collections::BTreeMap, env, fs, path::PathBuf, process::Command, time::Instant};
use xshell::cmd;

#[derive(Debug, Deserialize)]
struct Workflow {
    #[serde(default)]
    env: BTreeMap<String, String>,
    jobs: BTreeMap<String, Job>,
}

#[derive(Debug, Clone, Deserialize)]
struct Job {
    #[serde(default)]
    needs: Needs,
    #[serde(default, rename = "if")]
    condition: String,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    outputs: BTreeMap<String, String>,
    #[serde(default)]
    strategy: Strategy,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Needs {
    One(String),
    Many(Vec<String>),
}

impl Default for Needs {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Strategy {
    #[serde(default)]
    matrix: BTreeMap<String, Values>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Values {
    Listed(Vec<String>),
    /// An expression whose value is a list.
    Computed(String),
}

impl Values {
    fn of(&self, context: &Context) -> Result<Vec<String>> {
        match self {
            Self::Listed(values) => Ok(values.clone()),
            Self::Computed(text) => Ok(serde_json::from_str(&fill(text, context)?)?),
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Step {
    id: Option<String>,
    uses: Option<String>,
    run: Option<String>,
    #[serde(default, rename = "if")]
    condition: String,
    shell: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    with: BTreeMap<String, String>,
}

impl Job {
    fn needs(&self) -> &[String] {
        match &self.needs {
            Needs::One(job) => std::slice::from_ref(job),
            Needs::Many(jobs) => jobs,
        }
    }
}

/// Runs one job as if those it needs had succeeded, or all jobs of ci.yml.
pub fn run(world: &World, only: Option<&str>) -> Result<()> {
    let ci = read(world, "ci.yml")?;
    let workflow = match only {
        Some(job) if !ci.jobs.contains_key(job) => read(world, "scheduled.yml")?,
        _ => ci,
    };
    if let Some(unknown) = only.filter(|job| !workflow.jobs.contains_key(*job)) {
        let wrong = format!("the workflows have no job {unknown}");
        return Err(Failure::new("choosing a job", wrong, "name one of .github/workflows").into());
    }
    let mut context = event(world)?;
    let mut left: Vec<_> = workflow.jobs.keys().filter(|job| only.is_none_or(|only| only == *job)).collect();
    if only.is_some() {
        let planned: Vec<_> =
            workflow.jobs.iter().filter(|(_, job)| job.condition.contains("plan")).collect();
        let planned: Vec<_> = planned.into_iter().map(|(name, _)| name).collect();
        context.insert("needs.plan.outputs.jobs".into(), serde_json::to_string(&planned)?);
        // One shard that has all steps.
        for job in planned {
            context.insert(format!("needs.plan.outputs.{job}"), serde_json::to_string(&[job])?);
        }
        for job in workflow.jobs.keys() {
            context.insert(format!("needs.{job}.result"), "success".into());
        }
    }
    let mut failed = Vec::new();
    while !left.is_empty() {
        let result_of = |job: &String| context.get(&format!("needs.{job}.result"));
        let is_ready =
            |job: &&String| workflow.jobs[*job].needs().iter().all(|need| result_of(need).is_some());
        let next = left.iter().position(is_ready).context("jobs need each other in a circle")?;
        let name = left.remove(next);
        let started = Instant::now();
        let (result, outputs) = run_job(world, &workflow, name, &context)?;
        println!("{result:<8} {name:<12} {} s", started.elapsed().as_secs());
        if result == "failure" {
            failed.push(name.as_str());
        }
        context.insert(format!("needs.{name}.result"), result.to_owned());
        context
            .extend(outputs.into_iter().map(|(key, value)| (format!("needs.{name}.outputs.{key}"), value)));
    }
    let next = "read the output above; each line that ran is a `cargo xtask` command";
    let wrong = || format!("failed: {}", failed.join(", "));
    if failed.is_empty() { Ok(()) } else { Err(Failure::new("running the workflow", wrong(), next).into()) }
}

fn read(world: &World, file: &str) -> Result<Workflow> {
    let path = world.root.join(".github/workflows").join(file);
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    parse(&text).with_context(|| format!("reading {}", path.display()))
}

fn parse(text: &str) -> Result<Workflow> {
    Ok(serde_json::from_value(yaml::read(text)?)?)
}

/// A push of HEAD to main.
fn event(world: &World) -> Result<Context> {
    let shell = world.shell()?;
    let head = cmd!(shell, "git rev-parse HEAD").quiet().read()?;
    let before = cmd!(shell, "git rev-parse HEAD^").quiet().read()?;
    let pairs = [("github.event_name", "push"), ("github.sha", &head), ("github.event.before", &before)];
    Ok(pairs.map(|(path, value)| (path.to_owned(), value.to_owned())).into())
}

/// The result of a job, once for each value of its matrix, and its outputs.
fn run_job(
    world: &World,
    workflow: &Workflow,
    name: &str,
    context: &Context,
) -> Result<(&'static str, Context)> {
    let job = &workflow.jobs[name];
    let mut context = context.clone();
    // Only the jobs that it needs are in its context.
    context.retain(|path, _| {
        let of = path.strip_prefix("needs.").and_then(|path| path.split('.').next());
        of.is_none_or(|of| job.needs().iter().any(|need| need == of))
    });
    let mut results = context.iter().filter(|(path, _)| path.ends_with(".result"));
    let have_succeeded = results.all(|(_, result)| result == "success");
    set_status(&mut context, have_succeeded);
    if !holds(&job.condition, &context)? {
        return Ok(("skipped", Context::new()));
    }
    let values = job.strategy.matrix.values().next().map(|values| values.of(&context)).transpose()?;
    let mut has_succeeded = true;
    for (index, value) in values.unwrap_or_else(|| vec![String::new()]).into_iter().enumerate() {
        context.insert("github.job".into(), name.to_owned());
        context.extend(job.strategy.matrix.keys().map(|key| (format!("matrix.{key}"), value.clone())));
        set_status(&mut context, true);
        context.insert("strategy.job-index".into(), index.to_string());
        let machine = Machine::new(&format!("{name}{index}"))?;
        for step in &job.steps {
            run_step(world, workflow, job, step, &machine, &mut context)?;
        }
        has_succeeded &= context["success()"] == "true";
        machine.end(has_succeeded)?;
    }
    let outputs = job.outputs.iter().map(|(key, value)| Ok((key.clone(), fill(value, &context)?)));
    Ok((if has_succeeded { "success" } else { "failure" }, outputs.collect::<Result<_>>()?))
}

fn set_status(context: &mut Context, is_success: bool) {
    for (function, value) in
        [("always()", true), ("cancelled()", false), ("success()", is_success), ("failure()", !is_success)]
    {
        context.insert(function.into(), value.to_string());
    }
}

/// Runs a step whose condition holds, and adds its outputs or its failure to the context.
fn run_step(
    world: &World,
    workflow: &Workflow,
    job: &Job,
    step: &Step,
    machine: &Machine,
    context: &mut Context,
) -> Result<()> {
    if !holds(&step.condition, context)? {
        return Ok(());
    }
    if step.uses.as_deref().is_some_and(|action| action.starts_with("actions/checkout@")) {
        return machine.check_out(world, step.with.get("fetch-depth").is_some_and(|depth| depth == "0"));
    }
    let Some(script) = &step.run else { return Ok(()) };
    let script = fill(script, context)?;
    println!("── {}: {}", context["github.job"], script.trim_end());
    let file = machine.file("script.sh");
    fs::write(&file, script)?;
    let output = machine.file("output");
    fs::write(&output, "")?;
    let mut bash = Command::new("bash");
    // As GitHub does, with and without `shell: bash`.
    let options: &[&str] =
        if step.shell.is_some() { &["--noprofile", "--norc", "-eo", "pipefail"] } else { &["-e"] };
    bash.args(options).arg(&file).current_dir(machine.workspace());
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let is_own = ["SQUALL_", "GITHUB_", "GIT_", "XTASK_"].iter().any(|prefix| text.starts_with(prefix));
        if is_own && text != "SQUALL_CACHE"
            || ["DATABASE_URL", "REDIS_URL", "CARGO_TARGET_DIR"].contains(&&*text)
        {
            bash.env_remove(&name);
        }
    }
    for (name, value) in [("CI", "true"), ("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", "push")] {
        bash.env(name, value);
    }
    bash.env("GITHUB_JOB", &context["github.job"]).env("GITHUB_SHA", &context["github.sha"]);
    bash.env("GITHUB_WORKSPACE", machine.workspace()).env("RUNNER_TEMP", machine.0.join("files"));
    bash.env("GITHUB_OUTPUT", &output).env("GITHUB_STEP_SUMMARY", machine.file("summary.md"));
    for (name, value) in workflow.env.iter().chain(&job.env).chain(&step.env) {
        bash.env(name, fill(value, context)?);
    }
    if let Err(error) = world.run(bash, "read its output above") {
        eprintln!("{error}");
        set_status(context, false);
    }
    let id = step.id.as_deref().unwrap_or_default();
    let outputs = fs::read_to_string(&output)?;
    for (key, value) in outputs.lines().filter_map(|line| line.split_once('=')) {
        context.insert(format!("steps.{id}.outputs.{key}"), value.to_owned());
    }
    Ok(())
}

/// The folder of one job: the workspace, and GitHub's files beside it.
struct Machine(PathBuf);

impl Machine {
    fn new(name: &str) -> Result<Self> {
        let folder = env::temp_dir().join(format!("squall-workflow-{}-{name}", std::process::id()));
        fs::create_dir_all(folder.join("files")).with_context(|| format!("creating {}", folder.display()))?;
        fs::create_dir_all(folder.join("workspace"))?;
        Ok(Self(folder))
    }

    fn workspace(&self) -> PathBuf {
        self.0.join("workspace")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join("files").join(name)
    }

    fn check_out(&self, world: &World, has_history: bool) -> Result<()> {
        let (shell, into) = (world.shell()?, self.workspace());
        let from = format!("file://{}", world.root.display());
        let depth: &[&str] = if has_history { &[] } else { &["--depth", "1"] };
        world.run(cmd!(shell, "git clone --quiet {depth...} {from} {into}"), "read what git printed above")
    }

    /// Deleted after a success; kept to look at after a failure.
    fn end(self, has_succeeded: bool) -> Result<()> {
        if let Ok(summary) = fs::read_to_string(self.file("summary.md")) {
            println!("{summary}");
        }
        if has_succeeded {
            return fs::remove_dir_all(&self.0).with_context(|| format!("deleting {}", self.0.display()));
        }
        println!("the folder of the job is kept: {}", self.0.display());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::tests::root;

    fn workflow(file: &str) -> Workflow {
        read(&World::new(root()).unwrap(), file).unwrap()
    }

    #[test]
    fn every_expression_of_the_workflows_can_be_evaluated() {
        for file in ["ci.yml", "scheduled.yml"] {
            let outputs = ["jobs", "rust"].map(|name| format!("needs.plan.outputs.{name}"));
            let mut context: Context = outputs.map(|path| (path, r#"["rust"]"#.to_owned())).into();
            set_status(&mut context, true);
            for (name, job) in workflow(file).jobs {
                let holds_for_job = holds(&job.condition, &context).unwrap();
                for values in job.strategy.matrix.values() {
                    assert!(!values.of(&context).unwrap().is_empty(), "{name}");
                }
                assert_eq!(holds_for_job, file != "ci.yml" || ["plan", "rust", "required"].contains(&&*name));
                for step in &job.steps {
                    holds(&step.condition, &context).unwrap();
                    step.env.values().chain(&step.run).for_each(|text| drop(fill(text, &context).unwrap()));
                    assert!(step.uses.is_some() != step.run.is_some());
                }
            }
        }
    }

    #[test]
    fn required_accepts_jobs_without_work_but_no_failure_or_cancellation() {
        let job = &workflow("ci.yml").jobs["required"];
        let check = |jobs: &str, results: &str, expected: bool| {
            let mut bash = Command::new("bash");
            bash.args(["-e", "-c", job.steps[0].run.as_ref().unwrap()])
                .env("JOBS", jobs)
                .env("RESULTS", results);
            assert_eq!(bash.output().unwrap().status.success(), expected, "{jobs} {results}");
        };
        check("[]", "success skipped skipped", true);
        check(r#"["rust","web"]"#, "success success success skipped", true);
        check(r#"["rust","web"]"#, "success success failure skipped", false);
        check(r#"["rust","web"]"#, "success success cancelled skipped", false);
        check(r#"["rust","web"]"#, "success success skipped skipped", false);
        check("", "failure skipped skipped", false);
        check("", "cancelled skipped skipped", false);
    }
}
