//! `ps`: the services with their ports and health, checked against the machine.

use crate::{
    stack::{
        self, Kind, StackOptions, copied_from, open,
        state::{Phase, ServiceStatus},
    },
    world::World,
};
use anyhow::Result;
use serde::Serialize;
use std::{collections::BTreeMap, path::PathBuf};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stack: StackOptions,
}

/// The output of `--json`.
#[derive(Debug, Serialize)]
struct Report {
    state: StackState,
    runs_in: Kind,
    /// Where a browser reaches it, if it is running.
    url: Option<String>,
    supervisor: Option<u32>,
    folder: PathBuf,
    copied_from: Option<PathBuf>,
    /// Variables from the shell that started it.
    remembered: BTreeMap<String, String>,
    services: Vec<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum StackState {
    Healthy,
    /// Running, but not all of it is healthy.
    Degraded,
    Stopped,
}

#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    state: Phase,
    pid: Option<u32>,
    port: Option<u16>,
    restarts: u32,
    /// Seconds since 1970.
    since: u64,
    note: Option<String>,
    /// None for a container: the engine keeps its log.
    log: Option<PathBuf>,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let folder = arguments.stack.folder(world)?;
    let mut stack = open(world, &folder)?;
    let (kind, is_running, status) = (stack.kind(), stack.is_running()?, stack.status()?);
    let copied_from = copied_from(&folder)?;
    let entry = |service: &ServiceStatus| Entry {
        name: service.name.clone(),
        state: service.phase,
        pid: service.process.as_ref().filter(|process| process.is_alive()).map(|process| process.pid),
        port: service.port,
        restarts: service.restarts,
        since: service.since,
        note: service.note.clone(),
        log: (kind == Kind::Processes).then(|| folder.log(&service.name)),
    };
    let report = Report {
        state: match is_running {
            false => StackState::Stopped,
            true if stack.is_healthy(&status) => StackState::Healthy,
            true => StackState::Degraded,
        },
        runs_in: kind,
        url: is_running.then(|| stack.url()),
        supervisor: status.supervisor.as_ref().filter(|_| is_running).map(|process| process.pid),
        // The status of a copied folder is that of the original.
        services: status.services.iter().filter(|_| copied_from.is_none()).map(entry).collect(),
        folder: folder.0.clone(),
        copied_from,
        remembered: stack.remembered(),
    };
    match arguments.json {
        true => println!("{}", serde_json::to_string_pretty(&report)?),
        false => print!("{}", table(&report)),
    }
    Ok(())
}

fn table(report: &Report) -> String {
    let Some(url) = &report.url else {
        return match &report.copied_from {
            Some(original) => format!("{}\n", stack::describe_copy(original)),
            None => "no stack is running; `cargo xtask up` starts one\n".into(),
        };
    };
    let mut text =
        format!("{:<10} {:<11} {:>7} {:>6} {:>9}  NOTE\n", "SERVICE", "STATE", "PID", "PORT", "RESTARTS");
    for entry in &report.services {
        let number = |value: Option<u32>| value.map(|value| value.to_string()).unwrap_or_default();
        let (pid, port) = (number(entry.pid), number(entry.port.map(u32::from)));
        let note = entry.note.as_deref().unwrap_or_default();
        let (name, state, restarts) = (&entry.name, entry.state.word(), entry.restarts);
        let line = format!("{name:<10} {state:<11} {pid:>7} {port:>6} {restarts:>9}  {note}");
        text += line.trim_end();
        text.push('\n');
    }
    if !report.remembered.is_empty() {
        let variables: Vec<_> =
            report.remembered.iter().map(|(name, value)| format!("{name}={value}")).collect();
        text += &format!("remembered from the shell that started it: {}\n", variables.join(" "));
    }
    text + &format!("{url}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_line_for_each_service_the_remembered_variables_and_the_address() {
        let service = Entry {
            name: "edge".into(),
            state: Phase::Healthy,
            pid: None,
            port: Some(443),
            restarts: 1,
            since: 0,
            note: None,
            log: None,
        };
        let mut report = Report {
            state: StackState::Healthy,
            runs_in: Kind::Containers,
            url: Some("https://squall.example".into()),
            supervisor: None,
            folder: "/a".into(),
            copied_from: None,
            remembered: [("SQUALL_TLS_PORT".to_owned(), "443".to_owned())].into(),
            services: vec![service],
        };
        assert_eq!(
            table(&report),
            "SERVICE    STATE           PID   PORT  RESTARTS  NOTE\n\
             edge       healthy                443         1\n\
             remembered from the shell that started it: SQUALL_TLS_PORT=443\n\
             https://squall.example\n"
        );
        report.url = None;
        assert!(table(&report).starts_with("no stack is running"));
        report.copied_from = Some("/original".into());
        assert!(table(&report).contains("copied or moved from /original"));
    }
}
