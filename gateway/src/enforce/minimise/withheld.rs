//! What was left out, by name and number.

use fhir::tables::{ElementId, elements_len};

/// Counts of what was left out, by element; never a value. Several resources may be counted in one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Withheld {
    elements: Vec<u32>,
    unknown: u32,
    resources: u32,
}

impl Withheld {
    /// The path of each element that was left out and how often, in the order of the specification. A data type's
    /// element stands under that type: `Reference.display`.
    pub fn elements(&self) -> impl Iterator<Item = (String, u32)> {
        let counted = self.elements.iter().enumerate().filter(|(_, count)| **count > 0);
        counted.filter_map(|(index, count)| Some((ElementId::at(index)?.path(), *count)))
    }

    /// How many members were left out that the specification does not know. Their names may be content.
    #[must_use]
    pub const fn unknown(&self) -> u32 {
        self.unknown
    }

    /// How many nested resources were left out whole.
    #[must_use]
    pub const fn resources(&self) -> u32 {
        self.resources
    }

    pub(super) fn element(&mut self, id: ElementId) {
        if self.elements.is_empty() {
            self.elements.resize(elements_len(), 0);
        }
        if let Some(count) = self.elements.get_mut(id.index()) {
            *count += 1;
        }
    }

    pub(super) const fn unknown_member(&mut self) {
        self.unknown += 1;
    }

    pub(super) const fn resource(&mut self) {
        self.resources += 1;
    }
}
