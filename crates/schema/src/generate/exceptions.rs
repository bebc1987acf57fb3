//! Lints what was generated. What a flag asked for is allowed with the flag as the reason; the rest is reported.

use crate::{
    lint::{Finding, MigrationFile, lint},
    script::Script,
};

/// Rules that a flag of the request overrides, and the reason to write.
const REQUESTED: [(&str, &str); 5] = [
    ("ban-drop-table", "its loss was allowed by --allow-loss"),
    ("ban-drop-column", "its loss was allowed by --allow-loss"),
    ("renaming-table", "--rename was given"),
    ("renaming-column", "--rename was given"),
    ("renaming-object", "--rename was given, or the definition is the same but for its name"),
];

/// Writes exceptions into `written` for what a flag requested, and returns the remaining findings.
pub fn add_exceptions(migrations: &[Script], written: &mut [Script]) -> Vec<Finding> {
    for finding in findings(migrations, written).iter().rev() {
        let reason = REQUESTED.iter().find(|(rule, _)| *rule == finding.rule).map(|(_, reason)| *reason);
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

/// Lints all files. The first runs on an empty database.
fn findings(migrations: &[Script], written: &[Script]) -> Vec<Finding> {
    let files =
        migrations.iter().chain(written).map(|script| MigrationFile { name: &script.file, sql: &script.sql });
    let files: Vec<_> = files.collect();
    let new = |finding: &Finding| written.iter().any(|script| script.file == finding.file);
    lint(&files, 1).into_iter().filter(new).collect()
}
