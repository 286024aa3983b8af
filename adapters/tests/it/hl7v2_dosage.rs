//! How a medicine is taken: each course of it, as needed or not, and no dose that is lost for the way it is written.

use adapters::Severity;
use serde_json::{Value, json};

use crate::hl7v2_meaning::{check, lost};

const DOSAGE: &str = "/dosageInstruction";

#[track_caller]
fn dosage(segments: &str, expected: Value) {
    check("RDE^O11", segments, "MedicationRequest", DOSAGE, expected);
}

fn coded(code: &str) -> Value {
    json!({ "coding": [{ "code": code }] })
}

#[test]
fn each_course_of_a_medicine_is_ordered() {
    let course = |first: &str| {
        format!(
            "ORC|NW|P1\nRXE||^Prednisolone|20||mg\nTQ1|1||QD||||20260701|20260707||||{first}\nTQ1|2||QOD||||20260708|20260714\nRXR|PO\n"
        )
    };
    let timed = |code: &str, from: &str, until: &str| json!({ "code": coded(code), "repeat": { "boundsPeriod": { "start": from, "end": until } } });
    let (first, second) = (timed("QD", "2026-07-01", "2026-07-07"), timed("QOD", "2026-07-08", "2026-07-14"));
    let whole = |timing: &Value, sequence: Option<u8>| {
        let mut whole = json!({ "timing": timing,
            "route": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0162", "code": "PO", "display": "Oral" }] },
            "doseAndRate": [{ "doseQuantity": { "value": 20, "unit": "mg" } }] });
        if let Some(sequence) = sequence {
            whole["sequence"] = json!(sequence);
        }
        whole
    };
    dosage(&course("S"), json!([whole(&first, Some(1)), whole(&second, Some(2))]));
    dosage(&course("A"), json!([whole(&first, Some(1)), whole(&second, Some(1))]));
    // Nobody says which comes after which.
    dosage(&course(""), json!([whole(&first, None), whole(&second, None)]));
    lost("RDE^O11", &course("X"), "TQ1-12", Some(Severity::Major));
    // The pharmacy says anew when; what was asked for is not a second dosage.
    let anew = "ORC|NW|P1\nTQ1|1||BID\nRXE||^Prednisolone|20||mg\nTQ1|1||QD\n";
    let one = json!([{ "timing": { "code": coded("QD") }, "doseAndRate": [{ "doseQuantity": { "value": 20, "unit": "mg" } }] }]);
    dosage(anew, one.clone());
    lost("RDE^O11", anew, "TQ1-3", Some(Severity::Major));
    dosage(&anew.replace("BID", "QD"), one);
    lost("RDE^O11", &anew.replace("BID", "QD"), "TQ1-3", None);
}

#[test]
fn a_medicine_that_is_taken_as_needed_is_not_to_be_taken_always() {
    let needed = |fields: &str| format!("ORC|NW|P1\nTQ1|1|{fields}\nRXE||^Morphine|2.5||mg\n");
    let at = |pointer: &str| format!("{DOSAGE}/0/{pointer}");
    let look = |fields: &str, pointer: &str, expected: Value| {
        check("RDE^O11", &needed(fields), "MedicationRequest", &at(pointer), expected);
    };
    look("|Q6H|||||||PRN pain", "asNeededCodeableConcept/text", json!("PRN pain"));
    look("|PRN", "asNeededBoolean", json!(true));
    look("|Q6HPRN", "asNeededBoolean", json!(true));
    look("|Q6H||||||PRN", "asNeededBoolean", json!(true));
    look("|Q6H", "asNeededBoolean", Value::Null);
    look("|Q6H|0800~2000", "timing/repeat/timeOfDay", json!(["08:00:00", "20:00:00"]));
    look("|Q6H|||||||||||6", "timing/repeat/count", json!(6));
    for (fields, place) in [("2^TAB|Q6H", "TQ1-2"), ("|Q6H~QD", "TQ1-3[2]"), ("|Q6H||||||||||||", "TQ1-9")] {
        let expected = (place != "TQ1-9").then_some(Severity::Major);
        lost("RDE^O11", &needed(fields), place, expected);
    }
}

#[test]
fn the_timing_of_older_versions_is_carried() {
    for (field, drug) in [
        ("ORC|NW|P1|||||{}\nRXE||", "RDE^O11"),
        ("ORC|NW|P1\nRXE|{}|", "RDE^O11"),
        ("ORC|NW|P1|||||{0}\nRXE|{0}|", "RDE^O11"),
        ("ORC|NW|P1|||||{}\nRXO|", "ORM^O01"),
    ] {
        let said = "1^Q6H&0800,2000^D7^20260701^20260707^^pain^With food~^QD^D3";
        let start = field.replace("{0}", said).replace("{}", said);
        let rest = "^Codeine|30||mg\n";
        let dose = json!([{ "doseQuantity": { "value": 30, "unit": "mg" } }]);
        let days = json!({ "value": 3, "unit": "d", "system": "http://unitsofmeasure.org", "code": "d" });
        let expected = json!([
            {
                "patientInstruction": "With food",
                "timing": {
                    "repeat": {
                        "boundsPeriod": { "start": "2026-07-01", "end": "2026-07-07" },
                        "timeOfDay": ["08:00:00", "20:00:00"]
                    },
                    "code": coded("Q6H")
                },
                "asNeededCodeableConcept": { "text": "pain" },
                "doseAndRate": dose
            },
            { "timing": { "repeat": { "boundsDuration": days }, "code": coded("QD") }, "doseAndRate": dose }
        ]);
        check(drug, &(start + rest), "MedicationRequest", DOSAGE, expected);
    }
    // Where both say something else, what is not carried is told.
    let both = "ORC|NW|P1|||||^BID\nRXE|^QD|^Codeine|30||mg\n";
    check("RDE^O11", both, "MedicationRequest", "/dosageInstruction/1", Value::Null);
    lost("RDE^O11", both, "ORC-7", Some(Severity::Major));
}

#[test]
fn a_dose_that_is_no_number_is_told_in_words_with_its_unit() {
    for (dose, expected) in [
        ("1,5||mg", json!([{ "text": "1,5 mg" }])),
        ("1-2||TAB^tablets", json!([{ "text": "1-2 tablets" }])),
        ("1|2,5|mg", json!([{ "text": "1 - 2,5 mg" }])),
        ("1.5||mg", json!([{ "doseAndRate": [{ "doseQuantity": { "value": 1.5, "unit": "mg" } }] }])),
    ] {
        dosage(&format!("ORC|NW|P1\nRXE||^Drug|{dose}\n"), expected.clone());
        check("ORM^O01", &format!("ORC|NW|P1\nRXO|^Drug|{dose}\n"), "MedicationRequest", DOSAGE, expected);
    }
    let given = "ORC|RE|P1\nRXA|0|1|20260304||X^Drug^L|1,5|mg\n";
    let words = json!([{ "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "as-text" }]);
    let expected = json!({ "text": "1,5 mg", "dose": { "extension": words } });
    check("RAS^O17", given, "MedicationAdministration", "/dosage", expected);
    // What is carried in no way is as grave as its field.
    lost("RDE^O11", "RXE||^Drug|1||mg|||||||x\n", "RXE-12", Some(Severity::Major));
    for kind in ["NM", "SN", "ST"] {
        let written = if kind == "SN" { "^5,3" } else { "5,3" };
        let result = format!("OBR|1|||X^X^L\nOBX|1|{kind}|K^Potassium^L||{written}|mmol/L|||||F\n");
        check("ORU^R01", &result, "Observation", "/valueString", json!("5,3 mmol/L"));
        lost("ORU^R01", &result, "OBX-6", None);
    }
}
