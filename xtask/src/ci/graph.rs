//! Which steps run, and when. Pure: no processes, no files.

use squall_steps::{Input, Outputs, Step, key::Key, store::StoredResult};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its key is not known before a step whose output files it reads has ended.
    Unknown,
    /// An earlier run with the same key passed.
    Cached,
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
    pub state: State,
    pub elapsed: Duration,
    /// The file with what it printed.
    pub log: PathBuf,
    pub key: Option<Key>,
    /// How many seconds it took when it ran before.
    pub before: Option<f64>,
    /// The result of an earlier run with the same key.
    pub hit: Option<StoredResult>,
    /// Whether the hit is compared with a run.
    pub is_audited: bool,
    /// The hash of its output files.
    pub outputs: Option<String>,
    /// What xtask itself has to say about it.
    pub remark: Option<String>,
}

impl Run {
    pub fn new(step: Step, folder: &Path) -> Self {
        let log = folder.join(format!("{}.log", step.id));
        let (state, elapsed) = (State::Unknown, Duration::ZERO);
        Self {
            step,
            state,
            elapsed,
            log,
            key: None,
            before: None,
            hit: None,
            is_audited: false,
            outputs: None,
            remark: None,
        }
    }

    /// Whether steps that need it may start.
    fn has_ended_well(&self) -> bool {
        matches!(self.state, State::Cached | State::Passed | State::Skipped)
    }

    fn waits_to_run(&self) -> bool {
        matches!(self.state, State::Waiting | State::Running)
    }
}

/// The steps whose key can be computed now: all whose output files they read are known.
pub fn computable(runs: &[Run]) -> Vec<usize> {
    let is_known = |input: &Input| match input {
        Input::Outputs(id) => {
            let needed = runs.iter().find(|run| run.step.id == *id);
            needed.is_none_or(|run| !matches!(run.state, State::Unknown | State::Waiting | State::Running))
        }
        _ => true,
    };
    let unknown = runs.iter().enumerate().filter(|(_, run)| run.state == State::Unknown);
    unknown.filter(|(_, run)| run.step.inputs.iter().all(is_known)).map(|(index, _)| index).collect()
}

/// The cached steps that run all the same: what they leave on the machine is needed by one that runs.
pub fn revived(runs: &[Run]) -> Vec<usize> {
    let is_needed = |id: &String| runs.iter().any(|run| run.waits_to_run() && run.step.needs.contains(id));
    let cached = runs.iter().enumerate().filter(|(_, run)| run.state == State::Cached);
    let machine = cached.filter(|(_, run)| run.step.outputs == Outputs::Machine);
    machine.filter(|(_, run)| is_needed(&run.step.id)).map(|(index, _)| index).collect()
}

/// The steps that can start now, in order. A step starts even if one it needs was skipped, and
/// reports on its own what is missing. After a failure, only `keep_going` starts more.
pub fn startable(runs: &[Run], keep_going: bool) -> Vec<usize> {
    if runs.iter().any(|run| run.state == State::Failed) && !keep_going {
        return Vec::new();
    }
    let has_ended = |id: &String| runs.iter().find(|run| run.step.id == *id).is_none_or(Run::has_ended_well);
    let running = runs.iter().filter(|run| run.state == State::Running);
    let mut used: Vec<_> = running.flat_map(|run| &run.step.occupies).collect();
    let mut start = Vec::new();
    for (index, Run { step, .. }) in runs.iter().enumerate().filter(|(_, run)| run.state == State::Waiting) {
        if step.needs.iter().all(has_ended) && !step.occupies.iter().any(|resource| used.contains(&resource))
        {
            used.extend(&step.occupies);
            start.push(index);
        }
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;
    use State::{Cached, Failed, Passed, Running, Skipped, Unknown, Waiting};
    use squall_steps::{
        Plan, Resource,
        Resource::{Node, Target},
    };

    fn step(id: &str, needs: &[&str], occupies: &[Resource]) -> Step {
        Step {
            id: id.to_owned(),
            title: String::new(),
            job: "job".to_owned(),
            command: Vec::new(),
            plan: Plan::Xtask,
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
            inputs: Vec::new(),
            outputs: Outputs::Nothing,
            environment: Vec::new(),
            tools: Vec::new(),
            occupies: occupies.to_vec(),
            provisions: Vec::new(),
            limit_seconds: 60,
            uncacheable: None,
        }
    }

    fn runs(steps: &[Step], states: &[State]) -> Vec<Run> {
        let runs = steps.iter().zip(states);
        runs.map(|(step, state)| Run { state: *state, ..Run::new(step.clone(), Path::new("")) }).collect()
    }

    #[test]
    fn a_step_starts_once_its_needs_have_ended_and_its_resources_are_free() {
        let check = |steps: &[Step], states: &[State], keep_going, expected: &[usize]| {
            assert_eq!(startable(&runs(steps, states), keep_going), expected, "{states:?}");
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
        check(&resources, &[Passed, Cached, Passed, Waiting, Passed], false, &[3]);
        let needs = [step("build", &[], &[]), step("test", &["build"], &[]), step("fmt", &[], &[])];
        check(&needs, &[Skipped, Waiting, Passed], false, &[1]);
        check(&needs, &[Cached, Waiting, Passed], false, &[1]);
        check(&needs, &[Unknown, Waiting, Passed], false, &[]);
        check(&needs, &[Failed, Waiting, Waiting], false, &[]);
        check(&needs, &[Failed, Waiting, Waiting], true, &[2]);
    }

    #[test]
    fn a_key_waits_for_the_step_whose_output_it_reads() {
        let mut steps = [step("build", &[], &[]), step("test", &["build"], &[])];
        steps[1].inputs.push(Input::Outputs("build".to_owned()));
        for (states, expected) in [
            ([Unknown, Unknown], vec![0]),
            ([Waiting, Unknown], vec![]),
            ([Cached, Unknown], vec![1]),
            ([Failed, Unknown], vec![1]),
        ] {
            assert_eq!(computable(&runs(&steps, &states)), expected, "{states:?}");
        }
    }

    #[test]
    fn what_a_cached_step_leaves_on_the_machine_is_made_again_for_a_step_that_runs() {
        let mut steps = [step("build", &[], &[]), step("test", &["build"], &[])];
        steps[0].outputs = Outputs::Machine;
        assert_eq!(revived(&runs(&steps, &[Cached, Waiting])), [0]);
        assert_eq!(revived(&runs(&steps, &[Cached, Cached])), [0; 0]);
        steps[0].outputs = Outputs::Folder("dist".to_owned());
        assert_eq!(revived(&runs(&steps, &[Cached, Waiting])), [0; 0]);
    }
}
