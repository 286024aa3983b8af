//! NHS Care Identity Service 2: a member of staff in the one role that was selected when signing in.
//!
//! `nhsid_nrbac_roles` lists every role the person has, each with the organisation it is held at; `selected_roleid` says
//! which of them counts. Without it there must be one role only: nobody is given a role by the order of a list.

use fhir::purpose_of_use::PurposeOfUse;
use fhir::role::SdsRole;
use serde_json::{Map, Value};

use super::super::identify::Unauthenticated;
use super::super::token::text;
use super::super::{Professional, Supervision};
use super::{bounded, code, ods_code, required};

/// Levels of assurance that open a record, of the identity and of the sign-in (AAL2, AAL3).
const LEVELS: [&str; 2] = ["2", "3"];

/// Reads the member of staff. The purpose is that of the settings; a token that names another contradicts them.
pub(super) fn professional(
    claims: &Map<String, Value>,
    purpose: PurposeOfUse,
) -> Result<Professional, Unauthenticated> {
    for name in ["id_assurance_level", "authentication_assurance_level"] {
        if !LEVELS.contains(&level(claims, name)?.as_str()) {
            return Err(Unauthenticated::Assurance);
        }
    }
    let subject = required(claims, "nhsid_useruid")?;
    agrees(claims, "uid", subject)?;
    let role = selected(claims)?;
    let organisation = required(role, "org_code")?;
    let role_code = required(role, "role_code")?;
    agrees(claims, "org_code", organisation)?;
    agrees(claims, "role_code", role_code)?;
    if claims.contains_key("purpose_of_use") && code(claims, "purpose_of_use")? != purpose.code() {
        return Err(Unauthenticated::Claim("purpose_of_use"));
    }
    Ok(Professional {
        subject: subject.to_owned(),
        name: required(claims, "name")?.to_owned(),
        organisation: ods_code(organisation, "org_code")?,
        role: SdsRole::parse(role_code).map_err(|_| Unauthenticated::Claim("role_code"))?,
        purpose,
        supervision: Supervision::NotStated,
    })
}

/// The role that counts.
fn selected(claims: &Map<String, Value>) -> Result<&Map<String, Value>, Unauthenticated> {
    const ROLES: Unauthenticated = Unauthenticated::Claim("nhsid_nrbac_roles");
    let listed = claims.get("nhsid_nrbac_roles").and_then(Value::as_array).ok_or(ROLES)?;
    let mut roles = Vec::new();
    for role in listed {
        let role = role.as_object().ok_or(ROLES)?;
        roles.push((required(role, "person_roleid")?, role));
    }
    let chosen = bounded(text(claims, "selected_roleid")?, "selected_roleid")?;
    match (chosen, roles.as_slice()) {
        (None, []) => Err(ROLES),
        (None, [(_, only)]) => Ok(only),
        (None, [_, ..]) => Err(Unauthenticated::Claim("selected_roleid")),
        (Some(chosen), roles) => {
            let mut meant = roles.iter().filter(|(id, _)| *id == chosen);
            match (meant.next(), meant.next()) {
                (Some((_, role)), None) => Ok(role),
                (None, _) => Err(Unauthenticated::Claim("selected_roleid")),
                (Some(_), Some(_)) => Err(ROLES),
            }
        }
    }
}

/// A claim that need not be there must say the same when it is.
fn agrees(claims: &Map<String, Value>, name: &'static str, said: &str) -> Result<(), Unauthenticated> {
    match text(claims, name)? {
        Some(other) if other != said => Err(Unauthenticated::Claim(name)),
        Some(_) | None => Ok(()),
    }
}

/// A level, which some tokens write as a number.
fn level(claims: &Map<String, Value>, name: &'static str) -> Result<String, Unauthenticated> {
    match claims.get(name) {
        Some(Value::String(level)) => Ok(level.clone()),
        Some(Value::Number(level)) => Ok(level.to_string()),
        Some(_) | None => Err(Unauthenticated::Claim(name)),
    }
}
