use fhir::json::{Limits, parse};

use super::*;

fn facts_of(json: &str) -> ResourceFacts {
    let document = parse(json.to_owned().into(), &Limits::default()).expect("test input");
    resource_facts(document.root(), &Bases::none(), &SensitiveCodes::shipped())
}

fn labels_of(json: &str) -> Vec<String> {
    facts_of(json).labels.iter().map(|label| label.code().to_owned()).collect()
}

#[track_caller]
fn earns(place: &str, entry: &str) {
    let found: Vec<_> = facts_of(place).earned.iter().map(|entry| entry.name.clone()).collect();
    assert_eq!(found, [format!("portcullis/{entry}")], "{place}");
}

#[track_caller]
fn earns_nothing(place: &str) {
    let found: Vec<_> = facts_of(place).earned.iter().map(|entry| entry.name.clone()).collect();
    assert!(found.is_empty(), "{place}: {found:?}");
}

#[test]
fn documents_are_labelled_by_elements_of_their_own() {
    let reference = r#"{"resourceType":"DocumentReference","securityLabel":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PSY"}]}]}"#;
    assert_eq!(labels_of(reference), ["PSY"]);
    assert_eq!(labels_of(r#"{"resourceType":"Composition","confidentiality":"R"}"#), ["R"]);
}

#[test]
fn a_bundle_bears_its_own_labels_and_not_those_of_one_entry() {
    let bundle = r#"{"resourceType":"Bundle","meta":{"security":[{"code":"R"}]},"entry":[{"resource":{"resourceType":"Condition","meta":{"security":[{"code":"PSY"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"13746004"}]}}}]}"#;
    assert_eq!(labels_of(bundle), ["R"]);
    earns_nothing(bundle);
}

#[test]
fn a_telling_code_is_found_wherever_it_hides() {
    const BIPOLAR: &str = r#"{"system":"http://snomed.info/sct","code":"13746004"}"#;
    let places = [
        r#"{"resourceType":"Condition","code":{"coding":[{"system":"http://x","code":"1"},CODING]}}"#,
        r#"{"resourceType":"Encounter","serviceType":{"coding":[CODING]}}"#,
        r#"{"resourceType":"MedicationRequest","contained":[{"resourceType":"Medication","ingredient":[{"itemCodeableConcept":{"coding":[CODING]}}]}]}"#,
        r#"{"resourceType":"Condition","extension":[{"url":"u","valueCoding":CODING}]}"#,
        r#"{"resourceType":"Condition","extension":[{"url":"u","extension":[{"url":"v","valueCodeableConcept":{"coding":[CODING]}}]}]}"#,
        r#"{"resourceType":"Patient","birthDate":"1950-01-01","_birthDate":{"extension":[{"url":"u","valueCoding":CODING}]}}"#,
        r#"{"resourceType":"QuestionnaireResponse","item":[{"linkId":"1","item":[{"linkId":"2","answer":[{"valueCoding":CODING}]}]}]}"#,
        r#"{"resourceType":"Composition","section":[{"section":[{"code":{"coding":[CODING]}}]}]}"#,
        r#"{"resourceType":"Condition","meta":{"tag":[CODING]}}"#,
        r#"{"resourceType":"Observation","component":[{"valueCodeableConcept":{"coding":[CODING]}}]}"#,
        r#"{"resourceType":"Condition","code":{"coding":[{"code":"1374\u0036004","syst\u0065m":"http://snomed.info/sct"}]}}"#,
        r#"{"resourceType":"Condition","evidence":[{"detail":[{"identifier":{"system":"http://snomed.info/sct","value":"13746004"}}]}]}"#,
        r#"{"resourceType":"Condition","extension":[{"url":"u","valueCode":"13746004"}]}"#,
        r#"{"resourceType":"Condition","extension":[{"url":"u","valueUri":"http://snomed.info/id/13746004"}]}"#,
        r#"{"resourceType":"Condition","extension":[{"url":"u","valueCanonical":"http://snomed.info/sct|13746004"}]}"#,
    ];
    for place in places {
        earns(&place.replace("CODING", BIPOLAR), "mental-illness");
    }
}

#[test]
fn what_is_no_code_earns_nothing() {
    earns_nothing(r#"{"resourceType":"Condition","id":"13746004","code":{"text":"13746004"}}"#);
    earns_nothing(r#"{"resourceType":"Patient","telecom":[{"system":"phone","value":"13746004"}]}"#);
    earns_nothing(
        r#"{"resourceType":"Patient","identifier":[{"system":"https://hospital.example/mrn","value":"13746004"}]}"#,
    );
    earns_nothing(r#"{"resourceType":"Patient","identifier":[{"value":"13746004"}]}"#);
    earns_nothing(r#"{"resourceType":"Observation","status":"F20","valueString":"F20"}"#);
    earns_nothing(
        r#"{"resourceType":"Condition","code":{"coding":[{"system":"http://snomed.info/sct","code":"195967001"}]}}"#,
    );
}

#[test]
fn what_a_label_may_have_been_meant_as_counts_beside_what_it_is() {
    const ACT: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    let labelled = |system: &str, code: &str| {
        let resource = format!(
            r#"{{"resourceType":"Condition","meta":{{"security":[{{"system":"{system}","code":"{code}"}}]}}}}"#
        );
        labels_of(&resource)
    };
    assert_eq!(labelled(ACT, "PSY"), ["PSY"]);
    assert_eq!(labelled(ACT, "psy"), ["psy", "PSY"]);
    assert_eq!(labelled("https://terminology.hl7.org/CodeSystem/v3-ActCode/", "PSY"), ["PSY", "PSY"]);
    assert_eq!(labelled("https://hospital.example/labels", "PSY"), ["PSY", "PSY"]);
    assert_eq!(labelled("https://hospital.example/labels", "R"), ["R", "R"]);
    assert_eq!(
        labelled("https://hospital.example/labels", "N"),
        ["N"],
        "nothing that would lower protection"
    );
    assert_eq!(labelled("http://terminology.hl7.org/CodeSystem/v3-ActReason", "PSY"), ["PSY"]);
}
