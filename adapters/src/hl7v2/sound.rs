//! What FHIR forbids of a record, where two fields together would say it.

use super::concept::Known;
use super::draft::{Draft, Slot};
use super::identifier::nhs_number;
use super::maps::Each;
use super::message::Part;
use crate::sound::{Beside, beside, is_nhs_number, is_reversed};
use crate::tree::{Index, Node, Object, Step};
use crate::{Severity, Why};

impl Draft<'_> {
    /// Takes the end out of the Period that `path` leads into, when it is before the start that stands there now.
    pub(super) fn in_order(&mut self, slot: Slot, path: &[Step], part: Part<'_, '_>) {
        let Some((step, before)) = path.split_last() else { return };
        if !(step.name.is("start") || step.name.is("end")) || before.is_empty() {
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

    /// Gives each element of a list what it must not lack.
    pub(super) fn each(&mut self, each: &Each, known: Known<'_>) {
        let number = self.map.resource(&each.target.resource).map(|(number, _)| number);
        let ([list], Some(first)) = (each.target.path.as_slice(), each.names.first()) else { return };
        for slot in self.slots(number) {
            let held = self.named.get_mut(&slot).and_then(|held| held.find_mut(list.name.as_str()));
            let Some(Node::List(items)) = held else { continue };
            for item in items {
                let Node::Object(item) = item else { continue };
                if each.names.iter().all(|name| item.find(name).is_none())
                    && let Some(value) = each.value.node(known)
                {
                    item.put(first, value);
                }
            }
        }
    }

    /// Whether the record has the identifier `value` already, which is told of `part` as far as they differ. That it is another
    /// NHS number than the record has is told, and both stand there.
    pub(super) fn is_same_identifier(
        &mut self,
        slot: Slot,
        path: &[Step],
        value: &Node,
        part: Part<'_, '_>,
    ) -> bool {
        let Some(held) = self.named.get_mut(&slot) else { return false };
        match beside(held, path, value) {
            Beside::Same(differs) => {
                if let Some(severity) = differs {
                    part.remark(Why::PlaceTaken, severity);
                }
                true
            }
            Beside::Another => {
                part.remark(Why::AnotherNhsNumber, Severity::Major);
                false
            }
            Beside::New => {
                let again = is_number_again(held, path, value);
                if again {
                    part.remark(Why::PlaceTaken, Severity::Trivial);
                }
                again
            }
        }
    }
}

/// Whether `value` is what stands in `held` as an NHS number, and came without saying whose number it is: UK senders put it
/// into PID-19 too.
fn is_number_again(held: &Object, path: &[Step], value: &Node) -> bool {
    let ([list, Step { name, index: Index::One }], Node::Text(said)) = (path, value) else { return false };
    if list.name.as_str() != "identifier" || list.index != Index::New || name.as_str() != "value" {
        return false;
    }
    let Some(number) = nhs_number(said) else { return false };
    let Some(Node::List(items)) = held.find("identifier") else { return false };
    items.iter().any(|item| match item {
        Node::Object(item) => {
            is_nhs_number(item)
                && matches!(item.find("value"), Some(Node::Text(there)) if there == number.as_str())
        }
        Node::Text(_) | Node::Bare(_) | Node::List(_) => false,
    })
}
