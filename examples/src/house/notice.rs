//! `demo.json`: where everything is, for programs.

use serde_json::{Map, Value, json};

use super::{House, HouseError, files};
use crate::people::EVERYONE;

/// Writes `demo.json` by rename: who sees it sees all of it, and every listener answers by then.
pub(super) fn write(house: &House) -> Result<(), HouseError> {
    let path = house.folder.join("demo.json");
    files::put(&path, &format!("{:#}\n", content(house)))
}

fn content(house: &House) -> Value {
    let tokens: Map<String, Value> =
        house.tokens.iter().map(|(name, token)| ((*name).to_owned(), json!(token))).collect();
    let patients: Map<String, Value> = EVERYONE
        .iter()
        .map(|person| (person.name.to_owned(), json!({"id": person.id, "nhs_number": person.nhs_number})))
        .collect();
    json!({
        "base": house.base(),
        "ops": house.ops(),
        "mllp": house.mllp().to_string(),
        "config": house.config,
        "public_key": house.public_key(),
        "sign_in": house.sign_in,
        "systems": {"hospital": house.hospital, "council": house.council},
        "tokens": tokens,
        "patients": patients,
    })
}
