//! A scratch database: created for one restore or drill, and dropped unless it is renamed at the
//! end.
//!
//! Its creator holds an advisory lock on its name. A scratch database without that lock was left
//! behind by a killed process; the next one drops it.

use crate::{
    failure::failure,
    manifest::DatabaseFacts,
    postgres::{self, literal, quoted},
    progress::Progress,
};
use anyhow::Result;
use sqlx::PgConnection;
use squall_base::random::{self, hex};

/// The longest name PostgreSQL keeps, in bytes.
const LONGEST_NAME: usize = 63;

pub struct ScratchDatabase {
    name: String,
    pub maintenance: PgConnection,
}

impl ScratchDatabase {
    /// Creates an empty database `<prefix>_<8 hex>` with the properties in the manifest.
    pub async fn create(
        mut maintenance: PgConnection,
        prefix: &str,
        facts: &DatabaseFacts,
        progress: &Progress,
    ) -> Result<Self> {
        let prefix = truncated(prefix, LONGEST_NAME - 9);
        drop_leftovers(&mut maintenance, prefix, progress).await?;
        let name = format!("{prefix}_{}", hex(&random::bytes::<4>()));
        postgres::execute(&mut maintenance, &format!("select pg_advisory_lock({})", key(&name))).await?;
        postgres::execute(&mut maintenance, &creation(&name, facts)).await.map_err(|error| {
            failure(
                format!("creating the database {name}"),
                format!("{error:#}"),
                "give the role the CREATEDB privilege, and install the locale of the backup at the server",
            )
        })?;
        for setting in &facts.settings {
            if let Some((parameter, value)) = setting.split_once('=') {
                postgres::execute(&mut maintenance, &set(&name, parameter, value)).await?;
            }
        }
        Ok(Self { name, maintenance })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub async fn remove(mut self) -> Result<()> {
        let statement = format!("drop database if exists {} with (force)", quoted(&self.name));
        postgres::execute(&mut self.maintenance, &statement).await
    }
}

async fn drop_leftovers(maintenance: &mut PgConnection, prefix: &str, progress: &Progress) -> Result<()> {
    let names = sqlx::query_scalar("select datname::text from pg_database where starts_with(datname, $1)");
    let names: Vec<String> = names.bind(format!("{prefix}_")).fetch_all(&mut *maintenance).await?;
    for name in names.iter().filter(|name| is_scratch_name(name, prefix)) {
        let lock = format!("select pg_try_advisory_lock({})", key(name));
        if postgres::value(maintenance, &lock).await? {
            progress.say(&format!("Dropping {name}, left behind by a killed restore or drill."));
            postgres::execute(maintenance, &format!("drop database if exists {} with (force)", quoted(name)))
                .await?;
            postgres::execute(maintenance, &format!("select pg_advisory_unlock({})", key(name))).await?;
        }
    }
    Ok(())
}

fn is_scratch_name(name: &str, prefix: &str) -> bool {
    let random = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
    random.is_some_and(|hex| {
        hex.len() == 8 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn key(name: &str) -> i64 {
    let hash = blake3::hash(format!("squall-backup {name}").as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    i64::from_be_bytes(first)
}

fn creation(name: &str, facts: &DatabaseFacts) -> String {
    let mut statement = format!(
        "create database {} template template0 encoding {} lc_collate {} lc_ctype {}",
        quoted(name),
        literal(&facts.encoding),
        literal(&facts.collate),
        literal(&facts.ctype)
    );
    match (facts.locale_provider.as_str(), &facts.locale) {
        ("icu", Some(locale)) => statement += &format!(" locale_provider icu icu_locale {}", literal(locale)),
        ("builtin", Some(locale)) => {
            statement += &format!(" locale_provider builtin builtin_locale {}", literal(locale));
        }
        _ => statement += " locale_provider libc",
    }
    statement
}

/// PostgreSQL already returns the values of list settings quoted.
const LISTS: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

pub fn set(database: &str, parameter: &str, value: &str) -> String {
    let is_list = LISTS.contains(&parameter.to_ascii_lowercase().as_str());
    let value = if is_list && !value.is_empty() { value.to_owned() } else { literal(value) };
    // Parameters of extensions have a dot in their names.
    let parameter: Vec<_> = parameter.split('.').map(quoted).collect();
    format!("alter database {} set {} to {value}", quoted(database), parameter.join("."))
}

/// At most this many bytes, cut between characters.
pub fn truncated(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(truncated("größe", 3), "gr");
        assert_eq!(truncated("größe", 4), "grö");
        assert_eq!(truncated("a", 60), "a");
    }

    #[test]
    fn only_names_with_a_random_suffix_are_leftovers() {
        assert!(is_scratch_name("live_restoring_0123abcd", "live_restoring"));
        for other in ["live_restoring_x", "live_restoring_0123abcde", "live_restoring_0123ABCD", "live"] {
            assert!(!is_scratch_name(other, "live_restoring"), "{other}");
        }
    }
}
