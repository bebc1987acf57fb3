//! Records on their way into the inbox, in batches of a size that suits the digest.

use super::file::Taker;
use serde_json::{json, value::RawValue};
use squall_intake::{Batch, RawEvent};
use std::{borrow::Cow, path::Path};

/// Size of an inbox row: a few thousand lines, so that the digest can bound its turns.
const BATCH_BYTES: usize = 1 << 20;

/// Collects the events of one poll.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    full: Vec<Batch>,
    open: Batch,
    events: usize,
    path: String,
    /// The attributes of every record of the current file that was not cut.
    attributes: Option<Box<RawValue>>,
}

impl Taker for Outbox {
    fn turn_to(&mut self, path: &Path) {
        self.path = path.to_string_lossy().into_owned();
        self.attributes = serde_json::value::to_raw_value(&json!({ "log.file.path": self.path })).ok();
    }

    fn take(&mut self, text: &str, cut: u64) {
        let attributes = if cut == 0 {
            self.attributes.as_deref().map(Cow::Borrowed)
        } else {
            let attributes = json!({ "log.file.path": self.path, "squall.cut_bytes": cut });
            serde_json::value::to_raw_value(&attributes).ok().map(Cow::Owned)
        };
        self.open.push(RawEvent { attributes, ..RawEvent::line(text) });
        self.events += 1;
        if self.open.bytes() >= BATCH_BYTES {
            self.full.push(std::mem::take(&mut self.open));
        }
    }
}

impl Outbox {
    /// How many events it holds.
    pub(super) fn events(&self) -> usize {
        self.events
    }

    /// The batches, none of them empty.
    pub(super) fn finish(mut self) -> Vec<Batch> {
        if self.open.events() > 0 {
            self.full.push(self.open);
        }
        self.full
    }
}
