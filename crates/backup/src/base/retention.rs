//! The bases of a store: which are there, what leads to one of them, and which go.

use super::{BASES, Base, FACTS, FORMAT, SEAL};
use crate::{failure::Failure, manifest::BackupId, store::Store, wal};
use anyhow::Result;
use serde::Deserialize;

/// All sealed bases, the oldest first.
///
/// # Errors
/// When the store cannot be read, or a base is not as it was written, or made by a newer Squall.
pub async fn bases(store: &Store) -> Result<Vec<Base>> {
    let mut bases = Vec::new();
    for entry in store.list(BASES).await? {
        let Some(folder) = entry.path.strip_suffix(&format!("/{SEAL}")) else { continue };
        let (facts, seal) = (store.get(&format!("{folder}/{FACTS}")).await?, store.get(&entry.path).await?);
        let damaged = |wrong: &str| {
            let next = "choose an earlier time, for which another base serves, or restore a dump with `squall-backup restore`";
            Failure::new(format!("reading {folder} in {}", store.location()), wrong, next)
        };
        let (Some(facts), Some(seal)) = (facts, seal) else { return Err(damaged("its facts are missing")) };
        if format!("{}\n", blake3::hash(&facts).to_hex()).as_bytes() != &seal[..] {
            return Err(damaged("its facts are not those that were sealed"));
        }
        let header: Header = serde_json::from_slice(&facts).map_err(|error| damaged(&error.to_string()))?;
        if header.format > FORMAT {
            return Err(Failure::new(
                format!("reading {folder} in {}", store.location()),
                format!("a newer Squall made it (format {}; this one reads up to {FORMAT})", header.format),
                "use that version of squall-backup",
            ));
        }
        bases.push(serde_json::from_slice::<Base>(&facts).map_err(|error| damaged(&error.to_string()))?);
    }
    bases.sort_by_key(|base| base.finished_at);
    Ok(bases)
}

#[derive(Deserialize)]
struct Header {
    format: u32,
}

/// The base itself and all that it builds on, the whole one first.
///
/// # Errors
/// When one that it builds on is not there.
pub fn chain<'a>(bases: &'a [Base], last: &'a Base) -> Result<Vec<&'a Base>> {
    let mut chain = vec![last];
    let mut first = last;
    while let Some(parent) = &first.parent {
        let found = bases.iter().find(|base| base.id == *parent && base.finished_at <= first.finished_at);
        first = found.filter(|found| found.id != first.id).ok_or_else(|| {
            Failure::new(
                format!("collecting what the base {} builds on", last.id),
                format!("{parent} is not there"),
                "choose another time, for which another base serves, or restore a dump with `squall-backup restore`",
            )
        })?;
        chain.push(first);
    }
    chain.reverse();
    Ok(chain)
}

/// Removes all but the newest whole bases of a server with their increments, and the segments that only the others
/// needed. What other servers left in this place stays.
pub async fn forget_older(store: &Store, system: &str, keep: usize) -> Result<()> {
    let mut bases = bases(store).await?;
    bases.retain(|base| base.system == system);
    let (gone, first_segment) = surplus(&bases, keep);
    for id in gone {
        store.delete_prefix(&format!("{BASES}/{id}"), SEAL).await?;
    }
    if let Some(first_segment) = first_segment {
        wal::forget_before(store, system, first_segment).await?;
    }
    Ok(())
}

/// What goes, increments before what they build on, so that killed half way none is left without its ground; and
/// the first segment that is still needed.
fn surplus(bases: &[Base], keep: usize) -> (Vec<&BackupId>, Option<&str>) {
    let whole: Vec<&Base> = bases.iter().filter(|base| base.parent.is_none()).collect();
    let Some(oldest) = whole.len().checked_sub(keep.max(1)).filter(|surplus| *surplus > 0) else {
        return (Vec::new(), None);
    };
    let kept = &whole[oldest..];
    let stays =
        |base: &Base| chain(bases, base).is_ok_and(|chain| kept.iter().any(|kept| kept.id == chain[0].id));
    let gone = bases.iter().rev().filter(|base| !stays(base)).map(|base| &base.id).collect();
    (gone, kept.first().map(|base| base.first_segment.as_str()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::manifest::{FileEntry, FileKind};
    use chrono::{DateTime, TimeDelta, Utc};

    fn id(number: i64) -> BackupId {
        BackupId::parse(&format!("{}-{number:04x}", at(number).format("%Y%m%dT%H%M%SZ"))).unwrap()
    }

    fn at(number: i64) -> DateTime<Utc> {
        DateTime::<Utc>::from_timestamp(1_700_000_000, 0).unwrap() + TimeDelta::days(number)
    }

    /// Each base names the one it builds on, or none.
    fn built(parents: &[Option<i64>]) -> Vec<Base> {
        let file = |kind| FileEntry {
            name: "x".to_owned(),
            kind,
            plain_bytes: 0,
            stored_bytes: 0,
            blake3: String::new(),
        };
        (0..)
            .zip(parents)
            .map(|(number, parent)| Base {
                format: FORMAT,
                id: id(number),
                parent: parent.map(id),
                started_at: at(number),
                finished_at: at(number),
                server_version_number: 180_004,
                system: "7".to_owned(),
                first_segment: format!("{number:024}"),
                last_segment: format!("{number:024}"),
                segment_bytes: 16 * 1024 * 1024,
                file: file(FileKind::Base),
                contents: file(FileKind::Contents),
                encrypted: false,
            })
            .collect()
    }

    #[test]
    fn a_chain_begins_with_the_whole_one_and_a_missing_link_is_named() {
        let bases = built(&[None, Some(0), None, Some(1), Some(3)]);
        let ids: Vec<_> = chain(&bases, &bases[4]).unwrap().into_iter().map(|base| base.id.clone()).collect();
        assert_eq!(ids, [id(0), id(1), id(3), id(4)]);
        let broken = [bases[0].clone(), bases[3].clone()];
        let said = chain(&broken, &broken[1]).unwrap_err().to_string();
        assert!(said.contains(&format!("{} is not there", id(1))), "{said}");
    }

    #[test]
    fn whole_bases_are_counted_and_their_increments_go_with_them() {
        let bases = built(&[None, Some(0), None, Some(2), Some(1), Some(3)]);
        let (gone, first_segment) = surplus(&bases, 1);
        assert_eq!(gone, [&id(4), &id(1), &id(0)], "an increment goes before what it builds on");
        assert_eq!(first_segment, Some(bases[2].first_segment.as_str()));
        assert_eq!(surplus(&bases, 2), (Vec::new(), None));
        assert_eq!(surplus(&bases, 0).0, surplus(&bases, 1).0, "the last one always stays");
    }
}
