//! Invariants of FHIR that feeds of HL7 v2 break: what comes out keeps them, carries what was said, and tells what it does not.

use adapters::{Severity, Why};
use serde_json::{Value, json};

use crate::hl7v2_meaning::{check, head, lost, of, translated};

fn bars(count: usize) -> String {
    "|".repeat(count)
}

fn result(observation: &str) -> String {
    format!("OBR|1|P1|F1|FBC^Full blood count^L\n{observation}\n")
}

fn unknown() -> Value {
    json!({"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]})
}

/// What is told at `place`, and how much it matters.
fn told(kind: &str, segments: &str, place: &str) -> Vec<(Why, Severity)> {
    let (_, losses) = translated(&(head(kind) + segments));
    losses.into_iter().filter(|loss| loss.place == place).map(|loss| (loss.why, loss.severity)).collect()
}

/// `obs-7`: beside a component of the same code there is no value.
#[test]
fn results_of_more_than_one_value_are_components_and_none_of_them_the_value() {
    let quantity = |value: f64| json!({"valueQuantity": {"value": value, "unit": "mmol/L"}});
    let concept =
        |code: &str| json!({"valueCodeableConcept": {"coding": [{"system": "urn:id:L", "code": code}]}});
    for (kind, said, unit, expected) in [
        ("NM", "5.1~5.4", "mmol/L", vec![quantity(5.1), quantity(5.4)]),
        ("NM", "5.1~5.4~5.5", "mmol/L", vec![quantity(5.1), quantity(5.4), quantity(5.5)]),
        (
            "NM",
            "5.1~low~5.4",
            "mmol/L",
            vec![quantity(5.1), json!({"valueString": "low mmol/L"}), quantity(5.4)],
        ),
        ("CE", "A^^L~B^^L", "", vec![concept("A"), concept("B")]),
        (
            "DT",
            "20260301~20260302",
            "",
            vec![json!({"valueDateTime": "2026-03-01"}), json!({"valueDateTime": "2026-03-02"})],
        ),
    ] {
        let segments = result(&format!("OBX|1|{kind}|GLU^Glucose^L||{said}|{unit}|||||F"));
        let (all, losses) = translated(&(head("ORU^R01") + &segments));
        let observation = &of(&all, "Observation")[0];
        let members = observation.as_object().unwrap();
        assert!(!members.keys().any(|name| name.starts_with("value")), "{observation}");
        let mut components = observation["component"].as_array().unwrap().clone();
        for component in &mut components {
            let code = component.as_object_mut().unwrap().remove("code");
            assert_eq!(code.as_ref(), Some(&observation["code"]), "{said}");
        }
        assert_eq!(components, expected, "{said}");
        assert_eq!(losses.iter().filter(|loss| loss.why == Why::PlaceTaken).count(), 0, "{losses:?}");
    }
    // One value is the value, and lines of a text are one.
    for (kind, said, name, expected) in [
        ("NM", "5.1", "valueQuantity", json!({"value": 5.1})),
        ("NM", "\"\"~5.1", "valueQuantity", json!({"value": 5.1})),
        ("TX", "One~Two", "valueString", json!("One\nTwo")),
    ] {
        let segments = result(&format!("OBX|1|{kind}|GLU^Glucose^L||{said}||||||F"));
        check("ORU^R01", &segments, "Observation", &format!("/{name}"), expected);
        check("ORU^R01", &segments, "Observation", "/component", Value::Null);
    }
}

/// `rng-2`: the lowest is not above the highest.
#[test]
fn a_range_that_ends_below_its_beginning_is_said_in_words() {
    let limits = |low: u32, high: u32| json!({"low": {"value": low}, "high": {"value": high}});
    for (kind, said, name, expected, is_told) in [
        ("SN", "^5^-^10", "valueRange", limits(5, 10), false),
        ("SN", "^5^-^5", "valueRange", limits(5, 5), false),
        ("SN", "^10^-^5", "valueString", json!("10-5"), true),
        ("SN", "^10^-^9.5", "valueString", json!("10-9.5"), true),
        ("NR", "5^10", "valueRange", limits(5, 10), false),
        ("NR", "10^5", "valueString", json!("10 - 5"), true),
        ("NR", "10", "valueRange", json!({"low": {"value": 10}}), false),
    ] {
        let segments = result(&format!("OBX|1|{kind}|GLU^Glucose^L||{said}||||||F"));
        check("ORU^R01", &segments, "Observation", &format!("/{name}"), expected);
        let (_, losses) = translated(&(head("ORU^R01") + &segments));
        let count = losses.iter().filter(|loss| loss.why == Why::NotOfType).count();
        assert_eq!(count > 0, is_told, "{said} {losses:?}");
    }
    for (said, expected) in [
        ("5-10", json!([{"low": {"value": 5}, "high": {"value": 10}, "text": "5-10"}])),
        ("10-5", json!([{"text": "10-5"}])),
        ("-2--5", json!([{"text": "-2--5"}])),
        ("-5--2", json!([{"low": {"value": -5}, "high": {"value": -2}, "text": "-5--2"}])),
    ] {
        let segments = result(&format!("OBX|1|NM|GLU^Glucose^L||7||{said}||||F"));
        check("ORU^R01", &segments, "Observation", "/referenceRange", expected);
    }
}

/// The same of doses: what is a range of doses nowhere must not read as one of its ends.
#[test]
fn a_dose_whose_least_is_above_its_most_is_said_in_words() {
    let dose = |low: u32, high: u32| json!({"low": {"value": low, "unit": "mg"}, "high": {"value": high, "unit": "mg"}});
    for (kind, segment, place) in [("RDE^O11", "RXE|", "RXE-3"), ("ORM^O01", "RXO", "RXO-2")] {
        let order =
            |least: &str, most: &str| format!("ORC|NW|P1\n{segment}|X^Warfarin^L|{least}|{most}|mg\n");
        for (least, most, range, text) in [
            ("5", "10", dose(5, 10), Value::Null),
            (
                "5",
                "5.0",
                json!({"low": {"value": 5, "unit": "mg"}, "high": {"value": 5.0, "unit": "mg"}}),
                Value::Null,
            ),
            ("10", "5", Value::Null, json!("10 - 5 mg")),
        ] {
            let order = order(least, most);
            let dosage = "/dosageInstruction/0";
            let at = |rest: &str| format!("{dosage}{rest}");
            check(kind, &order, "MedicationRequest", &at("/doseAndRate/0/doseRange"), range);
            check(kind, &order, "MedicationRequest", &at("/doseAndRate/0/doseQuantity"), Value::Null);
            check(kind, &order, "MedicationRequest", &at("/text"), text.clone());
            let expected = (!text.is_null()).then_some((Why::NotOfType, Severity::Minor));
            assert_eq!(told(kind, &order, place), expected.into_iter().collect::<Vec<_>>(), "{order}");
        }
    }
}

/// `pat-1`: of a contact something is known to reach her by, or it is said that nothing is.
#[test]
fn a_contact_of_whom_only_the_relationship_is_known_says_that_there_is_no_more() {
    let name = || json!({"family": "Quay"});
    for (segment, contact, expected) in [
        ("NK1|1||SPO\n", "/contact/0/name", unknown()),
        ("NK1|1||MTH||||||20200101||||||F\n", "/contact/0/name", unknown()),
        ("NK1|1||||||C^Emergency contact\n", "/contact/0/name", unknown()),
        ("NK1|1|Quay|SPO\n", "/contact/0/name", name()),
        ("NK1|1|Quay|SPO\nNK1|2||MTH\n", "/contact/0/name", name()),
        ("NK1|1|Quay|SPO\nNK1|2||MTH\n", "/contact/1/name", unknown()),
        ("NK1|1||SPO||0113 4960001\n", "/contact/0/name", Value::Null),
        ("NK1|1||SPO|1 Quay^^Leeds\n", "/contact/0/name", Value::Null),
        ("NK1|1||SPO||||||||||Clinic^^99\n", "/contact/0/name", Value::Null),
        ("NK1|1|\"\"|\"\"\n", "/contact", Value::Null),
    ] {
        check("ADT^A31", segment, "Patient", contact, expected);
    }
    // Wherever a person stands in a message.
    for (kind, rest) in [
        ("ORU^R01", "OBR|1|P1|F1|FBC^F^L\n"),
        ("SIU^S12", "SCH|A1\n"),
        ("REF^I12", "RF1|A\n"),
        ("VXU^V04", "RXA|0|1|20260301||08^HepB^CVX|999\n"),
    ] {
        let segments = if kind == "SIU^S12" {
            rest.to_owned() + "NK1|1||SPO\n"
        } else {
            "NK1|1||SPO\n".to_owned() + rest
        };
        check(kind, &segments, "Patient", "/contact/0/name", unknown());
    }
}

/// `app-1`, and the state that whoever takes part has.
#[test]
fn whoever_takes_part_in_an_appointment_is_somebody_and_has_a_state() {
    for (segment, expected) in [
        (
            format!("AIP|1|A||{}\n", "ATT^Attending"),
            json!({"type": [{"coding": [{"code": "ATT", "display": "Attending"}]}], "_status": unknown()}),
        ),
        (format!("AIL|1|A|{}Confirmed\n", bars(9)), json!({"status": "accepted", "actor": unknown()})),
    ] {
        check("SIU^S12", &format!("SCH|A1\n{segment}"), "Appointment", "/participant/0", expected);
    }
    let who = "/participant/0/_status";
    check("SIU^S12", "SCH|A1\nAIP|1|A|C1^Smith^Jo\n", "Appointment", who, Value::Null);
}

/// `positiveInt` begins at one.
#[test]
fn a_count_that_is_none_is_told_and_not_carried() {
    let minutes = |said: &str| format!("SCH|A1|{}{said}|min\n", bars(7));
    let cover = |said: &str| format!("PV1|1|I|W1\nIN1|1|PLAN|C1|Insurer{}{said}\n", bars(18));
    let count = |said: &str| format!("ORC|NW|P1\nRXE||X^Warfarin^L|1||mg\nTQ1|1|{}{said}\n", bars(12));
    for (kind, segments, resource, pointer, place, expected) in [
        ("SIU^S12", &minutes as &dyn Fn(&str) -> String, "Appointment", "/minutesDuration", "SCH-9", "15"),
        ("ADT^A01", &cover, "Coverage", "/order", "IN1-22", "2"),
        ("RDE^O11", &count, "MedicationRequest", "/dosageInstruction/0/timing/repeat/count", "TQ1-14", "7"),
    ] {
        let number: Value = json!(expected.parse::<u32>().unwrap());
        check(kind, &segments(expected), resource, pointer, number);
        for none in ["0", "-1", "2147483648", "x"] {
            check(kind, &segments(none), resource, pointer, Value::Null);
            assert!(
                told(kind, &segments(none), place).iter().any(|(why, _)| *why == Why::NotOfType),
                "{none}"
            );
        }
    }
}

/// A `code` has one blank in a row, a `url` none.
#[test]
fn blanks_that_fhir_cannot_say_are_not_carried() {
    let coded = |code: &str| result(&format!("OBX|1|CE|{code}^Words  of it^L||{code}^^L||||||F"));
    for (code, expected, severity) in [
        ("A B", "A B", None),
        ("A  B", "A B", Some(Severity::Minor)),
        ("A \\X09\\ B", "A B", Some(Severity::Minor)),
    ] {
        for (pointer, place) in [("/code", "OBX-3.1"), ("/valueCodeableConcept", "OBX-5.1")] {
            let at = format!("{pointer}/coding/0/code");
            check("ORU^R01", &coded(code), "Observation", &at, json!(expected));
            lost("ORU^R01", &coded(code), place, severity);
        }
    }
    let words = "/code/coding/0/display";
    check("ORU^R01", &coded("A"), "Observation", words, json!("Words  of it"));
    let kept = |address: &str| result(&format!("OBX|1|RP|DOC^Letter^L||{address}^^Application^PDF||||||F"));
    for (address, name, expected) in [
        ("https://files.example/a b\u{a0}c.pdf", "url", "https://files.example/a%20b%C2%A0c.pdf"),
        ("https://files.example/a%20b.pdf", "url", "https://files.example/a%20b.pdf"),
        ("a b.pdf", "title", "a b.pdf"),
    ] {
        let pointer = format!("/content/0/attachment/{name}");
        check("ORU^R01", &kept(address), "DocumentReference", &pointer, json!(expected));
    }
}

/// The lines of an address and what is said about them stand in two lists that are as long as each other.
#[test]
fn what_is_said_about_a_line_of_an_address_stands_where_the_line_stands() {
    let part = |name: &str, value: &str| {
        let url = format!("http://hl7.org/fhir/StructureDefinition/iso21090-ADXP-{name}");
        json!({"url": url, "valueString": value})
    };
    let street = json!({"extension": [part("streetName", "Quay St")]});
    for (address, lines, about) in [
        ("Flat 1&Quay St^^Leeds", json!(["Flat 1"]), json!([street])),
        ("Flat 1&Quay St^Riverside^Leeds", json!(["Flat 1", "Riverside"]), json!([street, null])),
        (
            "Flat 1&Quay St^Riverside^Leeds^^^^^^^^^^^^^^^^Rear",
            json!(["Flat 1", "Riverside", "Rear"]),
            json!([street, null, null]),
        ),
        ("\"\"&Quay St^Riverside^Leeds", json!([null, "Riverside"]), json!([street, null])),
        ("\"\"&Quay St^^Leeds", Value::Null, json!([street])),
        ("1 Quay St^Riverside^Leeds", json!(["1 Quay St", "Riverside"]), Value::Null),
    ] {
        let message = head("ADT^A31").replace("|F\n", &format!("|F|||{address}\n"));
        let (all, _) = translated(&message);
        let found = &of(&all, "Patient")[0]["address"][0];
        assert_eq!((&found["line"], &found["_line"]), (&lines, &about), "{address}");
    }
}
