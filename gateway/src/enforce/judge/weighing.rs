//! What is weighed of a resource: what it says itself, what it is by reference, and the Bundles in which it stands.

use std::ops::Range;

use fhir::json::Node;
use fhir::security_label::SecurityLabel;

use super::super::bundled::bundles_in;
use super::super::resource_facts::{Weighed, facts_weighed, label};
use super::Judge;
use crate::decision::obligation::ResourceFacts;

impl Judge<'_> {
    /// What the rules look at in a resource, with what it is by reference.
    pub(super) fn facts(&self, node: Node<'_>, weighed: Weighed) -> ResourceFacts {
        let mut facts = facts_weighed(node, weighed, self.bases, self.codes);
        self.medicines.add_to(&mut facts, node, self.bases);
        facts
    }
}

/// The labels of the Bundles in what is judged as one.
///
/// The label of a Bundle is the strictest of what it holds, so it counts for each entry: which of them it is meant for is
/// not told. (DS4P calls it the high-water mark.)
pub(super) struct Around(Vec<(Range<usize>, Vec<SecurityLabel>)>);

impl Around {
    pub(super) fn of(root: Node<'_>) -> Self {
        let stated = |bundle: Node<'_>| {
            let labels: Vec<_> = bundle.walk(&["meta", "security"]).flat_map(label).collect();
            (bundle.offset()..bundle.end(), labels)
        };
        let labelled = bundles_in(root).into_iter().map(stated).filter(|(_, labels)| !labels.is_empty());
        Self(labelled.collect())
    }

    /// The labels of every Bundle around `inner`, of what is judged.
    pub(super) fn labels(&self, inner: Node<'_>) -> impl Iterator<Item = &SecurityLabel> {
        let at = inner.offset();
        let holding = self.0.iter().filter(move |(place, _)| place.start < at && at < place.end);
        holding.flat_map(|(_, labels)| labels)
    }
}
