//! The steps of `ci`, as data, in the order a person would run them.

use crate::failure::{Exit, Failure};
use anyhow::{Error, Result};
use squall_steps::{
    Input, Outputs, Plan,
    Provision::{self, Chromium, Nginx, NpmPackages, Postgres, Promtool, Redis},
    Resource::{Node, Target},
    Step,
    packages::Packages,
    step::Command,
};

/// All steps: the fixed ones, and the tests of each package of the workspace.
pub fn all(packages: &Packages) -> Vec<Step> {
    let mut steps = vec![
        step("fmt", "formatting", "static")
            .runs(&["fmt", "--check"])
            .commands(&[
                "cargo fmt --all --check --manifest-path Cargo.toml",
                "cargo fmt --all --check --manifest-path xtask/Cargo.toml",
            ])
            .npm("fmt:check")
            .reads(&["**/*.rs", "**/Cargo.toml", "rustfmt.toml", "rust-toolchain.toml", "web/"])
            .tools(&["rustc", "node"])
            .provides(&[NpmPackages])
            .limit(5),
        step("words", "spelling and banned words", "static").runs(&["lint", "words"]).reads(&["**"]).limit(5),
        step("workflows", "workflow drift and lints", "static")
            .runs(&["generated", "workflows", "--check"])
            .reads(&[".github/", ".ci/", "**/Cargo.toml"])
            .limit(5),
        step("dependencies", "licences, sources and duplicates", "static")
            .runs(&["lint", "dependencies"])
            .reads(&["Cargo.lock", "xtask/Cargo.lock", "**/Cargo.toml", "deny.toml"])
            .tools(&["rustc"])
            .limit(10),
        step("advisories", "known vulnerabilities", "scheduled")
            .runs(&["lint", "advisories"])
            .reads(&["Cargo.lock", "xtask/Cargo.lock", "deny.toml"])
            .uncacheable("the list of vulnerabilities grows without a change here")
            .limit(10),
        step("docker-validate", "Dockerfile and Compose rules", "static")
            .runs(&["docker", "validate"])
            .reads(&["**"])
            .tools(&["compose"])
            .limit(5),
        step("clippy", "Rust lints", "static")
            .runs(&["lint", "rust"])
            .commands(&[
                "cargo clippy --locked --workspace --all-targets --manifest-path Cargo.toml -- -D warnings",
                "cargo clippy --locked --workspace --all-targets --manifest-path xtask/Cargo.toml -- -D warnings",
            ])
            // Some of its lints are about comments.
            .reads(&RUST)
            .reads(&XTASK)
            .reads(&["clippy.toml"])
            .with_compiler()
            .limit(30),
        step("rustdoc", "links in doc comments", "static")
            .runs(&["lint", "rustdoc"])
            .commands(&[
                "cargo doc --locked --workspace --no-deps --document-private-items --quiet --manifest-path Cargo.toml",
                "cargo doc --locked --workspace --no-deps --document-private-items --quiet --manifest-path xtask/Cargo.toml",
            ])
            .sets("RUSTDOCFLAGS", "-D rustdoc::broken_intra_doc_links")
            .compiles()
            .code(&XTASK)
            .needs(&["clippy"])
            .limit(20),
        step("tsc", "web types", "web").runs(&["typecheck", "web"]).npm("typecheck").web().limit(5),
        step("lint-web", "web lints", "web").runs(&["lint", "web"]).npm("lint").web().limit(5),
        step("test-web", "web component tests", "web").runs(&["test", "web"]).npm("test").web().limit(10),
        step("build-web", "web build", "web")
            .runs(&["build", "web"])
            .npm("build")
            .web()
            .leaves(Outputs::Folder("web/dist".to_owned()))
            .limit(5),
        step("test-xtask", "xtask tests", "rust")
            .runs(&["test", "xtask"])
            .reads(&["xtask/", ".ci/", ".config/", ".github/", "infra/", "**/.cargo", "**/Cargo.toml"])
            .reads(&["compose.yaml", ".dockerignore", ".env.example", "docs/reference/", "web/package.json"])
            .reads(&["Cargo.lock", "migrations/", ".gitignore"])
            .tools(&["rustc", "cc", "compose", "docker", "user"])
            .occupies(&[Node])
            .limit(15),
        step("build", "binaries and tests", "rust")
            .runs(&["build", "rust"])
            .commands(&["cargo build --locked --workspace --all-targets"])
            .compiles()
            .leaves(Outputs::Machine)
            .limit(30),
        step("lint-migrations", "migration lints", "rust")
            .runs(&["migrate", "lint"])
            .package(&["squall-schema", "squall-migrations"])
            .needs(&["build"])
            .limit(10),
        step("migrations", "migrations produce the declared schema", "rust")
            .runs(&["migrate", "verify"])
            .package(&["squall-schema", "squall-migrations"])
            .needs(&["build"])
            .database()
            .limit(15),
    ];
    let tested = packages.names().filter(|name| !UNTESTED.contains(name));
    steps.extend(tested.map(|name| tests(name, false)));
    steps.extend(SLOW.map(|name| tests(name, true)));
    steps.extend([
        step("openapi", "API description drift", "browser")
            .runs(&["generated", "openapi", "--check"])
            .package(&["squall-api"])
            .reads(&["web/openapi.json", "web/src/api/schema.ts"])
            .npm_packages()
            .needs(&["build"])
            .limit(10),
        // Both resources: on a busy machine a browser reports failures that are not there.
        step("test-browser", "the whole stack in a browser", "browser")
            .runs(&["test", "browser"])
            .package(&STACK)
            .uses("build-web")
            .browser()
            .needs(&["build", "build-web"])
            .database()
            .limit(20),
        // Its compilers use both cores too.
        docker(step("docker-build", "images within their budgets", "docker").runs(&["docker", "build"]))
            .needs(&["build-web"])
            .leaves(Outputs::Machine)
            .limit(40),
        docker(
            step("docker-probe", "each image starts, answers, stops", "docker").runs(&["docker", "probe"]),
        )
        .needs(&["build-web", "docker-build"])
        .limit(15),
        docker(step("docker-stack", "the stack in containers", "docker").runs(&["test", "containers"]))
            .browser()
            .needs(&["build-web", "docker-build"])
            .limit(20),
    ]);
    steps
}

/// The named steps or jobs and all they need; by default all steps that can be cached.
pub fn choose(steps: &[Step], names: &[String]) -> Vec<Step> {
    let mut chosen: Vec<Step> = Vec::new();
    // From the end: a step comes after those it needs.
    for step in steps.iter().rev() {
        let is_needed = chosen.iter().any(|other| other.needs.contains(&step.id));
        let is_named = names.iter().any(|name| *name == step.id || *name == step.job);
        let is_default = names.is_empty() && step.uncacheable.is_none();
        if is_default || is_named || is_needed {
            chosen.push(step.clone());
        }
    }
    chosen.reverse();
    chosen
}

/// The same, after a check of the names.
pub fn named(steps: &[Step], names: &[String]) -> Result<Vec<Step>> {
    let is_known = |name: &&String| steps.iter().any(|step| step.id == **name || step.job == **name);
    match names.iter().find(|name| !is_known(name)) {
        Some(unknown) => Err(self::unknown(unknown)),
        None => Ok(choose(steps, names)),
    }
}

/// The failure of someone who named a step that does not exist.
pub fn unknown(name: &str) -> Error {
    let next = "run `cargo xtask ci --list`, which lists the steps and their jobs";
    Failure::new("choosing steps", format!("no step or job is called {name}"), next).exit(Exit::Usage).into()
}

/// Packages without a test.
const UNTESTED: [&str; 1] = ["squall-launcher"];

/// Packages with a module `slow`.
const SLOW: [&str; 3] = ["squall-acceptance", "squall-backup", "squall-schema"];

/// What the tests of a package read outside the packages it is compiled from, and the packages whose
/// programs they start.
fn outside(package: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match package {
        "squall-acceptance" => (&["web/openapi.json", "docs/guide/"], &STACK),
        "squall-api" => (&["docs/", "web/openapi.json", "crates/live/tests/"], &[]),
        "squall-backup" => (&["infra/systemd/", "docs/guide/"], &[]),
        "squall-boot" => (&["compose.yaml", ".env.example", "infra/", "docs/"], &[]),
        "squall-edge" => (&["infra/nginx/", "docs/reference/", "web/src/app/routes.tsx"], &[]),
        // It lets the server describe every query.
        "squall-schema" => (&["docs/reference/", "migrations/"], &[]),
        "squall-worker" => (&["docs/guide/troubleshooting.md", "docs/reference/configuration.md"], &[]),
        _ => (&[], &[]),
    }
}

/// The packages of the programs that the stack runs.
const STACK: [&str; 5] = ["squall-migrations", "squall-api", "squall-worker", "squall-demo", "squall-backup"];

fn tests(package: &str, slow: bool) -> Step {
    let short = package.trim_start_matches("squall-");
    let (suite, limit) = if slow { ("slow", 30) } else { ("rust", 15) };
    let title = if slow { format!("long proofs of {short}") } else { format!("tests of {short}") };
    let (files, programs) = outside(package);
    let mut step = step(&format!("{}-{short}", if slow { "slow" } else { "test" }), &title, "rust")
        .package(&[package])
        .package(programs)
        .code(files)
        // It reads the sources of everything.
        .reads(if package == "squall-architecture" { &["**"] } else { &[] })
        .reads(&[".config/nextest.toml"])
        .needs(&["build"])
        .database()
        .tools(&["nginx", "redis-server", "promtool", "compose", "user"])
        .variables(&["SQUALL_RANDOM_PAIRS", "SQUALL_BACKUP_DAMAGES", "PROPTEST_CASES"])
        .provides(&[Nginx, Promtool, Redis])
        .limit(limit);
    step.command = ["test", suite, "--package", package].map(str::to_owned).to_vec();
    step
}

/// What the images are made from, and what the stack in containers is.
fn docker(step: Step) -> Step {
    let images = crate::docker::images::IMAGES.iter().filter(|image| image.usual);
    let mut step = step
        .reads(&["compose.yaml", "infra/", ".dockerignore", ".env.example", "rust-toolchain.toml"])
        .tools(&["docker", "compose", "buildx"])
        .variables(&["SQUALL_VERSION", "SQUALL_DOCKER", "DOCKER_HOST"])
        .occupies(&[Target, Node])
        .provides(&[Provision::Docker])
        .uses("build-web");
    step.inputs.extend(images.map(|image| Input::Image(image.name.to_owned())));
    step
}

/// The variables that every step gets, and that no result depends on: where things are, how the
/// network is reached, and how a terminal looks.
pub const PASSED_ON: [&str; 25] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "TERM",
    "XDG_*",
    "*_proxy",
    "*_PROXY",
    "SSL_CERT_*",
    "*CA_BUNDLE*",
    "*_CA_CERTS",
    "PIP_*",
    "PYENV_*",
    "npm_config_*",
    "NPM_CONFIG_*",
    "CARGO_HOME",
    "CARGO_NET_*",
    "CARGO_TARGET_DIR",
    "CARGO_TERM_*",
    "RUSTUP_*",
    "SCCACHE_*",
    "DOCKER_CONFIG",
    "SQUALL_CACHE",
    "CI",
];

/// What changes how every Rust crate is compiled.
const COMPILER_VARIABLES: [&str; 5] =
    ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CC", "RUSTC_WRAPPER"];

/// All that the sources of the workspace are compiled from; what `include_str!` reads is below these.
const RUST: [&str; 16] = [
    "api/",
    "crates/",
    "migrations/",
    "tests/",
    "worker/",
    "Cargo.toml",
    "Cargo.lock",
    "**/Cargo.toml",
    "rust-toolchain.toml",
    ".cargo/",
    ".sqlx/",
    "infra/monitoring/",
    "infra/nginx/",
    "docs/guide/troubleshooting.md",
    "web/openapi.json",
    "web/src/app/routes.tsx",
];

/// xtask, with what `include_str!` reads.
const XTASK: [&str; 3] = ["xtask/", ".github/actions/pins/", "docs/reference/docker-rules.md"];

fn step(id: &str, title: &str, job: &str) -> Step {
    Step {
        id: id.to_owned(),
        title: title.to_owned(),
        job: job.to_owned(),
        command: Vec::new(),
        plan: Plan::Xtask,
        needs: Vec::new(),
        inputs: Vec::new(),
        outputs: Outputs::Nothing,
        environment: Vec::new(),
        // Every result is one of this kind of machine.
        tools: vec!["platform".to_owned()],
        occupies: Vec::new(),
        provisions: Vec::new(),
        limit_seconds: 0,
        uncacheable: None,
    }
}

/// How a row of the table is written.
trait Row: Sized {
    fn change(self, change: impl FnOnce(&mut Step)) -> Step;

    /// The arguments of `cargo xtask` that run it alone.
    fn runs(self, command: &[&str]) -> Step {
        self.change(|step| step.command = owned(command))
    }
    /// Commands instead of code of xtask.
    fn commands(self, lines: &[&str]) -> Step {
        lines.iter().fold(self.change(|_| ()), |step, line| step.command(line, ""))
    }
    fn npm(self, script: &str) -> Step {
        self.command(&format!("npm run --silent {script}"), "web")
    }
    fn command(self, line: &str, folder: &str) -> Step {
        let argv = line.split(' ').map(str::to_owned).collect();
        let command = Command { argv, folder: folder.to_owned(), environment: Default::default() };
        self.change(|step| match &mut step.plan {
            Plan::Commands(commands) => commands.push(command),
            Plan::Xtask => step.plan = Plan::Commands(vec![command]),
        })
    }
    fn sets(self, name: &str, value: &str) -> Step {
        self.change(|step| {
            if let Plan::Commands(commands) = &mut step.plan {
                for command in commands {
                    command.environment.insert(name.to_owned(), value.to_owned());
                }
            }
        })
    }
    fn reads(self, patterns: &[&str]) -> Step {
        let files = patterns.iter().map(|pattern| Input::Files((*pattern).to_owned()));
        self.change(|step| step.inputs.extend(files))
    }
    /// Rust sources that are compiled and not read otherwise, among other files.
    fn code(self, patterns: &[&str]) -> Step {
        let files = patterns.iter().map(|pattern| Input::Code((*pattern).to_owned()));
        self.change(|step| step.inputs.extend(files))
    }
    /// Cargo packages that are compiled before the step.
    fn package(self, names: &[&str]) -> Step {
        let packages = names.iter().map(|name| Input::Package((*name).to_owned()));
        self.change(|step| step.inputs.extend(packages)).with_compiler()
    }
    /// The whole workspace is compiled.
    fn compiles(self) -> Step {
        self.code(&RUST).with_compiler()
    }
    fn with_compiler(self) -> Step {
        self.tools(&["rustc", "cargo-config", "cc"]).variables(&COMPILER_VARIABLES).occupies(&[Target])
    }
    /// It reads web/ and runs Node.
    fn web(self) -> Step {
        self.reads(&["web/"]).node()
    }
    fn npm_packages(self) -> Step {
        self.reads(&["web/package.json", "web/package-lock.json", "web/.npmrc"]).node()
    }
    /// It runs Playwright.
    fn browser(self) -> Step {
        self.reads(&["web/e2e/", "web/playwright.config.ts", "web/tsconfig.json"])
            .npm_packages()
            .tools(&["chromium"])
            .variables(&["CHROMIUM_PATH"])
            .provides(&[Chromium])
    }
    fn node(self) -> Step {
        self.tools(&["node", "npm"]).occupies(&[Node]).provides(&[NpmPackages])
    }
    /// It starts a PostgreSQL of its own, or uses the one of DATABASE_URL.
    fn database(self) -> Step {
        self.variables(&["DATABASE_URL", "SQUALL_PG_BIN"]).tools(&["postgres", "user"]).provides(&[Postgres])
    }
    /// It reads the output folder of another step.
    fn uses(self, id: &str) -> Step {
        self.change(|step| step.inputs.push(Input::Outputs(id.to_owned())))
    }
    fn needs(self, ids: &[&str]) -> Step {
        self.change(|step| step.needs = owned(ids))
    }
    fn leaves(self, outputs: Outputs) -> Step {
        self.change(|step| step.outputs = outputs)
    }
    fn uncacheable(self, reason: &str) -> Step {
        self.change(|step| step.uncacheable = Some(reason.to_owned()))
    }
    fn tools(self, names: &[&str]) -> Step {
        self.change(|step| extend(&mut step.tools, owned(names)))
    }
    fn variables(self, names: &[&str]) -> Step {
        self.change(|step| extend(&mut step.environment, owned(names)))
    }
    fn occupies(self, resources: &[squall_steps::Resource]) -> Step {
        self.change(|step| extend(&mut step.occupies, resources.to_vec()))
    }
    fn provides(self, provisions: &[Provision]) -> Step {
        self.change(|step| extend(&mut step.provisions, provisions.to_vec()))
    }
    /// When it counts as hanging: about ten times what it takes on two cores.
    fn limit(self, minutes: u64) -> Step {
        self.change(|step| step.limit_seconds = minutes * 60)
    }
}

impl Row for Step {
    fn change(mut self, change: impl FnOnce(&mut Step)) -> Step {
        change(&mut self);
        self
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn extend<T: PartialEq>(list: &mut Vec<T>, more: Vec<T>) {
    for one in more {
        if !list.contains(&one) {
            list.push(one);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{World, tests::root};

    #[test]
    fn a_step_has_a_name_of_its_own_and_comes_after_those_it_needs() {
        let world = World::new(root()).unwrap();
        let steps = all(&Packages::of(world.metadata().unwrap()));
        for (index, step) in steps.iter().enumerate() {
            let is_before = |id: &String| steps[..index].iter().any(|other| other.id == *id);
            assert!(!is_before(&step.id) && step.needs.iter().all(is_before), "{}", step.id);
            assert!(!steps.iter().any(|other| other.job == step.id), "{} is a step and a job", step.id);
            assert!(step.limit_seconds > 0 && !step.command.is_empty(), "{}", step.id);
            for input in &step.inputs {
                let Input::Outputs(id) = input else { continue };
                assert!(step.needs.contains(id), "{} reads what {id} leaves and does not need it", step.id);
            }
        }
    }

    #[test]
    fn choosing_a_step_or_a_job_chooses_all_it_needs_and_nothing_else() {
        let steps = [("a", "job", &[][..]), ("b", "job", &["a"]), ("c", "job", &["b"]), ("d", "other", &[])];
        let steps = steps.map(|(id, job, needs)| step(id, "", job).needs(needs));
        let steps = [steps.to_vec(), vec![step("e", "network", "").uncacheable("it may change")]].concat();
        let ids = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            choose(&steps, &names).iter().map(|step| step.id.clone()).collect::<String>()
        };
        for (names, expected) in
            [(&["c"][..], "abc"), (&[], "abcd"), (&["e"], "e"), (&["other"], "d"), (&["job", "d"], "abcd")]
        {
            assert_eq!(ids(names), expected);
        }
    }
}
