//! Scripts that scripts run: Asbestos imports and Crucible subtests, and fixtures that are parts of others.

use std::sync::Arc;

use bytes::Bytes;

use super::{Given, Runner};
use crate::script::expressions::{Expressions, Failed};
use crate::script::message::Message;
use crate::script::outcome::{Judgement, Outcome, ScriptRun};
use crate::script::plan::{Assertion, Criterion, FixtureSource, Handed, Import, Read, Subtest};
use crate::script::session::Session;
use crate::script::template::Template;

/// Values that one subtest is run for.
const EACH_MAX: usize = 200;

/// What a variable that comes to nothing is handed out as by Asbestos, whose scripts may compare with it.
const UNDEFINED: &str = "asbts_undefined_var";

/// Folders above a script that a file of properties is looked for in.
const ABOVE_MAX: usize = 6;

pub(super) fn failed(failed: &Failed) -> Judgement {
    match failed {
        Failed::Unsupported(what) => Judgement::unsupported(what),
        Failed::Malformed(_) | Failed::Senseless(_) => Judgement::error(failed.to_string()),
    }
}

/// The value of a variable that a module hands out, if it has one. A default with the names in it filled is an expression
/// there, which is evaluated before it is handed out (Asbestos); what does not read as one is handed out as it is.
pub(super) fn handed_out(name: &str, session: &Session<'_>, expressions: &Expressions) -> Option<String> {
    let value = session.fill(&Template::new(&format!("${{{name}}}"))).ok()?;
    let by_default =
        session.plan.variables.iter().any(|held| held.name == name && matches!(held.read, Read::Nothing));
    if !by_default || session.set.contains_key(name) {
        return Some(value);
    }
    let nothing = Message::fixture(Bytes::from_static(br#"{"resourceType":"Basic"}"#));
    let Ok(found) = expressions.evaluate(&value, nothing.root().ok()?) else { return Some(value) };
    Some(match found.values().as_slice() {
        [one] if !one.text.is_empty() => one.text.clone(),
        _ => UNDEFINED.to_owned(),
    })
}

impl Runner {
    pub(super) async fn import<'a>(
        &'a self,
        import: &'a Import,
        session: &mut Session<'a>,
        depth: usize,
    ) -> (Judgement, Vec<ScriptRun>) {
        session.failed_with = None;
        match self.imported(import, session, depth).await {
            Ok(run) => {
                session.answered += run.answered;
                session.unanswered += run.unanswered;
                (of(&run), vec![run])
            }
            Err(judged) => (judged, Vec::new()),
        }
    }

    async fn imported<'a>(
        &'a self,
        import: &'a Import,
        session: &mut Session<'a>,
        depth: usize,
    ) -> Result<ScriptRun, Judgement> {
        let component = self.component(import, session)?;
        let file = self.library.resolve(&session.plan.file, &component);
        let file = file.map_err(|bad| Judgement::error(bad.to_string()))?;
        let script = self.library.load(&file).map_err(|bad| Judgement::error(bad.to_string()))?;
        let module = &script.plan.module;
        let mut given = Given {
            request: session.request.clone(),
            response: session.response.clone(),
            top: Some(session.top.clone()),
            ..Given::default()
        };
        for (at, own) in import.fixtures_in.iter().enumerate() {
            self.part_of_fixture(own, session)?;
            let there = module.fixtures_in.get(at).unwrap_or(own);
            match session.named(own) {
                Some(message) => given.held.insert(there.clone(), message),
                None => return Err(Judgement::error(format!("nothing has filled {own}"))),
            };
        }
        for (at, handed) in import.variables_in.iter().enumerate() {
            let value = |name: &str| session.fill(&Template::new(&format!("${{{name}}}")));
            let (own, value) = match handed {
                Handed::Literal(text) => (None, Ok(text.clone())),
                Handed::Value(name) => (Some(name), value(name)),
                // It is read where it is used, which is in what is handed over with it.
                Handed::Unread(name) => {
                    if let Ok(value) = value(name) {
                        given.set.insert(name.clone(), value);
                    }
                    continue;
                }
            };
            let Some(there) = module.variables_in.get(at).or(own) else { continue };
            let value = value.map_err(|missing| Judgement::error(missing.to_string()))?;
            given.set.insert(there.clone(), value);
        }
        let (run, left) = self.script(&script.plan, given, depth + 1).await;
        for (at, own) in import.fixtures_out.iter().enumerate() {
            let there = module.fixtures_out.get(at).unwrap_or(own);
            if let Some(message) = left.held.get(there) {
                session.held.insert(own.clone(), Arc::clone(message));
            }
        }
        for (at, own) in import.variables_out.iter().enumerate() {
            // What the script itself says of a name stands before what a module hands out under it.
            if session.plan.variables.iter().any(|variable| variable.name == *own) {
                continue;
            }
            let there = module.variables_out.get(at).unwrap_or(own);
            if let Some(value) = left.variables.get(there) {
                session.set.insert(own.clone(), value.clone());
            }
        }
        session.request = left.request;
        session.response = left.response;
        self.remember(&run.name, session);
        Ok(run)
    }

    /// The file to import. `#{prefix:FILE:key}` is the variable whose name is the prefix and what FILE, beside the script
    /// that was run first or above it, says of the key.
    fn component(&self, import: &Import, session: &Session<'_>) -> Result<String, Judgement> {
        let text =
            session.fill(&import.component).map_err(|missing| Judgement::error(missing.to_string()))?;
        let Some(inside) = text.strip_prefix("#{").and_then(|text| text.strip_suffix('}')) else {
            return Ok(text);
        };
        let mut parts = inside.splitn(3, ':');
        let (Some(prefix), Some(file), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Judgement::error(format!("{text} names no file and key")));
        };
        let above = (0..ABOVE_MAX).map(|up| format!("{}{file}", "../".repeat(up)));
        let found = above.into_iter().find_map(|file| self.library.resolve(&session.top, &file).ok());
        let file = found.ok_or_else(|| Judgement::error(format!("{file} cannot be read")))?;
        let bytes = self.library.read(&file).map_err(|bad| Judgement::error(bad.to_string()))?;
        let lines = String::from_utf8_lossy(&bytes).into_owned();
        let value = lines.lines().find_map(|line| {
            let (held, value) = line.split_once([':', '='])?;
            (held.trim() == key).then(|| value.trim().to_owned())
        });
        let value =
            value.ok_or_else(|| Judgement::error(format!("{text}: the file says nothing of {key}")))?;
        let variable = Template::new(&format!("${{{prefix}{value}}}"));
        session.fill(&variable).map_err(|missing| Judgement::error(missing.to_string()))
    }

    /// Makes a fixture that is a part of another, if `id` is one and it is not made yet.
    fn part_of_fixture(&self, id: &str, session: &mut Session<'_>) -> Result<(), Judgement> {
        let fixture = session.plan.fixtures.iter().find(|fixture| fixture.id == id);
        let Some(FixtureSource::Part { of, expression }) = fixture.map(|fixture| &fixture.source) else {
            return Ok(());
        };
        let whole = session.message(of).map_err(|missing| Judgement::error(missing.to_string()))?;
        let whole = whole.ok_or_else(|| Judgement::error(format!("nothing has filled {of}")))?;
        let root = whole.root().map_err(|bad| Judgement::error(format!("{of}: {bad}")))?;
        let found = self.expressions.evaluate(expression, root).map_err(|bad| failed(&bad))?;
        let mut nodes = found.items.iter().filter_map(|item| item.node);
        let node = nodes.next().ok_or_else(|| Judgement::error(format!("{of} has no such part")))?;
        // An entry stands for the resource in it.
        let resource =
            if node.resource_type().is_none() { node.child("resource").unwrap_or(node) } else { node };
        let body = resource.to_json(&crate::model::Tables::R4);
        session.held.insert(id.to_owned(), Arc::new(Message::fixture(body.into())));
        Ok(())
    }

    pub(super) async fn subtest<'a>(
        &'a self,
        assertion: &'a Assertion,
        subtest: &'a Subtest,
        session: &mut Session<'a>,
        depth: usize,
    ) -> (Judgement, Vec<ScriptRun>) {
        let name = match session.fill(&subtest.name) {
            Ok(name) => name,
            Err(missing) => return (Judgement::error(missing.to_string()), Vec::new()),
        };
        let Some(script) = self.library.named(&session.plan.file, &name) else {
            return (Judgement::error(format!("no script beside it is called {name}")), Vec::new());
        };
        let mut given = Given {
            request: session.request.clone(),
            response: session.response.clone(),
            top: Some(session.top.clone()),
            ..Given::default()
        };
        for (own, there) in &subtest.bound {
            match session.fill(&Template::new(&format!("${{{own}}}"))) {
                Ok(value) => given.set.insert(there.clone(), value),
                Err(missing) => return (Judgement::error(missing.to_string()), Vec::new()),
            };
        }
        let values = match &subtest.each {
            None => vec![None],
            Some(each) => match self.each(assertion, session) {
                Ok(values) => values.into_iter().map(|value| Some((each.variable.clone(), value))).collect(),
                Err(judged) => return (judged, Vec::new()),
            },
        };
        let mut runs = Vec::new();
        for value in values {
            let mut set = given.set.clone();
            set.extend(value);
            let given = Given {
                set,
                request: given.request.clone(),
                response: given.response.clone(),
                top: given.top.clone(),
                ..Given::default()
            };
            let (run, _) = self.script(&script.plan, given, depth + 1).await;
            session.answered += run.answered;
            session.unanswered += run.unanswered;
            runs.push(run);
        }
        let wanted =
            if subtest.each.as_ref().is_none_or(|each| each.all) { Wanted::All } else { Wanted::Any };
        (together(&runs, wanted), runs)
    }

    /// The values that a subtest is run for.
    fn each(&self, assertion: &Assertion, session: &Session<'_>) -> Result<Vec<String>, Judgement> {
        let expression = assertion.criteria.iter().find_map(Criterion::expression);
        let Some(expression) = expression else {
            return Err(Judgement::error("no expression says what it is run for"));
        };
        let text = session.fill(expression).map_err(|missing| Judgement::error(missing.to_string()))?;
        let source = match &assertion.source_id {
            Some(id) => session.message(id).map_err(|missing| Judgement::error(missing.to_string()))?,
            None => session.response.clone(),
        };
        let source = source.ok_or_else(|| Judgement::error("there is nothing to look at"))?;
        let root = source.root().map_err(|bad| Judgement::fail(bad.to_string()))?;
        let found = self.expressions.evaluate(&text, root).map_err(|bad| failed(&bad))?;
        Ok(found.values().into_iter().take(EACH_MAX).map(|value| value.text).collect())
    }
}

/// How many of the scripts within have to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    All,
    Any,
}

fn together(runs: &[ScriptRun], wanted: Wanted) -> Judgement {
    let all = wanted == Wanted::All;
    let passed = runs.iter().filter(|run| matches!(run.outcome, Outcome::Pass | Outcome::Warning)).count();
    match runs.iter().map(|run| run.outcome).max() {
        None => Judgement::fail("there was nothing to run it for"),
        Some(Outcome::Error) if all || passed == 0 => Judgement::error("a script within could not be judged"),
        Some(Outcome::Fail) if all || passed == 0 => {
            Judgement::fail(format!("{} of {} within did not pass", runs.len() - passed, runs.len()))
        }
        Some(_) if passed == 0 => Judgement::skip("every script within was skipped"),
        Some(_) => Judgement::pass(),
    }
}

fn of(run: &ScriptRun) -> Judgement {
    let text = if run.message.is_empty() { format!("{} within", run.name) } else { run.message.clone() };
    match run.outcome {
        Outcome::Pass => Judgement::pass(),
        // A module that had nothing to do has not failed.
        Outcome::Skip => Judgement::skip(text),
        outcome @ (Outcome::Warning | Outcome::Fail | Outcome::Error) => Judgement::new(outcome, text),
    }
}
