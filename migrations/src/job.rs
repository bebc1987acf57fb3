//! The job that gates a deploy. Several can start at once: one migrates. If a run is killed, the next one finishes it.
//!
//! An interrupted transaction leaves nothing behind. A statement outside one can leave an index half built: it is
//! invalid, and is dropped before its migration runs again. Indexes of partitioned tables are declared on the
//! parent only and built here on each partition concurrently, so that writers never wait; this resumes as well.

use crate::{NO_TRANSACTION, version_of};
use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, migrate::Migrator};
use std::time::Duration;

/// The outcome of a run.
#[derive(Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The version before the run; `None` if the database was never migrated.
    pub from: Option<i64>,
    /// The version after it.
    pub to: i64,
    /// How many indexes were built on partitions.
    pub partition_indexes: usize,
}

/// Any number that nothing else locks in this database: "squall" on a telephone's keys.
const LOCK: i64 = 778_255;

/// Polled rather than waited for: waiting inside the database would hold a snapshot, and the concurrent build of an
/// index waits for all snapshots.
const LOCK_PAUSE: Duration = Duration::from_millis(200);

/// Applies pending migrations. A database that is newer than `migrator` is left alone: after a rollback the older
/// version works on the newer schema.
///
/// # Errors
/// When the database refuses a migration, which is then rolled back.
pub async fn run(migrator: &Migrator, pool: &PgPool) -> Result<Migrated> {
    let mut connection = pool.acquire().await.context("connecting for the migrations")?.detach();
    let taken = "select pg_try_advisory_lock($1)";
    while !sqlx::query_scalar::<_, bool>(taken).bind(LOCK).fetch_one(&mut connection).await? {
        tokio::time::sleep(LOCK_PAUSE).await;
    }
    let outcome = run_locked(migrator, &mut connection).await;
    // Closing the session releases its locks, including any that a failed migration left.
    connection.close().await?;
    outcome
}

async fn run_locked(migrator: &Migrator, connection: &mut PgConnection) -> Result<Migrated> {
    let from = version_of(connection).await?;
    let found = from.unwrap_or_default();
    let newest = migrator.iter().map(|migration| migration.version).max().unwrap_or_default();
    if found > newest {
        return Ok(Migrated { from, to: found, partition_indexes: 0 });
    }
    drop_half_built(migrator, found, connection).await?;
    migrator.run(&mut *connection).await.context(
        "applying the migrations. A failed migration is rolled back; fix the cause and run this again",
    )?;
    Ok(Migrated { from, to: newest, partition_indexes: build_on_partitions(connection).await? })
}

/// Drops invalid indexes that a pending migration is about to build.
async fn drop_half_built(migrator: &Migrator, from: i64, connection: &mut PgConnection) -> Result<()> {
    let pending: Vec<&str> = migrator
        .iter()
        .filter(|migration| migration.version > from && migration.sql.as_str().starts_with(NO_TRANSACTION))
        .map(|migration| migration.sql.as_str())
        .collect();
    let invalid: Vec<String> = sqlx::query_scalar(INVALID_INDEXES).fetch_all(&mut *connection).await?;
    for index in invalid {
        let is_named =
            |sql: &&str| sql.split(|c: char| c.is_whitespace() || c == ';').any(|word| word == index);
        if pending.iter().any(is_named) {
            sqlx::query(AssertSqlSafe(format!("drop index concurrently {index}")))
                .execute(&mut *connection)
                .await
                .with_context(|| format!("dropping the half-built index {index}"))?;
        }
    }
    Ok(())
}

/// Builds each index of a partitioned table on every partition that does not have it yet, and attaches it.
/// PostgreSQL chooses the names, as it does for partitions created later.
///
/// # Errors
/// When a build fails. Indexes attached before that stay.
pub async fn build_on_partitions(connection: &mut PgConnection) -> Result<usize> {
    let missing: Vec<(String, String, String)> =
        sqlx::query_as(MISSING_PARTITION_INDEXES).fetch_all(&mut *connection).await?;
    for (parent, partition, definition) in &missing {
        let built = "select x.name, x.valid from pg_temp.like_parent($1::regclass, $2::regclass) x order by x.valid desc";
        let find = || sqlx::query_as::<_, (String, bool)>(built).bind(parent).bind(partition);
        sqlx::raw_sql(LIKE_PARENT).execute(&mut *connection).await?;
        for (half_built, _) in
            find().fetch_all(&mut *connection).await?.into_iter().filter(|(_, valid)| !valid)
        {
            sqlx::query(AssertSqlSafe(format!("drop index concurrently {half_built}")))
                .execute(&mut *connection)
                .await?;
        }
        if find().fetch_optional(&mut *connection).await?.is_none() {
            sqlx::query(AssertSqlSafe(definition.clone()))
                .execute(&mut *connection)
                .await
                .with_context(|| format!("building {parent} on the partition {partition}"))?;
        }
        let (name, _) = find().fetch_one(&mut *connection).await?;
        let mut transaction = connection.begin().await?;
        sqlx::query("set local lock_timeout = '3s'").execute(&mut *transaction).await?;
        sqlx::query(AssertSqlSafe(format!("alter index {parent} attach partition {name}")))
            .execute(&mut *transaction)
            .await
            .with_context(|| format!("attaching {name} to {parent}"))?;
        transaction.commit().await?;
    }
    Ok(missing.len())
}

/// Indexes whose build was interrupted.
const INVALID_INDEXES: &str = "
    select i.indexrelid::regclass::text from pg_index i join pg_class c on c.oid = i.indexrelid
    where not i.indisvalid and c.relkind = 'i'";

/// The indexes of a partition that have the definition of its parent's index and are not attached yet.
const LIKE_PARENT: &str = "
    create or replace function pg_temp.like_parent(parent regclass, child regclass, out name text, out valid boolean)
    returns setof record language sql stable as $$
        select i.indexrelid::regclass::text, i.indisvalid
        from pg_index i join pg_index p on p.indexrelid = parent join pg_class c on c.oid = i.indexrelid
        where i.indrelid = child and not c.relispartition and i.indisunique = p.indisunique
          and regexp_replace(pg_get_indexdef(i.indexrelid), '^.*? USING ', '') = regexp_replace(pg_get_indexdef(parent), '^.*? USING ', '') $$";

/// An index of a partitioned table, a partition without its counterpart, and the statement that builds it.
const MISSING_PARTITION_INDEXES: &str = "
    select parent.oid::regclass::text, child.oid::regclass::text,
           format('create %s index concurrently on %s using %s', case when i.indisunique then 'unique' else '' end,
                  child.oid::regclass, regexp_replace(pg_get_indexdef(parent.oid), '^.*? USING ', ''))
    from pg_index i
    join pg_class parent on parent.oid = i.indexrelid and parent.relkind = 'I'
    join pg_inherits h on h.inhparent = i.indrelid
    join pg_class child on child.oid = h.inhrelid and child.relkind = 'r'
    where not i.indisvalid
      and not exists (select from pg_inherits attached join pg_index ci on ci.indexrelid = attached.inhrelid
                      where attached.inhparent = parent.oid and ci.indrelid = child.oid)
    order by 1, 2";
