//! Which steps run, and when. Pure: it knows neither processes nor files.

use super::steps::Step;
use std::collections::BTreeSet;

/// Steps that need only steps that stand before them; that there is such an order is what makes it a graph.
#[derive(Debug)]
pub struct Graph {
    steps: Vec<Step>,
}

impl Graph {
    /// Says everything that is wrong with the steps, not only the first.
    pub fn new(steps: &[Step]) -> Result<Self, Vec<String>> {
        let mut wrong = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            if steps[..index].iter().any(|other| other.id == step.id) {
                wrong.push(format!("the step {} stands there twice", step.id));
            }
            for need in step.needs.iter().filter(|need| !steps.iter().any(|other| other.id == **need)) {
                wrong.push(format!("{} needs {need}, which is no step", step.id));
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let mut ordered: Vec<Step> = Vec::new();
        while ordered.len() < steps.len() {
            let is_placed = |id: &str| ordered.iter().any(|step| step.id == id);
            let next = steps
                .iter()
                .find(|step| !is_placed(step.id) && step.needs.iter().all(|need| is_placed(need)));
            match next {
                Some(step) => ordered.push(*step),
                None => {
                    let circle = steps
                        .iter()
                        .filter(|step| !is_placed(step.id))
                        .map(|step| step.id)
                        .collect::<Vec<_>>();
                    return Err(vec![format!("these steps wait for each other: {}", circle.join(", "))]);
                }
            }
        }
        Ok(Self { steps: ordered })
    }

    /// The named steps and all they need, in an order in which they can run; all steps when none is named.
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

/// Where each chosen step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Waiting,
    Running,
    Passed,
    /// What it needs is not on this machine.
    Skipped,
    Failed,
}

/// The steps that can start now, the first ones first. A step whose need was skipped starts, and says itself what it lacks. After a failure only `keep_going` starts any.
pub fn startable(steps: &[Step], places: &[Place], keep_going: bool) -> Vec<usize> {
    if places.contains(&Place::Failed) && !keep_going {
        return Vec::new();
    }
    let place = |id: &str| steps.iter().position(|step| step.id == id).map(|index| places[index]);
    let running = steps.iter().zip(places).filter(|(_, place)| **place == Place::Running);
    let mut used: Vec<_> = running.flat_map(|(step, _)| step.uses).collect();
    let mut start = Vec::new();
    for (index, step) in steps.iter().enumerate().filter(|(index, _)| places[*index] == Place::Waiting) {
        let needs_passed =
            step.needs.iter().all(|need| matches!(place(need), Some(Place::Passed | Place::Skipped)));
        if needs_passed && !step.uses.iter().any(|resource| used.contains(&resource)) {
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
    use Place::{Failed, Passed, Running, Skipped, Waiting};

    const fn step(id: &'static str, needs: &'static [&'static str], uses: &'static [Resource]) -> Step {
        Step { id, title: "", needs, uses, provisions: &[], command: &[], job: Job::Static }
    }

    fn ids(steps: &[Step]) -> Vec<&str> {
        steps.iter().map(|step| step.id).collect()
    }

    #[test]
    fn the_pipeline_is_a_graph_and_every_step_is_a_command() {
        let graph = Graph::new(&STEPS).unwrap();
        assert!(graph.steps.iter().all(|step| !step.command.is_empty() && !step.title.is_empty()));
    }

    #[test]
    fn a_step_stands_after_what_it_needs() {
        let graph =
            Graph::new(&[step("c", &["b"], &[]), step("b", &["a"], &[]), step("a", &[], &[])]).unwrap();
        assert_eq!(ids(&graph.steps), ["a", "b", "c"]);
    }

    #[test]
    fn a_circle_is_refused_with_the_steps_in_it() {
        let wrong =
            Graph::new(&[step("a", &["b"], &[]), step("b", &["a"], &[]), step("c", &[], &[])]).unwrap_err();
        assert_eq!(wrong, ["these steps wait for each other: a, b"]);
        let own = Graph::new(&[step("a", &["a"], &[])]).unwrap_err();
        assert_eq!(own, ["these steps wait for each other: a"]);
    }

    #[test]
    fn unknown_needs_and_double_names_are_all_reported() {
        let wrong = Graph::new(&[step("a", &["x"], &[]), step("a", &["y"], &[])]).unwrap_err();
        assert_eq!(
            wrong,
            ["a needs x, which is no step", "the step a stands there twice", "a needs y, which is no step"]
        );
    }

    #[test]
    fn choosing_a_step_chooses_all_it_needs_and_nothing_else() {
        let graph = Graph::new(&[
            step("a", &[], &[]),
            step("b", &["a"], &[]),
            step("c", &["b"], &[]),
            step("d", &[], &[]),
        ])
        .unwrap();
        assert_eq!(ids(&graph.choose(&["c".into()]).unwrap()), ["a", "b", "c"]);
        assert_eq!(ids(&graph.choose(&[]).unwrap()), ["a", "b", "c", "d"]);
        assert_eq!(graph.choose(&["x".into()]).unwrap_err(), "x");
    }

    #[test]
    fn steps_that_use_the_same_run_one_at_a_time_and_others_beside_them() {
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
        let places = [Failed, Waiting, Waiting];
        assert!(startable(&steps, &places, false).is_empty());
        assert_eq!(startable(&steps, &places, true), [2]);
    }
}
