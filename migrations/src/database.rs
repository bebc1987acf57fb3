//! The database that `DATABASE_URL` names, for the command-line tools.

use anyhow::{Result, anyhow};
use sqlx::postgres::PgConnectOptions;
use squall_base::secrets::{self, DATABASE_URL_FORM};
use std::str::FromStr;

/// The address, with its password, from `DATABASE_URL` or `DATABASE_URL_FILE`. Warnings go to standard error.
///
/// # Errors
/// When neither is set, both are, or the file cannot be read.
pub fn url() -> Result<String> {
    let found = secrets::database_url(&secrets::process_variable)
        .map_err(|problems| anyhow!("{}", problems.join("\n")))?;
    for warning in found.warnings {
        eprintln!("warning: {warning}");
    }
    Ok(found.value)
}

/// # Errors
/// When the address cannot be parsed. The parser's own message could repeat the password, so it is left out.
pub fn options(url: &str) -> Result<PgConnectOptions> {
    PgConnectOptions::from_str(url).map_err(|_| {
        anyhow!("DATABASE_URL is not a PostgreSQL address. Expected the form {DATABASE_URL_FORM}")
    })
}
