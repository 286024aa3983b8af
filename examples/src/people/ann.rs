//! Ann goes home after a broken hip. Two of her problems are nobody's business at the council.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::ANN;
use super::shared::{
    concept, days_before, hl7, narrative, nhs_number, profile, refer, referral, stay, team_with_council,
};

const SUBJECT: &str = "Patient/ann";

pub(super) fn records(today: Date) -> Vec<Value> {
    let (came, went) = (days_before(today, 12), days_before(today, 0));
    let mut visit = stay("ann-stay", ANN, &came, &went);
    if let Some(members) = visit.as_object_mut() {
        members.insert("reasonCode".into(), json!([{"text": "canary-reason-for-admission"}]));
        members.insert("location".into(), json!([{"location": {"display": "canary-ward"}}]));
        members.insert(
            "hospitalization".into(),
            json!({
                "dischargeDisposition": hl7("discharge-disposition", "home"),
                "admitSource": {"text": "canary-admit-source"},
            }),
        );
    }
    let mut records = vec![
        patient(),
        visit,
        team_with_council("ann-team", ANN, &came),
        referral("ann-referral", ANN, &went),
    ];
    records.extend(problems(today));
    records.extend(findings(&went));
    records
}

fn patient() -> Value {
    json!({
        "resourceType": "Patient", "id": "ann", "meta": profile("Patient"), "text": narrative("canary-patient-narrative"),
        "extension": [{
            "url": "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory",
            "valueCodeableConcept": {"text": "canary-ethnic-category"},
        }],
        "identifier": [
            nhs_number(ANN),
            {"system": "https://northshire.example/mrn", "value": "canary-hospital-number"},
        ],
        "active": true,
        "name": [{"use": "official", "family": "Archer", "given": ["Ann", "Louise"], "prefix": ["Mrs"]}],
        "telecom": [{"system": "phone", "value": "01632 960145", "use": "home"}],
        "gender": "female", "birthDate": "1941-03-08",
        "address": [{
            "use": "home", "line": ["Larkspur Cottage", "7 Mill Lane"], "city": "Eastford", "postalCode": "ES7 4QQ",
        }],
        "maritalStatus": {"text": "canary-marital-status"},
        "contact": [{
            "relationship": [{"text": "canary-relationship"}],
            "name": {"family": "canary-next-of-kin"},
            "telecom": [{"system": "phone", "value": "canary-next-of-kin-phone"}],
        }],
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en"}]}}],
        "generalPractitioner": [refer("Organization/millside")],
        "managingOrganization": refer("Organization/northshire"),
    })
}

fn problems(today: Date) -> Vec<Value> {
    let recent = days_before(today, 12);
    vec![
        condition("ann-hip", "problem-list-item", "5913000", "Fracture of neck of femur", &recent),
        condition("ann-diabetes", "problem-list-item", "44054006", "Type 2 diabetes mellitus", "1998"),
        condition("ann-wound", "encounter-diagnosis", "125643001", "Open wound of skin", &recent),
        labelled(condition(
            "ann-depression",
            "problem-list-item",
            "35489007",
            "Depressive disorder canary-mental-health",
            "2011",
        )),
        condition("ann-concern", "health-concern", "224362002", "Housing canary-health-concern", "2020"),
        uncategorised(condition("ann-old", "problem-list-item", "38341003", "canary-no-category", "1990")),
    ]
}

fn condition(id: &str, category: &str, code: &str, display: &str, onset: &str) -> Value {
    let system = if category == "health-concern" { "urn:hospital:category" } else { "condition-category" };
    json!({
        "resourceType": "Condition", "id": id, "meta": profile("Condition"), "text": narrative("canary-condition-narrative"),
        "clinicalStatus": hl7("condition-clinical", "active"),
        "verificationStatus": hl7("condition-ver-status", "confirmed"),
        "category": [hl7(system, category)],
        "code": concept(code, display),
        "subject": {"reference": SUBJECT, "display": "canary-display"},
        "encounter": refer("Encounter/ann-stay"),
        "onsetDateTime": onset,
        "recorder": refer("Practitioner/okafor"),
        "evidence": [{"detail": [{"display": "canary-evidence"}]}],
        "note": [{"text": "canary-condition-note"}],
    })
}

/// Marks a resource as about mental health.
fn labelled(mut resource: Value) -> Value {
    if let Some(meta) = resource.get_mut("meta").and_then(Value::as_object_mut) {
        let label = json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}]);
        meta.insert("security".into(), label);
    }
    resource
}

fn uncategorised(mut resource: Value) -> Value {
    if let Some(members) = resource.as_object_mut() {
        members.remove("category");
    }
    resource
}

fn findings(today: &str) -> Vec<Value> {
    vec![
        json!({
            "resourceType": "AllergyIntolerance", "id": "ann-penicillin", "meta": profile("AllergyIntolerance"),
            "clinicalStatus": hl7("allergyintolerance-clinical", "active"),
            "verificationStatus": hl7("allergyintolerance-verification", "confirmed"),
            "type": "allergy", "criticality": "high",
            "code": concept("91936005", "Allergy to penicillin"),
            "patient": refer(SUBJECT),
            "recorder": refer("Practitioner/okafor"),
            "note": [{"text": "canary-allergy-note"}],
            "reaction": [{
                "manifestation": [concept("271807003", "Eruption of skin")], "description": "canary-reaction",
            }],
        }),
        medication("ann-paracetamol", "322236009", "Paracetamol 500 mg tablet"),
        labelled(medication("ann-lithium", "387095003", "Lithium carbonate canary-mental-health-medicine")),
        observation("ann-mobility", "survey", "282097004", "Ability to walk", "with a frame", today),
        observation("ann-blood", "laboratory", "302789003", "canary-laboratory", "canary-result", today),
        json!({
            "resourceType": "RelatedPerson", "id": "ann-daughter", "meta": profile("RelatedPerson"),
            "patient": refer(SUBJECT), "name": [{"family": "canary-daughter"}],
        }),
    ]
}

fn medication(id: &str, code: &str, display: &str) -> Value {
    json!({
        "resourceType": "MedicationStatement", "id": id, "meta": profile("MedicationStatement"), "status": "active",
        "medicationCodeableConcept": concept(code, display),
        "subject": refer(SUBJECT),
        "informationSource": refer("Practitioner/okafor"),
        "note": [{"text": "canary-medication-note"}],
        "dosage": [{"text": "as on the label"}],
    })
}

fn observation(id: &str, category: &str, code: &str, display: &str, value: &str, day: &str) -> Value {
    json!({
        "resourceType": "Observation", "id": id, "meta": profile("Observation"), "status": "final",
        "category": [hl7("observation-category", category)],
        "code": concept(code, display),
        "subject": refer(SUBJECT),
        "effectiveDateTime": day,
        "performer": [refer("Practitioner/okafor")],
        "valueString": value,
        "note": [{"text": "canary-observation-note"}],
    })
}
