//! Tells the result: to a person, to a CI system, to a program. Canaries are named, for they are the suite's own; nothing
//! else of an answer is.

use serde::Serialize;

use super::{Finding, Run, Status};
use crate::report::account::Account;
use crate::report::{Paint, junit_of, summary};
use crate::run::Usable;

/// A line for each attack that does not simply pass, then a summary.
#[must_use]
pub fn terminal(run: &Run) -> String {
    format!("{}{}", lines(run), summary(&Account::of_attacks(run), Paint::Plain))
}

/// A line for each attack that does not simply pass.
#[must_use]
pub fn lines(run: &Run) -> String {
    let mut out = format!("Privacy of {}\n", run.base);
    if run.target != Usable::Yes {
        return out;
    }
    let quiet = |finding: &&Finding| !matches!(finding.status(), Status::Pass | Status::Manual);
    for finding in run.findings.iter().filter(quiet) {
        let (status, id, kind) = (finding.status().word(), &finding.id, finding.kind.name());
        out.push_str(&format!("  {status:<8} {id:<10} {kind:<14} {}\n", finding.title));
        out.push_str(&format!("           {}\n", finding.detail()));
    }
    for id in &run.unknown_gaps {
        out.push_str(&format!("  the list of gaps names {id}, which the battery does not have\n"));
    }
    if let Some(worlds) = &run.worlds {
        let (count, served, distinct) = (worlds.compared, worlds.served, worlds.distinct);
        out.push_str(&format!("\nWorlds: {count} requests from seed {}, ", worlds.seed));
        out.push_str(&format!(
            "{served} served with {distinct} distinct answers, {} faults\n",
            worlds.fault_count
        ));
        worlds.faults.iter().for_each(|fault| out.push_str(&format!("  FAIL     {fault}\n")));
    }
    out
}

#[derive(Serialize)]
struct Report<'a> {
    base: &'a str,
    suite: &'static str,
    verdict: &'static str,
    exit: u8,
    sentence: String,
    began: String,
    took_ms: u64,
    findings: Vec<Row<'a>>,
    unknown_gaps: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    worlds: Option<Worlds<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    took_ms: u64,
    check: &'a str,
    kind: &'static str,
    severity: &'a str,
    status: &'static str,
    title: &'a str,
    detail: &'a str,
}

#[derive(Serialize)]
struct Worlds<'a> {
    seed: u64,
    requests: u32,
    served: u32,
    distinct: usize,
    fault_count: u32,
    faults: &'a [String],
}

/// The run as one JSON object.
#[must_use]
pub fn json(run: &Run) -> String {
    let row = |finding: &Finding| -> (Status, &'static str) { (finding.status(), finding.kind.name()) };
    let findings = run
        .findings
        .iter()
        .map(|finding| {
            let (status, kind) = row(finding);
            Row {
                took_ms: u64::try_from(finding.took.as_millis()).unwrap_or(u64::MAX),
                check: &finding.id,
                kind,
                severity: &finding.severity,
                status: status.word(),
                title: &finding.title,
                detail: finding.detail(),
            }
        })
        .collect();
    let worlds = run.worlds.as_ref().map(|worlds| Worlds {
        seed: worlds.seed,
        requests: worlds.compared,
        served: worlds.served,
        distinct: worlds.distinct,
        fault_count: worlds.fault_count,
        faults: &worlds.faults,
    });
    let verdict = run.verdict();
    let report = Report {
        base: &run.base,
        suite: "privacy",
        verdict: verdict.word(),
        exit: verdict.code(),
        sentence: Account::of_attacks(run).sentence,
        began: run.began.to_string(),
        took_ms: u64::try_from(run.took.as_millis()).unwrap_or(u64::MAX),
        findings,
        unknown_gaps: &run.unknown_gaps,
        worlds,
    };
    serde_json::to_string_pretty(&report).unwrap_or_default()
}

/// The run as JUnit XML. Known gaps are output of a passed case; what could not be run is skipped.
#[must_use]
pub fn junit(run: &Run) -> String {
    junit_of(&Account::of_attacks(run))
}
