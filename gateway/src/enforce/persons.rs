//! Which persons one resource is about, by every form in which FHIR can name one.
//!
//! Conservative on purpose: a Patient that is referred to anywhere in a resource counts, at any depth, contained
//! resources and extensions included. Who cannot be told makes the resource uncertain, and it is withheld.
//!
//! Of whom a Patient's extensions speak is another matter: it is about that Patient, and what refers to others is stripped
//! when it is written, if it is shared at all.

use std::collections::BTreeSet;

use fhir::identifier::NHS_NUMBER;
use fhir::json::{Kind, Node};
use fhir::nhs_number::NhsNumber;
use fhir::reference::{Bases, Id, Reference};

/// Lists whose items are persons beside each other: an item can go without changing what is said of the others.
const MEMBERSHIPS: [&str; 3] = ["participant", "member", "link"];
/// The same of a Patient: whomever her extensions speak of, she is whom it is about.
const MEMBERSHIPS_OF_PATIENT: [&str; 2] = ["link", "extension"];
/// The same of a List: whom its entries are about. An entry of a Bundle is no such item.
const MEMBERSHIPS_OF_LIST: [&str; 1] = ["entry"];

/// The persons of one resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::enforce) struct PersonsOf {
    /// Patients of the system, by id.
    pub(in crate::enforce) patients: BTreeSet<Id>,
    /// Persons named by NHS number.
    pub(in crate::enforce) nhs_numbers: BTreeSet<NhsNumber>,
    /// Those of `patients` whom the resource is about, not merely as one of a list: all of them must permit.
    pub(in crate::enforce) about_patients: BTreeSet<Id>,
    /// Those of `nhs_numbers` whom the resource is about.
    pub(in crate::enforce) about_nhs_numbers: BTreeSet<NhsNumber>,
    /// Whether someone is named who cannot be told.
    pub(in crate::enforce) certainty: Certainty,
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

/// Where in a resource something stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    About,
    Membership,
}

impl PersonsOf {
    fn patient(&mut self, id: Id, part: Part) {
        if part == Part::About {
            self.about_patients.insert(id.clone());
        }
        self.patients.insert(id);
    }

    /// One Patient, whom it is about.
    pub(in crate::enforce) fn about(id: Id) -> Self {
        let mut found = Self::default();
        found.patient(id, Part::About);
        found
    }

    /// The persons of both.
    pub(in crate::enforce) fn extend(&mut self, other: Self) {
        self.patients.extend(other.patients);
        self.nhs_numbers.extend(other.nhs_numbers);
        self.about_patients.extend(other.about_patients);
        self.about_nhs_numbers.extend(other.about_nhs_numbers);
        if other.certainty == Certainty::Uncertain {
            self.certainty = Certainty::Uncertain;
        }
    }

    fn nhs_number(&mut self, number: NhsNumber, part: Part) {
        if part == Part::About {
            self.about_nhs_numbers.insert(number);
        }
        self.nhs_numbers.insert(number);
    }
}

/// Where a resource comes from: only its holder's ids are ids there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::enforce) enum Came {
    /// From the system that holds it.
    FromHolder,
    /// From someone who wants it stored there: the `id` it bears names nobody there.
    Submitted,
}

/// Elements that say whom a resource is about. One that names nobody who can be told makes the resource uncertain.
const SUBJECTS: [&str; 5] = ["subject", "patient", "for", "beneficiary", "individual"];

/// Reads the persons of `resource`, the root of a resource on a system with these `bases`.
pub(in crate::enforce) fn persons_of(resource: Node<'_>, came: Came, bases: &Bases) -> PersonsOf {
    let mut found = PersonsOf::default();
    let is_binary = resource.member("resourceType").is_some_and(|name| name.is_string("Binary"));
    // What a Binary says of itself is no proof of whom its content is about.
    if !subjects_can_be_told(resource, bases) || (is_binary && came == Came::FromHolder) {
        found.certainty = Certainty::Uncertain;
    }
    let mut memberships: &[&str] = &MEMBERSHIPS;
    if resource.member("resourceType").is_some_and(|name| name.is_string("Patient")) {
        memberships = &MEMBERSHIPS_OF_PATIENT;
        match resource.str_at(&["id"]).and_then(|id| Id::parse(&id).ok()) {
            Some(id) if came == Came::FromHolder => found.patient(id, Part::About),
            Some(_) | None => nested_patient(resource, Part::About, &mut found),
        }
    }
    if resource.member("resourceType").is_some_and(|name| name.is_string("List")) {
        memberships = &MEMBERSHIPS_OF_LIST;
    }
    let mut open = vec![(resource, Part::About)];
    while let Some((node, part)) = open.pop() {
        match node.kind() {
            Kind::Array => open.extend(node.items().map(|item| (item, part))),
            Kind::Object => {
                let is_root = node.offset() == resource.offset();
                for (key, value) in node.members() {
                    if key.is("reference") {
                        literal(value, part, bases, &mut found);
                    } else if key.is("identifier") && value.kind() == Kind::Object {
                        logical(value, part, &mut found);
                    } else if key.is("resourceType") && !is_root && value.is_string("Patient") {
                        nested_patient(node, part, &mut found);
                    }
                    let membership = is_root && memberships.iter().any(|name| key.is(name));
                    if matches!(value.kind(), Kind::Object | Kind::Array) {
                        open.push((value, if membership { Part::Membership } else { part }));
                    }
                }
            }
            Kind::String | Kind::Number | Kind::Boolean | Kind::Null => {}
        }
    }
    found
}

/// Whether each element that says whom the resource is about, and each of those of the entries of a Bundle, points at
/// something that can be told.
fn subjects_can_be_told(resource: Node<'_>, bases: &Bases) -> bool {
    let entries = resource.walk(&["entry", "resource"]).filter(|entry| entry.kind() == Kind::Object);
    std::iter::once(resource).chain(entries).all(|part| {
        SUBJECTS
            .iter()
            .flat_map(|name| part.walk(std::slice::from_ref(name)).collect::<Vec<_>>())
            .filter(|subject| subject.kind() == Kind::Object)
            .all(|subject| is_told(subject, part, resource, bases))
    })
}

/// Whether one reference points at something that can be told: a resource of the system, an NHS number, or a resource
/// that stands in the same text.
fn is_told(reference: Node<'_>, part: Node<'_>, whole: Node<'_>, bases: &Bases) -> bool {
    let Some(text) = reference.str_at(&["reference"]) else {
        return reference
            .member("identifier")
            .and_then(|identifier| identifier.member("system"))
            .is_some_and(|system| system.is_string(NHS_NUMBER));
    };
    match Reference::parse(&text, bases) {
        Ok(Reference::Local(_)) => true,
        Ok(Reference::Contained(id)) => part
            .walk(&["contained", "id"])
            .any(|found| found.string().is_some_and(|found| found == id.as_str())),
        Ok(Reference::Urn(urn)) => whole
            .walk(&["entry", "fullUrl"])
            .any(|url| url.string().is_some_and(|url| url.eq_ignore_ascii_case(&urn))),
        Ok(Reference::Container | Reference::Elsewhere(_)) | Err(_) => false,
    }
}

/// `Reference.reference`. An unreadable one that speaks of a Patient makes the resource uncertain.
fn literal(value: Node<'_>, part: Part, bases: &Bases, found: &mut PersonsOf) {
    let Some(text) = value.string() else { return };
    match Reference::parse(&text, bases) {
        Ok(Reference::Local(local)) => {
            if local.resource_type.as_str() == "Patient" {
                found.patient(local.id, part);
            }
        }
        Ok(Reference::Elsewhere(url)) => {
            if url.contains("Patient") {
                found.certainty = Certainty::Uncertain;
            }
        }
        // What these point at stands in the same text and is found there.
        Ok(Reference::Urn(_) | Reference::Contained(_) | Reference::Container) => {}
        Err(_) => {
            if text.contains("Patient") {
                found.certainty = Certainty::Uncertain;
            }
        }
    }
}

/// A logical reference by NHS number. An invalid number makes the resource uncertain.
fn logical(identifier: Node<'_>, part: Part, found: &mut PersonsOf) {
    if !identifier.member("system").is_some_and(|system| system.is_string(NHS_NUMBER)) {
        return;
    }
    match identifier.str_at(&["value"]).and_then(|value| NhsNumber::parse(&value).ok()) {
        Some(number) => found.nhs_number(number, part),
        None => found.certainty = Certainty::Uncertain,
    }
}

/// A Patient inside another resource: contained, or an entry of a document.
fn nested_patient(patient: Node<'_>, part: Part, found: &mut PersonsOf) {
    let numbers: BTreeSet<NhsNumber> = patient
        .walk(&["identifier"])
        .filter(|identifier| identifier.member("system").is_some_and(|system| system.is_string(NHS_NUMBER)))
        .filter_map(|identifier| NhsNumber::parse(&identifier.str_at(&["value"])?).ok())
        .collect();
    let mut numbers = numbers.into_iter();
    match (numbers.next(), numbers.next()) {
        (Some(number), None) => found.nhs_number(number, part),
        (Some(_), Some(_)) | (None, _) => found.certainty = Certainty::Uncertain,
    }
}

#[cfg(test)]
mod tests {
    use fhir::json::{Document, Limits, parse};

    use super::*;

    fn check(json: &'static str, patients: &[&str], nhs_numbers: &[&str], certainty: Certainty) {
        let document: Document = parse(json.into(), &Limits::default()).expect("test input");
        let bases = Bases::new(["https://ehr.example/fhir"]).expect("a base");
        let found = persons_of(document.root(), Came::FromHolder, &bases);
        assert_eq!(found.patients.iter().map(Id::as_str).collect::<Vec<_>>(), patients, "{json}");
        assert_eq!(
            found.nhs_numbers.iter().map(NhsNumber::as_str).collect::<Vec<_>>(),
            nhs_numbers,
            "{json}"
        );
        assert_eq!(found.certainty, certainty, "{json}");
    }

    #[test]
    fn members_of_a_list_are_told_apart_from_whom_a_resource_is_about() {
        let json = r#"{"resourceType":"Patient","id":"b","link":[{"other":{"reference":"Patient/a"}}],
            "extension":[{"url":"x","extension":[{"url":"y","valueReference":{"reference":"Patient/d"}}]}],
            "contact":[{"extension":[{"valueReference":{"reference":"Patient/c"}}]}]}"#;
        let document = parse(json.into(), &Limits::default()).expect("test input");
        let found = persons_of(document.root(), Came::FromHolder, &Bases::none());
        assert_eq!(found.patients.iter().map(Id::as_str).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
        assert_eq!(found.about_patients.iter().map(Id::as_str).collect::<Vec<_>>(), ["b", "c"]);
    }

    #[test]
    fn whom_the_entries_of_a_list_are_about_are_members_and_those_of_a_bundle_are_not() {
        let entries = r#""entry":[{"item":{"reference":"Patient/a"}},{"item":{"reference":"Patient/b"}}]}"#;
        let list = format!(r#"{{"resourceType":"List","subject":{{"reference":"Patient/c"}},{entries}"#);
        let bundle = format!(r#"{{"resourceType":"Bundle",{entries}"#);
        for (json, about) in [(list, vec!["c"]), (bundle, vec!["a", "b"])] {
            let document = parse(json.into(), &Limits::default()).expect("test input");
            let found = persons_of(document.root(), Came::FromHolder, &Bases::none());
            assert!(found.patients.len() >= 2);
            assert_eq!(found.about_patients.iter().map(Id::as_str).collect::<Vec<_>>(), about);
        }
    }

    #[test]
    fn the_id_of_a_submitted_patient_names_nobody() {
        let json = r#"{"resourceType":"Patient","id":"ann","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}]}"#;
        let document = parse(json.into(), &Limits::default()).expect("test input");
        let found = persons_of(document.root(), Came::Submitted, &Bases::none());
        assert!(found.patients.is_empty());
        assert_eq!(found.about_nhs_numbers.iter().map(NhsNumber::as_str).collect::<Vec<_>>(), ["9990000018"]);
    }

    #[test]
    fn a_subject_that_cannot_be_told_makes_a_resource_uncertain() {
        use Certainty::Uncertain;
        let author = r#""author":{"reference":"Patient/a"}"#;
        for subject in [
            r#"{"type":"Patient","identifier":{"system":"https://hospital.example/mrn","value":"77"}}"#,
            r#"{"reference":"urn:uuid:6f1e2a0c-1111-4222-8333-444455556666"}"#,
            r##"{"reference":"#gone"}"##,
            r#"{"display":"somebody"}"#,
        ] {
            let json = format!(r#"{{"resourceType":"QuestionnaireResponse","subject":{subject},{author}}}"#);
            let document = parse(json.into(), &Limits::default()).expect("test input");
            assert_eq!(
                persons_of(document.root(), Came::FromHolder, &Bases::none()).certainty,
                Uncertain,
                "{subject}"
            );
        }
    }

    #[test]
    fn a_person_is_found_in_every_form_of_reference() {
        use Certainty::{Certain, Uncertain};
        check(r#"{"resourceType":"Patient","id":"a"}"#, &["a"], &[], Certain);
        check(r#"{"resourceType":"Condition","subject":{"reference":"Patient/a"}}"#, &["a"], &[], Certain);
        check(
            r#"{"resourceType":"Condition","subject":{"r\u0065ference":"P\u0061tient/a/_history/2"}}"#,
            &["a"],
            &[],
            Certain,
        );
        check(
            r#"{"resourceType":"Condition","subject":{"reference":"HTTPS://EHR.example/fhir/Patient/a"}}"#,
            &["a"],
            &[],
            Certain,
        );
        check(
            r#"{"resourceType":"Condition","subject":{"identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}}}"#,
            &[],
            &["9990000018"],
            Certain,
        );
        check(
            r##"{"resourceType":"Condition","contained":[{"resourceType":"Patient","id":"p","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}]}],"subject":{"reference":"#p"}}"##,
            &[],
            &["9990000018"],
            Certain,
        );
        check(
            r##"{"resourceType":"Condition","contained":[{"resourceType":"Patient","id":"p"}],"subject":{"reference":"#p"}}"##,
            &[],
            &[],
            Uncertain,
        );
        check(
            r#"{"resourceType":"Observation","subject":{"reference":"Patient/a"},"extension":[{"url":"x","valueReference":{"reference":"Patient/b"}}]}"#,
            &["a", "b"],
            &[],
            Certain,
        );
        check(
            r#"{"resourceType":"Condition","subject":{"reference":"https://other.example/Patient/a"}}"#,
            &[],
            &[],
            Uncertain,
        );
        check(
            r#"{"resourceType":"Condition","subject":{"reference":"Patient?identifier=x"}}"#,
            &[],
            &[],
            Uncertain,
        );
        check(
            r#"{"resourceType":"Condition","subject":{"identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"1"}}}"#,
            &[],
            &[],
            Uncertain,
        );
    }
}
