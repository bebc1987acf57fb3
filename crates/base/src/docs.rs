//! Tables in the docs that are generated from code: a test compares them, and rewrites them when
//! UPDATE is set.

use std::{env, fs, path::Path};

/// Compares the first table below the line `heading` of a page with `table`, or writes it there
/// when the variable UPDATE is set.
///
/// # Errors
/// A sentence: the page is out of date, or has no such heading.
pub fn keep(page: &Path, heading: &str, table: &str) -> Result<(), String> {
    let shown = page.display();
    let text = fs::read_to_string(page).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let below = lines.iter().position(|line| line.trim_end() == heading);
    let below = below.ok_or_else(|| format!("{shown} has no line {heading:?}"))? + 1;
    let start = lines[below..].iter().position(|line| line.starts_with('|')).map_or(below, |it| below + it);
    let end =
        lines[start..].iter().position(|line| !line.starts_with('|')).map_or(lines.len(), |it| start + it);
    if lines[start..end].concat() == table {
        return Ok(());
    }
    if env::var_os("UPDATE").is_none() {
        return Err(format!(
            "{shown} is out of date below {heading:?}; set UPDATE=1 and run this test again"
        ));
    }
    let renewed = lines[..start].concat() + table + &lines[end..].concat();
    fs::write(page, renewed).map_err(|error| format!("{shown} cannot be written: {error}"))
}
