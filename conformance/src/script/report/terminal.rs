//! For a person at a terminal.

use std::path::Path;

use super::super::finding::Finding;
use super::super::outcome::{ActionRun, Outcome, ScriptRun, ScriptsRun};
use crate::run::Verdict;

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

/// The first failure in full, and a summary.
#[must_use]
pub fn terminal(run: &ScriptsRun) -> String {
    let mut out = String::new();
    for (file, why) in &run.unread {
        put(&mut out, format_args!("{:<8} {}: {why}\n", "error", file.display()));
    }
    let mut wrong = run.scripts.iter().flat_map(|script| {
        script
            .actions()
            .into_iter()
            .filter(|action| action.outcome >= Outcome::Fail)
            .map(move |action| (script, action))
    });
    if let Some((script, action)) = wrong.next() {
        in_full(&mut out, script, action);
    }
    let told = match run.verdict() {
        Verdict::Pass => "Pass: every assert that was made holds.",
        Verdict::Fail => "Fail: an assert does not hold.",
        Verdict::Error => "Error: not everything could be judged, or nothing was.",
        Verdict::Unusable => "The target cannot be tested: no request was answered.",
    };
    put(&mut out, format_args!("\n{told}\n"));
    let counted = |outcomes: &[Outcome]| {
        let counts = outcomes.iter().map(|outcome| format!("{} {}", run.count(*outcome), outcome.word()));
        counts.collect::<Vec<_>>().join(", ")
    };
    let all = [Outcome::Pass, Outcome::Warning, Outcome::Fail, Outcome::Skip, Outcome::Error];
    put(&mut out, format_args!("{} scripts: {}\n", run.scripts.len(), counted(&all)));
    let mut unsupported: Vec<&str> = run.scripts.iter().flat_map(ScriptRun::unsupported).collect();
    unsupported.sort_unstable();
    unsupported.dedup();
    for what in unsupported.iter().take(20) {
        put(&mut out, format_args!("  {what}\n"));
    }
    out
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
