//! What a message takes back, holds, plans or says in words of its own: never read as what is good news.

use adapters::{Severity, hl7v2};
use serde_json::{Value, json};

use crate::goldens::hospital;

/// The resources of what `message` becomes, and its losses.
#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at what was written, strictness is fhir::json's matter"
)]
pub(crate) fn translated(message: &str) -> (Vec<Value>, Vec<adapters::Loss>) {
    let made = hl7v2::translate(message.replace('\n', "\r").as_bytes(), &hospital()).unwrap();
    assert_eq!(crate::goldens::unknown_to_r4(&made.bundle), None, "{message}");
    let bundle: Value = serde_json::from_slice(&made.bundle).unwrap();
    let entries = bundle["entry"].as_array().unwrap();
    (entries.iter().map(|entry| entry["resource"].clone()).collect(), made.losses)
}

pub(crate) fn of(all: &[Value], kind: &str) -> Vec<Value> {
    all.iter().filter(|resource| resource["resourceType"] == kind).cloned().collect()
}

/// The head of a message of the type `kind` about an invented person.
pub(crate) fn head(kind: &str) -> String {
    format!(
        "MSH|^~\\&|PAS|RX1|GATE|E10000099|20260304161500||{kind}|NHT0901|P|2.5\nPID|1||9990000018^^^NHS^NH||Fenwick^Ann||19510203|F\n"
    )
}

/// That the only resource `kind` of a message holds `expected` at `pointer`, null for nothing.
#[track_caller]
pub(crate) fn check(kind: &str, segments: &str, resource: &str, pointer: &str, expected: Value) {
    let (all, _) = translated(&(head(kind) + segments));
    let [found] = of(&all, resource).try_into().unwrap();
    assert_eq!(found.pointer(pointer).unwrap_or(&Value::Null), &expected, "{kind} {segments}");
}

/// How severe the loss at `place` is.
#[track_caller]
pub(crate) fn lost(kind: &str, segments: &str, place: &str, expected: Option<Severity>) {
    let (_, losses) = translated(&(head(kind) + segments));
    let found = losses.iter().filter(|loss| loss.place == place).map(|loss| loss.severity).max();
    assert_eq!(found, expected, "{kind} {segments} {losses:?}");
}

fn bars(count: usize) -> String {
    "|".repeat(count)
}

#[test]
fn an_order_that_is_stopped_or_held_is_not_active_whatever_state_it_was_in() {
    for (control, state, expected) in [
        ("CA", "IP", "revoked"),
        ("DC", "SC", "revoked"),
        ("OD", "A", "revoked"),
        ("DC", "CM", "revoked"),
        ("DC", "", "revoked"),
        ("HD", "IP", "on-hold"),
        ("OH", "A", "on-hold"),
        ("RP", "IP", "revoked"),
        ("UA", "", "unknown"),
        ("NW", "", "active"),
        ("NW", "CA", "revoked"),
        ("OK", "HD", "on-hold"),
        ("RE", "CM", "completed"),
        // What is said and not understood is not guessed from the rest.
        ("NW", "ZZ", "unknown"),
        ("ZZ", "", "unknown"),
    ] {
        let order = format!("ORC|{control}|P1|F1||{state}\n");
        for (kind, rest, resource) in [
            ("ORM^O01", "OBR|1|P1|F1|FBC^Full blood count^L\n", "ServiceRequest"),
            ("OML^O21", "OBR|1|P1|F1|FBC^Full blood count^L\n", "ServiceRequest"),
            ("RDE^O11", "RXE||X^Warfarin^L|1||mg\n", "MedicationRequest"),
            ("ORM^O01", "RXO|X^Warfarin^L|1||mg\n", "MedicationRequest"),
        ] {
            check(kind, &(order.clone() + rest), resource, "/status", json!(expected));
        }
    }
    // Where no resource has a state of the order, that it ends is told.
    let given = "ORC|CA|P1\nRXA|0|1|20260304||X^X^L|999||||||||||||||CP\n";
    lost("VXU^V04", given, "ORC-1", Some(Severity::Major));
}

#[test]
fn why_an_order_ends_is_not_why_it_was_made() {
    let order = |control: &str| format!("ORC|{control}|P1|||{}^Duplicate\nOBR|1|P1||FBC^FBC^L\n", bars(11));
    check("ORM^O01", &order("NW"), "ServiceRequest", "/reasonCode/0/text", json!("Duplicate"));
    check("ORM^O01", &order("CA"), "ServiceRequest", "/reasonCode", Value::Null);
    let why = "/extension/0/valueCodeableConcept/text";
    check("ORM^O01", &order("CA"), "ServiceRequest", why, json!("Duplicate"));
    let drug = format!("ORC|DC|P1|||{}^Bleeding\nRXE||X^Warfarin^L|1||mg\n", bars(11));
    check("RDE^O11", &drug, "MedicationRequest", "/statusReason/text", json!("Bleeding"));
}

#[test]
fn an_allergy_segment_of_either_kind_is_an_allergy_of_its_own() {
    let (all, _) = translated(
        &(head("ADT^A31")
            + "AL1|1|DA|^Penicillin|SV|Anaphylaxis\nIAM|1|DA|^Ibuprofen|MI|Rash|A\nIAM|2|FA|^Nuts||Hives|A\nAL1|2|DA|^Latex\n"),
    );
    let found: Vec<(Value, Value)> = of(&all, "AllergyIntolerance")
        .iter()
        .map(|allergy| (allergy["code"]["text"].clone(), allergy["reaction"][0]["manifestation"].clone()))
        .collect();
    let one = |substance: &str, reaction: &str| (json!(substance), json!([{ "text": reaction }]));
    assert_eq!(
        found,
        [
            one("Penicillin", "Anaphylaxis"),
            one("Ibuprofen", "Rash"),
            one("Nuts", "Hives"),
            (json!("Latex"), Value::Null)
        ]
    );
}

#[test]
fn what_is_deleted_is_entered_in_error() {
    let given =
        |action: &str| format!("ORC|RE|P1\nRXA|0|1|20260304||X^Paracetamol^L|1|g{}CP|{action}\n", bars(13));
    for (action, expected) in [("", "completed"), ("A", "completed"), ("D", "entered-in-error")] {
        check("RAS^O17", &given(action), "MedicationAdministration", "/status", json!(expected));
        check("VXU^V04", &given(action), "Immunization", "/status", json!(expected));
        let done = format!("PR1|1||K40^CABG^L||20260301{}{action}\n", bars(15));
        let expected = if action == "D" { expected } else { "unknown" };
        check("ADT^A08", &done, "Procedure", "/status", json!(expected));
    }
    let visit = "PV1|1|I\n";
    let diagnosis = |action: &str| format!("{visit}DG1|1||I21^AMI^L||20260301|F{}{action}\n", bars(15));
    let status = "/verificationStatus/coding/0/code";
    check("ADT^A08", &diagnosis("D"), "Condition", status, json!("entered-in-error"));
    check("ADT^A08", &diagnosis("D"), "Condition", "/clinicalStatus", Value::Null);
    check("ADT^A08", &diagnosis("D"), "Encounter", "/diagnosis", Value::Null);
    check("ADT^A08", &diagnosis("A"), "Condition", status, Value::Null);
    check("ADT^A08", &diagnosis("A"), "Encounter", "/diagnosis/0/use/coding/0/code", json!("DD"));
    lost("ADT^A08", &diagnosis("D"), "DG1-21", None);
    lost("ADT^A08", &diagnosis("Z"), "DG1-21", Some(Severity::Major));
    let referral = format!("RF1|A\nDG1|1||I21^AMI^L|||{}D\n", bars(15));
    check("REF^I12", &referral, "ServiceRequest", "/reasonReference", Value::Null);
    let gone = format!("IAM|1|DA|^Ibuprofen|||A{}E\n", bars(11));
    check("ADT^A31", &gone, "AllergyIntolerance", status, json!("entered-in-error"));
    check("ADT^A31", &gone, "AllergyIntolerance", "/clinicalStatus", Value::Null);
}

#[test]
fn who_and_what_is_taken_out_of_an_appointment_or_a_visit_is_not_in_it() {
    let booked = "SCH|1|F1\nRGS|1|A\nAIP|1|A|G1^Smith\nAIP|2|D|G2^Jones\nNTE|1||of Jones\nAIL|1|D|R2\nRGS|2|D\nAIS|1|A|X^Clinic^L\nAIP|3|A|G3^Brown\n";
    let (all, losses) = translated(&(head("SIU^S14") + booked));
    let appointment = &of(&all, "Appointment")[0];
    assert_eq!(appointment["participant"].as_array().unwrap().len(), 2, "{appointment}");
    assert_eq!(of(&all, "Practitioner")[0]["name"][0]["family"], "Smith");
    assert!(appointment.get("serviceType").is_none() && appointment.get("comment").is_none());
    for place in ["AIP[2]-2", "AIP[2]-3", "AIL-2", "RGS[2]-2", "AIP[3]-3"] {
        assert!(losses.iter().any(|loss| loss.place == place && loss.severity == Severity::Major), "{place}");
    }
    let visit = |action: &str| format!("PV1|1|I\nROL|1|{action}|AT^Attending|G1^Smith\n");
    check("ADT^A08", &visit("DE"), "Encounter", "/participant", Value::Null);
    lost("ADT^A08", &visit("DE"), "ROL-2", Some(Severity::Major));
    check("ADT^A08", &visit("AD"), "Encounter", "/participant/0/type/0/coding/0/code", json!("AT"));
}

#[test]
fn a_dose_that_was_not_recorded_is_none() {
    let given = |dose: &str| format!("ORC|RE|P1\nRXA|0|1|20260304||X^Paracetamol^L|{dose}|g\n");
    let dose = "/dosage/dose/value";
    check("RAS^O17", &given("999"), "MedicationAdministration", dose, Value::Null);
    check("RAS^O17", &given("2"), "MedicationAdministration", dose, json!(2));
}

#[test]
fn a_status_that_is_said_and_not_understood_is_not_what_stands_where_nothing_is_said() {
    let absent = "/_status/extension/0/valueCode";
    let unknown = || json!("unknown");
    for kind in ["SIU^S12", "SIU^S13", "SIU^S14"] {
        for word in ["DNA", "Rescheduled", "Blocked"] {
            let booked = format!("SCH|1|F1{}{word}\n", bars(23));
            check(kind, &booked, "Appointment", "/status", Value::Null);
            check(kind, &booked, "Appointment", absent, unknown());
            lost(kind, &booked, "SCH-25", Some(Severity::Major));
        }
        check(kind, "SCH|1|F1\n", "Appointment", "/status", json!("booked"));
    }
    let cancelled = format!("SCH|1|F1{}DNA\n", bars(23));
    check("SIU^S15", &cancelled, "Appointment", "/status", json!("cancelled"));
    check("SIU^S15", &cancelled, "Appointment", "/_status", Value::Null);
    let with = format!("SCH|1|F1\nAIP|1|A|G1^Smith{}ZZ\n", bars(9));
    check("SIU^S12", &with, "Appointment", "/participant/0/status", Value::Null);
    check("SIU^S12", &with, "Appointment", "/participant/0/_status/extension/0/valueCode", unknown());
    for (word, expected) in [("X", "unknown"), ("Withdrawn", "unknown"), ("", "active"), ("E", "revoked")] {
        check("REF^I12", &format!("RF1|{word}|R\n"), "ServiceRequest", "/status", json!(expected));
    }
    lost("REF^I12", "RF1|E\n", "RF1-1", Some(Severity::Major));
    let state = |code: &str| format!("IAM|1|DA|^Ibuprofen|||{code}\n");
    let standing = "/clinicalStatus/coding/0/code";
    check("ADT^A31", &state("Z"), "AllergyIntolerance", standing, Value::Null);
    let absence = "/clinicalStatus/extension/0/valueCode";
    check("ADT^A31", &state("Z"), "AllergyIntolerance", absence, unknown());
    check("ADT^A31", &state(""), "AllergyIntolerance", standing, json!("active"));
    check("ADT^A31", &state("D"), "AllergyIntolerance", standing, json!("inactive"));
    let doubt = format!("IAM|1|DA|^Ibuprofen|||A{}Z\n", bars(11));
    let absence = "/verificationStatus/extension/0/valueCode";
    check("ADT^A31", &doubt, "AllergyIntolerance", absence, unknown());
    let letter = |completed: &str, there: &str| {
        format!("TXA|1|DS|TX|20260304{}D1{}{completed}||{there}\nOBX|1|TX|X||text\n", bars(8), bars(5))
    };
    for there in ["UN", "XX"] {
        check("MDM^T02", &letter("AU", there), "DocumentReference", "/status", Value::Null);
        check("MDM^T02", &letter("AU", there), "DocumentReference", absent, unknown());
    }
    check("MDM^T02", &letter("AU", ""), "DocumentReference", "/status", json!("current"));
    check("MDM^T02", &letter("ZZ", ""), "Composition", "/status", Value::Null);
    check("MDM^T02", &letter("ZZ", ""), "Composition", absent, unknown());
    check("MDM^T02", &letter("", ""), "Composition", "/status", json!("preliminary"));
    let report =
        |status: &str| format!("OBR|1|||X^X^L\nOBX|1|ED|R^R^L||^TEXT^plain^Base64^eA==||||||{status}\n");
    check("ORU^R01", &report("ZZ"), "DocumentReference", "/status", Value::Null);
    check("ORU^R01", &report("F"), "DocumentReference", "/status", json!("current"));
    let given = |state: &str| format!("RXA|0|1|20260304||X^X^L|1|g{}{state}\n", bars(13));
    check("RAS^O17", &given("ZZ"), "MedicationAdministration", "/status", json!("unknown"));
    check("RAS^O17", &given("PA"), "MedicationAdministration", "/status", json!("stopped"));
    lost("VXU^V04", &given("PA"), "RXA-20", Some(Severity::Major));
}

#[test]
fn who_has_come_or_is_to_come_has_not_gone() {
    let visit = |out: &str| format!("PV1|1|I{}20260301|{out}\n", bars(42));
    for (trigger, out, expected) in [
        ("A01", "20260303", "in-progress"),
        ("A02", "20260303", "in-progress"),
        ("A04", "20260303", "in-progress"),
        ("A05", "20260303", "planned"),
        ("A05", "20260803", "planned"),
        ("A12", "20260303", "in-progress"),
        ("A13", "20260303", "in-progress"),
        ("A08", "20260809", "unknown"),
        ("A03", "20260303", "finished"),
        ("A08", "20260303", "finished"),
        ("A06", "20260303", "finished"),
    ] {
        let kind = format!("ADT^{trigger}");
        check(&kind, &visit(out), "Encounter", "/status", json!(expected));
        let end = if expected == "finished" { json!("2026-03-03") } else { Value::Null };
        check(&kind, &visit(out), "Encounter", "/period/end", end);
        lost(&kind, &visit(out), "PV1-45", (expected != "finished").then_some(Severity::Major));
    }
    let died = format!("PV1|1|I{}4|79\n", bars(34));
    check("ADT^A13", &died, "Encounter", "/extension", Value::Null);
    check("ADT^A13", &died, "Encounter", "/hospitalization", Value::Null);
    lost("ADT^A13", &died, "PV1-36", Some(Severity::Major));
    lost("ADT^A13", &died, "PV1-37", Some(Severity::Major));
    let way = "/extension/0/valueCodeableConcept/coding/0/code";
    check("ADT^A03", &died, "Encounter", way, json!("4"));
}

#[test]
fn who_did_what_of_a_procedure_is_told() {
    let done = "PR1|1||K40^CABG^L||20260301|||G1^Adams|||G2^Baker|G3^Clark\n";
    for (at, expected) in [(0, "Anaesthetist"), (1, "Surgeon"), (2, "Procedure practitioner")] {
        let pointer = format!("/performer/{at}/function/text");
        check("ADT^A08", done, "Procedure", &pointer, json!(expected));
    }
}

#[test]
fn a_name_or_an_address_that_was_never_right_is_not_a_good_one() {
    let message = "MSH|^~\\&|PAS|RX1|||20260304||ADT^A31|1|P|2.5\nPID|1||9990000018^^^NHS^NH||Fenwick^Ann^^^^^L~Jones^Ann^^^^^BAD~Foo^Ann^^^^^A||19510203|F|||1 High St^^Leeds^^LS1 1AA^^BA~2 High St^^Leeds^^^^H\n";
    let (all, _) = translated(message);
    let patient = &of(&all, "Patient")[0];
    let uses = |list: &str| {
        patient[list].as_array().unwrap().iter().map(|item| item["use"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(uses("name"), [json!("official"), json!("old"), json!("nickname")]);
    assert_eq!(uses("address"), [json!("old"), json!("home")]);
}

#[test]
fn a_line_that_is_withdrawn_added_or_of_another_is_not_in_the_text_before_it() {
    let line = |text: &str, rest: &str| format!("OBX|1|TX|R^Report^L||{text}|||{rest}\n");
    let texts = |lines: &[String]| {
        let (all, losses) = translated(&(head("ORU^R01") + "OBR|1|||X^X^L\n" + &lines.concat()));
        let trivial = losses.iter().filter(|loss| loss.place.starts_with("OBX[2]-11")).count();
        assert_eq!(trivial, 0);
        of(&all, "Observation")
            .iter()
            .map(|found| {
                format!("{} {}", found["status"].as_str().unwrap(), found["valueString"].as_str().unwrap())
            })
            .collect::<Vec<_>>()
    };
    for (first, second, expected) in [
        ("|||F", "|||D", &["final E coli", "entered-in-error more"][..]),
        ("|||F", "|||C", &["final E coli", "corrected more"]),
        ("|||F|||20260301", "|||F|||20260302", &["final E coli", "final more"]),
        ("|||F", "A|||F", &["final E coli", "final more"]),
        ("|||F|||||G1^Adams", "|||F|||||G2^Baker", &["final E coli", "final more"]),
        ("|||F|||20260301", "|||F|||20260301", &["final E coli\nmore"]),
        ("|||F|||20260301", "", &["final E coli\nmore"]),
    ] {
        assert_eq!(texts(&[line("E coli", first), line("more", second)]), expected, "{first} {second}");
    }
    let three = [line("E coli", "|||F"), line("more", ""), line("and more", "|||F")];
    assert_eq!(texts(&three), ["final E coli\nmore\nand more"]);
}

#[test]
fn what_an_antibiotic_does_to_which_organism_is_kept() {
    let row =
        |sub: &str, code: &str, flag: &str| format!("OBX|1|ST|{code}^{code}^L|{sub}|{code}|||{flag}|||F\n");
    let culture = |subs: [&str; 4]| {
        [
            "OBR|1|||CUL^Culture^L\n".to_owned(),
            row(subs[0], "ORG", ""),
            row(subs[1], "AMX", "R"),
            row(subs[2], "ORG", ""),
            row(subs[3], "AMX", "S"),
        ]
        .concat()
    };
    let members = |message: &str| {
        let made = hl7v2::translate(message.replace('\n', "\r").as_bytes(), &hospital()).unwrap();
        let (all, _) = translated(message);
        let found = of(&all, "Observation");
        assert!(!made.losses.iter().any(|loss| loss.place.contains("-4")), "{:?}", made.losses);
        let name = |reference: &Value| {
            let id = reference["reference"].as_str().unwrap().trim_start_matches("urn:uuid:");
            found.iter().position(|held| held["id"] == id).unwrap()
        };
        let of_each = |held: &Value| held["hasMember"].as_array().into_iter().flatten().map(name).collect();
        (found.iter().map(of_each).collect::<Vec<Vec<usize>>>(), found[0]["extension"].clone())
    };
    for (subs, expected) in [
        (["1", "1", "2", "2"], [vec![1], vec![], vec![3], vec![]]),
        (["1.1", "1.2", "2.1", "2.2"], [vec![1], vec![], vec![3], vec![]]),
        (["1", "2", "3", "4"], [vec![], vec![], vec![], vec![]]),
        (["1", "1", "1", "1"], [vec![], vec![], vec![], vec![]]),
    ] {
        let (found, kept) = members(&(head("ORU^R01") + &culture(subs)));
        assert_eq!(found, expected, "{subs:?}");
        assert_eq!(kept[0]["extension"][0]["valueString"], subs[0]);
    }
    // Of each order by itself.
    let twice = head("ORU^R01") + &culture(["1", "1", "2", "2"]) + &culture(["1", "1", "2", "2"]);
    let (found, _) = members(&twice);
    assert_eq!(found[4..], [vec![5], vec![], vec![7], vec![]]);
}

#[test]
fn what_says_again_whose_number_it_is_is_no_loss() {
    let losses = |identifier: &str| {
        let message =
            format!("MSH|^~\\&|PAS|RX1|||20260304||ADT^A31|1|P|2.5\nPID|1||{identifier}||Fenwick^Ann\n");
        let (_, losses) = translated(&message);
        losses
            .into_iter()
            .map(|loss| loss.place)
            .filter(|place| place.starts_with("PID-3"))
            .collect::<Vec<_>>()
    };
    assert!(losses("9990000018^^^NHS&2.16.840.1.113883.2.1.4.1&ISO^NH").is_empty());
    assert!(losses("9990000018^8^M11^NHS^NH").is_empty());
    assert!(losses("9990000018^^M11^NHS^NH").is_empty());
    assert_eq!(losses("9990000018^7^M11^NHS^NH"), ["PID-3.2", "PID-3.3"]);
    assert_eq!(losses("9990000018^^^NHS&2.16.840.1.9&ISO^NH"), ["PID-3.4.2", "PID-3.4.3"]);
}

#[test]
fn who_read_a_picture_is_named_as_the_standard_names_her() {
    let report = format!("OBR|1|||XR^Chest^L{}C1&House&Greta&&&Dr\n", bars(28));
    check("ORU^R01", &report, "Practitioner", "/name/0/family", json!("House"));
    check("ORU^R01", &report, "Practitioner", "/name/0/given/0", json!("Greta"));
    check("ORU^R01", &report, "Practitioner", "/identifier/0/value", json!("C1"));
}

#[test]
fn a_date_of_birth_that_is_padded_says_no_time() {
    let born = |at: &str| {
        let (all, _) = translated(&head("ADT^A31").replace("19510203", at));
        (of(&all, "Patient")[0]["birthDate"].clone(), of(&all, "Patient")[0].get("_birthDate").is_some())
    };
    assert_eq!(born("19510203000000"), (json!("1951-02-03"), false));
    assert_eq!(born("195102030000"), (json!("1951-02-03"), false));
    assert_eq!(born("195102030130"), (json!("1951-02-03"), true));
}

#[test]
fn medicines_come_under_the_triggers_of_older_versions_too() {
    check("RDE^O01", "ORC|NW|P1\nRXE||^Drug|1||mg\n", "MedicationRequest", "/status", json!("active"));
    let given = format!("ORC|RE|P1\nRXA|0|1|20260304||X^Drug^L|1|mg{}CP\n", bars(13));
    check("RAS^O01", &given, "MedicationAdministration", "/status", json!("completed"));
}

#[test]
fn delimiters_without_an_escape_are_those_of_old_senders() {
    for named in ["^~", "^~&", "^~\\", "^~\\&"] {
        let message = head("ADT^A31").replacen("^~\\&", named, 1);
        let (all, _) = translated(&message);
        assert_eq!(of(&all, "Patient")[0]["name"][0]["given"][0], "Ann", "{named}");
    }
}

/// Zeros and words stand for no date: only what says that somebody is dead says it.
#[test]
fn nobody_is_dead_for_a_date_that_cannot_be_read() {
    let person = |date: &str, dead: &str| {
        let fields = format!("{}{date}|{dead}", bars(21));
        let message = head("ADT^A31^ADT_A05").trim_end().to_owned() + &fields + "\n";
        let (all, losses) = translated(&message);
        let [patient] = of(&all, "Patient").try_into().unwrap();
        let lost = losses.iter().find(|loss| loss.place == "PID-29").map(|loss| loss.severity);
        (patient["deceasedBoolean"].clone(), patient["deceasedDateTime"].clone(), lost)
    };
    let major = Some(Severity::Major);
    for date in ["00000000", "UNKNOWN", "N", "20260230"] {
        assert_eq!(person(date, ""), (Value::Null, Value::Null, major), "{date}");
        assert_eq!(person(date, "Y"), (json!(true), Value::Null, major), "{date}");
        assert_eq!(person(date, "N"), (json!(false), Value::Null, major), "{date}");
    }
    assert_eq!(person("20260301", "Y"), (Value::Null, json!("2026-03-01"), None));
}
