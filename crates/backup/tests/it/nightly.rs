//! The nightly commands, with and without the key of encrypted backups: the last proven backup is
//! never removed.

use crate::support::{Quiet, World};
use squall_backup::{
    drill::drill,
    keys::{self, Identities},
    list::{choose, list},
    proof,
    prune::{Policy, prune},
};

#[tokio::test]
async fn a_drill_without_the_key_verifies_and_reports_that_nothing_is_proven() {
    let world = World::filled().await;
    let key = world.folder.path().join("backup.key");
    let public = keys::generate(&key).unwrap();
    let run = async |arguments: &[&str], identity: &str| {
        let mut command = world.command(arguments);
        let run = command.env("SQUALL_BACKUP_IDENTITY", identity).output().await.unwrap();
        let text = String::from_utf8(run.stdout).unwrap() + &String::from_utf8(run.stderr).unwrap();
        (run.status.success(), text)
    };
    // Compose passes an unset key on as an empty variable.
    let (made, output) = run(&["create", "--recipient", &public], "").await;
    assert!(made, "{output}");
    let (refused, output) = run(&["drill"], "").await;
    assert!(!refused && output.contains("--identity FILE"), "{output}");
    let (verified, output) = run(&["drill", "--or-verify"], "").await;
    assert!(verified && output.contains("every byte as written, not decoded"), "{output}");
    assert!(
        output.contains("NOT PROVEN") && proof::proven(&world.store).await.unwrap().is_empty(),
        "{output}"
    );

    let (drilled, output) = run(&["drill", "--or-verify"], key.to_str().unwrap()).await;
    assert!(drilled && output.contains("Proven: this backup restores."), "{output}");
    assert_eq!(proof::proven(&world.store).await.unwrap().len(), 1);
    let id = proof::proven(&world.store).await.unwrap().pop_first().unwrap();
    let (manifest, folder) =
        (choose(&world.store, id.as_str()).await.unwrap(), world.folder.path().join("backups"));
    let file = folder.join(id.file(&manifest.files[0].name));
    let whole = std::fs::read(&file).unwrap();
    let damaged = whole.iter().map(|byte| byte ^ 1).collect::<Vec<_>>();
    std::fs::write(&file, damaged).unwrap();
    let (verified, output) = run(&["drill", "--or-verify"], "").await;
    assert!(!verified && output.contains("hash"), "{output}");
}

#[tokio::test]
async fn prune_keeps_the_newest_proven_backup_and_newer_unproven_ones() {
    let world = World::filled().await;
    let mut made = [world.create().await.unwrap(), world.create().await.unwrap()];
    // Two of one second have no order but that of their names.
    made.sort_by(|one, other| one.id.cmp(&other.id));
    let [older, newer] = made;
    let (identities, quiet) = (Identities::default(), Quiet::default());
    let drilled = drill(&world.request(&world.store, &identities, &quiet), &older).await.unwrap();
    proof::store(&world.store, &drilled).await.unwrap();
    let policy = Policy { daily: 0, weekly: 0, monthly: 0 };
    let rehearsed = prune(&world.store, policy, true, chrono::Utc::now()).await.unwrap();
    assert!(rehearsed.iter().all(|decision| decision.keep), "{rehearsed:?}");

    // Once the newer one is proven too, the older one goes, and its proof with it.
    let drilled = drill(&world.request(&world.store, &identities, &quiet), &newer).await.unwrap();
    proof::store(&world.store, &drilled).await.unwrap();
    prune(&world.store, policy, false, chrono::Utc::now()).await.unwrap();
    let left: Vec<_> = list(&world.store).await.unwrap().0.into_iter().map(|(id, _)| id).collect();
    assert_eq!(left, std::slice::from_ref(&newer.id));
    assert_eq!(proof::proven(&world.store).await.unwrap().into_iter().collect::<Vec<_>>(), [newer.id]);
}
