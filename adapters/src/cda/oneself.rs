//! Where the person of a document takes part in it: as one who wrote it, or gets a copy of what is about her.
//!
//! She is known by an identifier that her own record has. Were another resource made of her, she would be a member of
//! staff there, with her address.

use super::codes::is_uuid;
use super::engine::Draft;
use super::identifier::{TRACED, UNTRACED};
use super::path::{Negated, Path};
use super::source::{Element, Space, What, squeezed};
use crate::tree::Node;

/// What says of somebody what her own record says.
const ALIKE: [&str; 3] = ["name", "addr", "telecom"];

impl<'t> Draft<'_, 't> {
    /// A reference to the person of the document, if `path` leads from `element` to what has an identifier of hers. Of what
    /// else stands there, what her own record says in the same words counts as carried.
    pub(super) fn oneself(&self, path: &Path, element: Element<'t>) -> Option<Node> {
        let own = self.root.child("recordTarget")?.child("patientRole")?;
        let found = path.find(element, self.kind, Negated::PassedOver);
        let role = found
            .into_iter()
            .find(|role| ids(*role).any(|(_, id)| ids(own).any(|(_, known)| id.is_some() && id == known)))?;
        for (held, id) in ids(role) {
            if id.is_some() && ids(own).any(|(_, known)| id == known) {
                held.mark(&["root", "extension", "assigningAuthorityName", "displayable"]);
            }
        }
        let known: Vec<Element<'t>> = said(own).collect();
        for held in said(role) {
            if known.iter().any(|known| is_same(*known, held)) {
                mark(held);
            }
        }
        Some(self.patient.clone())
    }
}

/// The identifiers of a role, each as what it is compared by, if it names anybody: an NHS number is one whether or not it was
/// traced, and who counts without the number names nobody.
fn ids<'t>(role: Element<'t>) -> impl Iterator<Item = (Element<'t>, Option<(String, String)>)> {
    role.children().filter(|child| child.is(Space::V3, "id")).map(|id| {
        let root = id.peek("root").map(|root| if root == UNTRACED { TRACED } else { root });
        let extension = id.peek("extension").unwrap_or_default();
        let extension: String = match root {
            Some(TRACED) => extension.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect(),
            Some(_) | None => extension.to_owned(),
        };
        let names = |root: &&str| id.peek("nullFlavor").is_none() && (!extension.is_empty() || is_uuid(root));
        let root = root.filter(names).map(str::to_ascii_uppercase);
        (id, root.map(|root| (root, extension)))
    })
}

/// Names, addresses and numbers of a role and of who plays it.
fn said<'t>(role: Element<'t>) -> impl Iterator<Item = Element<'t>> {
    let players =
        role.children().filter(|child| child.space() == Space::V3 && !ALIKE.contains(&child.name()));
    let of = |element: Element<'t>| {
        element.children().filter(|child| child.space() == Space::V3 && ALIKE.contains(&child.name()))
    };
    let players = players
        .filter(|player| matches!(player.name(), "patient" | "informationRecipient" | "assignedPerson"));
    of(role).chain(players.flat_map(of))
}

/// Whether two elements hold the same.
fn is_same(one: Element<'_>, other: Element<'_>) -> bool {
    if one.name() != other.name() || one.attributes().len() != other.attributes().len() {
        return false;
    }
    let is_alike = |name: &str| one.peek(name) == other.peek(name);
    one.attributes().iter().all(|attribute| is_alike(attribute.name))
        && words(one) == words(other)
        && one.children().count() == other.children().count()
        && one.children().zip(other.children()).all(|(one, other)| is_same(one, other))
}

/// The words that stand in the element itself.
fn words(element: Element<'_>) -> String {
    let mut out = String::new();
    for (_, node) in element.content() {
        if let What::Text { text, .. } = &node.what {
            out.push_str(text);
            out.push(' ');
        }
    }
    squeezed(&out)
}

/// Counts all of `element` as carried.
fn mark(element: Element<'_>) {
    element.attributes().iter().for_each(|attribute| attribute.carried.set(true));
    for (_, node) in element.content() {
        if let What::Text { carried, .. } = &node.what {
            carried.set(true);
        }
    }
    element.children().for_each(mark);
}
