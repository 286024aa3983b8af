//! `[[system]] protocol = "cda"`, `"notice"`, `"fhir-stu3"`, `"fhir-r4b"`, `"fhir-r5"`: systems that take what is pushed in these
//! words, and answer nothing.

use std::sync::Arc;

use adapters::cda::out::Profile;

use super::super::file::SystemTable;
use super::super::material::Site;
use super::super::problem::Notebook;
use super::super::receives::{Documents, Receives};
use super::super::written::Written;
use super::{messages, read_text};

/// What documents are called where nothing else is said.
const XML: &str = "application/xml";
const MEDIA_TYPE_LETTERS_MAX: usize = 100;

/// What such a system takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Cda,
    Notice,
    FhirStu3,
    FhirR4b,
    FhirR5,
}

/// What a system with this protocol takes, if it is one of these.
pub(super) fn kind(protocol: &str) -> Option<Kind> {
    match protocol {
        "cda" => Some(Kind::Cda),
        "notice" => Some(Kind::Notice),
        "fhir-stu3" => Some(Kind::FhirStu3),
        "fhir-r4b" => Some(Kind::FhirR4b),
        "fhir-r5" => Some(Kind::FhirR5),
        _ => None,
    }
}

/// In which words it takes what is pushed. Its base, `ca` and credentials are those of any system over HTTP.
pub(super) fn receives(site: &Site<'_>, table: &SystemTable, kind: Kind) -> Option<Arc<Receives>> {
    let notes = site.notes;
    let text = "a system that only takes what is pushed has none of this: nothing is asked there";
    messages::refuse_asking(notes, table, text);
    messages::refuse_event(notes, table);
    let other = match kind {
        Kind::Cda => return documents(site, table).map(|documents| Arc::new(Receives::Cda(documents))),
        Kind::Notice => Receives::Notices,
        Kind::FhirStu3 => Receives::FhirStu3,
        Kind::FhirR4b => Receives::FhirR4b,
        Kind::FhirR5 => Receives::FhirR5,
    };
    messages::refuse_profile(notes, table);
    refuse_content_type(notes, table);
    Some(Arc::new(other))
}

/// What documents are called, where none are sent.
pub(super) fn refuse_content_type(notes: &Notebook, table: &SystemTable) {
    if let Some(written) = &table.content_type {
        notes.error(&written.place, "this is for systems with protocol = \"cda\" only");
    }
}

fn documents(site: &Site<'_>, table: &SystemTable) -> Option<Documents> {
    if table.profile.is_none() {
        site.notes.error(&table.place.key("profile", None), "this key is missing and must be given");
    }
    let media_type = match &table.content_type {
        None => Some(XML.to_owned()),
        Some(written) => written.parsed(site.notes, |text| media_type(text)),
    };
    let profile = table.profile.as_ref().and_then(|written| profile(site, written));
    Some(Documents { profile: profile?, media_type: media_type? })
}

/// How a receiver takes documents.
fn profile(site: &Site<'_>, written: &Written<String>) -> Option<Profile> {
    let path = site.path(written);
    let read = read_text(&path).and_then(|text| Profile::parse(&text).map_err(|fault| fault.to_string()));
    match read {
        Ok(profile) => Some(profile),
        Err(fault) => {
            site.notes.error(&written.place, format!("{}: {fault}", path.display()));
            None
        }
    }
}

/// A media type of XML, in UTF-8 if it says in what.
fn media_type(text: &str) -> Result<String, &'static str> {
    const WANTED: &str =
        "a media type of XML such as application/hl7-cda+xml is wanted, in UTF-8 if it names a charset";
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let is_token = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    let (kind, subtype) = essence.split_once('/').ok_or(WANTED)?;
    let is_xml = subtype == "xml" || subtype.ends_with("+xml");
    let fits = |part: &str| {
        part.split_once('=').is_some_and(|(name, value)| {
            let value = value.trim_matches('"');
            let is_utf8 = !name.eq_ignore_ascii_case("charset") || value.eq_ignore_ascii_case("utf-8");
            is_token(name)
                && is_utf8
                && !value.is_empty()
                && value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"')
        })
    };
    let is_well = is_token(kind) && is_token(subtype) && is_xml && parts.all(fits);
    match is_well && text.len() <= MEDIA_TYPE_LETTERS_MAX {
        true => Ok(text.to_owned()),
        false => Err(WANTED),
    }
}
