//! Whom a resource is about that says so through something else: a Group, a RelatedPerson, what a Provenance is of.
//!
//! Such a resource is about everyone whom that is about, so it is looked up on the same system before evidence is
//! gathered. It is read only for its persons: nothing of it leaves, and nothing is remembered. What was not found, is
//! about nobody or leads further makes the resource that refers to it uncertain, and it is withheld.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use fhir::reference::{Id, Local, TypeName};
use fhir::tables::TypeId;

use super::facts::{NotEvidence, resources};
use super::held::Held;
use super::persons::{Came, Certainty, PersonsOf, persons_of};
use super::subjects::Subjects;
use super::targets::{in_pages, nodes};
use super::unfiltered::Unfiltered;
use super::whom::Whom;

/// The most resources that are asked for at once.
const AT_ONCE: usize = 200;
/// The most that are asked for at all, for one answer: work, beyond what answers hold. What is beyond is uncertain.
const ASKED_MAX: usize = 10_000;

/// Nothing was looked up.
pub static NOTHING: Behind = Behind { asked: BTreeSet::new(), persons: BTreeMap::new() };

/// The persons behind what resources are about.
#[derive(Debug, Clone, Default)]
pub struct Behind {
    asked: BTreeSet<Local>,
    persons: BTreeMap<Local, PersonsOf>,
}

impl Behind {
    /// What has to be asked for before whom `held` is about is known, by type and at most so many at once; empty for most
    /// answers. What was asked for before is not asked for again.
    #[must_use]
    pub fn wants(&mut self, held: &Unfiltered<Held>, whom: &Whom<'_>) -> Vec<(TypeId, BTreeSet<Id>)> {
        let mut wanted: BTreeMap<TypeId, Vec<Id>> = BTreeMap::new();
        let all = match held.inner() {
            Held::Binary { pointing, .. } => in_pages(pointing),
            other @ (Held::Resource(_)
            | Held::Absent
            | Held::Searchset { .. }
            | Held::Everything(_)
            | Held::History { .. }) => nodes(other),
        };
        for node in all {
            let found = whom.of(node);
            // Who is uncertain anyway asks for nothing.
            if found.certainty == Certainty::Uncertain {
                continue;
            }
            for local in &found.behind {
                if self.asked.len() >= ASKED_MAX {
                    break;
                }
                let target = fhir::tables::resource_type(local.resource_type.as_str());
                if let (Some(target), true) = (target, self.asked.insert(local.clone())) {
                    wanted.entry(target).or_default().push(local.id.clone());
                }
            }
        }
        let at_once = |(target, ids): (TypeId, Vec<Id>)| {
            let parts: Vec<_> =
                ids.chunks(AT_ONCE).map(|part| (target, part.iter().cloned().collect())).collect();
            parts
        };
        wanted.into_iter().flat_map(at_once).collect()
    }

    /// What the answer to a search for `ids` of one type tells.
    ///
    /// # Errors
    /// [`NotEvidence`] when it is cut off, or holds what nobody asked for.
    pub fn told_by(
        found: &Unfiltered<Held>,
        (target, ids): (TypeId, &BTreeSet<Id>),
        whom: &Whom<'_>,
    ) -> Result<Self, NotEvidence> {
        let type_name = TypeName::parse(target.name()).ok_or(NotEvidence::Shape)?;
        let mut told: BTreeMap<Local, PersonsOf> = BTreeMap::new();
        for node in resources(found, target.name())? {
            let id = node.str_at(&["id"]).and_then(|id| Id::parse(&id).ok()).ok_or(NotEvidence::Shape)?;
            if !ids.contains(&id) {
                return Err(NotEvidence::Strangers);
            }
            // One that is there twice is about everyone whom either is about.
            told.entry(Local::new(type_name.clone(), id)).or_default().extend(persons_of(
                node,
                Came::FromHolder,
                whom.bases(),
            ));
        }
        let told = told.into_iter().filter_map(|(local, persons)| Some((local, persons.into_subjects()?)));
        Ok(Self { persons: told.collect(), ..Self::default() })
    }

    /// Adds what an answer told.
    pub fn take(&mut self, told: Self) {
        self.persons.extend(told.persons);
    }

    /// `subjects` with everyone who was found.
    #[must_use]
    pub fn join(&self, mut subjects: Subjects) -> Subjects {
        for persons in self.persons.values() {
            subjects.patients.extend(persons.patients.iter().cloned());
            subjects.nhs_numbers.extend(persons.nhs_numbers.iter().copied());
        }
        subjects
    }

    /// The persons of a resource with those behind it.
    pub(in crate::enforce) fn whole<'p>(&self, found: &'p PersonsOf) -> Cow<'p, PersonsOf> {
        if found.behind.is_empty() {
            return Cow::Borrowed(found);
        }
        let mut whole = PersonsOf { behind: BTreeSet::new(), ..found.clone() };
        for local in &found.behind {
            match self.persons.get(local) {
                Some(persons) => whole.extend(persons.clone()),
                None => whole.certainty = Certainty::Uncertain,
            }
        }
        Cow::Owned(whole)
    }
}
