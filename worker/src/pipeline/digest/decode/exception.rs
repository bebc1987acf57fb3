//! The exception of an event: from the sender, or from the stack trace in its message.

use serde::Deserialize;
use serde_json::value::RawValue;
use squall_grouping::{Exception, Frame};

/// The exception, and the rest of the message.
pub(super) struct ReadException {
    pub(super) exception: Option<Exception>,
    pub(super) json: Option<String>,
    pub(super) message: String,
}

/// The exception as senders write it; each part may be missing.
#[derive(Deserialize)]
struct SentException {
    #[serde(rename = "type", alias = "class", alias = "name", alias = "kind", default)]
    kind: Option<String>,
    #[serde(alias = "value", default)]
    message: Option<String>,
    #[serde(alias = "stack", alias = "stack_trace", default)]
    stacktrace: Option<String>,
    #[serde(default)]
    frames: Vec<SentFrame>,
}

#[derive(Deserialize)]
struct SentFrame {
    #[serde(default)]
    function: Option<String>,
    #[serde(default)]
    module: Option<String>,
    #[serde(alias = "filename", alias = "abs_path", default)]
    file: Option<String>,
    #[serde(alias = "lineno", default)]
    line: Option<u32>,
    #[serde(default)]
    in_app: Option<bool>,
}

/// Reads the exception from the sender; without one, a stack trace below the first line of the
/// message.
pub(super) fn read(sent: Option<&RawValue>, message: String) -> ReadException {
    if let Some(json) = sent {
        let described = serde_json::from_str::<SentException>(json.get());
        let text = || serde_json::from_str::<String>(json.get()).ok();
        return match described {
            Ok(sent) => from_sent(sent, message),
            // Many senders put a stack trace here as text; anything else is stored as it is.
            Err(_) => from_sent(
                SentException {
                    kind: None,
                    message: None,
                    stacktrace: Some(text().unwrap_or_else(|| json.get().into())),
                    frames: vec![],
                },
                message,
            ),
        };
    }
    let exception = if message.contains('\n') { Exception::parse(&message) } else { None };
    let json = exception.as_ref().and_then(|exception| serde_json::to_string(exception).ok());
    ReadException { exception, json, message }
}

fn from_sent(sent: SentException, message: String) -> ReadException {
    let parsed = sent.stacktrace.as_deref().and_then(Exception::parse);
    let mut exception =
        parsed.unwrap_or_else(|| Exception { kind: String::new(), message: String::new(), frames: vec![] });
    if let Some(kind) = sent.kind {
        exception.kind = kind;
    }
    if let Some(message) = sent.message {
        exception.message = message;
    }
    if !sent.frames.is_empty() {
        exception.frames = sent.frames.into_iter().map(frame).collect();
    }
    let mut json = serde_json::to_value(&exception).unwrap_or_default();
    if let (Some(object), Some(stacktrace)) = (json.as_object_mut(), sent.stacktrace) {
        object.insert("stacktrace".into(), stacktrace.into());
    }
    let message = match message.is_empty() {
        true => exception.title(),
        false => message,
    };
    // Without a type or frames the message decides the group; the text is still shown.
    let exception_for_grouping =
        (!exception.kind.is_empty() || !exception.frames.is_empty()).then_some(exception);
    ReadException { exception: exception_for_grouping, json: Some(json.to_string()), message }
}

fn frame(sent: SentFrame) -> Frame {
    Frame {
        function: sent.function.unwrap_or_default(),
        module: sent.module,
        file: sent.file,
        line: sent.line,
        in_app: sent.in_app.unwrap_or(true),
    }
}
