//! What a body that is sent may name beside whom it is about: which references that lead out of it stay in it.

use std::collections::BTreeSet;

use fhir::json::{Document, Node};
use fhir::reference::{Bases, Reference};
use fhir::tables::{self, TypeId};

use super::account::Account;
use super::judge::{NO_TYPES, Targets};
use super::release::Minimised;
use super::subjects::Subjects;
use super::unfiltered::Unfiltered;
use crate::decision::ruling::Ruling;
use crate::trail::record::AboutPerson;

/// Which references that lead out of what is sent stay in it, where they lead to what may be about a person.
#[derive(Debug)]
pub enum Naming {
    /// All that the rules let be named: the sender does not hear how the receiver takes it, and so not whether they lead
    /// to anything.
    ByRule,
    /// Of those, the ones to what the sender may read where it goes.
    Read(Readable),
}

/// What the sender of a body may read of what it names, where it goes.
#[derive(Debug, Default)]
pub struct Readable {
    /// `Type/id`.
    pub(in crate::enforce) names: BTreeSet<String>,
    /// Who is behind the rest, for oversight.
    pub(in crate::enforce) met: Vec<AboutPerson>,
    /// Whether there is anything that she may not.
    pub(in crate::enforce) rest: Rest,
    /// Types that are looked up though nothing of them is about a person.
    pub(in crate::enforce) looked_up: BTreeSet<TypeId>,
}

/// Whether something is named that may not be read, or is not there.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Nothing is.
    #[default]
    None,
    /// Something is.
    Some,
}

impl Naming {
    pub(in crate::enforce) const fn targets(&self) -> Targets<'_> {
        match self {
            Self::ByRule => Targets::OfOpenTypes,
            Self::Read(readable) => Targets::Known(&readable.names),
        }
    }

    pub(in crate::enforce) const fn looked_up(&self) -> &BTreeSet<TypeId> {
        match self {
            Self::ByRule => &NO_TYPES,
            Self::Read(readable) => &readable.looked_up,
        }
    }
}

impl Readable {
    /// Whether something is named that may not be read, or is not there.
    #[must_use]
    pub const fn rest(&self) -> Rest {
        self.rest
    }

    /// What was met behind what is named, as `ruling` says.
    pub(in crate::enforce) fn of(
        names: BTreeSet<String>,
        asked: usize,
        ruling: &Ruling,
        subjects: &Subjects,
    ) -> Self {
        let rest = if names.len() < asked { Rest::Some } else { Rest::None };
        Self { names, met: Account::new(ruling, subjects).close(), rest, looked_up: BTreeSet::new() }
    }

    /// The same, where of these types nothing else may be named either.
    #[must_use]
    pub fn and_nothing_else_of(self, looked_up: BTreeSet<TypeId>) -> Self {
        Self { looked_up, ..self }
    }
}

impl Minimised {
    /// The same, with those in its record who are behind what was named and may not be. Nothing of theirs is sent.
    #[must_use]
    pub fn having_met(mut self, naming: &Naming) -> Self {
        if let Naming::Read(Readable { met, .. }) = naming {
            let persons = &mut self.records.persons;
            let who = |person: &AboutPerson| (person.nhs_number.clone(), person.patient.clone());
            let known: BTreeSet<_> = persons.iter().map(who).collect();
            persons.extend(met.iter().filter(|person| !known.contains(&who(person))).cloned());
        }
        self
    }
}

/// The types of what a body names, Patients aside, by references to resources of the system that it goes to.
#[must_use]
pub fn types_named(body: &Unfiltered<Document>, bases: &Bases) -> BTreeSet<TypeId> {
    let root: Node<'_> = body.inner().root();
    let named = root.members_within().filter(|(key, _)| key.is("reference"));
    let named = named.filter_map(|(_, value)| {
        let reference = Reference::parse(&value.string()?, bases).ok()?;
        tables::resource_type(reference.local()?.resource_type.as_str())
    });
    named.filter(|target| target.name() != "Patient").collect()
}
