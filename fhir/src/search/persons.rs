//! The persons that a search names.

use std::collections::BTreeSet;
use std::fmt;

use super::SearchQuery;
use super::criterion::{Criterion, ReferenceTest, Test, TokenModifier, TokenTest};
use super::matches::{self, Match};
use super::references::References;
use super::write::form;
use crate::identifier::{Identifier, NHS_NUMBER};
use crate::json::Node;
use crate::nhs_number::NhsNumber;
use crate::reference::{Bases, Id, Reference};
use crate::tables::{self, TypeId};

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

/// The parameter by which a search of `owner` names the person whom its resources belong to: `patient`, else `subject`,
/// else the only one that ties the type to the compartment of a Patient. Patients themselves are named by `_id`.
#[must_use]
pub fn names_person_by(owner: TypeId) -> Option<&'static str> {
    let ties = tables::patient_compartment(owner);
    if ties.is_empty() || owner.name() == "Patient" {
        return None;
    }
    let has = |code: &&str| tables::search_parameter(owner, code).is_some();
    ["patient", "subject"].into_iter().find(has).or(match ties {
        [only] => Some(*only),
        _ => None,
    })
}

impl SearchQuery {
    /// Every person that the query names; empty when it names none.
    ///
    /// A criterion names persons when each of its values does: `subject=Patient/1,Group/2` names nobody, for its
    /// answer may be about others.
    #[must_use]
    pub fn named_persons(&self) -> BTreeSet<NamedPerson> {
        self.criteria
            .iter()
            .filter_map(|criterion| persons(criterion, self.resource_type))
            .flatten()
            .collect()
    }

    /// Whether two of its criteria name different persons of whom a resource has one only: nothing can meet both.
    ///
    /// `patient=1&patient=2` does, where `patient=1,2` asks for either. Nothing is held against persons who are named in
    /// different ways, nor where a resource may be about several (`Appointment?patient=1&patient=2`).
    #[must_use]
    pub fn contradicts_itself(&self) -> bool {
        let named: Vec<Vec<NamedPerson>> = self
            .criteria
            .iter()
            .filter(|criterion| is_of_one(criterion, self.resource_type))
            .filter_map(|criterion| persons(criterion, self.resource_type))
            .collect();
        named.iter().enumerate().any(|(at, these)| {
            let mut others = named.iter().skip(at + 1);
            others.any(|those| these.iter().all(|one| those.iter().all(|other| are_two(one, other))))
        })
    }
}

impl Criterion {
    /// The persons whom the criterion names in a search of `of`; nothing when it is no such criterion, or one of its values
    /// is no person.
    #[must_use]
    pub fn names_persons(&self, of: TypeId) -> Option<Vec<NamedPerson>> {
        persons(self, of)
    }
}

/// The criteria of a query that name persons by reference.
pub struct Naming<'q> {
    criteria: Vec<(&'q Criterion, &'q References)>,
}

impl fmt::Debug for Naming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Naming({} criteria)", self.criteria.len())
    }
}

impl Naming<'_> {
    /// Whether `resource` meets each criterion that refers to Patients by one of those whom `is_seen` picks. Which of
    /// several Patients of a resource meets it is not to be told of those who are not seen.
    #[must_use]
    pub fn is_met_by(
        &self,
        is_seen: &dyn Fn(&NamedPerson) -> bool,
        resource: Node<'_>,
        bases: &Bases,
    ) -> bool {
        let is_picked = |test: &ReferenceTest| {
            let person = spoken_of(&test.0);
            person.is_none_or(|person| is_seen(&person))
        };
        self.criteria.iter().all(|(criterion, any)| {
            match matches::matches_one_of(criterion, any, &is_picked, resource, bases) {
                Match::Yes => true,
                Match::No => false,
                // The resource does not tell: it is enough that somebody is asked for who is seen.
                Match::CannotTell => any.iter().any(is_picked),
            }
        })
    }
}

impl SearchQuery {
    /// Its criteria that name persons by reference, found once for many resources.
    #[must_use]
    pub fn naming(&self) -> Naming<'_> {
        let mut criteria = Vec::new();
        for criterion in &self.criteria {
            if let Test::Reference(any) = &criterion.test
                && refers_to_persons(criterion, any, self.resource_type)
            {
                criteria.push((criterion, any));
            }
        }
        Naming { criteria }
    }

    /// The query as [`SearchQuery::to_form`] writes it, with this person in the place of everybody whom it names.
    #[must_use]
    pub fn to_form_naming(&self, id: &Id, number: &NhsNumber) -> String {
        form(self.criteria.iter().map(|criterion| {
            let (name, value) = criterion.to_pair();
            let value = match (persons(criterion, self.resource_type).as_deref(), &criterion.test) {
                (None | Some([]), _) => value,
                (Some([NamedPerson::Patient(_), ..]), Test::Reference(_)) => {
                    format!("Patient/{}", id.as_str())
                }
                (Some([NamedPerson::Patient(_), ..]), _) => id.as_str().to_owned(),
                (Some([NamedPerson::Nhs(_) | NamedPerson::Identifier(_), ..]), _) => {
                    format!("{NHS_NUMBER}|{}", number.as_str())
                }
            };
            (name, value)
        }))
    }

    /// The part of the query that says by name what it is about, persons or ids, for a system that does not take the rest of
    /// it: whoever reads the answer can tell by [`SearchQuery::matches`] what meets the rest.
    ///
    /// Nothing where the query names nothing, or nothing beside it, or where the rest is for the system alone to say.
    #[must_use]
    pub fn to_named_alone(&self) -> Option<Self> {
        let names = |criterion: &Criterion| {
            let is_id = matches!(criterion.test, Test::Token { modifier: TokenModifier::Is, .. });
            (is_id && criterion.code() == "_id")
                || persons(criterion, self.resource_type).is_some_and(|named| !named.is_empty())
        };
        let (named, rest): (Vec<Criterion>, Vec<Criterion>) =
            self.criteria.iter().cloned().partition(|criterion| names(criterion));
        if named.is_empty() || rest.is_empty() || rest.iter().any(matches::is_left_to_servers) {
            return None;
        }
        Some(Self { criteria: named, ..self.clone() })
    }

    /// The query about each person alone whom it names: what meets it meets exactly one of these.
    ///
    /// Nothing where it names nobody or one person, where more than one criterion names persons, one of them by something else
    /// than a Patient's id or NHS number, or where one resource may be about several.
    #[must_use]
    pub fn apart(&self) -> Vec<(NamedPerson, Self)> {
        let of = self.resource_type;
        let names = |criterion: &&Criterion| persons(criterion, of).is_some_and(|named| !named.is_empty());
        let mut naming = self.criteria.iter().filter(names);
        let (Some(naming), None) = (naming.next(), naming.next()) else { return Vec::new() };
        let named: BTreeSet<NamedPerson> = persons(naming, of).into_iter().flatten().collect();
        let is_known = |person: &NamedPerson| !matches!(person, NamedPerson::Identifier(_));
        if named.len() < 2 || !named.iter().all(is_known) || !is_of_one(naming, of) {
            return Vec::new();
        }
        let alone = |person: NamedPerson| {
            let criteria = self.criteria.iter().map(|criterion| match std::ptr::eq(criterion, naming) {
                true => about(criterion, of, &|named| *named == person),
                false => Some(criterion.clone()),
            });
            let criteria = criteria.collect::<Option<Vec<Criterion>>>()?;
            Some((person, Self { criteria, ..self.clone() }))
        };
        named.into_iter().filter_map(alone).collect()
    }

    /// The query as [`SearchQuery::to_whole_form`] writes it, with nobody named in it but those whom `is_her` picks: no
    /// other Patient by id, and no other NHS number, whatever is asked of them.
    #[must_use]
    pub fn to_form_about(&self, is_her: &dyn Fn(&NamedPerson) -> bool) -> String {
        form(
            self.criteria
                .iter()
                .filter_map(|criterion| about(criterion, self.resource_type, is_her))
                .map(|one| one.to_pair())
                .chain(self.controls.to_pairs()),
        )
    }
}

/// Whether what the criterion reads stands at most once in a resource. Of NHS numbers a person has one.
fn is_of_one(criterion: &Criterion, of: TypeId) -> bool {
    let is_single = |path: &String| {
        let mut owner = Some(of);
        path.split('.').all(|step| {
            let element = owner.and_then(|owner| tables::element_named(owner, step));
            owner = element.as_ref().and_then(tables::Element::child_type);
            element.is_some_and(|element| !element.is_array())
        })
    };
    of.name() == "Patient" || criterion.reads().iter().all(is_single)
}

/// Whether these are two persons for certain: one has several identifiers, but for the NHS number.
fn are_two(one: &NamedPerson, other: &NamedPerson) -> bool {
    match (one, other) {
        (NamedPerson::Patient(one), NamedPerson::Patient(other)) => one != other,
        (NamedPerson::Nhs(one), NamedPerson::Nhs(other)) => one != other,
        (NamedPerson::Patient(_) | NamedPerson::Nhs(_) | NamedPerson::Identifier(_), _) => false,
    }
}

/// The criterion without those whom `is_her` does not pick; nothing, if nothing is left of it.
fn about(criterion: &Criterion, of: TypeId, is_her: &dyn Fn(&NamedPerson) -> bool) -> Option<Criterion> {
    let code = criterion.code();
    let mut hers = criterion.clone();
    let left = match &mut hers.test {
        Test::Reference(any) => {
            any.retain(|test| spoken_of(&test.0).is_none_or(|person| is_her(&person)));
            any.len()
        }
        Test::Token { any, .. } => {
            any.retain(|token| spoken_of_by_token(token, code, of).is_none_or(|person| is_her(&person)));
            any.len()
        }
        Test::Together(any) => {
            any.retain(|tests| {
                tests.iter().flat_map(|test| spoken_of_together(test, of)).all(|person| is_her(&person))
            });
            any.len()
        }
        Test::Missing(_)
        | Test::String { .. }
        | Test::Date(_)
        | Test::Number(_)
        | Test::Quantity(_)
        | Test::Uri(_) => return Some(hers),
    };
    (left > 0).then_some(hers)
}

/// Everybody of whom one component of a composite speaks.
fn spoken_of_together(test: &Test, of: TypeId) -> Vec<NamedPerson> {
    match test {
        Test::Reference(any) => any.iter().filter_map(|test| spoken_of(&test.0)).collect(),
        Test::Token { any, .. } => any.iter().filter_map(|token| spoken_of_by_token(token, "", of)).collect(),
        Test::Together(any) => any.iter().flatten().flat_map(|test| spoken_of_together(test, of)).collect(),
        Test::Missing(_)
        | Test::String { .. }
        | Test::Date(_)
        | Test::Number(_)
        | Test::Quantity(_)
        | Test::Uri(_) => Vec::new(),
    }
}

/// The person a reference speaks of, whatever the parameter; one elsewhere is somebody who cannot be told.
fn spoken_of(reference: &Reference) -> Option<NamedPerson> {
    match reference {
        Reference::Local(_) => referred(reference),
        Reference::Elsewhere(url) | Reference::Urn(url) => {
            Some(NamedPerson::Identifier(Identifier { system: None, value: url.to_string() }))
        }
        Reference::Contained(_) | Reference::Container => None,
    }
}

fn spoken_of_by_token(token: &TokenTest, code: &str, of: TypeId) -> Option<NamedPerson> {
    let is_patient = of.name() == "Patient";
    if code == "_id" {
        return is_patient.then(|| by_id(token)).flatten();
    }
    match by_identifier(token)? {
        NamedPerson::Identifier(identifier) => {
            let number = NhsNumber::parse(&identifier.value).ok().map(NamedPerson::Nhs);
            let is_patients = code == "identifier" && is_patient;
            number.or_else(|| is_patients.then_some(NamedPerson::Identifier(identifier)))
        }
        known @ (NamedPerson::Patient(_) | NamedPerson::Nhs(_)) => Some(known),
    }
}

fn persons(criterion: &Criterion, of: TypeId) -> Option<Vec<NamedPerson>> {
    let is_patient = of.name() == "Patient";
    match (&criterion.test, criterion.code()) {
        (Test::Reference(any), _) if refers_to_persons(criterion, any, of) => {
            any.iter().map(|test| referred(&test.0)).collect()
        }
        (Test::Token { modifier: TokenModifier::Is, any }, "_id") if is_patient => {
            any.iter().map(by_id).collect()
        }
        (Test::Token { modifier: TokenModifier::Is, any }, "identifier") if is_patient => {
            any.iter().map(by_identifier).collect()
        }
        _ => None,
    }
}

/// Whether the criterion, which asks for `any`, asks for the person whom a resource belongs to, and for Patients alone.
fn refers_to_persons(criterion: &Criterion, any: &References, of: TypeId) -> bool {
    let code = criterion.code();
    (matches!(code, "patient" | "subject") || names_person_by(of) == Some(code))
        && any.iter().all(|test| patient(&test.0).is_some())
}

fn referred(reference: &Reference) -> Option<NamedPerson> {
    patient(reference).cloned().map(NamedPerson::Patient)
}

/// The Patient of the system to whom a reference leads.
fn patient(reference: &Reference) -> Option<&Id> {
    let local = reference.local()?;
    (local.resource_type.as_str() == "Patient").then_some(&local.id)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::json::{Limits, parse};
    use crate::search::grammar;

    const IDS: [&str; 4] = ["a", "b", "c", "d"];

    fn query(owner: &str, text: &str) -> SearchQuery {
        let owner = tables::resource_type(owner).expect("a type");
        let bases = Bases::new(["https://ehr.example/fhir"]).expect("a base");
        SearchQuery::compile(owner, &grammar::parse(text).expect("a query"), &bases).expect("a search")
    }

    /// As it is said: each criterion that names persons, without those who are not seen, is asked of the resource.
    fn is_met(
        query: &SearchQuery,
        is_seen: &dyn Fn(&NamedPerson) -> bool,
        resource: Node<'_>,
        bases: &Bases,
    ) -> bool {
        query.criteria.iter().all(|criterion| {
            let is_reference = matches!(criterion.test, Test::Reference(_));
            if !is_reference || persons(criterion, query.resource_type).is_none() {
                return true;
            }
            let seen = about(criterion, query.resource_type, is_seen);
            seen.is_some_and(|seen| matches::matches(&seen, resource, bases) != Match::No)
        })
    }

    #[test]
    fn a_search_about_several_is_one_search_each_where_a_resource_is_about_one() {
        let apart = |owner: &str, text: &str| -> Vec<String> {
            query(owner, text).apart().iter().map(|(_, alone)| alone.to_form()).collect()
        };
        let number = |number| format!("identifier={NHS_NUMBER}|{number}");
        for (owner, text, expected) in [
            ("Patient", "_id=b,a".to_owned(), vec!["_id=a", "_id=b"]),
            (
                "Condition",
                "patient=a,Patient/b&code=1,2".to_owned(),
                vec!["patient=Patient/a&code=1,2", "patient=Patient/b&code=1,2"],
            ),
            ("Patient", "_id=a".to_owned(), vec![]),
            ("Patient", "family=Example&birthdate=1950-01-01".to_owned(), vec![]),
            // Two criteria, something that may be anybody's, and what may be about both.
            ("Patient", format!("_id=a,b&{}", number("9990000018")), vec![]),
            ("Patient", format!("{},urn:id:cases|7", number("9990000018")), vec![]),
            ("Appointment", "patient=a,b".to_owned(), vec![]),
        ] {
            let expected: Vec<String> =
                expected.into_iter().map(|form| query(owner, form).to_form()).collect();
            assert_eq!(apart(owner, &text), expected, "{owner}?{text}");
        }
        let both = format!("{},{NHS_NUMBER}|9990000026", number("9990000018"));
        assert_eq!(apart("Patient", &both).len(), 2);
    }

    proptest! {
        #[test]
        fn who_is_picked_is_as_who_is_left(
            asked in prop::collection::vec(0..IDS.len(), 1..4),
            again in prop::collection::vec(0..IDS.len(), 0..3),
            seen in prop::collection::vec(0..IDS.len(), 0..4),
            held in prop::collection::vec(prop::sample::select(vec![
                "Patient/a", "Patient/b", "https://ehr.example/fhir/Patient/c", "Patient/d/_history/2",
                "https://other.example/Patient/a", "Group/a", "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", "#a", "?",
            ]), 0..3),
            owner in prop::sample::select(vec!["Observation", "Appointment", "Encounter", "Consent"]),
        ) {
            let names = |picked: &[usize]| -> Vec<&str> {
                picked.iter().filter_map(|at| IDS.get(*at).copied()).collect()
            };
            let mut text = format!("patient={}", names(&asked).join(","));
            if !again.is_empty() {
                text.push_str(&format!("&patient={}", names(&again).join(",")));
            }
            let query = query(owner, &text);
            let references: Vec<String> =
                held.iter().map(|to| format!(r#"{{"reference":"{to}"}}"#)).collect();
            let json = match (owner, references.first()) {
                (_, None) => format!(r#"{{"resourceType":"{owner}"}}"#),
                ("Appointment", _) => {
                    let actors: Vec<String> =
                        references.iter().map(|to| format!(r#"{{"actor":{to}}}"#)).collect();
                    format!(r#"{{"resourceType":"{owner}","participant":[{}]}}"#, actors.join(","))
                }
                ("Consent", Some(to)) => format!(r#"{{"resourceType":"{owner}","patient":{to}}}"#),
                (_, Some(to)) => format!(r#"{{"resourceType":"{owner}","subject":{to}}}"#),
            };
            let document = parse(json.into(), &Limits::default()).expect("test input");
            let bases = Bases::new(["https://ehr.example/fhir"]).expect("a base");
            let seen = names(&seen);
            let is_seen = |person: &NamedPerson| {
                matches!(person, NamedPerson::Patient(id) if seen.contains(&id.as_str()))
            };
            prop_assert_eq!(
                query.naming().is_met_by(&is_seen, document.root(), &bases),
                is_met(&query, &is_seen, document.root(), &bases)
            );
        }
    }
}
