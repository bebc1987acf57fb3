//! Variables, read as a whole: every problem is collected, so that a person mends a configuration once.

use crate::failure::Failure;
use std::fmt::Write as _;

/// Where variables come from: the process, or a test.
type Lookup = Box<dyn Fn(&str) -> Option<String>>;

/// Reads variables, remembers what was wrong with them and what could have been set.
pub struct Environment {
    lookup: Lookup,
    problems: Vec<String>,
    table: String,
}

impl Environment {
    /// The variables of this process.
    pub fn from_process() -> Self {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Variables from anywhere.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String> + 'static) -> Self {
        let table = "| variable | default | what it is for |\n| --- | --- | --- |\n".to_owned();
        Self { lookup: Box::new(lookup), problems: Vec::new(), table }
    }

    /// A value that has a default.
    pub fn get<T>(
        &mut self,
        name: &str,
        default: &str,
        about: &str,
        shape: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.look_up(name, default, about).unwrap_or_else(|| default.to_owned());
        self.parsed(name, &text, shape, parse)
    }

    /// A value that may be left out.
    pub fn get_optional<T>(
        &mut self,
        name: &str,
        about: &str,
        shape: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.look_up(name, "", about)?;
        self.parsed(name, &text, shape, parse)
    }

    /// A value that must be set.
    pub fn get_required<T>(
        &mut self,
        name: &str,
        about: &str,
        shape: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        match self.look_up(name, "", about) {
            Some(text) => self.parsed(name, &text, shape, parse),
            None => {
                self.refuse(format!("{name} is not set. Set it to {shape}"));
                None
            }
        }
    }

    /// Notes a problem that shows only when more than the text of one value is looked at.
    pub fn refuse(&mut self, sentence: impl Into<String>) {
        self.problems.push(sentence.into());
    }

    /// What was asked for so far, as a Markdown table.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Every problem met since the start, together.
    pub fn finish(self) -> Result<(), Failure> {
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(Failure::several(
            "reading the settings of the edge from its environment; nothing was started",
            self.problems,
            "set what is named above to a value of the shape it says; `squall-edge config-table` lists every variable",
        ))
    }

    /// Empty counts as not set, as in a Compose file with `${VARIABLE:-}`.
    fn look_up(&mut self, name: &str, default: &str, about: &str) -> Option<String> {
        let shown = if default.is_empty() { "–".to_owned() } else { format!("`{default}`") };
        let _ = writeln!(self.table, "| `{name}` | {shown} | {about} |");
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn parsed<T>(
        &mut self,
        name: &str,
        text: &str,
        shape: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = parse(text);
        if value.is_none() {
            self.refuse(format!("{name} is {text:?}, which is not {shape}"));
        }
        value
    }
}
