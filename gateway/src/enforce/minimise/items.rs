//! Lists whose items are named one by one, by their key: questions by linkId, sections by code.
//!
//! A named item comes whole, but for the items inside it: these are told apart by the same keys, because each is a
//! question of its own. Of an item that is not named nothing comes but the named ones inside it, at any depth: what frames
//! them is masked.

use std::sync::Arc;

use fhir::json::Node;
use fhir::path::{KeyedBy, keyed_by};
use fhir::tables::{Element, TypeId, TypeKind};

use super::access::Mode;
use super::compile::Compiler;
use super::mask::{Again, Named};
use super::plan::{Action, PlanId};

/// Which items are written, and how.
#[derive(Debug, Clone)]
pub(super) struct ItemsPlan {
    by: KeyedBy,
    keys: Arc<[Key]>,
    /// How a named item is written.
    named: PlanId,
    /// How one that is not named is written: what of it holds named ones, or what else is said of all.
    other: Option<PlanId>,
}

/// The key of an item.
#[derive(Debug)]
struct Key {
    /// Empty for a linkId.
    system: Box<str>,
    text: Box<str>,
}

impl ItemsPlan {
    /// The plan of one item, if anything of it is written.
    pub(super) fn of(&self, item: Node<'_>) -> Option<PlanId> {
        if self.keys.iter().any(|key| key.is_of(item, self.by)) { Some(self.named) } else { self.other }
    }
}

impl Key {
    fn read(text: &str, by: KeyedBy) -> Self {
        let (system, text) = match by {
            KeyedBy::LinkId | KeyedBy::Type => ("", text),
            KeyedBy::Code => text.rsplit_once('|').unwrap_or(("", text)),
        };
        Self { system: system.into(), text: text.into() }
    }

    fn is_of(&self, item: Node<'_>, by: KeyedBy) -> bool {
        let is = |node: Node<'_>, name: &str, text: &str| {
            node.member(name).is_some_and(|member| member.is_string(text))
        };
        match by {
            KeyedBy::LinkId => is(item, "linkId", &self.text),
            KeyedBy::Type => is(item, "resourceType", &self.text),
            KeyedBy::Code => item
                .walk(&["code", "coding"])
                .any(|coding| is(coding, "system", &self.system) && is(coding, "code", &self.text)),
        }
    }
}

impl Compiler {
    /// What to do with a list of `found` of which some items are named by their keys.
    pub(super) fn items(&mut self, found: TypeId, said: &Named) -> Action {
        let around = self.again.clone();
        if let (Some(around), true) = (&around, said.again == Again::Yes && said.keys.is_empty()) {
            return Action::Items(Box::new(around.clone()));
        }
        let Some(by) = keyed_by(found) else { return Action::Drop };
        let keys: Vec<Key> = said.keys.iter().map(|key| Key::read(key, by)).collect();
        let keys: Arc<[Key]> = keys.into();
        let said = Named { whole: false, again: Again::No, keys: Vec::new(), ..said.clone() };
        let bare = holding(found);
        let has_inner = bare.says_more();
        // Items of the same kind inside are written by plans that lead back to themselves.
        let named = if has_inner { self.reserve() } else { self.plan(found, &bare, Mode::Whole) };
        let inner = ItemsPlan { by, keys, named, other: has_inner.then(|| self.reserve()) };
        self.again = Some(inner.clone());
        if let Some(other) = inner.other {
            self.fill(named, found, &bare, Mode::Whole);
            self.fill(other, found, &bare, Mode::Part);
        }
        let mut both = said;
        both.merge(&bare);
        let named = self.plan(found, &both, Mode::Whole);
        let other = both.says_more().then(|| self.plan(found, &both, Mode::Part));
        self.again = around;
        Action::Items(Box::new(ItemsPlan { named, other, ..inner }))
    }
}

/// Says of `found` only that items of its own type inside it are told apart by the same keys: `item` of an item, and
/// `answer.item`.
fn holding(found: TypeId) -> Named {
    let is_again = |element: &Element| element.types().iter().any(|of| of.id() == found);
    let mut bare = Named::default();
    for element in found.elements() {
        if is_again(&element) {
            bare.child(element.name()).again = Again::Yes;
            continue;
        }
        let Some(part) = element.types().first().map(fhir::tables::ElementType::id) else { continue };
        if part.kind() == TypeKind::Backbone {
            for inside in part.elements().filter(|element| is_again(element)) {
                bare.child(element.name()).child(inside.name()).again = Again::Yes;
            }
        }
    }
    bare
}
