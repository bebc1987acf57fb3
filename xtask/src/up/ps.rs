//! `ps`: the services with their ports and health, checked against the machine.

use crate::{
    stack::{
        Kind, StackOptions,
        compose::record::Record,
        copied_from, describe_copy, open,
        state::{ServiceStatus, Status},
    },
    world::World,
};
use anyhow::Result;
use serde_json::json;
use std::collections::BTreeMap;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stack: StackOptions,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    let folder = arguments.stack.folder(world)?;
    let copied_from = copied_from(&folder)?;
    let mut stack = open(world, &folder)?;
    let remembered = Record::load(&folder)?.map(|record| record.remembered).unwrap_or_default();
    let (is_running, mut status) = (stack.is_running()?, stack.status()?);
    if copied_from.is_some() {
        // That of the original.
        status = Status::default();
    }
    status.services.iter_mut().filter(|service| !service.is_alive()).for_each(|it| it.process = None);
    let state = match is_running {
        false => "stopped",
        true if stack.is_healthy(&status) => "healthy",
        true => "degraded",
    };
    let service = |service: &ServiceStatus| {
        // The engine keeps the log of a container.
        let log = (stack.kind() == Kind::Processes).then(|| folder.log(&service.name));
        json!({
            "name": service.name, "state": service.phase, "pid": service.pid(), "port": service.port,
            "restarts": service.restarts, "since": service.since, "note": service.note, "log": log,
        })
    };
    if arguments.json {
        let report = json!({
            "state": state, "runs_in": stack.kind(), "url": is_running.then(|| stack.url()),
            "supervisor": status.supervisor.as_ref().filter(|_| is_running).map(|process| process.pid),
            "folder": folder.0, "copied_from": copied_from, "remembered": remembered,
            "services": status.services.iter().map(service).collect::<Vec<_>>(),
        });
        println!("{report:#}");
    } else if is_running {
        println!("{}{}", table(&status, &remembered), stack.url());
    } else {
        let message = "no stack is running; `cargo xtask up` starts one".to_owned();
        println!("{}", copied_from.map_or(message, |original| describe_copy(&original)));
    }
    Ok(())
}

fn table(status: &Status, remembered: &BTreeMap<String, String>) -> String {
    let mut text = "SERVICE    STATE           PID   PORT  RESTARTS  NOTE\n".to_owned();
    for service in &status.services {
        let number = |value: Option<u32>| value.map(|value| value.to_string()).unwrap_or_default();
        let (pid, port) = (number(service.pid()), number(service.port.map(u32::from)));
        let ServiceStatus { name, phase, restarts, note, .. } = service;
        let note = note.as_deref().unwrap_or_default();
        let line = format!("{name:<10} {:<11} {pid:>7} {port:>6} {restarts:>9}  {note}", phase.word());
        text += &format!("{}\n", line.trim_end());
    }
    if !remembered.is_empty() {
        let variables: Vec<_> = remembered.iter().map(|(name, value)| format!("{name}={value}")).collect();
        text += &format!("kept in stack.env for later commands: {}\n", variables.join(" "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::state::Phase;

    #[test]
    fn the_table_has_a_line_for_each_service_and_one_for_the_variables_of_later_commands() {
        let (name, phase) = ("edge".to_owned(), Phase::Healthy);
        let edge = ServiceStatus { name, phase, port: Some(443), restarts: 1, ..Default::default() };
        let status = Status { services: vec![edge], ..Status::default() };
        assert_eq!(
            table(&status, &[("SQUALL_TLS_PORT".to_owned(), "443".to_owned())].into()),
            "SERVICE    STATE           PID   PORT  RESTARTS  NOTE\n\
             edge       healthy                443         1\n\
             kept in stack.env for later commands: SQUALL_TLS_PORT=443\n"
        );
    }
}
