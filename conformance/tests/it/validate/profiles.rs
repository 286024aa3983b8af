//! Profiles: differentials merged, and slices told apart in every way there is.

use conformance::definitions::Definitions;
use conformance::definitions::pack::Pack;
use conformance::tree::{Limits, Tree};
use conformance::validate::validate;

use super::{errors, findings};

const OBSERVATION: &str = r#"{"resourceType":"Observation","status":"final","code":{"text":"a"}BODY}"#;
const PATIENT: &str = r#"{"resourceType":"Patient"BODY}"#;

/// A profile of `kind` with these lines of a pack, held against `body` in a resource of that type.
#[track_caller]
fn check(kind: &str, lines: &str, body: &str, wanted: &[&str]) {
    let base = format!("http://hl7.org/fhir/StructureDefinition/{kind}");
    let text =
        format!("# portcullis definitions 1\nS\thttps://own.example/P\t\tP\t{kind}\t{base}\tr\tc\n{lines}");
    let mut definitions = Definitions::r4().expect("the base");
    definitions.add(Pack::read(text.as_bytes()).expect("reads"));
    let whole = if kind == "Patient" { PATIENT } else { OBSERVATION };
    let json = whole.replace("BODY", body);
    let tree = Tree::read(json.as_bytes(), &Limits::default()).expect("a tree");
    let found = validate(&tree, &definitions, &["https://own.example/P"]);
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    assert_eq!(errors(&found), wanted, "{json}\n{found:#?}");
}

#[test]
fn cardinality_fixed_and_pattern_are_those_of_the_profile() {
    let lines =
        "E\tbirthDate\tc1..\nE\tphoto\tc..0\nE\tactive\tf\"true\"\nE\tmaritalStatus\tp(coding(code\"M\"))\n";
    check("Patient", lines, r#","birthDate":"2020","active":true"#, &[]);
    check("Patient", lines, r#","birthDate":"2020","active":false"#, &["fixed Patient.active"]);
    check("Patient", lines, "", &["cardinality Patient"]);
    check(
        "Patient",
        lines,
        r#","birthDate":"2020","maritalStatus":{"text":"M"}"#,
        &["pattern Patient.maritalStatus"],
    );
    check("Patient", lines, r#","birthDate":"2020","photo":[{"url":"http://a"}]"#, &["cardinality Patient"]);
}

#[test]
fn a_path_into_a_data_type_constrains_it_there_alone() {
    let lines = "E\tname.family\tc1..\n";
    check(
        "Patient",
        lines,
        r#","name":[{"text":"x"}],"contact":[{"name":{"text":"x"}}]"#,
        &["cardinality Patient.name[0]"],
    );
}

#[test]
fn slices_by_value_have_their_own_rules_and_number() {
    let lines = "E\tidentifier\tso value:system\nE\tidentifier:nhs\tc1..1\nE\tidentifier:nhs.system\tc1..\tf\"urn:nhs\"\n\
                 E\tidentifier:nhs.value\tc1..\n";
    check(
        "Patient",
        lines,
        r#","identifier":[{"system":"urn:other"},{"system":"urn:nhs","value":"1"}]"#,
        &[],
    );
    check("Patient", lines, r#","identifier":[{"system":"urn:other"}]"#, &["slicing Patient"]);
    check(
        "Patient",
        lines,
        r#","identifier":[{"system":"urn:nhs"}]"#,
        &["cardinality Patient.identifier[0]"],
    );
    let twice = r#","identifier":[{"system":"urn:nhs","value":"1"},{"system":"urn:nhs","value":"2"}]"#;
    check("Patient", lines, twice, &["slicing Patient"]);
}

#[test]
fn closed_and_ordered_slices_are_held_to_it() {
    let slices = "E\tidentifier:a.system\tf\"urn:a\"\nE\tidentifier:b.system\tf\"urn:b\"\n";
    let body = r#","identifier":[{"system":"urn:b"},{"system":"urn:a"},{"system":"urn:c"}]"#;
    let closed = format!("E\tidentifier\tsc value:system\n{slices}");
    check("Patient", &closed, body, &["slicing Patient.identifier[2]"]);
    let ordered = format!("E\tidentifier\tso! value:system\n{slices}");
    check("Patient", &ordered, body, &["slicing Patient.identifier[1]"]);
    let at_end = format!("E\tidentifier\tse value:system\n{slices}");
    let mixed = r#","identifier":[{"system":"urn:c"},{"system":"urn:a"}]"#;
    check("Patient", &at_end, mixed, &["slicing Patient.identifier[1]"]);
}

#[test]
fn slices_by_pattern_are_told_by_a_part() {
    let lines = "E\tcategory\tso pattern:$this\nE\tcategory:lab\tc1..\tp(coding(code\"laboratory\"))\nE\tcategory:lab.text\tc1..\n";
    check(
        "Observation",
        lines,
        r#","category":[{"coding":[{"code":"x"},{"code":"laboratory"}],"text":"lab"}]"#,
        &[],
    );
    check(
        "Observation",
        lines,
        r#","category":[{"coding":[{"code":"laboratory"}]}]"#,
        &["cardinality Observation.category[0]"],
    );
    check("Observation", lines, r#","category":[{"coding":[{"code":"x"}]}]"#, &["slicing Observation"]);
}

#[test]
fn slices_by_type_are_types_of_a_choice() {
    let lines = "E\tvalue[x]:valueQuantity\ttQuantity\nE\tvalue[x]:valueQuantity.unit\tc1..\n";
    check("Observation", lines, r#","valueString":"x""#, &[]);
    check(
        "Observation",
        lines,
        r#","valueQuantity":{"value":1}"#,
        &["cardinality Observation.valueQuantity"],
    );
    let short = "E\tvalueQuantity.unit\tc1..\n";
    check(
        "Observation",
        short,
        r#","valueQuantity":{"value":1}"#,
        &["cardinality Observation.valueQuantity"],
    );
    let only = "E\tvalue[x]\tc1..\ttQuantity\nE\tvalue[x].unit\tc1..\n";
    check(
        "Observation",
        only,
        r#","valueString":"x""#,
        &["choice-type Observation.valueString", "cardinality Observation"],
    );
}

#[test]
fn slices_by_type_of_a_reference_are_told_by_where_it_leads() {
    let lines = "E\tperformer\tsc type:resolve()\nE\tperformer:one\tc1..1\ttReference >http://hl7.org/fhir/StructureDefinition/Practitioner\n";
    check("Observation", lines, r#","performer":[{"reference":"Practitioner/1"}]"#, &[]);
    check(
        "Observation",
        lines,
        r#","performer":[{"reference":"Practitioner/1"},{"reference":"Organization/1"}]"#,
        &["slicing Observation.performer[1]"],
    );
}

#[test]
fn slices_by_existence_are_told_by_an_element() {
    let lines = "E\tidentifier\tso exists:period\nE\tidentifier:old\tc..1\nE\tidentifier:old.period\tc1..\n\
                 E\tidentifier:new\tc1..\nE\tidentifier:new.period\tc..0\nE\tidentifier:new.value\tc1..\n";
    let old = r#"{"period":{"start":"2020"}}"#;
    check("Patient", lines, &format!(r#","identifier":[{old},{{"value":"1"}}]"#), &[]);
    check("Patient", lines, &format!(r#","identifier":[{old},{old},{{"value":"1"}}]"#), &["slicing Patient"]);
    check("Patient", lines, r#","identifier":[{"system":"urn:a"}]"#, &["cardinality Patient.identifier[0]"]);
}

#[test]
fn slices_by_profile_are_told_by_what_holds_to_it() {
    let simple = "http://hl7.org/fhir/StructureDefinition/SimpleQuantity";
    let lines = format!(
        "E\tcomponent\tso profile:value\nE\tcomponent:plain\tc1..\nE\tcomponent:plain.value[x]\ttQuantity <{simple}\n"
    );
    let body = |comparator: &str| {
        format!(r#","component":[{{"code":{{"text":"c"}},"valueQuantity":{{"value":1{comparator}}}}}]"#)
    };
    check("Observation", &lines, &body(""), &[]);
    check("Observation", &lines, &body(r#","comparator":"<""#), &["slicing Observation"]);
}

#[test]
fn slices_are_sliced_again() {
    let lines = "E\tidentifier\tso value:system\nE\tidentifier:nhs.system\tf\"urn:nhs\"\nE\tidentifier:nhs\tso value:use\n\
                 E\tidentifier:nhs/old.use\tf\"old\"\nE\tidentifier:nhs/old.period\tc1..\n";
    check(
        "Patient",
        lines,
        r#","identifier":[{"system":"urn:nhs","use":"usual"},{"system":"urn:x","use":"old"}]"#,
        &[],
    );
    check(
        "Patient",
        lines,
        r#","identifier":[{"system":"urn:nhs","use":"old"}]"#,
        &["cardinality Patient.identifier[0]"],
    );
}

#[test]
fn slices_of_slices_are_told_apart_as_the_slices_were_unless_more_is_said() {
    let lines = "E\tidentifier\tso value:system value:use\nE\tidentifier:nhs.system\tf\"urn:nhs\"\n\
                 E\tidentifier:nhs/old.use\tf\"old\"\nE\tidentifier:nhs/old.period\tc1..\n";
    check("Patient", lines, r#","identifier":[{"system":"urn:nhs","use":"usual"}]"#, &[]);
    let old = r#","identifier":[{"system":"urn:nhs","use":"old"}]"#;
    check("Patient", lines, old, &["cardinality Patient.identifier[0]"]);
}

#[test]
fn extensions_are_slices_by_their_definition() {
    let lines = "E\textension:place\tc1..1\ttExtension <http://hl7.org/fhir/StructureDefinition/patient-birthPlace\n\
                 E\textension:place.value[x].city\tc1..\n";
    let place = |value: &str| {
        format!(
            r#","extension":[{{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthPlace","valueAddress":{value}}}]"#
        )
    };
    check("Patient", lines, &place(r#"{"city":"Leeds"}"#), &[]);
    check("Patient", lines, "", &["slicing Patient"]);
    check(
        "Patient",
        lines,
        &place(r#"{"text":"Leeds"}"#),
        &["cardinality Patient.extension[0].valueAddress"],
    );
}

#[test]
fn a_content_reference_has_the_rules_of_what_it_refers_to() {
    let json = r#"{"resourceType":"Questionnaire","status":"draft","name":"Q","item":[{"linkId":"1","type":"group","item":[
        {"linkId":"2","type":"string","wrong":1},{"type":"string"}]}]}"#;
    let wanted =
        ["cardinality Questionnaire.item[0].item[1]", "unknown-element Questionnaire.item[0].item[0].wrong"];
    assert_eq!(errors(&findings(json, &[])), wanted);
}

#[test]
fn profiles_of_profiles_add_up() {
    let uk = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient";
    let extension = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory";
    let json = format!(
        r#"{{"resourceType":"Patient","meta":{{"profile":["{uk}"]}},"extension":[{{"url":"{extension}","valueString":"x"}}]}}"#
    );
    let wanted = ["cardinality Patient.extension[0]", "choice-type Patient.extension[0].valueString"];
    assert_eq!(errors(&findings(&json, &[])), wanted);
    let balp = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead";
    let found = findings(r#"{"resourceType":"Patient"}"#, &[balp]);
    assert_eq!(errors(&found), ["profile Patient"]);
    let empty = r#"{"resourceType":"AuditEvent"}"#;
    assert!(errors(&findings(empty, &[balp])).len() >= 8);
}
