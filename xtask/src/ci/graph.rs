//! Which steps run, and when. Pure: no processes, no files.

use super::steps::Step;
use std::collections::BTreeSet;

/// Steps sorted so that each comes after the steps it needs.
#[derive(Debug)]
pub struct Graph {
    steps: Vec<Step>,
}

impl Graph {
    /// Sorts the steps, or reports every mistake in them.
    pub fn new(steps: &[Step]) -> Result<Self, Vec<String>> {
        let mut mistakes = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            if steps[..index].iter().any(|other| other.id == step.id) {
                mistakes.push(format!("two steps are named {}", step.id));
            }
            for need in step.needs.iter().filter(|need| !steps.iter().any(|other| other.id == **need)) {
                mistakes.push(format!("{} needs {need}, which is not a step", step.id));
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let mut ordered: Vec<Step> = Vec::new();
        while ordered.len() < steps.len() {
            let is_placed = |id: &str| ordered.iter().any(|step| step.id == id);
            let mut waiting = steps.iter().filter(|step| !is_placed(step.id));
            match waiting.clone().find(|step| step.needs.iter().all(|need| is_placed(need))) {
                Some(step) => ordered.push(*step),
                None => {
                    let first = waiting.next().map_or("", |step| step.id);
                    let circle = waiting.fold(first.to_owned(), |text, step| format!("{text}, {}", step.id));
                    return Err(vec![format!("these steps need each other: {circle}")]);
                }
            }
        }
        Ok(Self { steps: ordered })
    }

    /// The named steps and all they need, in an order in which they can run; all steps by default.
    pub fn choose(&self, names: &[String]) -> Result<Vec<Step>, String> {
        if names.is_empty() {
            return Ok(self.steps.clone());
        }
        let mut chosen = BTreeSet::new();
        for name in names {
            let step = self.steps.iter().find(|step| step.id == name).ok_or_else(|| name.clone())?;
            self.add(step, &mut chosen);
        }
        Ok(self.steps.iter().filter(|step| chosen.contains(step.id)).copied().collect())
    }

    fn add(&self, step: &Step, chosen: &mut BTreeSet<&'static str>) {
        if chosen.insert(step.id) {
            let needed = self.steps.iter().filter(|other| step.needs.contains(&other.id));
            needed.for_each(|other| self.add(other, chosen));
        }
    }
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

/// The steps that can start now, in order. A step starts even if one it needs was skipped, and
/// reports on its own what is missing. After a failure, only `keep_going` starts more.
pub fn startable(steps: &[Step], statuses: &[Status], keep_going: bool) -> Vec<usize> {
    if statuses.contains(&Status::Failed) && !keep_going {
        return Vec::new();
    }
    let status = |id: &str| steps.iter().position(|step| step.id == id).map(|index| statuses[index]);
    let running = steps.iter().zip(statuses).filter(|(_, status)| **status == Status::Running);
    let mut used: Vec<_> = running.flat_map(|(step, _)| step.uses).collect();
    let mut start = Vec::new();
    for (index, step) in steps.iter().enumerate().filter(|(index, _)| statuses[*index] == Status::Waiting) {
        let ready =
            step.needs.iter().all(|need| matches!(status(need), Some(Status::Passed | Status::Skipped)));
        if ready && !step.uses.iter().any(|resource| used.contains(&resource)) {
            used.extend(step.uses);
            start.push(index);
        }
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::steps::{Job, Resource, STEPS};
    use Status::{Failed, Passed, Running, Skipped, Waiting};

    const fn step(id: &'static str, needs: &'static [&'static str], uses: &'static [Resource]) -> Step {
        Step { id, title: "", job: Job::Static, command: &[], needs, uses, provisions: &[] }
    }

    fn ids(steps: &[Step]) -> Vec<&str> {
        steps.iter().map(|step| step.id).collect()
    }

    #[test]
    fn the_pipeline_is_a_graph_and_every_step_is_a_command() {
        let graph = Graph::new(STEPS).unwrap();
        assert!(graph.steps.iter().all(|step| !step.command.is_empty() && !step.title.is_empty()));
    }

    #[test]
    fn a_step_comes_after_the_steps_it_needs() {
        let graph =
            Graph::new(&[step("c", &["b"], &[]), step("b", &["a"], &[]), step("a", &[], &[])]).unwrap();
        assert_eq!(ids(&graph.steps), ["a", "b", "c"]);
    }

    #[test]
    fn a_circle_is_refused_with_the_steps_in_it() {
        let steps = [step("a", &["b"], &[]), step("b", &["a"], &[]), step("c", &[], &[])];
        assert_eq!(Graph::new(&steps).unwrap_err(), ["these steps need each other: a, b"]);
        let steps = [step("a", &["a"], &[])];
        assert_eq!(Graph::new(&steps).unwrap_err(), ["these steps need each other: a"]);
    }

    #[test]
    fn unknown_needs_and_repeated_names_are_all_reported() {
        let mistakes = Graph::new(&[step("a", &["x"], &[]), step("a", &["y"], &[])]).unwrap_err();
        let expected =
            ["a needs x, which is not a step", "two steps are named a", "a needs y, which is not a step"];
        assert_eq!(mistakes, expected);
    }

    #[test]
    fn choosing_a_step_chooses_all_it_needs_and_nothing_else() {
        let steps =
            [step("a", &[], &[]), step("b", &["a"], &[]), step("c", &["b"], &[]), step("d", &[], &[])];
        let graph = Graph::new(&steps).unwrap();
        assert_eq!(ids(&graph.choose(&["c".into()]).unwrap()), ["a", "b", "c"]);
        assert_eq!(ids(&graph.choose(&[]).unwrap()), ["a", "b", "c", "d"]);
        assert_eq!(graph.choose(&["x".into()]).unwrap_err(), "x");
    }

    #[test]
    fn steps_that_use_the_same_resource_run_one_at_a_time_beside_others() {
        let steps = [
            step("clippy", &[], &[Resource::Target]),
            step("check", &[], &[Resource::Target]),
            step("tsc", &[], &[Resource::Node]),
            step("both", &[], &[Resource::Target, Resource::Node]),
            step("fmt", &[], &[]),
        ];
        assert_eq!(startable(&steps, &[Waiting; 5], false), [0, 2, 4]);
        assert_eq!(startable(&steps, &[Passed, Waiting, Running, Waiting, Passed], false), [1]);
        assert_eq!(startable(&steps, &[Passed, Passed, Passed, Waiting, Passed], false), [3]);
    }

    #[test]
    fn a_step_starts_after_a_skipped_one_but_not_after_a_failed_one() {
        let steps = [step("images", &[], &[]), step("stack", &["images"], &[])];
        assert_eq!(startable(&steps, &[Skipped, Waiting], false), [1]);
        assert!(startable(&steps, &[Failed, Waiting], true).is_empty());
    }

    #[test]
    fn after_a_failure_only_keep_going_starts_what_does_not_need_it() {
        let steps = [step("build", &[], &[]), step("test", &["build"], &[]), step("fmt", &[], &[])];
        let statuses = [Failed, Waiting, Waiting];
        assert!(startable(&steps, &statuses, false).is_empty());
        assert_eq!(startable(&steps, &statuses, true), [2]);
    }
}
