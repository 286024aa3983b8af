//! What was left out, by name and number.

use fhir::tables::{ElementId, elements_len};

/// Counts of what was left out, by element; never a value. Several resources may be counted in one.
#[derive(Debug, Clone, Default)]
pub struct Withheld {
    /// By the place of the element in the tables; empty until there is much to count.
    counts: Vec<u32>,
    /// Elements left out since `counts` was brought up to date.
    recent: Vec<ElementId>,
    unknown: u32,
    resources: u32,
}

/// So many recent elements are kept.
const RECENT: usize = 4_096;

impl Withheld {
    /// The path of each element that was left out and how often, in the order of the specification. A data type's
    /// element stands under that type: `Reference.display`.
    #[must_use]
    pub fn elements(&self) -> Vec<(String, u32)> {
        if self.counts.is_empty() {
            return few(&self.recent);
        }
        let mut counts = self.counts.clone();
        count(&mut counts, &self.recent);
        let counted = counts.into_iter().enumerate().filter(|(_, count)| *count > 0);
        counted.filter_map(|(index, count)| Some((ElementId::at(index)?.path(), count))).collect()
    }

    /// Whether the same elements were left out of `other`, as far as that is told without counting.
    #[must_use]
    pub fn is_of_the_same(&self, other: &Self) -> bool {
        self.counts.is_empty() && other.counts.is_empty() && self.recent == other.recent
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

    #[inline]
    pub(super) fn element(&mut self, id: ElementId) {
        if self.recent.is_empty() {
            self.recent.reserve(64);
        }
        if self.recent.len() == RECENT {
            count(&mut self.counts, &self.recent);
            self.recent.clear();
        }
        self.recent.push(id);
    }

    pub(super) const fn unknown_member(&mut self) {
        self.unknown += 1;
    }

    pub(super) const fn resource(&mut self) {
        self.resources += 1;
    }
}

/// The path and the number of each of few elements, without a count for every element that there is.
fn few(elements: &[ElementId]) -> Vec<(String, u32)> {
    let mut places: Vec<usize> = elements.iter().map(|element| element.index()).collect();
    places.sort_unstable();
    let of_one = |same: &[usize]| {
        let element = ElementId::at(*same.first()?)?;
        Some((element.path(), u32::try_from(same.len()).unwrap_or(u32::MAX)))
    };
    places.chunk_by(|one, next| one == next).filter_map(of_one).collect()
}

fn count(counts: &mut Vec<u32>, elements: &[ElementId]) {
    counts.resize(elements_len(), 0);
    for element in elements {
        if let Some(count) = counts.get_mut(element.index()) {
            *count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_counted_alike_whether_it_is_little_or_much() {
        let elements: Vec<ElementId> = [7, 3, 7, 40, 3, 7].into_iter().filter_map(ElementId::at).collect();
        let mut counts = Vec::new();
        count(&mut counts, &elements);
        let little = Withheld { recent: elements, ..Withheld::default() };
        let much = Withheld { counts, ..Withheld::default() };
        assert_eq!(little.elements(), much.elements());
        assert_eq!(little.elements().iter().map(|(_, count)| *count).collect::<Vec<_>>(), [2, 3, 1]);
        assert!(Withheld::default().elements().is_empty());
        assert!(little.is_of_the_same(&little.clone()) && !much.is_of_the_same(&much));
        let fewer = Withheld { recent: elements_but_one(&little), ..Withheld::default() };
        assert!(!fewer.is_of_the_same(&little) && !little.is_of_the_same(&fewer));
    }

    fn elements_but_one(withheld: &Withheld) -> Vec<ElementId> {
        withheld.recent.iter().skip(1).copied().collect()
    }
}
