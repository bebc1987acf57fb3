//! Whether each image runs as in production: read-only, without capabilities, beside a fresh
//! database.

use super::{Defect, layers::POSTGRES};
use crate::{
    docker::{
        engine::{Engine, capture},
        images::{Image, Naming},
    },
    http,
    process::wait_until,
};
use anyhow::{Context, Result, ensure};
use std::time::{Duration, Instant};

/// From start to healthy, by the image's own health check.
const HEALTHY_WITHIN: Duration = Duration::from_secs(30);
/// From the stop signal to the end, when idle.
const STOPS_WITHIN: Duration = Duration::from_secs(5);
/// Seconds until the engine kills it.
const GRACE: &str = "15";
/// PostgreSQL creates its files first.
const DATABASE_WITHIN: Duration = Duration::from_secs(60);

/// What a container is asked. A job has no answer: it ends successfully on its own.
struct Probe {
    image: &'static str,
    command: &'static [&'static str],
    environment: &'static [&'static str],
    tmpfs: &'static [&'static str],
    /// Port, path, and a text that the answer holds.
    answer: Option<(u16, &'static str, &'static str)>,
}

const TMP: &str = "/tmp:uid=65532,gid=65532,mode=0700";

#[rustfmt::skip]
const PROBES: [Probe; 6] = [
    Probe { image: "migrate", command: &[], environment: &[], tmpfs: &[], answer: None },
    Probe { image: "api", command: &[], environment: &[], tmpfs: &[], answer: Some((8642, "/healthz", "\"ok\"")) },
    Probe { image: "worker", command: &[], environment: &[], tmpfs: &[], answer: Some((8644, "/healthz", "\"ok\"")) },
    Probe { image: "edge", command: &[], environment: &["SQUALL_EDGE_API=api:8642"], tmpfs: &[TMP], answer: Some((8080, "/", "<html")) },
    Probe { image: "demo", command: &["--help"], environment: &[], tmpfs: &[], answer: None },
    Probe { image: "ops", command: &["squall-migrate", "status"], environment: &[], tmpfs: &[TMP], answer: None },
];

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

    fn run(&self, name: &str, arguments: &[&str]) -> Result<String> {
        let (id, own) = (self.container(name), &*self.name);
        let fixed = ["run", "--name", &id, "--label", own, "--network", own, "--network-alias", name];
        capture(self.engine.docker(fixed.iter().chain(arguments)))
    }

    /// PostgreSQL in memory, reached from this network only.
    fn start_database(&self) -> Result<()> {
        let user = ["--env", "POSTGRES_USER=squall", "--env", "POSTGRES_PASSWORD=squall"];
        let server = ["--tmpfs", "/var/lib/postgresql", "--detach", POSTGRES, "postgres", "-cfsync=off"];
        self.run("postgres", &[&user[..], &server].concat())?;
        let id = self.container("postgres");
        let ready = ["exec", &id, "pg_isready", "--quiet", "--host=127.0.0.1", "--username=squall"];
        let answers = wait_until(DATABASE_WITHIN, || self.engine.ask(&ready).is_ok());
        ensure!(answers, "the database of the probe did not answer within {} s", DATABASE_WITHIN.as_secs());
        Ok(())
    }

    fn start(&self, probe: &Probe, image: &str) -> Result<Wrong> {
        // As compose.yaml runs it.
        let hardened =
            "--read-only --cap-drop ALL --security-opt no-new-privileges --memory 512m --pids-limit 100";
        let mut arguments: Vec<&str> = hardened.split(' ').collect();
        arguments.extend(["--env", "DATABASE_URL=postgres://squall:squall@postgres:5432/squall"]);
        arguments.extend(probe.environment.iter().flat_map(|variable| ["--env", *variable]));
        arguments.extend(probe.tmpfs.iter().flat_map(|mount| ["--tmpfs", *mount]));
        let publish = probe.answer.map(|(port, ..)| format!("127.0.0.1::{port}"));
        match &publish {
            Some(publish) => arguments.extend(["--detach", "--publish", publish]),
            None => arguments.push("--rm"),
        }
        arguments.push(image);
        arguments.extend(probe.command);
        let fix = "make it run with a read-only root and without capabilities";
        if let Err(error) = self.run(probe.image, &arguments) {
            return Ok(Some(("start", format!("{error:#}"), fix)));
        }
        let Some((port, path, text)) = probe.answer else { return Ok(None) };
        let id = self.container(probe.image);
        let format = "{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}";
        let mut state = String::new();
        wait_until(HEALTHY_WITHIN, || {
            state =
                self.engine.ask(&["inspect", "--format", format, &id]).unwrap_or_default().trim().to_owned();
            state == "running healthy" || state.starts_with("exited")
        });
        if state.starts_with("exited") {
            let log = self.engine.ask(&["logs", "--tail", "5", &id]).unwrap_or_default();
            return Ok(Some(("start", format!("it ended at once: {}", log.trim()), fix)));
        }
        if state != "running healthy" {
            let what = format!("it is {state:?} after {} s", HEALTHY_WITHIN.as_secs());
            return Ok(Some(("health", what, "see with `docker inspect` what its health check printed")));
        }
        let published = self.engine.ask(&["port", &id, &format!("{port}/tcp")])?;
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
        let began = Instant::now();
        if self.engine.ask(&["stop", "--time", GRACE, &id]).is_err() {
            return Ok(None); // It never started, which is reported already.
        }
        let seconds = began.elapsed().as_secs_f64();
        let code = self.engine.ask(&["inspect", "--format", "{{.State.ExitCode}}", &id])?;
        Ok(match code.trim() {
            "0" if seconds <= STOPS_WITHIN.as_secs_f64() => None,
            "137" => {
                let what = format!("it ignored its stop signal for {GRACE} s and was killed");
                Some(("stop", what, "handle the signal, or name another with STOPSIGNAL"))
            }
            code => {
                let what = format!("it ended with status {code} after {seconds:.1} s");
                Some(("stop", what, "end with status 0 as soon as the work under way is done"))
            }
        })
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
