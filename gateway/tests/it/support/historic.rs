//! A hospital that tells of earlier versions, as honestly as a test lets it, and a site in front of it.

use std::sync::{Arc, Mutex};

use gateway::serve::Running;
use serde_json::{Value, json};

use super::holding::{Held, holding};
use super::sharing;
use super::upstream::{Play, Seen, fhir};
use super::whole::Whole;

/// What the hospital answers to every request for a history; tests change it while it serves.
pub(crate) type Past = Arc<Mutex<Vec<u8>>>;

/// A history of these entries.
pub(crate) fn past(entries: &[Value]) -> Vec<u8> {
    fhir(
        "200 OK",
        &json!({"resourceType": "Bundle", "type": "history", "total": 99, "entry": entries}).to_string(),
    )
}

/// The entry of a version.
pub(crate) fn version(resource: &Value) -> Value {
    let url = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
    json!({"fullUrl": format!("https://secret-host.example/{url}"), "resource": resource,
           "request": {"method": "PUT", "url": url}, "response": {"status": "200", "etag": "W/\"upstream\""}})
}

/// The entry of a deletion of `Type/id`.
pub(crate) fn deletion(url: &str, at: &str) -> Value {
    json!({"request": {"method": "DELETE", "url": url}, "response": {"status": "204", "lastModified": at}})
}

/// The resource as version `number`, of this day of January 2026.
pub(crate) fn as_version(mut resource: Value, number: u32) -> Value {
    resource["meta"]["versionId"] = json!(number.to_string());
    resource["meta"]["lastUpdated"] = json!(format!("2026-01-{number:02}T09:00:00Z"));
    resource
}

/// A site under an agreement of this existence, whose hospital holds and tells this.
pub(crate) async fn site(existence: &str, held: &Held, told: &Past) -> (Whole, Running) {
    site_under(&agreement(existence), held, told).await
}

/// A site under this agreement, whose hospital holds and tells this.
pub(crate) async fn site_under(agreement: &str, held: &Held, told: &Past) -> (Whole, Running) {
    let (honest, told) = (holding(held), Arc::clone(told));
    let script = move |seen: &Seen| match seen.line.contains("/_history") {
        true => Play::Bytes(told.lock().unwrap().clone()),
        false => honest(seen),
    };
    sharing::site(agreement, script).await
}

/// An agreement of this existence that shares earlier versions.
pub(crate) fn agreement(existence: &str) -> String {
    sharing::agreement(existence, TABLES).replace("share = [\"person\"]", "share = [\"person\", \"detail\"]")
}

const TABLES: &str = r#"[share.person.Patient]
identifier = "to be sure it is the right person"
name = "to address the person"
address = "which team covers the area"
earlier_versions = "how it has changed"
[share.person.Condition]
code = "what care is needed for"
earlier_versions = "how it has changed"
where = { not_labelled = ["PSY"] }
[share.detail.Condition]
"onset[x]" = "how long it has been so"
earlier_versions = "how it has changed"
where = { not_labelled = ["PSY", "HIV"] }
[share.person.Group]
member = "who is on the list"
earlier_versions = "how it has changed"
"#;
