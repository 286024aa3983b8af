//! The references that a criterion asks for.

use std::slice::Iter;
use std::sync::OnceLock;

use super::criterion::ReferenceTest;
use crate::reference::Local;

/// So many are looked through one after the other.
const FEW: usize = 8;

/// The references that a criterion asks for, any of which may be met.
///
/// A search may name hundreds of persons and is held against thousands of resources: those with an id are found in an
/// order of their own, made when it is first asked for.
#[derive(Clone)]
pub struct References {
    any: Vec<ReferenceTest>,
    /// Where the references to resources of the system stand in `any`, in the order of hashes of their ids: these stand
    /// side by side, where the ids themselves are strewn about.
    by_id: OnceLock<Vec<(u64, usize)>>,
}

impl References {
    pub(super) const fn of(any: Vec<ReferenceTest>) -> Self {
        Self { any, by_id: OnceLock::new() }
    }

    /// Each of them, in the order of the search.
    pub fn iter(&self) -> Iter<'_, ReferenceTest> {
        self.any.iter()
    }

    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.any.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.any.is_empty()
    }

    /// The same without those that `keep` does not keep.
    pub(super) fn retain(&mut self, keep: impl FnMut(&ReferenceTest) -> bool) {
        self.any.retain(keep);
        self.by_id = OnceLock::new();
    }

    /// Whether any of those to a resource of the system with this id, of whatever type and version, `is_it`.
    pub(super) fn any_with_id(&self, id: &str, is_it: impl Fn(&ReferenceTest, &Local) -> bool) -> bool {
        let is_met = |test: &ReferenceTest| {
            test.reference().local().is_some_and(|local| local.id.as_str() == id && is_it(test, local))
        };
        if self.any.len() <= FEW {
            return self.any.iter().any(is_met);
        }
        let by_id = self.by_id.get_or_init(|| self.in_order());
        let wanted = hash(id);
        let from = by_id.partition_point(|(hash, _)| *hash < wanted);
        let with_it = by_id.iter().skip(from).take_while(|(hash, _)| *hash == wanted);
        with_it.filter_map(|(_, at)| self.any.get(*at)).any(is_met)
    }

    fn in_order(&self) -> Vec<(u64, usize)> {
        let of_local = |(at, test): (usize, &ReferenceTest)| {
            test.reference().local().map(|local| (hash(local.id.as_str()), at))
        };
        let mut by_id: Vec<(u64, usize)> = self.any.iter().enumerate().filter_map(of_local).collect();
        by_id.sort_unstable();
        by_id
    }
}

/// A hash of an id. Those that share it are compared, at worst as many as the search names.
fn hash(id: &str) -> u64 {
    id.bytes().fold(id.len() as u64, |hash, byte| {
        (hash.rotate_left(5) ^ u64::from(byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    })
}

impl<'a> IntoIterator for &'a References {
    type Item = &'a ReferenceTest;
    type IntoIter = Iter<'a, ReferenceTest>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::reference::{Bases, Reference};

    fn tests(texts: &[String]) -> Vec<ReferenceTest> {
        let read =
            |text: &String| ReferenceTest(Reference::parse(text, &Bases::none()).expect("a reference"));
        texts.iter().map(read).collect()
    }

    proptest! {
        #[test]
        fn those_with_an_id_are_found_as_if_each_was_looked_at(
            texts in proptest::collection::vec(
                "(Patient|Group)/[ab]{1,3}(/_history/[12])?|https://ehr\\.example/fhir/Patient/[ab]{1,2}|urn:oid:1\\.[1-9]",
                0..40,
            ),
            id in "[ab]{1,3}",
            kept in 0..40_usize,
        ) {
            let found = |references: &References| {
                let mut found = Vec::new();
                // Nothing is it, so that each is asked about.
                let asked = std::cell::RefCell::new(&mut found);
                references.any_with_id(&id, |test, _| {
                    asked.borrow_mut().push(test.reference().clone());
                    false
                });
                found.sort();
                found
            };
            let expected = |any: &[ReferenceTest]| {
                let local = |test: &&ReferenceTest| {
                    test.reference().local().is_some_and(|local| local.id.as_str() == id)
                };
                let mut all: Vec<Reference> =
                    any.iter().filter(local).map(|test| test.reference().clone()).collect();
                all.sort();
                all
            };
            let any = tests(&texts);
            let mut references = References::of(any.clone());
            prop_assert_eq!(found(&references), expected(&any));
            let mut left = any;
            left.truncate(kept);
            let mut seen = 0;
            references.retain(|_| { seen += 1; seen <= kept });
            prop_assert_eq!(found(&references), expected(&left));
        }
    }
}
