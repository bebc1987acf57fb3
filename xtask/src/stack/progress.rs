//! Follow a stack while it starts and runs: a status line for each service, redrawn in place on a
//! terminal and printed once for each change elsewhere.

use super::{
    Kind, Stack, Starting,
    state::{Phase, ServiceStatus, Status},
};
use crate::failure::{Exit, Failure};
use anyhow::Result;
use std::{
    collections::BTreeMap,
    io::IsTerminal,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// How often a stack that is up is checked for changes.
const IDLE_PAUSE: Duration = Duration::from_secs(1);

/// Returns when every service is healthy, or with the reason why one will not be.
pub fn wait_until_healthy(stack: &mut dyn Stack, stop: &AtomicBool) -> Result<()> {
    // Each look at containers is two calls of the client.
    let pause = Duration::from_millis(if stack.kind() == Kind::Containers { 200 } else { 20 });
    let mut screen = Screen {
        terminal: std::io::stderr().is_terminal(),
        services: stack.services(),
        began: Instant::now(),
        ready_after_ms: BTreeMap::new(),
        shown: Vec::new(),
    };
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(Failure::silent(Exit::Interrupted).into());
        }
        let status = stack.status()?;
        screen.show(status.clone());
        match stack.starting(&status)? {
            Starting::Healthy => return Ok(()),
            Starting::Failed(failure) => return Err(failure.into()),
            Starting::Waiting => thread::sleep(pause),
        }
    }
}

/// Print each change until `stop` is set or someone else stopped the stack.
pub fn show_changes(stack: &mut dyn Stack, stop: &AtomicBool) -> Result<()> {
    let mut before = stack.status()?;
    while !stop.load(Ordering::Relaxed) && stack.is_running()? {
        let now = stack.status()?;
        for service in &now.services {
            if before.service(&service.name).map(|before| before.phase) != Some(service.phase) {
                eprintln!("{}", line(&service.name, Some(service)));
            }
        }
        if let (None, Some(failed)) = (&before.build_failed, &now.build_failed) {
            eprintln!("{failed}");
        }
        before = now;
        crate::process::wait_until(IDLE_PAUSE, || stop.load(Ordering::Relaxed));
    }
    Ok(())
}

struct Screen {
    terminal: bool,
    services: Vec<String>,
    began: Instant,
    /// For services whose status does not say when they became ready.
    ready_after_ms: BTreeMap<String, u64>,
    /// The lines on the screen, or those printed last.
    shown: Vec<String>,
}

impl Screen {
    fn show(&mut self, mut status: Status) {
        let elapsed = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        for service in status.services.iter_mut().filter(|service| service.phase.is_ready()) {
            let seen = *self.ready_after_ms.entry(service.name.clone()).or_insert(elapsed);
            service.ready_after_ms.get_or_insert(seen);
        }
        let lines: Vec<_> = self.services.iter().map(|name| line(name, status.service(name))).collect();
        if lines == self.shown {
            return;
        }
        let mut text = String::new();
        if self.terminal {
            if !self.shown.is_empty() {
                text += &format!("\x1b[{}A", self.shown.len());
            }
            lines.iter().for_each(|line| text += &format!("\x1b[2K{line}\n"));
        } else {
            let is_news = |(index, line): &(usize, &String)| {
                self.shown.get(*index) != Some(line) && !line.ends_with(&Phase::Waiting.word())
            };
            lines.iter().enumerate().filter(is_news).for_each(|(_, line)| text += &format!("{line}\n"));
        }
        eprint!("{text}");
        self.shown = lines;
    }
}

/// `api       healthy     127.0.0.1:8642  after 0.1 s`
fn line(name: &str, status: Option<&ServiceStatus>) -> String {
    // A service that an earlier supervisor has stopped waits for the new one.
    let Some(status) = status.filter(|status| status.phase != Phase::Stopped) else {
        return format!("  {name:<9} {}", Phase::Waiting.word());
    };
    let port = status.port.map(|port| format!("127.0.0.1:{port}")).unwrap_or_default();
    let ready = status.ready_after_ms.filter(|_| status.phase.is_ready());
    let ready = ready.map(|ms| format!("after {:.1} s", ms as f64 / 1000.0)).unwrap_or_default();
    let note = status.note.as_deref().unwrap_or_default();
    format!("  {name:<9} {:<11} {port:<16} {ready}{note}", status.phase.word()).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_name_phase_address_and_time_or_reason_of_a_service() {
        for (phase, note, expected) in [
            (Phase::Healthy, None, "  api       healthy     127.0.0.1:8642   after 0.1 s"),
            (Phase::Failed, Some("ended"), "  api       failed      127.0.0.1:8642   ended"),
            (Phase::Stopped, None, "  api       waiting"),
        ] {
            let (note, ready_after_ms) = (note.map(str::to_owned), Some(120));
            let status =
                ServiceStatus { phase, port: Some(8642), note, ready_after_ms, ..Default::default() };
            assert_eq!(line("api", Some(&status)), expected);
        }
    }
}
