//! Whom fetched content concerns: keys and labels, no content.

use std::collections::BTreeSet;

use fhir::bundle::Bundle;
use fhir::json::{Document, Node};
use fhir::nhs_number::NhsNumber;
use fhir::reference::{Bases, Id, Reference};
use fhir::search::NamedPerson;
use fhir::tables::TypeId;

use super::everything::Gathered;
use super::facts::{self, PatientFacts};
use super::held::{Held, Versions};
use super::history;
use super::persons::{Came, PersonsOf, leads_to, named_by, persons_beside, persons_of};
use super::targets::in_pages;
use super::unfiltered::Unfiltered;
use super::whom::Whom;
use crate::agreement::Existence;
use crate::decision::ruling::Admitted;
use crate::interaction::{FhirAction, Interaction};
use crate::person::SystemName;

/// The most entries of one page that are looked at; a page with more is a fault that `minimise` tells.
const ENTRIES_MAX: usize = 5_000;

/// The persons an exchange concerns, as the content and the request name them.
#[derive(Debug, Clone, Default)]
pub struct Subjects {
    /// The system on which the Patient ids live.
    pub system: Option<SystemName>,
    /// Patient ids that the content refers to or the request names.
    pub patients: BTreeSet<Id>,
    /// Persons named by NHS number alone.
    pub nhs_numbers: BTreeSet<NhsNumber>,
    /// Persons who are named by NHS number as somebody's kin.
    pub kin: BTreeSet<NhsNumber>,
    /// Those of `patients` and `nhs_numbers` that the request itself names: refused ones stand in their own trail.
    pub named: Named,
    /// Ties of care stated by the content itself (a pushed Encounter or referral), by ODS code.
    pub stated_ties: Vec<StatedTie>,
    /// What the Patient that was read says about who she is: as fresh as what would be asked for.
    pub read: Option<PatientFacts>,
}

/// The persons the request itself names.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// By Patient id.
    pub patients: BTreeSet<Id>,
    /// By NHS number.
    pub nhs_numbers: BTreeSet<NhsNumber>,
}

impl FromIterator<NamedPerson> for Named {
    /// Those who are named by a Patient's id or by NHS number: whose another identifier is cannot be told by it.
    fn from_iter<T: IntoIterator<Item = NamedPerson>>(persons: T) -> Self {
        let mut named = Self::default();
        for person in persons {
            match person {
                NamedPerson::Patient(id) => {
                    named.patients.insert(id);
                }
                NamedPerson::Nhs(number) => {
                    named.nhs_numbers.insert(number);
                }
                NamedPerson::Identifier(_) => {}
            }
        }
        named
    }
}

/// A tie of care that a pushed message states about its own person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedTie {
    /// `Encounter/...` or `ServiceRequest/...` in the message.
    pub evidence: String,
}

/// Reads whom `held` and the request concern, on the system of `whom`.
#[must_use]
pub fn subjects(held: &Unfiltered<Held>, admitted: &Admitted, whom: &Whom<'_>) -> Subjects {
    let mut found = named(admitted);
    match held.inner() {
        Held::Resource(document) => {
            found.take(&whom.of(document.root()));
            found.read = facts::of_read(document.root(), whom.bases());
        }
        Held::Absent => {}
        Held::Binary { binary, pointing, .. } => {
            for node in std::iter::once(binary.root()).chain(in_pages(pointing)) {
                let persons = whom.of(node);
                found.take(&persons);
                // What a Binary names as its context it may name in person.
                found.nhs_numbers.extend(&persons.kin);
            }
        }
        Held::History { current, versions } => found.take_history(current, versions, whom),
        Held::Everything(Gathered { pages, .. }) => found.take_pages(pages, whom),
        Held::Searchset { pages, included, .. } => {
            found.take_pages(pages, whom);
            if let Some(included) = included {
                found.take_pages(&included.pages, whom);
            }
        }
    }
    found
}

/// Whom a body is about, as it was read once.
#[derive(Debug)]
pub struct About(pub(in crate::enforce) PersonsOf);

/// Reads whom a body that is to be written concerns, which is `together` or the first entry of it.
#[must_use]
pub fn subjects_of_body(
    body: &Unfiltered<Document>,
    together: &Unfiltered<Document>,
    admitted: &Admitted,
    bases: &Bases,
) -> (Subjects, About) {
    let mut found = named(admitted);
    let root = body.inner().root();
    let about = About(persons_of_body(body, together, admitted, bases));
    found.take(&about.0);
    found.named.patients.clone_from(&found.patients);
    found.named.nhs_numbers.clone_from(&found.nhs_numbers);
    if is_message(admitted) {
        found.stated_ties = stated_ties(root);
    }
    (found, about)
}

/// The persons of a body that is to be written, which is `together` or the first entry of it.
pub(in crate::enforce) fn persons_of_body(
    body: &Unfiltered<Document>,
    together: &Unfiltered<Document>,
    admitted: &Admitted,
    bases: &Bases,
) -> PersonsOf {
    let found = match std::ptr::eq(body, together) {
        true => persons_of(body.inner().root(), Came::Submitted, bases),
        false => persons_beside(body.inner().root(), together.inner().root(), bases),
    };
    // Whoever writes kin down chooses whose number it is: without a tie of hers, anybody could ask what she has said.
    if is_asked_of_kin(admitted) { found } else { found.into_persons() }
}

/// Whether kin in a body are asked no more than whether they refuse: nobody is told at once what they have said, or it is no
/// secret.
fn is_asked_of_kin(admitted: &Admitted) -> bool {
    match admitted.question().interaction {
        Interaction::Push { .. } => true,
        Interaction::Fhir { action: FhirAction::Message(_), .. } => admitted.existence() == Existence::Open,
        Interaction::Fhir { .. } | Interaction::Own(_) => false,
    }
}

/// Whether a body is a message: what its sender's own record says.
const fn is_message(admitted: &Admitted) -> bool {
    matches!(
        admitted.question().interaction,
        Interaction::Push { .. } | Interaction::Fhir { action: FhirAction::Message(_), .. }
    )
}

/// The urns under which a body names whom or what it is about.
#[must_use]
pub fn leads_of(body: &Unfiltered<Document>, bases: &Bases) -> BTreeSet<String> {
    leads_to(body.inner().root(), bases)
}

/// Whom a body names that is refused before anything is decided about it: it stands in their trail. Of a very long body,
/// or one that names very many, it is told of so many. Who is named as somebody's kin is not among them.
#[must_use]
pub fn named_in(body: &Unfiltered<Document>, bases: &Bases) -> Vec<NamedPerson> {
    let found = named_by(body.inner().root(), bases);
    let numbers = found.nhs_numbers.into_iter().map(NamedPerson::Nhs);
    numbers.chain(found.patients.into_iter().map(NamedPerson::Patient)).collect()
}

/// The one Patient whom a body of type `owner` names where the search parameter `code` looks; nothing if it names none there,
/// or several.
#[must_use]
pub fn patient_by(body: &Unfiltered<Document>, (owner, code): (TypeId, &str), bases: &Bases) -> Option<Id> {
    let mut found = BTreeSet::new();
    for path in fhir::tables::search_parameter(owner, code)?.reads()? {
        let mut steps: Vec<&str> = path.split('.').collect();
        let chosen = steps.pop()?.trim_end_matches("[x]");
        let named = [chosen.to_owned(), format!("{chosen}Reference")];
        for last in &named {
            let way: Vec<&str> = steps.iter().copied().chain([last.as_str(), "reference"]).collect();
            for text in body.inner().root().walk(&way).filter_map(Node::string) {
                let local = Reference::parse(&text, bases).ok().and_then(|parsed| parsed.local().cloned());
                found.extend(
                    local.filter(|local| local.resource_type.as_str() == "Patient").map(|local| local.id),
                );
            }
        }
    }
    let mut found = found.into_iter();
    found.next().filter(|_| found.next().is_none())
}

/// What the request alone says.
fn named(admitted: &Admitted) -> Subjects {
    let mut found = Subjects::default();
    let interaction = &admitted.question().interaction;
    match interaction {
        Interaction::Fhir { system, .. } | Interaction::Push { system } => {
            found.system = Some(system.clone())
        }
        Interaction::Own(_) => {}
    }
    found.named = interaction.named_persons().into_iter().collect();
    found.patients.clone_from(&found.named.patients);
    found.nhs_numbers.clone_from(&found.named.nhs_numbers);
    found
}

impl Subjects {
    fn take_pages(&mut self, pages: &[Document], whom: &Whom<'_>) {
        for page in pages {
            let Ok(bundle) = Bundle::read(page.root(), ENTRIES_MAX) else { continue };
            let resources: Vec<Node<'_>> =
                bundle.entries().iter().filter_map(|entry| entry.resource).collect();
            whom.meet(&resources);
            for resource in resources {
                self.take(&whom.of(resource));
            }
        }
    }

    fn take(&mut self, persons: &PersonsOf) {
        for id in &persons.patients {
            if !self.patients.contains(id) {
                self.patients.insert(id.clone());
            }
        }
        self.nhs_numbers.extend(&persons.nhs_numbers);
        self.kin.extend(&persons.kin);
    }

    /// Everyone whom the resource is or was about. Who she is, and how she is shielded, a Patient says as she is now.
    fn take_history(&mut self, current: &Document, versions: &Versions, whom: &Whom<'_>) {
        self.take(&whom.of(current.root()));
        self.read = facts::of_read(current.root(), whom.bases());
        let Versions::Known { pages, .. } = versions else { return };
        for version in pages.iter().flat_map(|page| page.root().walk(&["entry", "resource"])) {
            self.take(&whom.of(version));
            // A record that was once another person's is hers too, as it was then.
            self.nhs_numbers.extend(history::others_of(version, current.root()));
        }
    }
}

/// The stay or referral that a message is about: its own tie of care (DESIGN 3, "a push's relationship").
fn stated_ties(root: Node<'_>) -> Vec<StatedTie> {
    root.walk(&["entry", "resource"])
        .filter_map(|resource| {
            let name = resource.str_at(&["resourceType"])?;
            let id = resource.str_at(&["id"])?;
            matches!(&*name, "Encounter" | "ServiceRequest")
                .then(|| StatedTie { evidence: format!("{name}/{id}") })
        })
        .collect()
}
