//! The Bundle that comes out, and where each of its resources comes from.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fhir::tables::Release;
use sha2::{Digest, Sha256};

use super::maps::Way;
use super::{address, restore, walk_to};
use crate::tree::{Node, Object};
use crate::{Context, Loss, Refused, Translated, identity};

/// Where an input comes from.
pub(super) struct Origin<'c> {
    context: &'c Context,
    digest: String,
}

impl<'c> Origin<'c> {
    pub(super) fn of(input: &[u8], context: &'c Context) -> Self {
        let digest = format!("ni:///sha-256;{}", URL_SAFE_NO_PAD.encode(Sha256::digest(input)));
        Self { context, digest }
    }

    /// An id that the source and the input determine.
    fn id(&self, place: &str) -> String {
        identity::id(self.context.source(), &self.digest, place)
    }
}

/// What resources are called on the other side where a type alone does not tell: by `Type/id`.
pub(super) fn called(source: &Object, way: &Way) -> HashMap<String, String> {
    let mut called = HashMap::new();
    let mut note = |resource: &Object| {
        let (Some(Node::Text(name)), Some(Node::Text(id))) =
            (resource.find("resourceType"), resource.find("id"))
        else {
            return;
        };
        let others = way.types.get(name).and_then(|names| names.get(1..)).unwrap_or_default();
        if let Some(other) = others.iter().find(|other| restore::names_type(resource, way.to, other)) {
            called.insert(format!("{name}/{id}"), other.clone());
        }
    };
    note(source);
    if let Some(Node::List(entries)) = source.find("entry") {
        for entry in entries {
            if let Node::Object(entry) = entry
                && let Some(Node::Object(resource)) = entry.find("resource")
            {
                note(resource);
            }
        }
    }
    called
}

/// What entries added to a Bundle must have.
enum Added {
    /// Nothing: the Bundle takes none.
    Nothing,
    /// A resource alone.
    Plain,
    /// A `search.mode`.
    Included,
    /// A request to create it.
    Requested,
}

/// Puts the Bundle together.
pub(super) fn put_together(
    resource: Object,
    to: Release,
    origin: &Origin<'_>,
    losses: Vec<Loss>,
) -> Result<Translated, Refused> {
    let came_as_bundle = text(&resource, "resourceType") == Some("Bundle");
    let mut bundle = if came_as_bundle { resource } else { alone(resource, origin) };
    if bundle.find("id").is_none() {
        bundle.put("id", Node::Text(origin.id("Bundle")));
    }
    let id = text(&bundle, "id").unwrap_or_default().to_owned();
    let added = match text(&bundle, "type") {
        Some("searchset") => Added::Included,
        Some("transaction" | "batch") => Added::Requested,
        Some("history" | "transaction-response" | "batch-response") => Added::Nothing,
        _ => Added::Plain,
    };
    // A resource that came alone refers to others of where it lives, and to itself there.
    if came_as_bundle {
        address::give(&mut bundle, origin.context.source());
    }
    let recorded = recorded(&bundle);
    let mut sources = Vec::new();
    if !matches!(added, Added::Nothing)
        && let Some(Node::List(entries)) = bundle.find_mut("entry")
    {
        for (index, entry) in entries.iter_mut().enumerate() {
            let Node::Object(entry) = entry else { continue };
            let place = format!("Bundle.entry[{index}].resource");
            let Some(target) = target(entry, origin, &place) else { continue };
            let provenance = provenance(&target, &place, recorded.as_deref(), origin);
            sources.push(self::entry(of_release(provenance, to)?, &added, origin, &place));
        }
    }
    for source in sources {
        bundle.push("entry", source);
    }
    let mut out = Vec::with_capacity(1 << 16);
    Node::from(bundle).write(&mut out);
    Ok(Translated { id, bundle: out, losses })
}

/// A Bundle around one resource.
fn alone(resource: Object, origin: &Origin<'_>) -> Object {
    let entry = Object::new()
        .with("fullUrl", Node::Text(format!("urn:uuid:{}", origin.id("Resource"))))
        .with("resource", resource.into());
    Object::new()
        .with("resourceType", Node::text("Bundle"))
        .with("type", Node::text("collection"))
        .with("entry", Node::List(vec![entry.into()]))
}

/// How the resource of an entry is referred to; one without id and address gets an address.
fn target(entry: &mut Object, origin: &Origin<'_>, place: &str) -> Option<String> {
    let Some(Node::Object(resource)) = entry.find("resource") else { return None };
    let kind = text(resource, "resourceType")?.to_owned();
    if kind == "Provenance" && resource.find("target").is_none() {
        return None;
    }
    let id = text(resource, "id").map(str::to_owned);
    if let Some(url) = text(entry, "fullUrl") {
        return Some(url.to_owned());
    }
    // A request has the address that it asks for; a second resource of one type and id cannot have that of the first.
    if let Some(id) = id
        && (entry.find("request").is_some() || entry.find("response").is_some())
    {
        return Some(format!("{kind}/{id}"));
    }
    let url = format!("urn:uuid:{}", origin.id(place));
    entry.put("fullUrl", Node::text(url.as_str()));
    Some(url)
}

/// When the input says that it was made or last changed.
fn recorded(bundle: &Object) -> Option<String> {
    let changed = |resource: &Object| match resource.find("meta") {
        Some(Node::Object(meta)) => text(meta, "lastUpdated").map(str::to_owned),
        _ => None,
    };
    let of_first = || match bundle.find("entry") {
        Some(Node::List(entries)) => match entries.first() {
            Some(Node::Object(entry)) => match entry.find("resource") {
                Some(Node::Object(resource)) => changed(resource),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    text(bundle, "timestamp").map(str::to_owned).or_else(|| changed(bundle)).or_else(of_first)
}

fn provenance(target: &str, place: &str, recorded: Option<&str>, origin: &Origin<'_>) -> Object {
    let mut whole = Object::new()
        .with("resourceType", Node::text("Provenance"))
        .with("id", Node::Text(origin.id(&format!("Provenance {place}"))))
        .with("target", Node::List(vec![Object::new().with("reference", Node::text(target)).into()]));
    match recorded {
        Some(recorded) => whole.put("recorded", Node::text(recorded)),
        None => whole.put("_recorded", Node::absent("unknown")),
    }
    let mut who = Object::new();
    if let Some(organisation) = &origin.context.organisation {
        let identifier = Object::new()
            .with("system", Node::text(fhir::identifier::ODS_ORGANIZATION_CODE))
            .with("value", Node::text(organisation.as_str()));
        who.put("identifier", identifier.into());
    }
    who.put("display", Node::text(origin.context.source()));
    whole.put("agent", Node::List(vec![Object::new().with("who", who.into()).into()]));
    let bytes = Object::new()
        .with("system", Node::text(fhir::identifier::URI))
        .with("value", Node::text(origin.digest.as_str()));
    let what = Object::new().with("identifier", bytes.into()).with("display", Node::text(place));
    let entity = Object::new().with("role", Node::text("source")).with("what", what.into());
    whole.put("entity", Node::List(vec![entity.into()]));
    whole
}

/// What was made here, in the words of the release that is asked for.
fn of_release(provenance: Object, to: Release) -> Result<Object, Refused> {
    if to == Release::R4 {
        return Ok(provenance);
    }
    Ok(walk_to(to).ok_or(Refused::Maps)?.resource(provenance)?)
}

fn entry(resource: Object, added: &Added, origin: &Origin<'_>, place: &str) -> Node {
    let id = origin.id(&format!("Provenance {place}"));
    let mut entry =
        Object::new().with("fullUrl", Node::Text(format!("urn:uuid:{id}"))).with("resource", resource.into());
    match added {
        Added::Nothing | Added::Plain => {}
        Added::Included => entry.put("search", Object::new().with("mode", Node::text("include")).into()),
        Added::Requested => {
            let request =
                Object::new().with("method", Node::text("POST")).with("url", Node::text("Provenance"));
            entry.put("request", request.into());
        }
    }
    entry.into()
}

pub(super) fn text<'o>(object: &'o Object, name: &str) -> Option<&'o str> {
    match object.find(name) {
        Some(Node::Text(text)) => Some(text),
        _ => None,
    }
}
