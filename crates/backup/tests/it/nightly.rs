//! What runs every night, with and without the key of encrypted backups: nothing is removed that was the last proof.

use squall_backup::{
    drill::drill,
    keys::{self, Identities},
    list::{choose, list},
    proof,
    prune::{Policy, prune},
};
use crate::support::{Quiet, World};

#[tokio::test]
async fn a_nightly_drill_without_the_key_verifies_and_says_that_nothing_is_proven() {
    let world = World::filled().await;
    let key = world.folder.path().join("backup.key");
    let public = keys::generate(&key).unwrap();
    let run = async |arguments: &[&str], identity: &str| {
        let mut command = world.command(arguments);
        let output = command.env("SQUALL_BACKUP_IDENTITY", identity).output().await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.success(), said)
    };
    // An empty variable is what Compose hands on when nobody names a key.
    let (made, said) = run(&["create", "--recipient", &public], "").await;
    assert!(made, "{said}");
    let (refused, said) = run(&["drill"], "").await;
    assert!(!refused && said.contains("--identity FILE"), "{said}");
    let (verified, said) = run(&["drill", "--or-verify"], "").await;
    assert!(verified && said.contains("every byte as written, not unpacked"), "{said}");
    assert!(said.contains("NOT PROVEN") && proof::proven(&world.store).await.unwrap().is_empty(), "{said}");

    let (drilled, said) = run(&["drill", "--or-verify"], key.to_str().unwrap()).await;
    assert!(drilled && said.contains("Proven: this backup restores."), "{said}");
    assert_eq!(proof::proven(&world.store).await.unwrap().len(), 1);
    let id = proof::proven(&world.store).await.unwrap().pop_first().unwrap();
    let (manifest, folder) =
        (choose(&world.store, id.as_str()).await.unwrap(), world.folder.path().join("backups"));
    let file = folder.join(id.file(&manifest.files[0].name));
    let whole = std::fs::read(&file).unwrap();
    let damaged = whole.iter().map(|byte| byte ^ 1).collect::<Vec<_>>();
    std::fs::write(&file, damaged).unwrap();
    let (verified, said) = run(&["drill", "--or-verify"], "").await;
    assert!(!verified && said.contains("hash"), "{said}");
}

#[tokio::test]
async fn prune_keeps_the_newest_proven_backup_beside_newer_ones_that_nobody_proved() {
    let world = World::filled().await;
    let mut made = [world.create().await.unwrap(), world.create().await.unwrap()];
    // Two of one second have no order but that of their names.
    made.sort_by(|one, other| one.id.cmp(&other.id));
    let [older, newer] = made;
    let (identities, quiet) = (Identities::default(), Quiet::default());
    let drilled = drill(&world.request(&world.store, &identities, &quiet), &older).await.unwrap();
    proof::keep(&world.store, &drilled).await.unwrap();
    let policy = Policy { daily: 0, weekly: 0, monthly: 0 };
    let rehearsed = prune(&world.store, policy, true, chrono::Utc::now()).await.unwrap();
    assert!(rehearsed.iter().all(|decision| decision.keep), "{rehearsed:?}");

    // Once the newer one is proven too, the older one goes, and its proof with it.
    let drilled = drill(&world.request(&world.store, &identities, &quiet), &newer).await.unwrap();
    proof::keep(&world.store, &drilled).await.unwrap();
    prune(&world.store, policy, false, chrono::Utc::now()).await.unwrap();
    let left: Vec<_> = list(&world.store).await.unwrap().0.into_iter().map(|(id, _)| id).collect();
    assert_eq!(left, std::slice::from_ref(&newer.id));
    assert_eq!(proof::proven(&world.store).await.unwrap().into_iter().collect::<Vec<_>>(), [newer.id]);
}
