//! The replication slot: the server holds back what was not received through it.

use super::{Request, open, segment, spooled, system_of};
use crate::{failure::Failure, postgres};
use anyhow::{Context, Result};
use sqlx::{Connection, Row};

/// One is enough, and a second receiver is refused by it.
pub const NAME: &str = "squall_backup";

/// Whether the slot is there, and what it holds back follows what the spool has. A slot that the server gave up, as it
/// held back too much, is removed.
pub async fn serves(request: &Request<'_>) -> Result<bool> {
    let mut connection = request.server.connect().await?;
    let slot = sqlx::query(SLOT).bind(NAME).fetch_optional(&mut connection).await.map_err(postgres::said)?;
    let serves = match slot {
        None => false,
        Some(slot) if slot.try_get::<bool, _>("is_lost")? => {
            let drop = format!("select pg_drop_replication_slot({})", postgres::literal(NAME));
            postgres::execute(&mut connection, &drop).await?;
            false
        }
        Some(slot) => {
            let segment_bytes = u64::try_from(slot.try_get::<i64, _>("segment_bytes")?)?;
            let (from, to) =
                (slot.try_get::<String, _>("held_from")?, slot.try_get::<String, _>("written_to")?);
            spool_fits(request, |name| is_held(name, &from, &to, segment_bytes)).await?
        }
    };
    connection.close().await.context("leaving the server")?;
    Ok(serves)
}

/// Whether the server still has a segment. One of a later timeline is not its own, whatever its number: the server was
/// recovered, wrote on, and was exchanged for what it was before.
fn is_held(name: &str, from: &str, to: &str, segment_bytes: u64) -> bool {
    let number = |name: &str| segment::number(name, segment_bytes);
    (number(from)..=number(to)).contains(&number(name)) && segment::timeline(name) <= segment::timeline(to)
}

/// Makes the slot, unless it is there. It holds back what follows the last checkpoint at once, and not only what is
/// written when somebody begins to receive.
pub async fn create(request: &Request<'_>) -> Result<()> {
    let mut connection = request.server.connect().await?;
    let slot = postgres::literal(NAME);
    let make = format!(
        "select pg_create_physical_replication_slot({slot}, true) \
         where not exists (select from pg_replication_slots where slot_name = {slot})"
    );
    postgres::execute(&mut connection, &make).await.map_err(|error| {
        Failure::new(
            format!("making the replication slot {NAME} at {}", request.server.place()),
            format!("{error:#}"),
            "give the role the right REPLICATION, let pg_hba.conf take replication connections, and see that wal_level is replica",
        )
    })?;
    connection.close().await.context("leaving the server")
}

/// Whether every segment in the spool that is not full is of this server and of those it still has.
async fn spool_fits(request: &Request<'_>, is_held: impl Fn(&str) -> bool) -> Result<bool> {
    let system = system_of(request.server).await?;
    for name in spooled(&request.spool).await? {
        let Some(unfinished) = name.strip_suffix(".partial") else { continue };
        let Some(mut file) = open(&request.spool.join(&name)).await? else { continue };
        let is_ours = segment::system(&mut file).await?.is_none_or(|found| found == system);
        if !is_ours || !is_held(unfinished) {
            return Ok(false);
        }
    }
    Ok(true)
}

const SLOT: &str = r"
select coalesce(wal_status = 'lost', false) or restart_lsn is null as is_lost,
    coalesce(pg_walfile_name(restart_lsn), '') as held_from,
    pg_walfile_name(pg_current_wal_lsn()) as written_to,
    (select setting::bigint from pg_settings where name = 'wal_segment_size') as segment_bytes
from pg_replication_slots
where slot_name = $1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_held_by_its_number_and_by_a_timeline_that_the_server_has() {
        let (from, to) = ("000000020000000000000005", "000000020000000000000008");
        let is_held = |name: &str| is_held(name, from, to, 16 * 1024 * 1024);
        assert!(is_held("000000020000000000000006"));
        assert!(is_held("000000010000000000000006"), "the timeline it came from");
        assert!(!is_held("000000030000000000000006"), "that of a recovery it was not");
        assert!(!is_held("000000020000000000000004") && !is_held("000000020000000000000009"));
    }
}
