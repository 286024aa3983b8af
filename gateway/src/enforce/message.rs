//! Messages: what they are made of, and the answer to one.

use std::collections::BTreeSet;

use fhir::element::{Element, Resource};
use fhir::json::{Document, Kind, Node};
use fhir::tables::{self, TypeId};

use super::release::{Head, Minimised};
use super::unfiltered::Unfiltered;
use crate::interaction::message::NotAMessage;
use crate::person::SystemName;
use crate::trail::audit_event::Site;
use crate::trail::record::{Event, Exchange};
use crate::trail::records::Records;

/// The most resources of one message.
const ENTRIES_MAX: usize = 1_000;

/// What the receiving system made of a message (`http://hl7.org/fhir/response-code`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processed {
    /// It took it.
    Ok,
    /// It will not take it, now or later.
    FatalError,
}

/// The types of the resources in a message, also of those inside others: a Bundle or Parameters of it.
///
/// # Errors
/// [`NotAMessage`] when it is none.
pub fn types(body: &Unfiltered<Document>) -> Result<BTreeSet<TypeId>, NotAMessage> {
    let root = body.inner().root();
    let entries = root.member("entry").filter(|entries| entries.kind() == Kind::Array);
    let entries = entries.filter(|entries| (1..=ENTRIES_MAX).contains(&entries.len()));
    let is_message = root.member("type").is_some_and(|kind| kind.is_string("message"));
    let header = header(root).ok_or(NotAMessage::Shape)?;
    let has_event = ["eventCoding", "eventUri"].into_iter().any(|name| header.member(name).is_some());
    let has_id = header.str_at(&["id"]).is_some();
    let (Some(entries), true, true, true) = (entries, is_message, has_event, has_id) else {
        return Err(NotAMessage::Shape);
    };
    let mut types = BTreeSet::new();
    for entry in entries.items() {
        types_of(entry.member("resource").ok_or(NotAMessage::Shape)?, &mut types)?;
    }
    Ok(types)
}

/// The type of a resource, and of those in it. How deep they stand is bounded by what is read at all.
fn types_of(resource: Node<'_>, types: &mut BTreeSet<TypeId>) -> Result<(), NotAMessage> {
    let name = resource.str_at(&["resourceType"]).ok_or(NotAMessage::Shape)?;
    types.insert(tables::resource_type(&name).ok_or(NotAMessage::Shape)?);
    inside(resource, types)
}

fn inside(node: Node<'_>, types: &mut BTreeSet<TypeId>) -> Result<(), NotAMessage> {
    for list in ["entry", "parameter", "part"] {
        for item in node.member(list).into_iter().flat_map(Node::items) {
            if let Some(resource) = item.member("resource") {
                types_of(resource, types)?;
            }
            inside(item, types)?;
        }
    }
    Ok(())
}

/// The answer to a message: who sent it reads its own names back and what became of it. Nothing that the receiving system
/// said is in it.
#[must_use]
pub fn answer(
    body: &Unfiltered<Document>,
    processed: Processed,
    system: &SystemName,
    outcome: Exchange,
    site: Site<'_>,
) -> Minimised {
    let face = format!("{}/{system}/fhir", site.base);
    let (status, code) = match processed {
        Processed::Ok => (200, "ok"),
        Processed::FatalError => (422, "fatal-error"),
    };
    let asked = header(body.inner().root());
    let said = |path: &[&str]| asked.and_then(|header| header.str_at(path)).map(std::borrow::Cow::into_owned);
    let response = Element::new().with("identifier", said(&["id"])).with("code", code);
    let coding = said(&["eventCoding", "code"])
        .map(|code| Element::new().with("system", said(&["eventCoding", "system"])).with("code", code));
    let header = Resource::new("MessageHeader")
        .with("id", outcome.request_id.as_str())
        .with("eventCoding", coding)
        .with("eventUri", said(&["eventUri"]))
        .with("source", Element::new().with("endpoint", face.as_str()))
        .with("response", response);
    let mut out = Vec::new();
    let mut json = fhir::json::Writer::new(&mut out);
    json.object().key("resourceType").string("Bundle").key("id").string(&outcome.request_id);
    json.key("type").string("message").key("entry").array().object();
    json.key("fullUrl").string(&format!("urn:uuid:{}", outcome.request_id));
    json.key("resource").raw(&header.to_json());
    json.finish();
    let provenance = (processed == Processed::Ok).then(|| outcome.request_id.clone());
    let reason = (processed == Processed::FatalError).then_some("not-taken-invalid");
    Minimised {
        body: out,
        head: Head { status, provenance, ..Head::default() },
        records: Records::from(outcome.ended(Event::Outcome, status, reason)),
        provenance: None,
    }
}

/// The MessageHeader, when the Bundle begins with one.
fn header(root: Node<'_>) -> Option<Node<'_>> {
    let first = root.member("entry")?.items().next()?.member("resource")?;
    first.member("resourceType").is_some_and(|name| name.is_string("MessageHeader")).then_some(first)
}
