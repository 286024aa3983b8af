//! The transaction that goes upstream: made of what was released for each entry, and of nothing else.

use std::collections::BTreeSet;

use fhir::json::Writer;
use fhir::reference::Id;

use super::release::{Head, Minimised, Released};
use crate::outcome::{Ended, Ending};
use crate::trail::audit_event::Site;
use crate::trail::provenance::provenance;
use crate::trail::record::{AboutPerson, Event, Exchange};
use crate::trail::records::Records;
use crate::upstream::Write;

mod names;
mod spots;

pub use names::{IsNew, beside, names_nothing, prepared, refers_to, urn, weight};

/// The most bytes of a Provenance in a header: receivers bound what they read of one.
const PROVENANCE_BYTES_MAX: usize = 4_096;

/// One entry as it goes upstream.
pub struct Part<'a> {
    /// How it is carried out.
    pub write: &'a Write,
    /// What the other entries call it.
    pub full_url: &'a str,
    /// What was released for it.
    pub released: &'a Released,
    /// Its record up to here.
    pub exchange: &'a Exchange,
    /// Whom it is about.
    pub persons: &'a [AboutPerson],
}

/// The Bundle of these parts, with the record of the intent to send it. `exchange` is that of the transaction.
#[must_use]
pub fn bundle(parts: &[Part<'_>], exchange: Exchange, site: Site<'_>) -> Minimised {
    let size: usize = parts.iter().map(|part| part.released.body().len() + 256).sum();
    let mut out = Vec::with_capacity(size + 64);
    let mut json = Writer::new(&mut out);
    json.object().key("resourceType").string("Bundle").key("type").string("transaction");
    json.key("entry").array();
    for part in parts {
        entry(&mut json, part);
    }
    json.finish();
    let provenance = origin(parts, &exchange, site);
    let records = Records::from(exchange.ended(Event::Intent, 0, None));
    Minimised { body: out, head: Head::default(), records, provenance }
}

fn entry(json: &mut Writer<'_>, part: &Part<'_>) {
    json.object();
    let version = |version: &Id| format!("W/\"{}\"", version.as_str());
    let (method, url, if_match) = match part.write {
        Write::Create { resource_type, .. } => ("POST", (*resource_type).to_owned(), None),
        Write::Update { resource_type, id, if_match } => {
            ("PUT", format!("{resource_type}/{}", id.as_str()), if_match.as_ref().map(version))
        }
        Write::Delete { resource_type, id, if_match } => {
            ("DELETE", format!("{resource_type}/{}", id.as_str()), Some(version(if_match)))
        }
        // A transaction holds no other.
        Write::Transaction | Write::Message => ("", String::new(), None),
    };
    if let Write::Create { .. } = part.write {
        json.key("fullUrl").string(part.full_url);
    }
    if !part.released.body().is_empty() {
        json.key("resource").raw(part.released.body());
    }
    json.key("request").object().key("method").string(method).key("url").string(&url);
    if let Some(if_match) = if_match {
        json.key("ifMatch").string(&if_match);
    }
    json.close().close();
}

/// The Provenance of what is sent, for the header that stands for the whole; nothing when it is more than a header holds.
fn origin(parts: &[Part<'_>], exchange: &Exchange, site: Site<'_>) -> Option<bytes::Bytes> {
    let is_sent = |part: &&Part<'_>| !part.released.body().is_empty();
    let first = parts.iter().find(is_sent)?;
    let like = Exchange { interaction: exchange.interaction.clone(), ..first.exchange.clone() };
    let persons = parts.iter().filter(is_sent).flat_map(|part| part.persons);
    let agreements: BTreeSet<&str> = parts
        .iter()
        .filter(is_sent)
        .filter_map(|part| part.exchange.agreement.as_ref())
        .map(|agreement| agreement.id.as_str())
        .collect();
    let policies: Vec<String> =
        agreements.into_iter().map(|id| format!("{}/register#{id}", site.base)).collect();
    let made = provenance(&exchange.request_id, &like, persons, site)?.with("policy", policies).to_json();
    (made.len() <= PROVENANCE_BYTES_MAX).then(|| made.into())
}

/// The end of an entry that might have been carried out, and was not because of `ending`: in the trail of those it
/// concerned.
#[must_use]
pub fn undone(minimised: Minimised, begun: &Exchange, ending: Ending) -> Ended {
    let mut persons = minimised.records.persons;
    for person in &mut persons {
        person.resources.clear();
        person.withheld.clear();
        person.refusal.get_or_insert_with(|| ending.reason().to_owned());
    }
    Ended { ending, records: Box::new(Records { exchange: begun.clone(), persons }) }
}

/// How much would be sent.
#[must_use]
pub const fn len(minimised: &Minimised) -> usize {
    minimised.body.len()
}

/// `Type/id` of what an answer says the place of.
#[must_use]
pub fn place_of(minimised: &Minimised) -> Option<String> {
    let mut segments = minimised.head.location.as_deref()?.rsplit('/');
    let (id, resource_type) = (segments.next()?, segments.next()?);
    Some(format!("{resource_type}/{id}"))
}
