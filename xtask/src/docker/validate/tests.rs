//! The folder tests/docker: files with what is wrong with them written at their top, and hadolint's own answers.

use super::*;
use std::path::Path;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/docker").join(name)
}

fn settings() -> Settings {
    Settings {
        context_kilobytes: 4,
        edges: vec!["edge".to_owned()],
        aside: vec!["infra/base-images".to_owned()],
        development_profiles: vec!["dev".to_owned()],
        allow: BTreeMap::new(),
    }
}

type Place = (String, usize, String);

fn places(report: &Report) -> BTreeSet<Place> {
    let places = report.findings.iter();
    places.map(|finding| (finding.file.clone(), finding.line, finding.rule.to_owned())).collect()
}

/// `# expect RULE at LINE`, in the file that the finding is in; of a file that is not there, ` in FILE` says which.
fn expected(root: &Path, path: &Path) -> BTreeSet<Place> {
    let text = String::from_utf8_lossy(&fs::read(path).unwrap()).replace('\0', "");
    let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
    let said = text.lines().filter_map(|line| line.trim_start_matches('\u{fffd}').strip_prefix("# expect "));
    said.map(|said| {
        let (rule, place) = said.split_once(" at ").unwrap();
        let (line, file) = place.split_once(" in ").unwrap_or((place, &name));
        (file.to_owned(), line.trim().parse().unwrap(), rule.to_owned())
    })
    .collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

#[test]
fn each_case_has_exactly_the_findings_written_at_its_top() {
    let root = folder("cases");
    let (mut wrong, mut broken) = (Vec::new(), 0);
    for case in entries(&root) {
        let (report, expected) = if case.is_dir() {
            let project = Project::read(&case, &[]).unwrap();
            let mut wanted = BTreeSet::new();
            crate::files::walk(&case, &[], &mut |path| {
                wanted.extend(expected(&case, path));
                Ok(())
            })
            .unwrap();
            (judge(&project, &settings(), true, false).unwrap(), wanted)
        } else {
            let project = Project::read(&root, std::slice::from_ref(&case)).unwrap();
            (judge(&project, &settings(), false, false).unwrap(), expected(&root, &case))
        };
        broken += usize::from(!expected.is_empty());
        let found = places(&report);
        if found != expected {
            let missed: Vec<_> = expected.difference(&found).collect();
            let extra: Vec<_> = found.difference(&expected).collect();
            wrong.push(format!(
                "{}: missed {missed:?}, too much {extra:?}\n{}",
                case.display(),
                finding::text(&report.findings)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(broken >= 40, "only {broken} broken cases");
}

#[test]
fn every_rule_of_ours_is_broken_by_a_case() {
    let mut seen = BTreeSet::new();
    crate::files::walk(&folder("cases"), &[], &mut |path| {
        seen.extend(expected(&folder("cases"), path).into_iter().map(|(_, _, rule)| rule));
        Ok(())
    })
    .unwrap();
    let ours =
        rules::RULES.iter().map(|rule| rule.id).filter(|id| !id.starts_with("DL3") && !id.starts_with("DL4"));
    let never: Vec<_> = ours.filter(|id| !seen.contains(*id)).collect();
    assert!(never.is_empty(), "no case breaks {never:?}");
}

/// The answers were recorded with hadolint 2.15; SQUALL_HADOLINT=PATH records them anew.
#[test]
fn every_rule_with_an_id_of_hadolint_says_what_hadolint_says() {
    let (root, answers) = (folder("hadolint"), folder("hadolint-answers.txt"));
    let claimed: Vec<_> = rules::RULES.iter().map(|rule| rule.id).filter(|id| id.starts_with("DL")).collect();
    if let Some(hadolint) = env::var_os("SQUALL_HADOLINT") {
        fs::write(&answers, recorded(Path::new(&hadolint), &root, &claimed)).unwrap();
    }
    let recorded = fs::read_to_string(&answers).unwrap();
    let mut ours = String::new();
    for path in entries(&root) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let project = Project::read(&root, std::slice::from_ref(&path)).unwrap();
        let file = project.dockerfiles.all().next().unwrap();
        let broken = rules::hadolint::check(&file.parsed);
        let findings = broken.into_iter().map(|(line, rule)| Finding::new(rule, &name, line)).collect();
        let mut kept = exceptions::apply(&name, &file.text, Some(&file.parsed), findings);
        kept.retain(|finding| finding.rule.starts_with("DL"));
        kept.sort();
        ours.extend(kept.iter().map(|finding| format!("{name}:{} {}\n", finding.line, finding.rule)));
    }
    let (theirs, ours): (BTreeSet<_>, BTreeSet<_>) = (recorded.lines().collect(), ours.lines().collect());
    let missed: Vec<_> = theirs.difference(&ours).collect();
    let extra: Vec<_> = ours.difference(&theirs).collect();
    assert!(missed.is_empty() && extra.is_empty(), "hadolint alone: {missed:#?}\nwe alone: {extra:#?}");
    let never: Vec<_> = claimed.iter().filter(|id| !recorded.contains(&format!(" {id}\n"))).collect();
    assert!(never.is_empty(), "no file meets {never:?}");
}

fn recorded(hadolint: &Path, root: &Path, claimed: &[&str]) -> String {
    let mut command = std::process::Command::new(hadolint);
    let output = command.args(["--no-fail", "--format", "json"]).args(entries(root)).output().unwrap();
    let answers: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let mut lines = BTreeSet::new();
    for answer in answers {
        let (code, line) = (answer["code"].as_str().unwrap(), answer["line"].as_u64().unwrap());
        let name = answer["file"].as_str().unwrap().rsplit('/').next().unwrap();
        assert_ne!(code, "DL1000", "hadolint cannot read {name}:{line}");
        if claimed.contains(&code) {
            lines.insert(format!("{name}:{line} {code}\n"));
        }
    }
    lines.into_iter().collect()
}

/// UPDATE=1 writes the table.
#[test]
fn the_docs_show_every_rule() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/docker-rules.md");
    let text = fs::read_to_string(&path).unwrap();
    let (start, end) = ("<!-- rules: written by a test of xtask -->\n", "<!-- end of rules -->\n");
    let (before, rest) = text.split_once(start).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let rows = rules::RULES
        .iter()
        .map(|rule| format!("| `{}` | {} | {} |\n", rule.id, cell(rule.why), cell(rule.fix)));
    let table: String =
        ["| id | why | fix |\n| --- | --- | --- |\n".to_owned()].into_iter().chain(rows).collect();
    let wanted = format!("{before}{start}{table}{end}{after}");
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        wanted,
        "run `UPDATE=1 cargo xtask test xtask` to renew docs/reference/docker-rules.md"
    );
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[test]
fn rules_have_ids_of_their_own_and_words() {
    let ids: BTreeSet<_> = rules::RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), rules::RULES.len());
    assert!(rules::RULES.iter().all(|rule| !rule.why.ends_with('.') && !rule.fix.is_empty()));
}

#[test]
fn exceptions_of_the_settings_hold_everywhere_and_must_be_of_use() {
    let finding = |rule| Finding::new(rule, "f", 1);
    let mut findings = vec![finding("DL3008"), finding("DL3003")];
    let allow = [
        ("DL3008", "Debian removes old versions"),
        ("DL3004", "nobody uses it"),
        ("DL3003", "so"),
        ("X", "a reason"),
    ];
    let allow = allow.into_iter().map(|(rule, reason)| (rule.to_owned(), reason.to_owned())).collect();
    exceptions::apply_settings("s", "[docker.allow]\nDL3008 = \"\"\nX = \"\"\n", &allow, &mut findings);
    let shown: Vec<_> = findings.iter().map(|finding| (finding.rule, finding.line)).collect();
    assert_eq!(shown, [("SQ-E01", 1), ("SQ-E03", 1), ("SQ-E02", 3)]);
}
