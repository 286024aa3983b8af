//! What a message says of medicines: a mixture is all that is in it, and no vaccine is none.

use adapters::hl7v2;
use serde_json::Value;

use crate::goldens::hospital;

#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at what was written, strictness is fhir::json's matter"
)]
fn all(message: &str) -> Vec<Value> {
    let bundle = hl7v2::translate(message.replace('\n', "\r").as_bytes(), &hospital()).unwrap().bundle;
    let bundle: Value = serde_json::from_slice(&bundle).unwrap();
    bundle["entry"].as_array().unwrap().clone()
}

fn of(all: &[Value], kind: &str) -> Vec<Value> {
    let resources = all.iter().map(|entry| &entry["resource"]);
    resources.filter(|resource| resource["resourceType"] == kind).cloned().collect()
}

fn head(kind: &str) -> String {
    format!(
        "MSH|^~\\&|PAS|RX1|GATE|E10000099|20260304161500||{kind}|NHT0801|P|2.5\nPID|1||9990000107^^^NHS^NH||Yilmaz^Ece||19851105|F\n"
    )
}

#[test]
fn an_infusion_is_ordered_with_what_is_added_to_it() {
    let saline = "^Saline 0.9%";
    let parts = format!("RXC|B|{saline}|1000|mL\nRXC|A|^Potassium chloride|40|mmol\n");
    let order = "ORC|NW|RX-9^PAS|||IP\n";
    for (kind, drug) in [
        ("RDE^O11", format!("RXE||{saline}|1000||mL\n")),
        ("RDE^O11", format!("RXO|{saline}\nRXE||{saline}|1000||mL\n")),
        ("ORM^O01", format!("RXO|{saline}|1000||mL\n")),
    ] {
        let made = all(&[head(kind), order.to_owned(), drug.clone(), parts.clone()].concat());
        let [request] = of(&made, "MedicationRequest").try_into().unwrap();
        let [mixture] = of(&made, "Medication").try_into().unwrap();
        assert!(request.get("medicationCodeableConcept").is_none());
        let url = request["medicationReference"]["reference"].as_str().unwrap();
        assert!(made.iter().any(|entry| entry["fullUrl"] == url && entry["resource"] == mixture));
        assert_eq!(mixture["code"]["text"], "Saline 0.9%");
        let named: Vec<&str> = mixture["ingredient"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| part["itemCodeableConcept"]["text"].as_str().unwrap())
            .collect();
        assert_eq!(named, ["Saline 0.9%", "Potassium chloride"]);
        let strength = &mixture["ingredient"][1]["strength"];
        assert_eq!(
            (&strength["numerator"]["value"], &strength["numerator"]["unit"]),
            (&40.into(), &"mmol".into())
        );
        assert_eq!(strength["denominator"]["value"], 1);
        let one =
            all(&[head(kind), order.to_owned(), drug.clone(), parts.lines().nth(1).unwrap().to_owned()]
                .concat());
        assert!(of(&one, "MedicationRequest")[0].get("medicationReference").is_some());
        // What is not mixed stays as it was.
        let plain = all(&[head(kind), order.to_owned(), drug].concat());
        assert!(of(&plain, "Medication").is_empty());
        assert_eq!(of(&plain, "MedicationRequest")[0]["medicationCodeableConcept"]["text"], "Saline 0.9%");
    }
}

#[test]
fn no_vaccine_is_none_that_was_given() {
    for (code, state, expected) in [
        ("998", "", "not-done"),
        ("998", "CP", "not-done"),
        ("140", "", "completed"),
        ("140", "CP", "completed"),
    ] {
        let given =
            format!("ORC|RE||1^GPS\nRXA|0|1|20260304||{code}^Word^CVX|999{}{state}\n", "|".repeat(14));
        let made = all(&(head("VXU^V04") + &given));
        assert_eq!(of(&made, "Immunization")[0]["status"], expected, "{code} {state}");
    }
}
