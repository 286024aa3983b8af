//! What can be known to be wrong with a script before it runs.
//!
//! Rules of one element are kept while it is read; here is what needs more than one: names that nothing gives a value,
//! ids that nothing fills, files that are not there, asserts that can have nothing to look at, expressions that do not
//! read.

use std::collections::BTreeSet;

use super::expressions;
use super::finding::{Finding, Severity};
use super::library::{Library, Script};
use super::macros::Macro;
use super::plan::{
    Action, Assertion, Criterion, Direction, Doing, FixtureSource, Handed, Operation, Plan, Read,
};
use super::rules;
use super::template::Template;

/// Ids that are always there.
const ALWAYS: [&str; 3] = ["request", "response", "anonymous"];

/// Everything found wrong with `script`, in no order but that of the script.
#[must_use]
pub fn lint(script: &Script, library: &Library) -> Vec<Finding> {
    let plan = &script.plan;
    let mut lint = Lint { plan, library, findings: plan.findings.clone(), told: BTreeSet::new() };
    lint.fixtures();
    lint.variables();
    let mut known: BTreeSet<&str> = plan.fixtures.iter().map(|fixture| fixture.id.as_str()).collect();
    known.extend(plan.module.fixtures_in.iter().map(String::as_str));
    let mut asked = if plan.module.fixtures_in.is_empty() { Asked::Nothing } else { Asked::Something };
    for action in plan.actions() {
        lint.action(action, &mut known, &mut asked);
    }
    lint.findings
}

/// Whether there is a request and a response to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Something,
    Nothing,
}

struct Lint<'a> {
    plan: &'a Plan,
    library: &'a Library,
    findings: Vec<Finding>,
    /// Names that were told once; one finding each is enough.
    told: BTreeSet<String>,
}

impl Lint<'_> {
    fn note(&mut self, severity: Severity, path: &str, code: &'static str, text: String) {
        self.findings.push(Finding { severity, line: 0, column: 0, path: path.to_owned(), code, text });
    }

    fn once(&mut self, severity: Severity, path: &str, code: &'static str, text: String) {
        if self.told.insert(format!("{code} {text}")) {
            self.note(severity, path, code, text);
        }
    }

    fn names(&mut self, template: &Template, path: &str) {
        for name in template.names() {
            let declared = self.plan.variables.iter().any(|variable| variable.name == name)
                || self.plan.module.variables_in.iter().any(|held| held == name);
            let imported = self.plan.actions().any(|action| gives_variable(action, name));
            let repeated =
                self.plan.tests.iter().any(|test| test.repeat.iter().any(|(held, _)| held == name));
            if declared || imported || repeated {
                continue;
            }
            match Macro::named(name) {
                Some(Macro::Shifted { base, .. })
                    if base.starts_with(|letter: char| letter.is_ascii_digit()) => {}
                Some(Macro::Shifted { base, .. }) => {
                    if !self.plan.variables.iter().any(|variable| variable.name == base) {
                        self.once(
                            Severity::Error,
                            path,
                            "undefined-variable",
                            format!("nothing gives {base} a value"),
                        );
                    }
                }
                Some(_) => {}
                None => self.once(
                    Severity::Error,
                    path,
                    "undefined-variable",
                    format!("nothing gives {name} a value"),
                ),
            }
        }
    }

    fn fixtures(&mut self) {
        for fixture in &self.plan.fixtures {
            let path = format!("TestScript.fixture({})", fixture.id);
            match &fixture.source {
                FixtureSource::Reference(reference) => {
                    self.names(reference, &path);
                    if reference.is_plain() {
                        self.file(reference.text(), &path);
                    }
                }
                FixtureSource::Held(bytes) => {
                    if let Ok(text) = std::str::from_utf8(bytes) {
                        self.names(&Template::new(text), &path);
                    }
                }
                FixtureSource::Part { of, expression } => {
                    self.expression(&Template::new(expression), &path);
                    let filled = ALWAYS.contains(&of.as_str())
                        || self.plan.fixtures.iter().any(|held| held.id == *of)
                        || self.plan.module.fixtures_in.contains(of)
                        || self.plan.actions().any(|action| fills(action, of));
                    if !filled {
                        self.once(Severity::Error, &path, "unknown-id", format!("nothing is called {of}"));
                    }
                }
                FixtureSource::Fake(_) | FixtureSource::Later => {}
            }
        }
    }

    fn file(&mut self, reference: &str, path: &str) {
        if super::address::is_remote(reference) {
            return;
        }
        match self.library.resolve(&self.plan.file, reference) {
            Ok(file) => {
                let text =
                    self.library.read(&file).ok().and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
                if let Some(text) = text.filter(|text| text.contains("${")) {
                    self.names(&Template::new(&text), path);
                }
            }
            Err(_) if super::address::is_reference(reference) => {}
            Err(bad) => self.note(Severity::Error, path, "missing-fixture", bad.to_string()),
        }
    }

    fn variables(&mut self) {
        for variable in &self.plan.variables {
            let path = format!("TestScript.variable({})", variable.name);
            if let Some(default) = &variable.default {
                self.names(default, &path);
            }
            match &variable.read {
                Read::Expression(expression) => self.expression(expression, &path),
                Read::Header(header) => self.names(header, &path),
                Read::Path(template) => self.names(template, &path),
                Read::Nothing => {}
            }
            if let Some(source) = &variable.source_id {
                let filled = ALWAYS.contains(&source.as_str())
                    || self.plan.fixtures.iter().any(|held| held.id == *source)
                    || self.plan.module.fixtures_in.contains(source)
                    || self.plan.actions().any(|action| fills(action, source));
                if !filled {
                    self.once(Severity::Error, &path, "unknown-id", format!("nothing is called {source}"));
                }
            }
        }
    }

    fn expression(&mut self, expression: &Template, path: &str) {
        self.names(expression, path);
        if let Err(bad) = expressions::reads(expression) {
            self.note(Severity::Error, path, "expression", bad);
        }
    }

    fn action<'p>(&mut self, action: &'p Action, known: &mut BTreeSet<&'p str>, asked: &mut Asked) {
        match &action.doing {
            Doing::Operation(operation) => {
                self.operation(operation, &action.place, known);
                let filled = [&operation.response_id, &operation.request_id].into_iter().flatten();
                known.extend(filled.map(String::as_str));
                if let Some(import) = &operation.import {
                    known.extend(import.fixtures_out.iter().map(String::as_str));
                }
                *asked = Asked::Something;
            }
            Doing::Assert(assertion) => self.assertion(assertion, &action.place, known, *asked),
            Doing::Broken(_) => {}
        }
    }

    fn operation(&mut self, operation: &Operation, path: &str, known: &BTreeSet<&str>) {
        let texts = [
            &operation.method,
            &operation.resource,
            &operation.url,
            &operation.params,
            &operation.accept,
            &operation.content_type,
        ];
        let headers = operation.headers.iter().flat_map(|(field, value)| [field, value]);
        for template in texts.into_iter().flatten().chain(headers) {
            self.names(template, path);
        }
        for id in [&operation.source_id, &operation.target_id].into_iter().flatten() {
            self.id(id, path, known);
        }
        let Some(import) = &operation.import else { return };
        self.names(&import.component, path);
        for id in &import.fixtures_in {
            self.id(id, path, known);
        }
        for handed in &import.variables_in {
            if let Handed::Value(name) | Handed::Unread(name) = handed {
                self.names(&Template::new(&format!("${{{name}}}")), path);
            }
        }
        if import.component.is_plain()
            && !import.component.text().starts_with("#{")
            && let Err(bad) = self.library.resolve(&self.plan.file, import.component.text())
        {
            self.note(Severity::Error, path, "missing-component", bad.to_string());
        }
    }

    fn id(&mut self, id: &str, path: &str, known: &BTreeSet<&str>) {
        if !known.contains(id) && !ALWAYS.contains(&id) {
            self.once(Severity::Error, path, "unknown-id", format!("nothing is called {id} when it is used"));
        }
    }

    fn assertion(&mut self, assertion: &Assertion, path: &str, known: &BTreeSet<&str>, asked: Asked) {
        if let Some(value) = &assertion.value {
            self.names(value, path);
        }
        let mut looks_at_source = false;
        for criterion in &assertion.criteria {
            match criterion {
                Criterion::Expression(expression) => self.expression(expression, path),
                Criterion::CompareExpression { source_id, expression } => {
                    self.id(source_id, path, known);
                    self.expression(expression, path);
                    looks_at_source = assertion.criteria.len() == 1;
                }
                Criterion::ComparePath { source_id, path: other } => {
                    self.id(source_id, path, known);
                    self.names(other, path);
                }
                Criterion::MinimumId(id) => self.id(id, path, known),
                Criterion::ValidateProfileId(id) if self.plan.profile(id).is_none() => {
                    self.once(Severity::Error, path, "unknown-profile", format!("no profile is called {id}"));
                }
                Criterion::Rule(call) if rules::named(&self.plan.rules, call).is_none() => {
                    let text = format!("the rule {}", call.name);
                    self.once(Severity::Unsupported, path, "unsupported", text);
                }
                Criterion::ResponseCode(template)
                | Criterion::Resource(template)
                | Criterion::ContentType(template)
                | Criterion::HeaderField(template)
                | Criterion::Path(template)
                | Criterion::RequestMethod(template)
                | Criterion::RequestUrl(template) => self.names(template, path),
                Criterion::QueryParameter { name, .. } => self.names(name, path),
                Criterion::Subtest(subtest) => {
                    if subtest.name.is_plain()
                        && self.library.named(&self.plan.file, subtest.name.text()).is_none()
                    {
                        let text = format!("no script beside it is called {}", subtest.name.text());
                        self.once(Severity::Error, path, "missing-subtest", text);
                    }
                    looks_at_source = subtest.each.is_none();
                }
                Criterion::Response(_)
                | Criterion::NavigationLinks(_)
                | Criterion::ValidateProfileId(_)
                | Criterion::Rule(_) => {}
            }
        }
        match &assertion.source_id {
            Some(id) => self.id(id, path, known),
            None if asked == Asked::Nothing && !looks_at_source => {
                let what = if assertion.direction == Direction::Request { "request" } else { "response" };
                let text = format!("no operation comes before it: there is no {what} to look at");
                self.note(Severity::Error, path, "nothing-asked", text);
            }
            None => {}
        }
    }
}

fn fills(action: &Action, id: &str) -> bool {
    let Doing::Operation(operation) = &action.doing else { return false };
    let imported =
        operation.import.as_ref().is_some_and(|import| import.fixtures_out.iter().any(|held| held == id));
    imported || operation.response_id.as_deref() == Some(id) || operation.request_id.as_deref() == Some(id)
}

fn gives_variable(action: &Action, name: &str) -> bool {
    let Doing::Operation(operation) = &action.doing else { return false };
    operation.import.as_ref().is_some_and(|import| import.variables_out.iter().any(|held| held == name))
}
