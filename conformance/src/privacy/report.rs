//! Tells the result: to a person, to a CI system, to a program. Canaries are named, for they are the suite's own; nothing
//! else of an answer is.

use serde::Serialize;

use super::{Finding, Run, Status};
use crate::run::{Usable, Verdict};

/// A line for each attack that does not simply pass, then a summary.
#[must_use]
pub fn terminal(run: &Run) -> String {
    let mut out = format!("Privacy of {}\n", run.base);
    if run.target != Usable::Yes {
        out.push_str("\nThe target cannot be tested: nothing listens there.\n");
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
    let told = match run.verdict() {
        Verdict::Pass => "Pass: nothing hidden came out of what was run.",
        Verdict::Fail => "Fail: something hidden came out, nothing was proved, or the list of gaps is wrong.",
        Verdict::Error => "Error: nothing could be run, or the time was over.",
        Verdict::Unusable => "The target cannot be tested.",
    };
    let counts: Vec<String> =
        Status::ALL.iter().map(|status| format!("{} {}", run.count(*status), status.word())).collect();
    out.push_str(&format!("\n{told}\n{}\n", counts.join(", ")));
    out
}

#[derive(Serialize)]
struct Report<'a> {
    base: &'a str,
    suite: &'static str,
    verdict: &'static str,
    exit: u8,
    findings: Vec<Row<'a>>,
    unknown_gaps: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    worlds: Option<Worlds<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
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
        findings,
        unknown_gaps: &run.unknown_gaps,
        worlds,
    };
    serde_json::to_string_pretty(&report).unwrap_or_default()
}

/// The run as JUnit XML. Known gaps are output of a passed case; what could not be run is skipped.
#[must_use]
pub fn junit(run: &Run) -> String {
    let mut cases = String::new();
    let (mut failures, mut skipped, mut tests) = (0, 0, 0);
    let mut case = |name: &str, inside: String| {
        tests += 1;
        cases.push_str(&format!(
            "  <testcase classname=\"privacy\" name=\"{}\">{inside}</testcase>\n",
            escape(name)
        ));
    };
    for finding in &run.findings {
        let detail = escape(finding.detail());
        let title = escape(&finding.title);
        let inside = match finding.status() {
            Status::Pass => String::new(),
            Status::Fail | Status::Vacuous | Status::Mended => {
                failures += 1;
                let word = finding.status().word();
                format!("<failure message=\"{word}: {detail}\">{title}</failure>")
            }
            Status::NotRun | Status::Manual => {
                skipped += 1;
                format!("<skipped message=\"{detail}\"/>")
            }
            Status::Gap => format!("<system-out>known gap: {detail}</system-out>"),
        };
        case(&finding.id, inside);
    }
    for id in &run.unknown_gaps {
        failures += 1;
        case(id, "<failure message=\"the list of gaps names what the battery does not have\"/>".to_owned());
    }
    if let Some(worlds) = &run.worlds {
        let told = worlds.faults.first().map(|fault| escape(fault));
        failures += usize::from(told.is_some());
        let inside = told.map_or_else(String::new, |fault| format!("<failure message=\"{fault}\"/>"));
        case(&format!("worlds from seed {}", worlds.seed), inside);
    }
    let mut errors = 0;
    if matches!(run.verdict(), Verdict::Unusable | Verdict::Error) {
        errors = 1;
        case("run", "<error message=\"the target cannot be tested, or not everything was run\"/>".to_owned());
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"privacy\" tests=\"{tests}\" \
         failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\">\n{cases}</testsuite>\n</testsuites>\n"
    )
}

fn escape(text: &str) -> String {
    let plain: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
