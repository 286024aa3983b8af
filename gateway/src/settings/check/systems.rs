//! `[[system]]`: who holds and receives records.

use super::super::file::{CredentialsTable, SystemTable};
use super::super::material::Site;
use super::super::{Households, Speaks, System, Transactions, UpstreamCredentials};
use super::bounds::{SYSTEM_BODY_BYTES, SYSTEM_TIMEOUT};
use super::parties::refuse_twice;
use super::receives::Kind;
use super::{mapped, messages, ods, receives, urls};
use crate::person::SystemName;

/// First segments of paths that the gateway keeps for itself.
const RESERVED: [&str; 12] = [
    "fhir", "me", "guardian", "register", "hl7v2", "cda", "csv", "inbound", "assets", "health", "metrics",
    "gateway",
];
const NAME_CHARACTERS_MAX: usize = 63;

/// `[[system]]`.
pub(super) fn systems(site: &Site<'_>, tables: &[SystemTable]) -> Vec<System> {
    refuse_twice(site.notes, tables.iter().filter_map(|table| table.name.as_ref()), "name");
    let addresses = tables.iter().flat_map(|table| table.base.iter().chain(&table.aliases));
    refuse_twice(site.notes, addresses, "address");
    tables.iter().filter_map(|table| system(site, table)).collect()
}

fn system(site: &Site<'_>, table: &SystemTable) -> Option<System> {
    let notes = site.notes;
    let name = table.name.as_ref().and_then(|written| written.parsed(notes, |text| name(text)));
    let organisation = table.organisation.as_ref().and_then(|written| ods(notes, written));
    let spoken = table.protocol.as_ref().and_then(|written| written.parsed(notes, |text| protocol(text)));
    let base = match (spoken, &name) {
        (Some(Protocol::Mapped | Protocol::Hl7v2), Some(name)) => mapped::base(name),
        (Some(Protocol::Hl7v2), None) => None,
        (Some(Protocol::FhirR4 | Protocol::Mapped | Protocol::Receives(_)) | None, _) => {
            if table.base.is_none() {
                notes.error(&table.place.key("base", None), "this key is missing and must be given");
            }
            table.base.as_ref().and_then(|written| urls::system_base(notes, written))
        }
    };
    let aliases = table.aliases.iter().filter_map(|written| {
        let uri = urls::alias(notes, written);
        uri.map(|_| written.value.clone())
    });
    let aliases = aliases.collect();
    let ca = table.ca.as_ref().and_then(|written| site.certificates(written));
    if let (None, Some(written)) = (&table.ca, &table.base)
        && written.value.starts_with("https:")
    {
        let text = "over https the key `ca` must name the authorities its certificate is checked against";
        notes.error(&written.place, text);
    }
    let credentials = match &table.credentials {
        None => UpstreamCredentials::None,
        Some(table) => credentials(site, table)?,
    };
    let is_set =
        |flag: &Option<super::super::written::Written<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
    let timeout = SYSTEM_TIMEOUT.duration(notes, table.timeout_ms.as_ref());
    let body_bytes_max = SYSTEM_BODY_BYTES.count(notes, table.body_bytes_max.as_ref());
    let speaks = match spoken? {
        Protocol::FhirR4 => {
            mapped::refuse_sources(notes, table);
            messages::refuse_messages(notes, table);
            Speaks::Fhir
        }
        Protocol::Mapped => {
            messages::refuse_messages(notes, table);
            Speaks::Mapped(mapped::mapped(site, table)?)
        }
        Protocol::Hl7v2 => Speaks::Hl7v2(messages::messages(site, table)?),
        Protocol::Receives(kind) => Speaks::Receives(receives::receives(site, table, kind)?),
    };
    Some(System {
        name: name?,
        organisation: organisation?,
        base: base?,
        aliases,
        relationship_source: is_set(&table.relationship_source),
        consent_source: is_set(&table.consent_source),
        trusted_identity: is_set(&table.trusted_identity),
        households: households(table),
        speaks,
        transactions: match is_set(&table.transactions) {
            true => Transactions::Taken,
            false => Transactions::NotTaken,
        },
        credentials,
        ca,
        timeout,
        body_bytes_max,
    })
}

/// Whether it keeps back where protected people live.
pub(super) fn households(table: &SystemTable) -> Households {
    match table.shields_households.as_ref().is_some_and(|flag| flag.value) {
        true => Households::Shielded,
        false => Households::Told,
    }
}

pub(super) fn name(text: &str) -> Result<SystemName, String> {
    if RESERVED.contains(&text) {
        return Err(format!("`{text}` is a path of the gateway itself: choose another name"));
    }
    let starts_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    let fits = text.len() <= NAME_CHARACTERS_MAX
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !starts_well || !fits {
        return Err("a name starts with a lower-case letter and has lower-case letters, digits and hyphens"
            .to_owned());
    }
    Ok(SystemName::new(text))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    FhirR4,
    Mapped,
    Hl7v2,
    Receives(Kind),
}

fn protocol(text: &str) -> Result<Protocol, &'static str> {
    match text {
        "fhir-r4" => Ok(Protocol::FhirR4),
        "mapped" => Ok(Protocol::Mapped),
        "hl7v2" => Ok(Protocol::Hl7v2),
        _ => receives::kind(text).map(Protocol::Receives).ok_or(
            "`fhir-r4`, `mapped` (read by mappings) or, of systems that only take what is pushed, `hl7v2`, `cda`, `notice`, `fhir-stu3`, `fhir-r4b` or `fhir-r5` is wanted here",
        ),
    }
}

pub(super) fn credentials(site: &Site<'_>, table: &CredentialsTable) -> Option<UpstreamCredentials> {
    match (&table.certificate, &table.key, &table.bearer) {
        (Some(certificate), Some(key), None) => {
            let certificate = site.certificates(certificate);
            let key = site.private_key(key);
            Some(UpstreamCredentials::Certificate { certificate: certificate?, key: key? })
        }
        (None, None, Some(bearer)) => site.bearer(bearer).map(UpstreamCredentials::Bearer),
        (Some(_) | None, Some(_) | None, Some(_) | None) => {
            site.notes.error(&table.place, "give either `certificate` and `key`, or `bearer`");
            None
        }
    }
}
