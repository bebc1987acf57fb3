//! A migration file and how it runs: in one transaction, unless its first line opts out.

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection, PgConnection, migrate::Migration};
use squall_migrations::{MIGRATOR, NO_TRANSACTION};
use std::{fs, path::Path};

/// A migration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Its name: `0002_add_owner.sql`.
    pub file: String,
    /// Its text.
    pub sql: String,
}

impl Script {
    /// The migrations embedded in this version.
    pub fn embedded() -> Vec<Self> {
        let file = |migration: &Migration| format!("{:04}_{}.sql", migration.version, migration.description);
        MIGRATOR.iter().map(|m| Self { file: file(m), sql: m.sql.as_str().to_owned() }).collect()
    }

    /// Reads the migrations of a folder, in the order of their numbers.
    ///
    /// # Errors
    /// When the folder or a file cannot be read.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>> {
        let entries = fs::read_dir(folder)
            .with_context(|| format!("reading the folder of migrations {}", folder.display()))?;
        let mut scripts = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if number(&file).is_some() && file.ends_with(".sql") {
                let sql = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
                scripts.push(Self { file, sql });
            }
        }
        scripts.sort_by_key(|script| number(&script.file));
        Ok(scripts)
    }

    /// Whether it runs in one transaction.
    pub fn is_transactional(&self) -> bool {
        !self.sql.starts_with(NO_TRANSACTION)
    }

    /// Runs it the way the job does.
    ///
    /// # Errors
    /// When the database refuses a statement; the error names the file.
    pub async fn run(&self, connection: &mut PgConnection) -> Result<()> {
        let running = || format!("running {}", self.file);
        if self.is_transactional() {
            let mut transaction = connection.begin().await?;
            sqlx::raw_sql(AssertSqlSafe(self.sql.clone()))
                .execute(&mut *transaction)
                .await
                .with_context(running)?;
            transaction.commit().await.with_context(running)
        } else {
            sqlx::raw_sql(AssertSqlSafe(self.sql.clone()))
                .execute(connection)
                .await
                .map(drop)
                .with_context(running)
        }
    }
}

/// The number that a migration's name begins with.
pub fn number(file: &str) -> Option<u32> {
    file.split('_').next().and_then(|digits| digits.parse().ok())
}
