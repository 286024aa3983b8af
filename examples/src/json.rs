//! The wall around `serde_json` in this crate: nothing here guards anybody's records.
//!
//! The gateway reads what a network sent through `fhir::json`; the invented servers and the invented clients of the
//! demo may read leniently.

use serde_json::Value;

/// Reads JSON.
///
/// # Errors
/// When the bytes are no JSON.
#[expect(
    clippy::disallowed_methods,
    reason = "stand-ins hold invented people; the guarded reader is the gateway's"
)]
pub fn parse(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice(bytes)
}

/// The text at a JSON pointer.
#[must_use]
pub fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// The list at a JSON pointer; empty when there is none.
#[must_use]
pub fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Every element that a dotted path names, lists flattened on the way.
#[must_use]
pub fn along<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = vec![value];
    for name in path.split('.') {
        found = found.into_iter().filter_map(|value| value.get(name)).flat_map(flat).collect();
    }
    found
}

/// Whether an AuditEvent is of the exchange with this request id: it stands as an entity, or, where the profile of the event
/// leaves no place for one, as a detail.
#[must_use]
pub fn is_of_exchange(event: &Value, request_id: &str) -> bool {
    let is_it = |value: &&Value| value.as_str() == Some(request_id);
    let details = along(event, "entity.detail");
    let told = details.into_iter().filter(|detail| text(detail, "/type") == Some("request-id"));
    along(event, "entity.what.identifier.value").iter().any(is_it)
        || told.filter_map(|detail| detail.get("valueString")).any(|value| is_it(&value))
}

fn flat(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => vec![value],
    }
}
