//! What the rules look for, read from rules.toml.

use serde::Deserialize;
use std::{collections::BTreeMap, sync::LazyLock};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tables {
    moving_tags: Vec<String>,
    pub system_folders: Vec<String>,
    pub often_missed: Vec<String>,
    pub empty_images: Vec<String>,
    pub defined: Vec<String>,
    pub defined_in_from: Vec<String>,
    pub read_by_libraries: Vec<String>,
    pub defined_by_base: BTreeMap<String, Vec<String>>,
    pub read_by_image: BTreeMap<String, Vec<String>>,
    pub instructions: Vec<Row>,
    pub required: Vec<Row>,
    pub forbidden: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub rule: String,
    #[serde(default)]
    pub key: String,
    pub pattern: String,
    pub unless: Option<String>,
    #[serde(default)]
    pub why: String,
}

pub static TABLES: LazyLock<Tables> =
    LazyLock::new(|| toml::from_str(include_str!("rules.toml")).unwrap_or_default());

impl Tables {
    /// Whether a tag names another image every few weeks.
    pub fn is_moving(&self, tag: &str) -> bool {
        self.moving_tags.iter().any(|moving| moving == tag)
    }
}
