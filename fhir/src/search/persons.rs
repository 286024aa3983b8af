//! The persons that a search names.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::SearchQuery;
use super::criterion::{Criterion, Test, TokenModifier, TokenTest};
use super::write::form;
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

impl SearchQuery {
    /// The criteria as [`SearchQuery::to_form`] writes them, with nobody named in them but those whom `is_her` picks.
    #[must_use]
    pub fn to_form_about(&self, is_her: &dyn Fn(&NamedPerson) -> bool) -> String {
        let of = (self.resource_type.name() == "Patient").then_some(Patient);
        form(
            self.criteria
                .iter()
                .filter_map(|criterion| about(criterion, of, is_her))
                .map(|one| one.to_pair()),
        )
    }
}

/// The criterion with only those of its persons whom `is_her` picks; nothing, if none of them is picked.
fn about<'a>(
    criterion: &'a Criterion,
    of: Option<Patient>,
    is_her: &dyn Fn(&NamedPerson) -> bool,
) -> Option<Cow<'a, Criterion>> {
    let Some(named) = persons(criterion, of) else { return Some(Cow::Borrowed(criterion)) };
    let mut hers = named.iter().map(is_her).collect::<Vec<_>>().into_iter();
    let mut criterion = criterion.clone();
    let left = match &mut criterion.test {
        Test::Reference(any) => {
            any.retain(|_| hers.next().unwrap_or_default());
            any.len()
        }
        Test::Token { any, .. } => {
            any.retain(|_| hers.next().unwrap_or_default());
            any.len()
        }
        Test::Missing(_)
        | Test::String { .. }
        | Test::Date(_)
        | Test::Number(_)
        | Test::Quantity(_)
        | Test::Uri(_) => 0,
    };
    (left > 0).then_some(Cow::Owned(criterion))
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
