//! For a person at a terminal.

use crate::check::{Check, Finding, Status};
use crate::run::{Run, Usable, Verdict};
use crate::suite::Suite;

/// A line per check, the first failure in full, a summary.
#[must_use]
pub fn terminal(run: &Run) -> String {
    let mut out = format!("Conformance of {}\n", run.base);
    match run.target {
        Usable::Yes => {}
        Usable::Silent => out.push_str("\nThe target cannot be tested: GET metadata had no answer.\n"),
        Usable::StatesNothing => {
            out.push_str("\nThe target cannot be tested: it has no CapabilityStatement to go by.\n");
        }
    }
    if run.target != Usable::Yes {
        return out;
    }
    for (suite, findings) in &run.suites {
        line(&mut out, format_args!("\n{}", suite.name()));
        for finding in findings {
            line(&mut out, format_args!("  {:<8} {}", finding.status.word(), finding.check.id));
            if finding.status != Status::Pass {
                line(&mut out, format_args!("           {}", finding.detail()));
            }
        }
    }
    if let Some(first) = run.findings().find(|finding| finding.status == Status::Fail) {
        in_full(&mut out, first);
    }
    summary(&mut out, run);
    out
}

fn in_full(out: &mut String, finding: &Finding) {
    let check = finding.check;
    line(out, format_args!("\nThe first failure in full: {}", check.id));
    line(out, format_args!("  {} {}", check.grade.word(), check.title));
    line(out, format_args!("  because {}", check.why));
    line(out, format_args!("  {}", finding.detail()));
    line(out, format_args!("  clause: {}", check.clause));
}

fn summary(out: &mut String, run: &Run) {
    let told = match run.verdict() {
        Verdict::Pass => "Pass: every SHALL that applies here is met.",
        Verdict::Fail => "Fail: something the specification demands is not met.",
        Verdict::Error => "Error: not everything could be found out, or nothing was checked.",
        Verdict::Unusable => "The target cannot be tested.",
    };
    line(out, format_args!("\n{told}"));
    let statuses = [Status::Pass, Status::Fail, Status::Warning, Status::Note, Status::Skip, Status::Error];
    let counts: Vec<String> =
        statuses.iter().map(|status| format!("{} {}", run.count(*status), status.word())).collect();
    line(out, format_args!("{}", counts.join(", ")));
    if run.left > 0 {
        line(
            out,
            format_args!(
                "{} resources of invented people that this run made are still there: the target did not delete them.",
                run.left
            ),
        );
    }
}

/// Every suite and its checks.
#[must_use]
pub fn list() -> String {
    let mut out = String::new();
    for suite in Suite::ALL {
        line(&mut out, format_args!("{}: {}", suite.name(), suite.about()));
        for check in suite.checks() {
            line(&mut out, format_args!("  {:<32} {:<6} {}", check.id, check.grade.word(), check.title));
        }
    }
    line(&mut out, format_args!("privacy: attacks from a battery, which has its own list; see `run --help`"));
    out
}

/// One check: what, why, and where the specification says so.
#[must_use]
pub fn explain(suite: Suite, check: &Check) -> String {
    format!(
        "{}\n  suite:  {}\n  what:   {}\n  why:    {}\n  grade:  {}\n  clause: {}\n",
        check.id,
        suite.name(),
        check.title,
        check.why,
        check.grade.word(),
        check.clause
    )
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.push_str(&format!("{text}\n"));
}
