//! What a rule reports, before exceptions are applied.

use std::ops::Range;

pub(super) struct Diagnostic {
    pub span: Span,
    pub rule: String,
    pub message: String,
    pub help: String,
}

/// A range of bytes in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    start: usize,
    end: usize,
}

impl Diagnostic {
    pub(super) fn new(span: Span, rule: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span, rule: rule.to_owned(), message: message.into(), help: help.into() }
    }
}

impl Span {
    pub(super) fn new(range: Range<usize>) -> Self {
        Self { start: range.start, end: range.end }
    }

    pub(super) fn start(self) -> usize {
        self.start
    }

    pub(super) fn end(self) -> usize {
        self.end
    }

    /// Whether `other` starts in this span.
    pub(super) fn contains(self, other: Self) -> bool {
        (self.start..self.end.max(self.start + 1)).contains(&other.start)
    }
}
