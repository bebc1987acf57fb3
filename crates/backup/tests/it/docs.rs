//! Runs every command of docs/guide/backup-and-restore.md in its order, as a new user would.

use crate::support::World;
use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_page_works_in_its_order() {
    let world = World::filled().await;
    // Names from the page are made unique, because tests share a server.
    let restored = format!("squall_restored_{}", std::process::id());
    let mut follower = None;
    let mut moment = String::new();
    for command in commands() {
        let words: Vec<String> = words(&command)
            .into_iter()
            .map(|word| match word.as_str() {
                "squall_restored" => restored.clone(),
                "2026-11-20 12:34" => moment.clone(),
                _ => word,
            })
            .collect();
        let (program, words) = words.split_first().unwrap();
        assert_eq!(program, "squall-backup", "the page has another command: {command}");
        match words.split_last() {
            Some((last, words)) if last == "&" => {
                follower = Some(Follower(start(&world, words).spawn().unwrap()))
            }
            _ => loop {
                let output = start(&world, words).output().unwrap();
                let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
                // The log is archived a little later than it is written.
                if !stderr.contains("nothing later was archived") {
                    assert!(output.status.success(), "{command}: {stderr}");
                    break;
                }
            },
        }
        if command == "squall-backup base" {
            moment = chrono::Utc::now().format("%Y-%m-%d %H:%M:%S%.6f").to_string();
        }
    }
    assert!(follower.is_some(), "the page archives the write-ahead log");
    assert!(world.folder.path().join("recovered/recovery.signal").exists());
    drop(follower);
    let drop_slot = "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = 'squall_backup' and not active";
    world.execute(drop_slot).await;
    let mut aside = world.server.connect_maintenance().await.unwrap();
    squall_backup::postgres::execute(&mut aside, &format!("drop database {restored}")).await.unwrap();
}

fn start(world: &World, words: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_squall-backup"));
    command.args(words).current_dir(world.folder.path()).stdin(Stdio::null());
    command.env("DATABASE_URL", &world.url).env("SQUALL_BACKUP_TO", world.folder.path().join("backups"));
    command
}

/// The lines of the shell blocks of the page.
fn commands() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/backup-and-restore.md");
    let text = std::fs::read_to_string(page).unwrap();
    let blocks = text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned());
    let commands: Vec<String> =
        blocks.flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    assert!(commands.len() > 12, "the page lost its commands");
    commands
}

/// Splits like a shell, with single quotes.
fn words(command: &str) -> Vec<String> {
    let pieces = command.split('\'').enumerate();
    pieces
        .flat_map(|(number, piece)| match number % 2 {
            1 => vec![piece.to_owned()],
            _ => piece.split_whitespace().map(str::to_owned).collect(),
        })
        .collect()
}

/// The command that runs until it is stopped.
struct Follower(Child);

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}
