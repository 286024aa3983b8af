//! References.

use super::super::criterion::ReferenceTest;
use super::super::references::References;
use super::Match;
use super::text;
use crate::json::{Kind, Node};
use crate::reference::{Bases, Local, LocalText, Reference};
use crate::tables::TypeId;

/// Whether one value refers to any of what is asked for, as far as it `is_picked`. An identifier alone refers to nothing
/// that a search finds.
///
/// The value is read once, however many are asked for, and only those that it refers to are picked from.
pub(super) fn matches_any(
    node: Node<'_>,
    any: &References,
    is_picked: &dyn Fn(&ReferenceTest) -> bool,
    bases: &Bases,
) -> Match {
    if node.kind() == Kind::String {
        return Match::any(any.iter().filter(|test| is_picked(test)).map(|test| canonical(node, test)));
    }
    let Some(held) = node.member("reference").and_then(Node::string) else { return Match::No };
    if let Some(held) = LocalText::parse(&held) {
        let is_it = |test: &ReferenceTest, wanted: &Local| is_named(wanted, held) && is_picked(test);
        return Match::certainly(any.any_with_id(held.id(), is_it));
    }
    Match::certainly(match Reference::parse(&held, bases) {
        Ok(Reference::Local(held)) => {
            let is_it = |test: &ReferenceTest, wanted: &Local| is(&held, wanted) && is_picked(test);
            any.any_with_id(held.id.as_str(), is_it)
        }
        Ok(held) => any.iter().any(|test| held == *test.reference() && is_picked(test)),
        Err(_) => false,
    })
}

/// A version that is not asked for does not matter.
fn is(held: &Local, wanted: &Local) -> bool {
    held.is_same_resource(wanted) && (wanted.version.is_none() || wanted.version == held.version)
}

/// The same of one that is read where it stands.
fn is_named(wanted: &Local, held: LocalText<'_>) -> bool {
    wanted.id.as_str() == held.id()
        && wanted.resource_type.as_str() == held.resource_type()
        && wanted.version.as_ref().is_none_or(|version| held.version() == Some(version.as_str()))
}

fn canonical(node: Node<'_>, test: &ReferenceTest) -> Match {
    match test.reference() {
        Reference::Elsewhere(url) | Reference::Urn(url) => text::uri(node, url),
        Reference::Local(_) | Reference::Contained(_) | Reference::Container => Match::CannotTell,
    }
}

/// Whether a reference is to a resource of the type.
pub(super) fn is_of(node: Node<'_>, wanted: TypeId) -> Match {
    if let Some(stated) = node.member("type").and_then(Node::string) {
        return Match::certainly(stated == wanted.name());
    }
    let Some(held) = node.member("reference").and_then(Node::string) else { return Match::CannotTell };
    match Reference::parse(&held, &Bases::none()) {
        Ok(Reference::Local(local)) => Match::certainly(local.resource_type.as_str() == wanted.name()),
        Ok(Reference::Elsewhere(url)) => {
            if url.contains(&format!("/{}/", wanted.name())) {
                Match::Yes
            } else {
                Match::CannotTell
            }
        }
        Ok(Reference::Urn(_) | Reference::Contained(_) | Reference::Container) | Err(_) => Match::CannotTell,
    }
}
