//! Segments of the write-ahead log: their server, and how far they lead without a gap.

use super::StoredSegment;
use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
};

/// Offset of the system identifier in the header of the first page (`XLogLongPageHeaderData`).
const SYSTEM_AT: usize = 24;
const HEADER: usize = 32;

/// 24 hexadecimal digits: the timeline, and the number in two halves.
pub fn is_segment(name: &str) -> bool {
    name.len() == 24 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The segment that contains a byte of the log.
pub fn name(timeline: u32, byte: u64, segment_bytes: u64) -> String {
    let (number, per_half) = (byte / segment_bytes.max(1), per_half(segment_bytes));
    format!("{timeline:08X}{:08X}{:08X}", number / per_half, number % per_half)
}

fn per_half(segment_bytes: u64) -> u64 {
    ((1_u64 << 32) / segment_bytes.max(1)).max(1)
}

/// The system identifier of the server that wrote it; `None` while the segment is empty. Rewinds
/// the file.
pub async fn system(file: &mut File) -> Result<Option<String>> {
    let mut header = [0; HEADER];
    file.read_exact(&mut header).await?;
    file.rewind().await?;
    let system = header[SYSTEM_AT..].try_into().map(u64::from_ne_bytes).context("cutting the header")?;
    Ok((system != 0).then(|| system.to_string()))
}

/// The segments that follow a base without a gap; the base contains those up to `last_of_base`.
/// Histories of timelines are included. A segment that is stored both full and as `.partial` counts
/// once.
pub fn without_gap<'a>(
    segments: &'a [StoredSegment],
    last_of_base: &str,
    segment_bytes: u64,
) -> Vec<&'a StoredSegment> {
    let Some((mut timeline, mut reached)) = position(last_of_base, segment_bytes) else { return Vec::new() };
    let mut leading: Vec<&StoredSegment> = Vec::new();
    let is_whole = |name: &str| segments.iter().any(|segment| segment.file.name == name);
    for segment in segments {
        let name = segment.file.name.as_str();
        let Some((line, number)) = position(name.trim_end_matches(".partial"), segment_bytes) else {
            leading.push(segment);
            continue;
        };
        if name.strip_suffix(".partial").is_some_and(is_whole) {
            continue;
        }
        if number > reached + 1 {
            break;
        }
        // A new timeline branches off at a segment that was already reached.
        reached = if line == timeline { reached.max(number) } else { number };
        timeline = line;
        leading.push(segment);
    }
    leading
}

/// The timeline of a segment or of a history file.
pub fn timeline(name: &str) -> Option<u32> {
    u32::from_str_radix(name.get(0..8)?, 16).ok()
}

/// The number of a segment, independent of its timeline.
pub fn number(name: &str, segment_bytes: u64) -> Option<u64> {
    position(name, segment_bytes).map(|(_, number)| number)
}

/// Removes timelines that started after a time, when the server was recovered: they lead elsewhere.
pub fn without_later_timelines(segments: &[StoredSegment], moment: DateTime<Utc>) -> Vec<StoredSegment> {
    let later: Vec<u32> = segments
        .iter()
        .filter(|segment| is_history(segment) && segment.received_at > moment)
        .filter_map(|segment| timeline(&segment.file.name))
        .collect();
    let stays =
        |segment: &&StoredSegment| timeline(&segment.file.name).is_none_or(|line| !later.contains(&line));
    segments.iter().filter(stays).cloned().collect()
}

/// Removes segments that recovery to a time does not need, so that later damage does not matter.
/// Keeps two more than contain the time, because recovery looks for a commit after it.
pub fn up_to(mut segments: Vec<StoredSegment>, moment: DateTime<Utc>) -> Vec<StoredSegment> {
    let mut beyond = 0;
    segments.retain(|segment| {
        let stays = beyond <= 2;
        beyond += usize::from(!is_history(segment) && (beyond > 0 || segment.received_at >= moment));
        stays || is_history(segment)
    });
    segments
}

fn is_history(segment: &StoredSegment) -> bool {
    segment.file.name.ends_with(".history")
}

fn position(name: &str, segment_bytes: u64) -> Option<(u64, u64)> {
    let part = |range: std::ops::Range<usize>| u64::from_str_radix(name.get(range)?, 16).ok();
    is_segment(name).then_some(())?;
    Some((part(0..8)?, part(8..16)? * per_half(segment_bytes) + part(16..24)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{FileEntry, FileKind};
    use chrono::TimeDelta;

    const SIZE: u64 = 16 * 1024 * 1024;

    fn stored(name: &str, minute: i64) -> StoredSegment {
        StoredSegment {
            file: FileEntry {
                name: name.to_owned(),
                kind: FileKind::Wal,
                plain_bytes: SIZE,
                stored_bytes: 1,
                blake3: String::new(),
            },
            path: String::new(),
            encrypted: false,
            received_at: at(minute),
        }
    }

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::<Utc>::UNIX_EPOCH + TimeDelta::minutes(minute)
    }

    fn check(names: &[&str], held: &str, leading: &[&str]) {
        let segments: Vec<StoredSegment> = names.iter().map(|name| stored(name, 0)).collect();
        let found = without_gap(&segments, held, SIZE);
        assert_eq!(found.iter().map(|segment| segment.file.name.as_str()).collect::<Vec<_>>(), leading);
    }

    #[test]
    fn the_log_leads_until_a_segment_is_missing() {
        let [a, b, c, e] = [
            "0000000100000000000000FD",
            "0000000100000000000000FE",
            "0000000100000000000000FF",
            "000000010000000100000001",
        ];
        let d = "000000010000000100000000";
        check(&[a, b, c, d, e], a, &[a, b, c, d, e]);
        check(&[a, b, c, e], a, &[a, b, c]);
        check(&[c, d], a, &[]);
        check(&[c, d], b, &[c, d]);
        check(&[c, d], d, &[c, d]);
        check(&[], a, &[]);
    }

    #[test]
    fn a_byte_of_the_log_is_in_the_segment_that_postgresql_names() {
        // From pg_walfile_name with segments of 16 MB.
        assert_eq!(name(1, 0x0E00_0028, SIZE), "00000001000000000000000E");
        assert_eq!(name(2, 0x1_FFFF_FFFF, SIZE), "0000000200000001000000FF");
        assert_eq!(position(&name(3, 0x5_0123_4567, SIZE), SIZE), Some((3, 0x5_0123_4567 / SIZE)));
    }

    #[test]
    fn a_segment_counts_once_and_a_new_timeline_starts_inside_the_old_one() {
        let (a, partial) = ("000000010000000000000002", "000000010000000000000002.partial");
        let (b, other) = ("000000010000000000000003.partial", "000000020000000000000002");
        let (history, far) = ("00000002.history", "000000020000000000000004");
        check(&[a, partial, b], a, &[a, b]);
        check(&[a, b, history, other], a, &[a, b, history, other]);
        check(&[a, b, history, other, far], a, &[a, b, history, other]);
    }

    #[test]
    fn a_time_is_recovered_from_its_own_timeline_and_without_what_was_written_long_after() {
        let line =
            |line: u32, number: u32, minute| stored(&format!("{line:08X}00000000{number:08X}"), minute);
        let all = vec![
            line(1, 1, 10),
            line(1, 2, 20),
            line(1, 3, 30),
            line(1, 4, 40),
            line(1, 5, 50),
            stored("00000002.history", 60),
            line(2, 2, 70),
            line(2, 3, 80),
        ];
        let names = |minute| -> Vec<String> {
            let own = without_later_timelines(&all, at(minute));
            up_to(own, at(minute)).into_iter().map(|segment| segment.file.name).collect()
        };
        let first = |numbers: std::ops::RangeInclusive<u32>| -> Vec<String> {
            numbers.map(|number| format!("0000000100000000{number:08X}")).collect()
        };
        assert_eq!(names(15), first(1..=4), "two more than the one that contains the time");
        assert_eq!(names(45), first(1..=5), "the server that was recovered later does not matter");
        let all_names: Vec<_> = all.iter().map(|segment| segment.file.name.clone()).collect();
        assert_eq!(names(75), all_names);
    }
}
