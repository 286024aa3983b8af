//! What references lead to.

use super::super::eval::{Given, Outcome};
use super::super::item::{Collection, Item};
use crate::tree::Node;

/// Resources around one another that are looked through.
const DEPTH_MAX: usize = 32;

pub(super) fn resolve<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let run = given.run;
    let mut found = Collection::empty();
    for item in given.input.iter() {
        let (reference, from) = match item {
            Item::Node(node, _) => {
                let text = node.text().or_else(|| node.child_text("reference"));
                (text.map(str::to_owned), Some(*node))
            }
            Item::String(text) => (Some(text.to_string()), run.scope.resource),
            _ => (None, None),
        };
        let (Some(reference), Some(from)) = (reference, from) else { continue };
        run.step(1 + from.tree().nodes_len() / 64)?;
        let target = inside(&reference, from)
            .or_else(|| run.scope.resolver.and_then(|resolver| resolver.resolve(&reference, from)));
        if let Some(node) = target {
            found.push(Item::Node(node, run.scope.model.type_of(node)));
        }
    }
    Ok(found)
}

/// The target among the resources around: contained ones, and the entries of Bundles.
fn inside<'t>(reference: &str, from: Node<'t>) -> Option<Node<'t>> {
    let mut resource = from.resource();
    if let Some(id) = reference.strip_prefix('#') {
        let container = match resource.parent() {
            Some(parent) if resource.name() == "contained" => parent.resource(),
            _ => resource,
        };
        if id.is_empty() {
            return Some(container);
        }
        return container.named("contained").find(|node| node.child_text("id") == Some(id));
    }
    for _ in 0..DEPTH_MAX {
        if resource.resource_type() == Some("Bundle")
            && let Some(found) = entry(reference, from, resource)
        {
            return Some(found);
        }
        resource = resource.parent()?.resource();
    }
    None
}

/// The resource of the entry of a Bundle that a reference leads to.
fn entry<'t>(reference: &str, from: Node<'t>, bundle: Node<'t>) -> Option<Node<'t>> {
    let bare = reference.split_once("/_history/").map_or(reference, |(bare, _)| bare);
    let bare = bare.split_once('|').map_or(bare, |(bare, _)| bare);
    let entries = || bundle.named("entry");
    if let Some(found) = entries().find(|entry| entry.child_text("fullUrl") == Some(bare)) {
        return found.child("resource");
    }
    let (name, id) = bare.rsplit_once('/')?;
    if name.contains([':', '/']) {
        return None;
    }
    // A relative reference stands for one at the same base as the entry that it is in.
    let own = entries().find(|entry| holds(*entry, from));
    let base = own.and_then(|entry| entry.child_text("fullUrl")).and_then(base);
    let matching = |entry: &Node<'t>| {
        let Some(resource) = entry.child("resource") else { return false };
        let same = resource.resource_type() == Some(name) && resource.child_text("id") == Some(id);
        match (base, entry.child_text("fullUrl")) {
            (Some(base), Some(url)) => url == format!("{base}/{bare}"),
            _ => same,
        }
    };
    let fallback = |entry: &Node<'t>| {
        let resource = entry.child("resource");
        resource.is_some_and(|resource| {
            resource.resource_type() == Some(name) && resource.child_text("id") == Some(id)
        })
    };
    entries().find(matching).or_else(|| entries().find(fallback))?.child("resource")
}

/// The base of a URL of a resource.
fn base(url: &str) -> Option<&str> {
    let (before, _) = url.rsplit_once('/')?;
    let (base, name) = before.rsplit_once('/')?;
    name.starts_with(|first: char| first.is_ascii_uppercase()).then_some(base)
}

/// Whether `node` is in `entry`.
fn holds<'t>(entry: Node<'t>, node: Node<'t>) -> bool {
    let mut here = Some(node);
    while let Some(found) = here {
        if found == entry {
            return true;
        }
        here = found.parent();
    }
    false
}

pub(super) fn resource_key<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let key = |item: &Item<'t>| {
        let node = item.node()?;
        Some(Item::string(format!("{}/{}", node.resource_type()?, node.child_text("id")?)))
    };
    Ok(given.input.iter().filter_map(key).collect())
}

pub(super) fn reference_key<'t>(given: Given<'_, 't>) -> Outcome<'t> {
    let wanted = given.call.arguments.first().and_then(super::super::types::type_argument);
    let key = |item: &Item<'t>| {
        let text = item.node().and_then(|node| node.child_text("reference"))?;
        let bare = text.split_once("/_history/").map_or(text, |(bare, _)| bare);
        let (before, id) = bare.rsplit_once('/')?;
        let name = before.rsplit_once('/').map_or(before, |(_, name)| name);
        let fits = wanted.as_ref().is_none_or(|wanted| wanted.name == name);
        fits.then(|| Item::string(format!("{name}/{id}")))
    };
    Ok(given.input.iter().filter_map(key).collect())
}
