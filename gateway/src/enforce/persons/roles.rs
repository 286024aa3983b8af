//! What each element that can refer to a person says about her, by its place in the type that holds it.
//!
//! The names are those of FHIR R4; `name[x]` and `nameReference` are both called `name`. A test holds that every such
//! element of every type is named here, so a new table of FHIR asks for a decision.

use fhir::json::Node;
use fhir::tables::{self, TypeId};

/// What an element says about a person to whom it refers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Whom the resource is about, or what: then it is about those whom that is about. It must be told.
    Subject,
    /// The same; but staff attend too, and may be written by name alone.
    Attendant,
    /// The same; but what is no person may be named by an identifier of its own.
    Used,
    /// One of several beside each other: an item can go without changing what is said of the others.
    Member,
    /// Who did, said, wrote or is to do something. It is about somebody else.
    Doer,
    /// Somebody, or something, that is mentioned: it makes nothing about her, and still she must permit.
    Beside,
}

impl Role {
    /// Whether the resource is about it.
    pub(super) const fn is_of_subjects(self) -> bool {
        match self {
            Self::Subject | Self::Attendant | Self::Used => true,
            Self::Member | Self::Doer | Self::Beside => false,
        }
    }
}

/// Lists whose items are persons beside each other, with all that stands in an item.
///
/// Of whom a Patient's extensions speak is of that kind too: it is about that Patient, and what refers to others is
/// stripped when it is written, if it is shared at all.
const LISTS: [(&str, &str); 7] = [
    ("CareTeam", "participant"),
    ("Encounter", "participant"),
    ("Group", "member"),
    ("List", "entry"),
    ("Patient", "extension"),
    ("Patient", "link"),
    ("Person", "link"),
];

/// Elements that are the members of what is about its members.
const MEMBERS: [(&str, &str, &str); 3] =
    [("Group", "member", "entity"), ("List", "entry", "item"), ("Person", "link", "target")];

/// Elements at the top of a resource, of whatever type, that say whom it is about.
const SUBJECTS: [&str; 6] = ["subject", "patient", "for", "beneficiary", "individual", "candidate"];

/// Elements that are something else in this type than their name says elsewhere: the type, the element at its top, the
/// element itself.
const PLACES: [(&str, &str, &str, Role); 12] = [
    ("Appointment", "participant", "actor", Role::Attendant),
    ("AppointmentResponse", "actor", "actor", Role::Attendant),
    ("AuditEvent", "entity", "what", Role::Used),
    ("Binary", "securityContext", "securityContext", Role::Subject),
    ("Composition", "section", "focus", Role::Subject),
    ("Linkage", "item", "resource", Role::Subject),
    ("Observation", "focus", "focus", Role::Subject),
    ("Provenance", "entity", "what", Role::Used),
    ("Provenance", "target", "target", Role::Subject),
    ("Schedule", "actor", "actor", Role::Attendant),
    ("SupplyRequest", "deliverTo", "deliverTo", Role::Subject),
    ("VerificationResult", "target", "target", Role::Subject),
];

/// Elements of any type, at any depth, that say who did something.
const DOERS: [&str; 21] = [
    "actor",
    "asserter",
    "author",
    "contributor",
    "enterer",
    "expressedBy",
    "informationSource",
    "managingEntity",
    "observer",
    "onBehalfOf",
    "operator",
    "owner",
    "performer",
    "recorder",
    "reported",
    "requester",
    "responsible",
    "sender",
    "source",
    "verifiedWith",
    "who",
];

/// Elements of any type, at any depth, that mention somebody or something.
#[cfg(test)]
const BESIDE: [&str; 53] = [
    "about",
    "answer",
    "basedOn",
    "basis",
    "content",
    "defaultValue",
    "definition",
    "deliverTo",
    "derivedFrom",
    "detail",
    "enrollment",
    "entity",
    "entry",
    "evaluatedResource",
    "fixed",
    "focus",
    "implicated",
    "information",
    "item",
    "member",
    "other",
    "outcome",
    "parent",
    "partOf",
    "participant",
    "party",
    "pattern",
    "payor",
    "policyHolder",
    "priorRequest",
    "profile",
    "reason",
    "receiver",
    "recipient",
    "ref",
    "reference",
    "related",
    "replaces",
    "request",
    "resource",
    "response",
    "securityContext",
    "sourcePatientInfo",
    "subject",
    "subscriber",
    "supportingInfo",
    "supportingInformation",
    "supportingPatientInformation",
    "target",
    "topic",
    "type",
    "value",
    "what",
];

/// Types that are nobody's by themselves and go with whoever refers to them: they lead to no person.
const OF_NOBODY: [&str; 2] = ["Device", "Location"];
/// Types that are about their members, and about nobody else.
const OF_MEMBERS: [&str; 3] = ["Group", "List", "Person"];

/// Where in a resource an element stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The name of the type of the resource.
    pub(super) owner: &'a str,
    /// The element at its top.
    pub(super) top: &'a str,
    /// The element itself.
    pub(super) leaf: &'a str,
    /// Whether that is the one at the top.
    pub(super) depth: Depth,
}

/// As whom an element refers to somebody who may be the kin of a Patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meets {
    /// As herself: what is said is said about her.
    InPerson,
    /// As whoever she is to the Patient: she comes along, or it is told of her record.
    AsKin,
}

/// How deep an element stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// At the top of its resource.
    Top,
    /// Below another element.
    Below,
    /// Below an extension: nobody knows what it says.
    Extension,
}

impl Place<'_> {
    /// What the element says about a person.
    pub(super) fn role(self) -> Role {
        let (top, leaf) = (stem(self.top), stem(self.leaf));
        if LISTS.contains(&(self.owner, self.top)) {
            return Role::Member;
        }
        if self.depth == Depth::Extension {
            return Role::Beside;
        }
        let here =
            PLACES.iter().find(|(owner, above, name, _)| (*owner, *above, *name) == (self.owner, top, leaf));
        match here {
            Some((.., role)) => *role,
            None if self.depth == Depth::Top && SUBJECTS.contains(&leaf) => Role::Subject,
            None if DOERS.contains(&leaf) => Role::Doer,
            None => Role::Beside,
        }
    }
}

impl Role {
    /// As whom an element that says this, in a resource of the type `owner`, refers to somebody who may be the kin of a Patient. Who
    /// attends comes with the Patient; a Provenance is told of what was written down.
    pub(super) fn meets(self, owner: &str) -> Meets {
        match self {
            Self::Attendant if owner == "Appointment" => Meets::AsKin,
            Self::Subject | Self::Used if owner == "Provenance" => Meets::AsKin,
            Self::Subject | Self::Attendant | Self::Used | Self::Member | Self::Doer | Self::Beside => {
                Meets::InPerson
            }
        }
    }
}

/// Whether the element at a path of the specification (`Condition.asserter`) says who did something.
pub(in crate::enforce) fn says_who_did(path: &str) -> bool {
    let mut names = path.split('.');
    let (Some(owner), Some(top)) = (names.next(), names.next()) else { return false };
    let below = names.next_back();
    let depth = if below.is_some() { Depth::Below } else { Depth::Top };
    Place { owner, top, leaf: below.unwrap_or(top), depth }.role() == Role::Doer
}

/// Whether an element called `leaf` may be a subject, or an attendant, of whatever type it is and wherever it stands.
pub(super) fn may_be_subject(leaf: &str) -> bool {
    // Each of these names may tell of somebody, and most others may not.
    if !may_tell(leaf.as_bytes()) {
        return false;
    }
    let leaf = stem(leaf);
    SUBJECTS.contains(&leaf) || PLACES.iter().any(|(.., name, _)| *name == leaf)
}

/// Whether a member of this name may say something of somebody, or hold a resource: the address or the identifier of a
/// Reference, a subject, a member of what is about its members. Of others it does not matter what they hold, as long as no
/// such member is in it.
pub(super) fn may_tell(name: &[u8]) -> bool {
    // Most names are told from all of these by how long they are and how they end.
    let is_one = match name.len() {
        3 => name == b"for",
        4 => name == b"what" || name == b"item",
        5 => name == b"actor" || name == b"focus",
        6 => name == b"target" || name == b"entity",
        7 => name == b"subject" || name == b"patient",
        8 => name == b"resource",
        9 => name == b"reference" || name == b"candidate" || name == b"deliverTo",
        10 => name == b"identifier" || name == b"individual",
        11 => name == b"beneficiary",
        12 => name == b"resourceType",
        15 => name == b"securityContext",
        _ => false,
    };
    is_one
        || match name.last() {
            Some(b'e') => name.ends_with(b"Reference"),
            Some(b']') => name.ends_with(b"[x]"),
            Some(_) | None => false,
        }
}

/// The name of an element that may have several types, without the type.
fn stem(name: &str) -> &str {
    name.strip_suffix("[x]").or_else(|| name.strip_suffix("Reference")).unwrap_or(name)
}

/// Whether a resource of this type may be about its members alone.
pub(super) fn is_of_members(owner: &str) -> bool {
    OF_MEMBERS.contains(&owner)
}

/// Whether an element names a member of what is about its members: the member itself, or whatever else in its item refers
/// to anything.
pub(super) fn names_a_member(owner: &str, top: &str, leaf: &str, element: Node<'_>) -> bool {
    MEMBERS.iter().any(|(of, list, member)| {
        (*of, *list) == (owner, top) && (*member == leaf || element.member("reference").is_some())
    })
}

/// Whether an element is what was used, and says that it is a person.
pub(super) fn uses_a_person(owner: &str, leaf: &str, element: Node<'_>) -> bool {
    let is_person = |path: &[&str]| element.str_at(path).is_some_and(|code| code == "1");
    (owner, leaf) == ("AuditEvent", "entity")
        && (is_person(&["type", "code"]) || is_person(&["role", "code"]))
}

/// Whether what is of this type may be about a person, and tells whom.
pub(super) fn leads_to_persons(owner: TypeId) -> bool {
    let name = owner.name();
    // What a Binary says of itself is no proof; one that is led to cannot be told.
    // A Bundle is about whomever what is in it is about.
    if is_of_members(name) || matches!(name, "Binary" | "Bundle") {
        return true;
    }
    let is_subject = |path: &String| {
        let depth = if path.contains('.') { Depth::Below } else { Depth::Top };
        let top = path.split('.').next().unwrap_or_default();
        let leaf = path.rsplit('.').next().unwrap_or_default();
        let role = Place { owner: name, top, leaf, depth }.role();
        role.is_of_subjects()
    };
    !OF_NOBODY.contains(&name) && tables::person_elements(owner).iter().any(is_subject)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every element that can refer to a person, with what it says.
    fn roles() -> impl Iterator<Item = (String, Option<Role>)> {
        tables::resource_types().flat_map(|owner| {
            tables::person_elements(owner).iter().map(move |path| {
                let top = path.split('.').next().unwrap();
                let leaf = path.rsplit('.').next().unwrap();
                let depth = if path.contains('.') { Depth::Below } else { Depth::Top };
                let role = Place { owner: owner.name(), top, leaf, depth }.role();
                let is_named = role != Role::Beside || BESIDE.contains(&stem(leaf));
                (format!("{}.{path}", owner.name()), is_named.then_some(role))
            })
        })
    }

    #[test]
    fn every_element_that_can_refer_to_a_person_is_classified() {
        let unknown: Vec<String> = roles().filter(|(_, role)| role.is_none()).map(|(path, _)| path).collect();
        assert_eq!(unknown, Vec::<String>::new());
        let all: Vec<String> = roles().map(|(path, _)| path).collect();
        assert!(all.len() > 300, "{}", all.len());
        let leaves: Vec<&str> = all.iter().map(|path| stem(path.rsplit('.').next().unwrap())).collect();
        let unused = |names: &[&'static str]| -> Vec<&'static str> {
            names.iter().copied().filter(|name| !leaves.contains(name)).collect()
        };
        assert_eq!(unused(&BESIDE), [""; 0]);
        assert_eq!(unused(&DOERS), [""; 0]);
        assert_eq!(unused(&SUBJECTS), [""; 0]);
    }

    #[test]
    fn what_tells_nothing_by_its_name_is_neither_a_subject_nor_a_member() {
        let subjects = SUBJECTS.into_iter().chain(PLACES.into_iter().map(|(.., name, _)| name));
        for name in subjects.chain(MEMBERS.into_iter().map(|(.., name)| name)) {
            for name in [name.to_owned(), format!("{name}Reference"), format!("{name}[x]")] {
                assert!(may_tell(name.as_bytes()), "{name}");
            }
        }
        assert!(!may_tell(b"component") && !may_tell(b"performer"));
    }

    #[test]
    fn what_may_be_no_subject_by_its_name_is_none_anywhere() {
        let mut subjects = 0;
        for owner in tables::resource_types() {
            for path in tables::person_elements(owner) {
                let (top, leaf) = (path.split('.').next().unwrap(), path.rsplit('.').next().unwrap());
                for depth in [Depth::Top, Depth::Below, Depth::Extension] {
                    let role = Place { owner: owner.name(), top, leaf, depth }.role();
                    if role.is_of_subjects() {
                        subjects += 1;
                        assert!(may_be_subject(leaf), "{}.{path}", owner.name());
                        let typed = format!("{}Reference", stem(leaf));
                        assert!(may_be_subject(&typed), "{}.{path}", owner.name());
                    }
                }
            }
        }
        assert!(subjects > 100, "{subjects}");
        assert!(!may_be_subject("performer") && !may_be_subject("component"));
    }

    #[test]
    fn what_an_element_says_of_a_person_is_read_off_the_table() {
        let told: Vec<(String, Option<Role>)> = roles().collect();
        for (path, expected) in [
            ("Observation.subject", Role::Subject),
            ("Observation.focus", Role::Subject),
            ("Observation.performer", Role::Doer),
            ("Task.for", Role::Subject),
            ("Task.focus", Role::Beside),
            ("Task.requester", Role::Doer),
            ("Coverage.beneficiary", Role::Subject),
            ("Coverage.subscriber", Role::Beside),
            ("ResearchSubject.individual", Role::Subject),
            ("Encounter.participant.individual", Role::Member),
            ("Appointment.participant.actor", Role::Attendant),
            ("Composition.section.focus", Role::Subject),
            ("Composition.section.entry", Role::Beside),
            ("Provenance.target", Role::Subject),
            ("Provenance.agent.who", Role::Doer),
            ("AuditEvent.entity.what", Role::Used),
            ("RelatedPerson.patient", Role::Subject),
            ("Group.member.entity", Role::Member),
            ("List.entry.item", Role::Member),
            ("DetectedIssue.implicated", Role::Beside),
            ("QuestionnaireResponse.source", Role::Doer),
            ("MedicationRequest.reported[x]", Role::Doer),
        ] {
            let found = told.iter().find(|(told, _)| told == path);
            assert_eq!(found.map(|(_, role)| *role), Some(Some(expected)), "{path}");
        }
    }

    #[test]
    fn every_type_of_a_patients_compartment_says_whom_it_is_about() {
        let without: Vec<&str> = tables::resource_types()
            .filter(|owner| !tables::patient_compartment(*owner).is_empty() && !leads_to_persons(*owner))
            .map(TypeId::name)
            .collect();
        assert_eq!(without, ["Patient"], "who is herself");
    }
}
