//! For a CI system: JUnit XML, in the form that Jenkins, GitLab, Azure and the actions of GitHub read.
//!
//! A suite for each group, a case for each row. JUnit has no warning: what is advised or allowed and not met is output of a
//! passed case. Each case says in its output which clause it holds to and what was asked. What makes a run an error that is
//! no case of it (nothing was judged, the target cannot be tested) is a case of a suite `run`.

use std::time::Duration;

use super::account::{Account, Group, Row, Said, Steps};
use crate::check::Status;
use crate::run::{Run, Verdict};

/// The run of suites as JUnit XML.
#[must_use]
pub fn junit(run: &Run) -> String {
    junit_of(&Account::of_suites(run, &[]))
}

/// The run as JUnit XML.
#[must_use]
pub fn junit_of(account: &Account) -> String {
    let wanting = match account.verdict {
        Verdict::Unusable => true,
        Verdict::Error => account.count(Status::Error) == 0,
        Verdict::Pass | Verdict::Fail => false,
    };
    let extra = usize::from(wanting);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    put(
        &mut out,
        format_args!(
            "<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{}\">\n",
            escape(&format!("{} of {}", account.what, account.base)),
            account.rows().count() + extra,
            account.count(Status::Fail),
            account.count(Status::Error) + extra,
            seconds(account.took),
        ),
    );
    if wanting {
        let sentence = escape(&account.sentence);
        out.push_str("<testsuite name=\"run\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">\n");
        put(
            &mut out,
            format_args!(
                "  <testcase classname=\"run\" name=\"judged\"><error message=\"{sentence}\" type=\"{}\"/></testcase>\n",
                account.verdict.word()
            ),
        );
        out.push_str("</testsuite>\n");
    }
    for group in &account.groups {
        suite(&mut out, account, group);
    }
    out.push_str("</testsuites>\n");
    out
}

fn suite(out: &mut String, account: &Account, group: &Group) {
    let began = group.began.unwrap_or(account.began);
    put(
        out,
        format_args!(
            "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\" timestamp=\"{}\">\n",
            escape(&group.name),
            group.rows.len(),
            group.count(Status::Fail),
            group.count(Status::Error),
            group.count(Status::Skip),
            seconds(group.took),
            // The form of the schema, which knows no zone: the time is that of UTC.
            began.strftime("%Y-%m-%dT%H:%M:%S"),
        ),
    );
    out.push_str("  <properties>\n");
    for (name, value) in [
        ("about", group.about.as_str()),
        ("base", account.base.as_str()),
        ("portcullis-conformance", env!("CARGO_PKG_VERSION")),
    ] {
        put(out, format_args!("    <property name=\"{name}\" value=\"{}\"/>\n", escape(value)));
    }
    out.push_str("  </properties>\n");
    for row in &group.rows {
        case(out, &group.name, row);
    }
    out.push_str("</testsuite>\n");
}

fn case(out: &mut String, class: &str, row: &Row) {
    put(
        out,
        format_args!(
            "  <testcase classname=\"{}\" name=\"{}\" time=\"{}\">",
            escape(class),
            escape(&row.id),
            seconds(row.took)
        ),
    );
    let message = escape(&match (row.nuance, &row.said) {
        (Some(nuance), Said::Nothing) => nuance.to_owned(),
        (Some(nuance), said) => format!("{nuance}: {}", said.line()),
        (None, said) => said.line(),
    });
    let kind = escape(if row.weight.word().is_empty() { row.status.word() } else { row.weight.word() });
    let text = escape(&text(row));
    match row.status {
        Status::Pass | Status::Warning | Status::Note => {}
        Status::Fail => {
            put(out, format_args!("<failure message=\"{message}\" type=\"{kind}\">{text}</failure>"));
        }
        Status::Error => {
            put(out, format_args!("<error message=\"{message}\" type=\"{kind}\">{text}</error>"))
        }
        Status::Skip => put(out, format_args!("<skipped message=\"{message}\"/>")),
    }
    let said = if matches!(row.status, Status::Warning | Status::Note) {
        format!("{}: {message}&#10;{text}", row.status.word())
    } else {
        text
    };
    if !said.is_empty() {
        put(out, format_args!("<system-out>{said}</system-out>"));
    }
    out.push_str("</testcase>\n");
}

/// What a row looks at and did, line by line.
fn text(row: &Row) -> String {
    let mut lines = Vec::new();
    if !row.title.is_empty() {
        lines.push(format!("{} {}", row.weight.word(), row.title).trim().to_owned());
    }
    lines.extend(row.clause.iter().map(|clause| format!("clause: {clause}")));
    match &row.steps {
        Steps::Requests(asked) => lines.extend(asked.iter().map(|exchanged| {
            let status = exchanged.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            format!("{} {}: {status}, {} ms", exchanged.method, exchanged.path, exchanged.took.as_millis())
        })),
        Steps::Actions(done) => {
            let wrong = done
                .iter()
                .filter(|action| matches!(action.status, Status::Fail | Status::Error | Status::Warning));
            for action in wrong {
                lines.push(format!("{}: {}: {}", action.status.word(), action.label, action.message));
                lines.extend(action.details.iter().map(|detail| format!("    {detail}")));
            }
        }
    }
    lines.join("\n")
}

/// Seconds as the schema has them: digits, a point, three digits.
fn seconds(time: Duration) -> String {
    format!("{}.{:03}", time.as_secs(), time.subsec_millis())
}

/// Text for XML 1.0, which has no control characters; ends of lines are kept in attributes too.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push(' '),
            control if control.is_control() || matches!(control, '\u{FFFE}' | '\u{FFFF}') => {
                out.push('\u{FFFD}');
            }
            other => out.push(other),
        }
    }
    out
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.push_str(&text.to_string());
}
