//! Variables: those that the person who starts the stack sets, and those that reach the processes.

use super::{Found, Surroundings, is_for_development, wiring};
use crate::docker::validate::{
    compose::{Model, Service},
    dockerfile::reference,
    rules::{
        hadolint::is_secret,
        images::{holds_password, holds_token},
    },
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

/// What our own programs read, and what `.env.example` lists.
#[derive(Debug, Default)]
pub struct Readers {
    /// The text of all sources.
    pub sources: Vec<String>,
    /// The text of configuration that is filled from the environment: templates, scripts.
    pub templates: Vec<String>,
    /// Nothing if there is no `.env.example`.
    pub example: Option<BTreeSet<String>>,
    /// Answers that were found.
    pub known: RefCell<BTreeMap<String, bool>>,
}

impl Readers {
    /// The same names are asked for in every service, and each search goes through all sources.
    fn reads(&self, name: &str) -> bool {
        if let Some(known) = self.known.borrow().get(name) {
            return *known;
        }
        let found = by_library(name) || self.is_found(name);
        self.known.borrow_mut().insert(name.to_owned(), found);
        found
    }

    fn is_found(&self, name: &str) -> bool {
        let literal = format!("\"{name}\"");
        let (braced, plain) = (format!("${{{name}"), format!("${name}"));
        let holds = |texts: &[String], wanted: &str| texts.iter().any(|text| text.contains(wanted));
        holds(&self.sources, &literal)
            || holds(&self.templates, &braced)
            || holds(&self.templates, &plain)
            // A name with _FILE is read where the code reads any name that way.
            || name
                .strip_suffix("_FILE")
                .is_some_and(|base| self.reads(base) && holds(&self.sources, "_FILE\""))
    }
}

/// Names that libraries and the C library read, so that no source of ours has them.
fn by_library(name: &str) -> bool {
    const NAMES: [&str; 14] = [
        "TZ",
        "LANG",
        "LC_ALL",
        "PATH",
        "HOME",
        "TMPDIR",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "NO_COLOR",
        "RUST_BACKTRACE",
        "RUST_LIB_BACKTRACE",
        "ORT_DYLIB_PATH",
        "NO_PROXY",
        "SOURCE_DATE_EPOCH",
    ];
    const PREFIXES: [&str; 5] = ["AWS_", "OTEL_", "PG", "TOKIO_", "MALLOC_"];
    NAMES.contains(&name)
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || name.to_uppercase().ends_with("_PROXY")
}

/// What images of others read: names, and beginnings of names.
const THIRD_PARTY: [(&str, &[&str]); 11] = [
    ("postgres", &["POSTGRES_", "PGDATA", "PG"]),
    ("pgvector/pgvector", &["POSTGRES_", "PGDATA", "PG"]),
    ("redis", &["REDIS_", "SKIP_"]),
    ("valkey/valkey", &["VALKEY_"]),
    ("nginx", &["NGINX_"]),
    ("minio/minio", &["MINIO_"]),
    ("minio/mc", &["MC_"]),
    ("rustfs/rustfs", &["RUSTFS_"]),
    ("axllent/mailpit", &["MP_"]),
    ("chrislusf/seaweedfs", &["WEED_", "S3_", "AWS_"]),
    ("dxflrs/garage", &["GARAGE_"]),
];

pub fn check(model: &Model, around: &Surroundings<'_>, found: &mut Found) {
    if let Some(example) = &around.readers.example {
        for used in &model.uses {
            if !example.contains(&used.name) {
                let why =
                    format!("${{{}}} is not in .env.example, so nobody knows that it can be set", used.name);
                found.add("SQ-C12", &used.place, why);
            }
        }
    }
    for service in &model.services {
        let readable = names_of(service, around);
        for (name, value, place) in &service.environment {
            let is_read = match &readable {
                Reader::Ours => around.readers.reads(name),
                Reader::Theirs(prefixes) => {
                    by_library(name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
                }
                Reader::Unknown => true,
            };
            if !is_read {
                let why = format!("{} gets {name}, which nothing in it reads", service.name);
                found.add("SQ-C13", place, why);
            }
            // Set to nothing by hand is how one file takes back what another sets.
            let is_empty = value.as_deref().is_none_or(str::is_empty)
                && !model.uses.iter().any(|used| used.place == *place);
            if model.is_production && !is_empty && !is_for_development(service, around) {
                secret(service, name, value.as_deref(), place, found);
            }
        }
    }
}

enum Reader {
    Ours,
    Theirs(&'static [&'static str]),
    Unknown,
}

fn names_of(service: &Service, around: &Surroundings<'_>) -> Reader {
    if service.build.is_some() {
        let is_here = wiring::stage(service, around).is_some() && !around.readers.sources.is_empty();
        return if is_here { Reader::Ours } else { Reader::Unknown };
    }
    let name = service.image.as_ref().map(|(image, _)| reference(image).0).unwrap_or_default();
    let known = THIRD_PARTY.iter().find(|(image, _)| *image == name);
    known.map_or(Reader::Unknown, |(_, prefixes)| Reader::Theirs(prefixes))
}

fn secret(
    service: &Service,
    name: &str,
    value: Option<&str>,
    place: &crate::docker::validate::compose::yaml::Place,
    found: &mut Found,
) {
    let value = value.unwrap_or_default();
    let by_file = name.ends_with("_FILE") || value.starts_with("/run/secrets/");
    let in_address =
        holds_password(value) || (value.contains("://") && value.contains(":${") && value.contains('@'));
    // Names such as POSTGRES_USER hold nothing secret; a user's name is none.
    let by_name = is_secret(name) && !name.to_lowercase().contains("username");
    if !by_file && (by_name || in_address || holds_token(value)) {
        let why =
            format!("{} gets a secret as the variable {name}, which `docker inspect` shows", service.name);
        found.add("SQ-C14", place, why);
    }
}
