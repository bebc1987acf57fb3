//! Whether each image runs as in production: read-only, without capabilities, beside a fresh
//! database.

use super::Defect;
use crate::{
    docker::{
        engine::{Engine, capture},
        images::{Image, Naming},
    },
    http,
    process::wait_until,
};
use anyhow::{Context, Result, ensure};
use std::time::Duration;

/// From start to healthy, by the image's own health check.
const HEALTHY_WITHIN: Duration = Duration::from_secs(30);
/// Seconds from the stop signal until the engine kills it.
const STOPS_WITHIN: &str = "5";
/// PostgreSQL creates its files first.
const DATABASE_WITHIN: Duration = Duration::from_secs(60);

/// How a container is started and what it is asked.
struct Probe {
    image: &'static str,
    options: &'static str,
    command: &'static str,
    /// Port, path, and a text that the answer holds. A job has no answer: it ends successfully.
    answer: Option<(u16, &'static str, &'static str)>,
}

#[rustfmt::skip]
const PROBES: [Probe; 6] = [
    Probe { image: "migrate", options: "", command: "", answer: None },
    Probe { image: "api", options: "", command: "", answer: Some((8642, "/healthz", "\"ok\"")) },
    Probe { image: "worker", options: "", command: "", answer: Some((8644, "/healthz", "\"ok\"")) },
    Probe { image: "edge", options: "--env SQUALL_EDGE_API=api:8642 --tmpfs /tmp:uid=65532,gid=65532,mode=0700", command: "", answer: Some((8080, "/", "<html")) },
    Probe { image: "demo", options: "", command: "--help", answer: None },
    Probe { image: "ops", options: "--tmpfs /tmp:uid=65532,gid=65532,mode=0700", command: "squall-migrate status", answer: None },
];

/// As compose.yaml runs them.
const HARDENED: &str = "--read-only --cap-drop ALL --security-opt no-new-privileges --memory 512m --pids-limit 100 \
                        --env DATABASE_URL=postgres://squall:squall@postgres:5432/squall";

/// In memory, reached from the network of the probe only.
const DATABASE: &str = "--env POSTGRES_USER=squall --env POSTGRES_PASSWORD=squall --tmpfs /var/lib/postgresql --detach \
                        pgvector/pgvector:0.8.1-pg18 postgres -cfsync=off";

/// Rule, what is wrong, and what to do.
type Wrong = Option<(&'static str, String, &'static str)>;

pub fn check(engine: &Engine, chosen: &[Image], naming: &Naming) -> Result<Vec<Defect>> {
    let probe = |image: &Image| Some((PROBES.iter().find(|probe| probe.image == image.name)?, *image));
    let probes: Vec<_> = chosen.iter().filter_map(probe).collect();
    if probes.is_empty() {
        return Ok(Vec::new());
    }
    let network = Network::create(engine)?;
    network.start_database()?;
    let mut defects = Vec::new();
    let mut add = |image, wrong: Wrong| {
        defects.extend(wrong.map(|(rule, what, fix)| Defect { image, rule, what, fix }));
    };
    for (probe, image) in &probes {
        eprintln!("starting {}", image.reference(naming));
        add(image.name, network.start(probe, &image.reference(naming))?);
    }
    for (probe, image) in probes.iter().filter(|(probe, _)| probe.answer.is_some()) {
        add(image.name, network.stop(probe.image)?);
    }
    Ok(defects)
}

/// A network and the containers on it, removed on drop.
struct Network<'a> {
    engine: &'a Engine,
    name: String,
}

impl<'a> Network<'a> {
    fn create(engine: &'a Engine) -> Result<Self> {
        let name = format!("squall-probe-{}", std::process::id());
        engine.ask(&["network", "create", "--label", &name, &name])?;
        Ok(Self { engine, name })
    }

    fn container(&self, name: &str) -> String {
        format!("{}-{name}", self.name)
    }

    fn run(&self, name: &str, words: &str) -> Result<String> {
        let (id, own) = (self.container(name), &*self.name);
        let fixed = ["run", "--name", &id, "--label", own, "--network", own, "--network-alias", name];
        capture(self.engine.docker(fixed.into_iter().chain(words.split_whitespace())))
    }

    fn start_database(&self) -> Result<()> {
        self.run("postgres", DATABASE)?;
        let id = self.container("postgres");
        let ready = ["exec", &id, "pg_isready", "--quiet", "--host=127.0.0.1", "--username=squall"];
        let answers = wait_until(DATABASE_WITHIN, || self.engine.ask(&ready).is_ok());
        ensure!(answers, "the database of the probe did not answer within {} s", DATABASE_WITHIN.as_secs());
        Ok(())
    }

    fn start(&self, Probe { image: name, options, command, answer }: &Probe, image: &str) -> Result<Wrong> {
        let kind = match answer {
            Some((port, ..)) => format!("--detach --publish 127.0.0.1::{port}"),
            None => "--rm".to_owned(),
        };
        let fix = "make it run with a read-only root and without capabilities";
        if let Err(error) = self.run(name, &format!("{HARDENED} {options} {kind} {image} {command}")) {
            return Ok(Some(("start", format!("{error:#}"), fix)));
        }
        let Some((port, path, text)) = answer else { return Ok(None) };
        let id = self.container(name);
        let ask = |words: &[&str]| self.engine.ask(words).unwrap_or_default().trim().to_owned();
        let format = "{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}";
        let mut state = String::new();
        wait_until(HEALTHY_WITHIN, || {
            state = ask(&["inspect", "--format", format, &id]);
            state == "running healthy" || state.starts_with("exited")
        });
        if state.starts_with("exited") {
            let log = ask(&["logs", "--tail", "5", &id]);
            return Ok(Some(("start", format!("it ended at once: {log}"), fix)));
        }
        if state != "running healthy" {
            let what = format!("it is {state:?} after {} s", HEALTHY_WITHIN.as_secs());
            return Ok(Some(("health", what, "see with `docker inspect` what its health check printed")));
        }
        let published = ask(&["port", &id, &format!("{port}/tcp")]);
        let published = published.lines().find_map(|line| line.rsplit(':').next()?.parse().ok());
        let what = match http::get(published.with_context(|| format!("{id} publishes no port"))?, path) {
            Ok(answer) if answer.status == 200 && answer.body.contains(text) => return Ok(None),
            Ok(answer) => format!("it answers {path} with status {}", answer.status),
            Err(error) => format!("it does not answer {path}: {error:#}"),
        };
        Ok(Some(("answer", what, "make it listen on all addresses, on the port that the stage exposes")))
    }

    fn stop(&self, name: &str) -> Result<Wrong> {
        let id = self.container(name);
        if self.engine.ask(&["stop", "--time", STOPS_WITHIN, &id]).is_err() {
            return Ok(None); // It never started, which is reported already.
        }
        let code = self.engine.ask(&["inspect", "--format", "{{.State.ExitCode}}", &id])?;
        let what = match code.trim() {
            "0" => return Ok(None),
            "137" => format!("it did not end within {STOPS_WITHIN} s of its stop signal and was killed"),
            code => format!("it ended with status {code} when it was stopped"),
        };
        Ok(Some(("stop", what, "handle its STOPSIGNAL: finish the work under way and end with status 0")))
    }
}

impl Drop for Network<'_> {
    fn drop(&mut self) {
        let filter = format!("label={}", self.name);
        let ids = self.engine.ask(&["ps", "--all", "--quiet", "--filter", &filter]).unwrap_or_default();
        for id in ids.lines() {
            let _ = self.engine.ask(&["rm", "--force", "--volumes", id]);
        }
        let _ = self.engine.ask(&["network", "rm", &self.name]);
    }
}
