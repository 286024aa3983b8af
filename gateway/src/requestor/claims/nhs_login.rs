//! NHS login: the person herself, proven to level P9 and signed in with two factors.

use fhir::nhs_number::NhsNumber;
use serde_json::{Map, Value};

use super::super::PersonHerself;
use super::super::identify::Unauthenticated;
use super::super::token::text;
use super::{bounded, required};

/// Vectors of trust that open a record: P9 with a password and a second factor, or with a passkey or device.
const VECTORS: [&str; 3] = ["P9.Cp.Cd", "P9.Cp.Ck", "P9.Cm"];

/// Reads the person. A vector of trust (`vot`) that says less than `identity_proofing_level`, or that the sign-in had
/// one factor only, proves too little.
pub(super) fn person(claims: &Map<String, Value>) -> Result<PersonHerself, Unauthenticated> {
    if text(claims, "identity_proofing_level")? != Some("P9") {
        return Err(Unauthenticated::NotProvenEnough);
    }
    if text(claims, "vot")?.is_some_and(|vector| !VECTORS.contains(&vector)) {
        return Err(Unauthenticated::NotProvenEnough);
    }
    let nhs_number = required(claims, "nhs_number")?;
    let nhs_number = NhsNumber::parse(nhs_number).map_err(|_| Unauthenticated::Claim("nhs_number"))?;
    let part = |name| bounded(text(claims, name)?, name);
    let name = match part("name")? {
        Some(name) => name.to_owned(),
        None => {
            [part("given_name")?, part("family_name")?].into_iter().flatten().collect::<Vec<_>>().join(" ")
        }
    };
    Ok(PersonHerself { nhs_number, name })
}
