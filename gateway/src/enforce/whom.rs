//! Whom the resources of one answer are about, each read once.
//!
//! Who is behind them, whose evidence is gathered, which matches are of those who were asked for and whom a resource
//! is judged about are all asked of the same resources, one after the other. Nothing of it outlives the exchange.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fhir::json::{Node, Place};
use fhir::reference::Bases;

use super::persons::{Came, PersonsOf, persons_of};
use super::side_by_side::side_by_side;

/// The most resources of which it is remembered; of further ones it is read again.
const KEPT_MAX: usize = 10_000;

/// Whom resources of one system are about.
///
/// They are known by where they stand among all documents ever read, so what is told of one is never told of another.
pub struct Whom<'b> {
    bases: &'b Bases,
    read: Mutex<Read>,
}

/// What was read of resources.
#[derive(Default)]
struct Read {
    by_place: HashMap<Place, Arc<PersonsOf>, BuildHasherDefault<OfPlace>>,
    /// Each set of persons once: resources about the very same persons share it.
    sets: HashSet<Arc<PersonsOf>>,
}

impl<'b> Whom<'b> {
    /// Nothing was read yet of a system with these `bases`.
    #[must_use]
    pub fn over(bases: &'b Bases) -> Self {
        Self { bases, read: Mutex::default() }
    }

    /// The names of the system.
    pub(in crate::enforce) const fn bases(&self) -> &'b Bases {
        self.bases
    }

    /// The persons of a whole resource that its holder sent.
    pub(in crate::enforce) fn of(&self, resource: Node<'_>) -> Arc<PersonsOf> {
        let place = resource.place();
        if let Some(known) = self.read().by_place.get(&place) {
            return Arc::clone(known);
        }
        let found = persons_of(resource, Came::FromHolder, self.bases);
        self.read().keep(place, found)
    }

    /// Reads the persons of many resources at once, so that each of them is known.
    pub(in crate::enforce) fn meet(&self, resources: &[Node<'_>]) {
        let unknown: Vec<Node<'_>> = {
            let read = self.read();
            let is_unknown = |resource: &&Node<'_>| !read.by_place.contains_key(&resource.place());
            resources.iter().filter(is_unknown).copied().collect()
        };
        let persons = |resource: &Node<'_>| persons_of(*resource, Came::FromHolder, self.bases);
        let found = side_by_side(&unknown, |part| part.iter().map(persons).collect::<Vec<_>>());
        let mut read = self.read();
        let room = KEPT_MAX.saturating_sub(read.by_place.len()).min(unknown.len());
        read.by_place.reserve(room);
        for (resource, found) in unknown.iter().zip(found.into_iter().flatten()) {
            read.keep(resource.place(), found);
        }
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read {
    /// Remembers `found` of the resource at `place`, as long as there is room.
    fn keep(&mut self, place: Place, found: PersonsOf) -> Arc<PersonsOf> {
        if self.by_place.len() >= KEPT_MAX {
            return Arc::new(found);
        }
        let found = match self.sets.get(&found) {
            Some(known) => Arc::clone(known),
            None => {
                let found = Arc::new(found);
                self.sets.insert(Arc::clone(&found));
                found
            }
        };
        self.by_place.insert(place, Arc::clone(&found));
        found
    }
}

/// The hash of a [`Place`]: two numbers that we have counted ourselves, and nobody else can choose.
#[derive(Default)]
struct OfPlace(u64);

impl Hasher for OfPlace {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(32) ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

impl fmt::Debug for Whom<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Whom(..)")
    }
}

#[cfg(test)]
mod tests {
    use fhir::json::{Document, Limits, parse};
    use fhir::reference::Id;

    use super::*;

    fn about(person: &str) -> Document {
        let json = format!(r#"{{"resourceType":"Condition","subject":{{"reference":"Patient/{person}"}}}}"#);
        parse(json.into(), &Limits::default()).expect("test input")
    }

    fn told(whom: &Whom<'_>, resource: &Document) -> Vec<String> {
        whom.of(resource.root()).patients.iter().map(Id::as_str).map(str::to_owned).collect()
    }

    #[test]
    fn a_resource_is_read_once() {
        let (bases, ann) = (Bases::none(), about("ann"));
        let whom = Whom::over(&bases);
        assert!(Arc::ptr_eq(&whom.of(ann.root()), &whom.of(ann.root())));
        assert_eq!(told(&whom, &ann), ["ann"]);
    }

    #[test]
    fn resources_about_the_very_same_persons_share_what_is_told_and_no_others_do() {
        let of = |with: &str| format!(r#"{{"resourceType":"Observation","id":"x"{with}}}"#);
        let rows = [
            of(r#","subject":{"reference":"Patient/ann"}"#),
            of(r#","subject":{"reference":"Patient/ann"},"code":{"text":"another finding"}"#),
            of(r#","subject":{"reference":"Patient/bob"}"#),
            of(r#","subject":{"reference":"Patient/ann"},"focus":[{"reference":"Patient/bob"}]"#),
            of(r#","subject":{"reference":"Patient/ann"},"performer":[{"reference":"Patient/bob"}]"#),
            of(r#","subject":{"reference":"Patient/bob"},"performer":[{"reference":"Patient/ann"}]"#),
            of(r#","performer":[{"reference":"Patient/ann"}]"#),
            of(r#","subject":{"reference":"Patient/ann"},"focus":[{"reference":"Group/g"}]"#),
            of(r#","subject":{"reference":"Patient/ann"},"focus":[{"display":"somebody"}]"#),
            of(r#","subject":{"identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}}"#),
            of(r#","performer":[{"identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}}]"#),
            r#"{"resourceType":"Group","id":"x","member":[{"entity":{"reference":"Patient/ann"}}]}"#.to_owned(),
            r#"{"resourceType":"RelatedPerson","id":"x","patient":{"reference":"Patient/ann"},"identifier":[{"system":
               "https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}]}"#.to_owned(),
        ];
        let bases = Bases::none();
        let whom = Whom::over(&bases);
        let documents = rows.map(|json| parse(json.into(), &Limits::default()).expect("test input"));
        let mut shared = 0;
        for (at, one) in documents.iter().enumerate() {
            for other in documents.iter().skip(at + 1) {
                let read = |document: &Document| persons_of(document.root(), Came::FromHolder, &bases);
                let is_shared = Arc::ptr_eq(&whom.of(one.root()), &whom.of(other.root()));
                assert_eq!(is_shared, read(one) == read(other), "{at}");
                shared += usize::from(is_shared);
            }
        }
        assert_eq!(shared, 1, "the two findings about Ann alone");
    }

    #[test]
    fn what_was_read_of_a_document_that_is_gone_is_told_of_no_other() {
        let bases = Bases::none();
        let whom = Whom::over(&bases);
        for number in 0..1_000 {
            // As long as the one before, and most likely where that one was.
            let person = format!("p{:04}", number);
            assert_eq!(told(&whom, &about(&person)), [person]);
        }
    }

    #[test]
    fn what_is_not_remembered_is_read_again() {
        let bases = Bases::none();
        let whom = Whom::over(&bases);
        for number in 0..KEPT_MAX + 10 {
            let person = format!("p{number}");
            let document = about(&person);
            assert_eq!(told(&whom, &document), told(&whom, &document));
        }
        assert_eq!(whom.read.lock().map(|read| read.by_place.len()).ok(), Some(KEPT_MAX));
    }
}
