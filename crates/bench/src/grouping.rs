//! Accuracy and speed of grouping, on labelled logs of several systems.
//!
//! All systems use the same settings. Grouping is streaming: the group assigned on arrival counts.

mod labelled;
mod score;

use anyhow::{Context, Result};
use labelled::System;
use score::Score;
use serde_json::json;
use squall_grouping::{Grouper, Subject, format::parse_line};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

/// Repetitions, of which the median speed is reported.
const ROUNDS: usize = 7;

/// Measure the accuracy and speed of grouping.
#[derive(clap::Args)]
pub struct Args {
    /// Folder with one folder per system: `<System>/*.log` and `<System>/*.log_structured.csv`.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Write `line,group` for each system: `<System>.csv` for messages, `<System>.raw.csv` for raw lines.
    #[arg(long, value_name = "DIR")]
    predictions: Option<PathBuf>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Name and goal.
const GOALS: [(&str, f64); 5] = [
    ("content GA", 0.93),
    ("content FGA", 0.92),
    ("raw GA", 0.85),
    ("raw FGA", f64::NAN),
    ("lines/s", 500_000.0),
];

struct Row {
    name: String,
    content: Score,
    raw: Score,
    content_speed: f64,
    raw_speed: f64,
}

///
/// # Errors
/// When the folder has no labelled logs, or a file cannot be read or written.
pub fn run(args: &Args) -> Result<()> {
    let systems = labelled::read(&args.data)?;
    let rows: Vec<Row> =
        systems.iter().map(|system| measure(system, args.predictions.as_deref())).collect::<Result<_>>()?;
    let text = if args.json { json_of(&rows)? } else { table_of(&rows) };
    std::io::stdout().write_all(text.as_bytes()).context("writing to standard output")
}

fn measure(system: &System, predictions: Option<&Path>) -> Result<Row> {
    let now = jiff::Timestamp::now();
    let content = groups(system.contents.iter().map(String::as_str));
    let raw = groups(system.raw_lines.iter().map(|line| parse_line(line, now).message.into_owned()));
    if let Some(folder) = predictions {
        fs::create_dir_all(folder).with_context(|| format!("creating the folder {}", folder.display()))?;
        write(&folder.join(format!("{}.csv", system.name)), &content)?;
        write(&folder.join(format!("{}.raw.csv", system.name)), &raw)?;
    }
    Ok(Row {
        name: system.name.clone(),
        content: score::score(&content, &system.labels),
        raw: score::score(&raw, &system.labels),
        content_speed: speed(system.contents.len(), || {
            drop(groups(system.contents.iter().map(String::as_str)))
        }),
        raw_speed: speed(system.raw_lines.len(), || {
            drop(groups(system.raw_lines.iter().map(|line| parse_line(line, now).message)));
        }),
    })
}

/// The group of each message, in order.
fn groups<T: AsRef<str>>(messages: impl Iterator<Item = T>) -> Vec<squall_grouping::Fingerprint> {
    let mut grouper = Grouper::new();
    messages
        .map(|message| grouper.assign(&Subject { message: message.as_ref(), exception: None }).fingerprint)
        .collect()
}

/// Lines per second on one core: the median of several rounds, each with a new grouper.
#[expect(clippy::cast_precision_loss, reason = "a log has far fewer lines than 2^52")]
fn speed(lines: usize, work: impl Fn()) -> f64 {
    let mut seconds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    lines as f64 / seconds[ROUNDS / 2]
}

fn write(path: &Path, groups: &[squall_grouping::Fingerprint]) -> Result<()> {
    let mut text = String::from("line,group\n");
    for (index, group) in groups.iter().enumerate() {
        text.push_str(&format!("{},{group}\n", index + 1));
    }
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

#[expect(clippy::cast_precision_loss, reason = "there are few systems")]
fn averages(rows: &[Row]) -> [f64; 5] {
    let mean = |of: fn(&Row) -> f64| rows.iter().map(of).sum::<f64>() / rows.len() as f64;
    [
        mean(|row| row.content.ga),
        mean(|row| row.content.fga),
        mean(|row| row.raw.ga),
        mean(|row| row.raw.fga),
        mean(|row| row.content_speed),
    ]
}

fn table_of(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max(8);
    let mut table = format!(
        "{:width$}  content GA    FGA  groups/true     lines/s  |  raw GA    FGA  groups     lines/s with the header\n",
        "system"
    );
    for row in rows {
        table.push_str(&format!(
            "{:width$}       {:.3}  {:.3}  {:>6}/{:<4}  {:>10.0}  |   {:.3}  {:.3}  {:>6}  {:>10.0}\n",
            row.name,
            row.content.ga,
            row.content.fga,
            row.content.groups,
            row.content.labels,
            row.content_speed,
            row.raw.ga,
            row.raw.fga,
            row.raw.groups,
            row.raw_speed,
        ));
    }
    table.push_str("\naverage of all systems, one setting, streaming\n");
    for ((name, goal), figure) in GOALS.iter().zip(averages(rows)) {
        let goal = if goal.is_nan() { "–".to_owned() } else { format!("≥ {goal}") };
        let figure = if figure > 1000.0 { format!("{figure:.0}") } else { format!("{figure:.4}") };
        table.push_str(&format!("  {name:12} {figure:>10}   goal {goal}\n"));
    }
    table
}

fn json_of(rows: &[Row]) -> Result<String> {
    let systems: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "system": row.name,
                "content": { "ga": row.content.ga, "fga": row.content.fga, "groups": row.content.groups, "lines_per_second": row.content_speed },
                "raw": { "ga": row.raw.ga, "fga": row.raw.fga, "groups": row.raw.groups, "lines_per_second": row.raw_speed },
                "labels": row.content.labels,
            })
        })
        .collect();
    let [ga, fga, raw_ga, raw_fga, speed] = averages(rows);
    let average = json!({ "content_ga": ga, "content_fga": fga, "raw_ga": raw_ga, "raw_fga": raw_fga, "lines_per_second": speed });
    Ok(serde_json::to_string_pretty(&json!({ "systems": systems, "average": average }))? + "\n")
}
