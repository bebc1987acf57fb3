//! The report of a run: what the table, the JSON and JUnit files and the job summary are made from.

mod text;
mod table;
mod ending;
mod github;
mod junit;
mod differences;
#[cfg(test)]
mod tests;

use crate::causes::Cause;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The commit, with `+` if files differ from it.
    pub commit: String,
    /// Seconds since 1970.
    pub started: u64,
    /// Wall time of the run, in seconds.
    pub seconds: f64,
    /// In the order of the table of steps.
    pub steps: Vec<StepReport>,
    /// The version of each program that a step depends on; none if it is missing.
    pub tools: BTreeMap<String, Option<String>>,
    /// The BLAKE3 hash of each declared variable that is set: a value may be a secret.
    pub environment: BTreeMap<String, String>,
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// Its name.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// The command that runs it alone.
    pub command: String,
    /// How it ended.
    pub status: Status,
    /// How long it took; of a cached one, how long it took when it ran.
    pub seconds: f64,
    /// Of a cached one: how many seconds ago it ran.
    pub age: Option<u64>,
    /// Of one that ran: how long it took when it ran before. In a workflow that was at the base of the
    /// pull request, or at its last commit.
    pub before_seconds: Option<f64>,
    /// The key of its inputs.
    pub key: Option<String>,
    /// The file with what it printed.
    pub log: PathBuf,
    /// Why it failed.
    pub causes: Vec<Cause>,
    /// What it left out, a line each, with the reason.
    pub skipped: Vec<String>,
    /// What it runs, as `ci --explain` prints it.
    pub plan: String,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It ran and found nothing wrong.
    Passed,
    /// An earlier run with the same key passed.
    Cached,
    /// It ran and found something wrong.
    Failed,
    /// Something it needs is missing on this machine.
    Skipped,
    /// It was not started, because another one failed.
    NotRun,
}

impl Report {
    /// The whole report, for `ci --compare` and other programs.
    ///
    /// # Errors
    /// If the path of a log is not UTF-8.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    fn with(&self, status: Status) -> impl Iterator<Item = &StepReport> {
        self.steps.iter().filter(move |step| step.status == status)
    }

    fn count(&self, status: Status) -> usize {
        self.with(status).count()
    }

    /// The time that the cached steps took when they ran.
    fn saved_seconds(&self) -> f64 {
        self.with(Status::Cached).map(|step| step.seconds).fold(0.0, |sum, seconds| sum + seconds)
    }

    /// `23 passed (20 cached), 0 failed, 1 skipped`: the last line of a run.
    fn counts(&self) -> String {
        let [ran, cached, failed, skipped] =
            [Status::Passed, Status::Cached, Status::Failed, Status::Skipped]
                .map(|status| self.count(status));
        let mut text = format!("{} passed", ran + cached);
        if cached > 0 {
            text += &format!(" ({cached} cached)");
        }
        text += &format!(", {failed} failed");
        if skipped > 0 {
            text += &format!(", {skipped} skipped");
        }
        text
    }
}
