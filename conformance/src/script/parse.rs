//! From a lenient tree to a plan, with everything found wrong on the way.
//!
//! STU3, R4, R4B, R5, what is becoming R6 and the dialects in use differ in few elements, and no release is asked for:
//! each element is understood wherever it stands.

mod assertion;
mod extension;
mod operation;

use std::path::Path;

use bytes::Bytes;

use super::finding::{Finding, Severity};
use super::plan::{
    Action, Capability, Doing, Fixture, FixtureSource, Party, Plan, Read, Test, Tested, Variable, WhenWrong,
};
use super::template::Template;
use crate::tree::{Node, Tree};

/// Findings of one script.
#[derive(Debug, Default)]
pub(super) struct Noted {
    findings: Vec<Finding>,
}

impl Noted {
    pub(super) fn note(
        &mut self,
        severity: Severity,
        node: Node<'_>,
        code: &'static str,
        text: impl Into<String>,
    ) {
        let place = node.place();
        let (line, column) = (place.line, place.column);
        self.findings.push(Finding { severity, line, column, path: node.path(), code, text: text.into() });
    }
}

/// What a text is when it is no script that can be planned.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the resource is no TestScript")]
pub(crate) struct NoScript;

/// Plans the script in `tree`.
pub(crate) fn parse(tree: &Tree, file: &Path) -> Result<Plan, NoScript> {
    let root = tree.root();
    if root.resource_type().or(Some(root.name())) != Some("TestScript") {
        return Err(NoScript);
    }
    let mut noted = Noted::default();
    let mut plan = Plan {
        file: file.to_owned(),
        id: root.child_text("id").map(str::to_owned),
        url: root.child_text("url").filter(|url| !url.is_empty()).map(str::to_owned),
        name: name_of(root, file),
        origins: parties(root, "origin"),
        destinations: parties(root, "destination"),
        systems: parties(root, "testSystem").into_iter().map(|party| party.index).collect(),
        capabilities: capabilities(root),
        fixtures: fixtures(root, &mut noted),
        profiles: profiles(root, &mut noted),
        variables: variables(root, &mut noted),
        setup: root.named("setup").flat_map(|section| actions(root, section, &mut noted)).collect(),
        tests: root.named("test").map(|test| self::test(root, test, &mut noted)).collect(),
        teardown: root.named("teardown").flat_map(|section| actions(root, section, &mut noted)).collect(),
        requires: extension::requires(root),
        module: extension::module(root),
        rules: extension::rules(root),
        unsupported: extension::unsupported_script(root, &mut noted),
        findings: Vec::new(),
    };
    metadata(root, &plan, &mut noted);
    plan.findings = noted.findings;
    Ok(plan)
}

fn name_of(root: Node<'_>, file: &Path) -> String {
    let told = ["name", "title", "id"]
        .into_iter()
        .find_map(|name| root.child_text(name))
        .filter(|name| !name.is_empty());
    let stem = || file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    told.map_or_else(stem, str::to_owned)
}

fn metadata(root: Node<'_>, plan: &Plan, noted: &mut Noted) {
    let status = root.child_text("status");
    if !matches!(status, Some("draft" | "active" | "retired" | "unknown")) {
        noted.note(
            Severity::Warning,
            root,
            "status",
            "status is draft, active, retired or unknown, and there is one",
        );
    }
    if plan.setup.is_empty() && plan.tests.is_empty() {
        noted.note(Severity::Warning, root, "nothing-to-do", "there is neither a setup nor a test");
    }
    for section in root.named("teardown") {
        for action in section.named("action").filter(|action| action.child("assert").is_some()) {
            noted.note(Severity::Error, action, "assert-in-teardown", "a teardown has operations only");
        }
    }
}

/// The text of the element `name`, without white space around it; nothing where that is all.
pub(super) fn text<'t>(node: Node<'t>, name: &str) -> Option<&'t str> {
    node.child_text(name).map(str::trim).filter(|text| !text.is_empty())
}

pub(super) fn owned(node: Node<'_>, name: &str) -> Option<String> {
    text(node, name).map(str::to_owned)
}

pub(super) fn template(node: Node<'_>, name: &str) -> Option<Template> {
    text(node, name).map(Template::new)
}

/// An expression: a string, or an element that holds one and its language.
fn expression(node: Node<'_>, name: &str) -> Option<Template> {
    let held = node.child(name)?;
    held.text()
        .or_else(|| held.child_text("expression"))
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(Template::new)
}

/// Whether an expression says that it is none of FHIRPath but a path.
fn is_path(node: Node<'_>, name: &str) -> bool {
    let language = node.child(name).and_then(|held| held.child_text("language")).unwrap_or_default();
    ["xml", "xpath", "jsonpath", "application/json"].iter().any(|held| language.contains(held))
}

/// An expression of FHIRPath.
pub(super) fn fhirpath(node: Node<'_>, name: &str) -> Option<Template> {
    expression(node, name).filter(|_| !is_path(node, name))
}

/// An element that is a path, or an expression that says it is one.
pub(super) fn path(node: Node<'_>, name: &str, or: &str) -> Option<Template> {
    template(node, name).or_else(|| expression(node, or).filter(|_| is_path(node, or)))
}

/// A boolean, which scripts write in any case.
pub(super) fn boolean(node: Node<'_>, name: &str) -> Option<bool> {
    text(node, name).and_then(|text| text.to_ascii_lowercase().parse().ok())
}

fn index(node: Node<'_>) -> Option<u32> {
    text(node, "index").and_then(|index| index.parse().ok())
}

fn parties(root: Node<'_>, name: &str) -> Vec<Party> {
    let party = |node: Node<'_>| Some(Party { index: index(node)?, tested: extension::tested(node) });
    root.named(name).filter_map(party).collect()
}

fn capabilities(root: Node<'_>) -> Vec<Capability> {
    let held = root.named("metadata").flat_map(|metadata| metadata.named("capability").collect::<Vec<_>>());
    held.map(|node| Capability {
        validated: boolean(node, "validated") == Some(true),
        statement: node
            .child("capabilities")
            .and_then(|held| held.text().or_else(|| held.child_text("reference")))
            .map(str::to_owned),
    })
    .collect()
}

fn fixtures(root: Node<'_>, noted: &mut Noted) -> Vec<Fixture> {
    let mut fixtures: Vec<Fixture> = Vec::new();
    for node in root.named("fixture") {
        let Some(id) = owned(node, "id") else {
            noted.note(
                Severity::Error,
                node,
                "fixture-without-id",
                "a fixture has an id, or nothing can use it",
            );
            continue;
        };
        if fixtures.iter().any(|held| held.id == id) {
            noted.note(Severity::Error, node, "repeated-id", format!("there are two fixtures called {id}"));
        }
        let source = source(root, node, noted);
        let flag = |name| boolean(node, name).unwrap_or(false);
        fixtures.push(Fixture { id, source, autocreate: flag("autocreate"), autodelete: flag("autodelete") });
    }
    fixtures
}

fn source(root: Node<'_>, node: Node<'_>, noted: &mut Noted) -> FixtureSource {
    if let Some(part) = extension::part(node) {
        return part;
    }
    let Some(resource) = node.child("resource") else { return FixtureSource::Later };
    if let Some(fake) = extension::fake(resource) {
        return FixtureSource::Fake(fake);
    }
    if resource.resource_type().is_some() {
        return FixtureSource::Held(resource_bytes(resource));
    }
    // An object without members is what Ignixa's scripts send to see it refused.
    let is_json = node.tree().format() == crate::tree::Format::Json;
    if is_json && resource.text().is_none() && resource.children().next().is_none() {
        return FixtureSource::Held(Bytes::from_static(b"{}"));
    }
    // R5 allows a plain URI; R4 a Reference.
    let Some(reference) = text(resource, "reference").or(resource.text().map(str::trim)) else {
        noted.note(Severity::Warning, node, "empty-fixture", "the fixture names no resource");
        return FixtureSource::Later;
    };
    let Some(local) = reference.strip_prefix('#') else {
        return FixtureSource::Reference(Template::new(reference));
    };
    match root.named("contained").find(|held| held.child_text("id").is_some_and(|id| id == local)) {
        Some(held) => FixtureSource::Held(resource_bytes(held)),
        None => {
            noted.note(
                Severity::Error,
                node,
                "missing-fixture",
                format!("nothing contained is called {local}"),
            );
            FixtureSource::Reference(Template::new(reference))
        }
    }
}

/// A resource within the script, as JSON.
fn resource_bytes(node: Node<'_>) -> Bytes {
    Bytes::from(node.to_json(&crate::model::Tables::R4))
}

fn profiles(root: Node<'_>, noted: &mut Noted) -> Vec<(String, String)> {
    let mut profiles = Vec::new();
    let beside = root.named("_profile");
    for node in root.named("profile").chain(beside) {
        // A Reference in R4, a canonical since R5 and in STU3 as it is used.
        let url = text(node, "reference").or(node.text().map(str::trim));
        match (owned(node, "id"), url) {
            (Some(id), Some(url)) if !url.is_empty() => profiles.push((id, url.to_owned())),
            (None, _) => {
                noted.note(Severity::Warning, node, "profile-without-id", "no assert can use this profile")
            }
            (Some(_), _) => noted.note(Severity::Error, node, "empty-profile", "the profile has no address"),
        }
    }
    profiles
}

fn variables(root: Node<'_>, noted: &mut Noted) -> Vec<Variable> {
    let mut variables: Vec<Variable> = Vec::new();
    for node in root.named("variable") {
        let Some(name) = owned(node, "name") else {
            noted.note(Severity::Error, node, "variable-without-name", "a variable has a name");
            continue;
        };
        if variables.iter().any(|held| held.name == name) {
            noted.note(
                Severity::Warning,
                node,
                "repeated-variable",
                format!("there are two variables called {name}; the first counts"),
            );
            continue;
        }
        let ways =
            ["expression", "headerField", "path"].into_iter().filter(|way| node.child(way).is_some()).count();
        if ways > 1 {
            noted.note(
                Severity::Error,
                node,
                "tst-3",
                "a variable is read by one of expression, headerField and path",
            );
        }
        let read = [
            fhirpath(node, "expression").map(Read::Expression),
            template(node, "headerField").map(Read::Header),
            path(node, "path", "expression").map(Read::Path),
        ];
        let default = node.child_text("defaultValue").map(Template::new);
        let read = read.into_iter().flatten().next().unwrap_or(Read::Nothing);
        variables.push(Variable { name, default, source_id: owned(node, "sourceId"), read });
    }
    variables
}

fn test(root: Node<'_>, node: Node<'_>, noted: &mut Noted) -> Test {
    let mut test = Test {
        id: owned(node, "id"),
        name: owned(node, "name"),
        description: owned(node, "description"),
        actions: actions(root, node, noted),
        requires: extension::requires(node),
        versions: extension::versions(node),
        repeat: extension::repeat(node, noted),
        unsupported: extension::unsupported_test(node, noted),
    };
    if test.actions.is_empty() {
        noted.note(Severity::Warning, node, "empty-test", "the test has no action");
    }
    extension::close_groups(&mut test.actions);
    test
}

fn actions(root: Node<'_>, section: Node<'_>, noted: &mut Noted) -> Vec<Action> {
    let mut out = Vec::new();
    for node in section.named("action") {
        let Some(common) = node.child("common") else {
            out.push(action(node, noted));
            continue;
        };
        let key = text(common, "keyRef").or_else(|| text(common, "testScript")).unwrap_or_default();
        let held = root.named("common").find(|held| text(*held, "key") == Some(key));
        match held {
            Some(held) => out.extend(held.named("action").map(|node| action(node, noted))),
            None => {
                noted.note(
                    Severity::Error,
                    node,
                    "missing-common",
                    format!("there are no common actions {key}"),
                );
                out.push(undone(node, "there are no common actions of that key"));
            }
        }
    }
    out
}

/// An action that the script words wrongly.
fn undone(node: Node<'_>, why: &'static str) -> Action {
    Action {
        place: node.path(),
        id: None,
        label: None,
        description: None,
        doing: Doing::Broken(why),
        unsupported: None,
        when_wrong: WhenWrong::Counts,
    }
}

fn action(node: Node<'_>, noted: &mut Noted) -> Action {
    let (when_wrong, mut unsupported) = extension::when_wrong(node, noted);
    let (held, doing) = match (node.child("operation"), node.child("assert")) {
        (Some(_), Some(_)) => {
            noted.note(Severity::Error, node, "tst-1", "an action is an operation or an assert, not both");
            return undone(node, "the action is both an operation and an assert");
        }
        (None, None) => {
            noted.note(Severity::Error, node, "tst-1", "an action is an operation or an assert");
            return undone(node, "the action is neither an operation nor an assert");
        }
        (Some(held), None) => {
            let (operation, why) = operation::operation(held, noted);
            unsupported = unsupported.or(why);
            (held, Doing::Operation(Box::new(operation)))
        }
        (None, Some(held)) => {
            let (assertion, why) = assertion::assertion(held, noted);
            unsupported = unsupported.or(why);
            (held, Doing::Assert(Box::new(assertion)))
        }
    };
    if let Some(why) = &unsupported {
        noted.note(Severity::Unsupported, held, "unsupported", why.clone());
    }
    Action {
        place: held.path(),
        id: owned(held, "id"),
        label: owned(held, "label"),
        description: owned(held, "description"),
        doing,
        unsupported,
        when_wrong,
    }
}

impl Tested {
    pub(super) const fn of(flag: Option<bool>) -> Self {
        match flag {
            Some(true) => Self::Yes,
            Some(false) => Self::No,
            None => Self::NotSaid,
        }
    }
}
