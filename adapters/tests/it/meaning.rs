//! What must never be mixed up: whose a result is, what a note is about, who stays, what is protected.

use adapters::hl7v2;
use serde_json::Value;

use crate::goldens::{hospital, inputs};

/// The resources of what a message becomes.
#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at what was written, strictness is fhir::json's matter"
)]
fn resources(message: &str) -> Vec<(String, Value)> {
    let bundle = hl7v2::translate(message.as_bytes(), &hospital()).unwrap().bundle;
    let bundle: Value = serde_json::from_slice(&bundle).unwrap();
    let entries = bundle["entry"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| (entry["fullUrl"].as_str().unwrap().to_owned(), entry["resource"].clone()))
        .collect()
}

fn of<'r>(resources: &'r [(String, Value)], kind: &str) -> Vec<&'r Value> {
    resources
        .iter()
        .map(|(_, resource)| resource)
        .filter(|resource| resource["resourceType"] == kind)
        .collect()
}

/// What `reference` leads to.
fn behind<'r>(resources: &'r [(String, Value)], reference: &Value) -> &'r Value {
    let url = reference["reference"].as_str().unwrap();
    &resources.iter().find(|(held, _)| held == url).unwrap().1
}

fn case(name: &str) -> String {
    let (_, input) = inputs().into_iter().find(|(folder, _)| folder.ends_with(name)).unwrap();
    String::from_utf8(input).unwrap()
}

#[test]
fn a_result_is_of_the_person_it_stands_under() {
    let resources = resources(&case("oru-r01-two-persons"));
    let of_whom = |value: f64| {
        let found = of(&resources, "Observation");
        let result = found.iter().find(|result| result["valueQuantity"]["value"] == value).unwrap();
        let report = of(&resources, "DiagnosticReport")
            .into_iter()
            .find(|report| behind(&resources, &report["result"][0])["valueQuantity"]["value"] == value)
            .unwrap();
        assert_eq!(report["subject"], result["subject"]);
        behind(&resources, &result["subject"])["name"][0]["family"].as_str().unwrap().to_owned()
    };
    assert_eq!((of_whom(5.1), of_whom(7.4)), ("Silva".to_owned(), "Noor".to_owned()));
}

#[test]
fn a_visit_is_of_the_person_it_stands_under_and_of_no_other() {
    let resources = resources(&case("oru-r01-two-persons"));
    let reports = of(&resources, "DiagnosticReport");
    assert_eq!(reports.iter().filter(|report| report.get("encounter").is_some()).count(), 1);
    let visit = behind(&resources, &reports[0]["encounter"]);
    assert_eq!(visit["subject"], reports[0]["subject"]);
}

#[test]
fn a_note_is_about_what_it_stands_behind() {
    let found = resources(
        "MSH|^~\\&|LAB|RX1|||20260304161500||ORU^R01|N1|P|2.5\rPID|1||9990000018^^^NHS^NH\rNTE|1||of nobody\rOBR|1|||A^A\rNTE|1||of the order\rOBX|1|NM|B^B||1||||||F\rNTE|1||of the first\rOBX|2|NM|C^C||2||||||F\rSPM|1|||BLD\rNTE|1||of the sample\r",
    );
    let notes = |kind: &str| {
        let text = |resource: &&Value| resource["note"][0]["text"].as_str().map(str::to_owned);
        of(&found, kind).iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(notes("Observation"), [Some("of the first".to_owned()), None]);
    assert_eq!(notes("ServiceRequest"), [Some("of the order".to_owned())]);
    assert_eq!(notes("Specimen"), [Some("of the sample".to_owned())]);
    let booked = resources(&case("siu-s12-booked"));
    assert_eq!(of(&booked, "Appointment")[0]["comment"], "Bring your inhaler\nArrive early");
    assert_eq!(of(&booked, "Condition")[0].get("note"), None);
}

#[test]
fn of_two_records_that_become_one_the_named_one_stays() {
    for name in ["adt-a34-merge", "adt-a40-merge-two"] {
        let found = resources(&case(name));
        let patients = of(&found, "Patient");
        let (ended, staying): (Vec<&Value>, Vec<&Value>) =
            patients.iter().partition(|patient| patient["active"] == false);
        assert_eq!((ended.len(), staying.len()), (patients.len() / 2, patients.len() / 2));
        for patient in ended {
            assert_eq!(patient["link"][0]["type"], "replaced-by");
            let by = behind(&found, &patient["link"][0]["other"]);
            assert_eq!((&by["link"][0]["type"], by.get("active")), (&Value::from("replaces"), None));
            assert_eq!(behind(&found, &by["link"][0]["other"]), patient);
        }
    }
}

#[test]
fn what_is_said_of_an_order_protects_what_comes_of_it() {
    let found = resources(&case("oru-r01-two-specimens"));
    let labels = |kind: &str| {
        let label = |resource: &&Value| resource["meta"]["security"][0]["code"].as_str().map(str::to_owned);
        of(&found, kind).iter().map(label).collect::<Vec<_>>()
    };
    let hiv = Some("HIV".to_owned());
    assert_eq!(labels("DiagnosticReport"), [hiv.clone(), None]);
    assert_eq!(labels("ServiceRequest"), [hiv.clone(), None]);
    assert_eq!(labels("Observation"), [hiv.clone(), hiv.clone(), None, None]);
    assert_eq!(labels("Specimen"), [hiv, None]);
}

#[test]
fn what_was_not_done_is_never_said_to_be_done() {
    let status = |fields: &str| {
        let message = format!(
            "MSH|^~\\&|GPS|RX1|||20260304161500||VXU^V04|V1|P|2.5.1\rPID|1||9990000018^^^NHS^NH\rRXA|0|1|20260304||X^X^L|999{fields}\r"
        );
        of(&resources(&message), "Immunization")[0]["status"].as_str().map(str::to_owned)
    };
    let said = |text: &str| Some(text.to_owned());
    assert_eq!(status(""), said("completed"));
    assert_eq!(status("||||||||||||||CP"), said("completed"));
    assert_eq!(status("||||||||||||||RE"), said("not-done"));
    assert_eq!(status("||||||||||||00^Refused"), said("not-done"));
    assert_eq!(status("||||||||||||||??"), None);
    assert_eq!(status("||||||||||||||CP|D"), said("entered-in-error"));
    let visit = |trigger: &str| {
        let message = format!(
            "MSH|^~\\&|PAS|RX1|||20260304161500||ADT^{trigger}|V1|P|2.4\rPID|1||9990000018^^^NHS^NH\rPV1|1|I{}20260301|20260303\r",
            "|".repeat(42)
        );
        let found = resources(&message);
        let visit = of(&found, "Encounter")[0].clone();
        (visit["status"].as_str().unwrap().to_owned(), visit["period"].get("end").is_some())
    };
    assert_eq!(visit("A11"), ("cancelled".to_owned(), true));
    assert_eq!(visit("A13"), ("in-progress".to_owned(), false));
    assert_eq!(visit("A08"), ("finished".to_owned(), true));
}
