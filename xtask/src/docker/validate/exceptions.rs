//! Reasoned exceptions, written where they hold.
//!
//! `# squall: allow DL3008, because Debian removes old versions` above a line, or at its end, excuses that line; inside of an
//! instruction, the instruction; with `in this file` before `because`, the file. hadolint's own `# hadolint ignore=DL3008 # reason` means
//! what it means to hadolint. An exception needs a reason, a rule that exists, and something to excuse.

use super::{dockerfile::Dockerfile, finding::Finding, rules};
use std::collections::BTreeMap;

#[derive(Debug)]
struct Exception {
    /// Where the comment stands.
    written: usize,
    rules: Vec<String>,
    covers: Covers,
}

#[derive(Debug)]
enum Covers {
    Line(usize),
    /// hadolint's `stage ignore`: lines after the first and up to the second.
    Lines(usize, usize),
    File,
}

impl Covers {
    fn line(&self, line: usize) -> bool {
        match *self {
            Self::Line(covered) => covered == line,
            Self::Lines(after, until) => after < line && line <= until,
            Self::File => true,
        }
    }
}

/// Takes away what is excused in one file, and adds what is wrong with its exceptions.
pub fn apply(
    file: &str,
    text: &str,
    dockerfile: Option<&Dockerfile>,
    findings: Vec<Finding>,
) -> Vec<Finding> {
    let mut faults = Vec::new();
    let mut exceptions = ours(file, text, dockerfile, &mut faults);
    exceptions.extend(dockerfile.into_iter().flat_map(|dockerfile| hadolints(file, dockerfile, &mut faults)));
    let mut used = vec![false; exceptions.len()];
    let mut kept: Vec<_> = findings
        .into_iter()
        .filter(|finding| {
            let excuses = |exception: &Exception| {
                exception.covers.line(finding.line) && exception.rules.iter().any(|rule| rule == finding.rule)
            };
            let mut excused = false;
            for (exception, used) in exceptions.iter().zip(&mut used) {
                if excuses(exception) {
                    (excused, *used) = (true, true);
                }
            }
            !excused
        })
        .collect();
    let idle = exceptions.iter().zip(used).filter(|(_, used)| !used);
    faults.extend(idle.map(|(exception, _)| {
        let why = format!("the exception for {} excuses nothing", exception.rules.join(", "));
        Finding::new("SQ-E03", file, exception.written).saying(why)
    }));
    kept.extend(faults);
    kept
}

/// Exceptions of xtask.toml hold everywhere.
pub fn apply_settings(file: &str, text: &str, allow: &BTreeMap<String, String>, findings: &mut Vec<Finding>) {
    let before = findings.clone();
    findings.retain(|finding| !allow.contains_key(finding.rule));
    for (rule, reason) in allow {
        let line =
            text.lines().position(|line| line.trim_start().starts_with(rule.as_str())).map_or(1, |at| at + 1);
        let fault = if rules::find(rule).is_none() {
            Some(("SQ-E02", format!("there is no rule {rule}")))
        } else if !is_reason(reason) {
            Some(("SQ-E01", format!("the exception for {rule} has no reason")))
        } else if before.iter().all(|finding| finding.rule != rule) {
            Some(("SQ-E03", format!("the exception for {rule} excuses nothing")))
        } else {
            None
        };
        findings.extend(fault.map(|(id, why)| Finding::new(id, file, line).saying(why)));
    }
}

fn is_reason(text: &str) -> bool {
    text.split_whitespace().count() >= 2
}

fn ours(
    file: &str,
    text: &str,
    dockerfile: Option<&Dockerfile>,
    faults: &mut Vec<Finding>,
) -> Vec<Exception> {
    let lines: Vec<&str> = text.lines().collect();
    let mut exceptions = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let written = index + 1;
        let Some((before, comment)) = comment_of(line, dockerfile.is_some()) else { continue };
        let Some(said) = comment.trim_start().strip_prefix("squall:") else { continue };
        let (scope, reason) = said.split_once("because").unwrap_or((said, ""));
        let Some(scope) = scope.trim().strip_prefix("allow ") else {
            faults.push(Finding::new("SQ-E01", file, written));
            continue;
        };
        let scope = scope.trim().trim_end_matches(',');
        let (ids, whole_file) = match scope.strip_suffix("in this file") {
            Some(ids) => (ids, true),
            None => (scope, false),
        };
        let ids: Vec<_> = ids.split([',', ' ']).filter(|id| !id.is_empty()).map(str::to_owned).collect();
        let unknown: Vec<_> = ids.iter().filter(|id| rules::find(id).is_none()).collect();
        if let Some(unknown) = unknown.first() {
            faults.push(Finding::new("SQ-E02", file, written).saying(format!("there is no rule {unknown}")));
            continue;
        }
        if ids.is_empty() || !is_reason(reason.trim_start_matches(':')) {
            faults.push(Finding::new("SQ-E01", file, written));
            continue;
        }
        let covered = match () {
            () if !before.trim().is_empty() => written,
            () => next_line(&lines, index, dockerfile),
        };
        let covers = if whole_file { Covers::File } else { Covers::Line(covered) };
        exceptions.push(Exception { written, rules: ids, covers });
    }
    exceptions
}

/// A comment, and what stands before it. In a Dockerfile a comment is a whole line.
fn comment_of(line: &str, whole_lines: bool) -> Option<(&str, &str)> {
    let trimmed = line.trim_start();
    if let Some(comment) = trimmed.strip_prefix('#') {
        return Some(("", comment));
    }
    if whole_lines { None } else { line.split_once(" #") }
}

/// The line that a comment of its own speaks of: the instruction around it, else the next line that is no comment.
fn next_line(lines: &[&str], index: usize, dockerfile: Option<&Dockerfile>) -> usize {
    let written = index + 1;
    let around = dockerfile.into_iter().flat_map(|dockerfile| &dockerfile.instructions);
    for instruction in around {
        if (instruction.line..=instruction.last_line).contains(&written) {
            return instruction.line;
        }
    }
    let after = lines.iter().enumerate().skip(index + 1);
    let next = after
        .filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
        .map(|(at, _)| at + 1)
        .next();
    next.unwrap_or(written)
}

/// hadolint's comments, with hadolint's reach: the very next line, the stage below, or the file.
fn hadolints(file: &str, dockerfile: &Dockerfile, faults: &mut Vec<Finding>) -> Vec<Exception> {
    // Where a stage's ignores end: at the next FROM, or the next comment of that kind.
    let froms =
        dockerfile.instructions.iter().filter(|instruction| instruction.is("FROM")).map(|from| from.line);
    let mut exceptions = Vec::new();
    let mut borders: Vec<usize> = froms.collect();
    let mut stages = Vec::new();
    for comment in dockerfile.comments.iter().filter(|comment| !comment.inside) {
        let Some((scope, rules, reason)) = pragma(&comment.text) else { continue };
        if !is_reason(reason) {
            faults.push(Finding::new("SQ-E01", file, comment.line));
        }
        let covers = match scope {
            "global" => Covers::File,
            "stage" => {
                borders.push(comment.line + 1);
                stages.push((comment.line, rules));
                continue;
            }
            _ => Covers::Line(comment.line + 1),
        };
        exceptions.push(Exception { written: comment.line, rules, covers });
    }
    for (written, rules) in stages {
        let until =
            borders.iter().copied().filter(|border| *border > written + 1).min().unwrap_or(usize::MAX);
        exceptions.push(Exception { written, rules, covers: Covers::Lines(written + 1, until) });
    }
    exceptions
}

/// Scope, rules and reason of `hadolint [stage|global] ignore=DL3008,DL3009 # reason`.
fn pragma(comment: &str) -> Option<(&str, Vec<String>, &str)> {
    let said = comment.trim_start_matches([' ', '\t']).strip_prefix("hadolint")?;
    let said = said.strip_prefix([' ', '\t'])?.trim_start_matches([' ', '\t']);
    let (scope, said) = ["stage", "global"]
        .into_iter()
        .find_map(|scope| {
            Some((
                scope,
                said.strip_prefix(scope)?.strip_prefix([' ', '\t'])?.trim_start_matches([' ', '\t']),
            ))
        })
        .unwrap_or(("", said));
    let said = said.strip_prefix("ignore")?.trim_start_matches([' ', '\t']).strip_prefix('=')?;
    let (ids, reason) = said.split_once('#').unwrap_or((said, ""));
    let ids: Vec<_> = ids.split(',').map(|id| id.trim_matches([' ', '\t']).to_owned()).collect();
    let is_id = |id: &String| !id.is_empty() && id.chars().all(|letter| "DLSC0123456789".contains(letter));
    ids.iter().all(is_id).then_some((scope, ids, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(text: &str) -> Vec<(usize, &'static str)> {
        let dockerfile = Dockerfile::parse(text);
        let broken = rules::hadolint::check(&dockerfile);
        let findings = broken.into_iter().map(|(line, rule)| Finding::new(rule, "f", line)).collect();
        let kept = apply("f", text, Some(&dockerfile), findings);
        let mut places: Vec<_> = kept.into_iter().map(|finding| (finding.line, finding.rule)).collect();
        places.sort_unstable();
        places
    }

    #[test]
    fn an_exception_holds_for_its_line_and_needs_a_reason_a_rule_and_a_use() {
        let check = |above: &str, expected: &[(usize, &'static str)]| {
            let text = format!("FROM a:1\n{above}\n\nRUN cd /x\n");
            assert_eq!(left(&text), expected, "{above}");
        };
        check("# squall: allow DL3003, because x is the only folder", &[]);
        check("# squall: allow DL3003 because: x is fine", &[]);
        check("# squall: allow DL3003 in this file, because x is fine", &[]);
        check("# squall: allow DL3003", &[(2, "SQ-E01"), (4, "DL3003")]);
        check("# squall: allow DL3003, because", &[(2, "SQ-E01"), (4, "DL3003")]);
        check("# squall: allow DL9999, because it is so", &[(2, "SQ-E02"), (4, "DL3003")]);
        check("# squall: allow DL3004, because it is so", &[(2, "SQ-E03"), (4, "DL3003")]);
    }

    #[test]
    fn a_comment_inside_of_an_instruction_speaks_of_it() {
        assert_eq!(
            left("FROM a:1\nRUN true && \\\n  # squall: allow DL3003, because it is so\n  cd /x\n"),
            []
        );
    }

    #[test]
    fn hadolints_own_comments_reach_as_far_as_hadolint_lets_them() {
        assert_eq!(left("FROM a:1\n# hadolint ignore=DL3003 # it is so\nRUN cd /x\n"), []);
        assert_eq!(left("FROM a:1\n# hadolint ignore=DL3003\nRUN cd /x\n"), [(2, "SQ-E01")]);
        let far = left("FROM a:1\n# hadolint ignore=DL3003 # it is so\n\nRUN cd /x\n");
        assert_eq!(far, [(2, "SQ-E03"), (4, "DL3003")]);
        let staged =
            left("# hadolint stage ignore=DL3003 # it is so\nFROM a:1\nRUN cd /x\nFROM b:1\nRUN cd /x\n");
        assert_eq!(staged, [(5, "DL3003")]);
        assert_eq!(left("FROM a:1\n# hadolint global ignore=DL3003 # it is so\nUSER 1\nRUN cd /x\n"), []);
    }
}
