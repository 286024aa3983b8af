//! What a stand-in claims: exactly what it does.

use serde_json::{Value, json};

use super::parameter::{ID, Kind, LAST_UPDATED, Parameter, TYPES};

/// The CapabilityStatement.
pub(super) fn statement(name: &str, base: &str) -> Value {
    let resources: Vec<Value> = TYPES
        .iter()
        .map(|served| {
            let references: Vec<String> = served
                .parameters
                .iter()
                .filter(|parameter| parameter.kind == Kind::Reference)
                .map(|parameter| format!("{}:{}", served.name, parameter.name))
                .collect();
            let parameters: Vec<Value> =
                [&ID, &LAST_UPDATED].into_iter().chain(served.parameters).map(parameter).collect();
            let mut resource = json!({
                "type": served.name,
                "interaction": [
                    {"code": "read"}, {"code": "vread"}, {"code": "search-type"},
                    {"code": "create"}, {"code": "update"}, {"code": "delete"}, {"code": "history-instance"},
                ],
                "versioning": "versioned-update",
                "readHistory": true,
                "updateCreate": true,
                "conditionalCreate": true,
                "searchParam": parameters,
            });
            if let (false, Some(members)) = (references.is_empty(), resource.as_object_mut()) {
                members.insert("searchInclude".into(), json!(references));
            }
            resource
        })
        .collect();
    json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-01-01",
        "kind": "instance",
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "software": {"name": format!("stand-in {name}")},
        "implementation": {"description": format!("Invented {name} of the demo"), "url": base},
        "rest": [{"mode": "server", "resource": resources, "interaction": [{"code": "transaction"}]}],
    })
}

fn parameter(parameter: &Parameter) -> Value {
    let kind = match parameter.kind {
        Kind::Id | Kind::Token | Kind::Contact(_) => "token",
        Kind::Reference => "reference",
        Kind::Text => "string",
        Kind::Date => "date",
        Kind::Uri => "uri",
        Kind::Number => "number",
        Kind::Quantity => "quantity",
        Kind::Composite(_) => "composite",
    };
    json!({"name": parameter.name, "type": kind})
}
