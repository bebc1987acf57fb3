//! `recover`: prepares a data folder as of a point in time, from a base and the segments after it.
//!
//! Everything is downloaded and checked before PostgreSQL starts, whose recovery then needs neither
//! the store nor this program. The folder is new, and running servers are not touched. Increments
//! are unpacked into `<folder>.parts`, and pg_combinebackup merges them into one data folder.

use crate::{
    base::{Base, bases, chain},
    failure::failure,
    keys::Identities,
    postgres::Programs,
    progress::Progress,
    reader::ChunkReader,
    store::Store,
    stream::{Depth, read_file},
    wal::{
        self, StoredSegment,
        segment::{timeline, up_to, without_gap, without_later_timelines},
    },
};
use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use std::{
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tokio::{fs, io::AsyncWriteExt, task::spawn_blocking};

/// What to recover.
#[derive(Debug)]
pub struct Request<'a> {
    /// Where bases and segments are stored.
    pub store: &'a Store,
    /// Keys to decrypt them.
    pub identities: &'a Identities,
    /// The point in time, by the clock of the server.
    pub to: DateTime<Utc>,
    /// A new or empty folder.
    pub into: PathBuf,
    /// Shows the progress.
    pub progress: &'a Progress,
}

/// A prepared data folder.
#[derive(Debug)]
pub struct Prepared {
    /// The newest base that it contains.
    pub base: Base,
    /// Number of bases: a full one and its increments.
    pub bases: usize,
    /// Number of segments.
    pub segments: usize,
}

/// Prepares the folder. PostgreSQL then replays the log up to the point in time and accepts writes.
///
/// # Errors
/// When no base is old enough, a file is damaged, or the folder is not empty. An unfinished folder
/// is removed again.
pub async fn recover(request: &Request<'_>) -> Result<Prepared> {
    let tried = || format!("recovering to {} from {}", request.to, request.store.location());
    let bases = bases(request.store).await?;
    let Some(base) = bases.iter().rfind(|base| base.finished_at <= request.to) else {
        let wrong = match bases.first() {
            Some(first) => format!("the earliest time that can be recovered is {}", first.finished_at),
            None => "no base exists".to_owned(),
        };
        let next = "choose a later time, make a base with `squall-backup base`, or restore a dump with `squall-backup restore`";
        return Err(failure(tried(), wrong, next));
    };
    let chain = chain(&bases, base)?;
    if chain.iter().any(|base| base.encrypted) && request.identities.is_empty() {
        return Err(encrypted(request));
    }
    let programs = match chain.len() {
        1 => None,
        _ => Some(Programs::find_one("pg_combinebackup", base.server_version_number).await?),
    };
    let parts = parts(&request.into);
    ensure_empty(&request.into).await?;
    if programs.is_some() {
        ensure_empty(&parts).await?;
    }
    let fetched = fetch(request, &chain, programs.as_ref(), &parts).await;
    fs::remove_dir_all(&parts).await.ok();
    match fetched {
        Ok(segments) => Ok(Prepared { base: base.clone(), bases: chain.len(), segments }),
        Err(error) => {
            fs::remove_dir_all(&request.into).await.ok();
            Err(error
                .context(format!("nothing was recovered, and {} was removed again", request.into.display())))
        }
    }
}

/// The folder of the bases until they are merged.
fn parts(into: &Path) -> PathBuf {
    let mut name = into.as_os_str().to_owned();
    name.push(".parts");
    name.into()
}

async fn fetch(
    request: &Request<'_>,
    chain: &[&Base],
    programs: Option<&Programs>,
    parts: &Path,
) -> Result<usize> {
    let Some(last) = chain.last() else { bail!("no base to recover from") };
    let segments = log(request, last).await?;
    if request.identities.is_empty() && segments.iter().any(|segment| segment.encrypted) {
        return Err(encrypted(request));
    }
    let files = chain.iter().map(|base| &base.file).chain(segments.iter().map(|segment| &segment.file));
    request.progress.expect(files.map(|file| file.plain_bytes).sum());
    match programs {
        None => unpack(request, last, &request.into).await?,
        Some(programs) => {
            let mut folders = Vec::with_capacity(chain.len());
            for base in chain {
                let folder = parts.join(base.id.as_str());
                unpack(request, base, &folder).await?;
                folders.push(folder);
            }
            request.progress.say("merging the increments");
            programs.combine(&folders, &request.into).await?;
        }
    }
    clean(&request.into).await.with_context(|| format!("cleaning {}", request.into.display()))?;
    let log = request.into.join("pg_wal");
    for segment in &segments {
        let name = segment.file.name.trim_end_matches(".partial");
        fetch_segment(request, last, segment, &log.join(name)).await?;
        request.progress.add(segment.file.plain_bytes);
    }
    configure(request, timeline_after(last, &segments)).await?;
    Ok(segments.len())
}

/// The segments that lead from the base to the point in time.
async fn log(request: &Request<'_>, base: &Base) -> Result<Vec<StoredSegment>> {
    let stored = wal::segments(request.store, &base.system, &base.first_segment).await?;
    // A time belongs to the server that was running then. Only if its log ends earlier, the time
    // may belong to a server that was recovered later.
    let own = without_later_timelines(&stored, request.to);
    let (mut end, mut reached) = (base.last_segment.clone(), base.finished_at);
    for segments in [own, stored.clone()] {
        let segments = up_to(segments, request.to);
        let leading = without_gap(&segments, &base.last_segment, base.segment_bytes);
        reached = leading.iter().map(|segment| segment.received_at).max().unwrap_or(reached);
        if reached >= request.to {
            return Ok(leading.into_iter().cloned().collect());
        }
        end = leading.last().map_or(end, |segment| segment.file.name.clone());
    }
    let why = match stored.iter().any(|segment| segment.received_at >= request.to) {
        true => "what follows is missing: the log was not archived for a while, or cannot be read",
        false => "nothing later was archived",
    };
    Err(failure(
        format!("recovering to {} from {}", request.to, request.store.location()),
        format!("the log leads from the base {} to {end}, received at {reached}; {why}", base.id),
        "choose an earlier time; for later ones keep `squall-backup wal` running, and make a base after each gap",
    ))
}

/// The timeline that the segments lead to, if it differs from that of the base.
fn timeline_after(base: &Base, segments: &[StoredSegment]) -> Option<u32> {
    let newest = segments.iter().filter_map(|segment| timeline(&segment.file.name)).max()?;
    (timeline(&base.last_segment) != Some(newest)).then_some(newest)
}

fn encrypted(request: &Request<'_>) -> anyhow::Error {
    failure(
        format!("recovering to {} from {}", request.to, request.store.location()),
        "it is encrypted",
        "name the file with the secret key: --identity FILE",
    )
}

async fn ensure_empty(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).await.with_context(|| format!("creating the folder {}", folder.display()))?;
    let mut entries = fs::read_dir(folder).await.with_context(|| format!("reading {}", folder.display()))?;
    if entries.next_entry().await?.is_some() {
        bail!(
            "{} is not empty; name a new folder with --into, so that nothing is overwritten",
            folder.display()
        );
    }
    fs::set_permissions(folder, PermissionsExt::from_mode(0o700))
        .await
        .context("restricting the folder to its owner")
}

/// Unpacks the tar while it is downloaded. The content is reliable only when its end was reached
/// without an error.
async fn unpack(request: &Request<'_>, base: &Base, into: &Path) -> Result<()> {
    let keys = base.encrypted.then_some(request.identities);
    let plain = read_file(request.store, base.tar(), &base.file, keys, Depth::Decoded);
    let into = into.to_owned();
    spawn_blocking(move || {
        let mut source = ChunkReader::new(plain);
        let unpacked = tar::Archive::new(&mut source).unpack(&into);
        // The archive ends before its stream, and only the end of the stream shows that every byte
        // was correct. Read to the end after an error of tar as well: a damaged byte may look to it like a
        // wrong archive. An error of the file system, such as a full disk, is reported at once.
        if unpacked.as_ref().map_or_else(|error| error.kind() == io::ErrorKind::Other, |()| true) {
            io::copy(&mut source, &mut io::sink()).context("reading the base to its end")?;
        }
        unpacked.with_context(|| format!("unpacking the base into {}", into.display()))
    })
    .await
    .context("the thread that unpacks panicked")??;
    request.progress.add(base.file.plain_bytes);
    Ok(())
}

/// Restricts the data folder to its owner again, and removes socket locks of the copied server,
/// which would keep PostgreSQL from starting while that server is running.
async fn clean(data: &Path) -> io::Result<()> {
    fs::set_permissions(data, PermissionsExt::from_mode(0o700)).await?;
    let mut entries = fs::read_dir(data).await?;
    while let Some(entry) = entries.next_entry().await? {
        if entry.file_name().to_string_lossy().starts_with(".s.PGSQL.") {
            fs::remove_file(entry.path()).await?;
        }
    }
    Ok(())
}

/// The log may be archived at the same time: a segment that was not full may have been replaced,
/// and is read again then.
async fn fetch_segment(request: &Request<'_>, base: &Base, segment: &StoredSegment, to: &Path) -> Result<()> {
    let mut segment = segment.clone();
    loop {
        let Err(error) = write(request, &segment, to).await else { return Ok(()) };
        match wal::refreshed(request.store, &base.system, &segment.file.name).await? {
            Some(now) if now.path != segment.path => segment = now,
            _ => return Err(error),
        }
    }
}

async fn write(request: &Request<'_>, segment: &StoredSegment, to: &Path) -> Result<()> {
    let keys = segment.encrypted.then_some(request.identities);
    let mut plain = read_file(request.store, segment.path.clone(), &segment.file, keys, Depth::Decoded);
    let mut file = fs::File::create(to).await.with_context(|| format!("writing {}", to.display()))?;
    while let Some(chunk) = plain.recv().await {
        file.write_all(&chunk?).await.with_context(|| format!("writing {}", to.display()))?;
    }
    file.sync_all().await.with_context(|| format!("writing {}", to.display()))
}

/// Makes PostgreSQL replay up to the point in time, from the segments in its folder.
async fn configure(request: &Request<'_>, timeline: Option<u32>) -> Result<()> {
    let target = request.to.format("%Y-%m-%d %H:%M:%S%.6f+00");
    // By default PostgreSQL would follow the newest timeline, which may be that of a later
    // recovery.
    let timeline = timeline.map_or_else(|| "current".to_owned(), |timeline| timeline.to_string());
    let settings = format!(
        "\n# Point-in-time recovery, written by squall-backup recover.\nrestore_command = 'false'\n\
         recovery_target_time = '{target}'\nrecovery_target_timeline = '{timeline}'\nrecovery_target_action = 'promote'\n"
    );
    let path = request.into.join("postgresql.auto.conf");
    let mut file = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path)
        .await
        .context("opening postgresql.auto.conf")?;
    file.write_all(settings.as_bytes()).await.context("writing postgresql.auto.conf")?;
    file.sync_all().await.context("writing postgresql.auto.conf")?;
    fs::write(request.into.join("recovery.signal"), "").await.context("writing recovery.signal")
}
