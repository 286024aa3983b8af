//! The persons that a search names.

use std::collections::BTreeSet;

use super::SearchQuery;
use super::criterion::{Criterion, Test, TokenModifier, TokenTest};
use crate::identifier::Identifier;
use crate::nhs_number::NhsNumber;
use crate::reference::{Id, Reference};

/// A person as a search names her.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum NamedPerson {
    /// By the id of the Patient on the system that is searched.
    Patient(Id),
    /// By a valid NHS number.
    Nhs(NhsNumber),
    /// By another identifier of the Patient.
    Identifier(Identifier),
}

impl SearchQuery {
    /// Every person that the query names; empty when it names none.
    ///
    /// A criterion names persons when each of its values does: `subject=Patient/1,Group/2` names nobody, for its
    /// answer may be about others.
    #[must_use]
    pub fn named_persons(&self) -> BTreeSet<NamedPerson> {
        let is_patient = self.resource_type.name() == "Patient";
        self.criteria
            .iter()
            .filter_map(|criterion| persons(criterion, is_patient.then_some(Patient)))
            .flatten()
            .collect()
    }
}

/// Stands for "the search is of Patients".
#[derive(Clone, Copy)]
struct Patient;

fn persons(criterion: &Criterion, of: Option<Patient>) -> Option<Vec<NamedPerson>> {
    match (&criterion.test, criterion.code(), of) {
        (Test::Reference(any), "patient" | "subject", _) => {
            any.iter().map(|test| referred(&test.0)).collect()
        }
        (Test::Token { modifier: TokenModifier::Is, any }, "_id", Some(Patient)) => {
            any.iter().map(by_id).collect()
        }
        (Test::Token { modifier: TokenModifier::Is, any }, "identifier", Some(Patient)) => {
            any.iter().map(by_identifier).collect()
        }
        _ => None,
    }
}

fn referred(reference: &Reference) -> Option<NamedPerson> {
    let local = reference.local()?;
    (local.resource_type.as_str() == "Patient").then(|| NamedPerson::Patient(local.id.clone()))
}

fn by_id(token: &TokenTest) -> Option<NamedPerson> {
    match token {
        TokenTest::Code(id) => Id::parse(id).ok().map(NamedPerson::Patient),
        TokenTest::WithoutSystem(_) | TokenTest::Coded { .. } | TokenTest::System(_) => None,
    }
}

fn by_identifier(token: &TokenTest) -> Option<NamedPerson> {
    let identifier = match token {
        TokenTest::Coded { system, code } => Identifier::new(system.as_str(), code.as_str()),
        TokenTest::Code(value) | TokenTest::WithoutSystem(value) => {
            Identifier { system: None, value: value.clone() }
        }
        TokenTest::System(_) => return None,
    };
    Some(identifier.nhs_number().map_or(NamedPerson::Identifier(identifier), NamedPerson::Nhs))
}
