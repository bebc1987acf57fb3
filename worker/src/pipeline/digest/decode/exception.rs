//! The exception of an event: as the sender described it, or read from the stack trace in its message.

use serde::Deserialize;
use serde_json::value::RawValue;
use squall_grouping::{Exception, Frame};

/// What was found, and the message that stays.
pub(super) struct ReadException {
    pub(super) exception: Option<Exception>,
    pub(super) json: Option<String>,
    pub(super) message: String,
}

/// The exception as senders write it. Every part may be missing.
#[derive(Deserialize)]
struct Sent {
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

/// Reads what the sender said; without that, a stack trace below the first line of the message.
pub(super) fn read(sent: Option<&RawValue>, message: String) -> ReadException {
    if let Some(json) = sent {
        let described = serde_json::from_str::<Sent>(json.get());
        let text = || serde_json::from_str::<String>(json.get()).ok();
        return match described {
            Ok(sent) => from_sent(sent, message),
            // A stack trace as text is common; anything else stays visible as it came.
            Err(_) => from_sent(
                Sent {
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

fn from_sent(sent: Sent, message: String) -> ReadException {
    let parsed = sent.stacktrace.as_deref().and_then(Exception::parse);
    let mut exception =
        parsed.unwrap_or_else(|| Exception { kind: String::new(), message: String::new(), frames: vec![] });
    if let Some(kind) = sent.kind {
        exception.kind = kind;
    }
    if let Some(said) = sent.message {
        exception.message = said;
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
    // Without a type there is nothing to group by: the message decides, and the text is still shown.
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

/// The innermost frame of the application. Frames stand innermost last.
pub(super) fn culprit(exception: &Exception) -> Option<String> {
    let frame = exception.frames.iter().rev().find(|frame| frame.in_app).or(exception.frames.last())?;
    let place = frame.file.as_deref().or(frame.module.as_deref());
    Some(match place {
        Some(place) if !frame.function.is_empty() => format!("{} in {place}", frame.function),
        Some(place) => place.to_owned(),
        None => frame.function.clone(),
    })
}
