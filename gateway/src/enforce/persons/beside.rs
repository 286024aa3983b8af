//! Whom a new resource is about that is sent together with others it refers to.

use std::collections::BTreeSet;

use fhir::json::Node;
use fhir::reference::Bases;

use super::followed::Text;
use super::{About, At, BEHIND_MAX, Bound, Came, Certainty, Members, PersonsOf, Scan, Stands};

/// The urns under which a body names whom or what it is about.
pub(in crate::enforce) fn leads_to(body: Node<'_>, bases: &Bases) -> BTreeSet<String> {
    Scan::of(body, body, (Came::Submitted, bases), Bound::Whole).leads
}

/// The persons of `body`, which is the first entry of the Bundle `together`: its own, as if it had come alone, and those
/// whom the other entries are about. Who merely did something in those is decided about with them.
pub(in crate::enforce) fn persons_beside(body: Node<'_>, together: Node<'_>, bases: &Bases) -> PersonsOf {
    let from = (Came::Submitted, bases);
    let mut scan = Scan::over(Text::of(together), from, Bound::Whole);
    let mut found = scan.alone(body);
    for other in together.walk(&["entry", "resource"]).skip(1) {
        found.join_subjects(scan.alone(other));
    }
    if found.behind.len() > BEHIND_MAX {
        found.uncertain();
    }
    found
}

impl<'n> Scan<'n, '_> {
    /// What a resource says by itself. What is followed in the text is read once for all.
    fn alone(&mut self, resource: Node<'n>) -> PersonsOf {
        let owner = resource.str_at(&["resourceType"]).unwrap_or_default();
        let stands = if owner == "Bundle" { Stands::Frame } else { Stands::Alone };
        self.resource(resource, &At { part: resource, owner, stands });
        std::mem::take(&mut self.found)
    }
}

impl PersonsOf {
    /// Adds whom something is about that this is about.
    fn join_subjects(&mut self, other: Self) {
        // A list of what is told is about those whom that is about.
        if self.about == About::Members && other.about == About::Somebody {
            self.about = About::Somebody;
        }
        let is_told = other.about != About::Members || other.members == Members::Told;
        if !is_told || other.certainty == Certainty::Uncertain {
            self.uncertain();
        }
        let (patients, nhs_numbers) = match other.about {
            About::Members => (other.patients, other.nhs_numbers),
            About::Nobody | About::Somebody => (other.about_patients, other.about_nhs_numbers),
        };
        self.about_patients.extend(patients.iter().cloned());
        self.about_nhs_numbers.extend(nhs_numbers.iter().copied());
        self.patients.extend(patients);
        self.nhs_numbers.extend(nhs_numbers);
        self.kin.extend(other.kin);
        self.behind.extend(other.behind);
        self.in_person.extend(other.in_person);
    }
}
