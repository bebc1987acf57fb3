//! The last step of a restore: renames the scratch database, in one transaction.

use super::{
    Target,
    scratch::{ScratchDatabase, set, truncated},
};
use crate::{
    failure::failure,
    postgres::{self, Server, literal, quoted},
};
use anyhow::{Context, Result};
use chrono::Utc;
use sqlx::{Connection, PgConnection, Row};
use std::time::Duration;

/// What exists under the target name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetState {
    Missing,
    Empty,
    InUse,
}

pub struct Installed {
    pub kept_as: Option<String>,
}

/// Checks the target name; refuses a database that is not empty unless it is to be replaced.
pub async fn target_state(
    server: &Server,
    maintenance: &mut PgConnection,
    name: &str,
    target: &Target,
) -> Result<TargetState> {
    let tried = format!("restoring into the database {name:?}");
    if name.is_empty() || name.len() > 63 || ["postgres", "template0", "template1"].contains(&name) {
        let next = "choose a name of 1 to 63 bytes that is not postgres, template0 or template1";
        return Err(failure(tried, "this name is not allowed", next));
    }
    let exists = format!("select exists (select from pg_database where datname = {})", literal(name));
    if !postgres::value::<bool>(maintenance, &exists).await? {
        return Ok(TargetState::Missing);
    }
    let mut connection = server.with_database(name).connect().await?;
    let objects: i64 = postgres::value(&mut connection, OBJECTS).await?;
    connection.close().await?;
    match (objects, target) {
        (0, _) => Ok(TargetState::Empty),
        (_, Target::Replace) => Ok(TargetState::InUse),
        (_, Target::Into(_)) => Err(failure(
            tried,
            format!("it is not empty: it contains {objects} objects"),
            "name a new database with --into, or replace the database of DATABASE_URL with --replace",
        )),
    }
}

/// Renames the scratch database to the target name. An existing database is renamed and keeps its
/// content.
pub async fn install(
    server: &Server,
    scratch: &mut ScratchDatabase,
    name: &str,
    state: TargetState,
) -> Result<Installed> {
    let (new, wanted) = (quoted(scratch.name()), quoted(name));
    if state == TargetState::Missing {
        let rename = format!("alter database {new} rename to {wanted}");
        postgres::execute(&mut scratch.maintenance, &rename).await?;
        return Ok(Installed { kept_as: None });
    }
    let to = scratch.name().to_owned();
    inherit(&mut scratch.maintenance, name, &to).await?;
    let old = format!("{}_before_{}", truncated(name, 39), Utc::now().format("%Y%m%dT%H%M%SZ"));
    let steps = [
        "begin".to_owned(),
        format!("alter database {wanted} rename to {}", quoted(&old)),
        format!("alter database {new} rename to {wanted}"),
        "commit".to_owned(),
    ];
    swap(server, scratch, name, &steps).await?;
    if state == TargetState::InUse {
        return Ok(Installed { kept_as: Some(old) });
    }
    // From here on nothing may fail: the restored database has its name already.
    let dropped = drop_empty(server, scratch, &old).await.unwrap_or(false);
    Ok(Installed { kept_as: (!dropped).then_some(old) })
}

/// The database was empty when it was checked. If something was created in it since, it is kept.
async fn drop_empty(server: &Server, scratch: &mut ScratchDatabase, old: &str) -> Result<bool> {
    let mut connection = server.with_database(old).connect().await?;
    let objects: i64 = postgres::value(&mut connection, OBJECTS).await?;
    connection.close().await?;
    if objects == 0 {
        let statement = format!("drop database {} with (force)", quoted(old));
        postgres::execute(&mut scratch.maintenance, &statement).await?;
    }
    Ok(objects == 0)
}

/// How often the swap is tried; each time PostgreSQL waits five seconds for connections to end.
const TRIES: usize = 5;
/// How often connections are terminated during the rename, which waits for all of them to end and
/// blocks new ones.
const PAUSE: Duration = Duration::from_millis(100);

async fn swap(server: &Server, scratch: &mut ScratchDatabase, name: &str, steps: &[String]) -> Result<()> {
    let mut terminator = server.connect_maintenance().await?;
    let terminate = format!(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity \
         where datname in ({}, {}) and pid <> pg_backend_pid()",
        literal(name),
        literal(scratch.name())
    );
    let mut outcome = Ok(());
    for _ in 0..TRIES {
        let terminating = async {
            while postgres::execute(&mut terminator, &terminate).await.is_ok() {
                tokio::time::sleep(PAUSE).await;
            }
            // The server is gone; the rename reports the reason.
            std::future::pending::<()>().await;
        };
        outcome = tokio::select! {
            renamed = run_all(&mut scratch.maintenance, steps) => renamed,
            () = terminating => Ok(()),
        };
        if outcome.is_ok() {
            break;
        }
        postgres::execute(&mut scratch.maintenance, "rollback").await?;
    }
    terminator.close().await?;
    outcome.context("swapping the databases")
}

async fn run_all(connection: &mut PgConnection, steps: &[String]) -> Result<()> {
    for step in steps {
        postgres::execute(connection, step).await?;
    }
    Ok(())
}

/// Copies the properties that belong to the name rather than to the content: owner, grants,
/// settings, limit.
async fn inherit(maintenance: &mut PgConnection, from: &str, to: &str) -> Result<()> {
    let row = sqlx::query(PROPERTIES).bind(from).fetch_one(&mut *maintenance).await?;
    let (owner, limit): (String, i32) = (row.try_get("owner")?, row.try_get("connection_limit")?);
    let database = quoted(to);
    let mut statements = vec![
        format!("alter database {database} owner to {}", quoted(&owner)),
        format!("alter database {database} connection limit {limit}"),
        format!("alter database {database} reset all"),
    ];
    for setting in row.try_get::<Vec<String>, _>("settings")? {
        statements.extend(setting.split_once('=').map(|(parameter, value)| set(to, parameter, value)));
    }
    if row.try_get::<bool, _>("has_grants")? {
        statements.push(format!("revoke all on database {database} from public"));
        for (privilege, role, grantable) in
            row.try_get::<sqlx::types::Json<Vec<(String, Option<String>, bool)>>, _>("grants")?.0
        {
            let role = role.map_or_else(|| "public".to_owned(), |role| quoted(&role));
            let option = if grantable { " with grant option" } else { "" };
            statements.push(format!("grant {privilege} on database {database} to {role}{option}"));
        }
    }
    run_all(maintenance, &statements).await
}

/// Objects that neither PostgreSQL nor an extension created.
const OBJECTS: &str = r"
select
    (
        select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname <> 'information_schema' and n.nspname !~ '^pg_' and not exists (
            select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
        )
    ) + (
        select count(*) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname <> 'information_schema' and n.nspname !~ '^pg_' and not exists (
            select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
        )
    ) + (
        select count(*) from pg_type t join pg_namespace n on n.oid = t.typnamespace
        where t.typtype in ('e', 'd', 'r') and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
            and not exists (
                select from pg_depend d where d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e'
            )
    ) + (
        select count(*) from pg_namespace n
        where n.nspname not in ('information_schema', 'public') and n.nspname !~ '^pg_' and not exists (
            select from pg_depend d
            where d.classid = 'pg_namespace'::regclass and d.objid = n.oid and d.deptype = 'e'
        )
    ) + (select count(*) from pg_largeobject_metadata)";

const PROPERTIES: &str = r"
select pg_get_userbyid(d.datdba)::text as owner, d.datconnlimit as connection_limit,
    array(
        select unnest(s.setconfig) from pg_db_role_setting s where s.setdatabase = d.oid and s.setrole = 0
    )::text[] as settings,
    d.datacl is not null as has_grants,
    coalesce(
        (
            select jsonb_agg(jsonb_build_array(
                a.privilege_type, case when a.grantee <> 0 then pg_get_userbyid(a.grantee) end, a.is_grantable
            ))
            from aclexplode(d.datacl) a
        ),
        '[]'
    ) as grants
from pg_database d
where d.datname = $1";
