//! What keys are made from: the files, the packages, the images, and this machine.

use crate::{
    docker::{context, images::IMAGES},
    doctor,
    failure::OrFail,
    files,
    postgres::Postgres,
    process,
    tools::version_of,
    world::{World, path_variable},
};
use anyhow::{Result, anyhow};
use squall_steps::{Input, Step, key::Sources, packages::Packages, store::Store, tree::Tree};
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread,
};

/// What the steps depend on, now.
pub fn of(world: &World, store: &Store, steps: &[Step]) -> Result<Sources> {
    let has_image = steps.iter().any(reads_image);
    let (tree, images) = thread::scope(|scope| {
        let images = scope.spawn(|| if has_image { images(&world.root) } else { Ok(BTreeMap::new()) });
        let tree = tree(&world.root);
        (tree, images.join())
    });
    let tree = tree?;
    Ok(Sources {
        codes: store.codes(&world.root, &tree),
        tree,
        packages: Packages::of(world.metadata()?),
        images: images.map_err(|_| anyhow!("listing what the images are made from"))??,
        tools: tools(world, steps),
        environment: environment(steps),
    })
}

pub fn reads_image(step: &Step) -> bool {
    step.inputs.iter().any(|input| matches!(input, Input::Image(_)))
}

/// The files of a clone.
pub fn tree(root: &Path) -> Result<Tree> {
    let next = "run it in a clone made by `git clone`: git's object ids tell what changed";
    Tree::of_worktree(root).or_fail("listing the files of the repository", next)
}

/// The files of each image's build context. The sources of the web app count by what the step
/// `build-web` makes of them: an image builds them with the same packages, so it gets the same files.
pub fn images(root: &Path) -> Result<BTreeMap<String, Vec<String>>> {
    let mut images = context::files_of_each(root, &IMAGES)?;
    images.values_mut().for_each(|files| files.retain(|path| !path.starts_with("web/src/")));
    Ok(images)
}

fn environment(steps: &[Step]) -> BTreeMap<String, String> {
    let names = steps.iter().flat_map(|step| &step.environment);
    names.filter_map(|name| Some((name.clone(), env::var(name).ok()?))).collect()
}

/// The version of each program; none if it is missing. Those that are slow to answer answer once per
/// version of their file.
pub fn tools(world: &World, steps: &[Step]) -> BTreeMap<String, Option<String>> {
    let names: BTreeSet<&str> = steps.iter().flat_map(|step| &step.tools).map(String::as_str).collect();
    let memo_path = crate::world::cache_folder().join("ci/versions.json");
    let memo: BTreeMap<String, String> = files::read_json(&memo_path).ok().flatten().unwrap_or_default();
    let asked: Vec<_> = thread::scope(|scope| {
        let memo = &memo;
        let ask = |name: &str| {
            let name = name.to_owned();
            scope.spawn(move || {
                let files = program(world, &name).into_iter().chain(starter(&name));
                let marks: Option<Vec<_>> = files.map(|path| mark(&path)).collect();
                let mark = marks.filter(|marks| !marks.is_empty());
                let mark = mark.map(|marks| format!("{name} {}", marks.join(" ")));
                let known = mark.as_ref().and_then(|mark| memo.get(mark)).cloned();
                let version = known.or_else(|| version(world, &name));
                (name, mark, version)
            })
        };
        let threads: Vec<_> = names.iter().map(|name| ask(name)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    // One that did not answer is asked again.
    let marked = asked.iter().filter_map(|(_, mark, version)| Some((mark.clone()?, version.clone()?)));
    let fresh: BTreeMap<_, _> = marked.collect();
    if fresh.iter().any(|(mark, version)| memo.get(mark) != Some(version)) {
        let text = serde_json::to_string(&memo.into_iter().chain(fresh).collect::<BTreeMap<_, _>>());
        // Without it, they are asked again.
        let _ = text.map(|text| files::replace(&memo_path, &text));
    }
    asked.into_iter().map(|(name, _, version)| (name, version)).collect()
}

/// The file whose change means another version.
fn program(world: &World, name: &str) -> Option<PathBuf> {
    match name {
        // Not the proxy of rustup: one file serves all toolchains.
        "rustc" => process::toolchain().map(|cargo| cargo.with_file_name("rustc")),
        "chromium" => doctor::find_chromium(world),
        "node" | "cc" | "redis-server" | "promtool" => which::which(name).ok(),
        "docker" => which::which("dockerd").ok(),
        "compose" | "buildx" => docker_plugin(name),
        "npm" => which::which(name).ok().and_then(|path| path.canonicalize().ok()),
        "nginx" => which::which(name)
            .ok()
            .or_else(|| Some("/usr/sbin/nginx".into()).filter(|it: &PathBuf| it.exists())),
        _ => None,
    }
}

/// The program that starts a plugin.
fn starter(name: &str) -> Option<PathBuf> {
    ["compose", "buildx"].contains(&name).then(|| which::which("docker").ok()).flatten()
}

/// Where Docker looks for its plugins: its documentation on writing a CLI plugin.
fn docker_plugin(name: &str) -> Option<PathBuf> {
    let own = path_variable("DOCKER_CONFIG").or_else(|| Some(path_variable("HOME")?.join(".docker")));
    let folders = ["/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec"];
    let shared = folders.map(|folder| Path::new(folder).join("docker"));
    let files = own.into_iter().chain(shared).map(|it| it.join("cli-plugins").join(format!("docker-{name}")));
    files.into_iter().find(|path| path.is_file())
}

fn mark(path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let metadata = fs::metadata(&path).ok()?;
    let (changed, nanoseconds) = (metadata.ctime(), metadata.ctime_nsec());
    Some(format!("{} {} {changed}.{nanoseconds}", path.display(), metadata.len()))
}

fn version(world: &World, name: &str) -> Option<String> {
    let ask = |arguments: &[&str]| version_of(&program(world, name)?.to_string_lossy(), arguments);
    match name {
        "platform" => Some(format!("{} {}", env::consts::OS, env::consts::ARCH)),
        "user" => Some(if process::is_root() { "root" } else { "not root" }.to_owned()),
        "rustc" => ask(&["--version"]).or_else(|| version_of("rustc", &["--version"])),
        "nginx" => ask(&["-v"]),
        "cargo-config" => cargo_config(),
        "postgres" => path_variable("SQUALL_PG_BIN")
            .map_or(Some("as pinned".to_owned()), |_| Some(Postgres::provide(world).ok()?.version)),
        // The engine of this machine need not run yet: `ci` starts it.
        "docker" => version_of("dockerd", &["--version"])
            .or_else(|| version_of("docker", &["version", "--format", "{{.Server.Version}}"])),
        "compose" => version_of("docker", &["compose", "version", "--short"]),
        "buildx" => version_of("docker", &["buildx", "version"]),
        _ => ask(&["--version"]),
    }
}

/// The user's settings of cargo that reach a compiler, not those of mirrors and proxies.
fn cargo_config() -> Option<String> {
    let home = path_variable("CARGO_HOME").or_else(|| Some(path_variable("HOME")?.join(".cargo")))?;
    cargo_settings(&fs::read_to_string(home.join("config.toml")).ok()?)
}

fn cargo_settings(text: &str) -> Option<String> {
    let mut table: toml::Table = text.parse().ok()?;
    for network in ["source", "registry", "registries", "net", "http", "term", "alias"] {
        table.remove(network);
    }
    (!table.is_empty()).then(|| files::fingerprint(&format!("{table:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{steps, world::tests::root};
    use squall_steps::{
        Outputs,
        key::{self, Key},
        tree::File,
    };

    /// The real steps, and what they depend on.
    fn real() -> (Vec<Step>, Sources) {
        let world = World::new(root()).unwrap();
        let steps = steps::all(&Packages::of(world.metadata().unwrap()));
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().to_owned(), None);
        let mut sources = of(&world, &store, &steps).unwrap();
        // Without links: a file behind one is an input twice.
        sources.tree = Tree::new(sources.tree.files().to_vec());
        for name in steps.iter().flat_map(|step| &step.environment) {
            sources.environment.insert(name.clone(), "1".to_owned());
        }
        (steps, sources)
    }

    fn hash(step: &Step, sources: &Sources) -> String {
        let outputs = step.inputs.iter().filter_map(|input| match input {
            Input::Outputs(id) => Some((id.clone(), "made".to_owned())),
            _ => None,
        });
        Key::of(step, sources, &outputs.collect()).unwrap().hash()
    }

    fn with_tree(sources: &Sources, files: Vec<File>) -> Sources {
        Sources { tree: Tree::new(files), ..sources.clone() }
    }

    /// One file of every kind: by the end of its name, and its mode.
    fn one_of_each_kind(files: &[&File]) -> Vec<File> {
        let end = |file: &File| file.path.rsplit_once('.').map(|(_, end)| end.to_owned());
        let kinds: BTreeMap<_, _> =
            files.iter().map(|file| ((end(file), file.mode.clone()), (*file).clone())).collect();
        kinds.into_values().collect()
    }

    #[test]
    fn a_change_of_any_kind_to_any_kind_of_input_changes_the_key() {
        let (steps, sources) = real();
        let all = sources.tree.files().to_vec();
        for step in &steps {
            let (before, inputs) = (hash(step, &sources), key::files(step, &sources).unwrap());
            assert!(!inputs.is_empty(), "{} reads nothing", step.id);
            for input in one_of_each_kind(&inputs) {
                let others: Vec<_> = all.iter().filter(|file| file.path != input.path).cloned().collect();
                let with = |file: File| with_tree(&sources, [others.clone(), vec![file]].concat());
                let mode = if input.mode == "100755" { "100644" } else { "100755" };
                let changed = [
                    ("content", with(File { id: "0".repeat(40), ..input.clone() })),
                    ("mode", with(File { mode: mode.to_owned(), ..input.clone() })),
                    ("deleted", with_tree(&sources, others.clone())),
                    ("renamed", with(File { path: format!("{}x", input.path), ..input.clone() })),
                ];
                for (name, changed) in changed {
                    assert_ne!(hash(step, &changed), before, "{}: {} {name}", step.id, input.path);
                }
            }
        }
    }

    #[test]
    fn a_new_file_in_a_folder_that_a_step_reads_changes_its_key() {
        let (steps, sources) = real();
        for step in &steps {
            for input in &step.inputs {
                let folder = match input {
                    Input::Files(pattern) if pattern.ends_with('/') && !pattern.contains('*') => {
                        pattern.clone()
                    }
                    Input::Package(name) => {
                        let patterns = sources.packages.patterns(name).unwrap();
                        let own =
                            patterns.iter().find(|pattern| pattern.ends_with('/') && **pattern != ".cargo/");
                        (*own.unwrap()).to_owned()
                    }
                    _ => continue,
                };
                let new = File { path: format!("{folder}new.rs"), mode: "100644".into(), id: "1".repeat(40) };
                let changed = with_tree(&sources, [sources.tree.files().to_vec(), vec![new]].concat());
                assert_ne!(hash(step, &changed), hash(step, &sources), "{}: new file in {folder}", step.id);
            }
        }
    }

    #[test]
    fn a_comment_is_an_input_of_the_steps_that_read_comments_alone() {
        let (steps, sources) = real();
        let mut changed = sources.clone();
        let mut files = sources.tree.files().to_vec();
        for file in files.iter_mut().filter(|file| sources.codes.contains_key(&file.id)) {
            let code = sources.codes[&file.id].clone();
            file.id = format!("{:0<40}", &file.id[..20]);
            changed.codes.insert(file.id.clone(), code);
        }
        changed.tree = Tree::new(files);
        let affected = steps.iter().filter(|step| hash(step, &changed) != hash(step, &sources));
        let affected: Vec<_> = affected.map(|step| step.id.as_str()).collect();
        let readers = ["fmt", "words", "docker-validate", "clippy", "test-xtask", "test-architecture"];
        assert_eq!(affected, readers);
    }

    #[test]
    fn a_step_of_images_reads_what_the_build_of_the_web_app_makes() {
        let (steps, _) = real();
        for step in steps.iter().filter(|step| reads_image(step)) {
            assert!(step.inputs.contains(&Input::Outputs("build-web".to_owned())), "{}", step.id);
        }
    }

    #[test]
    fn a_file_that_a_step_does_not_read_leaves_its_key() {
        let (steps, sources) = real();
        for step in &steps {
            let read: BTreeSet<_> =
                key::files(step, &sources).unwrap().iter().map(|file| file.path.clone()).collect();
            let mut files = sources.tree.files().to_vec();
            files
                .iter_mut()
                .filter(|file| !read.contains(&file.path))
                .for_each(|file| file.id = "0".repeat(40));
            assert_eq!(hash(step, &with_tree(&sources, files)), hash(step, &sources), "{}", step.id);
        }
    }

    #[test]
    fn variables_tools_outputs_and_the_definition_of_a_step_are_part_of_its_key() {
        let (steps, sources) = real();
        for step in &steps {
            let before = hash(step, &sources);
            for (name, is_declared) in
                sources.environment.keys().map(|name| (name, step.environment.contains(name)))
            {
                let mut changed = sources.clone();
                changed.environment.insert(name.clone(), "2".to_owned());
                assert_eq!(hash(step, &changed) != before, is_declared, "{}: {name}", step.id);
                changed.environment.remove(name);
                assert_eq!(hash(step, &changed) != before, is_declared, "{}: without {name}", step.id);
            }
            for (name, is_declared) in sources.tools.keys().map(|name| (name, step.tools.contains(name))) {
                let mut changed = sources.clone();
                changed.tools.insert(name.clone(), Some("another version".to_owned()));
                assert_eq!(hash(step, &changed) != before, is_declared, "{}: {name}", step.id);
            }
            let definitions = [
                Step { command: vec!["other".to_owned()], ..step.clone() },
                Step { outputs: Outputs::Folder("other".to_owned()), ..step.clone() },
                Step { needs: vec!["other".to_owned()], ..step.clone() },
            ];
            for changed in definitions {
                assert_ne!(hash(&changed, &sources), before, "{}", step.id);
            }
            if step.inputs.iter().any(|input| matches!(input, Input::Outputs(_))) {
                let other = Key::of(step, &sources, &BTreeMap::new()).unwrap().hash();
                assert_ne!(other, before, "{}: the output of a needed step", step.id);
            }
        }
    }

    #[test]
    fn a_network_setting_of_cargo_is_no_part_of_a_key() {
        let config = |text: &str| cargo_settings(text);
        assert_eq!(config("[source.crates-io]\nreplace-with = 'mirror'\n[net]\nretry = 3\n"), None);
        assert_ne!(config("[build]\nrustflags = ['-Ctarget-cpu=native']\n"), None);
        assert_ne!(config("[profile.dev]\nopt-level = 1\n"), None);
    }
}
