//! Which persons one resource is about, by every form in which FHIR can name one.
//!
//! What makes a resource about somebody are its subjects: each must be told, and must permit. What is said of others is
//! told apart by the element they stand in ([`roles`]): who merely did something, or is one of a list, goes when she may
//! not be seen; who is mentioned in any other way must permit too, and still makes nothing about her. Contained
//! resources and the entries of a Bundle are read like the resource itself; whoever stands in them must permit. Who
//! cannot be told makes the resource uncertain, and it is withheld.

use std::borrow::Cow;
use std::collections::BTreeSet;

use fhir::json::{Key, Kind, Node};
use fhir::nhs_number::NhsNumber;
use fhir::reference::{Bases, Id, Local, LocalText, Reference};

use self::followed::Text;
use self::number::{Number, number_of};
use self::roles::{Depth, Place, Role};

mod beside;
mod followed;
mod kin;
mod misfit;
mod number;
mod roles;
mod sets;

pub(in crate::enforce) use beside::{leads_to, persons_beside};
pub(in crate::enforce) use number::{is_nhs_number, nhs_number};
pub(in crate::enforce) use roles::says_who_did;
#[cfg(test)]
mod passed_over;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod translated;

/// The most resources behind which the persons of one resource are looked for.
const BEHIND_MAX: usize = 50;
/// How many values of a body are looked at for the persons it names, where nothing is decided about it.
const LOOKED_AT_MAX: usize = 100_000;
/// How many of them are told.
const NAMED_MAX: usize = 1_000;
/// Types of which a reference by name alone, or by an identifier of nobody knows what, may be about a person.
const PATIENT: &[u8; 7] = b"Patient";
const PEOPLE: [&str; 4] = ["Patient", "RelatedPerson", "Person", "Group"];

/// The persons of one resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::enforce) struct PersonsOf {
    /// Patients of the system, by id.
    pub(in crate::enforce) patients: BTreeSet<Id>,
    /// Persons named by NHS number.
    pub(in crate::enforce) nhs_numbers: BTreeSet<NhsNumber>,
    /// Who stands in it as the kin of a Patient who must permit, by NHS number: she must not refuse.
    pub(in crate::enforce) kin: BTreeSet<NhsNumber>,
    /// Those of `patients` who must permit: all but those who go with what is said of them.
    pub(in crate::enforce) about_patients: BTreeSet<Id>,
    /// Those of `nhs_numbers` who must permit.
    pub(in crate::enforce) about_nhs_numbers: BTreeSet<NhsNumber>,
    /// What else the resource is about: it is about those whom that is about.
    pub(in crate::enforce) behind: BTreeSet<Local>,
    /// Those of `behind` who are its subjects in person, and not as the kin of somebody.
    pub(in crate::enforce) in_person: BTreeSet<Local>,
    /// Whether it is about anybody.
    pub(in crate::enforce) about: About,
    /// Whether all its members are told, where it has any.
    pub(in crate::enforce) members: Members,
    /// Whether someone is named who cannot be told.
    pub(in crate::enforce) certainty: Certainty,
}

/// Whether a resource is about anybody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::enforce) enum About {
    /// It says about nobody that it is about her.
    #[default]
    Nobody,
    /// About its members, if there are any.
    Members,
    /// About somebody who is told.
    Somebody,
}

/// Whether the members of what is about its members are told: each is a person, or nobody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::enforce) enum Members {
    /// All of them.
    #[default]
    Told,
    /// One leads further, or bears a name that tells nobody who she is.
    Untold,
}

/// Whether all persons of a resource could be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::enforce) enum Certainty {
    /// All of them.
    #[default]
    Certain,
    /// A Patient without a key, or a reference that cannot be read.
    Uncertain,
}

/// What the word of a person means for the resource.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// She must permit.
    About,
    /// What is said of her goes if she does not.
    Aside,
}

/// Where a resource comes from: only its holder's ids are ids there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::enforce) enum Came {
    /// From the system that holds it.
    FromHolder,
    /// From someone who wants it stored there: the `id` it bears names nobody there.
    Submitted,
}

impl PersonsOf {
    /// One Patient, whom it is about.
    pub(in crate::enforce) fn about(id: Id) -> Self {
        let mut found = Self { about: About::Somebody, ..Self::default() };
        found.patient(id, Part::About);
        found
    }

    /// The persons of both.
    pub(in crate::enforce) fn extend(&mut self, other: Self) {
        self.patients.extend(other.patients);
        self.nhs_numbers.extend(other.nhs_numbers);
        self.about_patients.extend(other.about_patients);
        self.about_nhs_numbers.extend(other.about_nhs_numbers);
        self.kin.extend(other.kin);
        self.behind.extend(other.behind);
        self.in_person.extend(other.in_person);
        self.about = self.about.max(other.about);
        self.members = self.members.max(other.members);
        if other.certainty == Certainty::Uncertain {
            self.certainty = Certainty::Uncertain;
        }
    }

    /// The same persons, each of whom must permit: those behind a resource that something else is about. Nothing if they
    /// cannot be told.
    pub(in crate::enforce) fn into_subjects(self) -> Option<Self> {
        let is_told = self.certainty == Certainty::Certain && self.behind.is_empty();
        let (patients, nhs_numbers, kin) = match self.about {
            About::Nobody => return None,
            About::Members if self.members == Members::Untold => return None,
            About::Members => (self.patients, self.nhs_numbers, self.kin),
            About::Somebody => (self.about_patients, self.about_nhs_numbers, self.kin),
        };
        let is_anybody = !patients.is_empty() || !nhs_numbers.is_empty();
        (is_told && is_anybody).then(|| Self {
            about_patients: patients.clone(),
            about_nhs_numbers: nhs_numbers.clone(),
            patients,
            nhs_numbers,
            kin,
            about: About::Somebody,
            ..Self::default()
        })
    }

    /// Whether each of them must permit.
    pub(in crate::enforce) fn is_about_all(&self) -> bool {
        self.patients.len() == self.about_patients.len()
            && self.nhs_numbers.len() == self.about_nhs_numbers.len()
    }

    fn patient(&mut self, id: Id, part: Part) {
        if part == Part::About {
            self.about_patients.insert(id.clone());
        }
        self.patients.insert(id);
    }

    fn nhs_number(&mut self, number: NhsNumber, part: Part) {
        if part == Part::About {
            self.about_nhs_numbers.insert(number);
        }
        self.nhs_numbers.insert(number);
    }

    /// Nobody knows who: withheld.
    const fn uncertain(&mut self) {
        self.certainty = Certainty::Uncertain;
    }
}

/// Reads the persons of `resource`, the root of a resource on a system with these `bases`.
pub(in crate::enforce) fn persons_of(resource: Node<'_>, came: Came, bases: &Bases) -> PersonsOf {
    Scan::of(resource, resource, (came, bases), Bound::Whole).found
}

/// Whom `resource` names, for the record of what is refused before anything is decided about it: what it is about is not
/// followed, and of a body that is very long, or names very many, no more is looked at.
pub(in crate::enforce) fn named_by(resource: Node<'_>, bases: &Bases) -> PersonsOf {
    Scan::of(resource, resource, (Came::Submitted, bases), Bound::Names).found
}

/// How much is read of a resource.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    /// All of it, with what it is about.
    Whole,
    /// Whom it names, as far as that is quickly found.
    Names,
}

/// A resource in which something is found.
struct At<'n> {
    /// The resource whose contained ones can be referred to from here.
    part: Node<'n>,
    /// Its own type.
    owner: Cow<'n, str>,
    stands: Stands,
}

/// How a resource stands in what is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// It is what is read.
    Alone,
    /// It is a Bundle that is read.
    Frame,
    /// It is an entry of a Bundle: the Bundle is about whomever it is about.
    Entry,
    /// It is inside another resource.
    Inside,
}

struct Scan<'n, 'b> {
    text: Text<'n>,
    came: Came,
    bases: &'b Bases,
    bound: Bound,
    /// How many values were looked at.
    steps: usize,
    /// How many subjects of the resource at hand were followed.
    followed: usize,
    found: PersonsOf,
    /// The urns of whom or what it is about.
    leads: BTreeSet<String>,
}

impl<'n, 'b> Scan<'n, 'b> {
    /// Reads `resource`, which refers to what stands in `whole`.
    fn of(resource: Node<'n>, whole: Node<'n>, (came, bases): (Came, &'b Bases), bound: Bound) -> Self {
        let mut scan = Self::over(Text::of(whole), (came, bases), bound);
        let owner = resource.str_at(&["resourceType"]).unwrap_or_default();
        let stands = if owner == "Bundle" { Stands::Frame } else { Stands::Alone };
        scan.resource(resource, &At { part: resource, owner, stands });
        if scan.found.behind.len() > BEHIND_MAX {
            scan.found.uncertain();
        }
        scan
    }

    /// Reads nothing yet.
    fn over(text: Text<'n>, (came, bases): (Came, &'b Bases), bound: Bound) -> Self {
        let (found, leads) = (PersonsOf::default(), BTreeSet::new());
        Self { text, came, bases, bound, steps: 0, followed: 0, found, leads }
    }

    /// Whether no more is looked at.
    fn is_enough(&self) -> bool {
        let names = self.found.patients.len() + self.found.nhs_numbers.len() + self.found.kin.len();
        self.bound == Bound::Names && (self.steps > LOOKED_AT_MAX || names >= NAMED_MAX)
    }

    /// Reads a resource with all that is in it.
    fn resource(&mut self, node: Node<'n>, at: &At<'n>) {
        let of_outer = std::mem::take(&mut self.followed);
        self.itself(node, at);
        for (key, value) in node.members() {
            if names_somebody(key, value) {
                self.named(value, || Part::About);
            }
            if holds_more(value) && (self.bound == Bound::Names || may_tell(key, value)) {
                let depth = if is_extension(key) { Depth::Extension } else { Depth::Top };
                let top = key.text();
                self.values(value, (&top, &top, depth), at);
            }
            self.at_top(key, value, at);
        }
        self.followed = of_outer;
    }

    /// Somebody named by a member of an object: the address of a Reference, or its identifier.
    fn named(&mut self, value: Node<'n>, part: impl Fn() -> Part) {
        match value.kind() {
            Kind::String => self.literal(value, part),
            Kind::Object => self.logical(value, part),
            Kind::Array | Kind::Number | Kind::Boolean | Kind::Null => {}
        }
    }

    /// What a resource is by its type.
    fn itself(&mut self, node: Node<'n>, at: &At<'n>) {
        match &*at.owner {
            // What a Binary says of itself is no proof of whom its content is about.
            "Binary" if at.stands == Stands::Alone && self.came == Came::FromHolder => self.found.uncertain(),
            "Patient" => {
                let id = node.str_at(&["id"]).and_then(|id| Id::parse(&id).ok());
                match id {
                    Some(id) if at.stands == Stands::Alone && self.came == Came::FromHolder => {
                        self.found.patient(id, Part::About);
                    }
                    Some(_) | None => self.nested_patient(node),
                }
                self.establishes(at);
            }
            // Who bears the number is described, whoever she is to the Patient.
            "RelatedPerson" | "Person" if self.numbered(node, at) => self.establishes(at),
            owner if at.stands == Stands::Alone && roles::is_of_members(owner) => {
                self.found.about = self.found.about.max(About::Members);
            }
            _ => {}
        }
    }

    /// The values of an element: one, or a list.
    fn values(&mut self, value: Node<'n>, place: (&str, &str, Depth), at: &At<'n>) {
        self.steps += 1;
        if self.is_enough() {
            return;
        }
        match value.kind() {
            Kind::Array => value.items().for_each(|item| {
                if item.kind() == Kind::Array {
                    self.misfit(item, place, at);
                }
                self.values(item, place, at);
            }),
            Kind::Object => match value.str_at(&["resourceType"]) {
                Some(owner) => self.inner(value, owner, place, at),
                None => self.element(value, place, at),
            },
            Kind::String | Kind::Number | Kind::Boolean => self.misfit(value, place, at),
            Kind::Null => {}
        }
    }

    /// A resource inside another one.
    fn inner(&mut self, node: Node<'n>, owner: Cow<'n, str>, place: (&str, &str, Depth), at: &At<'n>) {
        let (top, leaf, _) = place;
        let is_entry = at.owner == "Bundle" && (top, leaf) == ("entry", "resource");
        let at = match at.stands {
            Stands::Frame | Stands::Entry if is_entry => At { part: node, owner, stands: Stands::Entry },
            Stands::Alone | Stands::Frame | Stands::Entry | Stands::Inside => {
                At { part: at.part, owner, stands: Stands::Inside }
            }
        };
        self.resource(node, &at);
    }

    fn element(&mut self, node: Node<'n>, place: (&str, &str, Depth), at: &At<'n>) {
        let (top, leaf, depth) = place;
        // Most elements are no subject by their name, and name nobody: what they would say of her is not asked.
        if self.bound == Bound::Whole && roles::may_be_subject(leaf) {
            let place = place_of(place, at);
            let role = place.role();
            if role.is_of_subjects() {
                self.subject(node, (role, role.meets(&at.owner)), at);
            }
        }
        if roles::uses_a_person(&at.owner, leaf, node) {
            self.person(node);
        }
        if self.bound == Bound::Whole && roles::names_a_member(&at.owner, top, leaf, node) {
            self.member(node, at);
        }
        for (key, value) in node.members() {
            if names_somebody(key, value) {
                self.named(value, || part_of(place, at));
            }
            if key.is("identifier") && value.kind() == Kind::Array {
                value.walk(&[]).for_each(|identifier| self.named(identifier, || part_of(place, at)));
            }
            if !holds_more(value) {
                if roles::may_tell(&key.bytes()) && !key.is("reference") && value.kind() != Kind::Null {
                    self.misfit(value, (top, &key.text(), below(key, depth)), at);
                }
                continue;
            }
            let depth = below(key, depth);
            self.values(value, (top, &key.text(), depth), at);
        }
    }

    /// The resource is about somebody who is told, as far as this one speaks for it.
    fn establishes(&mut self, at: &At<'_>) {
        if at.stands != Stands::Inside {
            self.found.about = About::Somebody;
        }
    }

    /// `Reference.reference`. An unreadable one that speaks of a Patient makes the resource uncertain.
    fn literal(&mut self, value: Node<'_>, part: impl Fn() -> Part) {
        // What does not say so speaks of no Patient, however it is read.
        let says_so = |text: Cow<'_, [u8]>| text.windows(PATIENT.len()).any(|word| word == PATIENT);
        let Some(text) = value.string_bytes().is_some_and(says_so).then(|| value.string()).flatten() else {
            return;
        };
        if let Some(local) = LocalText::parse(&text) {
            if local.resource_type() == "Patient" {
                self.found.patient_named(local, part());
            }
            return;
        }
        match Reference::parse(&text, self.bases) {
            Ok(Reference::Local(local)) => {
                if local.resource_type.as_str() == "Patient" {
                    self.found.patient(local.id, part());
                }
            }
            // What these point at stands in the same text and is found there.
            Ok(Reference::Urn(_) | Reference::Contained(_) | Reference::Container) => {}
            Ok(Reference::Elsewhere(_)) | Err(_) => self.found.uncertain(),
        }
    }

    /// A logical reference by NHS number. An invalid number makes the resource uncertain.
    fn logical(&mut self, identifier: Node<'_>, part: impl Fn() -> Part) {
        match number_of(identifier) {
            Number::Of(number) => self.found.nhs_number(number, part()),
            Number::Invalid => self.found.uncertain(),
            Number::Other => {}
        }
    }

    /// A Patient inside another resource: contained, or an entry of a document.
    fn nested_patient(&mut self, patient: Node<'_>) {
        let numbers: BTreeSet<NhsNumber> = patient
            .walk(&["identifier"])
            .filter_map(|identifier| match number_of(identifier) {
                Number::Of(number) => Some(number),
                Number::Invalid | Number::Other => None,
            })
            .collect();
        let mut numbers = numbers.into_iter();
        match (numbers.next(), numbers.next()) {
            (Some(number), None) => self.found.nhs_number(number, Part::About),
            (Some(_), Some(_)) | (None, _) => self.found.uncertain(),
        }
    }
}

/// Where in its resource an element stands.
fn place_of<'a>((top, leaf, depth): (&'a str, &'a str, Depth), at: &'a At<'_>) -> Place<'a> {
    Place { owner: &at.owner, top, leaf, depth }
}

/// What the word of somebody whom an element names means for the resource.
fn part_of(place: (&str, &str, Depth), at: &At<'_>) -> Part {
    match (place_of(place, at).role(), at.stands) {
        (Role::Member, Stands::Alone) => Part::Aside,
        // Nobody sees a list for having written it.
        (Role::Doer, Stands::Alone) if !roles::is_of_members(&at.owner) => Part::Aside,
        (Role::Subject | Role::Attendant | Role::Used | Role::Member | Role::Doer | Role::Beside, _) => {
            Part::About
        }
    }
}

/// Whether a member of an object names somebody: the address of a Reference, or its identifier.
fn names_somebody(key: Key<'_>, value: Node<'_>) -> bool {
    match value.kind() {
        Kind::String => key.is("reference"),
        Kind::Object => key.is("identifier"),
        Kind::Array | Kind::Number | Kind::Boolean | Kind::Null => false,
    }
}

/// How deep what stands under `key` is.
fn below(key: Key<'_>, depth: Depth) -> Depth {
    match depth {
        Depth::Extension => Depth::Extension,
        Depth::Top | Depth::Below if is_extension(key) => Depth::Extension,
        Depth::Top | Depth::Below => Depth::Below,
    }
}

fn holds_more(value: Node<'_>) -> bool {
    matches!(value.kind(), Kind::Object | Kind::Array)
}

/// Whether an element at the top of a resource, or anything in it, may say something of somebody.
fn may_tell(key: Key<'_>, value: Node<'_>) -> bool {
    roles::may_tell(&key.bytes()) || value.members_within().any(|(key, _)| roles::may_tell(&key.bytes()))
}

fn is_extension(key: Key<'_>) -> bool {
    key.is("extension") || key.is("modifierExtension")
}
