//! Where a protected person is, in every form that goes out: behind the mark of protection, or not at all.

use adapters::notices::{self, Form};
use adapters::{Loss, Severity, Why, versions};
use fhir::tables::Release;
use serde_json::{Value, json};

use crate::goldens::hospital;

const LANE: &str = "17 Hidden Lane";
const NUMBER: &str = "01632 960999";
const KIN: &str = "99 Hidden Row";
const OFFICE: &str = "5 Open Street";
const INLINE: &str =
    "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label";

fn label(system: &str, code: &str) -> Value {
    let system = format!("http://terminology.hl7.org/CodeSystem/{system}");
    json!({"system": system, "code": code})
}

/// Whether a form says where somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Places {
    Told,
    Hidden,
}

/// Labels of a Patient, and whether they protect where she is.
fn labels() -> Vec<(Value, Places)> {
    use Places::{Hidden, Told};
    vec![
        (json!([]), Told),
        (json!([label("v3-Confidentiality", "N")]), Told),
        (json!([label("v3-ActCode", "PSY")]), Told),
        (json!([label("v3-Confidentiality", "R")]), Hidden),
        (json!([label("v3-Confidentiality", "V")]), Hidden),
        (json!([label("v3-Confidentiality", "r")]), Hidden),
        (json!([{"code": "R"}]), Hidden),
        (json!([label("v3-ActCode", "LOCIS")]), Hidden),
        (json!([label("v3-ActCode", "LIVARG")]), Hidden),
        (json!([label("v3-Confidentiality", "N"), label("v3-Confidentiality", "R")]), Hidden),
    ]
}

/// A place of each kind in the records of the person and of her kin.
fn placed(patient: &mut Value, security: &Value) {
    patient["address"] = json!([{"use": "home", "line": [LANE], "postalCode": "ZZ99 3WZ"}]);
    patient["telecom"] = json!([{"system": "phone", "value": NUMBER, "use": "home"}]);
    patient["contact"] = json!([{
        "relationship": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0131", "code": "N"}]}],
        "name": {"family": "Quay"}, "address": {"line": [LANE]},
        "telecom": [{"system": "phone", "value": NUMBER}]
    }]);
    if security.as_array().is_some_and(|held| !held.is_empty()) {
        patient["meta"] = json!({"security": security});
    } else {
        patient.as_object_mut().unwrap().remove("meta");
    }
}

#[track_caller]
fn check(text: &str, losses: &[Loss], places: Places, said: &str) {
    let is_protected = places == Places::Hidden;
    for place in [LANE, NUMBER, KIN, "ZZ99 3WZ"] {
        assert_eq!(text.contains(place), !is_protected, "{said}: {place} in {text}");
    }
    let told: Vec<_> = losses.iter().filter(|loss| loss.why == Why::Protected).collect();
    assert!(told.iter().all(|loss| loss.severity == Severity::Major));
    let told: Vec<&str> = told.iter().map(|loss| loss.place.as_str()).collect();
    for place in ["Patient.address", "Patient.telecom", "Patient.contact", "RelatedPerson.address"] {
        assert_eq!(told.iter().any(|told| told.starts_with(place)), is_protected, "{said}: {told:?}");
    }
}

fn kin(patient: &Value) -> Value {
    json!({"resourceType": "RelatedPerson", "id": "kin", "patient": {"reference": patient},
        "name": [{"family": "Hythe"}], "address": [{"line": [KIN]}],
        "relationship": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "MTH"}]}]})
}

#[test]
fn a_document_masks_where_a_protected_person_and_her_kin_are() {
    for (security, places) in labels() {
        let is_protected = places == Places::Hidden;
        for profile in [crate::cda_out::ccda(), crate::cda_out::itk()] {
            let mut whole = crate::cda_out::case("record-c-cda");
            placed(crate::cda_out::resource(&mut whole, "Patient"), &security);
            let subject = crate::cda_out::resource(&mut whole, "Composition")["subject"]["reference"].clone();
            whole["entry"]
                .as_array_mut()
                .unwrap()
                .push(json!({"fullUrl": "urn:kin", "resource": kin(&subject)}));
            crate::cda_out::resource(&mut whole, "Composition")["extension"] = json!([{
                "url": "http://hl7.org/fhir/us/ccda/StructureDefinition/ParticipantExtension",
                "valueReference": {"reference": "urn:kin"}
            }]);
            crate::cda_out::resource(&mut whole, "Organization")["address"] = json!([{"line": [OFFICE]}]);
            let written = crate::cda_out::sent(&whole, &profile).unwrap();
            let text = crate::cda_out::text(&written);
            assert_eq!(crate::cda_shape::faults(&text), Vec::<String>::new());
            check(&text, &written.losses, places, &security.to_string());
            assert_eq!(text.contains("<addr nullFlavor=\"MSK\"/>"), is_protected, "{text}");
            assert_eq!(text.contains("<telecom nullFlavor=\"MSK\"/>"), is_protected, "{text}");
            assert!(text.contains(OFFICE), "{text}");
            // Whoever reads it again protects her.
            let again = adapters::cda::translate(text.as_bytes(), &hospital()).unwrap();
            let again = crate::cda_out::read(&again.bundle);
            let entries = again["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
            let mut patients = entries.filter(|held| held["resourceType"] == "Patient");
            let meta = patients.next().unwrap()["meta"].to_string();
            assert_eq!(meta.contains("\"R\""), is_protected, "{meta}");
        }
    }
}

#[test]
fn a_message_does_not_say_where_a_protected_person_and_her_kin_are() {
    for (security, places) in labels() {
        for version in ["2.3.1", "2.5.1"] {
            let mut whole = crate::out::bundle("a31-person");
            placed(crate::out::resource(&mut whole, "Patient"), &security);
            let subject = whole["entry"][0]["fullUrl"].clone();
            whole["entry"]
                .as_array_mut()
                .unwrap()
                .push(json!({"fullUrl": "urn:kin", "resource": kin(&subject)}));
            let sent = crate::out::sent(&whole, "A31", &crate::out::ward(version)).unwrap();
            let text = String::from_utf8_lossy(&sent.bytes).into_owned();
            check(&text, &sent.losses, places, &security.to_string());
        }
    }
}

#[test]
fn a_label_on_an_address_itself_protects_it_in_all_words() {
    for code in ["LOCIS", "PSY"] {
        let inline = json!([{"url": INLINE, "valueCoding": label("v3-ActCode", code)}]);
        let mark = |patient: &mut Value| {
            placed(patient, &json!([]));
            patient["address"][0]["extension"] = inline.clone();
        };
        let mut whole = crate::cda_out::case("record-c-cda");
        mark(crate::cda_out::resource(&mut whole, "Patient"));
        let text = crate::cda_out::text(&crate::cda_out::sent(&whole, &crate::cda_out::ccda()).unwrap());
        assert!(!text.contains(LANE) && !text.contains(NUMBER), "{text}");
        let mut whole = crate::out::bundle("a31-person");
        mark(crate::out::resource(&mut whole, "Patient"));
        let sent = crate::out::sent(&whole, "A31", &crate::out::ward("2.5.1")).unwrap();
        let text = String::from_utf8_lossy(&sent.bytes).into_owned();
        assert!(!text.contains(LANE) && !text.contains(NUMBER), "{text}");
        // A notice has no place for the label, and would say the address without it.
        let mut whole = notice();
        mark(crate::out::resource(&mut whole, "Patient"));
        let refused = notices::write(whole.to_string().as_bytes(), Form::Xml, &hospital()).unwrap_err();
        let place = "Patient.address.extension".to_owned();
        assert_eq!(refused, notices::Fault::Dangerous { place }.into());
    }
}

fn notice() -> Value {
    let read = notices::translate(crate::notices::case("assessment").as_bytes(), &hospital()).unwrap();
    crate::cda_out::read(&read.bundle)
}

#[test]
fn a_label_goes_with_the_address_where_there_is_a_place_for_it() {
    let security = json!([label("v3-Confidentiality", "R")]);
    let mut whole = notice();
    placed(crate::out::resource(&mut whole, "Patient"), &security);
    let written = notices::write(whole.to_string().as_bytes(), Form::Xml, &hospital()).unwrap();
    let again = notices::translate(&written.notice, &hospital()).unwrap();
    let mut again = crate::cda_out::read(&again.bundle);
    let patient = crate::out::resource(&mut again, "Patient");
    assert_eq!((&patient["meta"]["security"], &patient["address"][0]["line"]), (&security, &json!([LANE])));
    assert!(notices::write(whole.to_string().as_bytes(), Form::Plain, &hospital()).is_err());
    for to in [Release::Stu3, Release::R4b, Release::R5] {
        let mut patient = json!({"resourceType": "Patient"});
        placed(&mut patient, &security);
        patient["address"][0]["extension"] =
            json!([{"url": INLINE, "valueCoding": label("v3-ActCode", "LOCIS")}]);
        let made = versions::translate(patient.to_string().as_bytes(), Release::R4, to, &hospital()).unwrap();
        let mut made = crate::cda_out::read(&made.bundle);
        let patient = crate::out::resource(&mut made, "Patient");
        assert!(patient["meta"]["security"].to_string().contains("\"R\""), "{patient}");
        assert!(patient["address"][0]["extension"].to_string().contains("LOCIS"), "{patient}");
        assert_eq!(patient["address"][0]["line"], json!([LANE]));
    }
}
