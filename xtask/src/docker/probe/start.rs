//! Whether each image runs as in production: read-only, without capabilities, beside a fresh
//! database. What is started is in services.yaml.

use super::Defect;
use crate::{
    docker::{
        engine::{Engine, capture},
        images::{Image, Naming},
    },
    http,
    world::World,
};
use anyhow::{Context, Result};

/// Services with their port, a path, and a text that the answer holds. Other images end
/// successfully.
const SERVERS: [(&str, u16, &str, &str); 3] = [
    ("api", 8642, "/healthz", "\"ok\""),
    ("worker", 8644, "/healthz", "\"ok\""),
    ("edge", 8080, "/", "<html"),
];

/// Rule, what is wrong, and what to do.
type Wrong = Option<(&'static str, String, &'static str)>;

pub fn check(world: &World, engine: &Engine, chosen: &[Image], naming: &Naming) -> Result<Vec<Defect>> {
    // A missing or old Compose is reported once, before anything starts.
    engine.compose()?;
    let probe = Probe { world, engine, naming };
    probe.compose("up --detach --wait postgres")?;
    let mut defects = Vec::new();
    for image in chosen.iter().filter(|image| image.usual).map(|image| image.name) {
        eprintln!("starting {image}");
        let wrong = match SERVERS.into_iter().find(|(name, ..)| *name == image) {
            Some(server) => probe.server(server)?,
            None => probe.job(image),
        };
        defects.extend(wrong.map(|(rule, what, fix)| Defect { image, rule, what, fix }));
    }
    Ok(defects)
}

/// A project of Compose, removed on drop.
struct Probe<'a> {
    world: &'a World,
    engine: &'a Engine,
    naming: &'a Naming,
}

const FIX: &str = "make it run with a read-only root and without capabilities";

impl Probe<'_> {
    fn compose(&self, words: &str) -> Result<String> {
        let mut compose = self.engine.docker(["compose", "--progress", "quiet"]);
        compose.arg("--project-name").arg(format!("squall-probe-{}", std::process::id()));
        compose.args(["--file", "xtask/src/docker/probe/services.yaml"]).current_dir(&self.world.root);
        compose.args(words.split(' ')).env("SQUALL_IMAGES", &self.naming.prefix);
        compose.env("SQUALL_VERSION", &self.naming.tag);
        Ok(capture(compose)?.trim().to_owned())
    }

    fn job(&self, name: &str) -> Wrong {
        let ended = self.compose(&format!("run --rm --no-deps --no-TTY {name}"));
        ended.err().map(|error| ("start", format!("{error:#}"), FIX))
    }

    fn server(&self, (name, port, path, text): (&str, u16, &str, &str)) -> Result<Wrong> {
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
            let fix = "make it listen on all addresses, on the port that it exposes";
            return Ok(Some(("answer", what, fix)));
        }
        self.compose(&format!("stop {name}"))?;
        let what = match &*self.compose(&format!("ps --all --format {{{{.ExitCode}}}} {name}"))? {
            "0" => return Ok(None),
            "137" => "it did not exit within 5 s of its stop signal and was killed".to_owned(),
            code => format!("it exited with status {code} when it was stopped"),
        };
        Ok(Some(("stop", what, "handle its STOPSIGNAL: finish the work under way and end with status 0")))
    }
}

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        let _ = self.compose("down --volumes --timeout 0");
    }
}
