//! The fixture: six invented people and their records, what an adult social worker may see of them, and what they have
//! decided.

use serde_json::{Map, Value, json};

use crate::house::HouseError;
use crate::json;

const RESOURCES: &str = include_str!("../../leaks/fixture/resources.json");
const VIEW: &str = include_str!("../../leaks/fixture/view-LA.json");
const TIES: &str = include_str!("../../leaks/ties.json");
const CONSENTS: &str = include_str!("../../leaks/consents.json");
const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";

/// Every record of the six.
///
/// # Errors
/// [`HouseError::Example`] when the file does not read; a test holds that it does.
pub fn resources() -> Result<Vec<Value>, HouseError> {
    read(RESOURCES, "leaks/fixture/resources.json")
}

/// The golden view: exactly what an adult social worker may see.
///
/// # Errors
/// As [`resources`].
pub fn view() -> Result<Vec<Value>, HouseError> {
    read(VIEW, "leaks/fixture/view-LA.json")
}

/// What the register of care teams holds.
///
/// # Errors
/// As [`resources`].
pub fn ties() -> Result<Vec<Value>, HouseError> {
    read(TIES, "leaks/ties.json")
}

/// What the people decided, as Consents for the gateway.
///
/// # Errors
/// As [`resources`].
pub fn consents() -> Result<Vec<Value>, HouseError> {
    read(CONSENTS, "leaks/consents.json")
}

/// The six by their letters, as `demo.json` names people.
pub(super) fn patients() -> Result<Map<String, Value>, HouseError> {
    let mut found: Vec<(String, Value)> = Vec::new();
    for patient in resources()?.iter().filter(|record| reference(record).starts_with("Patient/")) {
        let number = json::list(patient, "/identifier")
            .iter()
            .find(|identifier| json::text(identifier, "/system") == Some(NHS_NUMBER))
            .and_then(|identifier| json::text(identifier, "/value"));
        let number = number.unwrap_or_default().to_owned();
        found.push((number.clone(), json!({"id": patient.get("id"), "nhs_number": number})));
    }
    // The numbers were given in the order of the letters.
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(('A'..='F').map(String::from).zip(found.into_iter().map(|(_, patient)| patient)).collect())
}

/// `Type/id` of a resource.
pub(super) fn reference(resource: &Value) -> String {
    let part = |pointer| json::text(resource, pointer).unwrap_or_default();
    format!("{}/{}", part("/resourceType"), part("/id"))
}

fn read(text: &str, name: &'static str) -> Result<Vec<Value>, HouseError> {
    match json::parse(text.as_bytes()) {
        Ok(Value::Array(items)) => Ok(items),
        Ok(_) | Err(_) => Err(HouseError::Example(name)),
    }
}
