//! Elements of a resource replaced by what was sent: a table of cases, and a property over drawn resources and edits.

use std::collections::BTreeSet;

use bytes::Bytes;
use fhir::json::{Limits, Node};
use fhir::tables::{TypeId, TypeKind, element, resource_type};
use gateway::enforce::merge::{Told, replaced};
use proptest::prelude::*;
use serde_json::Value;

use super::invent::Inventor;
use super::properties::read;

fn value(text: &[u8]) -> Value {
    fhir::json::parse_value(Bytes::copy_from_slice(text), &Limits::default()).expect("strict JSON")
}

/// What must not be lost, here: what says `tells` is a label, what says `names` names somebody.
fn tells(part: Node<'_>) -> Told {
    let text = String::from_utf8_lossy(part.raw()).into_owned();
    match (text.contains("tells"), text.contains("names")) {
        (true, _) => Told::Label,
        (false, true) => Told::Whom,
        (false, false) => Told::Nothing,
    }
}

/// `sent` of a Patient replaces what `stored` holds of `changed`.
#[track_caller]
fn check(changed: &[&'static str], stored: &str, sent: &str, expected: &str) {
    let whole = |members: &str| format!(r#"{{"resourceType":"Patient","id":"a"{members}}}"#);
    let patient = resource_type("Patient").unwrap();
    let (stored, new) = (read(whole(stored).as_bytes()), read(whole(sent).as_bytes()));
    let changed: BTreeSet<&str> = changed.iter().copied().collect();
    let result = replaced(patient, stored.root(), new.root(), &changed, &tells);
    assert_eq!(String::from_utf8(result).unwrap(), whole(expected));
}

#[test]
fn what_is_not_changed_stays_to_the_byte_and_in_its_place() {
    let rest = r#","active" : true,"extension":[{"url":"urn:x","valueDecimal":1.50}],"birthDate":"1950""#;
    let kept = r#","active":true,"extension":[{"url":"urn:x","valueDecimal":1.50}],"birthDate":"1950""#;
    check(
        &["gender"],
        &format!(r#","gender":"male"{rest}"#),
        r#","gender":"other""#,
        &format!(r#","gender":"other"{kept}"#),
    );
    check(&["gender"], rest, r#","gender":"other""#, &format!(r#"{kept},"gender":"other""#));
    check(&["gender"], &format!(r#","gender":"male"{rest}"#), "", kept);
}

const NOTE: &str = r#""extension":[{"url":"urn:note","valueString":"x"}]"#;
const TELLS: &str = r#""extension":[{"url":"urn:tells","valueString":"x"}]"#;

#[test]
fn fine_print_stays_with_what_says_the_same_and_goes_with_what_does_not() {
    // Of one datatype in the place of one, each member by itself.
    check(
        &["name"],
        &format!(
            r#","name":[{{"id":"1",{NOTE},"family":"A","_family":{{{NOTE}}},"given":["B","C"],"_given":[null,{{{NOTE}}}],"text":"t","_text":{{{NOTE}}}}}]"#
        ),
        r#","name":[{"family":"A","given":["D","C"],"text":"u"}]"#,
        &format!(
            r#","name":[{{"id":"1","family":"A","_family":{{{NOTE}}},"given":["D","C"],"_given":[null,{{{NOTE}}}],"text":"u"}}]"#
        ),
    );
    check(
        &["maritalStatus"],
        &format!(r#","maritalStatus":{{"coding":[{{{NOTE},"system":"urn:m","code":"M"}}],"text":"Maried"}}"#),
        r#","maritalStatus":{"text":"Married","coding":[{"code":"M","system":"urn:m"}]}"#,
        &format!(
            r#","maritalStatus":{{"text":"Married","coding":[{{{NOTE},"system":"urn:m","code":"M"}}]}}"#
        ),
    );
    // Items that say the same, each once, wherever they stand.
    let phone = |value: &str, more: &str| format!(r#"{{{more}"value":"{value}"}}"#);
    let (noted, note) = (format!("{NOTE},"), phone("1", &format!("{NOTE},")));
    let list = |items: &[&str]| format!(r#","telecom":[{}]"#, items.join(","));
    check(
        &["telecom"],
        &list(&[&note, &phone("2", &noted), &phone("1", r#""id":"b","#)]),
        &list(&[&phone("3", ""), &phone("1", ""), &phone("1", ""), &phone("1", "")]),
        &list(&[&phone("3", ""), &note, &phone("1", r#""id":"b","#), &phone("1", "")]),
    );
    // Nothing of one person is given to another in her place.
    check(
        &["contact"],
        &format!(
            r#","contact":[{{{NOTE},"gender":"female","_gender":{{{NOTE}}},"name":{{{NOTE},"text":"Ann"}}}}]"#
        ),
        r#","contact":[{"gender":"female","name":{"text":"Carol"}}]"#,
        r#","contact":[{"gender":"female","name":{"text":"Carol"}}]"#,
    );
    check(
        &["birthDate"],
        &format!(r#","birthDate":"1950","_birthDate":{{{NOTE}}}"#),
        r#","birthDate":"1951""#,
        r#","birthDate":"1951""#,
    );
    check(
        &["birthDate"],
        &format!(r#","_birthDate":{{{NOTE}}}"#),
        r#","birthDate":"1951""#,
        r#","birthDate":"1951""#,
    );
    check(
        &["deceased[x]"],
        &format!(r#","deceasedBoolean":false,"_deceasedBoolean":{{{NOTE}}}"#),
        r#","deceasedDateTime":"2020""#,
        r#","deceasedDateTime":"2020""#,
    );
}

#[test]
fn what_decides_something_stays_whatever_becomes_of_what_it_was_said_of() {
    let coded = |more: &str| format!(r#","maritalStatus":{{"coding":[{{{more}"code":"M"}}]}}"#);
    let telling = coded(&format!("{TELLS},"));
    check(
        &["maritalStatus"],
        &telling,
        r#","maritalStatus":{"text":"W"}"#,
        &format!(r#","maritalStatus":{{{TELLS},"text":"W"}}"#),
    );
    check(&["maritalStatus"], &telling, "", &format!(r#","maritalStatus":{{{TELLS}}}"#));
    check(&["maritalStatus"], &telling, &coded(""), &telling);
    let phone = |value: &str, more: &str| format!(r#"{{{more}"value":"{value}"}}"#);
    let list = |items: &[&str]| format!(r#","telecom":[{}]"#, items.join(","));
    let telling = list(&[&format!(r#"{{"value":"1","_value":{{{TELLS}}}}}"#), &phone("2", "")]);
    let shell = format!("{{{TELLS}}}");
    check(&["telecom"], &telling, &list(&[&phone("2", "")]), &list(&[&phone("2", ""), &shell]));
    check(&["telecom"], &telling, "", &list(&[&format!("{{{TELLS}}}")]));
    check(&["telecom"], &list(&[&shell]), &list(&[&phone("2", "")]), &list(&[&phone("2", ""), &shell]));
    let dead = format!(r#","deceasedBoolean":false,"_deceasedBoolean":{{"id":"x",{TELLS}}}"#);
    check(
        &["deceased[x]"],
        &dead,
        r#","deceasedDateTime":"2020""#,
        &format!(r#","deceasedDateTime":"2020","_deceasedDateTime":{{{TELLS}}}"#),
    );
    check(&["deceased[x]"], &dead, "", &format!(r#","_deceasedBoolean":{{{TELLS}}}"#));
    // Names that FHIR does not know, whatever they say, and items of lists of scalars.
    check(
        &["maritalStatus"],
        r#","maritalStatus":{"text":"M","new":"tells","old":1}"#,
        r#","maritalStatus":{"text":"W"}"#,
        r#","maritalStatus":{"text":"W","new":"tells","old":1}"#,
    );
    // Where FHIR knows the name it must not be taken for what FHIR means by it.
    check(
        &["maritalStatus"],
        r#","maritalStatus":{"coding":[{"code":"M","text":"tells","new":"tells"}]}"#,
        r#","maritalStatus":{"text":"W"}"#,
        r#","maritalStatus":{"text":"W","carried-text":"tells","new":"tells"}"#,
    );
    check(
        &["maritalStatus"],
        r#","maritalStatus":{"coding":[{"code":"M","text":"tells"}]}"#,
        "",
        r#","maritalStatus":{"carried-text":"tells"}"#,
    );
    check(
        &["name"],
        &format!(r#","name":[{{"given":["B","C"],"_given":[null,{{{TELLS}}}]}}]"#),
        r#","name":[{"given":["B"]}]"#,
        &format!(r#","name":[{{{TELLS},"given":["B"]}}]"#),
    );
}

#[test]
fn what_decides_something_is_said_of_the_same_item_as_before() {
    let phone = |value: &str, more: &str| format!(r#"{{{more}"value":"{value}"}}"#);
    let list = |items: &[&str]| format!(r#","telecom":[{}]"#, items.join(","));
    let (telling, noted) = (format!("{TELLS},"), format!("{NOTE},"));
    // The only one that is changed keeps it, wherever it stands.
    check(
        &["telecom"],
        &list(&[&phone("1", &telling), &phone("2", &noted)]),
        &list(&[&phone("3", ""), &phone("2", "")]),
        &list(&[&phone("3", &telling), &phone("2", &noted)]),
    );
    // Of several it is said of each, and of none that says the same as before.
    check(
        &["telecom"],
        &list(&[&phone("1", &telling), &phone("2", ""), &phone("5", "")]),
        &list(&[&phone("3", ""), &phone("4", ""), &phone("5", "")]),
        &list(&[&phone("3", &telling), &phone("4", &telling), &phone("5", "")]),
    );
    let part = |text: &str, more: &str| format!(r#"{{{more}"language":{{"text":"{text}"}}}}"#);
    let list = |items: &[&str]| format!(r#","communication":[{}]"#, items.join(","));
    check(
        &["communication"],
        &list(&[&part("Welsh", &telling), &part("French", "")]),
        &list(&[&part("Cornish", ""), &part("French", "")]),
        &list(&[&part("Cornish", &telling), &part("French", "")]),
    );
    // Whom something names is said of nobody else, where that is valid.
    let named = |value: &str| phone(value, r#""extension":[{"url":"urn:names"}],"#);
    let phones = |items: &[&str]| format!(r#","telecom":[{}]"#, items.join(","));
    check(
        &["telecom"],
        &phones(&[&named("1"), &phone("2", "")]),
        &phones(&[&phone("3", ""), &phone("4", "")]),
        &phones(&[&phone("3", ""), &phone("4", ""), r#"{"extension":[{"url":"urn:names"}]}"#]),
    );
    // Where no shell would be valid it is said of one that is left.
    check(
        &["communication"],
        &list(&[&part("Welsh", &telling), &part("French", "")]),
        &list(&[&part("French", "")]),
        &list(&[&part("French", &telling)]),
    );
    // Deep inside too.
    let coded = |one: &str, text: &str| {
        format!(
            r#","maritalStatus":{{"coding":[{{{telling}"code":"{one}"}},{{"code":"N"}}],"text":"{text}"}}"#
        )
    };
    check(
        &["maritalStatus"],
        &coded("M", "m"),
        r#","maritalStatus":{"coding":[{"code":"W"},{"code":"N"}],"text":"w"}"#,
        &coded("W", "w"),
    );
}

#[test]
fn what_nobody_sees_anything_of_is_not_changed_by_a_change_of_what_stands_beside_it() {
    let shell = format!(r#"{{"id":"s",{NOTE}}}"#);
    let list = |items: &[&str]| format!(r#","telecom":[{}]"#, items.join(","));
    let (one, two) = (r#"{"value":"1"}"#, r#"{"value":"2"}"#);
    check(&["telecom"], &list(&[&shell, one]), &list(&[one, two]), &list(&[one, two, &shell]));
    check(&["telecom"], &list(&[&shell, one]), "", &list(&[&shell]));
    let name = |family: &str| {
        format!(
            r#","name":[{{"family":"{family}","given":[null,"B"],"_given":[{{{NOTE}}},null],"period":{{{NOTE}}}}}]"#
        )
    };
    check(&["name"], &name("A"), r#","name":[{"family":"C","given":["B"]}]"#, &name("C"));
}

#[test]
fn very_many_items_are_compared_once_each() {
    let many = |item: &str| vec![item; 80_000].join(",");
    let list = |item: &str| format!(r#","telecom":[{}]"#, many(item));
    check(&["telecom"], &list(r#"{"rank":1}"#), &list(r#"{"rank":2}"#), &list(r#"{"rank":2}"#));
    let name =
        |family: &str, given: &str| format!(r#","name":[{{"family":"{family}","given":[{}]}}]"#, many(given));
    let (before, after) = (name("A", "\"a\""), name("B", "\"b\""));
    check(&["name"], &before, &after, &after);
}

/// The texts under names that tell nothing: ids, and extensions but for what tells.
fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.values().for_each(|inner| strings(inner, found)),
        Value::Array(items) => items.iter().for_each(|inner| strings(inner, found)),
        Value::String(text) => found.push(text.clone()),
        Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

/// `value` of type `owner` without its fine print, as a form has it.
fn without_fine_print(owner: Option<TypeId>, value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut made = serde_json::Map::new();
            for (name, inner) in members {
                let Some(found) = owner.and_then(|owner| element(owner, name)) else { continue };
                if name != "id" && name != "extension" {
                    let inner = without_fine_print(found.child_type(), inner);
                    if inner != serde_json::json!({}) && inner != serde_json::json!([]) {
                        made.insert(name.clone(), inner);
                    }
                }
            }
            Value::Object(made)
        }
        Value::Array(items) => {
            let items = items.iter().map(|item| without_fine_print(owner, item));
            let is_said = |item: &Value| !item.is_null() && *item != serde_json::json!({});
            Value::Array(items.filter(is_said).collect())
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => value.clone(),
    }
}

fn written_of(owner: TypeId, name: &str) -> bool {
    let Some(found) = element(owner, name) else { return false };
    let is_plain_list = found.is_array() && found.child_type().is_none();
    let is_resource = found
        .child_type()
        .is_some_and(|inner| matches!(inner.kind(), TypeKind::Resource | TypeKind::Abstract));
    !is_plain_list
        && !is_resource
        && !["id", "meta", "extension", "modifierExtension", "implicitRules", "text"].contains(&name)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn what_was_sent_is_stored_and_nothing_else_is_touched(seed: u64, other: u64) {
        let text = Inventor::resource(seed);
        let stored = value(text.as_bytes());
        let owner = resource_type(stored["resourceType"].as_str().unwrap()).unwrap();
        let other = value(Inventor::of(owner, other).as_bytes());
        // Every second element is as another resource has it, or is taken away.
        let mut changed = BTreeSet::new();
        let mut new = serde_json::Map::new();
        for (key, found) in owner.keys().filter(|(key, _)| written_of(owner, key)) {
            if seed >> (found.id().index() % 60) & 1 == 1 {
                changed.insert(found.name());
                if let Some(value) = other.get(key) {
                    let said = without_fine_print(found.child_type(), value);
                    if said != serde_json::json!([]) && said != serde_json::json!({}) {
                        new.insert(key.to_owned(), said);
                    }
                }
            }
        }
        let (before, sent) = (read(text.as_bytes()), read(Value::Object(new.clone()).to_string().as_bytes()));
        // Whatever stands in an extension tells, every second time.
        let all = |_: Node<'_>| if seed & 1 == 0 { Told::Label } else { Told::Nothing };
        let result = value(&replaced(owner, before.root(), sent.root(), &changed, &all));
        let is_changed = |name: &str| {
            element(owner, name.strip_prefix('_').unwrap_or(name)).is_some_and(|found| changed.contains(found.name()))
        };
        for (name, value) in stored.as_object().unwrap().iter().filter(|(name, _)| !is_changed(name)) {
            prop_assert_eq!(Some(value), result.get(name), "{} was touched", name);
        }
        for (key, found) in owner.keys().filter(|(_, found)| changed.contains(found.name())) {
            let said = result.get(key).map(|value| without_fine_print(found.child_type(), value));
            let said = said.filter(|said| *said != serde_json::json!([]) && *said != serde_json::json!({}));
            prop_assert_eq!(said.as_ref(), new.get(key), "{} is not as it was sent\n{}\n{}", key, text, result);
        }
        if seed & 1 == 0 {
            let mut kept = Vec::new();
            strings(&result, &mut kept);
            let mut hidden = Vec::new();
            extensions(&stored, &mut hidden);
            for text in hidden {
                prop_assert!(kept.contains(&text), "{} is lost\n{}\n{}", text, stored, result);
            }
        }
    }
}

/// The texts of every extension of the datatypes of R4 that stands in an element.
fn extensions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                match name.as_str() {
                    "extension" => strings(inner, found),
                    _ => extensions(inner, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|inner| extensions(inner, found)),
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}
