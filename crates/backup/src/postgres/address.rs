//! The address of the server. The password is passed on only in the environment of child processes.

use crate::failure::failure;
use anyhow::{Context, Result};
use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use std::{fmt, net::IpAddr, str::FromStr};

/// The server and database of DATABASE_URL.
#[derive(Clone)]
pub struct Server {
    options: PgConnectOptions,
    password: Option<String>,
    ssl: Vec<(&'static str, String)>,
    database: String,
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Server({})", self.location())
    }
}

impl Server {
    /// Reads `postgres://user:password@host:port/database`.
    ///
    /// # Errors
    /// When the address is malformed. The message does not repeat it, because it may contain a
    /// password.
    pub fn parse(url: &str) -> Result<Self> {
        let options = PgConnectOptions::from_str(url).ok().context(
            "DATABASE_URL is not a PostgreSQL address of the form postgres://user:password@host:port/database",
        )?;
        // Counting, dumping and waiting may take long.
        let options = options.application_name("squall-backup").options([
            ("statement_timeout", "0"),
            ("idle_in_transaction_session_timeout", "0"),
            ("idle_session_timeout", "0"),
        ]);
        let database = options.get_database().unwrap_or_else(|| options.get_username()).to_owned();
        let ssl =
            SSL.iter().filter_map(|(parameter, variable)| Some((*variable, parameter_of(url, parameter)?)));
        let (password, ssl) = (squall_base::secrets::password_of(url), ssl.collect());
        Ok(Self { options: options.database(&database), password, ssl, database })
    }

    /// The name of the database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Another database of the same server.
    pub fn with_database(&self, name: &str) -> Self {
        Self { options: self.options.clone().database(name), database: name.to_owned(), ..self.clone() }
    }

    /// Whether it is a TCP address of this machine.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self.options.get_host();
        let is_address = host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        self.options.get_socket().is_none() && (is_address || host == "localhost")
    }

    /// The same database through the socket in this folder.
    pub(super) fn at_socket(&self, folder: &str, port: u16) -> Self {
        Self { options: self.options.clone().socket(folder).port(port), ..self.clone() }
    }

    /// The address without user and password.
    pub fn location(&self) -> String {
        match self.options.get_socket() {
            Some(socket) => format!("{} in {}", self.database, socket.display()),
            None => format!("{} on {}:{}", self.database, self.options.get_host(), self.options.get_port()),
        }
    }

    /// Connects, with the settings that make COPY's text the same everywhere.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn connect(&self) -> Result<PgConnection> {
        let mut connection =
            self.options.clone().disable_statement_logging().connect().await.map_err(|error| {
                failure(
                    format!("connecting to the database {}", self.location()),
                    &error,
                    "check that PostgreSQL is running and that DATABASE_URL is correct, then run the command again",
                )
            })?;
        let settings = "set datestyle = 'ISO'; set intervalstyle = 'postgres'; set extra_float_digits = 3; \
                        set timezone = 'UTC'; set row_security = off; set client_min_messages = warning; \
                        set synchronize_seqscans = off";
        super::execute(&mut connection, settings).await?;
        Ok(connection)
    }

    /// `server_version_num`: `180004`.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn version_number(&self) -> Result<i32> {
        let mut connection = self.connect().await?;
        let version =
            super::value(&mut connection, "select current_setting('server_version_num')::int").await?;
        connection.close().await.context("closing the connection")?;
        Ok(version)
    }

    /// Connects to the maintenance database, from which others are created, renamed and dropped. It
    /// is always the same one, because advisory locks are local to a database.
    ///
    /// # Errors
    /// When neither `postgres` nor `template1` accepts the connection.
    pub async fn connect_maintenance(&self) -> Result<PgConnection> {
        match self.with_database("postgres").connect().await {
            Ok(connection) => Ok(connection),
            Err(error) => self.with_database("template1").connect().await.map_err(|_| error),
        }
    }

    /// The variables for pg_dump and pg_restore.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        let host = match self.options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => self.options.get_host().to_owned(),
        };
        let mut environment = vec![
            ("PGHOST", host),
            ("PGPORT", self.options.get_port().to_string()),
            ("PGUSER", self.options.get_username().to_owned()),
            ("PGDATABASE", self.database.clone()),
            ("PGAPPNAME", "squall-backup".to_owned()),
            ("LC_MESSAGES", "C".to_owned()),
        ];
        environment.extend(self.password.clone().map(|password| ("PGPASSWORD", password)));
        environment.extend(self.ssl.clone());
        environment
    }
}

const SSL: [(&str, &str); 4] = [
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
];

fn parameter_of(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1;
    let found = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(percent_decoded(found))
}

fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_read_from_the_address_and_never_shown() -> Result<()> {
        for (url, password) in [
            ("postgres://me:p%40ss@host:5433/db", Some("p@ss")),
            ("postgres://me@host/db", None),
            ("postgres:///db?host=/run/postgresql&user=me&password=s%20t", Some("s t")),
        ] {
            let server = Server::parse(url)?;
            assert_eq!(server.password.as_deref(), password, "{url}");
            assert!(!format!("{server:?}").contains("p@ss"));
            assert_eq!(server.database(), "db");
        }
        Ok(())
    }

    #[test]
    fn child_processes_get_the_socket_and_the_tls_settings() -> Result<()> {
        let environment = Server::parse("postgres:///db?host=/run/pg&user=me&sslmode=require")?.environment();
        assert!(environment.contains(&("PGHOST", "/run/pg".to_owned())), "{environment:?}");
        assert!(environment.contains(&("PGSSLMODE", "require".to_owned())), "{environment:?}");
        Ok(())
    }
}
