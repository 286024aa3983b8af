//! Who may prove themselves: organisations by name, issuers of tokens, clients by certificate.

use std::collections::BTreeMap;

use fhir::ods_code::OdsCode;
use fhir::role::SdsRole;

use super::super::file::{ClientTable, IssuerTable};
use super::super::material::Site;
use super::super::problem::Notebook;
use super::super::written::Written;
use super::super::{Claims, Client, ClientRole, Issuer, SpeaksFor};
use super::{each_once, keys, ods, purposes, urls};

/// `[organisations]`.
pub(super) fn organisations(
    notes: &Notebook,
    written: &[(Written<String>, Option<Written<String>>)],
) -> BTreeMap<OdsCode, String> {
    let mut names = BTreeMap::new();
    for (code, name) in written {
        let code_meant = ods(notes, code);
        let Some(name) = name else { continue };
        if name.value.trim().is_empty() {
            notes.error(&name.place, "the name is empty: write what people call the organisation");
            continue;
        }
        let Some(code_meant) = code_meant else { continue };
        if names.insert(code_meant, name.value.trim().to_owned()).is_some() {
            notes.error(&code.place, "this organisation is named twice: codes are the same in either case");
        }
    }
    names
}

/// `[[issuer]]`.
pub(super) fn issuers(site: &Site<'_>, tables: &[IssuerTable], audience: Option<&str>) -> Vec<Issuer> {
    let notes = site.notes;
    refuse_twice(notes, tables.iter().filter_map(|table| table.issuer.as_ref()), "issuer");
    let mut issuers = Vec::new();
    let many = for_staff(tables);
    for table in tables {
        let issuer = table.issuer.as_ref().and_then(|written| not_empty(notes, written));
        let keys = keys::source(site, table);
        let claims = claims(notes, table);
        let own = table.audience.as_ref().and_then(|written| not_empty(notes, written));
        let audience = own.or_else(|| audience.map(str::to_owned));
        let sign_in = table.sign_in.as_ref().and_then(|written| urls::sign_in(notes, written));
        if let (Some(written), Some(Claims::Iua | Claims::Cis2 { .. })) = (&table.sign_in, claims) {
            notes.error(&written.place, "staff do not sign in on a page of the gateway: `nhs-login` only");
        }
        let speaks_for = speaks_for(notes, table, claims, many);
        let (Some(issuer), Some(keys), Some(claims), Some(audience), Some(speaks_for)) =
            (issuer, keys, claims, audience, speaks_for)
        else {
            continue;
        };
        issuers.push(Issuer { issuer, keys, claims, audience, speaks_for, sign_in });
    }
    issuers
}

/// How many issuers are for staff.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ForStaff {
    One,
    Several,
}

fn for_staff(tables: &[IssuerTable]) -> ForStaff {
    let is_for_staff = |table: &&IssuerTable| {
        table.claims.as_ref().is_some_and(|claims| matches!(claims.value.as_str(), "iua" | "cis2"))
    };
    if tables.iter().filter(is_for_staff).count() > 1 { ForStaff::Several } else { ForStaff::One }
}

/// Whose staff the tokens may be of. Where one issuer speaks for staff, that is whoever the agreements name; with several
/// it has to be said, or each could name anybody as anybody's.
fn speaks_for(
    notes: &Notebook,
    table: &IssuerTable,
    claims: Option<Claims>,
    many: ForStaff,
) -> Option<SpeaksFor> {
    let place = || table.place.key("organisations", None);
    match (&table.organisations, claims) {
        (Some(_), Some(Claims::NhsLogin)) => {
            notes.error(&place(), "people who sign in as themselves are of no organisation: remove this");
            None
        }
        (None, Some(Claims::NhsLogin)) => Some(SpeaksFor::Everyone),
        (None, _) if many == ForStaff::Several => {
            let text = "more than one issuer is for staff: say whose staff this one speaks for, such as [\"ods:RX1\"], or [\"any\"]";
            notes.error(&place(), text);
            None
        }
        (None, _) => Some(SpeaksFor::Everyone),
        (Some(written), _) => match written.as_slice() {
            [] => {
                notes.error(
                    &place(),
                    "nobody is named: name organisations such as \"ods:RX1\", or write [\"any\"]",
                );
                None
            }
            [only] if only.value == "any" => Some(SpeaksFor::Everyone),
            several => Some(SpeaksFor::Only(each_once(notes, several, OdsCode::parse_setting))),
        },
    }
}

fn claims(notes: &Notebook, table: &IssuerTable) -> Option<Claims> {
    let written = table.claims.as_ref()?;
    let purpose = table.purpose.as_ref();
    let meant = match written.value.as_str() {
        "iua" => Claims::Iua,
        "nhs-login" => Claims::NhsLogin,
        "cis2" => {
            let Some(purpose) = purpose else {
                let text = "tokens of CIS2 name no purpose of use: say with `purpose` what its users act for";
                notes.error(&written.place, text);
                return None;
            };
            return purposes(notes, std::slice::from_ref(purpose))
                .into_iter()
                .next()
                .map(|purpose| Claims::Cis2 { purpose });
        }
        _ => {
            notes.error(&written.place, "`iua`, `cis2` or `nhs-login` is wanted here");
            return None;
        }
    };
    if let Some(purpose) = purpose {
        notes.error(&purpose.place, "this goes with `claims = \"cis2\"` only");
    }
    Some(meant)
}

/// `[[client]]`.
pub(super) fn clients(notes: &Notebook, tables: &[ClientTable]) -> Vec<Client> {
    refuse_twice(notes, tables.iter().filter_map(|table| table.san.as_ref()), "name");
    let mut clients = Vec::new();
    for table in tables {
        let san = table.san.as_ref().and_then(|written| written.parsed(notes, |text| san(text)));
        let organisation = table.organisation.as_ref().and_then(|written| ods(notes, written));
        let role = match &table.role {
            None => Some(ClientRole::System),
            Some(written) => written.parsed(notes, |text| client_role(text)),
        };
        let meant = purposes(notes, &table.purposes);
        let (Some(san), Some(organisation), Some(role)) = (san, organisation, role) else { continue };
        clients.push(Client { san, organisation, role, purposes: meant });
    }
    clients
}

fn client_role(text: &str) -> Result<ClientRole, &'static str> {
    if text == "system" {
        return Ok(ClientRole::System);
    }
    SdsRole::parse(text)
        .map(ClientRole::Staff)
        .map_err(|_| "`system` or a job role such as R8014 is wanted here")
}

/// A name in a certificate.
pub(super) fn san(text: &str) -> Result<String, &'static str> {
    const WANTED: &str = "a name in a certificate is written as dns:host.example or uri:urn:example:name";
    match text.split_once(':') {
        Some(("dns", host)) if is_host(host) => Ok(text.to_ascii_lowercase()),
        Some(("uri", uri)) if uri.contains(':') && uri.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(text.to_owned())
        }
        Some(_) | None => Err(WANTED),
    }
}

fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

/// Notes every value that an earlier table has too.
pub(super) fn refuse_twice<'a>(
    notes: &Notebook,
    written: impl Iterator<Item = &'a Written<String>>,
    what: &str,
) {
    let mut seen: BTreeMap<String, Option<usize>> = BTreeMap::new();
    for value in written {
        let folded = if what == "issuer" { value.value.clone() } else { value.value.to_ascii_lowercase() };
        match seen.get(&folded) {
            Some(line) => {
                let line = line.map(|line| format!(" in line {line}")).unwrap_or_default();
                notes.error(&value.place, format!("this {what} is taken already{line}: each may stand once"));
            }
            None => {
                seen.insert(folded, value.place.line);
            }
        }
    }
}

/// A text with something in it.
pub(super) fn not_empty(notes: &Notebook, written: &Written<String>) -> Option<String> {
    if written.value.trim().is_empty() {
        notes.error(&written.place, "this is empty: write a value or remove the key");
        return None;
    }
    Some(written.value.clone())
}
