//! What was found, for people and for programs.

use serde_json::{Value, json};

use super::finding::{Finding, Severity};

/// One file and what was found in it.
#[derive(Debug)]
pub struct Checked {
    /// Its name.
    pub file: String,
    /// What was found.
    pub outcome: Result<Vec<Finding>, String>,
}

impl Checked {
    fn count(&self, severity: Severity) -> usize {
        let findings = self.outcome.as_deref().unwrap_or_default();
        findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Whether it holds an error, or is no resource at all.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.outcome.is_err() || self.count(Severity::Error) > 0
    }
}

/// For people: a line for each finding, a line for each file.
#[must_use]
pub fn terminal(all: &[Checked]) -> String {
    let mut out = String::new();
    for checked in all {
        match &checked.outcome {
            Err(why) => out.push_str(&format!("{}: error: {why}\n", checked.file)),
            Ok(findings) => {
                for finding in findings {
                    out.push_str(&format!(
                        "{}:{}: {}: {}: {} [{}; {}]\n",
                        checked.file,
                        finding.place,
                        finding.severity.word(),
                        finding.path,
                        finding.text,
                        finding.code(),
                        finding.rule.clause()
                    ));
                }
            }
        }
        let verdict = if checked.is_invalid() { "invalid" } else { "valid" };
        let counts = [Severity::Error, Severity::Warning, Severity::NotChecked].map(|one| checked.count(one));
        let [errors, warnings, unchecked] = counts;
        out.push_str(&format!(
            "{}: {verdict}, {errors} errors, {warnings} warnings, {unchecked} not checked\n",
            checked.file
        ));
    }
    out
}

/// For programs: an array of files, each with its findings.
#[must_use]
pub fn json(all: &[Checked]) -> String {
    let files: Vec<Value> = all.iter().map(file).collect();
    format!("{:#}\n", Value::Array(files))
}

fn file(checked: &Checked) -> Value {
    match &checked.outcome {
        Err(why) => json!({ "file": checked.file, "valid": false, "unreadable": why }),
        Ok(findings) => {
            let findings: Vec<Value> = findings.iter().map(finding).collect();
            json!({ "file": checked.file, "valid": !checked.is_invalid(), "findings": findings })
        }
    }
}

fn finding(finding: &Finding) -> Value {
    json!({
        "severity": finding.severity.word(),
        "code": finding.code(),
        "path": finding.path,
        "line": finding.place.line,
        "column": finding.place.column,
        "clause": finding.rule.clause(),
        "text": finding.text,
    })
}
