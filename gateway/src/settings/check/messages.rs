//! `[[system]] protocol = "hl7v2"`: a system that takes HL7 v2 messages, and nothing else.

use std::sync::Arc;

use adapters::hl7v2::out;
use http::Uri;

use super::super::file::SystemTable;
use super::super::inbound_file::MllpTable;
use super::super::material::Site;
use super::super::problem::{Notebook, did_you_mean};
use super::super::{Messages, MessagesTo, Speaks, System};
use super::{queries, receives, urls};

const PORT: u16 = 2575;

/// What belongs to systems that only take what is pushed, where it is none.
pub(super) fn refuse_messages(notes: &Notebook, table: &SystemTable) {
    refuse_profile(notes, table);
    refuse_event(notes, table);
    receives::refuse_content_type(notes, table);
}

/// How messages or documents are taken, where none are sent.
pub(super) fn refuse_profile(notes: &Notebook, table: &SystemTable) {
    if let Some(written) = &table.profile {
        notes.error(&written.place, "this is for systems with protocol = \"hl7v2\" or \"cda\" only");
    }
}

/// The event of a message, where none is sent.
pub(super) fn refuse_event(notes: &Notebook, table: &SystemTable) {
    if let Some(written) = &table.event {
        notes.error(&written.place, "this is for systems with protocol = \"hl7v2\" only");
    }
}

/// Where messages go, and how the system takes them.
pub(super) fn messages(site: &Site<'_>, table: &SystemTable) -> Option<Arc<Messages>> {
    let notes = site.notes;
    refuse_asking(notes, table, "a system that takes HL7 v2 alone has none of this: nothing is asked there");
    let bearer = table.credentials.as_ref().and_then(|credentials| credentials.bearer.as_ref());
    if let Some(written) = bearer {
        notes.error(
            &written.place,
            "over mllps the gateway proves itself by a certificate: there is no place for a token",
        );
    }
    receives::refuse_content_type(notes, table);
    let missing =
        |key: &str| notes.error(&table.place.key(key, None), "this key is missing and must be given");
    if table.base.is_none() {
        missing("base");
    }
    if table.profile.is_none() {
        missing("profile");
    }
    let base = table.base.as_ref().and_then(|written| written.parsed(notes, |text| address(text)));
    let profile = table.profile.as_ref().and_then(|written| queries::profile(site, written));
    let event = match &table.event {
        None => Some(None),
        Some(written) => written.parsed(notes, |text| event(text)).map(Some),
    };
    let (host, port, to) = base?;
    if let (MessagesTo::Tls, None, Some(written)) = (to, &table.ca, &table.base) {
        let text = "over mllps the key `ca` must name the authorities its certificate is checked against";
        notes.error(&written.place, text);
    }
    Some(Arc::new(Messages { host, port, to, profile: profile?, event: event? }))
}

/// What is for systems that are asked.
pub(super) fn refuse_asking(notes: &Notebook, table: &SystemTable, text: &str) {
    let flags = [
        &table.relationship_source,
        &table.consent_source,
        &table.trusted_identity,
        &table.shields_households,
        &table.transactions,
    ];
    let flags = flags.into_iter().flatten().filter(|flag| flag.value).map(|flag| &flag.place);
    let texts = table.aliases.iter().chain(&table.ids).chain(&table.time_zone);
    let sources = table.source.iter().map(|source| &source.place);
    for place in texts.map(|written| &written.place).chain(flags).chain(sources) {
        notes.error(place, text);
    }
}

fn event(text: &str) -> Result<String, String> {
    let known = out::events();
    match known.contains(&text) {
        true => Ok(text.to_owned()),
        false => {
            Err(format!("messages of this event are not written{}", did_you_mean(text, known.into_iter())))
        }
    }
}

fn address(text: &str) -> Result<(String, u16, MessagesTo), &'static str> {
    const WANTED: &str = "an address such as mllps://host.example:2575 is wanted";
    let uri: Uri = text.parse().map_err(|_| WANTED)?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or(WANTED)?;
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let is_plain = match uri.scheme_str() {
        Some("mllp") => true,
        Some("mllps") => false,
        Some(_) | None => return Err(WANTED),
    };
    let rest = uri.path_and_query().map_or("", |rest| rest.as_str());
    if !matches!(rest, "" | "/") || text.ends_with('/') || text.contains(['@', '#']) {
        return Err(WANTED);
    }
    let port = uri.port_u16().unwrap_or(PORT);
    match is_plain {
        true if !urls::is_loopback(&uri) => Err("plain mllp is for loopback only: use mllps"),
        true => Ok((bare, port, MessagesTo::LoopbackPlain)),
        false => Ok((bare, port, MessagesTo::Tls)),
    }
}

/// Nobody is asked where messages are only taken.
pub(super) fn refuse_queries(notes: &Notebook, tables: &[MllpTable], systems: &[System]) {
    let takes = |name: &str| {
        let mut named = systems.iter().filter(|system| system.name.as_str() == name);
        named.any(|system| matches!(system.speaks, Speaks::Hl7v2(_) | Speaks::Receives(_)))
    };
    let asked = tables.iter().filter_map(|table| table.queries.as_ref()?.system.as_ref());
    for written in asked.filter(|written| takes(&written.value)) {
        let text = format!(
            "`{}` takes what is pushed and answers nothing: name a system that holds records",
            written.value
        );
        notes.error(&written.place, text);
    }
}
