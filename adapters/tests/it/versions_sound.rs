//! What no release can say, and what changes about whom or how surely something is said, does not pass between releases.

use adapters::versions::Fault;
use adapters::{Refused, Severity, Why};
use fhir::tables::Release;
use serde_json::{Value, json};

use crate::versions::translate;
use crate::versions_corpus::resources;

/// The resource that comes of `input`, with what was lost that matters.
#[track_caller]
fn one(input: &Value, from: Release, to: Release) -> (Value, Vec<(String, Why)>) {
    let done = translate(input.to_string().as_bytes(), from, to).unwrap();
    let major = done.losses.iter().filter(|loss| loss.severity == Severity::Major);
    let losses = major.map(|loss| (loss.place.clone(), loss.why)).collect();
    (resources(&done.bundle)["entry"][0]["resource"].clone(), losses)
}

#[test]
fn a_time_that_does_not_exist_is_left_out_and_told() {
    for (release, element, text, expected) in [
        (Release::Stu3, "birthDate", "2025-02-30", None),
        (Release::Stu3, "deceasedDateTime", "2025-13-01", None),
        (Release::R5, "birthDate", "yesterday", None),
        (Release::R4b, "birthDate", "2025-06-31", None),
        (Release::R5, "deceasedDateTime", "2025-06-30T25:00:00Z", None),
        // The date is one, the time of day is none that FHIR can say.
        (Release::Stu3, "deceasedDateTime", "2025-06-30T10:00:00", Some("2025-06-30")),
        (Release::Stu3, "deceasedDateTime", "2025-06-30T10:00:00Z", Some("2025-06-30T10:00:00Z")),
        (Release::Stu3, "birthDate", "2024-02-29", Some("2024-02-29")),
        (Release::Stu3, "birthDate", "1951", Some("1951")),
    ] {
        let patient = json!({"resourceType": "Patient", "active": true, element: text});
        let (made, losses) = one(&patient, release, Release::R4);
        assert_eq!(made.get(element).and_then(Value::as_str), expected, "{text}");
        let told =
            if expected == Some(text) { vec![] } else { vec![(format!("Patient.{element}"), Why::NotATime)] };
        assert_eq!(losses, told, "{text}");
    }
    let message = json!({"resourceType": "Provenance", "recorded": "now", "target": [{"reference": "Patient/1"}],
        "agent": [{"who": {"reference": "Practitioner/1"}}]});
    let (made, _) = one(&message, Release::R4b, Release::R4);
    assert_eq!(made["_recorded"]["extension"][0]["valueCode"], "unknown");
}

#[test]
fn an_nhs_number_that_is_none_is_nobodys_key() {
    let system = "https://fhir.nhs.uk/Id/nhs-number";
    for (release, value) in [(Release::Stu3, "9990000019"), (Release::R5, "abc"), (Release::R4b, "999000001")]
    {
        let patient = json!({"resourceType": "Patient", "identifier": [{"system": system, "value": value}],
            "managingOrganization": {"identifier": {"system": system, "value": value}}});
        let (made, losses) = one(&patient, release, Release::R4);
        assert_eq!(made["identifier"], json!([{"value": value}]));
        assert_eq!(made["managingOrganization"]["identifier"], json!({"value": value}));
        let places: Vec<&str> = losses.iter().map(|(place, _)| place.as_str()).collect();
        assert_eq!(places, ["Patient.identifier[0]", "Patient.managingOrganization.identifier"]);
        assert!(losses.iter().all(|(_, why)| *why == Why::NotAnNhsNumber));
    }
    let spaced =
        json!({"resourceType": "Patient", "identifier": [{"system": system, "value": "999 000 0018"}]});
    let (made, losses) = one(&spaced, Release::Stu3, Release::R4);
    assert_eq!(made["identifier"], json!([{"system": system, "value": "9990000018"}]));
    assert!(losses.is_empty());
}

#[test]
fn a_code_of_how_sure_it_is_becomes_one_that_the_release_has_and_comes_back() {
    let concept = |system: &str, code: &str| json!({"coding": [{"system": format!("http://terminology.hl7.org/CodeSystem/{system}"), "code": code, "display": "Word"}]});
    let allergy = json!({"resourceType": "AllergyIntolerance", "patient": {"reference": "Patient/1"},
        "verificationStatus": concept("allergyintolerance-verification", "presumed")});
    let (made, losses) = one(&allergy, Release::R5, Release::R4);
    assert_eq!(made["verificationStatus"]["coding"][0]["code"], "unconfirmed");
    assert!(made["verificationStatus"]["coding"][0].get("display").is_none());
    assert_eq!(made["extension"][0]["valueCodeableConcept"]["coding"][0]["code"], "presumed");
    assert!(losses.is_empty());
    assert_eq!(one(&made, Release::R4, Release::R5).0, allergy);

    let condition = json!({"resourceType": "Condition", "subject": {"reference": "Patient/1"},
        "clinicalStatus": concept("condition-clinical", "unknown")});
    let (made, _) = one(&condition, Release::R5, Release::R4);
    assert_eq!(made["clinicalStatus"]["extension"][0]["valueCode"], "unknown");
    assert!(made["clinicalStatus"].get("coding").is_none());
    assert_eq!(made["extension"][0]["valueCodeableConcept"]["coding"][0]["code"], "unknown");
    assert_eq!(one(&made, Release::R4, Release::R5).0, condition);

    for code in ["active", "inactive"] {
        let mut known = condition.clone();
        known["clinicalStatus"] = concept("condition-clinical", code);
        assert_eq!(one(&known, Release::R5, Release::R4).0, known);
    }
    let mut invented = condition;
    invented["clinicalStatus"] = concept("condition-clinical", "perhaps");
    refused(&invented, Release::R5, "Condition.clinicalStatus");
}

#[track_caller]
fn refused(input: &Value, from: Release, place: &str) {
    let to = if from == Release::R4 { Release::Stu3 } else { Release::R4 };
    match translate(input.to_string().as_bytes(), from, to) {
        Err(Refused::Versions(Fault::Modifier { place: told })) => assert_eq!(told, place),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_about_somebody_else_does_not_go_where_that_could_be_overlooked() {
    let about = json!({"reference": "RelatedPerson/1"});
    let result = json!({"resourceType": "Observation", "status": "final", "code": {"text": "Heart rate"},
        "subject": {"reference": "Patient/1"}, "focus": [about]});
    refused(&result, Release::R4, "Observation.focus");
    let done = json!({"resourceType": "Procedure", "status": "completed", "subject": {"reference": "Patient/1"}, "focus": about});
    refused(&done, Release::R5, "Procedure.focus");
}

#[test]
fn what_r4_asks_for_and_the_other_release_does_not_is_not_known() {
    let absent = json!({"extension": [{
        "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]});
    for (release, input, element, expected) in [
        (Release::Stu3, json!({"resourceType": "Encounter", "status": "finished"}), "class", absent.clone()),
        (Release::R5, json!({"resourceType": "Encounter", "status": "completed"}), "class", absent.clone()),
        (
            Release::Stu3,
            json!({"resourceType": "MedicationRequest", "intent": "order", "subject": {"reference": "Patient/1"},
                "medicationCodeableConcept": {"text": "Senna"}}),
            "_status",
            absent.clone(),
        ),
        (
            Release::Stu3,
            json!({"resourceType": "Consent", "status": "active", "patient": {"reference": "Patient/1"},
                "policyRule": "http://hl7.org/fhir/ConsentPolicy/opt-out"}),
            "category",
            json!([absent]),
        ),
    ] {
        let (made, losses) = one(&input, release, Release::R4);
        assert_eq!(made[element], expected, "{made}");
        assert!(losses.is_empty(), "{losses:?}");
        assert_eq!(one(&made, Release::R4, release).0, input);
    }
    // What a sender leaves out against her own release stays away.
    for input in [
        json!({"resourceType": "Encounter", "class": {"code": "IMP"}}),
        json!({"resourceType": "Condition", "code": {"text": "Gout"}}),
    ] {
        let (made, _) = one(&input, Release::Stu3, Release::R4);
        assert!(!made.to_string().contains("data-absent-reason"), "{made}");
    }
}

#[test]
fn the_id_of_a_snomed_ct_description_is_what_the_profiles_want_and_comes_back() {
    let coded = |url: &str, value: Value| {
        let mut part = json!({"url": "descriptionId"});
        part.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        json!({"resourceType": "Condition", "subject": {"reference": "Patient/1"}, "code": {"coding": [{
            "system": "http://snomed.info/sct", "code": "73211009",
            "extension": [{"url": url, "extension": [part,
                {"url": "descriptionDisplay", "valueString": "Diabetes"}]}]}]}})
    };
    let gp_connect = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-coding-sctdescid";
    let careconnect = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-coding-sctdescid";
    let uk_core = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-CodingSCTDescId";
    let parts = |resource: &Value| resource["code"]["coding"][0]["extension"][0]["extension"].clone();
    let identifier = json!({"system": "http://snomed.info/sct", "value": "121589010"});
    for url in [gp_connect, careconnect] {
        let input = coded(url, json!({"valueId": "121589010"}));
        let (made, losses) = one(&input, Release::Stu3, Release::R4);
        assert!(losses.is_empty(), "{losses:?}");
        assert_eq!(parts(&made), parts(&coded(uk_core, json!({"valueIdentifier": identifier}))));
        assert_eq!(parts(&one(&made, Release::R4, Release::Stu3).0), parts(&input));
    }
    // What says more than an id can stays what it is.
    let more = coded(uk_core, json!({"valueIdentifier": {"system": "urn:x", "value": "1"}}));
    let back = one(&more, Release::R4, Release::Stu3).0;
    assert_eq!(parts(&back)[0]["valueIdentifier"]["system"], "urn:x");
    assert_eq!(parts(&one(&back, Release::Stu3, Release::R4).0), parts(&more));
}

/// A code that neither release has: a resource of which it decides what it means is refused by the element, else it is kept
/// beside, and comes back.
#[test]
fn a_code_that_no_release_has_is_never_said_as_one_of_theirs() {
    let of = |kind: &str, name: &str, code: &str| {
        let mut made = json!({"resourceType": kind, "code": {"text": "x"}});
        let whose = if kind == "AllergyIntolerance" { "patient" } else { "subject" };
        made[whose] = json!({"reference": "Patient/1"});
        if kind == "MedicationRequest" {
            made["intent"] = json!("order");
        }
        made[name] = json!(code);
        made
    };
    for (release, kind, name, code) in [
        (Release::Stu3, "AllergyIntolerance", "clinicalStatus", "active"),
        (Release::Stu3, "AllergyIntolerance", "verificationStatus", "confirmed"),
        (Release::Stu3, "MedicationRequest", "status", "active"),
        (Release::Stu3, "Observation", "status", "final"),
        (Release::R4b, "Observation", "status", "final"),
        (Release::R5, "Observation", "status", "final"),
        (Release::Stu3, "Flag", "status", "active"),
    ] {
        let read = |code: &str| translate(of(kind, name, code).to_string().as_bytes(), release, Release::R4);
        assert!(read(code).is_ok(), "{kind}.{name}");
        let refused = read("wibble").err().map(|refused| refused.to_string());
        assert!(refused.is_some_and(|refused| refused.contains(&format!("{kind}.{name}"))), "{kind}.{name}");
    }
    for release in [Release::Stu3, Release::R4b, Release::R5] {
        let patient = json!({"resourceType": "Patient", "gender": "wibble"});
        let (made, _) = one(&patient, release, Release::R4);
        assert_eq!((made.get("gender"), &made["extension"][0]["valueCode"]), (None, &json!("wibble")));
        assert_eq!(one(&made, Release::R4, release).0, patient);
    }
}

/// What an element does not have is told in XML as it is in JSON, by its path; what could be taken for something else is refused.
#[test]
fn an_unknown_element_is_told_the_same_in_xml_and_in_json() {
    let xml = |inside: &str| {
        format!(
            r#"<Provenance xmlns="http://hl7.org/fhir"><target><reference value="Patient/1"/></target><recorded value="2025-06-30T10:00:00Z"/>{inside}<agent><whoReference><reference value="Practitioner/1"/></whoReference></agent></Provenance>"#
        )
    };
    let json = |inside: Value| {
        let mut made = json!({"resourceType": "Provenance", "target": [{"reference": "Patient/1"}],
            "recorded": "2025-06-30T10:00:00Z", "agent": [{"whoReference": {"reference": "Practitioner/1"}}]});
        if !inside.is_null() {
            made["activity"] = inside;
        }
        made
    };
    let read = |input: &str| {
        let done = translate(input.as_bytes(), Release::Stu3, Release::R4).unwrap();
        let losses: Vec<_> =
            done.losses.iter().map(|loss| (loss.place.clone(), loss.why, loss.severity)).collect();
        (resources(&done.bundle)["entry"][0]["resource"].clone(), losses)
    };
    let strange = r#"<activity><coding><system value="urn:x"/><code value="1"/></coding><coding><code value="2"/></coding><code value="UPDATE"/></activity>"#;
    let (made, losses) = read(&xml(strange));
    let (other, told) = read(&json(json!({"coding": [{"code": "1"}], "code": "UPDATE"})).to_string());
    assert_eq!((&made, &losses), (&other, &told));
    assert!(losses.iter().any(|(place, ..)| place == "Provenance.activity.coding"), "{losses:?}");
    // Of what holds nothing else nothing is left, and no empty object.
    let (made, _) = read(&xml("<activity><coding><code value=\"1\"/></coding></activity>"));
    assert!(made.get("activity").is_none(), "{made}");
    let refused = |inside: &str| translate(xml(inside).as_bytes(), Release::Stu3, Release::R4).is_err();
    assert!(!refused(""));
    for inside in [
        "<made-up/>",
        "<modifierExtension url=\"urn:x\"><valueCode value=\"x\"/></modifierExtension><resourceType value=\"Patient\"/>",
        "<_recorded value=\"x\"/>",
        "<activity><modifierExtension url=\"urn:x\"/></activity>",
        "<activity><wibble>",
        "<activity><wibble>text</wibble></activity>",
    ] {
        assert!(refused(inside), "{inside}");
    }
}
