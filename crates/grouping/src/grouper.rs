//! Which group an event belongs to, and what the caller has to remember.

use crate::{
    exception::{self, Exception},
    mask,
    tree::{TemplateMatch, Tree},
};
use std::{collections::HashSet, fmt};

/// The version of the method. It is part of every fingerprint: a change that moves events between
/// groups raises it.
pub const VERSION: u16 = 1;

/// Templates of a project beyond which messages without one share a single group: a sender that
/// puts random text into its messages costs bounded memory.
pub const MAX_TEMPLATES: usize = 20_000;

/// The stable name of a group: one byte for its kind, the rest a hash of what it was when it was
/// first seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 16]);

const KIND_TEMPLATE: u8 = 0;
const KIND_EXCEPTION: u8 = 1;
const KIND_OVERFLOW: u8 = 2;

impl Fingerprint {
    fn new(kind: u8, text: &str) -> Self {
        let mut bytes = fnv_128(&[&VERSION.to_be_bytes(), &[kind], text.as_bytes()]).to_be_bytes();
        bytes[0] = kind;
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// FNV-1a of 128 bits (Fowler, Noll, Vo): stable for ever; a sender that provokes a collision only
/// merges its own groups.
fn fnv_128(parts: &[&[u8]]) -> u128 {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013B;
    let bytes = parts.iter().flat_map(|part| part.iter());
    bytes.fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(PRIME)
    })
}

/// What is grouped.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The message without its header.
    pub message: &'a str,
    /// The exception, if the event has one; it then decides instead of the message.
    pub exception: Option<&'a Exception>,
}

/// A template as the caller stored it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTemplate {
    /// The group's name.
    pub fingerprint: Fingerprint,
    /// The template's last text.
    pub template: String,
}

/// The group of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The group's name.
    pub fingerprint: Fingerprint,
    /// What the caller has to store.
    pub change: Change,
}

/// What an event changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Known,
    /// It is the first of its group.
    New {
        /// What stays the same in the group.
        template: String,
    },
    /// Its group's template became more general.
    Generalised {
        /// The template from now on.
        template: String,
    },
}

/// Everything known of the groups of one project.
///
/// It depends only on the templates in order of creation: [`Grouper::restore`] with the recorded
/// changes behaves like the grouper that returned them.
#[derive(Default)]
pub struct Grouper {
    tree: Tree,
    /// The names of the templates of the tree, by their index.
    names: Vec<Fingerprint>,
    /// Groups that are not templates.
    others: HashSet<Fingerprint>,
}

impl Grouper {
    /// A grouper without groups.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A grouper that knows these templates, given in order of creation.
    #[must_use]
    pub fn restore(templates: impl IntoIterator<Item = StoredTemplate>) -> Self {
        let mut grouper = Self::new();
        for StoredTemplate { fingerprint, template } in templates {
            if fingerprint.0[0] == KIND_TEMPLATE {
                grouper.tree.restore(&template);
                grouper.names.push(fingerprint);
            } else {
                grouper.others.insert(fingerprint);
            }
        }
        grouper
    }

    /// How many groups are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len() + self.others.len()
    }

    /// Whether no group is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Assigns an event to a group.
    pub fn assign(&mut self, subject: &Subject<'_>) -> Assignment {
        if let Some(exception) = subject.exception.filter(|exception| !exception.kind.is_empty()) {
            let template = exception::template(exception);
            let fingerprint = Fingerprint::new(KIND_EXCEPTION, &template);
            if self.others.len() < MAX_TEMPLATES || self.others.contains(&fingerprint) {
                return self.other(fingerprint, template);
            }
            return self.overflow();
        }
        let mut tokens = Vec::with_capacity(mask::MAX_TOKENS);
        mask::tokens(subject.message, &mut tokens);
        match self.tree.match_template(&tokens, self.names.len() < MAX_TEMPLATES) {
            Some(TemplateMatch::Known(index)) => self.known(index, Change::Known),
            Some(TemplateMatch::Generalised(index)) => {
                let template = self.tree.template(index);
                self.known(index, Change::Generalised { template })
            }
            Some(TemplateMatch::New(index)) => {
                let template = self.tree.template(index);
                self.names.push(Fingerprint::new(KIND_TEMPLATE, &template));
                self.known(index, Change::New { template })
            }
            None => self.overflow(),
        }
    }

    /// The one group of everything beyond the bound: memory stays bounded whatever is sent.
    fn overflow(&mut self) -> Assignment {
        let template = "(messages beyond the number of templates that a project may have)".to_owned();
        self.other(Fingerprint::new(KIND_OVERFLOW, ""), template)
    }

    fn known(&self, index: usize, change: Change) -> Assignment {
        // The tree and the names grow together, so the index is always there.
        let fingerprint = self.names.get(index).copied().unwrap_or(Fingerprint([0; 16]));
        Assignment { fingerprint, change }
    }

    fn other(&mut self, fingerprint: Fingerprint, template: String) -> Assignment {
        let change = if self.others.insert(fingerprint) { Change::New { template } } else { Change::Known };
        Assignment { fingerprint, change }
    }
}
