//! What script authors and the makers of other engines added to TestScript.
//!
//! Touchstone (`touchstone.aegis.net`), Interoplab (`fhir.interoplab.eu`), Ignixa (`ignixa.io`), Asbestos
//! (`usnistgov/asbestos`, `urn:`) and Crucible (`fhir-crucible.github.io`). A modifier that is not known makes what it
//! modifies unsupported; any other extension that is not known is ignored, as FHIR says, unless nothing else is there.

use super::{Noted, text};
use crate::script::finding::Severity;
use crate::script::operator::Operator;
use crate::script::plan::{
    Action, Criterion, Doing, Each, FixtureSource, Handed, Import, Module, RuleCall, Rules, Subtest, Tested,
    WaitFor, WhenWrong,
};
use crate::script::template::Template;
use crate::tree::Node;

const IGNIXA: &str = "http://ignixa.io/testscript/";
const INTEROPLAB: &str = "http://fhir.interoplab.eu/fhir/StructureDefinition/Interoplab-CL-ext-";
const TOUCHSTONE: &str =
    "http://touchstone.aegis.net/touchstone/fhir/testing/StructureDefinition/testscript-";
const CRUCIBLE: &str = "https://fhir-crucible.github.io/testscript-engine-ig/StructureDefinition/";
const ASBESTOS: &str = "https://github.com/usnistgov/asbestos/wiki/TestScript-";

/// The most values that one test is repeated with.
const REPEATS_MAX: usize = 1000;

fn url(extension: Node<'_>) -> &str {
    text(extension, "url").unwrap_or_default()
}

/// Extensions of either kind with this address.
fn of<'t>(node: Node<'t>, address: &str) -> impl Iterator<Item = Node<'t>> {
    let both = node.named("extension").chain(node.named("modifierExtension"));
    both.filter(move |extension| url(*extension) == address).collect::<Vec<_>>().into_iter()
}

/// The value of an extension, of any type.
fn value(extension: Node<'_>) -> Option<&str> {
    extension.children().find(|child| child.name().starts_with("value")).and_then(Node::text)
}

fn values<'t>(node: Node<'t>, part: &str) -> Vec<&'t str> {
    of(node, part).filter_map(value).collect()
}

fn first<'t>(node: Node<'t>, part: &str) -> Option<&'t str> {
    of(node, part).find_map(value)
}

fn vendor<'t>(node: Node<'t>, base: &str, name: &str) -> Option<Node<'t>> {
    of(node, &format!("{base}{name}")).next()
}

pub(super) fn tested(party: Node<'_>) -> Tested {
    Tested::of(vendor(party, INTEROPLAB, "SUT").and_then(value).and_then(|flag| flag.parse().ok()))
}

pub(super) fn requires(node: Node<'_>) -> Vec<String> {
    values(node, &format!("{IGNIXA}requiresCapability")).into_iter().map(str::to_owned).collect()
}

pub(super) fn versions(node: Node<'_>) -> Vec<String> {
    let lists = values(node, &format!("{IGNIXA}fhirVersions"));
    lists.into_iter().flat_map(|list| list.split(',')).map(|version| version.trim().to_owned()).collect()
}

pub(super) fn repeat(node: Node<'_>, noted: &mut Noted) -> Vec<(String, Vec<String>)> {
    let mut repeat = Vec::new();
    let mut product = 1_usize;
    for extension in of(node, &format!("{IGNIXA}parametrize")) {
        let (Some(variable), Some(list)) = (first(extension, "variable"), first(extension, "values")) else {
            noted.note(Severity::Error, extension, "parametrize", "a variable and its values are needed");
            continue;
        };
        let values: Vec<String> = list.split(',').map(|value| value.trim().to_owned()).collect();
        product = product.saturating_mul(values.len());
        if product > REPEATS_MAX {
            noted.note(
                Severity::Error,
                extension,
                "parametrize",
                "the test would be repeated more than 1,000 times",
            );
            break;
        }
        repeat.push((variable.to_owned(), values));
    }
    repeat
}

pub(super) fn part(fixture: Node<'_>) -> Option<FixtureSource> {
    let extension = of(fixture, "urn:subFixture").next()?;
    let expression = first(extension, "urn:fhirPath")?.to_owned();
    Some(FixtureSource::Part { of: first(extension, "urn:sourceId")?.to_owned(), expression })
}

pub(super) fn fake(resource: Node<'_>) -> Option<String> {
    vendor(resource, IGNIXA, "fhirfakes").and_then(value).map(str::to_owned)
}

pub(super) fn module(root: Node<'_>) -> Module {
    let Some(extension) = of(root, "urn:module").next() else { return Module::default() };
    let names = |part: &str| values(extension, part).into_iter().map(str::to_owned).collect();
    Module {
        fixtures_in: names("urn:fixture-in"),
        fixtures_out: names("urn:fixture-out"),
        variables_in: names("urn:variable-in"),
        variables_out: names("urn:variable-out"),
    }
}

pub(super) fn import(operation: Node<'_>) -> Option<Import> {
    let extension = vendor(operation, ASBESTOS, "Import")?;
    let names = |part: &str| values(extension, part).into_iter().map(str::to_owned).collect();
    let handed =
        extension.named("extension").chain(extension.named("modifierExtension")).filter_map(|part| {
            let held = value(part)?;
            let quoted = held.strip_prefix('\'').and_then(|held| held.strip_suffix('\''));
            match (url(part), quoted) {
                ("urn:variable-in", Some(literal)) => Some(Handed::Literal(literal.to_owned())),
                ("urn:variable-in", None) => Some(Handed::Value(held.to_owned())),
                ("urn:variable-in-no-translation", _) => Some(Handed::Unread(held.to_owned())),
                _ => None,
            }
        });
    Some(Import {
        component: Template::new(first(extension, "component")?),
        fixtures_in: names("urn:fixture-in"),
        fixtures_out: names("urn:fixture-out"),
        variables_in: handed.collect(),
        variables_out: names("urn:variable-out"),
    })
}

pub(super) fn wait(operation: Node<'_>) -> Option<WaitFor> {
    let extension = vendor(operation, IGNIXA, "waitFor")?;
    let number = |part: &str, default: u64, max: u64| {
        first(extension, part).and_then(|number| number.parse().ok()).unwrap_or(default).min(max)
    };
    Some(WaitFor {
        status: u16::try_from(number("pollingStatusCode", 202, 599)).unwrap_or(202),
        attempts: u32::try_from(number("maxAttempts", 60, 1000)).unwrap_or(60),
        interval_ms: number("intervalMs", 1000, 60_000),
    })
}

/// The most pages that are read after a first one.
const PAGES_MAX: usize = 100;

/// How many pages after the first a search or a history is read on; Touchstone gives it a meaning at no other operation.
pub(super) fn pages(operation: Node<'_>) -> Option<usize> {
    let wanted = vendor(operation, TOUCHSTONE, "operation-pagesNext").and_then(value)?;
    wanted.trim().parse().ok().map(|pages: usize| pages.min(PAGES_MAX))
}

/// What a failure of the action means, and why the action cannot be done if a modifier is not known.
pub(super) fn when_wrong(action: Node<'_>, _: &mut Noted) -> (WhenWrong, Option<String>) {
    let mut unsupported = None;
    let mut when_wrong = WhenWrong::Counts;
    for extension in action.named("modifierExtension") {
        match url(extension) {
            address if address == format!("{ASBESTOS}Conditional") => when_wrong = WhenWrong::EndsTest,
            "urn:asbestos:test:action:expectFailure" => {
                let ids = first(extension, "urn:asbestos:test:action:assertionIdList").map(Template::new);
                when_wrong = WhenWrong::Expected(ids);
            }
            "urn:asbestos:test:action:mayHaveBugsWhichRequireManualReview" => {
                when_wrong = WhenWrong::WantsReview
            }
            other => unsupported = Some(format!("the modifier {other}")),
        }
    }
    (when_wrong, unsupported)
}

fn unknown_modifier(node: Node<'_>, known: &[&str]) -> Option<String> {
    let mut modifiers = node.named("modifierExtension").map(url);
    modifiers.find(|address| !known.contains(address)).map(|address| format!("the modifier {address}"))
}

pub(super) fn unsupported_script(root: Node<'_>, noted: &mut Noted) -> Vec<String> {
    let found: Vec<String> = unknown_modifier(root, &["urn:module"]).into_iter().collect();
    for why in &found {
        noted.note(Severity::Unsupported, root, "unsupported", why.clone());
    }
    found
}

pub(super) fn unsupported_test(test: Node<'_>, noted: &mut Noted) -> Vec<String> {
    // `urn:noErrors` asks that nothing in it be an error, which is what every test is held to.
    let mut found: Vec<String> = unknown_modifier(test, &["urn:noErrors"]).into_iter().collect();
    if vendor(test, TOUCHSTONE, "test-manualCompletion").is_some() {
        found.push("a test that a person completes".to_owned());
    }
    for why in &found {
        noted.note(Severity::Unsupported, test, "unsupported", why.clone());
    }
    found
}

pub(super) fn unsupported_operation(operation: Node<'_>) -> Option<String> {
    let asked = ["operation-oauth2AuthzRequestId", "operation-smartLaunchRequestId"];
    let found = asked.into_iter().find(|name| vendor(operation, TOUCHSTONE, name).is_some());
    found
        .map(|name| format!("the extension testscript-{name}"))
        .or_else(|| unknown_modifier(operation, &[&format!("{ASBESTOS}Import")]))
}

pub(super) fn unsupported_assertion(assert: Node<'_>) -> Option<String> {
    unknown_modifier(assert, &[&format!("{ASBESTOS}OncePerType")])
}

/// The extension that an assert seems to consist of.
pub(super) fn foreign(assert: Node<'_>) -> Option<String> {
    let passing = [format!("{TOUCHSTONE}assert-stopTestOnFail"), format!("{IGNIXA}assertionAnyOfGroup")];
    let mut addresses = assert.named("extension").map(url);
    addresses
        .find(|address| !passing.iter().any(|held| held == address))
        .map(|address| format!("the extension {address}"))
}

pub(super) fn operator(assert: Node<'_>) -> Option<Operator> {
    match vendor(assert, INTEROPLAB, "assert-additional-operators").and_then(value)? {
        "exists" => Some(Operator::NotEmpty),
        "notExists" => Some(Operator::Empty),
        code => Operator::of_code(code),
    }
}

pub(super) fn stop(assert: Node<'_>) -> Option<bool> {
    let flag = vendor(assert, TOUCHSTONE, "assert-stopTestOnFail").and_then(value)?;
    flag.to_ascii_lowercase().parse().ok()
}

pub(super) fn any_of(assert: Node<'_>) -> Option<String> {
    vendor(assert, IGNIXA, "assertionAnyOfGroup").and_then(value).map(str::to_owned)
}

pub(super) fn when_status(assert: Node<'_>) -> Option<(Option<String>, u16)> {
    let extension = vendor(assert, IGNIXA, "assertionWhenResponseStatus")?;
    let status = first(extension, "status")?.parse().ok()?;
    Some((first(extension, "sourceId").map(str::to_owned), status))
}

pub(super) fn once_per_type(assert: Node<'_>) -> Option<String> {
    vendor(assert, ASBESTOS, "OncePerType").and_then(value).map(str::to_owned)
}

/// What an assert looks at by extensions.
pub(super) fn criteria(assert: Node<'_>) -> Vec<Criterion> {
    let mut found = Vec::new();
    for extension in assert.named("extension").chain(assert.named("modifierExtension")) {
        let address = url(extension);
        if address == format!("{CRUCIBLE}assert-subtest")
            || address == format!("{CRUCIBLE}assert-subtest-each")
        {
            found.extend(subtest(extension).map(Criterion::Subtest));
        } else if let Some(name) = address.strip_prefix(TOUCHSTONE) {
            match name {
                "assert-rule" => found.extend(call(extension).map(Criterion::Rule)),
                "assert-ruleset" => found.extend(ruleset(extension).into_iter().map(Criterion::Rule)),
                _ => {}
            }
        } else if let Some(name) = address.strip_prefix(INTEROPLAB) {
            match name {
                "assert-rule" | "rule" => found.extend(call(extension).map(Criterion::Rule)),
                "assert-query-parameter" => {
                    let name = value(extension).map(Template::new);
                    let expected = assert.child_text("value").map(Template::new);
                    found.extend(name.map(|name| Criterion::QueryParameter { name, value: expected }));
                }
                _ => {}
            }
        }
    }
    found
}

fn subtest(extension: Node<'_>) -> Option<Subtest> {
    let bound = of(extension, "bindVariable").filter_map(|pair| {
        Some((first(pair, "bindSource")?.to_owned(), first(pair, "bindTarget")?.to_owned()))
    });
    let each = first(extension, "bindEachTarget").map(|variable| Each {
        variable: variable.to_owned(),
        all: first(extension, "allMustPass") != Some("false"),
    });
    Some(Subtest { name: Template::new(first(extension, "testName")?), bound: bound.collect(), each })
}

fn parameters(extension: Node<'_>) -> Vec<(String, Template)> {
    let pair = |part: Node<'_>| Some((first(part, "name")?.to_owned(), Template::new(first(part, "value")?)));
    of(extension, "param").filter_map(pair).collect()
}

fn call(extension: Node<'_>) -> Option<RuleCall> {
    Some(RuleCall { name: first(extension, "ruleId")?.to_owned(), parameters: parameters(extension) })
}

fn ruleset(extension: Node<'_>) -> Vec<RuleCall> {
    let set = first(extension, "rulesetId").unwrap_or_default();
    let calls = of(extension, "rule")
        .filter_map(call)
        .map(|call| RuleCall { name: format!("{set}/{}", call.name), ..call });
    let calls: Vec<RuleCall> = calls.collect();
    // A call without rules means all of the set.
    if calls.is_empty() { vec![RuleCall { name: set.to_owned(), parameters: Vec::new() }] } else { calls }
}

/// Rules that the script declares: what they are called in it, and the file or rule that they stand for.
pub(super) fn rules(root: Node<'_>) -> Rules {
    let mut named = Vec::new();
    for extension in root.named("extension") {
        let address = url(extension);
        let rule = address == format!("{TOUCHSTONE}rule") || address == format!("{INTEROPLAB}rule");
        let file = first(extension, "path").map(stem).unwrap_or_default();
        if let Some(id) = first(extension, "ruleId").filter(|_| rule) {
            named
                .push((id.to_owned(), RuleCall { name: file.to_owned(), parameters: parameters(extension) }));
        }
        if let Some(set) = first(extension, "rulesetId").filter(|_| address == format!("{TOUCHSTONE}ruleset"))
        {
            for rule in of(extension, "rule").filter_map(call) {
                named.push((format!("{set}/{}", rule.name), rule));
            }
        }
    }
    Rules { named }
}

fn stem(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

/// An any-of group that is asserted apart is one group still; nothing to close, but members cannot end the test.
pub(super) fn close_groups(actions: &mut [Action]) {
    for action in actions {
        if let Doing::Assert(assertion) = &mut action.doing
            && assertion.any_of.is_some()
        {
            assertion.stop = false;
        }
    }
}
