//! The linter's word on what was generated. What a person asked for by a flag is allowed there and then, with the
//! flag as its reason; everything else is left for a person to read.

use crate::{
    lint::{Finding, MigrationFile, lint},
    script::Script,
};

/// The rules that a flag of the request answers.
const ASKED_FOR: [(&str, &str); 5] = [
    ("ban-drop-table", "its loss was allowed by --allow-loss"),
    ("ban-drop-column", "its loss was allowed by --allow-loss"),
    ("renaming-table", "--rename was given"),
    ("renaming-column", "--rename was given"),
    ("renaming-object", "--rename was given, or the definition is the same but for its name"),
];

/// Writes the exceptions into `written`, and returns what is left to say about it.
pub fn settle(migrations: &[Script], written: &mut [Script]) -> Vec<Finding> {
    for finding in findings(migrations, written).iter().rev() {
        let reason = ASKED_FOR.iter().find(|(rule, _)| *rule == finding.rule).map(|(_, reason)| *reason);
        let script = written.iter_mut().find(|script| script.file == finding.file);
        if let (Some(reason), Some(script)) = (reason, script) {
            let mut lines: Vec<&str> = script.sql.lines().collect();
            let exception = format!("-- lint: allow {} because {reason}", finding.rule);
            lines.insert(finding.line.saturating_sub(1).min(lines.len()), &exception);
            script.sql = lines.join("\n") + "\n";
        }
    }
    findings(migrations, written)
}

/// Lints all files; the first one of all runs on an empty database.
fn findings(migrations: &[Script], written: &[Script]) -> Vec<Finding> {
    let files =
        migrations.iter().chain(written).map(|script| MigrationFile { name: &script.file, sql: &script.sql });
    let files: Vec<_> = files.collect();
    let new = |finding: &Finding| written.iter().any(|script| script.file == finding.file);
    lint(&files, 1).into_iter().filter(new).collect()
}
