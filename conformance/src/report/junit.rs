//! For a CI system: JUnit XML. Unmet SHOULD and MAY are output of a passed case, as JUnit has no warning.

use crate::check::{Finding, Status};
use crate::run::{Run, Usable};

/// The run as JUnit XML.
#[must_use]
pub fn junit(run: &Run) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    if run.target != Usable::Yes {
        let case = "<testcase classname=\"target\" name=\"usable\"><error message=\"the target cannot be tested\"/></testcase>";
        element(
            &mut out,
            format_args!(
                "<testsuite name=\"target\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">{case}</testsuite>"
            ),
        );
    } else {
        for (suite, findings) in &run.suites {
            let count = |status: Status| findings.iter().filter(|finding| finding.status == status).count();
            element(
                &mut out,
                format_args!(
                    "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">",
                    suite.name(),
                    findings.len(),
                    count(Status::Fail),
                    count(Status::Error),
                    count(Status::Skip)
                ),
            );
            for finding in findings {
                case(&mut out, suite.name(), finding);
            }
            out.push_str("</testsuite>\n");
        }
    }
    out.push_str("</testsuites>\n");
    out
}

fn case(out: &mut String, suite: &str, finding: &Finding) {
    let detail = escape(&finding.detail());
    let clause = escape(finding.check.clause);
    let inside = match finding.status {
        Status::Pass => String::new(),
        Status::Fail => format!("<failure message=\"{detail}\">{clause}</failure>"),
        Status::Error => format!("<error message=\"{detail}\">{clause}</error>"),
        Status::Skip => format!("<skipped message=\"{detail}\"/>"),
        Status::Warning | Status::Note => {
            format!("<system-out>{}: {detail} ({clause})</system-out>", finding.status.word())
        }
    };
    let id = finding.check.id;
    element(out, format_args!("  <testcase classname=\"{suite}\" name=\"{id}\">{inside}</testcase>"));
}

fn element(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.push_str(&format!("{text}\n"));
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
