//! What hostile content, and what is not there, does to a message that is written.

use adapters::hl7v2;
use adapters::hl7v2::out::{Profile, write};
use proptest::prelude::{ProptestConfig, Strategy, any, prop};
use proptest::proptest;
use serde_json::{Value, json};

use crate::goldens::hospital;
use crate::out::{at, bundle, cases, resource, sent, ward};

/// The names of the segments of a message.
fn names(message: &[u8]) -> Vec<String> {
    let lines = message.split(|byte| *byte == b'\r').filter(|line| !line.is_empty());
    lines.map(|line| String::from_utf8_lossy(&line[..3.min(line.len())]).into_owned()).collect()
}

/// Puts `text` into every string of the Bundle that is no code, system, reference or time.
fn poison(value: &mut Value, text: &str) {
    const WORDS: [&str; 9] =
        ["family", "given", "prefix", "line", "city", "text", "display", "title", "valueString"];
    match value {
        Value::Object(elements) => {
            for (name, value) in elements.iter_mut().filter(|(name, _)| *name != "div") {
                match value {
                    Value::String(held) if WORDS.contains(&name.as_str()) => *held = text.to_owned(),
                    Value::Array(items)
                        if WORDS.contains(&name.as_str()) && items.iter().all(Value::is_string) =>
                    {
                        items.iter_mut().for_each(|item| *item = json!(text));
                    }
                    Value::Null
                    | Value::Bool(_)
                    | Value::Number(_)
                    | Value::String(_)
                    | Value::Array(_)
                    | Value::Object(_) => poison(value, text),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| poison(item, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn nasty() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "|",
        "^",
        "~",
        "\\",
        "&",
        "#",
        "\r",
        "\n",
        "\r\n",
        "\u{b}",
        "\u{1c}\r",
        "\"\"",
        "\\X0D\\",
        "\\.br\\",
        "MSH|^~\\&|",
        "\rOBX|1|NM|",
        "PID",
        "\u{85}",
        "\u{2028}",
        "\t",
        " ",
        "a",
        "\\F\\",
        "\u{0}",
        "é",
    ]);
    prop::collection::vec(piece, 1..12).prop_map(|pieces| pieces.concat())
}

#[expect(clippy::disallowed_methods, reason = "a test changes what is read")]
fn read(bundle: &[u8]) -> Value {
    serde_json::from_slice(bundle).unwrap()
}

/// No text makes a segment, a frame or a null of itself, and a name comes back as it was but for control characters.
fn check_no_injection(text: &str, version: &str) {
    for (folder, event, original, _) in cases() {
        let plain = read(&original);
        let expected = names(&sent(&plain, &event, &ward(version)).unwrap().bytes);
        let mut bundle = plain.clone();
        poison(&mut bundle, text);
        let Ok(message) = sent(&bundle, &event, &ward(version)) else { continue };
        let case = format!("{} {text:?}", folder.display());
        let held = names(&message.bytes);
        assert!(held.iter().all(|name| expected.contains(name)), "{case}: {held:?}");
        assert!(held.len() <= expected.len(), "{case}: {held:?}");
        assert!(!message.bytes.iter().any(|byte| *byte < b' ' && *byte != b'\r'), "{case}");
        let text_of = String::from_utf8(message.bytes.clone()).unwrap();
        let body = text_of.split_once('\r').unwrap().1;
        assert!(
            !body.split(['|', '~', '^', '&', '\r']).any(|field| field.trim() == "\"\""),
            "{case}: a null"
        );
        let again = hl7v2::translate(&message.bytes, &hospital()).unwrap();
        let again = read(&again.bundle);
        let patient = again["entry"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["resource"]["resourceType"] == "Patient");
        let family =
            patient.unwrap()["resource"]["name"][0]["family"].as_str().unwrap_or_default().to_owned();
        let control = |letter: char| letter.is_control() || ['\u{2028}', '\u{2029}'].contains(&letter);
        let spaced = |text: &str| {
            text.replace("\r\n", "\n")
                .chars()
                .map(|letter| if control(letter) { ' ' } else { letter })
                .collect::<String>()
                .trim()
                .to_owned()
        };
        assert_eq!(spaced(&family), spaced(text), "{case}");
    }
}

#[test]
fn a_name_with_delimiters_makes_no_segment() {
    for text in
        ["O'Hara|^~\\&\rPID|1||9990000018^^^NHS^NH", "\"\"", "\\X0D\\OBX|", "\u{1c}\r\u{b}MSH|", "#", "a\\"]
    {
        check_no_injection(text, "2.5.1");
        check_no_injection(text, "2.7");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_a_segment_of_itself(text in nasty()) {
        check_no_injection(&text, "2.5.1");
    }

    #[test]
    fn any_bytes_are_a_message_or_a_refusal(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(write(&bytes, "A01", &ward("2.4"), at()));
    }

    #[test]
    fn any_value_anywhere_is_written_or_refused_and_never_panics(
        case in 0..9_usize,
        at_leaf in any::<prop::sample::Index>(),
        value in prop::sample::select(vec![
            json!(null), json!(""), json!("x"), json!(1e300), json!(-1), json!(true), json!([]), json!({}), json!([[]]),
            json!("2026-13-45T99:99:99Z"), json!("urn:id:%"), json!("urn:id:%zz"), json!("Patient/p1"), json!("é\u{0}"),
        ]),
    ) {
        let all = cases();
        let (_, event, original, profile) = &all[case % all.len()];
        let mut bundle = read(original);
        let mut paths = Vec::new();
        leaves(&bundle, String::new(), &mut paths);
        let path: &String = at_leaf.get(&paths);
        *bundle.pointer_mut(path).unwrap() = value;
        drop(sent(&bundle, event, profile));
    }
}

/// The places of all values.
fn leaves(value: &Value, path: String, out: &mut Vec<String>) {
    match value {
        Value::Object(elements) => {
            elements.iter().for_each(|(name, value)| leaves(value, format!("{path}/{name}"), out));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| leaves(item, format!("{path}/{at}"), out));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    out.push(path);
}

/// Elements that say nothing about anybody: they are neither carried nor lost.
const ASIDE: [&str; 7] =
    ["/id", "/resourceType", "/fullUrl", "/intent", "/reference", "/meta/tag", "/text/status"];

/// Takes out each value of each case: the message or its losses show it, or it is refused.
#[test]
fn nothing_disappears_without_a_loss() {
    let mut gone: Vec<String> = Vec::new();
    for (folder, event, original, profile) in cases() {
        let plain = read(&original);
        let whole = sent(&plain, &event, &profile).unwrap();
        let mut paths = Vec::new();
        leaves(&plain, String::new(), &mut paths);
        for path in paths {
            let Some(value) = plain.pointer(&path).filter(|value| !value.is_object() && !value.is_array())
            else {
                continue;
            };
            let of_bundle = ["/type", "/timestamp"].contains(&path.as_str());
            if of_bundle
                || ASIDE.iter().any(|aside| path.ends_with(aside) || path.contains(&format!("{aside}/")))
            {
                continue;
            }
            let shows = |changed: Value| {
                let mut bundle = plain.clone();
                *bundle.pointer_mut(&path).unwrap() = changed;
                match sent(&bundle, &event, &profile) {
                    Err(_) => true,
                    Ok(message) => {
                        body(&message.bytes) != body(&whole.bytes) || message.losses != whole.losses
                    }
                }
            };
            let changed = match value {
                Value::Bool(yes) => json!(!yes),
                Value::Number(_) => json!(42),
                Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => json!("9x"),
            };
            if !shows(changed) && !listed(&whole, &plain, &path) {
                gone.push(format!("{} {path}", folder.display()));
            }
        }
    }
    assert!(gone.is_empty(), "these disappear: {gone:#?}");
}

/// A message without its control id, which depends on every byte.
fn body(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message).into_owned();
    text.split_once('\r').unwrap().1.to_owned()
}

/// Whether a loss names the value at `path` or what it is in.
fn listed(message: &hl7v2::out::Message, bundle: &Value, path: &str) -> bool {
    let steps: Vec<&str> = path.split('/').skip(4).collect();
    let entry = path.split('/').nth(2).unwrap_or_default();
    let resource = &bundle["entry"][entry.parse::<usize>().unwrap_or_default()]["resource"];
    let mut place = String::new();
    for step in steps {
        if step.parse::<usize>().is_ok() {
            place.push_str(&format!("[{step}]"));
        } else {
            place.push_str(&format!(".{step}"));
        }
    }
    let kind = resource["resourceType"].as_str().unwrap_or_default();
    message.losses.iter().any(|loss| {
        let (held, rest) = loss.place.split_once('.').unwrap_or((&loss.place, ""));
        let held = held.split('[').next().unwrap_or_default();
        held == kind
            && (rest.is_empty()
                || format!("{place}.").starts_with(&format!(".{rest}"))
                || place.starts_with(&format!(".{rest}")))
    })
}

#[test]
fn what_was_withheld_and_what_is_absent_are_the_same_message() {
    let absent = json!({ "extension": [{ "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked" }] });
    let mut masked = bundle("a01-admission");
    let patient = resource(&mut masked, "Patient");
    patient.as_object_mut().unwrap().remove("birthDate");
    let mut without = masked.clone();
    resource(&mut masked, "Patient")["_birthDate"] = absent;
    resource(&mut without, "Patient").as_object_mut().unwrap().remove("_birthDate");
    let profile = Profile::parse("version = \"2.4\"").unwrap();
    let (one, other) = (sent(&masked, "A01", &profile).unwrap(), sent(&without, "A01", &profile).unwrap());
    assert_eq!(body(&one.bytes), body(&other.bytes));
    assert_eq!(one.losses, other.losses);
    assert!(!body(&one.bytes).contains("\"\""));
}

#[test]
fn a_result_of_another_is_not_sent_as_one_of_the_person() {
    for event in ["R01", "A01"] {
        let mut bundle = bundle(if event == "R01" { "r01-of-no-report" } else { "a01-admission" });
        if event == "A01" {
            let person = resource(&mut bundle, "Encounter")["subject"].clone();
            let result = json!({ "resourceType": "Observation", "id": "o9", "status": "final", "subject": person,
                "code": { "text": "Heart rate" }, "valueString": "140" });
            bundle["entry"]
                .as_array_mut()
                .unwrap()
                .push(json!({ "fullUrl": "urn:uuid:o9", "resource": result }));
        }
        assert!(sent(&bundle, event, &ward("2.5")).is_ok());
        resource(&mut bundle, "Observation")["focus"] = json!([{ "display": "Fetus" }]);
        let refused = sent(&bundle, event, &ward("2.5")).unwrap_err().to_string();
        assert!(refused.contains("Observation") && refused.contains("focus"), "{refused}");
    }
}
