//! Follow a stack while it starts and runs: a status line for each service, redrawn in place on a
//! terminal and printed once for each change elsewhere.

use super::{
    Stack, Starting,
    state::{Phase, ServiceStatus, Status},
};
use crate::failure::{Exit, Failure};
use anyhow::Result;
use std::{
    collections::BTreeMap,
    io::{IsTerminal, Write},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// How often a stack that is up is checked for changes.
const IDLE_PAUSE: Duration = Duration::from_secs(1);

/// Returns when every service is healthy, or with the reason why one will not be.
pub fn wait_until_healthy(stack: &mut dyn Stack, stop: &AtomicBool) -> Result<()> {
    let mut screen = Screen::new(stack.services());
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(Failure::silent(Exit::Interrupted).into());
        }
        let status = stack.status()?;
        screen.show(&status);
        match stack.starting(&status)? {
            Starting::Healthy => return Ok(()),
            Starting::Failed(failure) => return Err(failure.into()),
            Starting::Waiting => thread::sleep(stack.kind().poll_pause()),
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
                eprintln!("{}", line(&service.name, Some(service), service.ready_after_ms));
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
    fn new(services: Vec<String>) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let (ready_after_ms, shown) = (BTreeMap::new(), Vec::new());
        Self { terminal, services, began: Instant::now(), ready_after_ms, shown }
    }

    fn show(&mut self, status: &Status) {
        let lines: Vec<_> = self.services.clone().iter().map(|name| self.line(name, status)).collect();
        if lines == self.shown {
            return;
        }
        let mut screen = std::io::stderr().lock();
        if self.terminal {
            let up = match self.shown.len() {
                0 => String::new(),
                count => format!("\x1b[{count}A"),
            };
            let text: String = lines.iter().map(|line| format!("\x1b[2K{line}\n")).collect();
            let _ = write!(screen, "{up}{text}");
        } else {
            let changed =
                lines.iter().enumerate().filter(|(index, line)| self.shown.get(*index) != Some(line));
            for (_, line) in changed.filter(|(_, line)| !line.ends_with(&Phase::Waiting.word())) {
                let _ = writeln!(screen, "{line}");
            }
        }
        let _ = screen.flush();
        self.shown = lines;
    }

    fn line(&mut self, name: &str, status: &Status) -> String {
        let service = status.service(name);
        let elapsed = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let first_seen = service
            .filter(|service| service.phase.is_ready())
            .map(|_| *self.ready_after_ms.entry(name.to_owned()).or_insert(elapsed));
        line(name, service, service.and_then(|service| service.ready_after_ms).or(first_seen))
    }
}

/// `api       healthy     127.0.0.1:8642  after 0.1 s`
fn line(name: &str, status: Option<&ServiceStatus>, ready_after_ms: Option<u64>) -> String {
    // A service that an earlier supervisor has stopped waits for the new one.
    let Some(status) = status.filter(|status| status.phase != Phase::Stopped) else {
        return format!("  {name:<9} {}", Phase::Waiting.word());
    };
    let port = status.port.map(|port| format!("127.0.0.1:{port}")).unwrap_or_default();
    let ready = ready_after_ms.filter(|_| status.phase.is_ready());
    let ready = ready.map(|ms| format!("after {:.1} s", ms as f64 / 1000.0)).unwrap_or_default();
    let note = status.note.clone().unwrap_or_default();
    format!("  {name:<9} {:<11} {port:<16} {ready}{note}", status.phase.word()).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_name_phase_address_and_time_or_reason_of_a_service() {
        let check = |phase, note: Option<&str>, expected| {
            let note = note.map(str::to_owned);
            let status = ServiceStatus { phase, port: Some(8642), note, ..Default::default() };
            assert_eq!(line("api", Some(&status), Some(120)), expected);
        };
        check(Phase::Healthy, None, "  api       healthy     127.0.0.1:8642   after 0.1 s");
        check(
            Phase::Failed,
            Some("ended with status 1"),
            "  api       failed      127.0.0.1:8642   ended with status 1",
        );
        assert_eq!(line("demo", None, None), "  demo      waiting");
    }
}
