//! What the rules look for, read from rules.toml.

use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tables {
    pub moving_tags: BTreeSet<String>,
    pub system_folders: BTreeSet<String>,
    pub often_missed: BTreeSet<String>,
    pub empty_images: Vec<String>,
    pub defined: BTreeSet<String>,
    pub defined_in_from: BTreeSet<String>,
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
