//! Bundles: what their entries are called, and references from one to another.

use std::collections::HashMap;

use super::Run;
use super::finding::Rule;
use super::references::told;
use crate::tree::Node;

/// The entries of the Bundles that were asked for, by their urls.
#[derive(Default)]
pub(crate) struct Entries<'a> {
    /// By the number of the Bundle.
    indexes: HashMap<usize, HashMap<String, Vec<Node<'a>>>>,
    /// Targets that are being looked at.
    pub(crate) pointing: Vec<usize>,
}

impl<'a> Entries<'a> {
    /// What `text`, a reference at `from`, points at in the Bundles around it.
    pub(crate) fn resolve(&mut self, from: Node<'a>, text: &str) -> Option<Node<'a>> {
        let (plain, version) = match text.split_once("/_history/") {
            Some((plain, version)) => (plain, Some(version)),
            None => (text, None),
        };
        let mut at = Some(from);
        while let Some(here) = at {
            if here.name() == "entry"
                && let Some(bundle) = here.parent().filter(|one| one.resource_type() == Some("Bundle"))
            {
                let index = self.indexes.entry(bundle.number()).or_insert_with(|| index(bundle));
                let absolute = plain.contains(':');
                let url = if absolute {
                    Some(plain.to_owned())
                } else {
                    base_of(here).map(|base| format!("{base}{plain}"))
                };
                if let Some(found) = url.and_then(|url| index.get(&url)) {
                    return chosen(found, version);
                }
            }
            at = here.parent();
        }
        None
    }
}

/// The one that is meant; of several versions none is, unless one is named.
fn chosen<'a>(found: &[Node<'a>], version: Option<&str>) -> Option<Node<'a>> {
    let version_of = |node: &Node<'a>| node.child("meta").and_then(|meta| meta.child_text("versionId"));
    match (version, found) {
        (None, [only]) => Some(*only),
        (None, _) => None,
        (Some(version), _) => {
            found.iter().find(|one| version_of(one).is_none_or(|is| is == version)).copied()
        }
    }
}

fn index(bundle: Node<'_>) -> HashMap<String, Vec<Node<'_>>> {
    let mut found: HashMap<String, Vec<Node<'_>>> = HashMap::new();
    for entry in bundle.named("entry") {
        if let Some((url, resource)) = entry.child_text("fullUrl").zip(entry.child("resource")) {
            let plain = url.split("/_history/").next().unwrap_or(url);
            found.entry(plain.to_owned()).or_default().push(resource);
        }
    }
    found
}

/// The base of the server that an entry's url tells.
fn base_of(entry: Node<'_>) -> Option<&str> {
    let url = entry.child_text("fullUrl")?;
    let name = told(url).type_name?;
    let at = url.rfind(&format!("/{name}/"))?;
    url.get(..at.saturating_add(1))
}

impl<'a> Run<'a> {
    /// Holds a Bundle to the rules of its entries that no invariant tells.
    pub(crate) fn bundle(&mut self, node: Node<'a>) {
        let kind = node.child_text("type").unwrap_or_default();
        for entry in node.named("entry") {
            self.entry(entry, kind);
        }
        self.links(node);
        if matches!(kind, "document" | "message") {
            self.first(node, kind);
        }
    }

    /// Of the links that page, there is one each (RFC 5988 as bundle.html#2.36.1 reads it).
    fn links(&mut self, node: Node<'a>) {
        let mut seen: Vec<&str> = Vec::new();
        for link in node.named("link") {
            let Some(relation) = link.child_text("relation") else {
                continue;
            };
            let pages = matches!(relation, "self" | "first" | "last" | "next" | "previous" | "prev");
            if pages && seen.contains(&relation) {
                self.error(Rule::Bundle, link, "a second link of this relation");
            }
            seen.push(relation);
        }
    }

    fn entry(&mut self, entry: Node<'a>, kind: &str) {
        let optional =
            matches!(kind, "transaction" | "transaction-response" | "batch" | "batch-response" | "history");
        let resource = entry.child("resource");
        let Some(url) = entry.child_text("fullUrl") else {
            if !optional && resource.is_some() {
                self.error(Rule::Bundle, entry, "an entry needs a fullUrl here");
            }
            return;
        };
        if !url.contains(':') {
            return self.error(Rule::Bundle, entry, "a fullUrl is absolute");
        }
        let Some(resource) = resource else {
            return;
        };
        let id = resource.child_text("id");
        let name = resource.resource_type().unwrap_or_default();
        if let Some(told) = told(url).type_name
            && self.definitions.type_at(told).is_some()
        {
            match id {
                Some(id) if !url.ends_with(&format!("/{name}/{id}")) => {
                    self.error(Rule::Bundle, entry, "the fullUrl is not that of the resource's type and id");
                }
                _ => {}
            }
        }
        let answer = resource.resource_type() == Some("OperationOutcome");
        if id.is_none() && url.starts_with("http") && !optional && !answer {
            self.error(Rule::Bundle, entry, "a resource with such a fullUrl has an id");
        }
    }

    /// What leads a document or message is there, and leads to what it names.
    fn first(&mut self, node: Node<'a>, kind: &str) {
        let wanted = if kind == "document" { "Composition" } else { "MessageHeader" };
        let first = node.named("entry").next().and_then(|entry| entry.child("resource"));
        let Some(first) = first.filter(|first| first.resource_type() == Some(wanted)) else {
            return self.error(Rule::Bundle, node, format!("a {kind} starts with a {wanted}"));
        };
        let direct = ["subject", "encounter", "author", "custodian", "focus", "sender", "responsible"];
        for child in first.children() {
            let of_section = child.name() == "section";
            if direct.contains(&child.name()) {
                self.found_in_bundle(child);
            } else if of_section {
                for inner in child.descendants().filter(|inner| inner.name() == "entry") {
                    self.found_in_bundle(inner);
                }
            }
        }
    }

    fn found_in_bundle(&mut self, reference: Node<'a>) {
        if reference.child_text("reference").is_some() && self.resolved(reference).is_none() {
            self.error(Rule::Bundle, reference, "what the first entry points at is not in the bundle");
        }
    }
}
