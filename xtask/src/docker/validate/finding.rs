//! What a rule found, and the forms in which it is told.

use super::rules;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// From the root of the repository.
    pub file: String,
    pub line: usize,
    pub rule: &'static str,
    pub why: String,
    pub fix: String,
}

impl Finding {
    /// In the words of the rule itself.
    pub fn new(rule: &'static str, file: &str, line: usize) -> Self {
        let words = rules::find(rule);
        Self {
            file: file.to_owned(),
            line,
            rule,
            why: words.map_or("", |rule| rule.why).to_owned(),
            fix: words.map_or("", |rule| rule.fix).to_owned(),
        }
    }

    /// Says what exactly is wrong here.
    pub fn saying(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }
}

/// One finding a paragraph, as a compiler does it, so that editors find the place.
pub fn text(findings: &[Finding]) -> String {
    let shown = findings.iter().map(|finding| {
        let Finding { file, line, rule, why, fix } = finding;
        format!("{file}:{line}: {rule}: {why}\n    fix: {fix}\n")
    });
    shown.collect()
}

/// Commands to GitHub Actions that put each finding beside its line.
pub fn annotations(findings: &[Finding]) -> String {
    let escaped = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let in_property = |text: &str| escaped(text).replace(':', "%3A").replace(',', "%2C");
    let shown = findings.iter().map(|finding| {
        let message = escaped(&format!("{}. To mend it: {}.", finding.why, finding.fix));
        format!(
            "::error file={},line={},title={}::{message}\n",
            in_property(&finding.file),
            finding.line,
            finding.rule
        )
    });
    shown.collect()
}

/// SARIF 2.1.0, for code scanning.
pub fn sarif(findings: &[Finding]) -> Value {
    let ids: BTreeSet<_> = findings.iter().map(|finding| finding.rule).collect();
    let rules: Vec<_> = ids.iter().filter_map(|id| rules::find(id)).collect();
    let described: Vec<_> = rules
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id,
                "shortDescription": { "text": rule.why },
                "help": { "text": rule.fix },
            })
        })
        .collect();
    let results: Vec<_> = findings
        .iter()
        .map(|finding| {
            json!({
                "ruleId": finding.rule,
                "level": "error",
                "message": { "text": format!("{}. To mend it: {}.", finding.why, finding.fix) },
                "locations": [{ "physicalLocation": {
                    "artifactLocation": { "uri": finding.file },
                    "region": { "startLine": finding.line.max(1) },
                }}],
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "cargo xtask docker validate", "rules": described } },
            "results": results,
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> Vec<Finding> {
        vec![Finding::new("DL3020", "a,b.Dockerfile", 7).saying("50% of\nit")]
    }

    #[test]
    fn a_finding_names_its_place_first_and_its_mending_last() {
        assert_eq!(text(&one()), "a,b.Dockerfile:7: DL3020: 50% of\nit\n    fix: use COPY\n");
    }

    #[test]
    fn an_annotation_survives_the_letters_that_mean_something_to_actions() {
        let expected =
            "::error file=a%2Cb.Dockerfile,line=7,title=DL3020::50%25 of%0Ait. To mend it: use COPY.\n";
        assert_eq!(annotations(&one()), expected);
    }

    #[test]
    fn sarif_names_rule_file_and_line() {
        let sarif = sarif(&one());
        let result = &sarif["runs"][0]["results"][0];
        assert_eq!(result["ruleId"], "DL3020");
        assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 7);
        assert_eq!(sarif["runs"][0]["tool"]["driver"]["rules"][0]["id"], "DL3020");
    }
}
