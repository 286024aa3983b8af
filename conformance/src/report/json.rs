//! For a program.

use serde::Serialize;

use super::account::Account;
use crate::bench::Exchanged;
use crate::check::{Otherwise, Status};
use crate::coverage::{Covered, Requirement};
use crate::run::Run;

#[derive(Serialize)]
struct Report<'a> {
    base: &'a str,
    verdict: &'static str,
    exit: u8,
    sentence: String,
    first_steps: Vec<String>,
    untested: Vec<String>,
    began: String,
    took_ms: u64,
    tool: &'static str,
    counts: Counts,
    left: usize,
    asked: Vec<Asked<'a>>,
    findings: Vec<Row<'a>>,
    coverage: Vec<Covered>,
}

#[derive(Serialize)]
struct Counts {
    pass: usize,
    fail: usize,
    warning: usize,
    note: usize,
    skip: usize,
    error: usize,
}

#[derive(Serialize)]
struct Row<'a> {
    suite: &'static str,
    check: &'static str,
    status: &'static str,
    grade: &'static str,
    title: &'static str,
    why: &'static str,
    clause: &'static str,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<&'a str>,
    took_ms: u64,
    exchanges: Vec<Asked<'a>>,
}

#[derive(Serialize)]
struct Asked<'a> {
    system: u32,
    method: &'a str,
    path: &'a str,
    status: Option<u16>,
    took_ms: u64,
}

/// The run as one JSON object; `wanted` are rows of tables whose coverage is asked for.
#[must_use]
pub fn json_with(run: &Run, wanted: &[Requirement]) -> String {
    let account = Account::of_suites(run, wanted);
    let findings = run
        .suites
        .iter()
        .flat_map(|(suite, findings)| findings.iter().map(|finding| (suite.name(), finding)))
        .map(|(suite, finding)| {
            let (expected, found) = match &finding.judgement {
                Err(Otherwise::Unmet { expected, found }) => (Some(expected.as_str()), Some(found.as_str())),
                Ok(()) | Err(Otherwise::Skipped(_) | Otherwise::Error(_)) => (None, None),
            };
            Row {
                suite,
                check: finding.check.id,
                status: finding.status.word(),
                grade: finding.check.grade.word(),
                title: finding.check.title,
                why: finding.check.why,
                clause: finding.check.clause,
                detail: finding.detail(),
                expected,
                found,
                took_ms: millis(finding.took),
                exchanges: finding.exchanged.iter().map(asked).collect(),
            }
        })
        .collect();
    let report = Report {
        base: &run.base,
        verdict: account.verdict.word(),
        exit: account.verdict.code(),
        first_steps: account.first_steps(),
        sentence: account.sentence,
        untested: account.untested,
        began: run.began.to_string(),
        took_ms: millis(run.took),
        tool: concat!("portcullis-conformance ", env!("CARGO_PKG_VERSION")),
        counts: Counts {
            pass: run.count(Status::Pass),
            fail: run.count(Status::Fail),
            warning: run.count(Status::Warning),
            note: run.count(Status::Note),
            skip: run.count(Status::Skip),
            error: run.count(Status::Error),
        },
        left: run.left,
        asked: run.asked.iter().map(asked).collect(),
        findings,
        coverage: account.coverage,
    };
    serde_json::to_string_pretty(&report).unwrap_or_default()
}

/// The run as one JSON object.
#[must_use]
pub fn json(run: &Run) -> String {
    json_with(run, &[])
}

fn asked(exchanged: &Exchanged) -> Asked<'_> {
    Asked {
        system: exchanged.system,
        method: exchanged.method.as_str(),
        path: &exchanged.path,
        status: exchanged.status,
        took_ms: millis(exchanged.took),
    }
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
