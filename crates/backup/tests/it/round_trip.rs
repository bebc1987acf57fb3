//! A restored database equals the original.

use crate::support::{Quiet, World, content};
use squall_backup::{
    drill::drill,
    keys::Identities,
    list::{choose, list},
    manifest::{CopyFormat, FileKind},
    postgres::{self, Server},
    progress::Progress,
    record::{Recorded, record},
    restore::Target,
    stream::Stop,
    verify::verify,
};
use std::{os::unix::fs::PermissionsExt, path::Path};

#[tokio::test]
async fn odd_names_and_odd_values_come_back_as_they_were() {
    let world = World::filled().await;
    let manifest = world.create().await.unwrap();
    let formats: Vec<_> = manifest
        .files
        .iter()
        .filter_map(|file| match &file.kind {
            FileKind::Table { table, format, .. } => Some((table.as_str(), *format)),
            _ => None,
        })
        .collect();
    assert!(formats.contains(&("Ta.ble *?", CopyFormat::Text)), "{formats:?}");
    assert!(formats.contains(&("plain", CopyFormat::Binary)), "{formats:?}");
    assert_eq!(manifest.database.schema_version, Some(41));

    let name = world.other("restored");
    let restored = world.restore(&manifest, &Target::Into(name.clone())).await.unwrap();
    assert_eq!(restored.rows, manifest.rows());
    let other = world.server.with_database(&name);
    assert_eq!(content(&world.server, &manifest).await, content(&other, &manifest).await);

    let mut connection = other.connect().await.unwrap();
    let path: String = postgres::value(&mut connection, "show search_path").await.unwrap();
    assert_eq!(path, r#"public, "Odd ""Schema""""#);
    let large: Vec<u8> =
        postgres::value(&mut connection, "select lo_get(oid) from pg_largeobject_metadata").await.unwrap();
    assert_eq!(large, b"a large object");
    let seen: i64 = postgres::value(&mut connection, "select count from counted").await.unwrap();
    assert_eq!(seen, 2000);
    let unvalidated: i64 =
        postgres::value(&mut connection, "select count(*) from pg_constraint where not convalidated")
            .await
            .unwrap();
    assert_eq!(unvalidated, 1);
}

#[tokio::test]
async fn a_backup_made_while_rows_come_in_is_of_one_moment() {
    let world = World::empty().await;
    world.execute("create table one (id serial, note text); create table two (id serial, note text)").await;
    let both = "with a as (insert into one (note) select repeat('x', 500) from generate_series(1, 50)) \
                insert into two (note) select repeat('y', 500) from generate_series(1, 50)";
    world.execute(both).await;
    let stop = Stop::default();
    let writing = async {
        let mut connection = world.connect().await;
        while !stop.is_requested() {
            postgres::execute(&mut connection, both).await.unwrap();
        }
    };
    let making = async {
        let manifest = world.create().await;
        stop.request();
        manifest.unwrap()
    };
    let ((), manifest) = tokio::join!(writing, making);
    assert_eq!(manifest.tables[0].rows, manifest.tables[1].rows);
    world.restore(&manifest, &Target::Into(world.other("restored"))).await.unwrap();
}

#[tokio::test]
async fn an_empty_database_can_be_backed_up_too() {
    let world = World::empty().await;
    let manifest = world.create().await.unwrap();
    verify(&world.store, &manifest.id, &Identities::default(), &Progress::hidden()).await.unwrap();
    assert_eq!(world.restore(&manifest, &Target::Into(world.other("restored"))).await.unwrap().rows, 0);
}

#[tokio::test]
async fn files_of_a_folder_are_for_their_owner_only() {
    let world = World::filled().await;
    let manifest = world.create().await.unwrap();
    for entry in world.files().await {
        let path = Path::new(&world.store.location()).join(&entry.path);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", entry.path);
        assert_eq!(path.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
    assert_eq!(choose(&world.store, "latest").await.unwrap().id, manifest.id);
    let listing = list(&world.store).await.unwrap();
    assert!(listing.table(&world.store.location()).contains(manifest.id.as_str()));
    assert!(serde_json::to_string(&listing.json()).unwrap().contains("\"sealed\""));
}

#[tokio::test]
async fn a_drill_proves_a_backup_and_is_recorded() {
    let world = World::filled().await;
    let manifest = world.create().await.unwrap();
    let (identities, quiet) = (Identities::default(), Quiet::default());
    let drilled = drill(&world.request(&world.store, &identities, &quiet), &manifest).await.unwrap();
    assert!(drilled.ok, "{}", drilled.table());
    assert_eq!(drilled.rows, manifest.rows());
    assert_eq!(record(&world.server, &drilled).await.unwrap(), Recorded::NoTable);
    world.execute(
        "create table backup_drills (id bigint generated always as identity primary key, backup_id text, location text, \
         made_at timestamptz, proven_at timestamptz, ok boolean, duration_ms bigint, bytes bigint, rows bigint, \
         details jsonb)",
    ).await;
    assert_eq!(record(&world.server, &drilled).await.unwrap(), Recorded::Written);
    let rows: i64 =
        postgres::value(&mut world.connect().await, "select rows from backup_drills where ok").await.unwrap();
    assert_eq!(rows, manifest.rows());
}

#[tokio::test]
async fn each_command_reports_what_it_did() {
    let world = World::filled().await;
    for (arguments, word) in [
        (vec!["list"], "No backups in"),
        (vec!["create", "--split-above", "0"], "not encrypted"),
        (vec!["list"], "sealed"),
        (vec!["list", "--json"], "\"blake3\""),
        (vec!["verify"], "every byte as written, decoded"),
        (vec!["verify", "--all"], "1 of 1 backups are intact"),
        (vec!["drill"], "Proven: this backup restores."),
        (vec!["drill", "--json"], "\"ok\": true"),
        (vec!["prune"], "Removed 0 of 1"),
        (vec!["restore", "--replace"], "When you no longer need it, drop it: drop database"),
    ] {
        let output = world.command(&arguments).output().await.unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(stdout.contains(word), "{arguments:?}: {stdout}");
    }
}

#[tokio::test]
async fn a_server_on_this_machine_is_reached_through_its_socket() {
    let world = World::empty().await;
    let near = world.server.clone().prefer_socket().await;
    let began = async |server: &Server| {
        let mut connection = server.connect().await.unwrap();
        postgres::value::<String>(&mut connection, "select pg_postmaster_start_time() || current_database()")
            .await
            .unwrap()
    };
    assert_eq!(began(&near).await, began(&world.server).await);
    let mut connection = world.server.connect().await.unwrap();
    let place =
        "select current_setting('unix_socket_directories') || '/.s.PGSQL.' || current_setting('port')";
    let socket: String = postgres::value(&mut connection, place).await.unwrap();
    let has_socket = Path::new(&socket).exists();
    assert_eq!(near.location().contains(" in /"), has_socket, "{near:?} with {socket}");
    // A server whose data are on this machine, such as that of xtask, has one unless its path
    // would be too long. Without this, the test would pass on a server that lost its socket.
    let data: String =
        postgres::value(&mut connection, "select current_setting('data_directory')").await.unwrap();
    let beside = Path::new(&data).with_file_name(".s.PGSQL.65535");
    let is_expected = Path::new(&data).exists() && beside.as_os_str().len() <= 103;
    assert!(has_socket || !is_expected, "no socket of the server in {data}");
}
