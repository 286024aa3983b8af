//! From verified claims to a requestor. Three dialects: IHE IUA and CIS2 for staff, NHS login for the person herself.
//!
//! IUA claims stand at the top of the token or in `extensions.ihe_iua`; in both places only when they agree. Codes
//! are texts (`TREAT`, `system|code`) or codings (`{"system": .., "code": ..}`), alone or in an array of which all items are the same.
//! A supervised member of staff has `supervisor` (a text) and `supervised_until` (a date), both or neither.

use std::collections::BTreeSet;

use fhir::identifier::ODS_ORGANIZATION_CODE;
use fhir::ods_code::OdsCode;
use fhir::purpose_of_use::PurposeOfUse;
use fhir::role::SdsRole;
use jiff::civil::Date;
use serde_json::{Map, Value};

use super::identify::Unauthenticated;
use super::token::text;
use super::{Party, Professional, Proof, Requestor, Supervision};
use crate::settings::{Claims, SpeaksFor};

mod cis2;
mod nhs_login;

/// The longest name or identifier that is taken from a token.
const TEXT_LEN_MAX: usize = 200;

/// Reads who bears a token. In records a `jti` stands as a URN, as BALP has it, so that it is never taken for
/// `opaque`, which names a token that has none.
pub(in crate::requestor) fn read(
    claims: &Map<String, Value>,
    issuer: &str,
    dialect: Claims,
    opaque: &str,
) -> Result<Requestor, Unauthenticated> {
    let subject = required(claims, "sub")?.to_owned();
    let token_id = match bounded(text(claims, "jti")?, "jti")? {
        Some(jti) => format!("urn:ietf:params:oauth:jti:{jti}"),
        None => opaque.to_owned(),
    };
    let party = match dialect {
        Claims::Iua => Party::Professional(professional(claims, &subject)?),
        Claims::Cis2 { purpose } => Party::Professional(cis2::professional(claims, purpose)?),
        Claims::NhsLogin => Party::Person(nhs_login::person(claims)?),
    };
    Ok(Requestor { party, proof: Proof::Token { issuer: issuer.to_owned(), subject, token_id } })
}

/// Whether the issuer may say that somebody is of that organisation's staff: a council's own issuer names nobody a
/// hospital's guardian.
///
/// # Errors
/// [`Unauthenticated::Organisation`].
pub(in crate::requestor) fn is_spoken_for(
    requestor: &Requestor,
    speaks_for: &SpeaksFor,
) -> Result<(), Unauthenticated> {
    match &requestor.party {
        Party::Professional(professional) if !speaks_for.includes(&professional.organisation) => {
            Err(Unauthenticated::Organisation)
        }
        Party::Professional(_) | Party::Person(_) | Party::System(_) => Ok(()),
    }
}

fn professional(claims: &Map<String, Value>, subject: &str) -> Result<Professional, Unauthenticated> {
    let name = match text_claim(claims, "subject_name")? {
        Some(name) => name,
        None => required(claims, "name")?,
    };
    let organisation = text_claim(claims, "subject_organization_id")?
        .ok_or(Unauthenticated::Claim("subject_organization_id"))?;
    Ok(Professional {
        subject: subject.to_owned(),
        name: name.to_owned(),
        organisation: ods_code(organisation, "subject_organization_id")?,
        role: SdsRole::parse(&code(claims, "subject_role")?)
            .map_err(|_| Unauthenticated::Claim("subject_role"))?,
        purpose: PurposeOfUse::parse(&code(claims, "purpose_of_use")?)
            .map_err(|_| Unauthenticated::Claim("purpose_of_use"))?,
        supervision: supervision(claims)?,
    })
}

fn supervision(claims: &Map<String, Value>) -> Result<Supervision, Unauthenticated> {
    match (text_claim(claims, "supervisor")?, text_claim(claims, "supervised_until")?) {
        (None, None) => Ok(Supervision::NotStated),
        (Some(supervisor), Some(until)) if !supervisor.trim().is_empty() => Ok(Supervision::Supervised {
            supervisor: supervisor.to_owned(),
            until: until.parse::<Date>().map_err(|_| Unauthenticated::Claim("supervised_until"))?,
        }),
        (Some(_) | None, _) => Err(Unauthenticated::Claim("supervisor")),
    }
}

/// `RX1`, `ods:RX1` or `https://fhir.nhs.uk/Id/ods-organization-code|RX1`.
fn ods_code(text: &str, name: &'static str) -> Result<OdsCode, Unauthenticated> {
    let bare = match text.rsplit_once('|') {
        Some((system, code)) if system == ODS_ORGANIZATION_CODE => code,
        Some(_) => return Err(Unauthenticated::Claim(name)),
        None => text.strip_prefix("ods:").unwrap_or(text),
    };
    OdsCode::parse(bare).map_err(|_| Unauthenticated::Claim(name))
}

/// An IUA claim: at the top or in the extension, in both only when they say the same.
fn iua<'a>(claims: &'a Map<String, Value>, name: &'static str) -> Result<Option<&'a Value>, Unauthenticated> {
    let extension = claims.get("extensions").and_then(|all| all.get("ihe_iua")).and_then(|iua| iua.get(name));
    match (claims.get(name), extension) {
        (Some(top), Some(inner)) if top != inner => Err(Unauthenticated::Claim(name)),
        (Some(found), _) | (None, Some(found)) => Ok(Some(found)),
        (None, None) => Ok(None),
    }
}

fn text_claim<'a>(
    claims: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, Unauthenticated> {
    match iua(claims, name)? {
        None => Ok(None),
        Some(Value::String(text)) => bounded(Some(text), name),
        Some(_) => Err(Unauthenticated::Claim(name)),
    }
}

/// Exactly one code, as `code` or `system|code`. Nobody is given one of several by their order.
fn code(claims: &Map<String, Value>, name: &'static str) -> Result<String, Unauthenticated> {
    let wrong = || Unauthenticated::Claim(name);
    let stated = match iua(claims, name)? {
        Some(Value::Array(items)) => items.as_slice(),
        Some(stated) => std::slice::from_ref(stated),
        None => return Err(wrong()),
    };
    let codes: BTreeSet<String> =
        stated.iter().map(|stated| code_of(stated, name)).collect::<Result<_, _>>()?;
    let mut codes = codes.into_iter();
    match (codes.next(), codes.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err(Unauthenticated::Several(name)),
        (None, _) => Err(wrong()),
    }
}

fn code_of(stated: &Value, name: &'static str) -> Result<String, Unauthenticated> {
    let wrong = Unauthenticated::Claim(name);
    match stated {
        Value::String(text) => Ok(text.clone()),
        Value::Object(coding) => match (coding.get("system"), coding.get("code")) {
            (None, Some(Value::String(code))) if !code.contains('|') => Ok(code.clone()),
            (Some(Value::String(system)), Some(Value::String(code))) if !code.contains('|') => {
                Ok(format!("{system}|{code}"))
            }
            _ => Err(wrong),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => Err(wrong),
    }
}

fn required<'a>(claims: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, Unauthenticated> {
    bounded(text(claims, name)?, name)?.ok_or(Unauthenticated::Claim(name))
}

fn bounded<'a>(text: Option<&'a str>, name: &'static str) -> Result<Option<&'a str>, Unauthenticated> {
    match text {
        Some(text) if text.is_empty() || text.len() > TEXT_LEN_MAX || text.chars().any(char::is_control) => {
            Err(Unauthenticated::Claim(name))
        }
        text => Ok(text),
    }
}
