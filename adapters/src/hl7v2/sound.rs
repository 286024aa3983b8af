//! What FHIR forbids of a record, where two fields together would say it.

use super::draft::{Draft, Slot};
use super::message::Part;
use crate::sound::{is_reversed, is_same_number};
use crate::tree::{Index, Node, Step};
use crate::{Severity, Why};

impl Draft<'_> {
    /// Takes the end out of the Period that `path` leads into, when it is before the start that stands there now.
    pub(super) fn in_order(&mut self, slot: Slot, path: &[Step], part: Part<'_, '_>) {
        let Some((step, before)) = path.split_last() else { return };
        if !matches!(step.name.as_str(), "start" | "end") || before.is_empty() {
            return;
        }
        let here = |step: &Step| match step.index {
            Index::New | Index::Segment => Step { index: Index::Last, ..step.clone() },
            Index::One | Index::First | Index::Last => step.clone(),
        };
        let before: Vec<Step> = before.iter().map(here).collect();
        let held = self.named.get_mut(&slot).and_then(|held| held.object_at_mut(&before));
        if let Some(period) = held.filter(|period| is_reversed(period)) {
            period.remove("end");
            part.remark(Why::EndsBeforeStart, Severity::Major);
        }
    }

    /// Whether `value` is an NHS number that the record has already, which is told of `part` as far as they differ.
    pub(super) fn is_same_number(
        &mut self,
        slot: Slot,
        path: &[Step],
        value: &Node,
        part: Part<'_, '_>,
    ) -> bool {
        let Some(held) = self.named.get_mut(&slot) else { return false };
        let Some(differs) = is_same_number(held, path, value) else { return false };
        if let Some(severity) = differs {
            part.remark(Why::PlaceTaken, severity);
        }
        true
    }
}
