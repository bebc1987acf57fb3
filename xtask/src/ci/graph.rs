//! Which steps run, and when. Pure: no processes, no files.

use super::steps::Step;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// The named steps and all they need; all steps by default.
pub fn choose(steps: &[Step], names: &[String]) -> Vec<Step> {
    let mut chosen: Vec<Step> = Vec::new();
    // From the end: a step comes after those it needs.
    for step in steps.iter().rev() {
        let is_needed = chosen.iter().any(|other| other.needs.contains(&step.id));
        if names.is_empty() || names.iter().any(|name| name == step.id) || is_needed {
            chosen.push(*step);
        }
    }
    chosen.reverse();
    chosen
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Waiting,
    Running,
    Passed,
    /// Something it needs is missing on this machine.
    Skipped,
    Failed,
}

/// A step of this run.
pub struct Run {
    pub step: Step,
    pub status: Status,
    pub elapsed: Duration,
    /// The file with what it printed.
    pub output: PathBuf,
}

impl Run {
    pub fn new(step: Step, folder: &Path) -> Self {
        let output = folder.join(format!("{}.log", step.id));
        Self { step, status: Status::Waiting, elapsed: Duration::ZERO, output }
    }
}

/// The steps that can start now, in order. A step starts even if one it needs was skipped, and
/// reports on its own what is missing. After a failure, only `keep_going` starts more.
pub fn startable(runs: &[Run], keep_going: bool) -> Vec<usize> {
    if runs.iter().any(|run| run.status == Status::Failed) && !keep_going {
        return Vec::new();
    }
    let has_ended = |id: &&str| {
        let needed = runs.iter().find(|run| run.step.id == *id);
        needed.is_some_and(|run| matches!(run.status, Status::Passed | Status::Skipped))
    };
    let running = runs.iter().filter(|run| run.status == Status::Running);
    let mut used: Vec<_> = running.flat_map(|run| run.step.uses).collect();
    let mut start = Vec::new();
    for (index, Run { step, .. }) in runs.iter().enumerate().filter(|(_, run)| run.status == Status::Waiting)
    {
        if step.needs.iter().all(has_ended) && !step.uses.iter().any(|resource| used.contains(&resource)) {
            used.extend(step.uses);
            start.push(index);
        }
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::steps::{
        Resource::{self, Node, Target},
        STEPS,
    };
    use Status::{Failed, Passed, Running, Skipped, Waiting};

    const fn step(id: &'static str, needs: &'static [&'static str], uses: &'static [Resource]) -> Step {
        Step { id, title: "", job: "", command: &[], needs, uses, provisions: &[] }
    }

    #[test]
    fn a_step_has_a_name_of_its_own_and_comes_after_those_it_needs() {
        for (index, step) in STEPS.iter().enumerate() {
            let is_before = |id: &str| STEPS[..index].iter().any(|other| other.id == id);
            assert!(!is_before(step.id) && step.needs.iter().all(|need| is_before(need)), "{}", step.id);
        }
    }

    #[test]
    fn choosing_a_step_chooses_all_it_needs_and_nothing_else() {
        let steps =
            [step("a", &[], &[]), step("b", &["a"], &[]), step("c", &["b"], &[]), step("d", &[], &[])];
        let ids = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            choose(&steps, &names).iter().map(|step| step.id).collect::<String>()
        };
        assert_eq!(ids(&["c"]), "abc");
        assert_eq!(ids(&[]), "abcd");
    }

    #[test]
    fn a_step_starts_once_its_needs_have_ended_and_its_resources_are_free() {
        let check = |steps: &[Step], statuses: &[Status], keep_going, expected: &[usize]| {
            let runs = steps.iter().zip(statuses);
            let runs = runs.map(|(step, status)| Run { status: *status, ..Run::new(*step, Path::new("")) });
            assert_eq!(startable(&runs.collect::<Vec<_>>(), keep_going), expected, "{statuses:?}");
        };
        let resources = [
            step("clippy", &[], &[Target]),
            step("check", &[], &[Target]),
            step("tsc", &[], &[Node]),
            step("both", &[], &[Target, Node]),
            step("fmt", &[], &[]),
        ];
        check(&resources, &[Waiting; 5], false, &[0, 2, 4]);
        check(&resources, &[Passed, Waiting, Running, Waiting, Passed], false, &[1]);
        check(&resources, &[Passed, Passed, Passed, Waiting, Passed], false, &[3]);
        let needs = [step("build", &[], &[]), step("test", &["build"], &[]), step("fmt", &[], &[])];
        check(&needs, &[Skipped, Waiting, Passed], false, &[1]);
        check(&needs, &[Failed, Waiting, Waiting], false, &[]);
        check(&needs, &[Failed, Waiting, Waiting], true, &[2]);
    }
}
