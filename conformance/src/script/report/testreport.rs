//! TestReport, the resource that FHIR R4 has for this.
//!
//! One script makes one resource; several make a Bundle of type `collection`.

use serde_json::{Map, Value, json};

use super::super::outcome::{Act, ActionRun, Outcome, ScriptRun, ScriptsRun, TestRun};
use crate::report::{clean, entries, text};
use crate::validate::references;

/// The run as TestReport in JSON, against the system at `base`.
#[must_use]
pub fn testreport(run: &ScriptsRun, base: &str) -> String {
    entries(run.scripts.iter().map(|script| report(script, base)).collect())
}

/// Whether the address of a script can be the literal reference of a TestReport.
fn leads_to_a_script(url: &str) -> bool {
    let of = references::told(url).type_name;
    let absolute = url.split_once(':').is_some_and(|(scheme, rest)| {
        !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !rest.is_empty()
    });
    (absolute || of.is_some()) && of.is_none_or(|of| of == "TestScript")
}

fn report(script: &ScriptRun, base: &str) -> Value {
    let judged: Vec<Outcome> = script.tests.iter().map(|test| test.outcome).collect();
    let held = judged.iter().filter(|outcome| matches!(outcome, Outcome::Pass | Outcome::Warning)).count();
    let result = match script.outcome {
        Outcome::Pass | Outcome::Warning => "pass",
        Outcome::Fail | Outcome::Error => "fail",
        Outcome::Skip => "pending",
    };
    let mut reference = Map::new();
    let url = script.url.as_deref().map(clean).filter(|url| !url.is_empty());
    match (url, &script.id) {
        (Some(url), _) if leads_to_a_script(&url) => reference.insert("reference".to_owned(), json!(url)),
        (Some(url), _) => reference.insert("identifier".to_owned(), json!({"value": url})),
        (None, Some(id)) if crate::target::is_id(id) => {
            reference.insert("reference".to_owned(), json!(format!("TestScript/{id}")))
        }
        (None, _) => None,
    };
    reference.insert("display".to_owned(), text(&script.name));
    let mut report = json!({
        "resourceType": "TestReport",
        "name": text(&script.name),
        "status": "completed",
        "testScript": reference,
        "result": result,
        "issued": script.began,
        "participant": [
            {"type": "test-engine", "uri": "urn:portcullis:conformance", "display": "portcullis-conformance"},
            {"type": "server", "uri": base},
        ],
    });
    let Some(members) = report.as_object_mut() else { return report };
    if !judged.is_empty() {
        let hundredths = held * 10_000 / judged.len();
        let score = format!("{}.{:02}", hundredths / 100, hundredths % 100);
        members.insert("score".to_owned(), json!(score.parse::<f64>().unwrap_or_default()));
    }
    if let Some(setup) = script.setup.as_ref().filter(|setup| !setup.actions.is_empty()) {
        members.insert("setup".to_owned(), json!({"action": actions(setup)}));
    }
    let tests: Vec<Value> = script.tests.iter().map(test).collect();
    if !tests.is_empty() {
        members.insert("test".to_owned(), Value::Array(tests));
    }
    let operations =
        script.teardown.iter().flat_map(|part| &part.actions).filter(|action| action.act == Act::Operation);
    let operations: Vec<Value> = operations.map(action).collect();
    if !operations.is_empty() {
        members.insert("teardown".to_owned(), json!({"action": operations}));
    }
    report
}

fn test(run: &TestRun) -> Value {
    let mut actions = actions(run);
    if actions.is_empty() {
        // A test has an action: one that was skipped as a whole says so in one.
        let message = if run.message.is_empty() { "nothing was done" } else { &run.message };
        actions.push(json!({"operation": {"result": run.outcome.word(), "message": text(message)}}));
    }
    let mut test = json!({"name": text(&run.name), "action": actions});
    if let (Some(description), Some(members)) = (&run.description, test.as_object_mut()) {
        members.insert("description".to_owned(), text(description));
    }
    test
}

fn actions(run: &TestRun) -> Vec<Value> {
    run.actions.iter().map(action).collect()
}

fn action(run: &ActionRun) -> Value {
    let mut held = json!({"result": run.outcome.word()});
    if let Some(members) = held.as_object_mut() {
        let details: String = run.details.iter().map(|detail| format!("\n- {detail}")).collect();
        let told = format!(
            "{}{}{}{details}",
            run.label,
            if run.message.is_empty() { "" } else { ": " },
            run.message
        );
        members.insert("message".to_owned(), text(&told));
        // What it is traced to; an operation's detail is a URI, an assert's a string.
        if let (Act::Assert, Some(requirement)) = (run.act, run.requirements.first()) {
            members.insert("detail".to_owned(), text(requirement));
        }
    }
    match run.act {
        Act::Operation => json!({"operation": held}),
        Act::Assert => json!({"assert": held}),
    }
}
