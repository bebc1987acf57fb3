//! The bases of a store: listing them, the chain of an increment, and the removal of old ones.

use super::{BASES, Base, FACTS, FORMAT, SEAL};
use crate::{failure::failure, manifest::BackupId, store::Store, wal};
use anyhow::Result;
use serde::Deserialize;

/// All sealed bases, oldest first.
///
/// # Errors
/// When the store cannot be read, a base is damaged, or a newer Squall created it.
pub async fn bases(store: &Store) -> Result<Vec<Base>> {
    let mut bases = Vec::new();
    for entry in store.list(BASES).await? {
        let Some(folder) = entry.path.strip_suffix(&format!("/{SEAL}")) else { continue };
        let (facts, seal) = (store.get(&format!("{folder}/{FACTS}")).await?, store.get(&entry.path).await?);
        let damaged = |wrong: &str| {
            let next = "choose an earlier time, which uses another base, or restore a dump with `squall-backup restore`";
            failure(format!("reading {folder} in {}", store.location()), wrong, next)
        };
        let (Some(facts), Some(seal)) = (facts, seal) else { return Err(damaged("its facts are missing")) };
        if format!("{}\n", blake3::hash(&facts).to_hex()).as_bytes() != &seal[..] {
            return Err(damaged("its facts do not match the seal"));
        }
        let header: Header = serde_json::from_slice(&facts).map_err(|error| damaged(&error.to_string()))?;
        if header.format > FORMAT {
            return Err(failure(
                format!("reading {folder} in {}", store.location()),
                format!(
                    "a newer Squall created it (format {}; this one reads up to {FORMAT})",
                    header.format
                ),
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

/// The bases that recover a base: the full one first, then each increment up to the base itself.
///
/// # Errors
/// When one of them is missing.
pub fn chain<'a>(bases: &'a [Base], last: &'a Base) -> Result<Vec<&'a Base>> {
    let mut chain = vec![last];
    let mut first = last;
    while let Some(parent) = &first.parent {
        let found = bases.iter().find(|base| base.id == *parent && base.finished_at <= first.finished_at);
        first = found.filter(|found| found.id != first.id).ok_or_else(|| {
            failure(
                format!("collecting the parents of the base {}", last.id),
                format!("{parent} is missing"),
                "choose another time, which uses another base, or restore a dump with `squall-backup restore`",
            )
        })?;
        chain.push(first);
    }
    chain.reverse();
    Ok(chain)
}

/// Keeps the newest full bases of a server with their increments; removes the others and the
/// segments that only they needed. Bases of other servers are not touched.
pub async fn remove_older(store: &Store, system: &str, keep: usize) -> Result<()> {
    let mut bases = bases(store).await?;
    bases.retain(|base| base.system == system);
    let (removed, first_segment) = surplus(&bases, keep);
    for id in removed {
        store.delete_prefix(&format!("{BASES}/{id}"), SEAL).await?;
    }
    if let Some(first_segment) = first_segment {
        wal::remove_before(store, system, first_segment).await?;
    }
    Ok(())
}

/// The bases to remove, increments before their parents so that an interruption leaves no increment
/// without its parent; and the first segment that is still needed.
fn surplus(bases: &[Base], keep: usize) -> (Vec<&BackupId>, Option<&str>) {
    let full: Vec<&Base> = bases.iter().filter(|base| base.parent.is_none()).collect();
    let Some(oldest) = full.len().checked_sub(keep.max(1)).filter(|surplus| *surplus > 0) else {
        return (Vec::new(), None);
    };
    let kept = &full[oldest..];
    let is_kept =
        |base: &Base| chain(bases, base).is_ok_and(|chain| kept.iter().any(|kept| kept.id == chain[0].id));
    let removed = bases.iter().rev().filter(|base| !is_kept(base)).map(|base| &base.id).collect();
    (removed, kept.first().map(|base| base.first_segment.as_str()))
}

#[cfg(test)]
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

    /// The parent of each base; `None` for a full one.
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
    fn a_chain_starts_with_the_full_base_and_a_missing_parent_is_named() {
        let bases = built(&[None, Some(0), None, Some(1), Some(3)]);
        let ids: Vec<_> = chain(&bases, &bases[4]).unwrap().into_iter().map(|base| base.id.clone()).collect();
        assert_eq!(ids, [id(0), id(1), id(3), id(4)]);
        let broken = [bases[0].clone(), bases[3].clone()];
        let error = chain(&broken, &broken[1]).unwrap_err().to_string();
        assert!(error.contains(&format!("{} is missing", id(1))), "{error}");
    }

    #[test]
    fn full_bases_are_counted_and_removed_with_their_increments() {
        let bases = built(&[None, Some(0), None, Some(2), Some(1), Some(3)]);
        let (removed, first_segment) = surplus(&bases, 1);
        assert_eq!(removed, [&id(4), &id(1), &id(0)], "an increment is removed before its parent");
        assert_eq!(first_segment, Some(bases[2].first_segment.as_str()));
        assert_eq!(surplus(&bases, 2), (Vec::new(), None));
        assert_eq!(surplus(&bases, 0).0, surplus(&bases, 1).0, "the last one is always kept");
    }
}
