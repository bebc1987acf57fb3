//! Databases that live as long as a proof.

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use std::sync::atomic::{AtomicU32, Ordering};

/// Makes databases on one server, and drops them all at the end.
pub struct Scratch {
    server: PgConnectOptions,
    admin: PgConnection,
    made: Vec<String>,
}

impl Scratch {
    /// Connects to the server.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn open(server: &PgConnectOptions) -> Result<Self> {
        let admin =
            server.connect().await.context("connecting to the server that holds the scratch databases")?;
        Ok(Self { server: server.clone(), admin, made: Vec::new() })
    }

    /// Makes an empty database.
    ///
    /// # Errors
    /// When the role may not create databases.
    pub async fn make(&mut self, side: &str) -> Result<PgConnectOptions> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("squall_{side}_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        sqlx::query(AssertSqlSafe(format!("create database {name} template template0")))
            .execute(&mut self.admin)
            .await
            .with_context(|| {
                format!("creating the scratch database {name}: the role needs the right CREATEDB")
            })?;
        self.made.push(name.clone());
        Ok(self.server.clone().database(&name))
    }

    /// Drops all of them.
    ///
    /// # Errors
    /// When the server went away.
    pub async fn close(mut self) -> Result<()> {
        for name in &self.made {
            sqlx::query(AssertSqlSafe(format!("drop database if exists {name} with (force)")))
                .execute(&mut self.admin)
                .await
                .with_context(|| format!("dropping the scratch database {name}"))?;
        }
        self.admin.close().await.context("leaving the server of the scratch databases")
    }
}
