//! `schedule`: a backup every day, for containers, which have no cron.
//!
//! A round runs what infra/systemd/squall-backup.service runs: create, drill, prune. A round that
//! fails is reported on standard error and by the age of the newest proven backup; the next one is
//! tried all the same. The health check only tests whether the schedule is running: a stack whose
//! last night went wrong must still start.

use crate::{
    failure::{failure, inline},
    stream::Stop,
};
use anyhow::{Context, Result};
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::{Duration, SystemTime},
};
use tokio::process::{Child, Command};

/// One command of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Make the backup.
    Create,
    /// Prove it.
    Drill,
    /// Remove backups that no rule keeps.
    Prune,
}

impl Job {
    /// The arguments of `squall-backup`.
    pub fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Create => &["create"],
            // Without the key an encrypted backup can be verified, and no more.
            Self::Drill => &["drill", "--or-verify"],
            Self::Prune => &["prune"],
        }
    }
}

/// The time; tests pass their own.
pub trait Clock {
    /// The current moment.
    fn now(&self) -> DateTime<Utc>;
    /// Waits.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()>;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// When to run rounds.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// The time of day, in UTC.
    pub at: NaiveTime,
    /// Whether the first round starts immediately.
    pub now: bool,
}

/// How long to sleep before looking at the clock again: it jumps when a machine was suspended.
const STEP: Duration = Duration::from_secs(10);

impl Schedule {
    /// Runs rounds until a stop is requested.
    pub async fn run(self, clock: &impl Clock, stop: &Stop, mut run_job: impl AsyncFnMut(Job) -> Result<()>) {
        if self.now {
            round(stop, &mut run_job).await;
        }
        while !stop.is_requested() {
            let next = next_run(self.at, clock.now());
            eprintln!("Next backup: {}.", next.format("%Y-%m-%d %H:%M UTC"));
            while clock.now() < next {
                let slept = stop.or(async {
                    clock.sleep(STEP).await;
                    Ok(())
                });
                if slept.await.is_err() {
                    return;
                }
            }
            round(stop, &mut run_job).await;
        }
    }
}

fn next_run(at: NaiveTime, now: DateTime<Utc>) -> DateTime<Utc> {
    let today = now.date_naive().and_time(at).and_utc();
    if today > now { today } else { today + TimeDelta::days(1) }
}

/// Prune runs even after a failure: it never removes the newest proven backup, and a full store
/// would fail all later backups.
async fn round(stop: &Stop, run_job: &mut impl AsyncFnMut(Job) -> Result<()>) {
    let mut created = true;
    for job in [Job::Create, Job::Drill, Job::Prune] {
        if stop.is_requested() {
            return;
        }
        // The newest backup is then the one of another night, which was drilled then.
        if job == Job::Drill && !created {
            continue;
        }
        if let Err(error) = run_job(job).await {
            created &= job != Job::Create;
            eprintln!("{}", inline(&error));
        }
    }
}

/// Runs a job as a process of its own: a crash or a leak in one must not end the schedule.
///
/// # Errors
/// When it cannot be started or fails.
pub async fn run_as_process(job: Job, stop: &Stop) -> Result<()> {
    let program = env::current_exe().context("finding the path of squall-backup")?;
    let mut command = Command::new(program);
    // In a group of its own, Ctrl-C reaches the job once, through us: a second signal would end it
    // at once.
    let mut child = command.args(job.arguments()).process_group(0).spawn().context("starting the job")?;
    let status = wait(&mut child, stop).await.context("waiting for the job")?;
    if status.success() {
        return Ok(());
    }
    let tried = format!("running squall-backup {}", job.arguments().join(" "));
    Err(failure(tried, format!("it ended with {status}"), "read its messages above"))
}

async fn wait(child: &mut Child, stop: &Stop) -> Result<ExitStatus> {
    tokio::select! {
        status = child.wait() => return Ok(status?),
        () = stop.requested() => {}
    }
    if let Some(pid) = child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())) {
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
    }
    Ok(child.wait().await?)
}

/// Without a heartbeat for this long, the schedule is not running.
const STALE_AFTER: Duration = Duration::from_secs(5 * 60);

/// The file whose modification time shows that the schedule is running.
#[derive(Debug, Clone)]
pub struct Heartbeat(PathBuf);

impl Default for Heartbeat {
    fn default() -> Self {
        Self(env::temp_dir().join("squall-backup-schedule"))
    }
}

impl Heartbeat {
    /// A heartbeat in this file.
    pub fn at(file: &Path) -> Self {
        Self(file.to_owned())
    }

    /// Writes the heartbeat for as long as it is polled.
    ///
    /// # Errors
    /// When the first beat cannot be written. The health check notices later ones.
    pub async fn keep(&self) -> Result<()> {
        self.beat().with_context(|| format!("writing {}, which the health check reads", self.0.display()))?;
        loop {
            tokio::time::sleep(STEP).await;
            let _ = self.beat();
        }
    }

    fn beat(&self) -> std::io::Result<()> {
        fs::write(&self.0, format!("{}\n", std::process::id()))
    }

    /// Checks that a schedule is running on this machine.
    ///
    /// # Errors
    /// When none is.
    pub fn check(&self, now: SystemTime) -> Result<()> {
        let beaten_at = fs::metadata(&self.0).and_then(|file| file.modified()).ok();
        let wrong = match beaten_at.map(|at| now.duration_since(at).unwrap_or_default()) {
            Some(age) if age < STALE_AFTER => return Ok(()),
            Some(age) => format!("its last heartbeat is {} minutes old", age.as_secs() / 60),
            None => "no schedule is running here".to_owned(),
        };
        Err(failure("checking the backup schedule", wrong, "read its log: `docker compose logs backup`"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};

    fn moment(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    /// Sleeping moves it.
    struct FakeClock(Cell<DateTime<Utc>>);

    impl Clock for FakeClock {
        fn now(&self) -> DateTime<Utc> {
            self.0.get()
        }

        async fn sleep(&self, duration: Duration) {
            self.0.set(self.0.get() + duration);
        }
    }

    #[test]
    fn the_next_run_is_today_or_tomorrow_and_never_now() {
        let at = NaiveTime::from_hms_opt(2, 30, 0).unwrap();
        for (now, next) in [
            ("2026-11-28T00:00:00Z", "2026-11-28T02:30:00Z"),
            ("2026-11-28T02:30:00Z", "2026-11-29T02:30:00Z"),
            ("2026-11-28T02:30:01Z", "2026-11-29T02:30:00Z"),
            ("2026-12-31T23:59:59Z", "2027-01-01T02:30:00Z"),
        ] {
            assert_eq!(next_run(at, moment(now)), moment(next), "{now}");
        }
    }

    #[tokio::test]
    async fn rounds_run_at_the_time_of_day_until_the_schedule_is_stopped() {
        for (now, expected) in [
            (false, ["2026-11-29T02:30:00Z", "2026-11-30T02:30:00Z"]),
            (true, ["2026-11-28T12:00:00Z", "2026-11-29T02:30:00Z"]),
        ] {
            let clock = FakeClock(Cell::new(moment("2026-11-28T12:00:00Z")));
            let (stop, created_at) = (Stop::default(), RefCell::new(Vec::new()));
            let schedule = Schedule { at: NaiveTime::from_hms_opt(2, 30, 0).unwrap(), now };
            let run_job = async |job| {
                match job {
                    Job::Create => created_at.borrow_mut().push(clock.now()),
                    Job::Prune if created_at.borrow().len() == 2 => stop.request(),
                    _ => {}
                }
                Ok(())
            };
            schedule.run(&clock, &stop, run_job).await;
            assert_eq!(*created_at.borrow(), expected.map(moment));
        }
    }

    #[tokio::test]
    async fn a_round_drills_what_was_created_and_prunes_in_any_case() {
        use Job::{Create, Drill, Prune};
        for (failing, expected) in [
            (&[][..], &[Create, Drill, Prune][..]),
            (&[Drill], &[Create, Drill, Prune]),
            (&[Create], &[Create, Prune]),
            (&[Drill, Prune], &[Create, Drill, Prune]),
        ] {
            let ran = RefCell::new(Vec::new());
            let mut run_job = async |job| {
                ran.borrow_mut().push(job);
                anyhow::ensure!(!failing.contains(&job), "no");
                Ok(())
            };
            round(&Stop::default(), &mut run_job).await;
            assert_eq!(*ran.borrow(), expected, "{failing:?}");
        }
    }

    #[tokio::test]
    async fn a_stop_leaves_out_the_rest_of_a_round() {
        let (stop, ran) = (Stop::default(), RefCell::new(Vec::new()));
        let mut run_job = async |job| {
            ran.borrow_mut().push(job);
            stop.request();
            Ok(())
        };
        round(&stop, &mut run_job).await;
        assert_eq!(*ran.borrow(), [Job::Create]);
    }

    #[test]
    fn a_round_runs_what_the_systemd_service_runs() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/systemd/squall-backup.service");
        let unit = fs::read_to_string(path).unwrap();
        let commands = unit.lines().filter(|line| line.starts_with("Exec"));
        let expected = [("ExecStart", Job::Create), ("ExecStart", Job::Drill), ("ExecStopPost", Job::Prune)]
            .map(|(key, job)| format!("{key}=/usr/local/bin/squall-backup {}", job.arguments().join(" ")));
        assert_eq!(commands.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_health_check_passes_while_the_schedule_is_running() {
        let folder = tempfile::tempdir().unwrap();
        let heartbeat = Heartbeat::at(&folder.path().join("heartbeat"));
        let error = heartbeat.check(SystemTime::now()).unwrap_err().to_string();
        assert!(error.contains("no schedule is running here"), "{error}");
        heartbeat.beat().unwrap();
        let now = SystemTime::now();
        heartbeat.check(now).unwrap();
        let error = heartbeat.check(now + 2 * STALE_AFTER).unwrap_err().to_string();
        assert!(error.contains("10 minutes old"), "{error}");
    }
}
