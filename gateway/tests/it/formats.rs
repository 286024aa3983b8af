//! Formats and codings, through the whole gateway: the same answer and the same rules, however they are written.

mod bodies;
mod endings;
mod held;
mod written;

use std::sync::{Arc, Mutex};

use gateway::serve::Running;
use serde_json::{Value, json};

use crate::support::historic::{self, as_version, past, version};
use crate::support::holding::{ANN, condition, held, patient};
use crate::support::whole::Whole;

const XML: &str = "application/fhir+xml; charset=utf-8";
const JSON: &str = "application/fhir+json; charset=utf-8";

/// A hospital that holds Ann, what she has, and her earlier versions.
async fn site(existence: &str) -> (Whole, Running) {
    let now = as_version(patient("p1", ANN), 2);
    let conditions = (0..40).map(|number| condition(&format!("c{number}"), "p1", &format!("1{number}"), &[]));
    let all: Vec<Value> = std::iter::once(now.clone()).chain(conditions).collect();
    let mut then = as_version(patient("p1", ANN), 1);
    then["name"][0]["family"] = json!("Earlier");
    let versions = [version(&then), version(&now)];
    historic::site(existence, &held(&all), &Arc::new(Mutex::new(past(&versions)))).await
}

/// A Patient as someone sends her.
fn newborn() -> Value {
    json!({"resourceType": "Patient", "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": ANN}],
           "name": [{"family": "Exámple", "given": ["A & \"B\" <c>"]}], "birthDate": "2020-01-01"})
}
