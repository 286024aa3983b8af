//! TestReport, the resource that FHIR R4 has for this: one for each suite; several make a Bundle of type `collection`.
//!
//! A check is a test: its requests are the operations, its clause is the assert. What a MAY allows and is not used, and what a
//! SHOULD advises and is not met, are warnings.

use serde_json::{Value, json};

use super::resource::{entries, text};
use crate::check::{Finding, Status};
use crate::run::{Run, Usable};
use crate::suite::Suite;

/// The run as TestReport in JSON.
#[must_use]
pub fn testreport(run: &Run) -> String {
    entries(run.suites.iter().map(|(suite, findings)| report(run, *suite, findings)).collect())
}

fn report(run: &Run, suite: Suite, findings: &[Finding]) -> Value {
    let count = |statuses: &[Status]| findings.iter().filter(|one| statuses.contains(&one.status)).count();
    let held = count(&[Status::Pass, Status::Note]);
    let judged = held + count(&[Status::Fail, Status::Warning]);
    let result = match (count(&[Status::Fail, Status::Error]), judged, run.target) {
        (0, 0, Usable::Yes) => "pending",
        (0, _, Usable::Yes) => "pass",
        _ => "fail",
    };
    let mut report = json!({
        "resourceType": "TestReport",
        "name": suite.name(),
        "status": "completed",
        "testScript": {
            "identifier": {"system": "urn:portcullis:conformance:suite", "value": suite.name()},
            "display": suite.about(),
        },
        "result": result,
        "issued": run.began.to_string(),
        "participant": [
            {
                "type": "test-engine",
                "uri": "urn:portcullis:conformance",
                "display": concat!("portcullis-conformance ", env!("CARGO_PKG_VERSION")),
            },
            {"type": "server", "uri": run.base},
        ],
    });
    let Some(members) = report.as_object_mut() else { return report };
    if let Some(hundredths) = (held * 10_000).checked_div(judged) {
        let score = format!("{}.{:02}", hundredths / 100, hundredths % 100);
        members.insert("score".to_owned(), json!(score.parse::<f64>().unwrap_or_default()));
    }
    let tests: Vec<Value> = findings.iter().map(test).collect();
    if !tests.is_empty() {
        members.insert("test".to_owned(), Value::Array(tests));
    }
    report
}

fn test(finding: &Finding) -> Value {
    let mut actions: Vec<Value> = finding
        .exchanged
        .iter()
        .map(|exchanged| {
            let (result, status) = match exchanged.status {
                Some(status) => ("pass", status.to_string()),
                None => ("error", "no answer".to_owned()),
            };
            let (method, path, ms) = (&exchanged.method, &exchanged.path, exchanged.took.as_millis());
            json!({"operation": {"result": result, "message": text(&format!("{method} {path}: {status}, {ms} ms"))}})
        })
        .collect();
    let result = match finding.status {
        Status::Pass => "pass",
        Status::Fail => "fail",
        Status::Warning | Status::Note => "warning",
        Status::Skip => "skip",
        Status::Error => "error",
    };
    let grade = finding.check.grade.word();
    let detail = finding.detail();
    let told = if detail.is_empty() { grade.to_owned() } else { format!("{grade}: {detail}") };
    actions
        .push(json!({"assert": {"result": result, "message": text(&told), "detail": finding.check.clause}}));
    json!({"name": finding.check.id, "description": text(finding.check.title), "action": actions})
}
