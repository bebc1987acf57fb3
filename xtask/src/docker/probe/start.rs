//! Whether each image runs as in production: read-only, without capabilities, beside a fresh
//! database. What is started is in services.yaml.

use super::Defect;
use crate::{
    docker::{
        engine::{Compose, Engine, capture},
        images::{Image, Naming},
    },
    http,
    world::World,
};
use anyhow::{Context, Result};
use std::path::PathBuf;

/// Port, path, and a text that the answer holds. A job has no answer: it ends successfully.
type Answer = Option<(u16, &'static str, &'static str)>;

const PROBES: [(&str, Answer); 6] = [
    ("migrate", None),
    ("api", Some((8642, "/healthz", "\"ok\""))),
    ("worker", Some((8644, "/healthz", "\"ok\""))),
    ("edge", Some((8080, "/", "<html"))),
    ("demo", None),
    ("ops", None),
];

/// Rule, what is wrong, and what to do.
type Wrong = Option<(&'static str, String, &'static str)>;

pub fn check(world: &World, engine: &Engine, chosen: &[Image], naming: &Naming) -> Result<Vec<Defect>> {
    let file = world.root.join("xtask/src/docker/probe/services.yaml");
    let project = format!("squall-probe-{}", std::process::id());
    let probe = Probe { compose: engine.compose()?, file, project, naming };
    probe.compose("up --detach --wait postgres")?;
    let mut defects = Vec::new();
    for (name, answer) in PROBES.iter().filter(|(name, _)| chosen.iter().any(|image| image.name == *name)) {
        eprintln!("starting {name}");
        let wrong = match answer {
            Some(answer) => probe.server(name, *answer)?,
            None => probe.job(name),
        };
        defects.extend(wrong.map(|(rule, what, fix)| Defect { image: name, rule, what, fix }));
    }
    Ok(defects)
}

/// A project of Compose, removed on drop.
struct Probe<'a> {
    compose: Compose,
    file: PathBuf,
    project: String,
    naming: &'a Naming,
}

const FIX: &str = "make it run with a read-only root and without capabilities";

impl Probe<'_> {
    fn compose(&self, words: &str) -> Result<String> {
        let mut compose = self.compose.command();
        compose.args(["--progress", "quiet", "--project-name", &self.project, "--file"]).arg(&self.file);
        compose.args(words.split(' ')).env("SQUALL_IMAGES", &self.naming.prefix);
        compose.env("SQUALL_VERSION", &self.naming.tag);
        Ok(capture(compose)?.trim().to_owned())
    }

    fn job(&self, name: &str) -> Wrong {
        let ended = self.compose(&format!("run --rm --no-deps --no-TTY {name}"));
        ended.err().map(|error| ("start", format!("{error:#}"), FIX))
    }

    fn server(&self, name: &str, (port, path, text): (u16, &str, &str)) -> Result<Wrong> {
        if let Err(error) = self.compose(&format!("up --detach --no-deps --wait --wait-timeout 30 {name}")) {
            let log = self.compose(&format!("logs --no-log-prefix --tail 5 {name}")).unwrap_or_default();
            return Ok(Some(("start", format!("it does not become healthy: {error:#}\n{log}"), FIX)));
        }
        let published = self.compose(&format!("port {name} {port}"))?;
        let published = published.rsplit(':').next().and_then(|port| port.parse().ok());
        let wrong = match http::get(published.with_context(|| format!("{name} publishes no port"))?, path) {
            Ok(answer) if answer.status == 200 && answer.body.contains(text) => None,
            Ok(answer) => Some(format!("it answers {path} with status {}", answer.status)),
            Err(error) => Some(format!("it does not answer {path}: {error:#}")),
        };
        if let Some(what) = wrong {
            return Ok(Some((
                "answer",
                what,
                "make it listen on all addresses, on the port that it exposes",
            )));
        }
        self.compose(&format!("stop {name}"))?;
        let what = match &*self.compose(&format!("ps --all --format {{{{.ExitCode}}}} {name}"))? {
            "0" => return Ok(None),
            "137" => "it did not end within 5 s of its stop signal and was killed".to_owned(),
            code => format!("it ended with status {code} when it was stopped"),
        };
        Ok(Some(("stop", what, "handle its STOPSIGNAL: finish the work under way and end with status 0")))
    }
}

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        let _ = self.compose("down --volumes --timeout 0");
    }
}
