//! The steps of `ci`, as data, in the order a person would run them.

use crate::doctor::Provision;
use serde::Serialize;

#[derive(Debug, Clone, Copy, Serialize)]
pub struct Step {
    pub id: &'static str,
    pub title: &'static str,
    /// The workflow's job that runs it, as in generated/ci.yml.
    pub job: &'static str,
    /// The arguments of `cargo xtask`.
    pub command: &'static [&'static str],
    /// Steps that must pass first.
    pub needs: &'static [&'static str],
    /// Resources it occupies while it runs.
    pub uses: &'static [Resource],
    /// What is installed before the first step starts.
    pub provisions: &'static [Provision],
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

use Provision::{Chromium, Nginx, NpmPackages, Postgres, Redis};
use Resource::{Node, Target};

#[rustfmt::skip]
pub const STEPS: &[Step] = &[
    Step { id: "fmt", title: "formatting", job: "static", command: &["fmt", "--check"], needs: &[], uses: &[], provisions: &[NpmPackages] },
    Step { id: "words", title: "spelling and banned words", job: "static", command: &["lint", "words"], needs: &[], uses: &[], provisions: &[] },
    Step { id: "workflows", title: "workflow drift and lints", job: "static", command: &["generated", "workflows", "--check"], needs: &[], uses: &[], provisions: &[] },
    Step { id: "dependencies", title: "licences, sources and duplicates", job: "static", command: &["lint", "dependencies"], needs: &[], uses: &[], provisions: &[] },
    Step { id: "docker-validate", title: "Dockerfile and Compose rules", job: "static", command: &["docker", "validate"], needs: &[], uses: &[], provisions: &[] },
    Step { id: "clippy", title: "Rust lints", job: "static", command: &["lint", "rust"], needs: &[], uses: &[Target], provisions: &[] },
    Step { id: "rustdoc", title: "links in doc comments", job: "static", command: &["lint", "rustdoc"], needs: &["clippy"], uses: &[Target], provisions: &[] },
    Step { id: "queries", title: "SQL queries against the schema", job: "static", command: &["generated", "queries", "--check"], needs: &["clippy"], uses: &[Target], provisions: &[Postgres] },
    Step { id: "tsc", title: "web types", job: "web", command: &["typecheck", "web"], needs: &[], uses: &[Node], provisions: &[NpmPackages] },
    Step { id: "lint-web", title: "web lints", job: "web", command: &["lint", "web"], needs: &[], uses: &[Node], provisions: &[NpmPackages] },
    Step { id: "test-web", title: "web component tests", job: "web", command: &["test", "web"], needs: &[], uses: &[Node], provisions: &[NpmPackages] },
    Step { id: "build-web", title: "web build", job: "web", command: &["build", "web"], needs: &[], uses: &[Node], provisions: &[NpmPackages] },
    Step { id: "test-xtask", title: "xtask tests", job: "rust", command: &["test", "xtask"], needs: &[], uses: &[Node], provisions: &[] },
    Step { id: "build", title: "binaries and tests", job: "rust", command: &["build", "rust"], needs: &[], uses: &[Target], provisions: &[] },
    Step { id: "lint-migrations", title: "migration lints", job: "rust", command: &["migrate", "lint"], needs: &["build"], uses: &[Target], provisions: &[] },
    Step { id: "migrations", title: "migrations produce the declared schema", job: "rust", command: &["migrate", "verify"], needs: &["build"], uses: &[Target], provisions: &[Postgres] },
    Step { id: "test-rust", title: "Rust tests against PostgreSQL", job: "rust", command: &["test", "rust"], needs: &["build"], uses: &[Target], provisions: &[Postgres, Nginx, Redis] },
    Step { id: "test-slow", title: "long proofs", job: "rust", command: &["test", "slow"], needs: &["build"], uses: &[Target], provisions: &[Postgres, Nginx, Redis] },
    Step { id: "openapi", title: "API description drift", job: "browser", command: &["generated", "openapi", "--check"], needs: &["build"], uses: &[Target, Node], provisions: &[NpmPackages] },
    // Both resources: on a busy machine a browser reports failures that are not there.
    Step { id: "browser", title: "the whole stack in a browser", job: "browser", command: &["test", "browser"], needs: &["build", "build-web"], uses: &[Target, Node], provisions: &[Postgres, NpmPackages, Chromium] },
    // Its compilers use both cores too.
    Step { id: "docker-build", title: "images within their budgets", job: "docker", command: &["docker", "build"], needs: &[], uses: &[Target, Node], provisions: &[] },
    Step { id: "docker-probe", title: "each image starts, answers, stops", job: "docker", command: &["docker", "probe"], needs: &["docker-build"], uses: &[Target, Node], provisions: &[] },
    Step { id: "docker-stack", title: "the stack in containers", job: "docker", command: &["test", "containers"], needs: &["docker-build"], uses: &[Target, Node], provisions: &[NpmPackages, Chromium] },
];
