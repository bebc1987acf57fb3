//! `backup schedule`: a backup every night, in a container that has no cron.
//!
//! Each round is what infra/systemd/squall-backup.service does: create, drill, prune. What was not made is not drilled; prune runs
//! whatever happened, as it never removes the newest proven backup, and a store that fills up would end all later ones. A round
//! that failed is told on standard error, and the age of the newest proven backup by a metric; the next one is tried all the same.
//! The health check says that the schedule is alive and no more: a stack whose last night went wrong must still start.

use super::NEXT;
use crate::{
    failure::{Exit, Failure},
    files,
    up::stop_signal,
    world::World,
};
use anyhow::{Result, anyhow};
use serde::{Deserialize, Serialize};
use std::{
    env,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// When, in UTC.
    #[arg(long, value_name = "HH:MM", default_value = "02:30", value_parser = TimeOfDay::parse)]
    at: TimeOfDay,
    /// Makes the first backup at once.
    #[arg(long)]
    now: bool,
    /// Says whether a schedule runs here, and ends: the health check of a container.
    #[arg(long)]
    check: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay {
    /// Seconds after midnight, in UTC.
    seconds: u64,
}

const DAY: u64 = 86_400;
/// How often a wait looks whether it should end.
const PAUSE: Duration = Duration::from_millis(500);
const CREATE: &[&str] = &["create"];
/// Where the key of encrypted backups is kept elsewhere, their bytes can be verified, and nothing more.
const DRILL: &[&str] = &["drill", "--or-verify"];
const PRUNE: &[&str] = &["prune"];

impl TimeOfDay {
    fn parse(text: &str) -> Result<Self, String> {
        let parsed = text.split_once(':').and_then(|(hours, minutes)| {
            let (hours, minutes) = (hours.parse::<u64>().ok()?, minutes.parse::<u64>().ok()?);
            (hours < 24 && minutes < 60).then_some(Self { seconds: hours * 3600 + minutes * 60 })
        });
        parsed.ok_or_else(|| format!("{text:?} is no time of day such as 02:30"))
    }

    /// The next moment of this time of day, in seconds since 1970.
    fn next(self, now: u64) -> u64 {
        let today = now - now % DAY + self.seconds;
        if today > now { today } else { today + DAY }
    }
}

/// What the health check reads.
#[derive(Debug, Serialize, Deserialize)]
struct Beat {
    /// Seconds since 1970 when the schedule last looked at its clock.
    alive: u64,
}

pub fn run(world: &World, arguments: &Arguments) -> Result<()> {
    if arguments.check {
        return check();
    }
    let stop = stop_signal()?;
    beat()?;
    if arguments.now {
        round(&stop, &mut |command| one(world, command));
    }
    while !stop.load(Ordering::Relaxed) {
        let next = arguments.at.next(now());
        eprintln!("the next backup is made in {} minutes", (next - now()).div_ceil(60));
        wait_until(next, &stop)?;
        if !stop.load(Ordering::Relaxed) {
            round(&stop, &mut |command| one(world, command));
        }
    }
    Ok(())
}

/// The three commands. What goes wrong is told, and does not keep the rest from being done.
fn round(stop: &AtomicBool, run: &mut dyn FnMut(&[&str]) -> Result<()>) {
    let mut was_made = true;
    for command in [CREATE, DRILL, PRUNE] {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        // The newest backup is then one of another night, which was drilled then.
        if command == DRILL && !was_made {
            continue;
        }
        if let Err(error) = run(command) {
            was_made &= command != CREATE;
            eprint!("{}", Failure::from_error(error, &format!("backup {}", command[0])));
        }
    }
}

/// As a process of its own, so that each has its own log lines and memory.
fn one(world: &World, command: &[&str]) -> Result<()> {
    let mut xtask = Command::new(env::current_exe()?);
    xtask.arg("backup").args(command);
    world.run(xtask, NEXT)
}

fn beat() -> Result<()> {
    files::replace(&place(), &serde_json::to_string(&Beat { alive: now() })?)
}

fn wait_until(moment: u64, stop: &AtomicBool) -> Result<()> {
    let mut told = 0;
    while now() < moment && !stop.load(Ordering::Relaxed) {
        // Once a minute is enough for a check that tolerates five.
        if now() >= told + 60 {
            told = now();
            beat()?;
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// Nobody looks at the clock while a round is under way, and one may take hours.
const LONGEST_ROUND: u64 = 6 * 3600;

fn check() -> Result<()> {
    let tried = "asking whether the schedule runs";
    let next = "read its log: `docker compose logs backup`";
    let beat = files::read_if_there(&place())?.and_then(|text| serde_json::from_str::<Beat>(&text).ok());
    let wrong = match beat {
        None => Some("no schedule runs here"),
        Some(beat) if now().saturating_sub(beat.alive) > LONGEST_ROUND => {
            Some("it has not looked at its clock for hours")
        }
        Some(_) => None,
    };
    match wrong {
        None => Ok(()),
        Some(wrong) => Err(anyhow!(Failure::new(tried, wrong, next).exit(Exit::Failed))),
    }
}

fn place() -> PathBuf {
    env::temp_dir().join("squall-backup-schedule.json")
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_time_is_today_or_tomorrow_and_never_now() {
        let at = TimeOfDay::parse("02:30").unwrap();
        assert_eq!(at.next(10 * DAY), 10 * DAY + 9000);
        assert_eq!(at.next(10 * DAY + 9000), 11 * DAY + 9000);
        assert_eq!(at.next(10 * DAY + 9001), 11 * DAY + 9000);
    }

    #[test]
    fn a_round_prunes_whatever_happened_and_drills_what_was_made() {
        for (fails, runs) in [
            (&[][..], "create drill prune"),
            (&["drill"], "create drill prune"),
            (&["create"], "create prune"),
            (&["drill", "prune"], "create drill prune"),
        ] {
            let mut ran = Vec::new();
            round(&AtomicBool::new(false), &mut |command| {
                ran.push(command[0].to_owned());
                match fails.contains(&command[0]) {
                    true => Err(Failure::new("trying", "no", "try again").into()),
                    false => Ok(()),
                }
            });
            assert_eq!(ran.join(" "), runs, "{fails:?}");
        }
    }

    #[test]
    fn a_round_is_what_the_service_of_systemd_does() {
        let path =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/systemd/squall-backup.service");
        let unit = std::fs::read_to_string(path).unwrap();
        let commands = unit.lines().filter(|line| line.starts_with("Exec"));
        let wanted = [("ExecStart", CREATE), ("ExecStart", DRILL), ("ExecStopPost", PRUNE)];
        let wanted =
            wanted.map(|(when, words)| format!("{when}=/usr/local/bin/squall-backup {}", words.join(" ")));
        assert_eq!(commands.collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn what_is_no_time_of_day_is_refused() {
        for text in ["24:00", "02:60", "2", "", "02:30:00", "-1:00"] {
            assert!(TimeOfDay::parse(text).is_err(), "{text}");
        }
    }
}
