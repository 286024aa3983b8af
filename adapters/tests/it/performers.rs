//! Who made a result, where they are and when it was analysed; which language is hers first.

use adapters::Severity;
use adapters::hl7v2::out::{Profile, write};
use serde_json::{Value, json};

use crate::goldens::hospital;
use crate::hl7v2_meaning::{head, of, translated};
use crate::out::at;

const ANALYSED: &str = "http://hl7.org/fhir/StructureDefinition/observation-analysis-date-time";

/// A result with what stands in its fields from OBX-14 on.
fn result(fields: &str) -> String {
    format!(
        "{}OBR|1||7^LAB|FBC^Full count^LOCAL{}F\nOBX|1|NM|HB^Haemoglobin^LOCAL||141|g/L|||||F|||{fields}\n",
        head("ORU^R01^ORU_R01"),
        "|".repeat(21)
    )
}

/// The organisations that a result names, without their ids, and all that is told of it.
fn organisations(fields: &str) -> (Vec<Value>, Vec<(String, Severity)>) {
    let (all, losses) = translated(&result(fields));
    let [observation] = of(&all, "Observation").try_into().unwrap();
    let performers = observation["performer"].as_array().cloned().unwrap_or_default();
    let found = |performer: &Value| {
        let url = performer["reference"].as_str().unwrap();
        let id = url.trim_start_matches("urn:uuid:");
        let mut found = all.iter().find(|resource| resource["id"] == id).unwrap().clone();
        let held = found.as_object_mut().unwrap();
        held.retain(|name, _| !["id", "resourceType"].contains(&name.as_str()));
        found
    };
    let losses = losses.into_iter().filter(|loss| loss.place.starts_with("OBX") && loss.place != "OBX-1");
    (performers.iter().map(found).collect(), losses.map(|loss| (loss.place, loss.severity)).collect())
}

#[test]
fn who_made_a_result_is_an_organisation_with_its_code_words_and_address() {
    let winpath = json!([{"system": "urn:id:WINPATH", "value": "RVL01"}]);
    for (fields, expected, told) in [
        // OBX-15: code, words, system.
        (
            "|RVL01^Royal laboratory^WINPATH",
            vec![json!({"identifier": winpath, "name": "Royal laboratory"})],
            vec![],
        ),
        ("|RVL01", vec![json!({"identifier": [{"value": "RVL01"}]})], vec![]),
        ("|^Royal laboratory", vec![json!({"name": "Royal laboratory"})], vec![]),
        (
            "|A^B^C^D",
            vec![json!({"identifier": [{"system": "urn:id:C", "value": "A"}], "name": "B"})],
            vec![("OBX-15.4", Severity::Minor)],
        ),
        // OBX-23 and its address, OBX-24.
        (
            "|||||||||Royal laboratory|1 Quay^^Leeds^^LS1 1AA^^B",
            vec![
                json!({"name": "Royal laboratory", "address": [{"use": "work", "line": ["1 Quay"], "city": "Leeds", "postalCode": "LS1 1AA"}]}),
            ],
            vec![],
        ),
        (
            "|||||||||Royal laboratory|^^Leeds^^^^H",
            vec![json!({"name": "Royal laboratory", "address": [{"city": "Leeds"}]})],
            vec![("OBX-24.7", Severity::Minor)],
        ),
        // An address of nobody is no performer.
        ("||||||||||1 Quay^^Leeds", vec![], vec![("OBX-24", Severity::Minor)]),
    ] {
        let told: Vec<(String, Severity)> =
            told.into_iter().map(|(place, severity)| (place.to_owned(), severity)).collect();
        assert_eq!(organisations(fields), (expected, told), "{fields}");
    }
}

#[test]
fn when_a_result_was_analysed_comes_and_goes() {
    let (all, losses) = translated(&result("20260304|||||202603041130"));
    let [observation] = of(&all, "Observation").try_into().unwrap();
    assert_eq!(observation["effectiveDateTime"], "2026-03-04");
    assert_eq!(
        observation["extension"],
        json!([{"url": ANALYSED, "valueDateTime": "2026-03-04T11:30:00+00:00"}])
    );
    assert!(losses.iter().all(|loss| loss.place != "OBX-19"), "{losses:?}");
    assert_eq!(again(&result("20260304|||||202603041130"), "R01", "OBX", 19), "20260304113000");
}

#[test]
fn the_language_of_a_person_is_the_one_that_is_hers_first() {
    let person = |language: &str, births: &str| {
        format!(
            "MSH|^~\\&|PAS|RX1|GATE|E10000099|20260304161500||ADT^A31^ADT_A05|NHT0901|P|2.5\nPID|1||9990000018^^^NHS^NH||Fenwick^Ann||19510203|F|||||||{language}|||||||||{births}\n"
        )
    };
    let (all, losses) = translated(&person("EN", "Y|2"));
    let [patient] = of(&all, "Patient").try_into().unwrap();
    assert_eq!(patient["communication"][0]["preferred"], true);
    assert_eq!(
        (&patient["multipleBirthInteger"], &patient["multipleBirthBoolean"]),
        (&json!(2), &Value::Null)
    );
    let births = losses.iter().find(|loss| loss.place == "PID-24").map(|loss| loss.severity);
    assert_eq!(births, Some(Severity::Trivial), "who is the second is one of several");
    let (_, losses) = translated(&person("EN", "N|2"));
    let births = losses.iter().find(|loss| loss.place == "PID-24").map(|loss| loss.severity);
    assert_eq!(births, Some(Severity::Minor), "and that there were not is another thing");
    // Of two languages the one that is hers first goes out, wherever it stands.
    let made =
        adapters::hl7v2::translate(person("EN", "").replace('\n', "\r").as_bytes(), &hospital()).unwrap();
    let bundle = String::from_utf8(made.bundle).unwrap();
    let second = r#""communication":[{"language":{"coding":[{"system":"urn:ietf:bcp:47","code":"cy"}]}},"#;
    let both = bundle.replacen(r#""communication":["#, second, 1);
    assert_ne!(both, bundle);
    assert_eq!(written(both.as_bytes(), "A31", "PID", 15), "EN");
}

/// The header decides what a message is; an event segment that names another event, and a version that nobody knows, are told.
#[test]
fn what_casts_doubt_on_the_header_is_told() {
    let message = |version: &str, event: &str| {
        format!(
            "MSH|^~\\&|PAS|RX1|CARE|E1|20260304161500||ADT^A08|D1|P|{version}\nEVN|{event}|20260304161400\nPID|||9990000018^^^NHS^NH||Fenwick^Ann\nPV1||I\n"
        )
    };
    for (version, event, expected) in [
        ("2.4", "A08", vec![]),
        ("2.4", "a08", vec![]),
        ("2.8.2", "", vec![]),
        ("2.4^GBR", "A08", vec![]),
        ("2.4", "A03", vec![("EVN-1", Severity::Major)]),
        ("2.9", "A08", vec![("MSH-12", Severity::Minor)]),
        ("3", "A11", vec![("MSH-12", Severity::Minor), ("EVN-1", Severity::Major)]),
    ] {
        let (_, losses) = translated(&message(version, event));
        let told = losses.iter().filter(|loss| ["MSH-12", "EVN-1"].contains(&loss.place.as_str()));
        let told: Vec<_> = told
            .map(|loss| (loss.place.as_str(), loss.severity))
            .filter(|(_, severity)| *severity > Severity::Trivial)
            .collect();
        assert_eq!(told, expected, "{version} {event}");
    }
}

/// A field of the message that is made of what `message` becomes.
fn again(message: &str, event: &str, segment: &str, field: usize) -> String {
    let made = adapters::hl7v2::translate(message.replace('\n', "\r").as_bytes(), &hospital()).unwrap();
    written(&made.bundle, event, segment, field)
}

fn written(bundle: &[u8], event: &str, segment: &str, field: usize) -> String {
    let profile = Profile::parse("version = \"2.5.1\"").unwrap();
    let message = write(bundle, event, &profile, at()).unwrap().bytes;
    let message = String::from_utf8(message).unwrap();
    let line = message.split('\r').find(|line| line.starts_with(segment)).unwrap();
    line.split('|').nth(field).unwrap_or_default().split(['^', '+']).next().unwrap_or_default().to_owned()
}
