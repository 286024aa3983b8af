//! What is a path, what is not, and what is said about it.

use super::{ElementPath, Step};
use crate::tables::resource_type;

#[track_caller]
fn parse(owner: &str, text: &str) -> Result<ElementPath, String> {
    ElementPath::parse(resource_type(owner).expect("a resource type"), text)
        .map_err(|invalid| invalid.to_string())
}

#[test]
fn a_path_of_the_specification_is_read_and_written_back() {
    let rows = [
        ("Patient", "name"),
        ("Patient", "address.postalCode"),
        ("Patient", "contact.name.family"),
        ("Patient", "birthDate.extension:http://hl7.org/fhir/StructureDefinition/patient-birthTime"),
        ("Patient", "extension:https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory"),
        ("Patient", "identifier:https://fhir.nhs.uk/Id/nhs-number"),
        ("Patient", "multipleBirth[x]"),
        ("Patient", "meta.security"),
        ("Patient", "contained"),
        ("Condition", "onset[x]"),
        ("Condition", "onset[x].start"),
        ("Condition", "onsetDateTime"),
        ("Condition", "onsetPeriod.start"),
        ("Observation", "component.valueQuantity.value"),
        ("Observation", "component:http://loinc.org|8480-6"),
        ("QuestionnaireResponse", "item:mobility.1"),
        ("Composition", "section:http://snomed.info/sct|1184593002"),
        ("Condition", "subject.display"),
        ("Composition", "section"),
        ("Composition", "section.section.title"),
        ("MedicationRequest", "dosageInstruction.timing.repeat.bounds[x]"),
        ("Observation", "component.referenceRange.low"),
        ("DocumentReference", "content.attachment"),
        ("Bundle", "entry.resource"),
    ];
    for (owner, text) in rows {
        let path = parse(owner, text).unwrap_or_else(|invalid| panic!("{invalid}"));
        assert_eq!(path.text(), text);
        assert_eq!(path.to_string(), format!("{owner}.{text}"));
    }
    let path = parse("Patient", "identifier:https://fhir.nhs.uk/Id/nhs-number").expect("a path");
    assert_eq!(path.steps(), [Step::Identifier("https://fhir.nhs.uk/Id/nhs-number".to_owned())]);
}

#[test]
fn what_is_no_path_is_told_with_what_to_write_instead() {
    let rows = [
        (
            "Condition",
            "onset",
            "Condition.onset: write `onset[x]`, which stands for every type of the choice, or name one type",
        ),
        ("Condition", "onsetWeek", "Condition.onsetWeek: Condition has no element `onsetWeek`"),
        ("Condition", "onsetAge.zzz", "Condition.onsetAge.zzz: Age has no element `zzz`"),
        (
            "Patient",
            "name:x",
            "Patient.name:x: only items that have a linkId or a code, and contained resources, are named one by one, as `name:key`",
        ),
        ("QuestionnaireResponse", "item:", "QuestionnaireResponse.item:: a linkId must follow the colon"),
        (
            "Composition",
            "section:plan",
            "Composition.section:plan: a code as system|code must follow the colon",
        ),
        ("Patient", "nmae", "Patient.nmae: Patient has no element `nmae`; did you mean `name`?"),
        ("Patient", "Name", "Patient.Name: Patient has no element `Name`; did you mean `name`?"),
        (
            "Patient",
            "address.postcode",
            "Patient.address.postcode: Address has no element `postcode`; did you mean `postalCode`?",
        ),
        ("Patient", "zzz", "Patient.zzz: Patient has no element `zzz`"),
        ("Patient", "", "Patient.: Patient has no element ``"),
        ("Patient", "name.", "Patient.name.: HumanName has no element ``"),
        (
            "Patient",
            "_birthDate",
            "Patient._birthDate: write `birthDate.extension:<url>` for an extension of `birthDate`",
        ),
        ("Patient", "birthDate.year", "Patient.birthDate.year: date has no element `year`"),
        (
            "Patient",
            "extension",
            "Patient.extension: write `extension:<url>`, once for each extension that is meant",
        ),
        (
            "Patient",
            "name.extension.value[x]",
            "Patient.name.extension.value[x]: write `extension:<url>`, once for each extension that is meant",
        ),
        ("Patient", "extension:", "Patient.extension:: a url must follow the colon"),
        ("Condition", "onset[x].zzz", "Condition.onset[x].zzz: dateTime has no element `zzz`"),
        (
            "Bundle",
            "identifier.identifier:x",
            "Bundle.identifier.identifier:x: Identifier has no element `identifier`",
        ),
        (
            "Patient",
            "contained.name",
            "Patient.contained.name: what is inside a nested resource follows the rules of its own type; end the path before it",
        ),
    ];
    for (owner, text, expected) in rows {
        assert_eq!(parse(owner, text).expect_err(text), expected);
    }
}
