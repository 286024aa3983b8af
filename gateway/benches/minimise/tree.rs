//! The same edit over `serde_json::Value`: parse, keep what is shared, serialise.
//!
//! It comes to the same tree for the records of this bench (the bench asserts it), and does less: it sees no duplicate
//! names, checks no kinds, counts nothing, and lets no modifier extension stop it.

use bytes::Bytes;
use serde_json::{Map, Value, json};

const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";

/// The members of each type that are shared: those named, and the modifiers.
const SHARED: [(&str, &[&str]); 5] = [
    ("Patient", &["active", "identifier", "name", "gender", "birthDate", "address", "generalPractitioner"]),
    (
        "Condition",
        &[
            "clinicalStatus",
            "verificationStatus",
            "category",
            "code",
            "subject",
            "onsetDateTime",
            "recordedDate",
        ],
    ),
    (
        "Observation",
        &["status", "category", "code", "subject", "encounter", "effectiveDateTime", "issued", "component"],
    ),
    (
        "MedicationRequest",
        &[
            "status",
            "intent",
            "medicationCodeableConcept",
            "subject",
            "encounter",
            "authoredOn",
            "dosageInstruction",
        ],
    ),
    ("Encounter", &["status", "class", "type", "subject", "period"]),
];

/// Appends the resource, or every resource of a searchset, a line each.
pub(crate) fn edit(body: &Bytes, out: &mut Vec<u8>) {
    #[expect(clippy::disallowed_methods, reason = "the way it is commonly done is what we compare with")]
    let mut root: Value = serde_json::from_slice(body).expect("JSON");
    match root.get_mut("entry").and_then(Value::as_array_mut) {
        None => write(&reduced(&mut root), out),
        Some(entries) => {
            for resource in entries.iter_mut().filter_map(|entry| entry.get_mut("resource")) {
                write(&reduced(resource), out);
            }
        }
    }
}

fn write(value: &Value, out: &mut Vec<u8>) {
    serde_json::to_writer(&mut *out, value).expect("written");
    out.push(b'\n');
}

fn reduced(resource: &mut Value) -> Value {
    let mut kept = Map::new();
    let owner = resource.get("resourceType").and_then(Value::as_str).unwrap_or_default();
    let shared = SHARED.iter().find(|(name, _)| *name == owner).map_or(&[] as &[&str], |(_, shared)| shared);
    let system = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
    let meta = json!({
        "security": [{"system": system, "code": "REDACTED"}],
        "tag": [{"system": system, "code": "SUBSETTED"}],
    });
    let Some(object) = resource.as_object_mut() else { return Value::Null };
    for name in ["resourceType", "id"] {
        if let Some(value) = object.get_mut(name) {
            kept.insert(name.to_owned(), value.take());
        }
    }
    kept.insert("meta".to_owned(), meta);
    for name in shared {
        let Some(value) = object.get_mut(*name) else { continue };
        let mut value = value.take();
        strip(&mut value);
        if *name == "identifier"
            && let Value::Array(items) = &mut value
        {
            items.retain(|item| item.get("system").is_some_and(|system| system == NHS_NUMBER));
        }
        if *name == "address"
            && let Value::Array(items) = &mut value
        {
            for address in items.iter_mut().filter_map(Value::as_object_mut) {
                address.retain(|name, _| matches!(name.as_str(), "use" | "line" | "postalCode"));
            }
        }
        kept.insert((*name).to_owned(), value);
    }
    Value::Object(kept)
}

/// Removes extensions, siblings and displays of references at any depth.
fn strip(value: &mut Value) {
    match value {
        Value::Object(object) => {
            let is_reference = object.contains_key("reference");
            let is_kept = |name: &str| {
                name != "extension" && !name.starts_with('_') && !(is_reference && name == "display")
            };
            object.retain(|name, _| is_kept(name));
            object.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
