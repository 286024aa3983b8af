//! Rows of the tables that were written by hand from the specification, and the tables as a whole against it.

use std::collections::BTreeSet;

use super::{
    Component, Element, ElementId, Release, SearchKind, TABLES, TypeId, TypeKind, decode, element,
    element_named, elements_len, patient_compartment, person_elements, resource_type, resource_types,
    search_parameter, search_parameters, type_in, type_named,
};
use crate::path::ElementPath;

#[track_caller]
fn known(name: &str) -> TypeId {
    type_named(name).unwrap_or_else(|| panic!("{name} is not in the tables"))
}

fn types(element: &Element) -> Vec<String> {
    element
        .types()
        .iter()
        .map(|found| match found.targets() {
            [] => found.id().to_string(),
            targets => format!("{}{targets:?}", found.id()),
        })
        .collect()
}

#[test]
fn the_file_decodes() {
    for release in [Release::Dstu2, Release::Stu3, Release::R4, Release::R4b, Release::R5] {
        assert!(decode::decode(release, release.text()).is_some(), "{release:?}");
        assert!(decode::decode(release, "Patient Nothing resource").is_none());
    }
    assert_eq!(resource_types().count(), 146);
    assert_eq!(TABLES.by_name.len(), TABLES.types.len());
}

#[test]
fn a_release_has_its_own_elements_and_none_of_anothers() {
    let rows = [
        (Release::Dstu2, "MedicationOrder", "dateWritten", "MedicationOrder.dateWritten"),
        (Release::Stu3, "AllergyIntolerance", "assertedDate", "AllergyIntolerance.assertedDate"),
        (Release::R4b, "Patient", "birthDate", "Patient.birthDate"),
        (Release::R5, "Condition", "participant", "Condition.participant"),
    ];
    for (release, owner, key, path) in rows {
        let found = element(type_in(release, owner).unwrap(), key).unwrap();
        assert_eq!((found.path(), found.id().path()), (path.to_owned(), path.to_owned()));
        assert!(found.owner() != known("Patient") && found.only_type().is_some());
        assert_eq!(found.owner().name(), owner);
    }
    assert!(element(known("AllergyIntolerance"), "assertedDate").is_none());
    assert!(type_in(Release::R4, "AllergyIntolerance") == type_named("AllergyIntolerance"));
    // Names of types inside others and of choices are made as in R4.
    let dosage = type_in(Release::Stu3, "Dosage").unwrap();
    assert_eq!(element(dosage, "doseRange").unwrap().only_type().unwrap().name(), "Range");
}

#[test]
fn elements_are_as_the_specification_says() {
    let rows = [
        // type, JSON name, element, min, array, modifier, summary, types
        ("Patient", "birthDate", "birthDate", 0, false, false, true, "[\"date\"]"),
        ("Patient", "active", "active", 0, false, true, true, "[\"boolean\"]"),
        ("Patient", "name", "name", 0, true, false, true, "[\"HumanName\"]"),
        ("Patient", "contact", "contact", 0, true, false, false, "[\"Patient.contact\"]"),
        ("Patient", "contained", "contained", 0, true, false, false, "[\"Resource\"]"),
        ("Patient", "implicitRules", "implicitRules", 0, false, true, true, "[\"uri\"]"),
        ("Patient", "id", "id", 0, false, false, true, "[\"string\"]"),
        ("Patient.link", "type", "type", 1, false, false, true, "[\"code\"]"),
        ("Patient.link", "other", "other", 1, false, false, true, "[\"Reference[Patient, RelatedPerson]\"]"),
        ("Patient.contact", "modifierExtension", "modifierExtension", 0, true, true, true, "[\"Extension\"]"),
        (
            "AllergyIntolerance",
            "verificationStatus",
            "verificationStatus",
            0,
            false,
            true,
            true,
            "[\"CodeableConcept\"]",
        ),
        ("Observation", "component", "component", 0, true, false, true, "[\"Observation.component\"]"),
        (
            "Observation.component",
            "referenceRange",
            "referenceRange",
            0,
            true,
            false,
            false,
            "[\"Observation.referenceRange\"]",
        ),
        ("Observation", "focus", "focus", 0, true, false, true, "[\"Reference\"]"),
        (
            "Composition",
            "author",
            "author",
            1,
            true,
            false,
            true,
            "[\"Reference[Practitioner, PractitionerRole, Device, Patient, RelatedPerson, Organization]\"]",
        ),
        ("Composition.section", "section", "section", 0, true, false, false, "[\"Composition.section\"]"),
        ("HumanName", "use", "use", 0, false, true, true, "[\"code\"]"),
        ("Age", "comparator", "comparator", 0, false, true, true, "[\"code\"]"),
        ("Narrative", "div", "div", 1, false, false, false, "[\"xhtml\"]"),
        ("Extension", "url", "url", 1, false, false, false, "[\"uri\"]"),
        ("date", "extension", "extension", 0, true, false, false, "[\"Extension\"]"),
        ("Timing.repeat", "dayOfWeek", "dayOfWeek", 0, true, false, true, "[\"code\"]"),
    ];
    for (owner, key, name, min, array, modifier, summary, expected) in rows {
        let found = element(known(owner), key).unwrap_or_else(|| panic!("{owner}.{key}"));
        let told = (found.name(), found.min(), found.is_array(), found.is_modifier(), found.is_summary());
        assert_eq!(told, (name, min, array, modifier, summary), "{owner}.{key}");
        assert_eq!(format!("{:?}", types(&found)), expected, "{owner}.{key}");
    }
}

#[test]
fn the_json_name_of_a_choice_tells_its_type() {
    let condition = known("Condition");
    let onset = element(condition, "onsetDateTime").expect("a choice");
    assert_eq!(
        (onset.name(), onset.key(), onset.path().as_str()),
        ("onset[x]", "onsetDateTime", "Condition.onset[x]")
    );
    assert!(onset.is_choice());
    assert_eq!((onset.only_type(), onset.child_type()), (type_named("dateTime"), None));
    assert_eq!(element(condition, "onsetPeriod").and_then(|found| found.child_type()), type_named("Period"));
    for unknown in
        ["onset", "onset[x]", "onsetBoolean", "_onsetDateTime", "ONSETDATETIME", "", "resourceType"]
    {
        assert!(element(condition, unknown).is_none(), "{unknown}");
    }
    let named = element_named(condition, "onset[x]").expect("by its own name");
    assert_eq!((named.only_type(), named.types().len()), (None, 5));
    let value = element(known("MedicationRequest"), "medicationReference").expect("a choice");
    assert_eq!(value.targets(), [known("Medication")]);
    assert_eq!(value.min(), 1);
}

#[test]
fn an_inherited_element_is_one_element() {
    let id = |owner, key| element(known(owner), key).expect("an element").id();
    assert_eq!(id("Patient", "meta"), id("Condition", "meta"));
    assert_ne!(id("Patient", "name"), id("Person", "name"));
    assert_eq!(id("Condition", "onsetAge"), id("Condition", "onsetString"));
    assert_eq!(
        (id("Patient", "name").path(), id("HumanName", "extension").path()),
        ("Patient.name".to_owned(), "Element.extension".to_owned())
    );
    assert_eq!(ElementId::at(id("Patient", "name").index()), Some(id("Patient", "name")));
    assert_eq!(ElementId::at(elements_len()), None);
}

#[test]
fn kinds_tell_how_a_value_is_written() {
    for (name, kind) in [
        ("Patient", TypeKind::Resource),
        ("Resource", TypeKind::Abstract),
        ("HumanName", TypeKind::Complex),
        ("Patient.contact", TypeKind::Backbone),
        ("date", TypeKind::Text),
        ("xhtml", TypeKind::Text),
        ("decimal", TypeKind::Number),
        ("positiveInt", TypeKind::Number),
        ("boolean", TypeKind::Boolean),
    ] {
        assert_eq!(known(name).kind(), kind, "{name}");
    }
    assert!(resource_type("Patient").is_some());
    for name in ["HumanName", "DomainResource", "Patient.contact", "patient", "Foo", ""] {
        assert!(resource_type(name).is_none(), "{name}");
    }
}

#[test]
fn attributes_in_xml_are_the_ids_of_parts_and_the_url_of_an_extension() {
    for (owner, key, is_attribute) in [
        ("HumanName", "id", true),
        ("date", "id", true),
        ("Patient.contact", "id", true),
        ("Extension", "id", true),
        ("Extension", "url", true),
        ("Patient", "id", false),
        ("ValueSet", "url", false),
        ("Attachment", "url", false),
        ("date", "extension", false),
    ] {
        let found = element(known(owner), key).unwrap_or_else(|| panic!("{owner}.{key}"));
        assert_eq!(found.is_attribute(), is_attribute, "{owner}.{key}");
    }
    assert!(known("xhtml").is_xhtml());
    assert!(!known("string").is_xhtml());
}

#[test]
fn search_parameters_tell_what_they_read() {
    let rows = [
        ("Patient", "family", SearchKind::String, "name.family"),
        ("Patient", "email", SearchKind::Token, "telecom telecom.system"),
        ("Patient", "deceased", SearchKind::Token, "deceased[x]"),
        ("Patient", "death-date", SearchKind::Date, "deceased[x]"),
        ("Patient", "_id", SearchKind::Token, "id"),
        ("Patient", "_lastUpdated", SearchKind::Date, "meta.lastUpdated"),
        (
            "Patient",
            "mothersMaidenName",
            SearchKind::String,
            "extension:http://hl7.org/fhir/StructureDefinition/patient-extensions-Patient-mothersMaidenName",
        ),
        ("Condition", "onset-date", SearchKind::Date, "onset[x]"),
        ("Condition", "patient", SearchKind::Reference, "subject"),
        ("Condition", "code", SearchKind::Token, "code"),
        ("InsurancePlan", "name", SearchKind::String, "alias name"),
        ("Observation", "value-string", SearchKind::String, "value[x] value[x].text"),
        ("Observation", "combo-code", SearchKind::Token, "code component.code"),
        ("Observation", "code-value-date", SearchKind::Composite, "code value[x]"),
        ("Library", "depends-on", SearchKind::Reference, "relatedArtifact.resource relatedArtifact.type"),
        ("Location", "near", SearchKind::Special, "position"),
        (
            "QuestionnaireResponse",
            "item-subject",
            SearchKind::Reference,
            "item.answer.value[x] item.extension:http://hl7.org/fhir/StructureDefinition/questionnaireresponse-isSubject",
        ),
    ];
    for (owner, code, kind, reads) in rows {
        let found = search_parameter(known(owner), code).unwrap_or_else(|| panic!("{owner} {code}"));
        assert_eq!((found.code(), found.kind()), (code, kind), "{owner}");
        assert_eq!(found.reads().unwrap_or_default().join(" "), reads, "{owner} {code}");
    }
    let patient = search_parameter(known("Condition"), "patient").expect("known");
    let path = patient.paths().and_then(|paths| paths.first()).expect("readable");
    assert_eq!((path.path(), path.resolves_to()), ("subject", type_named("Patient")));
    let email = search_parameter(known("Patient"), "email").expect("known");
    let condition = email.paths().and_then(|paths| paths.first()?.conditions().first()).expect("a condition");
    assert_eq!(
        (condition.on(), condition.read(), condition.equals()),
        ("telecom", "telecom.system", Some("email"))
    );
    let dated =
        search_parameter(known("Condition"), "onset-date").and_then(|found| found.paths()).expect("readable");
    let choices: Vec<_> = dated.iter().filter_map(|path| path.choice()).map(TypeId::name).collect();
    assert_eq!(choices, ["dateTime", "Period"]);
    assert!(search_parameter(known("Patient"), "onset-date").is_none());
}

#[test]
fn composites_tell_what_must_stand_together() {
    let rows = [
        ("Observation", "code-value-quantity", "-", "Token code; Quantity value[x]"),
        ("Observation", "code-value-date", "-", "Token code; Date value[x]"),
        ("Observation", "code-value-string", "-", "Token code; String value[x]"),
        (
            "Observation",
            "component-code-value-concept",
            "component",
            "Token component.code; Token component.value[x]",
        ),
        (
            "Observation",
            "combo-code-value-quantity",
            "- component",
            "Token code component.code; Quantity component.value[x] value[x]",
        ),
        // R4 names the two parameters the wrong way round: each is read for what it says itself.
        (
            "DocumentReference",
            "relationship",
            "relatesTo",
            "Reference relatesTo.target; Token relatesTo.code",
        ),
        (
            "ValueSet",
            "context-type-quantity",
            "useContext",
            "Token useContext.code; Quantity useContext.value[x]",
        ),
        (
            "Group",
            "characteristic-value",
            "characteristic",
            "Token characteristic.code; Token characteristic.value[x]",
        ),
        (
            "MolecularSequence",
            "chromosome-variant-coordinate",
            "variant",
            "Token referenceSeq.chromosome; Number variant.start; Number variant.end",
        ),
    ];
    for (owner, code, items, components) in rows {
        let found = search_parameter(known(owner), code).unwrap_or_else(|| panic!("{owner} {code}"));
        let told: Vec<_> =
            found.items().iter().map(|item| if item.is_empty() { "-" } else { item }).collect();
        assert_eq!(told.join(" "), items, "{owner} {code}");
        let told = found.components().iter().map(|one| format!("{:?} {}", one.kind(), one.reads().join(" ")));
        assert_eq!(told.collect::<Vec<_>>().join("; "), components, "{owner} {code}");
    }
    let target = search_parameter(known("DocumentReference"), "relationship")
        .and_then(|found| found.components().first())
        .map(Component::targets);
    assert_eq!(target, Some([known("DocumentReference")].as_slice()));
    let value =
        search_parameter(known("Group"), "characteristic-value").and_then(|found| found.components().get(1));
    let choices: Vec<_> = value.expect("known").of_item().iter().filter_map(|path| path.choice()).collect();
    assert_eq!(
        choices,
        [known("CodeableConcept"), known("boolean")],
        "what the parameter compares by itself"
    );
}

#[test]
fn every_composite_of_r4_is_known_whole() {
    let mut count = 0;
    for owner in resource_types() {
        for search in search_parameters(owner) {
            let is_composite = search.kind() == SearchKind::Composite;
            assert_eq!(is_composite, !search.components().is_empty(), "{owner} {}", search.code());
            if !is_composite {
                continue;
            }
            count += 1;
            assert!(
                search.components().len() >= 2 && !search.items().is_empty(),
                "{owner} {}",
                search.code()
            );
            let of_components: BTreeSet<&String> =
                search.components().iter().flat_map(|one| one.reads()).collect();
            let all: BTreeSet<&String> = search.reads().unwrap_or_default().iter().collect();
            assert_eq!(all, of_components, "{owner} {}", search.code());
        }
    }
    assert_eq!(count, 72);
}

#[test]
fn parameters_that_cannot_be_read_are_these_and_are_marked() {
    let mut marked = Vec::new();
    for owner in ["Resource", "DomainResource"].map(known).into_iter().chain(resource_types()) {
        let own = owner.row().map(|row| row.searches.as_slice()).unwrap_or_default();
        marked.extend(
            own.iter()
                .filter(|search| search.paths().is_none())
                .map(|search| format!("{owner} {}", search.code())),
        );
    }
    assert_eq!(
        marked,
        [
            "Resource _content",
            "Resource _filter",
            "Resource _query",
            "DomainResource _text",
            "Bundle composition",
            "Bundle message",
            "Patient age",
            "Patient birthOrderBoolean",
            "Patient part-agree",
        ]
    );
}

#[test]
fn every_path_a_parameter_reads_is_an_element_path() {
    for owner in resource_types() {
        for search in search_parameters(owner) {
            for path in search.reads().unwrap_or_default() {
                let parsed = ElementPath::parse(owner, path);
                assert!(parsed.is_ok(), "{owner} {}: {parsed:?}", search.code());
            }
        }
    }
}

#[test]
fn the_patient_compartment_is_told_by_parameters_that_exist() {
    assert_eq!(patient_compartment(known("Condition")), ["patient", "asserter"]);
    assert_eq!(patient_compartment(known("Organization")), [""; 0]);
    for owner in resource_types() {
        for code in patient_compartment(owner) {
            let found = search_parameter(owner, code).unwrap_or_else(|| panic!("{owner} {code}"));
            assert!(found.reads().is_some(), "{owner} {code}");
        }
    }
}

#[test]
fn person_elements_are_found_at_any_depth() {
    let all = person_elements(known("Observation"));
    for path in ["subject", "focus", "performer", "note.author[x]"] {
        assert!(all.iter().any(|found| found == path), "{path} is missing in {all:?}");
    }
    assert!(!all.iter().any(|found| found == "device" || found.starts_with("extension")), "{all:?}");
    assert_eq!(person_elements(known("Encounter")).first().map(String::as_str), Some("subject"));
    let answers = person_elements(known("QuestionnaireResponse"));
    assert!(answers.iter().any(|found| found == "item.answer.value[x]"), "{answers:?}");
    for owner in resource_types() {
        for path in person_elements(owner) {
            let parsed = ElementPath::parse(owner, path);
            assert!(parsed.is_ok(), "{parsed:?}");
        }
    }
}
