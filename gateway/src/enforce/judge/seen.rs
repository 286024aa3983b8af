//! What a change is held against: what of a resource decides about whom it concerns and who sees it.

use std::collections::BTreeSet;

use fhir::identifier::names_nhs_numbers;
use fhir::json::Node;
use fhir::security_label::SecurityLabel;
use fhir::tables::TypeId;

use super::super::facts::shield_of;
use super::super::masks::Whereabouts;
use super::super::merge::Told;
use super::super::persons::persons_of;
use super::super::resource_facts::{Weighed, resource_facts};
use super::Judge;
use crate::decision::facts::Shield;
use crate::decision::obligation::{self, ResourceFacts};

/// The labels of a resource: those it states, each by itself, and those that each entry of a list gives it together.
pub(in crate::enforce) type Labels = BTreeSet<BTreeSet<SecurityLabel>>;

impl Judge<'_> {
    /// The labels that `node` states and earns. Codes of one label can stand for one another, in whichever entry of a
    /// list they are.
    pub(in crate::enforce) fn labels(&self, node: Node<'_>) -> Labels {
        labels_of(&self.facts(node, Weighed::Labels))
    }

    /// What a part of a resource that nobody sees may decide: it states or earns a label, refers to something or names
    /// somebody.
    pub(in crate::enforce) fn tells(&self, part: Node<'_>) -> Told {
        let facts = resource_facts(part, self.bases, self.codes);
        if !facts.labels.is_empty() || !facts.earned.is_empty() {
            Told::Label
        } else if names_somebody(part) {
            Told::Whom
        } else {
            Told::Nothing
        }
    }

    /// Whether rules and choices decide alike about two states of one resource: its labels, to what it refers, whose
    /// word it is, when it happened, whom it concerns.
    pub(in crate::enforce) fn decides_alike(&self, before: Node<'_>, after: Node<'_>) -> bool {
        let (one, other) = (self.facts(before, Weighed::All), self.facts(after, Weighed::All));
        let persons = |node| persons_of(node, self.came, self.bases);
        labels_of(&one) == labels_of(&other)
            && one.refers_to == other.refers_to
            && one.authors == other.authors
            && one.when == other.when
            && persons(before) == persons(after)
    }

    /// Whether this is the record of somebody whose whereabouts are protected, as far as `view`, its view, says whose it
    /// is: who is hidden in it does not count.
    pub(in crate::enforce) fn is_shielded(&self, node: Node<'_>, view: Node<'_>) -> bool {
        if shield_of(node) == Shield::Shielded {
            return true;
        }
        let persons = |node| self.behind.whole(&persons_of(node, self.came, self.bases)).into_owned();
        let shown = self.keys(&persons(view));
        let about = self.about(&persons(node));
        about.iter().any(|person| self.ruling.is_protected(person) && shown.contains(person))
    }

    /// Whether the element `name` may be left out of views of `node`, because it may tell where somebody is who is in it
    /// and protected.
    pub(in crate::enforce) fn may_leave_out(&self, node: Node<'_>, owner: TypeId, name: &str) -> bool {
        let share = self.ruling.admitted().share();
        let always = (0_usize..).zip(share.tables(owner)).filter(|(_, table)| table.is_unconditional());
        let always = always.fold(0, |bits, (at, _)| bits | 1 << at);
        if share.masks.show_whole(owner, name, always, Whereabouts::Shielded) {
            return false;
        }
        let found = self.behind.whole(&persons_of(node, self.came, self.bases)).into_owned();
        self.keys(&found).iter().any(|person| self.ruling.is_protected(person))
    }
}

fn labels_of(facts: &ResourceFacts) -> Labels {
    let stated = facts.stated().map(|label| [label.clone()].into());
    let earned = facts.earned.iter().map(|entry| entry.labels.iter().cloned().collect());
    // What is labelled in more ways than are counted is not like anything that is not.
    let too_many = (facts.known == obligation::Labels::TooMany).then(BTreeSet::new);
    stated.chain(earned).chain(too_many).collect()
}

/// Whether something in it is the address of a Reference, or an identifier that may be somebody's.
fn names_somebody(part: Node<'_>) -> bool {
    let mut open = vec![part];
    while let Some(node) = open.pop() {
        open.extend(node.items());
        for (key, value) in node.members() {
            if key.is("reference")
                || key.is("identifier")
                || key.is("system") && value.string().is_some_and(|system| names_nhs_numbers(&system))
            {
                return true;
            }
            open.push(value);
        }
    }
    false
}
