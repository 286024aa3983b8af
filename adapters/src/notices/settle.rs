//! The entries of a message as senders write them: resources that stand inside others become entries of their own, and a
//! reference is spelt as the name of the entry that it leads to.

use std::collections::{BTreeMap, BTreeSet};

use super::dom::Element;

/// Makes an entry of each contained resource, and spells the references of `root`, a message that was read.
pub(super) fn settle(root: &mut Element) {
    let mut made = Vec::new();
    for entry in root.children.iter_mut().filter(|child| child.name == "entry") {
        made.append(&mut lifted(entry));
    }
    root.children.append(&mut made);
    let names = Names::of(root);
    each_reference(root, &mut |reference| {
        if let Some(name) = names.leads_to(reference) {
            *reference = name;
        }
    });
}

/// What an entry is called: by its address, or by the type and id of its resource.
fn name(entry: &Element) -> Option<String> {
    let resource = entry.child("resource")?;
    let id = || Some(format!("{}/{}", resource.kind(), resource.peek("id")?));
    entry.peek("fullUrl").map(str::to_owned).or_else(id)
}

/// Takes what the resource of an entry contains out of it. Their ids hold in that resource alone, so each is called by both.
fn lifted(entry: &mut Element) -> Vec<Element> {
    let (step, called) = (entry.step(), name(entry).unwrap_or_else(|| entry.step()));
    let Some(holder) = entry.children.iter_mut().find(|child| child.name == "resource") else {
        return Vec::new();
    };
    let (contained, rest) =
        std::mem::take(&mut holder.children).into_iter().partition(|child| child.name == "contained");
    holder.children = rest;
    let contained: Vec<Element> = contained;
    if contained.is_empty() {
        return contained;
    }
    // `#` alone is the resource that contains.
    let spell = |reference: &mut String| match reference.strip_prefix('#') {
        Some("") => reference.clone_from(&called),
        Some(local) => *reference = format!("{called}#{local}"),
        None => {}
    };
    each_reference(holder, &mut { spell });
    let place = format!("{step}.{}", holder.step());
    let own = |mut resource: Element| {
        each_reference(&mut resource, &mut { spell });
        let place = format!("{place}.{}", resource.step());
        let id = resource.peek("id").map_or_else(|| resource.step(), str::to_owned);
        resource.children.retain(|child| child.name != "id");
        "resource".clone_into(&mut resource.name);
        let url = Element::with_value("fullUrl", &format!("{called}#{id}"));
        let mut entry = Element::new("entry");
        entry.called = Some(place);
        entry.push(url);
        entry.push(resource);
        entry
    };
    contained.into_iter().map(own).collect()
}

/// The entries by what references may call them.
#[derive(Debug, Default)]
struct Names {
    /// As the entries are called.
    own: BTreeSet<String>,
    /// By other names, each with what the one entry is called that it leads to, or with none where there are several.
    other: BTreeMap<String, Option<String>>,
}

impl Names {
    fn of(root: &Element) -> Self {
        let mut names = Self::default();
        for entry in root.all("entry") {
            let (Some(called), Some(resource)) = (name(entry), entry.child("resource")) else { continue };
            let kind = resource.kind();
            let id = resource.peek("id");
            let tail = called.rsplit_once('/').and_then(|(rest, id)| {
                let is_kind = rest.rsplit_once('/').is_some_and(|(_, last)| last == kind);
                (called.contains("://") && is_kind).then(|| format!("{kind}/{id}"))
            });
            let by_id = id.map(|id| format!("{kind}/{id}"));
            let urn = id.map(|id| format!("urn:uuid:{}", id.to_lowercase()));
            // One name that an entry has twice is one.
            let mut others: Vec<String> =
                [tail, by_id, urn, Some(folded(&called))].into_iter().flatten().collect();
            others.sort();
            others.dedup();
            for other in others {
                let held = names.other.entry(other).or_insert_with(|| Some(called.clone()));
                if held.as_ref() != Some(&called) {
                    *held = None;
                }
            }
            names.own.insert(called);
        }
        names
    }

    /// What the entry is called that `reference` leads to, if that is not what it says.
    fn leads_to(&self, reference: &str) -> Option<String> {
        let bare = reference.split_once("/_history/").map_or(reference, |(bare, _)| bare);
        if self.own.contains(bare) {
            return (bare != reference).then(|| bare.to_owned());
        }
        self.other.get(&folded(bare)).cloned().flatten()
    }
}

/// UUIDs are the same in large and small letters; other names are not.
fn folded(name: &str) -> String {
    match name.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("urn:uuid:")) {
        true => name.to_lowercase(),
        false => name.to_owned(),
    }
}

/// Does something with the target of every reference within.
fn each_reference(element: &mut Element, with: &mut dyn FnMut(&mut String)) {
    for child in &mut element.children {
        if let Some(value) = child.value.as_mut().filter(|_| child.name == "reference") {
            with(value);
        }
        each_reference(child, with);
    }
}
