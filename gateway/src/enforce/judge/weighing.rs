//! What is weighed of a resource: what it says itself, what it is by reference, and the Bundles in which it stands.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use fhir::json::{Node, Place};
use fhir::reference::{Local, Reference};
use fhir::tables::TypeId;

use super::super::behind::Told;
use super::super::bundled::bundles_in;
use super::super::medicines::{ANYWHERE, may_name_by_type};
use super::super::resource_facts::stated::Stated;
use super::super::resource_facts::{Weighed, facts_weighed, may_be_labelled_or, reference_of};
use super::Judge;
use crate::decision::obligation::{Labelled, ResourceFacts};

/// Elements that say of which records something is told, by the type that holds them. (`Composition.section.focus` and what
/// points at evidence say nothing of what they lead to.)
const ABOUT: [(&str, &[&str]); 6] = [
    ("AuditEvent", &["entity", "what"]),
    ("Linkage", &["item", "resource"]),
    ("Observation", &["focus"]),
    ("Provenance", &["entity", "what"]),
    ("Provenance", &["target"]),
    ("VerificationResult", &["target"]),
];

/// The most resources in Bundles whose facts are remembered; those of further ones are found out again.
const KNOWN_MAX: usize = 1_000;

impl<'a> Judge<'a> {
    /// What the rules look at in a resource, with what it is by reference, and what it is told about.
    pub(super) fn facts(&self, node: Node<'_>, weighed: Weighed) -> ResourceFacts {
        let mut facts = facts_weighed(node, weighed, self.bases, self.codes);
        self.medicines.add_to(&mut facts, node, self.bases);
        for told in self.told_about(node) {
            facts.join(&told.labelled);
            self.medicines.add_named(&mut facts, told.medicines.clone());
        }
        facts
    }

    /// The same, with what the Bundles around it are labelled as.
    pub(super) fn facts_around(&self, node: Node<'_>, weighed: Weighed, around: &Around) -> ResourceFacts {
        let mut facts = self.facts_once(node, weighed, around);
        around.add_to(&mut facts, node, self);
        facts
    }

    /// What the rules look at in a resource. Of one in a Bundle it is asked when the Bundle is looked at, when it is found out what
    /// becomes of its entries, and when these are written: it is found out once.
    fn facts_once(&self, node: Node<'_>, weighed: Weighed, around: &Around) -> ResourceFacts {
        if around.is_empty() {
            return self.facts(node, weighed);
        }
        let asked = (node.place(), weighed);
        if let Some(known) = around.known.borrow().get(&asked) {
            return known.clone();
        }
        let facts = self.facts(node, weighed);
        let mut known = around.known.borrow_mut();
        if known.len() < KNOWN_MAX {
            known.insert(asked, facts.clone());
        }
        facts
    }

    /// Whether nothing labels `node`, a resource of the type `owner`, as far as a glance tells: neither what it says itself nor
    /// anything that counts for it. Its facts, labels alone, are then those of nothing.
    pub(super) fn tells_no_label(&self, (owner, node): (TypeId, Node<'_>), around: &Around) -> bool {
        around.tells_nothing()
            && self.behind.tells_nothing()
            && owner.name() != "Bundle"
            && !may_name_by_type(owner)
            && !may_be_labelled_or(node, self.codes, &ANYWHERE)
    }

    /// The records that `node` is told about, each once, as far as they were looked up.
    pub(in crate::enforce) fn told_about(&self, node: Node<'_>) -> Vec<&'a Told> {
        if self.behind.tells_nothing() {
            return Vec::new();
        }
        let local = |found: Node<'_>| match Reference::parse(&found.str_at(&["reference"])?, self.bases) {
            Ok(Reference::Local(local)) => Some(Local::new(local.resource_type, local.id)),
            Ok(
                Reference::Elsewhere(_) | Reference::Urn(_) | Reference::Contained(_) | Reference::Container,
            )
            | Err(_) => None,
        };
        let about: BTreeSet<Local> = references(node).into_iter().filter_map(local).collect();
        about.iter().filter_map(|local| self.behind.told(local)).collect()
    }

    /// The address of each record that `node` is told about, as entries of a Bundle bear it.
    fn addresses(&self, node: Node<'_>) -> BTreeSet<String> {
        let address = |found: Node<'_>| {
            let text = found.str_at(&["reference"])?;
            Some(match Reference::parse(&text, self.bases) {
                Ok(Reference::Local(local)) => local.to_relative(),
                Ok(_) | Err(_) => text.to_ascii_lowercase(),
            })
        };
        references(node).into_iter().filter_map(address).collect()
    }
}

/// Where `node` says what it is told about.
fn references(node: Node<'_>) -> Vec<Node<'_>> {
    let Some(owner) = node.member("resourceType") else { return Vec::new() };
    ABOUT
        .into_iter()
        .filter(|(kind, _)| owner.is_string(kind))
        .flat_map(|(_, path)| node.walk(path))
        .collect()
}

/// The Bundles in what is judged as one: their labels, and those of entries that others are told about.
///
/// The label of a Bundle is the strictest of what it holds, so it counts for each entry: which of them it is meant for is
/// not told. (DS4P calls it the high-water mark.)
pub(super) struct Around {
    bundles: Nested,
    /// What entries are labelled as, by their addresses.
    entries: BTreeMap<String, Labelled>,
    /// The facts of resources in Bundles, without what is around them, as one judge and its like find them.
    known: RefCell<HashMap<(Place, Weighed), ResourceFacts>>,
}

impl Around {
    pub(super) fn of(root: Node<'_>, judge: &Judge<'_>) -> Self {
        let found = bundles_in(root);
        if found.is_empty() && judge.beside.is_none() {
            return Self::among(Nested(Vec::new()));
        }
        let stated = |bundle: &Node<'_>| {
            let stated = Stated::of_meta(*bundle);
            let mut labelled = Labelled::by(stated.labels);
            labelled.doubt(stated.known);
            (bundle.offset()..bundle.end(), labelled)
        };
        let bundles = Nested::of(found.iter().map(stated).collect());
        let mut around = Self::among(bundles);
        let inside = || found.iter().flat_map(|bundle| bundle.walk(&["entry"]));
        let held = inside().flat_map(|entry| entry.walk(&["resource"]));
        if held.chain([root]).all(|held| references(held).is_empty()) {
            return around;
        }
        // What is sent with it is told of by the same names.
        let beside = judge.beside.into_iter().flat_map(|together| together.walk(&["entry"]));
        for entry in inside().chain(beside) {
            for held in entry.walk(&["resource"]) {
                let labelled = Labelled::from(judge.facts_once(held, Weighed::Labels, &around));
                let url = entry.str_at(&["fullUrl"]).map(|url| url.to_ascii_lowercase());
                for address in url.into_iter().chain([reference_of(held)]) {
                    around.entries.entry(address).or_default().join(&labelled);
                }
            }
        }
        around
    }

    /// Nothing is known yet of what is in `bundles`.
    fn among(bundles: Nested) -> Self {
        Self { bundles, entries: BTreeMap::new(), known: RefCell::default() }
    }

    /// Whether what is judged is neither a Bundle nor holds one.
    pub(super) fn is_empty(&self) -> bool {
        self.bundles.0.is_empty()
    }

    /// Whether nothing around what is judged counts for it.
    fn tells_nothing(&self) -> bool {
        self.is_empty() && self.entries.is_empty()
    }

    /// Adds to the facts of `inner`, of what is judged, the labels of every Bundle around it and of each entry that it is
    /// told about.
    pub(super) fn add_to(&self, facts: &mut ResourceFacts, inner: Node<'_>, judge: &Judge<'_>) {
        let at = inner.offset();
        for bundle in self.bundles.before(at).filter(|bundle| at < bundle.place.end) {
            facts.join(&bundle.labelled);
        }
        if self.entries.is_empty() {
            return;
        }
        for address in judge.addresses(inner) {
            if let Some(labelled) = self.entries.get(&address) {
                facts.join(labelled);
            }
        }
    }
}

/// Bundles in the order in which they begin, each with the one around it.
struct Nested(Vec<Placed>);

struct Placed {
    place: Range<usize>,
    labelled: Labelled,
    /// Where the Bundle is in which this one stands.
    within: Option<usize>,
}

impl Nested {
    fn of(mut found: Vec<(Range<usize>, Labelled)>) -> Self {
        found.sort_by_key(|(place, _)| place.start);
        let (mut bundles, mut open): (Vec<Placed>, Vec<(usize, usize)>) = (Vec::new(), Vec::new());
        for (place, labelled) in found {
            while open.pop_if(|(_, end)| *end <= place.start).is_some() {}
            let within = open.last().map(|(at, _)| *at);
            open.push((bundles.len(), place.end));
            bundles.push(Placed { place, labelled, within });
        }
        Self(bundles)
    }

    /// The last Bundle that begins before `at`, and those around that one, from the inner to the outer: no other can hold
    /// what stands there.
    fn before(&self, at: usize) -> impl Iterator<Item = &Placed> {
        let next = self.0.partition_point(|bundle| bundle.place.start < at);
        let last = next.checked_sub(1).and_then(|last| self.0.get(last));
        std::iter::successors(last, |bundle| self.0.get(bundle.within?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(places: &[Range<usize>]) -> Nested {
        Nested::of(places.iter().map(|place| (place.clone(), Labelled::default())).collect())
    }

    #[test]
    fn the_bundles_around_a_place_are_found_from_the_inner_to_the_outer() {
        let bundles = nested(&[60..70, 0..100, 10..50, 20..30, 35..45]);
        for (at, expected) in [
            (0, vec![]),
            (5, vec![0]),
            (25, vec![20, 10, 0]),
            (32, vec![10, 0]),
            (40, vec![35, 10, 0]),
            (55, vec![0]),
            (65, vec![60, 0]),
            (80, vec![0]),
        ] {
            let around = bundles.before(at).filter(|bundle| at < bundle.place.end);
            assert_eq!(around.map(|bundle| bundle.place.start).collect::<Vec<_>>(), expected, "{at}");
        }
    }

    #[test]
    fn only_bundles_around_each_other_are_looked_at_however_many_there_are() {
        let siblings = (0..1_000).map(|at| 10 * at + 1..10 * at + 9);
        let bundles = nested(&siblings.chain(std::iter::once(0..20_000)).collect::<Vec<_>>());
        let looked_at = (0..20_000).map(|at| bundles.before(at).count());
        assert_eq!(looked_at.max(), Some(2));
    }
}
