//! An event between decoding and grouping.

use squall_grouping::{Exception, Level};

/// Longer ones are cut: the culprit appears in lists, and in a search index with a size limit.
const MAX_CULPRIT_BYTES: usize = 1000;

/// An event with its level, time and exception, not yet grouped.
pub(super) struct DecodedEvent {
    pub(super) project_id: i64,
    pub(super) source_id: i64,
    /// Microseconds since 1970.
    pub(super) received_at: i64,
    /// Microseconds since 1970; the time of receipt when the project does not keep that day.
    pub(super) occurred_at: i64,
    pub(super) level: Level,
    pub(super) logger: Option<String>,
    pub(super) message: String,
    pub(super) exception: Option<Exception>,
    /// The exception as it is stored, in JSON.
    pub(super) exception_json: Option<String>,
    /// A JSON object.
    pub(super) attributes: Option<String>,
}

impl DecodedEvent {
    /// The title of its issue: the exception, or the template of the message.
    pub(super) fn title(&self, template: &str) -> String {
        let title = match &self.exception {
            Some(exception) => exception.title(),
            None => template.to_owned(),
        };
        let mut title = if title.trim().is_empty() { "(empty message)".to_owned() } else { title };
        title.truncate(title.floor_char_boundary(2000));
        title
    }

    /// Where it comes from: the innermost frame of the application, or the logger.
    pub(super) fn culprit(&self) -> Option<String> {
        let mut culprit = self.exception.as_ref().and_then(culprit_of).or_else(|| self.logger.clone())?;
        culprit.truncate(culprit.floor_char_boundary(MAX_CULPRIT_BYTES));
        Some(culprit)
    }
}

/// The innermost frame of the application. Frames are ordered innermost last.
fn culprit_of(exception: &Exception) -> Option<String> {
    let frame = exception.frames.iter().rev().find(|frame| frame.in_app).or(exception.frames.last())?;
    let location = frame.file.as_deref().or(frame.module.as_deref());
    Some(match location {
        Some(location) if !frame.function.is_empty() => format!("{} in {location}", frame.function),
        Some(location) => location.to_owned(),
        None => frame.function.clone(),
    })
}
