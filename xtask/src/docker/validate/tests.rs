//! The corpus of broken files in tests/docker.

use super::*;
use crate::{files, world::tests::root};
use std::fs;

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/docker").join(name)
}

fn hadolint() -> PathBuf {
    tools::program(&World::new(root()).unwrap(), "hadolint").unwrap()
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

/// Judge files, or all of a folder, and compare with what is written at the top of `paths`.
fn check(root: &Path, given: &[PathBuf], paths: &[PathBuf]) {
    let settings = crate::world::Docker {
        context_kilobytes: 4,
        edges: vec!["edge".to_owned()],
        development_profiles: vec!["dev".to_owned()],
    };
    let project = Project::read(root, given).unwrap();
    let report = judge(&project, &settings, &hadolint(), true).unwrap();
    let wanted: BTreeSet<_> = paths.iter().flat_map(|path| expected(root, path)).collect();
    let found: BTreeSet<_> = report.findings.into_iter().map(|it| (it.file, it.line, it.rule)).collect();
    let (missed, added): (Vec<_>, Vec<_>) =
        (wanted.difference(&found).collect(), found.difference(&wanted).collect());
    assert!(
        missed.is_empty() && added.is_empty(),
        "{}: missed {missed:#?}, added {added:#?}",
        root.display()
    );
}

/// The files or folders of the corpus whose name ends so.
fn cases(is_case: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(corpus("cases")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| is_case(path)).collect()
}

#[test]
fn each_dockerfile_has_exactly_the_findings_written_at_its_top() {
    let files = cases(|path| path.extension().is_some_and(|end| end == "Dockerfile"));
    check(&corpus("cases"), &files, &files);
}

/// `cargo xtask test` skips these where `docker compose` is missing.
mod with_compose {
    use super::*;

    #[test]
    fn each_compose_file_has_exactly_the_findings_written_at_its_top() {
        let files = cases(|path| path.extension().is_some_and(|end| end == "yaml"));
        check(&corpus("cases"), &files, &files);
    }

    #[test]
    fn each_repository_has_exactly_the_findings_written_in_its_files() {
        for folder in cases(Path::is_dir) {
            check(&folder, &[], &below(&folder));
        }
    }
}

#[test]
fn hadolint_finds_in_its_corpus_what_it_found_before() {
    let root = corpus("hadolint");
    let project = Project::read(&root, &below(&root)).unwrap();
    let found: BTreeSet<_> = lint(&project, &hadolint()).unwrap().into_iter().collect();
    let found: String = found.iter().map(|it| format!("{}:{} {}\n", it.file, it.line, it.rule)).collect();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(corpus(""));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("hadolint", found));
}

#[test]
fn every_rule_is_broken_by_a_case() {
    let root = corpus("cases");
    let broken: BTreeSet<_> = below(&root).iter().flat_map(|path| expected(&root, path)).collect();
    let broken: BTreeSet<_> = broken.iter().map(|(_, _, rule)| &**rule).collect();
    let never: Vec<_> = rules().map(|(id, ..)| id).filter(|id| !broken.contains(id)).collect();
    assert!(never.is_empty(), "no case breaks {never:?}");
}
