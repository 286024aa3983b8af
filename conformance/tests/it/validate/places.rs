//! Where an extension may stand, as expressions of its definition tell it.

use conformance::definitions::Definitions;
use conformance::definitions::pack::Pack;
use conformance::tree::{Limits, Tree};
use conformance::validate::{Finding, Severity, validate};

use super::{errors, findings};

/// A Questionnaire with one item that has an extension of the core specification.
fn item(members: &str, extension: &str, value: &str) -> String {
    format!(
        r#"{{"resourceType":"Questionnaire","status":"draft","name":"Q","item":[{{"linkId":"1",{members},"extension":[
        {{"url":"http://hl7.org/fhir/StructureDefinition/questionnaire-{extension}",{value}}}]}}]}}"#
    )
}

const WRONG: &str = "extension Questionnaire.item[0].extension[0]";

#[test]
fn the_place_of_an_extension_is_held_to_its_context_invariant() {
    let resource = r#""valueCode":"Patient""#;
    let most = r#""valueInteger":2"#;
    for (members, extension, value, wanted) in [
        (r#""type":"reference""#, "referenceResource", resource, None),
        (r#""type":"string""#, "referenceResource", resource, Some(WRONG)),
        (r#""type":"choice""#, "choiceOrientation", r#""valueCode":"vertical""#, None),
        (r#""type":"date""#, "choiceOrientation", r#""valueCode":"vertical""#, Some(WRONG)),
        (r#""type":"string","repeats":true"#, "maxOccurs", most, None),
        (r#""type":"string""#, "maxOccurs", r#""valueInteger":1"#, None),
        (r#""type":"string""#, "maxOccurs", most, Some(WRONG)),
        (r#""type":"display","repeats":true"#, "maxOccurs", r#""valueInteger":1"#, Some(WRONG)),
    ] {
        let found = findings(&item(members, extension, value), &[]);
        let told = errors(&found);
        let told: Vec<&str> =
            told.iter().map(String::as_str).filter(|one| one.starts_with("extension")).collect();
        assert_eq!(told, Vec::from_iter(wanted), "{members} {extension}\n{found:#?}");
    }
}

/// What is found in `json` where `https://own.example/e` is an extension with these lines of a pack.
fn own(lines: &str, json: &str) -> Vec<Finding> {
    let text = format!(
        "# portcullis definitions 1\nS\thttps://own.example/e\t\tE\tExtension\t\
         http://hl7.org/fhir/StructureDefinition/Extension\tc\tc\n{lines}E\t.\n"
    );
    let mut definitions = Definitions::r4().expect("the base");
    definitions.add(Pack::read(text.as_bytes()).expect("reads"));
    let tree = Tree::read(json.as_bytes(), &Limits::default()).expect("a tree");
    validate(&tree, &definitions, &[])
}

const ON_NAME: &str = r#"{"resourceType":"Patient","active":true,"name":[{"use":"official","family":"Dale"},
    {"use":"nickname","text":"Annie","extension":[{"url":"https://own.example/e","valueString":"x"}]}]}"#;

/// What is said of the extension on the second name.
#[track_caller]
fn check(lines: &str, wanted: Option<Severity>) {
    let found = own(lines, ON_NAME);
    let told: Vec<Severity> = found
        .iter()
        .filter(|one| one.code() == "extension")
        .map(|one| {
            assert_eq!(one.path, "Patient.name[1].extension[0]");
            one.severity
        })
        .collect();
    assert_eq!(told, Vec::from_iter(wanted), "{lines}\n{found:#?}");
}

#[test]
fn an_extension_stands_where_the_query_of_its_context_finds() {
    check("X\tfhirpath\tPatient.name\n", None);
    check("X\tfhirpath\tPatient.name.where(use = 'nickname')\n", None);
    check("X\tfhirpath\tdescendants().where(text.exists())\n", None);
    check("X\tfhirpath\tuse = 'nickname'\n", None);
    check("X\tfhirpath\t$this is HumanName\n", None);
    check("X\tfhirpath\tPatient.name.where(use = 'official')\n", Some(Severity::Error));
    check("X\tfhirpath\tPatient.active\n", Some(Severity::Error));
    check("X\tfhirpath\tuse = 'official'\n", Some(Severity::Error));
    // True of the resource, and of no place in it.
    check("X\tfhirpath\tactive = true\n", Some(Severity::Error));
    check("X\tfhirpath\tPatient.contact\nX\telement\tHumanName\n", None);
    check("X\telement\tAddress\nX\tfhirpath\tPatient.name\n", None);
}

#[test]
fn a_context_that_cannot_be_evaluated_is_said() {
    for lines in [
        "X\tfhirpath\tname.(\n",
        "X\tfhirpath\tname.unheardOf()\n",
        "X\tfhirpath\tunheardOf()\nX\telement\tAddress\n",
        "X\tsomehow\tname\n",
        "Y\tuse.(\n",
        "Y\tuse.unheardOf()\n",
        "Y\t%unheardOf.exists()\n",
    ] {
        check(lines, Some(Severity::NotChecked));
    }
    // Nothing is left to tell where another context allows it.
    check("X\tfhirpath\tunheardOf()\nX\telement\tHumanName\n", None);
}

#[test]
fn a_context_invariant_sees_the_place_the_extension_and_the_resource() {
    check("Y\tuse = 'nickname' and %resource.active and %extension.value = 'x'\n", None);
    check("Y\t%extension.valueString = 'x'\n", None);
    check("Y\tuse = 'official'\n", Some(Severity::Error));
    check("Y\t%extension.value = 'y'\n", Some(Severity::Error));
    // What yields nothing does not hold.
    check("Y\tperiod.start = '2024'\n", Some(Severity::Error));
}
