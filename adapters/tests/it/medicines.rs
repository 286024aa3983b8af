//! What a message says of medicines: a mixture is all that is in it, and no vaccine is none.

use adapters::{Refused, hl7v2};
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

/// The first dosage of an order of these segments, and the losses.
fn dosage(segments: &str) -> (Value, Vec<String>) {
    let message = head("RDE^O11") + "ORC|NW|RX-9^PAS|||IP\n" + segments;
    let done = hl7v2::translate(message.replace('\n', "\r").as_bytes(), &hospital()).unwrap();
    let losses = done.losses.iter().map(|loss| format!("{} {}", loss.place, loss.severity)).collect();
    (of(&all(&message), "MedicationRequest")[0]["dosageInstruction"][0].clone(), losses)
}

#[test]
fn how_often_how_long_each_and_how_long_in_all_are_carried_or_told() {
    let (held, losses) = dosage("TQ1|1|2^tablet||||30^min|||||||7^d\nRXE||^Thing\n");
    assert_eq!(held["doseAndRate"][0]["doseQuantity"]["value"], 2);
    assert_eq!(held["doseAndRate"][0]["doseQuantity"]["unit"], "tablet");
    let repeat = &held["timing"]["repeat"];
    assert_eq!((&repeat["duration"], &repeat["durationUnit"]), (&30.into(), &"min".into()));
    assert_eq!(
        (&repeat["boundsDuration"]["value"], &repeat["boundsDuration"]["code"]),
        (&7.into(), &"d".into())
    );
    assert!(!losses.iter().any(|loss| loss.starts_with("TQ1") && !loss.starts_with("TQ1-1 ")), "{losses:?}");
    for (every, period, unit) in
        [("8^h", 8, "h"), ("1^Day&days&ISO+", 1, "d"), ("2^wks", 2, "wk"), ("3^MON", 3, "mo")]
    {
        let (held, losses) = dosage(&format!("TQ1|1||||{every}\nRXE||^Thing|5||mg\n"));
        let repeat = &held["timing"]["repeat"];
        assert_eq!(
            (&repeat["frequency"], &repeat["period"], &repeat["periodUnit"]),
            (&1.into(), &period.into(), &unit.into()),
            "{every}"
        );
        assert!(!losses.iter().any(|loss| loss.starts_with("TQ1-5")), "{every} {losses:?}");
    }
    // One that lasts for days is what senders call a course in the wrong field: each dose would last as long.
    let (held, losses) = dosage("TQ1|1|||||14^d\nRXE||^Thing|5||mg\n");
    assert!(held["timing"].is_null() && losses.iter().any(|loss| loss == "TQ1-6 major"), "{losses:?}");
    // A unit that could be two, that is none of time, or that is missing; a number that is none, or nothing.
    for every in ["8^m", "8^mg", "8", "eight^h", "0^h", "-1^h"] {
        for field in [5, 6, 13] {
            let (held, losses) =
                dosage(&format!("TQ1|1{}{every}\nRXE||^Thing|5||mg\n", "|".repeat(field - 1)));
            assert!(held["timing"].is_null(), "{every} {held}");
            let told = losses
                .iter()
                .any(|loss| loss.starts_with(&format!("TQ1-{field}")) && loss.ends_with("major"));
            assert!(told, "{every} {losses:?}");
        }
    }
}

#[test]
fn a_dose_of_the_drug_is_not_set_aside_by_one_of_the_timing() {
    for drug in ["RXE||^Thing|5||mg\n", "RXO|^Thing|5||mg\nRXE||^Thing\n"] {
        let (held, losses) = dosage(&format!("TQ1|1|2^tablet|BD\n{drug}"));
        assert_eq!(held["doseAndRate"].as_array().unwrap().len(), 1);
        assert_eq!(held["doseAndRate"][0]["doseQuantity"]["value"], 5);
        assert!(losses.iter().any(|loss| loss == "TQ1-2 major"), "{losses:?}");
    }
    // Two periods for one course are one too many.
    let (held, losses) = dosage("TQ1|1||||||20260304|20260311|||||7^d\nRXE||^Thing|5||mg\n");
    assert!(held["timing"]["repeat"]["boundsPeriod"].is_object());
    assert!(losses.iter().any(|loss| loss.starts_with("TQ1-13") && loss.ends_with("major")), "{losses:?}");
}

#[test]
fn what_is_ordered_and_encoded_again_is_mixed_once() {
    let parts = "RXC|B|^Saline|1000|mL\nRXC|A|^Potassium chloride|40|mmol\nRXC|A|^Magnesium|8|mmol\n";
    let order =
        format!("RXO|^Saline\nRXR|PO^Oral\n{parts}RXE||^Saline|1000||mL\nRXR|IV^Intravenous\n{parts}");
    let made = all(&(head("RDE^O11") + "ORC|NW|RX-9^PAS|||IP\n" + &order));
    assert_eq!(of(&made, "Medication")[0]["ingredient"].as_array().unwrap().len(), 3);
    let route = &of(&made, "MedicationRequest")[0]["dosageInstruction"][0]["route"];
    assert!(route.to_string().contains("Intravenous") && !route.to_string().contains("Oral"), "{route}");
}

#[test]
fn who_asks_to_hand_out_more_has_no_order() {
    for (kind, intent) in [("RDE^O25", "proposal"), ("RDE^O11", "order")] {
        let made = all(&(head(kind) + "ORC|NW|RX-9^PAS|||IP\nRXE||^Thing|5||mg\n"));
        assert_eq!(of(&made, "MedicationRequest")[0]["intent"], intent, "{kind}");
    }
}

#[test]
fn what_was_handed_out_is_no_order_and_not_said_to_have_gone_well() {
    let parts = "RXC|B|^Saline|1000|mL\nRXC|A|^Potassium chloride|40|mmol\n";
    for kind in ["RDS^O13", "RDS^O01"] {
        let order = format!("ORC|RE|RX-9^PAS|||CM\nRXE||^Saline|1000||mL\n{parts}");
        let handed = format!("RXD|1|^Saline|202603041000|2|^bag||RXN-5|||||N\nRXR|IV^Intravenous\n{parts}");
        let made = all(&(head(kind) + &order + &handed));
        let [dispense] = of(&made, "MedicationDispense").try_into().unwrap();
        assert_eq!(dispense["status"], "unknown");
        assert_eq!(
            (&dispense["quantity"]["value"], &dispense["quantity"]["unit"]),
            (&2.into(), &"bag".into())
        );
        assert!(dispense["whenHandedOver"].as_str().unwrap().starts_with("2026-03-04T10:00"));
        let prescriptions = dispense["authorizingPrescription"].as_array().unwrap();
        let request =
            made.iter().find(|entry| entry["resource"]["resourceType"] == "MedicationRequest").unwrap();
        assert!(prescriptions.iter().any(|one| one["reference"] == request["fullUrl"]), "{prescriptions:?}");
        let mixtures = of(&made, "Medication");
        assert_eq!(mixtures.len(), 2);
        assert!(mixtures.iter().all(|mixture| mixture["ingredient"].as_array().unwrap().len() == 2));
        assert!(request["resource"]["dosageInstruction"][0].get("route").is_none());
        assert_eq!(dispense["dosageInstruction"][0]["route"]["coding"][0]["code"], "IV");
    }
}

#[test]
fn a_person_is_not_merged_with_herself() {
    let merge = |ended: &str| {
        let message = format!("{}MRG|{ended}\n", head("ADT^A40").replace("^NHS^NH", "^NHS^NH~L1^^^RX1^MR"));
        hl7v2::translate(message.replace('\n', "\r").as_bytes(), &hospital())
    };
    for same in ["9990000107^^^NHS^NH", "L1^^^RX1^MR", "L1^^^RX1^MR~999 000 0107^^^NHS^NH"] {
        assert_eq!(merge(same).unwrap_err(), Refused::SamePerson, "{same}");
    }
    for other in ["L2^^^RX1^MR", "L2^^^RX1^MR~9990000107^^^NHS^NH", "L1^^^RX2^MR"] {
        assert!(merge(other).is_ok(), "{other}");
    }
}

#[test]
fn how_an_amount_that_is_no_number_was_given_says_that_it_is_words() {
    for (amount, reason) in [("1,5", "as-text"), ("999", "unknown")] {
        let given = format!("ORC|RE|1\nRXA|0|1|20260304||X^Word|{amount}|mg\nRXR|IV^Intravenous\n");
        let dosage = of(&all(&(head("RAS^O17") + &given)), "MedicationAdministration")[0]["dosage"].clone();
        assert_eq!(dosage["dose"]["extension"][0]["valueCode"], reason, "{amount}");
    }
}
