//! Random damage to a backup in a folder: each is applied, looked for, and reverted.

use anyhow::{Context, Result};
use squall_backup::{keys::Identities, list::choose, progress::Progress, store::Store, verify::verify};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// How many of `count` flips and truncations `verify` detects.
pub async fn found(place: &Path, damages: usize) -> Result<usize> {
    let store = Store::open(&place.to_string_lossy())?;
    let manifest = choose(&store, "latest").await?;
    let folder = place.join(manifest.id.as_str());
    let files: Vec<PathBuf> = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    let mut random = 0x5eed_5eed_5eed_5eed_u64;
    let mut below = |limit: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % limit.max(1) as u64).unwrap_or_default()
    };
    let mut found = 0;
    for number in 0..damages {
        let file = &files[below(files.len())];
        let whole = fs::read(file)?;
        let mut damaged = whole.clone();
        let at = below(whole.len());
        if number % 2 == 0 {
            damaged[at] ^= 1 << below(8);
        } else {
            damaged.truncate(at);
        }
        fs::write(file, damaged)?;
        found += usize::from(
            verify(&store, &manifest.id, &Identities::default(), &Progress::hidden()).await.is_err(),
        );
        fs::write(file, whole)?;
    }
    verify(&store, &manifest.id, &Identities::default(), &Progress::hidden())
        .await
        .context("the restored backup is not valid")?;
    Ok(found)
}
