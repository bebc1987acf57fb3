//! PostgreSQL: connections, the client programs, and quoting.

mod programs;
mod address;
mod socket;

pub use address::Server;
pub use programs::{Archive, Programs, output, restore_archive};

use anyhow::{Context, Result, anyhow};
use sqlx::{AssertSqlSafe, Decode, Executor, PgConnection, Postgres, Row, Type};

/// A quoted identifier.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `"schema"."table"`.
pub fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", quoted(schema), quoted(name))
}

/// A quoted string literal.
pub fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// Runs a statement without parameters, which statements about databases cannot have.
///
/// # Errors
/// When the server refuses it, with the statement.
pub async fn execute(connection: &mut PgConnection, statement: &str) -> Result<()> {
    let done = connection.execute(AssertSqlSafe(statement.to_owned())).await;
    done.map(|_| ()).map_err(server_error).with_context(|| format!("running `{}`", shortened(statement)))
}

/// The single value of a query.
///
/// # Errors
/// When the server refuses it.
pub async fn value<T>(connection: &mut PgConnection, query: &str) -> Result<T>
where
    T: for<'r> Decode<'r, Postgres> + Type<Postgres>,
{
    let row = sqlx::query(AssertSqlSafe(query.to_owned())).fetch_one(connection).await;
    let row = row.map_err(server_error).with_context(|| format!("running `{}`", shortened(query)))?;
    row.try_get(0).with_context(|| format!("reading the answer to `{}`", shortened(query)))
}

/// The message of the server, once: the error of sqlx repeats it.
pub(crate) fn server_error(error: sqlx::Error) -> anyhow::Error {
    match &error {
        sqlx::Error::Database(refused) => anyhow!("{}", refused.message().to_owned()),
        _ => error.into(),
    }
}

fn shortened(statement: &str) -> String {
    let statement = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    match statement.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &statement[..end]),
        None => statement,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_in_names_and_strings_are_escaped() {
        assert_eq!(qualified("a\"b", "c.d"), r#""a""b"."c.d""#);
        assert_eq!(literal(r"it's \n"), r"E'it''s \\n'");
    }
}
