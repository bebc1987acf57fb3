//! The snapshot that all parts of a backup read, and facts about the database in it.

use crate::{
    failure::failure,
    manifest::{CopyFormat, DatabaseFacts, ServerFacts, TableRows},
    postgres::{self, Server, qualified},
    stream::Stop,
};
use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row};

/// A snapshot, valid as long as its connection.
pub struct Snapshot {
    pub connection: PgConnection,
    /// Its name, for other connections.
    pub exported: String,
    pub taken_at: DateTime<Utc>,
    pub server: ServerFacts,
    pub database: DatabaseFacts,
    /// Largest first.
    pub tables: Vec<Table>,
}

/// A table with rows of its own: an ordinary table or a leaf partition.
#[derive(Debug, Clone)]
pub struct Table {
    pub schema: String,
    pub name: String,
    pub bytes: i64,
    /// Without generated columns, which a restore computes.
    pub columns: Vec<String>,
    pub format: CopyFormat,
}

impl Snapshot {
    pub async fn take(server: &Server) -> Result<Self> {
        let mut connection = server.connect().await?;
        postgres::execute(&mut connection, "begin isolation level repeatable read read only").await?;
        // Even reading the size of a table waits for its lock.
        postgres::execute(&mut connection, "set local lock_timeout = '60s'").await?;
        let exported = postgres::value(&mut connection, "select pg_export_snapshot()").await?;
        let taken_at = postgres::value(&mut connection, "select now()").await?;
        let tables = tables(&mut connection).await?;
        lock(&mut connection, &tables).await?;
        let server = server_facts(&mut connection).await?;
        let database = database_facts(&mut connection).await?;
        Ok(Self { connection, exported, taken_at, server, database, tables })
    }

    /// An estimate of the plain bytes: the size of the tables on disk.
    pub fn estimated_bytes(&self) -> u64 {
        self.tables.iter().map(|table| u64::try_from(table.bytes).unwrap_or_default()).sum()
    }
}

/// Counts the rows of tables, given by schema and name, and sorts them by name.
pub async fn count<'a>(
    connection: &mut PgConnection,
    tables: impl Iterator<Item = (&'a str, &'a str)>,
    stop: &Stop,
) -> Result<Vec<TableRows>> {
    let mut counted = Vec::new();
    for (schema, name) in tables {
        let query = format!("select count(*) from only {}", qualified(schema, name));
        let rows = stop.or(postgres::value(connection, &query)).await.inspect_err(|_| stop.request())?;
        counted.push(TableRows { schema: schema.to_owned(), name: name.to_owned(), rows });
    }
    counted.sort_by(|one, other| (&one.schema, &one.name).cmp(&(&other.schema, &other.name)));
    Ok(counted)
}

/// Prevents changes to the tables before pg_dump has locked them too.
async fn lock(connection: &mut PgConnection, tables: &[Table]) -> Result<()> {
    if tables.is_empty() {
        return Ok(());
    }
    let names: Vec<_> =
        tables.iter().map(|table| format!("only {}", qualified(&table.schema, &table.name))).collect();
    let statement = format!("lock table {} in access share mode", names.join(", "));
    postgres::execute(connection, &statement).await.map_err(|error| locked_out(&error))
}

fn locked_out(error: &anyhow::Error) -> anyhow::Error {
    failure(
        "reading and locking the tables",
        format!("{error:#}"),
        "if another session holds a lock, perhaps a migration, run the command again when that has ended",
    )
}

async fn tables(connection: &mut PgConnection) -> Result<Vec<Table>> {
    let rows = sqlx::query(TABLES)
        .fetch_all(connection)
        .await
        .map_err(|error| locked_out(&postgres::server_error(error)))?;
    rows.into_iter()
        .map(|row| {
            let binary: bool = row.try_get("is_binary_safe")?;
            Ok(Table {
                schema: row.try_get("schema")?,
                name: row.try_get("name")?,
                bytes: row.try_get("bytes")?,
                columns: row.try_get("columns")?,
                format: if binary { CopyFormat::Binary } else { CopyFormat::Text },
            })
        })
        .collect()
}

async fn server_facts(connection: &mut PgConnection) -> Result<ServerFacts> {
    let version: String = postgres::value(connection, "show server_version").await?;
    let query = "select current_setting('server_version_num')::int";
    Ok(ServerFacts { version, version_number: postgres::value(connection, query).await? })
}

async fn database_facts(connection: &mut PgConnection) -> Result<DatabaseFacts> {
    // The columns of pg_database differ between versions, so they are read by name from JSON.
    let row = sqlx::query(DATABASE)
        .fetch_one(&mut *connection)
        .await
        .context("reading facts about the database")?;
    let catalog: serde_json::Value = row.try_get("catalog")?;
    let text = |name: &str| catalog.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    let provider = match text("datlocprovider").as_deref() {
        Some("i") => "icu",
        Some("b") => "builtin",
        _ => "libc",
    };
    let counts = structure(connection).await?;
    Ok(DatabaseFacts {
        name: row.try_get("name")?,
        bytes: row.try_get("bytes")?,
        schema_version: schema_version(connection).await?,
        encoding: row.try_get("encoding")?,
        locale_provider: provider.to_owned(),
        collate: text("datcollate").unwrap_or_default(),
        ctype: text("datctype").unwrap_or_default(),
        locale: text("datlocale").or_else(|| text("daticulocale")),
        settings: row.try_get("settings")?,
        valid_indexes: counts.valid_indexes,
        valid_constraints: counts.valid_constraints,
    })
}

/// Numbers that a restored database must have in common with the original.
pub struct Structure {
    pub valid_indexes: i64,
    pub valid_constraints: i64,
}

pub async fn structure(connection: &mut PgConnection) -> Result<Structure> {
    let row =
        sqlx::query(STRUCTURE).fetch_one(connection).await.context("counting indexes and constraints")?;
    Ok(Structure { valid_indexes: row.try_get(0)?, valid_constraints: row.try_get(1)? })
}

/// The newest migration that succeeded; `None` in a database without migrations.
pub async fn schema_version(connection: &mut PgConnection) -> Result<Option<i64>> {
    let migrated = "select to_regclass('_sqlx_migrations') is not null";
    if !postgres::value::<bool>(&mut *connection, migrated).await? {
        return Ok(None);
    }
    postgres::value(connection, "select max(version) from _sqlx_migrations where success").await
}

/// Tables with rows of their own. Binary COPY is limited to types whose bytes mean the same in
/// every database. Types that contain object ids (reg…, composites, arrays of user-defined types)
/// are copied as text.
const TABLES: &str = r"
select n.nspname::text as schema, c.relname::text as name, pg_table_size(c.oid) as bytes,
    array(
        select a.attname::text from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
        order by a.attnum
    ) as columns,
    not exists (
        select from pg_attribute a
        join pg_type declared on declared.oid = a.atttypid
        join pg_type t on t.oid = case declared.typtype when 'd' then declared.typbasetype else declared.oid end
        left join pg_type element on element.oid = t.typelem and t.typcategory = 'A'
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and not (
            t.typsend <> 0 and t.typname !~ '^_?reg' and case
                when t.typcategory = 'A' then t.oid < 16384 and element.typtype = 'b'
                when t.typtype in ('b', 'e') then true
                when t.typtype in ('r', 'm') then t.oid < 16384
                else false
            end
        )
    ) as is_binary_safe
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence <> 't'
    and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
    and not exists (
        select from pg_depend d
        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
    )
order by bytes desc, schema, name";

const DATABASE: &str = r"
select d.datname::text as name, pg_database_size(d.oid) as bytes,
    pg_encoding_to_char(d.encoding)::text as encoding, to_jsonb(d) as catalog,
    array(
        select unnest(s.setconfig) from pg_db_role_setting s where s.setdatabase = d.oid and s.setrole = 0
    )::text[] as settings
from pg_database d
where d.datname = current_database()";

const STRUCTURE: &str = r"
select
    (
        select count(*) from pg_index i join pg_class c on c.oid = i.indexrelid
        join pg_namespace n on n.oid = c.relnamespace
        where i.indisvalid and i.indisready and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
    ),
    (
        select count(*) from pg_constraint k join pg_namespace n on n.oid = k.connamespace
        where k.convalidated and k.contype <> 'n' and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
    )";
