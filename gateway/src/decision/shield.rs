//! Which elements tell where a person is: hidden for people whose whereabouts are protected (PDS restricted).

use fhir::path::{ElementPath, Step};
use fhir::tables::{self, TypeId};

use crate::interaction::{FhirAction, Interaction};

/// Data types that are a place or a way to reach somebody.
const TYPES: [&str; 2] = ["Address", "ContactPoint"];
/// Resources that are a place.
const PLACES: [&str; 1] = ["Location"];
/// Elements that tell the area by another way: who cares for the person there, whom to ask, and under which address what
/// stands there is reached.
const ELEMENTS: [(&str, &str); 8] = [
    ("Patient", "generalPractitioner"),
    ("Patient", "managingOrganization"),
    ("Patient", "contact"),
    ("Person", "managingOrganization"),
    ("Encounter", "serviceProvider"),
    ("EpisodeOfCare", "managingOrganization"),
    ("CareTeam", "managingOrganization"),
    ("Device", "url"),
];
/// Data types of free words and of content that nobody has looked through.
const WORDS: [&str; 5] = ["Narrative", "Annotation", "Attachment", "base64Binary", "markdown"];
/// Elements of type string that are no free words: names, titles, numbers of things and versions, whatever holds them. Every
/// other string is. Care is not safe without them.
const NAMING: [&str; 44] = [
    "alias",
    "brand",
    "carrierHRF",
    "cigar",
    "color",
    "data",
    "datasetId",
    "deviceIdentifier",
    "deviceName",
    "display",
    "distinctIdentifier",
    "etag",
    "family",
    "genomeBuild",
    "given",
    "id",
    "ifMatch",
    "ifNoneExist",
    "ifNoneMatch",
    "linkId",
    "lotNumber",
    "manufacturer",
    "modelNumber",
    "name",
    "observedAllele",
    "observedSeq",
    "partNumber",
    "prefix",
    "readsetId",
    "reference",
    "referenceAllele",
    "referenceSeqString",
    "relation",
    "serialNumber",
    "series",
    "status",
    "subscriberId",
    "suffix",
    "title",
    "unit",
    "value",
    "variantsetId",
    "version",
    "versionId",
];
/// What holds a `text` that says what a code, a dose, a name or a question is.
const TEXT_OF: [&str; 7] = [
    "CodeableConcept",
    "Dosage",
    "HumanName",
    "MedicationAdministration.dosage",
    "Observation.referenceRange",
    "Questionnaire.item",
    "QuestionnaireResponse.item",
];
/// The element that counts members of whom some may be hidden.
pub(crate) const COUNTS_MEMBERS: (&str, &str) = ("Group", "quantity");
/// Resources of which nothing is left without what tells where the person is.
pub(crate) const NOTHING_ELSE: [&str; 2] = ["Location", "Binary"];

/// Whether the element of the path, or one on the way to it, tells where the person is.
#[must_use]
pub fn hides(path: &ElementPath) -> bool {
    let mut types = vec![path.owner()];
    for step in path.steps() {
        let told = match step {
            Step::Element(name) | Step::Item { list: name, .. } => {
                types.iter().any(|owner| tells(*owner, name))
            }
            Step::Choice { key, .. } => types.iter().any(|owner| tells_as(*owner, key)),
            Step::Extension(_) | Step::Identifier(_) => return false,
        };
        if told {
            return true;
        }
        types = step.leads_to(&types);
    }
    false
}

/// What a search parameter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compares {
    /// Words.
    Words,
    /// Anything else: of a choice, types that are not words.
    Other,
}

/// Whether the element of the path, or one on the way to it, is free words or unread content, in which it may stand where
/// the person is.
#[must_use]
pub fn is_worded(path: &ElementPath, compares: Compares) -> bool {
    let mut types = vec![path.owner()];
    for step in path.steps() {
        let worded = match step {
            Step::Element(name) | Step::Item { list: name, .. } => types.iter().any(|owner| {
                let mut keys = owner.keys().filter(|(_, element)| element.name() == *name);
                keys.any(|(key, element)| {
                    let is_asked = compares == Compares::Words || !element.is_choice();
                    is_asked && is_wordy(*owner, key)
                })
            }),
            Step::Choice { key, .. } => types.iter().any(|owner| is_wordy(*owner, key)),
            Step::Extension(_) | Step::Identifier(_) => return false,
        };
        if worded {
            return true;
        }
        types = step.leads_to(&types);
    }
    false
}

/// Whether the element that JSON calls `key` is free words or unread content.
#[must_use]
pub fn is_wordy(owner: TypeId, key: &str) -> bool {
    let Some(element) = tables::element(owner, key) else { return false };
    let Some(found) = element.only_type() else { return false };
    let is_naming = NAMING.contains(&element.name())
        || element.name() == "text" && TEXT_OF.contains(&element.owner().name());
    let is_text = found.name() == "string" && (element.is_choice() || !is_naming);
    WORDS.contains(&found.name()) || is_text
}

/// Whether the element `name` of `owner` tells by itself where the person is.
#[must_use]
pub fn tells(owner: TypeId, name: &str) -> bool {
    if ELEMENTS.contains(&(owner.name(), name)) {
        return true;
    }
    tables::element_named(owner, name).is_some_and(|element| element.types().iter().any(is_place))
}

/// The same where JSON calls it `key`, which tells the type of a choice.
fn tells_as(owner: TypeId, key: &str) -> bool {
    let Some(element) = tables::element(owner, key) else { return false };
    let of_key = |found: &&tables::ElementType| Some(found.id()) == element.only_type();
    element.types().iter().filter(of_key).any(is_place)
}

fn is_place(found: &tables::ElementType) -> bool {
    TYPES.contains(&found.id().name()) || found.targets().iter().any(|target| PLACES.contains(&target.name()))
}

/// Whether a search compares something that the shield hides: a shielded person is not found by it.
pub(in crate::decision) fn asks_by_whereabouts(interaction: &Interaction) -> bool {
    let Interaction::Fhir { action: FhirAction::Search(search), .. } = interaction else { return false };
    let searched = search.query.resource_type();
    search
        .query
        .criteria()
        .iter()
        .flat_map(|criterion| criterion.reads())
        .any(|read| ElementPath::parse(searched, read).is_ok_and(|path| hides(&path)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every string of what can be about a patient that is kept although her whereabouts are protected.
    fn kept() -> BTreeSet<String> {
        let mut kept = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let is_of_patients = |owner: &TypeId| !tables::patient_compartment(*owner).is_empty();
        let mut waiting: Vec<TypeId> = tables::resource_types().filter(is_of_patients).collect();
        while let Some(owner) = waiting.pop() {
            if !seen.insert(owner) || TYPES.contains(&owner.name()) {
                continue;
            }
            for (key, element) in owner.keys() {
                let Some(found) = element.only_type() else { continue };
                match found.kind().is_primitive() {
                    true if found.name() == "string" && !is_wordy(owner, key) => {
                        kept.insert(element.path().to_owned());
                    }
                    true => {}
                    false => waiting.push(found),
                }
                waiting.extend(element.child_type());
            }
        }
        kept
    }

    #[test]
    fn strings_about_protected_people_are_kept_only_where_the_reviewed_list_says_so() {
        let ids = |path: &String| !path.ends_with(".id");
        let kept: Vec<String> = kept().into_iter().filter(ids).collect();
        assert_eq!(kept.join("\n") + "\n", include_str!("../../tests/golden/shielded/strings.txt"));
    }

    #[test]
    fn words_in_which_a_place_may_stand_are_hidden_and_names_are_not() {
        for (owner, key, expected) in [
            ("Appointment", "patientInstruction", true),
            ("DiagnosticReport", "conclusion", true),
            ("ClinicalImpression", "summary", true),
            ("AuditEvent", "outcomeDesc", true),
            ("Observation", "valueString", true),
            ("Condition", "note", true),
            ("Dosage", "patientInstruction", true),
            ("Dosage", "text", false),
            ("CodeableConcept", "text", false),
            ("HumanName", "family", false),
            ("Coding", "display", false),
            ("Quantity", "unit", false),
            ("QuestionnaireResponse", "status", false),
        ] {
            let owner = tables::resource_type(owner).or_else(|| tables::type_named(owner)).unwrap();
            assert_eq!(is_wordy(owner, key), expected, "{}.{key}", owner.name());
        }
    }
}
