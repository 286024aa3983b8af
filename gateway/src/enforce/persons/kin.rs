//! Who stands in a resource as the kin of a Patient: a RelatedPerson that bears an NHS number.
//!
//! The record is the Patient's, and she must permit. Whoever bears the number is named in it, and must not refuse: nobody
//! asks whether the recipient cares for a mother because her child is seen. Where what is said is about her herself, or
//! nobody can tell whose kin she is or which number is hers, she must permit like everybody else.

use std::collections::BTreeSet;

use fhir::json::{Kind, Node};
use fhir::nhs_number::NhsNumber;
use fhir::reference::Reference;

use super::number::{Number, number_of};
use super::{At, Part, PersonsOf, Scan, Stands};

/// The type that says whose kin somebody is.
pub(super) const RELATED: &str = "RelatedPerson";

impl PersonsOf {
    /// The same persons, where a resource is about them in person: whose kin they are besides does not matter.
    pub(in crate::enforce) fn into_persons(mut self) -> Self {
        let kin = std::mem::take(&mut self.kin);
        self.about_nhs_numbers.extend(&kin);
        self.nhs_numbers.extend(kin);
        self
    }

    /// Everybody who is named by NHS number, in whichever way.
    pub(in crate::enforce) fn numbers(&self) -> impl Iterator<Item = &NhsNumber> {
        self.nhs_numbers.union(&self.kin)
    }
}

impl<'n> Scan<'n, '_> {
    /// Whether a RelatedPerson or a Person bears NHS numbers: she is described by it, as the kin of a Patient or in person.
    pub(super) fn numbered(&mut self, person: Node<'n>, at: &At<'n>) -> bool {
        let (mut numbers, mut in_use, mut is_any) = (BTreeSet::new(), BTreeSet::new(), false);
        for identifier in person.walk(&["identifier"]) {
            match number_of(identifier) {
                Number::Of(number) => {
                    numbers.insert(number);
                    if !identifier.member("use").is_some_and(|used| used.is_string("old")) {
                        in_use.insert(number);
                    }
                }
                Number::Invalid => {
                    is_any = true;
                    self.found.uncertain();
                }
                Number::Other => {}
            }
        }
        // Of two numbers in use nobody can tell which is hers.
        if at.owner == RELATED && in_use.len() <= 1 && self.is_of_a_patient(person, at) {
            self.found.kin.extend(&numbers);
        } else {
            numbers.iter().for_each(|number| self.found.nhs_number(*number, Part::About));
        }
        is_any || !numbers.is_empty()
    }

    /// A RelatedPerson of the same text whom something is about in person.
    pub(super) fn in_person(&mut self, related: Node<'_>) {
        for identifier in related.walk(&["identifier"]) {
            self.logical(identifier, || Part::About);
        }
    }

    /// Whether a RelatedPerson says of which Patient she is the kin. That one is among those the resource is about.
    fn is_of_a_patient(&mut self, related: Node<'n>, at: &At<'n>) -> bool {
        let Some(patient) = related.member("patient").filter(|patient| patient.kind() == Kind::Object) else {
            return false;
        };
        let Some(address) = patient.member("reference") else {
            return matches!(patient.member("identifier").map(number_of), Some(Number::Of(_)));
        };
        let Some(text) = address.string() else { return false };
        let is_patient =
            |resource: Node<'_>| resource.str_at(&["resourceType"]).is_some_and(|name| name == "Patient");
        match Reference::parse(&text, self.bases) {
            Ok(Reference::Local(local)) => local.resource_type.as_str() == "Patient",
            Ok(Reference::Contained(id)) => self.contained(id.as_str(), at).is_some_and(is_patient),
            Ok(Reference::Urn(urn)) => self.entry_at(&urn).is_some_and(is_patient),
            Ok(Reference::Container) => at.stands == Stands::Inside && is_patient(at.part),
            Ok(Reference::Elsewhere(_)) | Err(_) => false,
        }
    }
}
