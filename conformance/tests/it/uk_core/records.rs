//! Records of invented people and places that conform to UK Core, one of each type, and how each can be spoilt.

use serde_json::{Value, json};

const NHS: &str = "https://fhir.nhs.uk/Id/nhs-number";
const STATUS: &str =
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus";

/// A concept of SNOMED CT.
fn snomed(code: &str) -> Value {
    json!({"coding": [{"system": "http://snomed.info/sct", "code": code}]})
}

fn subject() -> Value {
    json!({"type": "Patient", "identifier": {"system": NHS, "value": "9990000026"}})
}

fn patient() -> Value {
    let status = json!({"url": STATUS, "valueCodeableConcept": {"coding": [{
        "system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland",
        "code": "01"}]}});
    json!({
        "identifier": [{"extension": [status], "system": NHS, "value": "9990000026"}],
        "name": [{"family": "Quillfeather", "given": ["Bram"]}], "gender": "male", "birthDate": "1949-02-11"
    })
}

fn of_type(kind: &str) -> Value {
    match kind {
        "Patient" => patient(),
        "Practitioner" => json!({"name": [{"family": "Ashdown"}], "gender": "female"}),
        "PractitionerRole" => json!({"active": true, "practitioner": {"display": "Ashdown"}}),
        "Organization" => json!({"name": "Fennel Row Practice",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "ZZ9X9"}]}),
        "Location" => json!({"name": "Fennel Row Clinic",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-site-code", "value": "ZZ9X901"}]}),
        "Encounter" => json!({"status": "finished", "subject": subject(),
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}}),
        "Condition" => json!({"subject": subject(), "code": snomed("73211009"),
            "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
                "code": "active"}]}}),
        "AllergyIntolerance" => json!({"patient": subject(), "code": snomed("91936005"),
            "clinicalStatus": {"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]}}),
        "Observation" => json!({"status": "final", "subject": subject(), "code": {"text": "grip strength"},
            "valueString": "firm"}),
        "Procedure" => {
            json!({"status": "completed", "subject": subject(), "code": {"text": "dressing of a wound"}})
        }
        "Immunization" => {
            json!({"status": "not-done", "statusReason": {"text": "not well"}, "patient": subject(),
            "vaccineCode": {"text": "influenza vaccine"}, "occurrenceDateTime": "2026-01-05"})
        }
        "MedicationRequest" => json!({"status": "active", "intent": "order", "subject": subject(),
            "medicationCodeableConcept": {"coding": [{"system": "https://dmd.nhs.uk", "code": "322236009"}]},
            "substitution": {"allowedBoolean": false}}),
        "MedicationStatement" => json!({"status": "active", "subject": subject(),
            "medicationCodeableConcept": {"text": "paracetamol"}}),
        "Medication" => json!({"code": {"text": "paracetamol 500 mg tablets"}}),
        "DiagnosticReport" => {
            json!({"status": "final", "subject": subject(), "code": {"text": "full blood count"}})
        }
        "DocumentReference" => json!({"status": "current", "subject": subject(),
            "content": [{"attachment": {"contentType": "text/plain", "title": "letter"}}]}),
        _ => json!({}),
    }
}

pub(super) const KINDS: [&str; 16] = [
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "Location",
    "Encounter",
    "Condition",
    "AllergyIntolerance",
    "Observation",
    "Procedure",
    "Immunization",
    "MedicationRequest",
    "MedicationStatement",
    "Medication",
    "DiagnosticReport",
    "DocumentReference",
];

/// One record of each type.
pub(super) fn all() -> Vec<Value> {
    KINDS
        .iter()
        .map(|kind| {
            let mut held = of_type(kind);
            held["resourceType"] = json!(kind);
            held["id"] = json!("held-1");
            held["meta"] =
                json!({"profile": [format!("https://fhir.hl7.org.uk/StructureDefinition/UKCore-{kind}")]});
            held
        })
        .collect()
}

/// Takes from a record what its profile, or its type, needs.
pub(super) fn spoil(held: &mut Value) {
    let kind = held["resourceType"].as_str().unwrap().to_owned();
    match kind.as_str() {
        "Patient" | "Organization" | "Location" => {
            held["identifier"][0].as_object_mut().unwrap().remove("value");
        }
        "Practitioner" => held["gender"] = json!("feminine"),
        "PractitionerRole" => held["active"] = json!("yes"),
        other => {
            let name = match other {
                "Encounter" | "MedicationStatement" => "status",
                "Condition" | "Procedure" => "subject",
                "Immunization" => "statusReason",
                "MedicationRequest" => "substitution",
                "DocumentReference" => "content",
                _ => "code",
            };
            held.as_object_mut().unwrap().remove(name).unwrap();
        }
    }
}
