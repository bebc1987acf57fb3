//! Labelled logs in LogHub's layout: a log, and a CSV with one row per line.

use anyhow::{Context, Result, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
};

pub(super) struct System {
    pub(super) name: String,
    /// Messages without their headers.
    pub(super) contents: Vec<String>,
    /// Unmodified lines.
    pub(super) raw_lines: Vec<String>,
    /// The true group of each line.
    pub(super) labels: Vec<String>,
}

/// Reads every system below a folder, in order of name.
pub(super) fn read(folder: &Path) -> Result<Vec<System>> {
    let layout =
        "expected one folder a system, each with NAME.log and NAME.log_structured.csv; give one with --data";
    let entries = fs::read_dir(folder)
        .with_context(|| format!("reading the labelled logs in {}: {layout}", folder.display()))?;
    let mut folders: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
    folders.sort();
    let mut systems = Vec::new();
    for folder in &folders {
        systems.extend(read_system(folder)?);
    }
    ensure!(!systems.is_empty(), "there are no labelled logs in {}: {layout}", folder.display());
    Ok(systems)
}

fn read_system(folder: &Path) -> Result<Option<System>> {
    let mut files = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let Some(csv) = files.find(|path| path.to_string_lossy().ends_with(".log_structured.csv")) else {
        return Ok(None);
    };
    let log = PathBuf::from(csv.to_string_lossy().trim_end_matches("_structured.csv"));
    let mut rows = rows(&text(&csv)?).into_iter();
    let header = rows.next().unwrap_or_default();
    let column = |name: &str| {
        header
            .iter()
            .position(|column| column == name)
            .with_context(|| format!("{} has no column {name}", csv.display()))
    };
    let (content, label) = (column("Content")?, column("EventId")?);
    let (mut contents, mut labels) = (Vec::new(), Vec::new());
    for mut row in rows {
        ensure!(
            row.len() == header.len(),
            "row {} of {} has {} columns instead of {}",
            labels.len() + 2,
            csv.display(),
            row.len(),
            header.len()
        );
        labels.push(std::mem::take(&mut row[label]));
        contents.push(std::mem::take(&mut row[content]));
    }
    let raw_lines: Vec<String> = text(&log)?.lines().map(str::to_owned).collect();
    ensure!(
        raw_lines.len() == labels.len(),
        "{} has {} lines and {} labels",
        log.display(),
        raw_lines.len(),
        labels.len()
    );
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Some(System { name, contents, raw_lines, labels }))
}

fn text(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Parses CSV (RFC 4180): a quoted field may contain commas, line ends and doubled quotes.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' if quoted || field.is_empty() => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\r' if !quoted && letters.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            letter => field.push(letter),
        }
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::rows;

    #[test]
    fn a_quoted_field_may_hold_anything() {
        let found = rows("a,b\n1,\"x, \"\"y\"\"\nz\"\r\n2,plain \"quote\"");
        assert_eq!(found, [["a", "b"], ["1", "x, \"y\"\nz"], ["2", "plain \"quote\""]]);
    }
}
