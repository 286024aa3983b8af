//! For programs.

use serde_json::{Value, json};

use super::super::outcome::{Act, ActionRun, Outcome, ScriptRun, ScriptsRun, TestRun};
use crate::report::account::Account;

/// The run as JSON.
#[must_use]
pub fn json(run: &ScriptsRun) -> String {
    let verdict = run.verdict();
    let unread: Vec<Value> = run
        .unread
        .iter()
        .map(|(file, why)| json!({"file": file.display().to_string(), "message": why}))
        .collect();
    let account = Account::of_scripts(run, "");
    let report = json!({
        "verdict": verdict.word(),
        "exit": verdict.code(),
        "first_steps": account.first_steps(),
        "sentence": account.sentence,
        "coverage": account.coverage,
        "counts": {
            "pass": run.count(Outcome::Pass),
            "warning": run.count(Outcome::Warning),
            "fail": run.count(Outcome::Fail),
            "skip": run.count(Outcome::Skip),
            "error": run.count(Outcome::Error),
        },
        "scripts": run.scripts.iter().map(script).collect::<Vec<_>>(),
        "unread": unread,
    });
    serde_json::to_string_pretty(&report).unwrap_or_default()
}

fn script(run: &ScriptRun) -> Value {
    json!({
        "name": run.name,
        "url": run.url,
        "file": run.file.display().to_string(),
        "began": run.began,
        "outcome": run.outcome.word(),
        "message": run.message,
        "took_ms": u64::try_from(run.took.as_millis()).unwrap_or(u64::MAX),
        "setup": run.setup.as_ref().map(test),
        "tests": run.tests.iter().map(test).collect::<Vec<_>>(),
        "teardown": run.teardown.as_ref().map(test),
    })
}

fn test(run: &TestRun) -> Value {
    json!({
        "name": run.name,
        "description": run.description,
        "outcome": run.outcome.word(),
        "message": run.message,
        "took_ms": u64::try_from(run.took.as_millis()).unwrap_or(u64::MAX),
        "actions": run.actions.iter().map(action).collect::<Vec<_>>(),
    })
}

fn action(run: &ActionRun) -> Value {
    json!({
        "kind": match run.act { Act::Operation => "operation", Act::Assert => "assert" },
        "place": run.place,
        "label": run.label,
        "outcome": run.outcome.word(),
        "message": run.message,
        "details": run.details,
        "requirements": run.requirements,
        "within": run.within.iter().map(script).collect::<Vec<_>>(),
    })
}
