//! JUnit's XML, which CI servers read: a step is a test case.

use super::{Report, Status, StepReport};

impl Report {
    /// The run as a test suite.
    pub fn junit(&self) -> String {
        let (failed, skipped) =
            (self.count(Status::Failed), self.count(Status::Skipped) + self.count(Status::NotRun));
        let numbers = format!(
            "tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"{skipped}\" time=\"{:.3}\"",
            self.steps.len(),
            self.seconds
        );
        let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
        xml += &format!("<testsuites name=\"squall\" {numbers}>\n  <testsuite name=\"ci\" {numbers}>\n");
        xml += "    <properties>\n";
        xml += &format!("      <property name=\"commit\" value=\"{}\"/>\n", escape(&self.commit));
        xml += "    </properties>\n";
        self.steps.iter().for_each(|step| xml += &test_case(step));
        xml + "  </testsuite>\n</testsuites>\n"
    }
}

fn test_case(step: &StepReport) -> String {
    let (id, seconds) = (escape(&step.id), step.seconds);
    let start = format!("    <testcase classname=\"ci\" name=\"{id}\" time=\"{seconds:.3}\"");
    let inner = match step.status {
        Status::Passed => return format!("{start}/>\n"),
        // The time is that of the earlier run.
        Status::Cached => "<properties><property name=\"cached\" value=\"true\"/></properties>".to_owned(),
        Status::NotRun => "<skipped message=\"another step failed\"/>".to_owned(),
        Status::Skipped => format!("<skipped message=\"{}\"/>", escape(&step.skipped.join("\n"))),
        Status::Failed => {
            let message = step.causes.first().map_or_else(|| "failed".to_owned(), |cause| cause.text());
            let mut lines: Vec<_> = step.causes.iter().map(|cause| cause.text()).collect();
            lines.push(format!("again: {}", step.command));
            lines.push(format!("log: {}", step.log.display()));
            let (message, text) = (escape(&message), escape(&lines.join("\n")));
            format!("<failure message=\"{message}\">{text}</failure>")
        }
    };
    format!("{start}>\n      {inner}\n    </testcase>\n")
}

/// A text for an element or an attribute. XML 1.0 has no way to write most control characters.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&apos;",
            // A reader would make spaces of them in an attribute.
            '\t' | '\n' | '\r' => escaped += &format!("&#{};", u32::from(c)),
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(c),
        }
    }
    escaped
}
