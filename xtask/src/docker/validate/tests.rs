//! The corpus of broken files in tests/docker.

use super::*;
use crate::files;
use std::fs;

fn world() -> World {
    World::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()).unwrap()
}

fn tools() -> Tools {
    Tools { hadolint: tools::program(&world(), "hadolint").unwrap(), compose: client() }
}

/// Without a client the tests of Compose files cannot run.
fn client() -> Option<PathBuf> {
    let client = compose::client();
    if client.is_none() {
        eprintln!("skipped: there is no Compose client; apt-get install docker-compose-v2 or docker-compose");
    }
    client
}

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/docker").join(name)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

/// File, line and rule of each `# expect RULE at LINE`, which is in the file itself or names one
/// that does not exist.
fn expected(root: &Path, path: &Path) -> BTreeSet<(String, usize, String)> {
    let text = String::from_utf8_lossy(&fs::read(path).unwrap()).replace('\0', "");
    let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
    let lines = text.lines().filter_map(|line| line.trim_start_matches('\u{fffd}').strip_prefix("# expect "));
    lines
        .map(|expectation| {
            let (rule, place) = expectation.split_once(" at ").unwrap();
            let (line, file) = place.split_once(" in ").unwrap_or((place, &name));
            (file.to_owned(), line.trim().parse().unwrap(), rule.to_owned())
        })
        .collect()
}

fn found(report: &Report) -> BTreeSet<(String, usize, String)> {
    report.findings.iter().map(|it| (it.file.clone(), it.line, it.rule.clone())).collect()
}

#[test]
fn each_case_has_exactly_the_findings_written_at_its_top() {
    let settings = crate::world::Docker {
        context_kilobytes: 4,
        edges: vec!["edge".to_owned()],
        development_profiles: vec!["dev".to_owned()],
    };
    let (root, tools) = (corpus("cases"), tools());
    let (folders, mut files): (Vec<_>, Vec<_>) = entries(&root).into_iter().partition(|path| path.is_dir());
    let is_compose = |path: &PathBuf| path.extension().is_some_and(|end| end == "yaml");
    files.retain(|path| tools.compose.is_some() || !is_compose(path));
    let mut wrong = String::new();
    let mut check = |root: &Path, given: &[PathBuf], paths: &[PathBuf]| {
        let project = Project::read(root, given).unwrap();
        let report = judge(&project, &settings, given.is_empty(), &tools).unwrap();
        let wanted = paths.iter().flat_map(|path| expected(root, path)).collect();
        let found = found(&report);
        for (sign, all, others) in [("-", &wanted, &found), ("+", &found, &wanted)] {
            for (file, line, rule) in all.difference(others) {
                wrong +=
                    &format!("{sign} {}/{file}: {rule} at {line}\n", root.file_name().unwrap().display());
            }
        }
    };
    check(&root, &files, &files);
    for folder in folders.iter().filter(|_| tools.compose.is_some()) {
        let mut paths = Vec::new();
        files::walk(folder, &[], &mut |path| {
            paths.push(path.to_owned());
            Ok(())
        })
        .unwrap();
        check(folder, &[], &paths);
    }
    assert!(wrong.is_empty(), "- missed, + too much\n{wrong}");
}

/// Shows what a newer hadolint changes. UPDATE=1 writes the file.
#[test]
fn hadolint_finds_in_its_corpus_what_it_found_before() {
    let (root, table) = (corpus("hadolint"), corpus("hadolint.txt"));
    let project = Project::read(&root, &entries(&root)).unwrap();
    let mut found: Vec<_> = lint(&project, &tools().hadolint).unwrap();
    found.sort();
    let found: String = found.iter().map(|it| format!("{}:{} {}\n", it.file, it.line, it.rule)).collect();
    if env::var_os("UPDATE").is_some() {
        fs::write(&table, &found).unwrap();
    }
    assert_eq!(fs::read_to_string(&table).unwrap(), found);
}

#[test]
fn every_rule_is_broken_by_a_case() {
    let mut broken = BTreeSet::new();
    files::walk(&corpus("cases"), &[], &mut |path| {
        broken.extend(expected(&corpus("cases"), path).into_iter().map(|(_, _, rule)| rule));
        Ok(())
    })
    .unwrap();
    let never: Vec<_> = rules().map(|(id, ..)| id).filter(|id| !broken.contains(*id)).collect();
    assert!(never.is_empty(), "no case breaks {never:?}");
}
