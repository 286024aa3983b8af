//! For a CI system: a suite for each script, a case for its setup and each test.

use super::super::outcome::{Outcome, ScriptRun, ScriptsRun, TestRun};

/// The run as JUnit XML.
#[must_use]
pub fn junit(run: &ScriptsRun) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for script in &run.scripts {
        suite(&mut out, script);
    }
    if !run.unread.is_empty() {
        let count = run.unread.len();
        out.push_str(&format!(
            "<testsuite name=\"unread\" tests=\"{count}\" failures=\"0\" errors=\"{count}\" skipped=\"0\">\n"
        ));
        for (file, why) in &run.unread {
            let name = escape(&file.display().to_string());
            out.push_str(&format!(
                "  <testcase classname=\"unread\" name=\"{name}\"><error message=\"{}\"/></testcase>\n",
                escape(why)
            ));
        }
        out.push_str("</testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn suite(out: &mut String, script: &ScriptRun) {
    let own = TestRun {
        name: "script".to_owned(),
        description: None,
        outcome: script.outcome,
        message: script.message.clone(),
        actions: Vec::new(),
        took: script.took,
    };
    // A script that could not run has one case, which says why.
    let parts: Vec<&TestRun> = if script.tests.is_empty() && script.setup.is_none() {
        vec![&own]
    } else {
        script.setup.iter().chain(&script.tests).collect()
    };
    let count = |outcome: Outcome| parts.iter().filter(|part| part.outcome == outcome).count();
    out.push_str(&format!(
        "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3}\" timestamp=\"{}\">\n",
        escape(&script.name),
        parts.len(),
        count(Outcome::Fail),
        count(Outcome::Error),
        count(Outcome::Skip),
        script.took.as_secs_f64(),
        script.began.get(..19).unwrap_or(&script.began),
    ));
    for part in parts {
        case(out, &script.name, part);
    }
    out.push_str("</testsuite>\n");
}

fn case(out: &mut String, class: &str, part: &TestRun) {
    let wrong: Vec<String> = part
        .actions
        .iter()
        .filter(|action| action.outcome >= Outcome::Warning)
        .map(|action| {
            let details: String = action.details.iter().map(|detail| format!("\n    {detail}")).collect();
            format!("{}: {}: {}{details}", action.outcome.word(), action.label, action.message)
        })
        .collect();
    let text = escape(&wrong.join("\n"));
    let first = part
        .actions
        .iter()
        .find(|action| action.outcome == part.outcome)
        .map(|action| action.message.as_str());
    let message = escape(if part.message.is_empty() { first.unwrap_or_default() } else { &part.message });
    let inside = match part.outcome {
        Outcome::Pass => String::new(),
        Outcome::Warning => format!("<system-out>{text}</system-out>"),
        Outcome::Skip => format!("<skipped message=\"{message}\"/>"),
        Outcome::Fail => format!("<failure message=\"{message}\">{text}</failure>"),
        Outcome::Error => format!("<error message=\"{message}\">{text}</error>"),
    };
    out.push_str(&format!(
        "  <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\">{inside}</testcase>\n",
        escape(class),
        escape(&part.name),
        part.took.as_secs_f64()
    ));
}

/// Text for XML 1.0, which has no control characters.
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
                out.push('\u{FFFD}')
            }
            other => out.push(other),
        }
    }
    out
}
