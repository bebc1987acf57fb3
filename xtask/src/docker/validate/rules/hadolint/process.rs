//! How a container starts and as whom: USER, CMD, ENTRYPOINT, HEALTHCHECK, EXPOSE.

use super::{Broken, Step};
use crate::docker::validate::dockerfile::Form;
use std::collections::{BTreeMap, BTreeSet};

pub fn check(steps: &[Step<'_>], broken: &mut Broken) {
    let (mut commands, mut entrypoints, mut checks) = (0, 0, 0);
    let mut args: BTreeSet<String> = BTreeSet::new();
    // The last USER of each stage that is root, by the line of its FROM.
    let mut roots: BTreeMap<usize, usize> = BTreeMap::new();
    let mut stage = None;
    for step in steps {
        let (line, instruction) = (step.line(), step.instruction);
        match instruction.keyword.as_str() {
            "FROM" => {
                (commands, entrypoints, checks) = (0, 0, 0);
                stage = Some(line);
            }
            "ARG" => args.extend(instruction.declared().into_iter().take(1).map(|(name, _)| name)),
            "USER" => {
                let user = instruction.body.as_str();
                let is_root =
                    matches!(user, "root" | "0") || user.starts_with("root:") || user.starts_with("0:");
                match stage {
                    Some(stage) if is_root => drop(roots.insert(stage, line)),
                    Some(stage) => drop(roots.remove(&stage)),
                    None => {}
                }
                let name = user.split(':').next().unwrap_or_default();
                let is_argument = args
                    .iter()
                    .any(|arg| user.contains(&format!("${{{arg}}}")) || user.contains(&format!("${arg}")));
                if !name.chars().all(|letter| letter.is_ascii_digit()) && !is_argument {
                    broken.insert((line, "DL3066"));
                }
            }
            "CMD" => {
                commands += 1;
                if commands > 1 {
                    broken.insert((line, "DL4003"));
                }
            }
            "ENTRYPOINT" => {
                entrypoints += 1;
                if entrypoints > 1 {
                    broken.insert((line, "DL4004"));
                }
            }
            "HEALTHCHECK" => {
                checks += 1;
                if checks > 1 {
                    broken.insert((line, "DL3012"));
                }
            }
            "EXPOSE" if instruction.body.split_whitespace().any(|port| !is_port(port)) => {
                broken.insert((line, "DL3011"));
            }
            "MAINTAINER" => {
                broken.insert((line, "DL4000"));
            }
            _ => {}
        }
        let starts = matches!(instruction.keyword.as_str(), "CMD" | "ENTRYPOINT")
            || (instruction.is("HEALTHCHECK") && !instruction.is_health_none());
        // hadolint takes an escaped backslash before a quote for no JSON; to agree is worth more than to be right here.
        let is_shell = matches!(instruction.form(), Form::Shell(_)) || instruction.body.contains("\\\\\"");
        if starts && is_shell {
            broken.insert((line, "DL3025"));
        }
    }
    broken.extend(roots.into_values().map(|line| (line, "DL3002")));
}

/// One port or a range; what is no number is none of this rule's business.
fn is_port(written: &str) -> bool {
    let ports = written.split('/').next().unwrap_or_default();
    ports
        .split('-')
        .filter(|port| !port.is_empty() && port.chars().all(|digit| digit.is_ascii_digit()))
        .all(|port| port.parse::<u64>().is_ok_and(|port| port <= 65_535))
}
