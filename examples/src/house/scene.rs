//! `scene.toml`: who is who in the demo, for `portcullis-conformance run --scene`.

use serde_json::json;

use super::{House, HouseError, files};
use crate::people::{ANN, BEN, CARA, COUNCIL, HOSPITAL, NHS_NUMBER, ODS, Person};

/// Who of the story has a part, with their organisation and the purpose of their token.
const PARTS: [(&str, &str, &str); 5] = [
    ("ward_doctor", HOSPITAL, "TREAT"),
    ("ward_doctor_emergency", HOSPITAL, "ETREAT"),
    ("social_worker", COUNCIL, "COC"),
    ("stranger", "E10000001", "COC"),
    ("guardian", HOSPITAL, "TREAT"),
];

/// What they read, where the trail and the Consents are, and what is claimed about Consents.
const REST: &str = include_str!("../../config/scene.toml");

/// Writes `scene.toml`.
pub(super) fn write(house: &House) -> Result<(), HouseError> {
    files::put(&house.folder.join("scene.toml"), &content(house))
}

fn content(house: &House) -> String {
    let base = house.base();
    let mut text = format!(
        "# Written by the demo: who is who, for the suites balp and consent.\n\nbase = \"{base}/hospital/fhir\"\n"
    );
    for (name, organisation, purpose) in PARTS {
        let token = house.tokens.iter().find(|(known, _)| *known == name).map_or("", |(_, token)| token);
        text += &format!(
            "\n[actors.{name}]\ntoken = \"{token}\"\norganisation = \"{ODS}|{organisation}\"\npurpose = \"{purpose}\"\n"
        );
    }
    for Person { name, id, nhs_number } in [ANN, BEN, CARA] {
        text += &format!("\n[patients.{name}]\nid = \"{id}\"\nidentifier = \"{NHS_NUMBER}|{nhs_number}\"\n");
    }
    let written = written().to_string();
    text + &REST.replace("{gateway}", &format!("{base}/fhir")).replace("{written}", &written)
}

/// A Consent of Ann's that decides nothing: what is written to try how writing is recorded.
fn written() -> serde_json::Value {
    let coding = |system: &str, code: &str| json!({"coding": [{"system": system, "code": code}]});
    let ann = json!({"identifier": {"system": NHS_NUMBER, "value": ANN.nhs_number}});
    json!({
        "resourceType": "Consent",
        "status": "inactive",
        "scope": coding("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [coding("http://loinc.org", "59284-0")],
        "patient": ann,
        "dateTime": "2026-01-01",
        "performer": [ann],
        "organization": [{"identifier": {"system": ODS, "value": HOSPITAL}}],
        "sourceAttachment": {"title": "Made by a conformance suite, {tag}"},
        "policy": [{"uri": "https://profiles.ihe.net/ITI/PCF/Policy-basic-normal"}],
        "provision": {"type": "deny"},
    })
}
