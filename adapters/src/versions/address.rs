//! The addresses of entries that came without one, and the references to them.
//!
//! Within a Bundle a reference is the `fullUrl` of an entry, or relative to that of the entry it stands in. Bundles of records are sent
//! without addresses too, with references by type and id (`Patient/1`); there these mean the entry of that type and id,
//! and become its address. What is relative and leads to no entry, or to more than one, stays as it is. So does all of
//! a Bundle whose entries are requests, answers to them, or versions of one resource.

use std::collections::{HashMap, HashSet};

use super::bundle::text;
use crate::identity;
use crate::tree::{Node, Object};

/// How the address ends of the extensions that keep what a reference was before its type was called otherwise.
const KEPT_REFERENCE: &str = "/StructureDefinition/extension-Reference.reference";

/// Where an entry stands, as far as its references are concerned.
enum Base {
    /// Nowhere: it had no address, or one that says nothing about others.
    Nowhere,
    /// On a server, whose address this is.
    Server(String),
}

/// What the entries of a Bundle are called.
#[derive(Default)]
struct Called {
    /// Addresses by type and id; none where there are several of these.
    by_id: HashMap<String, Option<String>>,
    /// All addresses that were sent.
    sent: HashSet<String>,
}

/// Gives entries of `bundle` addresses, which the `source` and their types and ids determine, and follows the references.
pub(super) fn give(bundle: &mut Object, source: &str) {
    if !matches!(text(bundle, "type"), Some("collection" | "document" | "message" | "searchset")) {
        return;
    }
    let Some(Node::List(entries)) = bundle.find_mut("entry") else { return };
    let bases: Vec<Base> = entries.iter().map(base).collect();
    let called = called(entries, source);
    for (entry, base) in entries.iter_mut().zip(&bases) {
        let key = key(entry);
        let Node::Object(entry) = entry else { continue };
        if entry.find("fullUrl").is_none()
            && let Some(Some(url)) = key.and_then(|key| called.by_id.get(&key))
        {
            entry.put("fullUrl", Node::text(url.as_str()));
        }
        if let Some(Node::Object(resource)) = entry.find_mut("resource")
            && text(resource, "resourceType") != Some("Bundle")
        {
            follow_members(resource, base, &called);
        }
    }
}

fn called(entries: &[Node], source: &str) -> Called {
    let mut called = Called::default();
    for entry in entries {
        let url = full_url(entry).map(str::to_owned);
        called.sent.extend(url.clone());
        if let Some(key) = key(entry) {
            let made = || format!("urn:uuid:{}", identity::id(source, "record", &key));
            let url = url.unwrap_or_else(made);
            called.by_id.entry(key).and_modify(|one| *one = None).or_insert(Some(url));
        }
    }
    called
}

/// `Type/id` of the resource of an entry.
fn key(entry: &Node) -> Option<String> {
    let Node::Object(entry) = entry else { return None };
    let Some(Node::Object(resource)) = entry.find("resource") else { return None };
    Some(format!("{}/{}", text(resource, "resourceType")?, text(resource, "id")?))
}

/// The address that an entry was sent with.
fn full_url(entry: &Node) -> Option<&str> {
    let Node::Object(entry) = entry else { return None };
    text(entry, "fullUrl")
}

fn base(entry: &Node) -> Base {
    let url = full_url(entry);
    let own =
        key(entry).and_then(|key| url?.strip_suffix(key.as_str())?.strip_suffix('/').map(str::to_owned));
    match own.filter(|base| base.starts_with("http://") || base.starts_with("https://")) {
        Some(base) => Base::Server(base),
        None => Base::Nowhere,
    }
}

/// Turns the references under `node` into addresses, as far as they lead to an entry.
fn follow(node: &mut Node, base: &Base, called: &Called) {
    match node {
        Node::List(items) => items.iter_mut().for_each(|item| follow(item, base, called)),
        // What is in a Bundle within the Bundle is its own matter.
        Node::Object(object) if text(object, "resourceType") == Some("Bundle") => {}
        Node::Object(object) => follow_members(object, base, called),
        Node::Text(_) | Node::Bare(_) => {}
    }
}

fn follow_members(object: &mut Object, base: &Base, called: &Called) {
    let mut leads = false;
    for (name, value) in object.members_mut() {
        match value {
            Node::Text(held) if name == "reference" || (name == "url" && held.starts_with("Binary/")) => {
                if let Some(address) = called.address(held, base) {
                    *held = address;
                    leads = true;
                }
            }
            Node::Text(_) | Node::Bare(_) => {}
            Node::Object(_) | Node::List(_) => follow(value, base, called),
        }
    }
    if leads {
        forget_types(object);
    }
}

/// What was kept of the type that a reference named before: its address says which entry it is, whatever type that is called.
fn forget_types(reference: &mut Object) {
    let Some(Node::List(extensions)) = reference.find_mut("extension") else { return };
    extensions.retain(|extension| {
        let Node::Object(extension) = extension else { return true };
        !text(extension, "url").is_some_and(|url| url.ends_with(KEPT_REFERENCE))
    });
    if extensions.is_empty() {
        reference.remove("extension");
    }
}

impl Called {
    /// The address of the entry that `reference` means in an entry that stands at `base`.
    fn address(&self, reference: &str, base: &Base) -> Option<String> {
        let one = self.by_id.get(reference).cloned().flatten();
        match base {
            Base::Nowhere => one,
            Base::Server(base) => {
                let there = format!("{base}/{reference}");
                if self.sent.contains(&there) {
                    return Some(there);
                }
                // Nothing else can be meant than what has no address of its own.
                one.filter(|url| !self.sent.contains(url))
            }
        }
    }
}
