//! The replication slot: the server retains what was not received through it.

use super::{Request, open, segment, spooled, system_of};
use crate::{failure::failure, postgres};
use anyhow::{Context, Result};
use sqlx::{Connection, Row};

/// One is enough, and it refuses a second receiver.
pub const NAME: &str = "squall_backup";

/// Whether the slot exists and retains what follows the spool. A slot that the server invalidated,
/// because it retained too much, is dropped.
pub async fn is_usable(request: &Request<'_>) -> Result<bool> {
    let mut connection = request.server.connect().await?;
    let slot =
        sqlx::query(SLOT).bind(NAME).fetch_optional(&mut connection).await.map_err(postgres::server_error)?;
    let is_usable = match slot {
        None => false,
        Some(slot) if slot.try_get::<bool, _>("is_lost")? => {
            let drop = format!("select pg_drop_replication_slot({})", postgres::literal(NAME));
            postgres::execute(&mut connection, &drop).await?;
            false
        }
        Some(slot) => {
            let segment_bytes = u64::try_from(slot.try_get::<i64, _>("segment_bytes")?)?;
            let (from, to) =
                (slot.try_get::<String, _>("retained_from")?, slot.try_get::<String, _>("written_to")?);
            spool_fits(request, |name| is_retained(name, &from, &to, segment_bytes)).await?
        }
    };
    connection.close().await.context("closing the connection")?;
    Ok(is_usable)
}

/// Whether the server still has a segment. A segment of a later timeline is not its own: it is from
/// a recovered server that was replaced by the original.
fn is_retained(name: &str, from: &str, to: &str, segment_bytes: u64) -> bool {
    let number = |name: &str| segment::number(name, segment_bytes);
    (number(from)..=number(to)).contains(&number(name)) && segment::timeline(name) <= segment::timeline(to)
}

/// Creates the slot unless it exists. It immediately retains what follows the last checkpoint, and
/// not only what is written after the first connection.
pub async fn create(request: &Request<'_>) -> Result<()> {
    let mut connection = request.server.connect().await?;
    let slot = postgres::literal(NAME);
    let create = format!(
        "select pg_create_physical_replication_slot({slot}, true) \
         where not exists (select from pg_replication_slots where slot_name = {slot})"
    );
    postgres::execute(&mut connection, &create).await.map_err(|error| {
        failure(
            format!("creating the replication slot {NAME} at {}", request.server.location()),
            format!("{error:#}"),
            "give the role the REPLICATION privilege, allow replication connections in pg_hba.conf, and set wal_level to replica",
        )
    })?;
    connection.close().await.context("closing the connection")
}

/// Whether this server still has every partial segment of the spool.
async fn spool_fits(request: &Request<'_>, is_retained: impl Fn(&str) -> bool) -> Result<bool> {
    let system = system_of(request.server).await?;
    for name in spooled(&request.spool).await? {
        let Some(unfinished) = name.strip_suffix(".partial") else { continue };
        let Some(mut file) = open(&request.spool.join(&name)).await? else { continue };
        let is_own = segment::system(&mut file).await?.is_none_or(|found| found == system);
        if !is_own || !is_retained(unfinished) {
            return Ok(false);
        }
    }
    Ok(true)
}

const SLOT: &str = r"
select coalesce(wal_status = 'lost', false) or restart_lsn is null as is_lost,
    coalesce(pg_walfile_name(restart_lsn), '') as retained_from,
    pg_walfile_name(pg_current_wal_lsn()) as written_to,
    (select setting::bigint from pg_settings where name = 'wal_segment_size') as segment_bytes
from pg_replication_slots
where slot_name = $1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_retained_if_its_number_and_timeline_match() {
        let (from, to) = ("000000020000000000000005", "000000020000000000000008");
        let is_retained = |name: &str| is_retained(name, from, to, 16 * 1024 * 1024);
        assert!(is_retained("000000020000000000000006"));
        assert!(is_retained("000000010000000000000006"), "the previous timeline");
        assert!(!is_retained("000000030000000000000006"), "the timeline of another recovery");
        assert!(!is_retained("000000020000000000000004") && !is_retained("000000020000000000000009"));
    }
}
