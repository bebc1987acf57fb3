//! The template tree: which known template a message belongs to, learned online.
//!
//! The reference is Drain (He et al., "Drain: An Online Log Parsing Approach with Fixed Depth
//! Tree", ICWS 2017): leaves by number of tokens and leading token, similarity within a leaf,
//! wildcards where members differ. Two things differ. Most of what varies is masked before the tree
//! ([`crate::mask`]), so that the tree may be strict: two words only merge where a value is
//! plausible, behind a word such as `for` or when both look like names. And the outcome depends on
//! nothing but the ordered templates, so that a tree rebuilt from the database behaves as the one
//! that wrote it.

use crate::mask::{self, Owned, Token, WILDCARD};
use rustc_hash::{FxHashMap, FxHasher};
use std::{
    borrow::Cow,
    hash::{Hash, Hasher},
};

/// Percentage of equal words below which two messages never merge.
const MIN_SIMILARITY: usize = 60;

/// Tokens of templates that one message is compared with at most, about 100 µs.
const MAX_COMPARISONS: usize = 20_000;

/// Messages whose template is remembered; a memory of what the tree would say, forgotten when full.
const MEMORY: usize = 50_000;

/// The template of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TemplateMatch {
    /// It belongs to this template.
    Known(usize),
    /// It belongs to this template, which became more general.
    Generalised(usize),
    /// It is the first of this template.
    New(usize),
}

/// Templates in order of creation.
#[derive(Default)]
pub(crate) struct Tree {
    templates: Vec<Box<[Owned]>>,
    leaves: FxHashMap<u64, Leaf>,
    memory: FxHashMap<u64, (u32, u32)>,
    /// Templates behind the first [`compared`] of their leaf: they are met by the same tokens only,
    /// and never become more general.
    exact: FxHashMap<u64, usize>,
}

#[derive(Default)]
struct Leaf {
    members: Vec<usize>,
    /// Counts changes, so that what is remembered of this leaf can be stale.
    generation: u32,
}

impl Tree {
    /// Adds a template as it was written to the database.
    pub(crate) fn restore(&mut self, template: &str) {
        let mut tokens = Vec::new();
        mask::tokens_of_template(template, &mut tokens);
        self.add(&tokens);
    }

    /// The text of a template.
    pub(crate) fn template(&self, index: usize) -> String {
        let tokens = self.templates.get(index).into_iter().flatten();
        mask::join(tokens.map(|(text, glued)| Token { text, glued: *glued }))
    }

    /// Finds the template of a message, generalising or adding one when `may_add`.
    pub(crate) fn match_template(&mut self, tokens: &[Token<'_>], may_add: bool) -> Option<TemplateMatch> {
        let key = leaf_key(tokens);
        let whole = whole_key(tokens);
        let generation = self.leaves.get(&key).map_or(0, |leaf| leaf.generation);
        if let Some(&(index, seen)) = self.memory.get(&whole)
            && seen == generation
        {
            return Some(TemplateMatch::Known(index as usize));
        }
        let found = self
            .leaves
            .get(&key)
            .and_then(|leaf| self.best(leaf, tokens))
            .or_else(|| self.same(whole, tokens));
        let matched = match found {
            Some((index, true)) => TemplateMatch::Known(index),
            Some((index, false)) => {
                self.generalise(index, tokens, key);
                TemplateMatch::Generalised(index)
            }
            None if may_add => TemplateMatch::New(self.add(tokens)),
            None => return None,
        };
        let (TemplateMatch::Known(index) | TemplateMatch::Generalised(index) | TemplateMatch::New(index)) =
            matched;
        if self.memory.len() >= MEMORY {
            self.memory.clear();
        }
        let generation = self.leaves.get(&key).map_or(0, |leaf| leaf.generation);
        if let Ok(index) = u32::try_from(index) {
            self.memory.insert(whole, (index, generation));
        }
        Some(matched)
    }

    fn add(&mut self, tokens: &[Token<'_>]) -> usize {
        let index = self.templates.len();
        self.templates.push(mask::owned(tokens));
        let leaf = self.leaves.entry(leaf_key(tokens)).or_default();
        if leaf.members.len() < compared(tokens.len()) {
            leaf.members.push(index);
        } else {
            self.exact.insert(whole_key(tokens), index);
        }
        leaf.generation += 1;
        index
    }

    fn generalise(&mut self, index: usize, tokens: &[Token<'_>], key: u64) {
        let Some(template) = self.templates.get_mut(index) else { return };
        for ((text, _), token) in template.iter_mut().zip(tokens) {
            if text != token.text {
                *text = Cow::Borrowed(WILDCARD);
            }
        }
        if let Some(leaf) = self.leaves.get_mut(&key) {
            leaf.generation += 1;
        }
    }

    /// The template of exactly these tokens, among those that are not compared.
    fn same(&self, whole: u64, tokens: &[Token<'_>]) -> Option<(usize, bool)> {
        let index = *self.exact.get(&whole)?;
        let template = self.templates.get(index)?;
        let equal = template.len() == tokens.len()
            && template.iter().zip(tokens).all(|((text, _), token)| text == token.text);
        equal.then_some((index, true))
    }

    /// The template most alike, and whether it fits as it is. Among equals the oldest.
    fn best(&self, leaf: &Leaf, tokens: &[Token<'_>]) -> Option<(usize, bool)> {
        let mut best: Option<(usize, bool, usize)> = None;
        for &index in &leaf.members {
            let Some((fits, equal)) = self.templates.get(index).and_then(|template| alike(template, tokens))
            else {
                continue;
            };
            if best.is_none_or(|(_, best_fits, best_equal)| (fits, equal) > (best_fits, best_equal)) {
                best = Some((index, fits, equal));
            }
        }
        best.map(|(index, fits, _)| (index, fits))
    }
}

/// How many templates of a leaf a message of so many tokens is compared with.
fn compared(tokens: usize) -> usize {
    (MAX_COMPARISONS / tokens.max(1)).min(1000)
}

/// Whether a message can belong to a template: if it fits as it is, and how many words are equal.
fn alike(template: &[Owned], tokens: &[Token<'_>]) -> Option<(bool, usize)> {
    let (mut equal, mut words, mut different, mut fits) = (0, 0, 0, true);
    for (at, ((text, _), token)) in template.iter().zip(tokens).enumerate() {
        if text == token.text {
            equal += 1;
            words += usize::from(is_word(text));
        } else if text == WILDCARD {
            continue;
        } else {
            if !may_differ(at.checked_sub(1).and_then(|before| template.get(before)), text, token) {
                return None;
            }
            (fits, different) = (false, different + 1);
        }
    }
    let similar = words * 100 >= (words + different) * MIN_SIMILARITY;
    (fits || (similar && words > 0)).then_some((fits, equal))
}

/// Whether two different tokens at the same place can be two values of one variable.
fn may_differ(before: Option<&Owned>, text: &str, token: &Token<'_>) -> bool {
    if !is_word(text) && text != WILDCARD {
        return false;
    }
    if token.is_wildcard() {
        return true;
    }
    if !is_word(token.text) {
        return false;
    }
    // States and verbs of protocols are written in capitals; `from NEW to DONE` is not `from NEW to
    // KILLED`.
    if is_constant(text) || is_constant(token.text) {
        return false;
    }
    let introduced = before.is_some_and(|(before, _)| introduces_value(before));
    introduced || (looks_like_name(text) && looks_like_name(token.text))
}

fn is_word(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_alphanumeric() || byte >= 0x80)
}

/// English words that are followed by a value more often than by another word of the sentence.
fn introduces_value(word: &str) -> bool {
    matches!(
        word,
        "for"
            | "from"
            | "to"
            | "by"
            | "user"
            | "host"
            | "hostname"
            | "name"
            | "named"
            | "device"
            | "interface"
            | "file"
            | "job"
            | "task"
            | "service"
            | "process"
            | "class"
            | "module"
            | "plugin"
            | "package"
            | "server"
            | "node"
            | "\""
            | "'"
    )
}

/// Written in capitals, as constants are.
fn is_constant(text: &str) -> bool {
    text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// Written as programs write names: with an underline, a dash or a capital inside.
fn looks_like_name(text: &str) -> bool {
    let inner = text.as_bytes().get(1..).unwrap_or_default();
    inner.iter().any(|byte| matches!(byte, b'_' | b'-' | b'.' | b'$' | b'/'))
        || (inner.iter().any(u8::is_ascii_uppercase) && text.bytes().any(|byte| byte.is_ascii_lowercase()))
}

/// Leaves are distinguished by the number of tokens and by the first token.
fn leaf_key(tokens: &[Token<'_>]) -> u64 {
    let mut hasher = FxHasher::default();
    tokens.len().hash(&mut hasher);
    tokens.first().map(|token| token.text).hash(&mut hasher);
    hasher.finish()
}

fn whole_key(tokens: &[Token<'_>]) -> u64 {
    let mut hasher = FxHasher::default();
    for token in tokens {
        token.text.hash(&mut hasher);
    }
    hasher.finish()
}
