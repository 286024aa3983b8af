//! JUnit: only what readers know, in the places where they look for it.

use conformance::report::account::Account;
use conformance::report::junit_of;
use conformance::script::{Outcome, ScriptsRun};
use proptest::prelude::*;
use roxmltree::{Document, Node};

use super::{accounts, part, script, suites};
use crate::faults::tested;
use crate::reference::Fault;
use crate::written::script_run;

/// An element of JUnit.
struct Known {
    name: &'static str,
    inside: &'static [&'static str],
    must: &'static [&'static str],
    may: &'static [&'static str],
}

const fn known(
    name: &'static str,
    inside: &'static [&'static str],
    must: &'static [&'static str],
    may: &'static [&'static str],
) -> Known {
    Known { name, inside, must, may }
}

/// What may be in which element, and which attributes it must and may have: the facts of junit-10.xsd.
const KNOWN: [Known; 9] = [
    known("testsuites", &["testsuite"], &[], &["name", "time", "tests", "failures", "errors"]),
    known(
        "testsuite",
        &["testsuite", "properties", "testcase", "system-out", "system-err"],
        &["name", "tests", "failures", "errors"],
        &["time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url", "group"],
    ),
    known("properties", &["property"], &[], &[]),
    known("property", &[], &["name", "value"], &[]),
    known(
        "testcase",
        &["skipped", "error", "failure", "system-out", "system-err"],
        &["name"],
        &["time", "classname", "group"],
    ),
    known("failure", &[], &[], &["type", "message"]),
    known("error", &[], &[], &["type", "message"]),
    known("skipped", &[], &[], &["type", "message"]),
    known("system-out", &[], &[], &[]),
];

#[track_caller]
fn sound(text: &str) {
    let document = Document::parse(text).unwrap_or_else(|bad| panic!("{bad}\n{text}"));
    assert_eq!(document.root_element().tag_name().name(), "testsuites");
    element(document.root_element());
    for suite in document.root_element().children().filter(Node::is_element) {
        let cases = || suite.children().filter(|child| child.tag_name().name() == "testcase");
        let with = |name: &'static str| {
            cases().filter(|case| case.children().any(|child| child.tag_name().name() == name)).count()
        };
        let told = |name: &str| suite.attribute(name).unwrap().parse::<usize>().unwrap();
        assert_eq!(told("tests"), cases().count());
        assert_eq!(told("failures"), with("failure"));
        assert_eq!(told("errors"), with("error"));
        assert_eq!(told("skipped"), with("skipped"));
    }
    let root = document.root_element();
    for (total, name) in [("tests", "testcase"), ("failures", "failure"), ("errors", "error")] {
        let count = document.descendants().filter(|node| node.tag_name().name() == name).count();
        assert_eq!(root.attribute(total).unwrap(), count.to_string());
    }
}

#[track_caller]
fn element(node: Node<'_, '_>) {
    let name = node.tag_name().name();
    let Known { inside, must, may, .. } = KNOWN.iter().find(|known| known.name == name).expect(name);
    for attribute in must.iter() {
        assert!(node.has_attribute(*attribute), "{name} has no {attribute}");
    }
    for attribute in node.attributes() {
        let known = must.iter().chain(*may).any(|known| *known == attribute.name());
        assert!(known, "{name} {}", attribute.name());
        match attribute.name() {
            "time" => {
                let (whole, parts) = attribute.value().split_once('.').unwrap();
                let digits = |text: &str| !text.is_empty() && text.bytes().all(|one| one.is_ascii_digit());
                assert!(digits(whole) && digits(parts) && parts.len() == 3, "{}", attribute.value());
            }
            "timestamp" => assert!(
                attribute.value().parse::<jiff::civil::DateTime>().is_ok() && attribute.value().len() == 19,
                "{}",
                attribute.value()
            ),
            _ => {}
        }
    }
    let verdicts = node
        .children()
        .filter(|child| matches!(child.tag_name().name(), "failure" | "error" | "skipped"))
        .count();
    assert!(name != "testcase" || verdicts <= 1);
    for child in node.children().filter(Node::is_element) {
        assert!(inside.contains(&child.tag_name().name()), "{} in {name}", child.tag_name().name());
        element(child);
    }
}

#[tokio::test]
async fn junit_has_the_shape_that_readers_know() {
    for account in accounts().await {
        sound(&junit_of(&account));
    }
}

#[tokio::test]
async fn a_case_tells_its_clause_and_what_was_asked() {
    let text = junit_of(&Account::of_suites(&suites().await, &[]));
    let document = Document::parse(&text).unwrap();
    for case in document.descendants().filter(|node| node.tag_name().name() == "testcase") {
        let out = case.children().find(|child| child.tag_name().name() == "system-out").unwrap();
        assert!(
            out.text().unwrap().contains("clause: https://hl7.org/fhir/R4/"),
            "{:?}",
            case.attribute("name")
        );
        if case.attribute("name") == Some("made-up-check") {
            assert!(out.text().unwrap().contains("GET Patient/[id]: 200, 12 ms"));
            assert_eq!(case.attribute("time"), Some("1234.567"));
        }
    }
}

#[tokio::test]
async fn a_run_that_is_an_error_has_an_error_in_junit() {
    let errors = |text: &str| text.matches("<error ").count();
    let skipped = script("s", Outcome::Skip, vec![part(Outcome::Skip, "t", 0)]);
    let run = ScriptsRun { scripts: vec![skipped], unread: Vec::new() };
    let text = junit_of(&Account::of_scripts(&run, ""));
    assert_eq!(errors(&text), 1, "{text}");
    sound(&text);
    let run = tested(Fault::MetadataMissing, &[conformance::suite::Suite::Read]).await;
    let text = junit_of(&Account::of_suites(&run, &[]));
    assert!(errors(&text) >= 1 && text.contains("cannot be tested"), "{text}");
    sound(&text);
}

proptest! {
    #[test]
    fn junit_is_sound_whatever_a_script_is_called_and_says(
        scripts in proptest::collection::vec(script_run(), 0..3)
    ) {
        sound(&junit_of(&Account::of_scripts(&ScriptsRun { scripts, unread: Vec::new() }, "")));
    }
}
