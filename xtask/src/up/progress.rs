//! One line of status for each service: redrawn in place on a terminal, printed once a change elsewhere.

use super::state::{Phase, ServiceState, State};
use std::io::{IsTerminal, Write};

pub struct Progress {
    terminal: bool,
    /// What stands on the screen, or was printed last, a line a service.
    shown: Vec<String>,
}

impl Progress {
    pub fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), shown: Vec::new() }
    }

    /// Shows the named services, in this order.
    pub fn show<'a>(&mut self, names: impl Iterator<Item = &'a str>, state: &State) {
        let lines: Vec<_> = names.map(|name| line(name, state.service(name))).collect();
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
            for (_, line) in changed.filter(|(_, line)| !line.ends_with(Phase::Waiting.word())) {
                let _ = writeln!(screen, "{line}");
            }
        }
        let _ = screen.flush();
        self.shown = lines;
    }
}

/// `api       healthy     127.0.0.1:8642  after 0.1 s`
pub fn line(name: &str, state: Option<&ServiceState>) -> String {
    // What an earlier supervisor has stopped waits for the new one.
    let Some(state) = state.filter(|state| state.phase != Phase::Stopped) else {
        return format!("  {name:<9} {}", Phase::Waiting.word());
    };
    let port = state.port.map(|port| format!("127.0.0.1:{port}")).unwrap_or_default();
    let ready = state.ready_after_ms.filter(|_| state.phase.is_ready());
    let ready = ready.map(|ms| format!("after {:.1} s", ms as f64 / 1000.0)).unwrap_or_default();
    let note = state.note.clone().unwrap_or_default();
    format!("  {name:<9} {:<11} {port:<16} {ready}{note}", state.phase.word()).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_name_phase_place_and_time() {
        let mut state = ServiceState {
            name: "api".into(),
            phase: Phase::Healthy,
            process: None,
            port: Some(8642),
            restarts: 0,
            since: 0,
            stamp: String::new(),
            note: None,
            ready_after_ms: Some(120),
        };
        assert_eq!(line("api", Some(&state)), "  api       healthy     127.0.0.1:8642   after 0.1 s");
        state.phase = Phase::Failed;
        state.note = Some("ended with status 1".into());
        assert_eq!(line("api", Some(&state)), "  api       failed      127.0.0.1:8642   ended with status 1");
        assert_eq!(line("demo", None), "  demo      waiting");
    }
}
