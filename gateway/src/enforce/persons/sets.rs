//! The set of persons of a resource, as resources share it.

use std::hash::{Hash, Hasher};

use fhir::reference::{Id, LocalText};

use super::{Part, PersonsOf};

/// By those who stand in it alone: sets that differ in anything else are few, and are compared.
impl Hash for PersonsOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.patients.hash(state);
        self.nhs_numbers.hash(state);
    }
}

impl PersonsOf {
    /// A Patient whom a reference names; her id is copied where it is not known yet.
    pub(super) fn patient_named(&mut self, named: LocalText<'_>, part: Part) {
        let is_known = match part {
            Part::About => self.about_patients.contains(named.id()),
            Part::Aside => self.patients.contains(named.id()),
        };
        if !is_known && let Ok(id) = Id::parse(named.id()) {
            self.patient(id, part);
        }
    }
}
