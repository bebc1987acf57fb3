//! Whether each image runs as production runs it: read-only, without capabilities, beside a fresh database, on a network of its own.

use super::Defect;
use crate::{
    docker::{
        engine::{Engine, capture},
        images::{Image, Naming},
    },
    http,
    process::wait_until,
};
use anyhow::{Context, Result};
use std::time::{Duration, Instant};

/// From start to healthy, by the image's own health check.
const HEALTHY_WITHIN: Duration = Duration::from_secs(30);
/// From the stop signal to the end, with nothing to do.
const STOPS_WITHIN: Duration = Duration::from_secs(5);
/// After this the engine kills it.
const GRACE: &str = "15";
/// PostgreSQL makes its files first.
const DATABASE_WITHIN: Duration = Duration::from_secs(60);

/// How an image is asked.
struct Way {
    name: &'static str,
    /// The words after the image's own entry point.
    command: &'static [&'static str],
    /// Where it answers: the port inside, a path, and what the answer holds.
    answers: Option<(u16, &'static str, &'static str)>,
    environment: &'static [&'static str],
    /// It ends by itself, with success.
    ends: bool,
    /// Where else it writes.
    tmpfs: &'static [&'static str],
}

#[rustfmt::skip]
const WAYS: [Way; 6] = [
    Way { name: "migrate", command: &[], answers: None, environment: &[], ends: true, tmpfs: &[] },
    Way { name: "api", command: &[], answers: Some((8642, "/healthz", "\"ok\"")), environment: &[], ends: false, tmpfs: &[] },
    Way { name: "worker", command: &[], answers: Some((8644, "/healthz", "\"ok\"")), environment: &[], ends: false, tmpfs: &[] },
    Way { name: "edge", command: &[], answers: Some((8080, "/", "<html")), environment: &["SQUALL_EDGE_API=api:8642"], ends: false, tmpfs: &["/tmp:uid=65532,gid=65532,mode=0700"] },
    Way { name: "demo", command: &["--help"], answers: None, environment: &[], ends: true, tmpfs: &[] },
    Way { name: "ops", command: &["migrate", "status"], answers: None, environment: &[], ends: true, tmpfs: &["/tmp:uid=65532,gid=65532,mode=0700"] },
];

pub fn check(engine: &Engine, chosen: &[Image], naming: &Naming) -> Result<Vec<Defect>> {
    let ways =
        || WAYS.iter().filter_map(|way| Some((way, chosen.iter().find(|image| image.name == way.name)?)));
    if ways().next().is_none() {
        return Ok(Vec::new());
    }
    let place = Place::new(engine)?;
    place.database()?;
    let mut defects = Vec::new();
    for (way, image) in ways() {
        eprintln!("starting {}", image.reference(naming));
        let fault = match way.ends {
            true => place.job(way, &image.reference(naming))?,
            false => place.service(way, &image.reference(naming))?,
        };
        defects.extend(fault.map(|(rule, what, fix)| Defect { image: image.name, rule, what, fix }));
    }
    for (way, _) in ways().filter(|(way, _)| !way.ends) {
        let fault = place.stop(way.name)?;
        defects.extend(fault.map(|(rule, what, fix)| Defect { image: way.name, rule, what, fix }));
    }
    Ok(defects)
}

type Fault = Option<(&'static str, String, &'static str)>;

/// A network with what runs on it; both are gone when this is.
struct Place<'a> {
    engine: &'a Engine,
    name: String,
}

impl<'a> Place<'a> {
    fn new(engine: &'a Engine) -> Result<Self> {
        let name = format!("squall-probe-{}", std::process::id());
        engine.ask(&["network", "create", "--label", &name, &name])?;
        Ok(Self { engine, name })
    }

    /// PostgreSQL in memory; only this network reaches it.
    fn database(&self) -> Result<()> {
        let image = super::layers::POSTGRES;
        let id = self.container("postgres");
        let mut arguments = self.run("postgres");
        arguments.extend(
            ["--env", "POSTGRES_USER=squall", "--env", "POSTGRES_PASSWORD=squall"].map(str::to_owned),
        );
        arguments.extend(
            ["--tmpfs", "/var/lib/postgresql", "--detach", image, "postgres", "-cfsync=off"]
                .map(str::to_owned),
        );
        self.docker(&arguments)?;
        let ready = ["exec", &id, "pg_isready", "--quiet", "--host=127.0.0.1", "--username=squall"];
        let answered = wait_until(DATABASE_WITHIN, || self.engine.ask(&ready).is_ok());
        anyhow::ensure!(
            answered,
            "the database of the probe did not answer within {} s",
            DATABASE_WITHIN.as_secs()
        );
        Ok(())
    }

    fn job(&self, way: &Way, image: &str) -> Result<Fault> {
        let mut arguments = self.hardened(way);
        arguments.push("--rm".into());
        arguments.push(image.into());
        arguments.extend(way.command.iter().map(|word| (*word).to_owned()));
        let ended = self.docker(&arguments);
        Ok(ended.err().map(|error| {
            ("start", format!("{error:#}"), "make it run with a read-only root and without capabilities")
        }))
    }

    fn service(&self, way: &Way, image: &str) -> Result<Fault> {
        let id = self.container(way.name);
        let mut arguments = self.hardened(way);
        if let Some((port, _, _)) = way.answers {
            arguments.extend(["--publish".to_owned(), format!("127.0.0.1::{port}")]);
        }
        arguments.extend(["--detach".into(), image.into()]);
        arguments.extend(way.command.iter().map(|word| (*word).to_owned()));
        let began = Instant::now();
        if let Err(error) = self.docker(&arguments) {
            return Ok(Some((
                "start",
                format!("{error:#}"),
                "make it run with a read-only root and without capabilities",
            )));
        }
        let state = || {
            self.engine.ask(&[
                "inspect",
                "--format",
                "{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}",
                &id,
            ])
        };
        let mut last = String::new();
        wait_until(HEALTHY_WITHIN, || {
            std::thread::sleep(Duration::from_millis(100));
            last = state().unwrap_or_default().trim().to_owned();
            last == "running healthy" || last.starts_with("exited")
        });
        if last.starts_with("exited") {
            let said = self.engine.ask(&["logs", "--tail", "5", &id]).unwrap_or_default();
            return Ok(Some((
                "start",
                format!("it ended at once: {}", said.trim()),
                "make it run with a read-only root and without capabilities",
            )));
        }
        if last != "running healthy" {
            let what = format!("it is {last:?} after {} s", began.elapsed().as_secs());
            return Ok(Some(("health", what, "see with `docker inspect` what its health check printed")));
        }
        let Some((port, path, text)) = way.answers else { return Ok(None) };
        let published = self.engine.ask(&["port", &id, &format!("{port}/tcp")])?;
        let published = published.lines().find_map(|line| line.rsplit(':').next()?.parse::<u16>().ok());
        let published = published.with_context(|| format!("{} publishes no port", way.name))?;
        let answer = http::get(published, path);
        let good = answer.as_ref().is_ok_and(|answer| answer.status == 200 && answer.body.contains(text));
        let what = || match answer {
            Ok(answer) => format!("it answers {path} with status {}", answer.status),
            Err(error) => format!("it does not answer {path}: {error:#}"),
        };
        Ok((!good).then(|| {
            ("answer", what(), "make it listen on every address of the port that the stage exposes")
        }))
    }

    fn stop(&self, name: &str) -> Result<Fault> {
        let id = self.container(name);
        let began = Instant::now();
        if self.engine.ask(&["stop", "--time", GRACE, &id]).is_err() {
            // It never started, and that was told.
            return Ok(None);
        }
        let took = began.elapsed();
        let code = self.engine.ask(&["inspect", "--format", "{{.State.ExitCode}}", &id])?;
        let code = code.trim();
        if code == "137" {
            return Ok(Some((
                "stop",
                format!("it ignored its stop signal for {GRACE} s and was killed"),
                "handle the signal, or name another with STOPSIGNAL",
            )));
        }
        let slow = took > STOPS_WITHIN;
        let what = format!("it ended with status {code} after {:.1} s", took.as_secs_f64());
        let fault = ("stop", what, "end in good order as soon as nothing is under way");
        Ok((slow || code != "0").then_some(fault))
    }

    fn container(&self, name: &str) -> String {
        format!("{}-{name}", self.name)
    }

    fn run(&self, name: &str) -> Vec<String> {
        let id = self.container(name);
        ["run", "--name", &id, "--label", &self.name, "--network", &self.name, "--network-alias", name]
            .map(str::to_owned)
            .into()
    }

    /// As compose.yaml runs it.
    fn hardened(&self, way: &Way) -> Vec<String> {
        let mut arguments = self.run(way.name);
        let fixed = [
            "--read-only",
            "--cap-drop",
            "ALL",
            "--security-opt",
            "no-new-privileges",
            "--memory",
            "512m",
            "--pids-limit",
            "100",
        ];
        arguments.extend(fixed.map(str::to_owned));
        arguments.extend(way.tmpfs.iter().flat_map(|tmpfs| ["--tmpfs".to_owned(), (*tmpfs).to_owned()]));
        let database = ["DATABASE_URL=postgres://squall:squall@postgres:5432/squall"];
        arguments.extend(
            way.environment.iter().chain(&database).flat_map(|it| ["--env".to_owned(), (*it).to_owned()]),
        );
        arguments
    }

    fn docker(&self, arguments: &[String]) -> Result<String> {
        capture(self.engine.docker(arguments))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let filter = format!("label={}", self.name);
        let ids = self.engine.ask(&["ps", "--all", "--quiet", "--filter", &filter]).unwrap_or_default();
        let arguments: Vec<_> = ["rm", "--force", "--volumes"].into_iter().chain(ids.lines()).collect();
        if arguments.len() > 3 {
            let _ = self.engine.ask(&arguments);
        }
        let _ = self.engine.ask(&["network", "rm", &self.name]);
    }
}
