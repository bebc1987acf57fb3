//! Stack traces as programs print them, read into a type, a message and frames.
//!
//! A reader for each family of runtimes looks at lines only; the first that finds a frame wins.
//! What no reader recognises stays a message.

mod frames;

use serde::{Deserialize, Serialize};

/// Frames kept; a recursion of thousands adds nothing to its first hundred.
const MAX_FRAMES: usize = 100;

/// Frames that define a group: enough to distinguish two places, few enough to survive a change of
/// a caller.
const GROUPED_FRAMES: usize = 8;

/// What was thrown, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// The type's name, such as `java.net.ConnectException` or `KeyError`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it says.
    pub message: String,
    /// The calls, outermost first, innermost last.
    pub frames: Vec<Frame>,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The function or method.
    pub function: String,
    /// The module, class or package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Of the application rather than of a library or the runtime.
    pub in_app: bool,
}

impl Exception {
    /// Reads the stack trace in a text, if there is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = &text[..text.floor_char_boundary(256 << 10)];
        frames::java(text)
            .or_else(|| frames::python(text))
            .or_else(|| frames::go(text))
            .or_else(|| frames::rust(text))
            .or_else(|| frames::javascript(text))
            .map(|mut exception| {
                let surplus = exception.frames.len().saturating_sub(MAX_FRAMES);
                exception.frames.drain(..surplus);
                exception
            })
    }
}

impl Exception {
    /// `Type: message` for a person, without what differs from event to event. One of them alone if
    /// the other is missing.
    #[must_use]
    pub fn title(&self) -> String {
        let message = crate::mask::masked(&self.message);
        match (self.kind.is_empty(), message.is_empty()) {
            (false, false) => format!("{}: {message}", self.kind),
            (false, true) => self.kind.clone(),
            (true, _) => message,
        }
    }
}

/// What is the same for all events of an exception's group: its type and the innermost frames of
/// the application, without lines, which move with every edit. Without frames the masked message
/// decides.
pub(crate) fn template(exception: &Exception) -> String {
    let in_app: Vec<&Frame> = exception.frames.iter().filter(|frame| frame.in_app).collect();
    let chosen = if in_app.is_empty() { exception.frames.iter().collect() } else { in_app };
    if chosen.is_empty() {
        return format!("{}: {}", exception.kind, crate::mask::masked(&exception.message));
    }
    let mut template = exception.kind.clone();
    for frame in chosen.iter().rev().take(GROUPED_FRAMES) {
        let place = frame.module.as_deref().or(frame.file.as_deref()).unwrap_or_default();
        template.push_str(" < ");
        template.push_str(place);
        template.push(' ');
        template.push_str(frames::stable_name(&frame.function));
    }
    template
}
