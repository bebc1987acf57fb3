//! The steps, in the order a person would run them.

use crate::doctor::Provision;
use serde::Serialize;

/// One node of the graph.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Step {
    pub id: &'static str,
    pub title: &'static str,
    /// Steps that must have passed before.
    pub needs: &'static [&'static str],
    /// What it keeps others from using meanwhile.
    pub uses: &'static [Resource],
    /// What is provided before anything starts.
    pub provisions: &'static [Provision],
    /// The arguments of `cargo xtask`.
    pub command: &'static [&'static str],
    /// The workflow's job that runs it.
    pub job: Job,
}

/// Two steps that use the same resource never run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// Cargo's target folder, which one cargo locks at a time.
    Target,
    /// About one core of npm, Vite, Vitest or TypeScript.
    Node,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    Static,
    Rust,
    Web,
    Browser,
    Docker,
}

use Provision::{Chromium, NpmPackages, Postgres};
use Resource::{Node, Target};

#[rustfmt::skip]
pub const STEPS: [Step; 20] = [
    Step { id: "fmt", title: "formatting", needs: &[], uses: &[], provisions: &[NpmPackages], command: &["fmt", "--check"], job: Job::Static },
    Step { id: "workflows", title: "workflow drift", needs: &[], uses: &[], provisions: &[], command: &["workflows", "check"], job: Job::Static },
    Step { id: "docker-validate", title: "rules of Dockerfiles and Compose files", needs: &[], uses: &[], provisions: &[], command: &["docker", "validate"], job: Job::Static },
    Step { id: "clippy", title: "lints of the Rust code", needs: &[], uses: &[Target], provisions: &[], command: &["lint", "rust"], job: Job::Static },
    Step { id: "check", title: "types of the Rust code", needs: &[], uses: &[Target], provisions: &[], command: &["typecheck", "rust"], job: Job::Static },
    Step { id: "queries", title: "SQL queries against the schema", needs: &["check"], uses: &[Target], provisions: &[Postgres], command: &["queries", "--check"], job: Job::Static },
    Step { id: "tsc", title: "types of the web app", needs: &[], uses: &[Node], provisions: &[NpmPackages], command: &["typecheck", "web"], job: Job::Web },
    Step { id: "lint-web", title: "lints of the web app", needs: &[], uses: &[Node], provisions: &[NpmPackages], command: &["lint", "web"], job: Job::Web },
    Step { id: "test-web", title: "tests of the web app's components", needs: &[], uses: &[Node], provisions: &[NpmPackages], command: &["test", "web"], job: Job::Web },
    Step { id: "build-web", title: "build of the web app", needs: &[], uses: &[Node], provisions: &[NpmPackages], command: &["build", "web"], job: Job::Web },
    Step { id: "test-xtask", title: "tests of xtask", needs: &[], uses: &[Node], provisions: &[], command: &["test", "xtask"], job: Job::Rust },
    Step { id: "build", title: "build of binaries and tests", needs: &[], uses: &[Target], provisions: &[], command: &["build", "rust"], job: Job::Rust },
    Step { id: "lint-migrations", title: "lints of the migrations", needs: &["build"], uses: &[Target], provisions: &[], command: &["migrate", "lint"], job: Job::Rust },
    Step { id: "migrations", title: "migrations make the declared schema", needs: &["build"], uses: &[Target], provisions: &[Postgres], command: &["migrate", "verify"], job: Job::Rust },
    Step { id: "test-rust", title: "tests of the Rust code against PostgreSQL", needs: &["build"], uses: &[Target], provisions: &[Postgres], command: &["test", "rust"], job: Job::Rust },
    Step { id: "openapi", title: "API description drift", needs: &["build"], uses: &[Target, Node], provisions: &[NpmPackages], command: &["openapi", "--check"], job: Job::Browser },
    // It holds both resources: a browser that waits for a busy machine finds faults that are not there.
    Step { id: "browser", title: "the whole stack in a browser", needs: &["build", "build-web"], uses: &[Target, Node], provisions: &[Postgres, NpmPackages, Chromium], command: &["test", "browser"], job: Job::Browser },
    // Its compilers take both cores, too.
    Step { id: "docker-build", title: "images within their budgets", needs: &[], uses: &[Target, Node], provisions: &[], command: &["docker", "build"], job: Job::Docker },
    Step { id: "docker-probe", title: "each image starts, answers, stops", needs: &["docker-build"], uses: &[Target, Node], provisions: &[], command: &["docker", "probe"], job: Job::Docker },
    Step { id: "docker-stack", title: "the stack in containers in a browser", needs: &["docker-build"], uses: &[Target, Node], provisions: &[NpmPackages, Chromium], command: &["test", "containers"], job: Job::Docker },
];
