//! Records beside the fixture, with what is hidden in places inside a resource: contained resources to which nothing shown
//! leads, a medicine behind a reference, questions inside a question, a message in a letter, the place of a protected person.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// What hidden texts begin with: in other worlds they are others.
const HIDDEN: &str = "CANARY-W3-CONTENT";

const SNOMED: &str = "http://snomed.info/sct";

fn subject(id: &str) -> Value {
    json!({"reference": format!("Patient/{id}")})
}

fn meta() -> Value {
    json!({"versionId": "1", "lastUpdated": "2026-01-10T09:00:00Z"})
}

fn hidden(what: &str) -> String {
    format!("{HIDDEN}-{what}")
}

/// The records, as they are held.
pub(crate) fn records() -> Vec<Value> {
    let message = format!("MSH|^~\\&|A|B|||ADT^A01|1|P|2.4\rPID|||9992040602||{}", hidden("MESSAGE"));
    vec![
        json!({"resourceType": "MedicationRequest", "id": "x-mr-contained", "meta": meta(), "status": "active",
            "intent": "order", "subject": subject("pc-3x9q"), "medicationCodeableConcept": {"text": "VISIBLE inhaler"},
            "contained": [
                {"resourceType": "Condition", "id": "mh", "subject": subject("pc-3x9q"), "code": {"text": hidden("INNER")}},
                {"resourceType": "Practitioner", "id": "p", "name": [{"text": hidden("WHO")}]},
                {"resourceType": "Medication", "id": "m", "code": {"text": hidden("OTHER")}}],
            "reasonReference": [{"reference": "#mh"}], "requester": {"reference": "#p"},
            "priorPrescription": {"reference": "#m"}}),
        json!({"resourceType": "Medication", "id": "x-lithium", "meta": meta(),
            "code": {"coding": [{"system": SNOMED, "code": "776556004"}], "text": hidden("LITHIUM")}}),
        json!({"resourceType": "MedicationRequest", "id": "x-mr-lithium", "meta": meta(), "status": "active",
            "intent": "order", "subject": subject("pc-3x9q"), "medicationReference": {"reference": "Medication/x-lithium"},
            "dosageInstruction": [{"text": hidden("AT-NIGHT")}]}),
        json!({"resourceType": "QuestionnaireResponse", "id": "x-qr", "meta": meta(), "status": "completed",
            "subject": subject("pa-7k2m"), "authored": "2026-01-05",
            "item": [{"linkId": "mobility", "text": "VISIBLE how", "answer": [{"valueString": "VISIBLE with a frame",
                    "item": [{"linkId": "why", "answer": [{"valueString": hidden("WHY")}]}]}],
                "item": [{"linkId": "safe-address", "answer": [{"valueString": hidden("SAFE")}]}]}]}),
        json!({"resourceType": "DocumentReference", "id": "x-dr", "meta": meta(), "status": "current",
            "type": {"text": "VISIBLE discharge summary"}, "subject": subject("pa-7k2m"),
            "content": [{"attachment": {"contentType": "text/plain", "title": "VISIBLE letter", "url": "Binary/x-message"}}]}),
        json!({"resourceType": "Binary", "id": "x-message", "meta": meta(), "contentType": "text/plain",
            "data": STANDARD.encode(message), "securityContext": {"reference": "DocumentReference/x-dr"}}),
        json!({"resourceType": "Encounter", "id": "x-enc-d", "meta": meta(), "status": "finished", "class": {"code": "HH"},
            "subject": subject("pd-5v1t"), "reasonCode": [{"text": "VISIBLE dressing"}],
            "serviceProvider": {"reference": "Organization/org-hosp", "display": hidden("SCHOOL")}}),
    ]
}

/// What of them an adult social worker may see.
pub(crate) fn view() -> Vec<Value> {
    vec![
        json!({"resourceType": "MedicationRequest", "id": "x-mr-contained", "meta": meta(), "status": "active",
            "intent": "order", "subject": subject("pc-3x9q"), "medicationCodeableConcept": {"text": "VISIBLE inhaler"}}),
        json!({"resourceType": "QuestionnaireResponse", "id": "x-qr", "meta": meta(), "status": "completed",
            "subject": subject("pa-7k2m"), "authored": "2026-01-05",
            "item": [{"linkId": "mobility", "text": "VISIBLE how", "answer": [{"valueString": "VISIBLE with a frame"}]}]}),
        json!({"resourceType": "DocumentReference", "id": "x-dr", "meta": meta(), "status": "current",
            "type": {"text": "VISIBLE discharge summary"}, "subject": subject("pa-7k2m"),
            "content": [{"attachment": {"contentType": "text/plain", "title": "VISIBLE letter", "url": "Binary/x-message"}}]}),
        json!({"resourceType": "Encounter", "id": "x-enc-d", "meta": meta(), "status": "finished", "class": {"code": "HH"},
            "subject": subject("pd-5v1t"), "reasonCode": [{"text": "VISIBLE dressing"}]}),
    ]
}
