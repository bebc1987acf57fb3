//! A table of results and goals.

use anyhow::Result;
use serde_json::{Value, json};
use std::io::Write as _;

/// The requirement of this version, and the goal of the product.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    AtLeast { asked: Option<f64>, goal: f64 },
    AtMost { asked: Option<f64>, goal: f64 },
}

/// Results in order of measurement, with notes.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    remarks: Vec<String>,
}

#[derive(Debug)]
struct Row {
    name: String,
    what: String,
    unit: &'static str,
    /// One result per round, ascending.
    rounds: Vec<f64>,
    goal: Option<Goal>,
}

impl Report {
    /// Adds the results of the rounds. A row without a name belongs to the one above it.
    pub(crate) fn row(
        &mut self,
        name: &str,
        what: &str,
        unit: &'static str,
        rounds: &[f64],
        goal: Option<Goal>,
    ) {
        let mut rounds = rounds.to_vec();
        rounds.sort_by(f64::total_cmp);
        self.rows.push(Row { name: name.to_owned(), what: what.to_owned(), unit, rounds, goal });
    }

    pub(crate) fn remark(&mut self, sentence: String) {
        self.remarks.push(sentence);
    }

    pub(crate) fn write_table(&self) -> Result<()> {
        Ok(std::io::stdout().lock().write_all(self.table().as_bytes())?)
    }

    pub(crate) fn write_json(&self) -> Result<()> {
        Ok(writeln!(std::io::stdout().lock(), "{}", self.json())?)
    }

    fn table(&self) -> String {
        let head = ["", "what", "median", "spread", "unit", "asked", "goal", ""].map(str::to_owned);
        let cells: Vec<[String; 8]> = std::iter::once(head).chain(self.rows.iter().map(Row::cells)).collect();
        let width =
            |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..8).map(width).collect();
        let mut table = String::new();
        for row in &cells {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let space = " ".repeat(width - cell.chars().count());
                // Numbers stand at the right of their columns, words at the left.
                let padded =
                    if matches!(column, 2 | 3 | 5 | 6) { space + cell } else { format!("{cell}{space}") };
                line.push_str(&padded);
                line.push_str("  ");
            }
            table.push_str(line.trim_end());
            table.push('\n');
        }
        for remark in &self.remarks {
            table.push('\n');
            table.push_str(remark);
        }
        table.push('\n');
        table
    }

    fn json(&self) -> Value {
        let mut name = "";
        let mut rows = Vec::new();
        for row in &self.rows {
            if !row.name.is_empty() {
                name = &row.name;
            }
            rows.push(row.json(name));
        }
        json!({ "rows": rows, "remarks": self.remarks })
    }
}

impl Row {
    fn median(&self) -> f64 {
        quantile(&self.rounds, 0.5)
    }

    fn cells(&self) -> [String; 8] {
        let spread = match (self.rounds.first(), self.rounds.last()) {
            (Some(first), Some(last)) if self.rounds.len() > 1 => {
                format!("{}–{}", shown(*first), shown(*last))
            }
            _ => String::new(),
        };
        let (sign, asked, goal) = match self.goal {
            Some(Goal::AtLeast { asked, goal }) => ("≥ ", asked, Some(goal)),
            Some(Goal::AtMost { asked, goal }) => ("≤ ", asked, Some(goal)),
            None => ("", None, None),
        };
        let limit =
            |limit: Option<f64>| limit.map(|limit| format!("{sign}{}", shown(limit))).unwrap_or_default();
        let verdict = match self.goal {
            None => "",
            Some(goal) if goal.is_reached(self.median()) => "goal reached",
            Some(goal) if goal.is_asked(self.median()) => "as asked, below the goal",
            Some(_) => "not reached",
        };
        [
            self.name.clone(),
            self.what.clone(),
            shown(self.median()),
            spread,
            self.unit.to_owned(),
            limit(asked),
            limit(goal),
            verdict.to_owned(),
        ]
    }

    fn json(&self, name: &str) -> Value {
        let (asked, goal) = match self.goal {
            Some(Goal::AtLeast { asked, goal } | Goal::AtMost { asked, goal }) => (asked, Some(goal)),
            None => (None, None),
        };
        json!({
            "name": name, "what": self.what, "unit": self.unit, "median": self.median(), "rounds": self.rounds,
            "asked": asked, "goal": goal, "reached": self.goal.map(|goal| goal.is_reached(self.median())),
            "as_asked": self.goal.map(|goal| goal.is_asked(self.median())),
        })
    }
}

impl Goal {
    fn is_reached(self, figure: f64) -> bool {
        match self {
            Self::AtLeast { goal, .. } => figure >= goal,
            Self::AtMost { goal, .. } => figure <= goal,
        }
    }

    /// Without a requirement, the goal counts.
    fn is_asked(self, figure: f64) -> bool {
        match self {
            Self::AtLeast { asked, goal } => figure >= asked.unwrap_or(goal),
            Self::AtMost { asked, goal } => figure <= asked.unwrap_or(goal),
        }
    }
}

/// The figure below which `part` of the ascending `figures` lie (nearest rank); 0 for none.
pub(crate) fn quantile(figures: &[f64], part: f64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank within the slice"
    )]
    let rank = (figures.len() as f64 * part).ceil() as usize;
    figures.get(rank.clamp(1, figures.len().max(1)) - 1).copied().unwrap_or_default()
}

/// Three significant digits, with thousands separators.
fn shown(figure: f64) -> String {
    match figure.abs() {
        0.0..10.0 => format!("{figure:.2}"),
        10.0..100.0 => format!("{figure:.1}"),
        _ => {
            let digits = format!("{figure:.0}");
            let mut shown = String::new();
            for (index, digit) in digits.chars().enumerate() {
                if index > 0 && (digits.len() - index).is_multiple_of(3) && !shown.ends_with('-') {
                    shown.push(',');
                }
                shown.push(digit);
            }
            shown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_aligned_beside_their_goals() {
        let mut report = Report::default();
        let lines = Goal::AtLeast { asked: Some(30_000.0), goal: 100_000.0 };
        report.row("ingest.lines", "end to end", "lines/s", &[52_000.0, 48_123.0, 61_000.4], Some(lines));
        report.row("", "CPU of api", "µs/line", &[1.234], None);
        report.row(
            "ingest.disk",
            "event",
            "bytes",
            &[449.9],
            Some(Goal::AtMost { asked: None, goal: 450.0 }),
        );
        report.remark("Why.".into());
        assert_eq!(
            report.table(),
            "              what        median         spread  unit        asked       goal
ingest.lines  end to end  52,000  48,123–61,000  lines/s  ≥ 30,000  ≥ 100,000  as asked, below the goal
              CPU of api    1.23                 µs/line
ingest.disk   event          450                 bytes                  ≤ 450  goal reached

Why.
"
        );
        let rows = &report.json()["rows"];
        assert_eq!(
            (&rows[1]["name"], &rows[0]["reached"], &rows[0]["as_asked"]),
            (&json!("ingest.lines"), &json!(false), &json!(true))
        );
    }

    #[test]
    fn a_quantile_is_the_nearest_rank() {
        let figures: Vec<f64> = (1..=100).map(f64::from).collect();
        for (part, expected) in [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0), (0.0, 1.0)] {
            assert_eq!(quantile(&figures, part), expected, "{part}");
        }
        assert_eq!(quantile(&[3.0, 7.0, 9.0], 0.5), 7.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
