//! For a program.

use serde::Serialize;

use crate::run::Run;

#[derive(Serialize)]
struct Report<'a> {
    base: &'a str,
    verdict: &'static str,
    exit: u8,
    findings: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    suite: &'static str,
    check: &'static str,
    status: &'static str,
    grade: &'static str,
    title: &'static str,
    clause: &'static str,
    detail: String,
}

/// The run as one JSON object.
#[must_use]
pub fn json(run: &Run) -> String {
    let findings = run
        .suites
        .iter()
        .flat_map(|(suite, findings)| findings.iter().map(|finding| (suite.name(), finding)))
        .map(|(suite, finding)| Row {
            suite,
            check: finding.check.id,
            status: finding.status.word(),
            grade: finding.check.grade.word(),
            title: finding.check.title,
            clause: finding.check.clause,
            detail: finding.detail(),
        })
        .collect();
    let verdict = run.verdict();
    let report = Report { base: &run.base, verdict: verdict.word(), exit: verdict.code(), findings };
    serde_json::to_string_pretty(&report).unwrap_or_default()
}
