//! A database beside: made for one restore or drill, dropped unless it takes a name at the end.
//!
//! Its maker holds an advisory lock on its name. A database of such a name without that lock was left by
//! a process that was killed; the next one drops it.

use crate::{
    failure::Failure,
    manifest::DatabaseFacts,
    postgres::{self, literal, quoted},
    progress::Progress,
};
use anyhow::Result;
use sqlx::PgConnection;

/// The longest name PostgreSQL keeps, in bytes.
const LONGEST_NAME: usize = 63;

pub struct Beside {
    name: String,
    pub aside: PgConnection,
}

impl Beside {
    /// Makes an empty database `<prefix>_<8 hex>` like the one in the manifest.
    pub async fn make(
        mut aside: PgConnection,
        prefix: &str,
        facts: &DatabaseFacts,
        progress: &Progress,
    ) -> Result<Self> {
        let prefix = shortened(prefix, LONGEST_NAME - 9);
        drop_leftovers(&mut aside, prefix, progress).await?;
        let name = format!("{prefix}_{:08x}", u32::from_be_bytes(crate::random()?));
        postgres::execute(&mut aside, &format!("select pg_advisory_lock({})", key(&name))).await?;
        postgres::execute(&mut aside, &creation(&name, facts)).await.map_err(|error| {
            Failure::new(
                format!("making the database {name}"),
                format!("{error:#}"),
                "the role needs the right CREATEDB, and the server the locale of the backup",
            )
        })?;
        for setting in &facts.settings {
            if let Some((parameter, value)) = setting.split_once('=') {
                postgres::execute(&mut aside, &set(&name, parameter, value)).await?;
            }
        }
        Ok(Self { name, aside })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Drops it.
    pub async fn remove(mut self) -> Result<()> {
        let statement = format!("drop database if exists {} with (force)", quoted(&self.name));
        postgres::execute(&mut self.aside, &statement).await
    }
}

async fn drop_leftovers(aside: &mut PgConnection, prefix: &str, progress: &Progress) -> Result<()> {
    let names = sqlx::query_scalar("select datname::text from pg_database where starts_with(datname, $1)");
    let names: Vec<String> = names.bind(format!("{prefix}_")).fetch_all(&mut *aside).await?;
    for name in names.iter().filter(|name| is_ours(name, prefix)) {
        let lock = format!("select pg_try_advisory_lock({})", key(name));
        if postgres::value(aside, &lock).await? {
            progress.say(&format!("Dropping {name}, left by a restore or drill that was killed."));
            postgres::execute(aside, &format!("drop database if exists {} with (force)", quoted(name)))
                .await?;
            postgres::execute(aside, &format!("select pg_advisory_unlock({})", key(name))).await?;
        }
    }
    Ok(())
}

fn is_ours(name: &str, prefix: &str) -> bool {
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

/// Settings that are lists are kept by PostgreSQL in quotes already.
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
    // A parameter of an extension has a dot in its name.
    let parameter: Vec<_> = parameter.split('.').map(quoted).collect();
    format!("alter database {} set {} to {value}", quoted(database), parameter.join("."))
}

/// At most so many bytes, cut between characters.
pub fn shortened(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(shortened("größe", 3), "gr");
        assert_eq!(shortened("größe", 4), "grö");
        assert_eq!(shortened("a", 60), "a");
    }

    #[test]
    fn only_names_of_our_own_making_are_leftovers() {
        assert!(is_ours("live_restoring_0123abcd", "live_restoring"));
        for other in ["live_restoring_x", "live_restoring_0123abcde", "live_restoring_0123ABCD", "live"] {
            assert!(!is_ours(other, "live_restoring"), "{other}");
        }
    }
}
