//! Every change to the bytes of a backup is detected and never reaches a database.

use crate::support::World;
use age::{secrecy::ExposeSecret, x25519};
use squall_backup::{
    keys::{Identities, Recipients},
    list::choose,
    manifest::{FileEntry, FileKind, MANIFEST, Manifest, SEAL},
    progress::Progress,
    restore::Target,
    verify::{Verified, verify},
};
use std::fs;

async fn check(world: &World, manifest: &Manifest) -> anyhow::Result<Verified> {
    verify(&world.store, &manifest.id, &Identities::default(), &Progress::hidden()).await
}

/// Small and repeatable: the same damage in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

#[tokio::test]
async fn every_flipped_bit_and_every_cut_is_found() {
    let world = World::filled().await;
    let manifest = world.create().await.unwrap();
    check(&world, &manifest).await.unwrap();
    let names: Vec<_> =
        manifest.files.iter().map(|file| file.name.as_str()).chain([MANIFEST, SEAL]).collect();
    let rounds: usize =
        std::env::var("SQUALL_BACKUP_DAMAGES").map_or(2_000, |rounds| rounds.parse().unwrap());
    let mut dice = Dice(0x5eed_5eed_5eed_5eed);
    for round in 0..rounds {
        let name = names[dice.below(names.len())];
        let path = world.path(&manifest.id, name);
        let whole = fs::read(&path).unwrap();
        let at = dice.below(whole.len());
        let (damaged, what) = if round % 2 == 0 {
            let mut damaged = whole.clone();
            let bit = dice.below(8);
            damaged[at] ^= 1 << bit;
            (damaged, format!("bit {bit} of byte {at} of {name} flipped"))
        } else {
            (whole[..at].to_vec(), format!("{name} cut to {at} of {} bytes", whole.len()))
        };
        fs::write(&path, damaged).unwrap();
        assert!(check(&world, &manifest).await.is_err(), "{what}: not detected");
        fs::write(&path, whole).unwrap();
    }
    check(&world, &manifest).await.unwrap();
}

#[tokio::test]
async fn a_missing_a_surplus_and_a_swapped_file_are_found() {
    let world = World::filled().await;
    let one = world.create().await.unwrap();
    world.execute("select nextval('counter')").await;
    let other = world.create().await.unwrap();
    let path = world.path(&one.id, "data.dump.zst");
    let whole = fs::read(&path).unwrap();

    fs::remove_file(&path).unwrap();
    assert!(format!("{:#}", check(&world, &one).await.unwrap_err()).contains("is missing"));
    fs::copy(world.path(&other.id, "data.dump.zst"), &path).unwrap();
    check(&world, &one).await.unwrap_err();
    fs::copy(world.path(&one.id, "schema.dump.zst"), &path).unwrap();
    check(&world, &one).await.unwrap_err();
    fs::write(&path, whole).unwrap();

    let surplus = world.path(&one.id, "more.txt");
    fs::write(&surplus, "who was here?").unwrap();
    assert!(format!("{:#}", check(&world, &one).await.unwrap_err()).contains("does not belong to it"));
    fs::remove_file(&surplus).unwrap();
    check(&world, &one).await.unwrap();

    for name in [MANIFEST, SEAL] {
        fs::copy(world.path(&other.id, name), world.path(&one.id, name)).unwrap();
    }
    let error = format!("{:#}", check(&world, &one).await.unwrap_err());
    assert!(error.contains(&format!("belongs to the backup {}", other.id)), "{error}");
}

#[tokio::test]
async fn a_failing_restore_leaves_no_database_and_changes_none() {
    let world = World::filled().await;
    let manifest = world.create().await.unwrap();
    for file in &manifest.files {
        let path = world.path(&manifest.id, &file.name);
        let whole = fs::read(&path).unwrap();
        let mut damaged = whole.clone();
        *damaged.last_mut().unwrap() ^= 1;
        fs::write(&path, damaged).unwrap();
        for target in [Target::Into(world.other("restored")), Target::Replace] {
            let error = format!("{:#}", world.restore(&manifest, &target).await.unwrap_err());
            assert!(error.contains("the hash differs"), "{}: {error}", file.name);
            assert!(error.contains("nothing was restored"), "{}: {error}", file.name);
            assert_eq!(world.databases().await, [world.server.database()], "{}", file.name);
        }
        fs::write(&path, whole).unwrap();
    }
    world.restore(&manifest, &Target::Replace).await.unwrap();
}

#[tokio::test]
async fn a_manifest_that_promises_other_rows_fails_the_restore() {
    let world = World::filled().await;
    let mut manifest = world.create().await.unwrap();
    manifest.tables.iter_mut().find(|table| table.name == "plain").unwrap().rows += 1;
    manifest.seal(&world.store).await.unwrap();
    let error = world.restore(&manifest, &Target::Into(world.other("restored"))).await.unwrap_err();
    assert!(format!("{error:#}").contains("public.plain has 2000 rows instead of 2001"), "{error:#}");
    assert_eq!(world.databases().await.len(), 1);
}

#[tokio::test]
async fn a_manifest_of_a_newer_version_is_refused_with_that_version() {
    let world = World::empty().await;
    let mut manifest = world.create().await.unwrap();
    (manifest.format, manifest.tool_version) = (3, "9.1.0".to_owned());
    manifest.seal(&world.store).await.unwrap();
    let error = choose(&world.store, manifest.id.as_str()).await.unwrap_err();
    assert!(
        format!("{error:#}").contains("newer Squall")
            && format!("{error:#}").contains("use version 9.1.0 or newer"),
        "{error:#}"
    );
    assert!(world.sealed().await.is_empty());
}

#[tokio::test]
async fn a_backup_of_the_first_format_with_its_two_schema_files_is_restored() {
    let world = World::filled().await;
    let mut manifest = world.create().await.unwrap();
    let at = manifest.files.iter().position(|file| file.kind == FileKind::Schema).unwrap();
    let both = manifest.files.remove(at);
    for (name, kind) in [("pre-data.dump.zst", FileKind::PreData), ("post-data.dump.zst", FileKind::PostData)]
    {
        fs::copy(world.path(&manifest.id, &both.name), world.path(&manifest.id, name)).unwrap();
        manifest.files.push(FileEntry { name: name.to_owned(), kind, ..both.clone() });
    }
    fs::remove_file(world.path(&manifest.id, &both.name)).unwrap();
    manifest.format = 1;
    manifest.seal(&world.store).await.unwrap();
    check(&world, &manifest).await.unwrap();
    world.restore(&manifest, &Target::Into(world.other("restored"))).await.unwrap();
}

#[tokio::test]
async fn an_encrypted_backup_opens_with_its_key_and_no_other() {
    let world = World::filled().await;
    let (mine, other) = (x25519::Identity::generate(), x25519::Identity::generate());
    let keys = |identity: &x25519::Identity| Identities::parse(identity.to_string().expose_secret()).unwrap();
    let recipients = Recipients::parse(&[mine.to_public().to_string()], None).unwrap();
    let manifest = world.create_in(&world.store, &recipients).await.unwrap();
    assert_eq!(manifest.encryption.as_ref().unwrap().recipients, [mine.to_public().to_string()]);
    let progress = Progress::hidden();

    let without = verify(&world.store, &manifest.id, &Identities::default(), &progress).await.unwrap();
    assert!(!without.decoded);
    assert!(verify(&world.store, &manifest.id, &keys(&mine), &progress).await.unwrap().decoded);
    let wrong = verify(&world.store, &manifest.id, &keys(&other), &progress).await.unwrap_err();
    assert!(format!("{wrong:#}").contains("wrong key"), "{wrong:#}");

    let target = Target::Into(world.other("restored"));
    let missing = world.restore(&manifest, &target).await.unwrap_err();
    assert!(format!("{missing:#}").contains("--identity FILE"), "{missing:#}");
    let wrong = world.restore_from(&world.store, &manifest, &target, &keys(&other)).await.unwrap_err();
    assert!(format!("{wrong:#}").contains("wrong key"), "{wrong:#}");
    assert_eq!(world.databases().await.len(), 1);
    world.restore_from(&world.store, &manifest, &target, &keys(&mine)).await.unwrap();

    let readable = fs::read(world.path(&manifest.id, "data.dump.zst")).unwrap();
    assert!(readable.starts_with(b"age-encryption.org/v1"));
}

#[test]
fn an_invalid_key_is_refused_and_a_secret_one_is_not_repeated() {
    let secret = x25519::Identity::generate().to_string().expose_secret().to_owned();
    let error = format!("{:#}", Recipients::parse(std::slice::from_ref(&secret), None).unwrap_err());
    assert!(!error.contains(&secret) && error.contains("starts with age1"), "{error}");
    assert!(Recipients::parse(&["age1nonsense".to_owned()], None).is_err());
    assert!(Identities::parse("# nothing here\n").is_err());
}
