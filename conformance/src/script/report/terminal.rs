//! For a person at a terminal.

use std::path::Path;

use super::super::finding::Finding;
use super::super::outcome::{ActionRun, Outcome, ScriptRun, ScriptsRun};
use crate::report::account::Account;
use crate::report::{Paint, summary};

/// One line of a script that ended, as it is told while others run.
#[must_use]
pub fn line(script: &ScriptRun) -> String {
    let actions = script.actions();
    let count = |outcome: Outcome| actions.iter().filter(|action| action.outcome == outcome).count();
    let mut out = format!(
        "{:<8} {} ({} tests, {} actions: {} pass, {} fail, {} warning, {} skip, {} error; {} ms)\n",
        script.outcome.word(),
        script.name,
        script.tests.len(),
        actions.len(),
        count(Outcome::Pass),
        count(Outcome::Fail),
        count(Outcome::Warning),
        count(Outcome::Skip),
        count(Outcome::Error),
        script.took.as_millis(),
    );
    if !script.message.is_empty() {
        put(&mut out, format_args!("         {}\n", script.message));
    }
    for part in script.parts().filter(|part| part.outcome > Outcome::Pass) {
        put(&mut out, format_args!("  {:<8} {}\n", part.outcome.word(), part.name));
        if !part.message.is_empty() {
            put(&mut out, format_args!("           {}\n", part.message));
        }
        for action in part.actions.iter().filter(|action| action.outcome > Outcome::Pass) {
            put(
                &mut out,
                format_args!(
                    "    {:<8} {}\n             {}\n",
                    action.outcome.word(),
                    action.label,
                    action.message
                ),
            );
        }
    }
    out
}

/// What could not be read, the first failure in full, and a summary.
#[must_use]
pub fn terminal(run: &ScriptsRun) -> String {
    let first = run.scripts.iter().find_map(first_failure).unwrap_or_default();
    format!("{}{first}{}", unread(run), summary(&Account::of_scripts(run, ""), Paint::Plain))
}

/// What could not be read.
#[must_use]
pub fn unread(run: &ScriptsRun) -> String {
    let mut out = String::new();
    for (file, why) in &run.unread {
        put(&mut out, format_args!("{:<8} {}: {why}\n", "error", file.display()));
    }
    out
}

/// The first failure of `script` in full, if it has one.
#[must_use]
pub fn first_failure(script: &ScriptRun) -> Option<String> {
    let action = script.actions().into_iter().find(|action| action.outcome >= Outcome::Fail)?;
    let mut out = String::new();
    in_full(&mut out, script, action);
    Some(out)
}

fn in_full(out: &mut String, script: &ScriptRun, action: &ActionRun) {
    put(out, format_args!("\nThe first failure in full: {}\n", script.name));
    put(out, format_args!("  file:   {}\n  action: {}\n", script.file.display(), action.place));
    put(out, format_args!("  {}\n  {}: {}\n", action.label, action.outcome.word(), action.message));
    for detail in &action.details {
        put(out, format_args!("    {detail}\n"));
    }
}

/// What `lint` found in one file.
#[must_use]
pub fn findings(file: &Path, findings: &[Finding]) -> String {
    let mut out = String::new();
    for finding in findings {
        let place =
            if finding.line > 0 { format!(":{}:{}", finding.line, finding.column) } else { String::new() };
        put(
            &mut out,
            format_args!(
                "{}{place}: {} [{}] {} ({})\n",
                file.display(),
                finding.severity.word(),
                finding.code,
                finding.text,
                finding.path
            ),
        );
    }
    out
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.push_str(&text.to_string());
}
