//! The corpus of broken files in tests/docker.

use super::*;
use crate::files;
use std::fs;

/// Without a Compose client the cases of Compose files cannot run.
fn tools() -> Tools {
    let world = World::new(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()).unwrap();
    let compose = compose::client();
    if compose.is_none() {
        eprintln!("skipped: {NO_COMPOSE}");
    }
    Tools { hadolint: tools::program(&world, "hadolint").unwrap(), compose }
}

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/docker").join(name)
}

/// The files below a folder.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let mut add = |path: &Path| {
        paths.push(path.to_owned());
        Ok(())
    };
    files::walk(folder, &[], &mut add).unwrap();
    paths
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

#[test]
fn each_case_has_exactly_the_findings_written_at_its_top() {
    let settings = crate::world::Docker {
        context_kilobytes: 4,
        edges: vec!["edge".to_owned()],
        development_profiles: vec!["dev".to_owned()],
    };
    let (root, tools) = (corpus("cases"), tools());
    let entries = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path());
    let (folders, mut files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    files.retain(|path| tools.compose.is_some() || path.extension().is_none_or(|end| end != "yaml"));
    let mut wrong = String::new();
    let mut check = |root: &Path, given: &[PathBuf], paths: &[PathBuf]| {
        let project = Project::read(root, given).unwrap();
        let report = judge(&project, &settings, &tools).unwrap();
        let wanted: BTreeSet<_> = paths.iter().flat_map(|path| expected(root, path)).collect();
        let found = report.findings.into_iter().map(|it| (it.file, it.line, it.rule)).collect();
        for (sign, all, others) in [("-", &wanted, &found), ("+", &found, &wanted)] {
            for (file, line, rule) in all.difference(others) {
                wrong += &format!("{sign} {}/{file}: {rule} at {line}\n", root.display());
            }
        }
    };
    check(&root, &files, &files);
    for folder in folders.iter().filter(|_| tools.compose.is_some()) {
        check(folder, &[], &below(folder));
    }
    assert!(wrong.is_empty(), "- missed, + too much\n{wrong}");
}

/// Shows what a newer hadolint changes. UPDATE=1 writes the file.
#[test]
fn hadolint_finds_in_its_corpus_what_it_found_before() {
    let (root, table) = (corpus("hadolint"), corpus("hadolint.txt"));
    let project = Project::read(&root, &below(&root)).unwrap();
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
    let root = corpus("cases");
    let broken: BTreeSet<_> = below(&root).iter().flat_map(|path| expected(&root, path)).collect();
    let broken: BTreeSet<_> = broken.iter().map(|(_, _, rule)| &**rule).collect();
    let never: Vec<_> = rules().map(|(id, ..)| id).filter(|id| !broken.contains(id)).collect();
    assert!(never.is_empty(), "no case breaks {never:?}");
}
