//! Whom a resource is about that says so through something else: a Group, a RelatedPerson, what a Provenance is of.
//!
//! Such a resource is about everyone whom that is about, so it is looked up on the same system before evidence is
//! gathered. It is read only for its persons and its labels: nothing of it leaves, and nothing is remembered. What was not
//! found, is about nobody or leads further makes the resource that refers to it uncertain, and it is withheld. What is told
//! about a record is labelled as that record is.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use fhir::json::Node;
use fhir::reference::{Bases, Id, Local, TypeName};
use fhir::tables::TypeId;

use super::facts::{NotEvidence, resources};
use super::held::Held;
use super::medicines::{Named, named};
use super::persons::{Came, Certainty, PersonsOf, persons_of};
use super::resource_facts::{Weighed, facts_weighed};
use super::subjects::Subjects;
use super::targets::{in_pages, nodes};
use super::unfiltered::Unfiltered;
use super::whom::Whom;
use crate::decision::obligation::Labelled;
use crate::sensitive_codes::SensitiveCodes;

/// The most resources that are asked for at once.
const AT_ONCE: usize = 200;
/// The most that are asked for at all, for one answer: work, beyond what answers hold. What is beyond is uncertain.
const ASKED_MAX: usize = 10_000;

/// Nothing was looked up.
pub static NOTHING: Behind = Behind {
    asked: BTreeSet::new(),
    in_person: BTreeSet::new(),
    persons: BTreeMap::new(),
    told: BTreeMap::new(),
};

/// The persons behind what resources are about, and what that is labelled as.
#[derive(Debug, Clone, Default)]
pub struct Behind {
    asked: BTreeSet<Local>,
    /// Those that something is about in person, and not as somebody's kin.
    in_person: BTreeSet<Local>,
    persons: BTreeMap<Local, PersonsOf>,
    told: BTreeMap<Local, Told>,
}

/// The labels of a resource that others are about.
#[derive(Debug, Clone, Default)]
pub(in crate::enforce) struct Told {
    /// Those that it states, and those that its codes earn.
    pub(in crate::enforce) labelled: Labelled,
    /// The medicines that it is by reference.
    pub(in crate::enforce) medicines: Named,
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
        whom.meet(&all);
        for node in all {
            let found = whom.of(node);
            // Who is uncertain anyway asks for nothing.
            if found.certainty == Certainty::Uncertain {
                continue;
            }
            self.in_person.extend(found.in_person.iter().cloned());
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
        codes: &SensitiveCodes,
    ) -> Result<Self, NotEvidence> {
        let type_name = TypeName::parse(target.name()).ok_or(NotEvidence::Shape)?;
        let mut persons: BTreeMap<Local, PersonsOf> = BTreeMap::new();
        let mut told: BTreeMap<Local, Told> = BTreeMap::new();
        for node in resources(found, target.name())? {
            let id = node.str_at(&["id"]).and_then(|id| Id::parse(&id).ok()).ok_or(NotEvidence::Shape)?;
            if !ids.contains(&id) {
                return Err(NotEvidence::Strangers);
            }
            // One that is there twice is about everyone whom either is about.
            let local = Local::new(type_name.clone(), id);
            told.entry(local.clone()).or_default().add(node, whom.bases(), codes);
            persons.entry(local).or_default().extend(persons_of(node, Came::FromHolder, whom.bases()));
        }
        let subjects = persons.into_iter().filter_map(|(local, found)| Some((local, found.into_subjects()?)));
        Ok(Self { persons: subjects.collect(), told, ..Self::default() })
    }

    /// Adds what an answer told.
    pub fn take(&mut self, told: Self) {
        self.persons.extend(told.persons);
        self.told.extend(told.told);
    }

    /// Whether of none is known what it is labelled as.
    pub(in crate::enforce) fn tells_nothing(&self) -> bool {
        self.told.is_empty()
    }

    /// What one of them is labelled as.
    pub(in crate::enforce) fn told(&self, of: &Local) -> Option<&Told> {
        self.told.get(of)
    }

    /// `subjects` with everyone who was found.
    #[must_use]
    pub fn join(&self, mut subjects: Subjects) -> Subjects {
        for (local, persons) in &self.persons {
            subjects.patients.extend(persons.patients.iter().cloned());
            subjects.nhs_numbers.extend(&persons.nhs_numbers);
            subjects.kin.extend(&persons.kin);
            if self.in_person.contains(local) {
                subjects.nhs_numbers.extend(&persons.kin);
            }
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
                Some(persons) if found.in_person.contains(local) => {
                    whole.extend(persons.clone().into_persons());
                }
                Some(persons) => whole.extend(persons.clone()),
                None => whole.certainty = Certainty::Uncertain,
            }
        }
        Cow::Owned(whole)
    }
}

impl Told {
    fn add(&mut self, node: Node<'_>, bases: &Bases, codes: &SensitiveCodes) {
        self.labelled.join(&facts_weighed(node, Weighed::Labels, bases, codes).into());
        self.medicines.join(named(node, bases));
    }
}
