//! Bundles without addresses, as GP systems send them: what refers to what stays true.

use adapters::versions::translate;
use fhir::tables::Release;
use serde_json::{Value, json};

use crate::goldens::hospital;

#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at what was written, strictness is fhir::json's matter"
)]
fn entries(bundle: &Value, from: Release, to: Release) -> Vec<Value> {
    let done = translate(bundle.to_string().as_bytes(), from, to, &hospital()).unwrap();
    let made: Value = serde_json::from_slice(&done.bundle).unwrap();
    made["entry"].as_array().unwrap().clone()
}

fn record(kind: &str, entries: &[(Option<&str>, Value)]) -> Value {
    let entry = |(url, resource): &(Option<&str>, Value)| match url {
        Some(url) => json!({"fullUrl": url, "resource": resource}),
        None => json!({"resource": resource}),
    };
    let entries: Vec<Value> = entries.iter().map(entry).collect();
    json!({"resourceType": "Bundle", "type": kind, "entry": entries})
}

fn patient(id: &str) -> Value {
    json!({"resourceType": "Patient", "id": id})
}

fn observation(subject: &str) -> Value {
    json!({"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
        "subject": {"reference": subject}})
}

/// The reference of the second entry, and the addresses of both.
fn led(
    kind: &str,
    first: Option<&str>,
    second: Option<&str>,
    subject: &str,
    from: Release,
) -> (String, [String; 2]) {
    let bundle = record(kind, &[(first, patient("1")), (second, observation(subject))]);
    let made = entries(&bundle, from, Release::R4);
    let url = |at: usize| made[at]["fullUrl"].as_str().unwrap().to_owned();
    (made[1]["resource"]["subject"]["reference"].as_str().unwrap().to_owned(), [url(0), url(1)])
}

const RELEASES: [Release; 4] = [Release::Dstu2, Release::Stu3, Release::R4b, Release::R5];

#[test]
fn a_reference_by_type_and_id_leads_to_the_entry_that_has_no_address() {
    for from in RELEASES {
        for kind in ["collection", "searchset"] {
            let (reference, [patient, observation]) = led(kind, None, None, "Patient/1", from);
            assert_eq!(reference, patient, "{from:?}");
            assert!(patient.starts_with("urn:uuid:") && observation.starts_with("urn:uuid:"));
            assert_ne!(patient, observation);
            // The same record in another Bundle has the same address.
            let (_, [again, _]) = led(kind, None, None, "Patient/2", from);
            assert_eq!(again, patient);
        }
    }
}

#[test]
fn what_leads_nowhere_or_has_its_own_base_stays_or_is_spelt_out() {
    let urn = "urn:uuid:11111111-2222-4333-8444-555555555555";
    let (a, b) = ("https://a.example/Patient/1", "https://a.example/Observation/o");
    for (first, second, subject, expected) in [
        (None, None, "Patient/2", "Patient/2"),
        (None, None, "Practitioner/1", "Practitioner/1"),
        (None, None, "Patient/1/_history/3", "Patient/1/_history/3"),
        (None, None, "https://b.example/Patient/1", "https://b.example/Patient/1"),
        (Some(urn), None, "Patient/1", urn),
        (Some(urn), Some("urn:uuid:1"), "Patient/1", urn),
        (Some(a), Some(b), "Patient/1", a),
        (Some(a), Some(b), a, a),
        (Some(a), None, "Patient/1", a),
        // Another server's patient of that id.
        (Some(a), Some("https://b.example/Observation/o"), "Patient/1", "Patient/1"),
    ] {
        let (reference, _) = led("collection", first, second, subject, Release::Stu3);
        assert_eq!(reference, expected, "{first:?} {second:?} {subject}");
    }
    let (reference, [patient, _]) = led("collection", None, Some(b), "Patient/1", Release::Stu3);
    assert_eq!(reference, patient);
}

#[test]
fn of_two_resources_of_one_id_none_is_meant() {
    let bundle =
        record("collection", &[(None, patient("1")), (None, patient("1")), (None, observation("Patient/1"))]);
    let made = entries(&bundle, Release::Stu3, Release::R4);
    assert_eq!(made[2]["resource"]["subject"]["reference"], "Patient/1");
    assert!(made[0]["fullUrl"].is_string() && made[0]["fullUrl"] != made[1]["fullUrl"]);
}

#[test]
fn every_reference_at_any_depth_and_those_of_attachments_are_followed() {
    let binary = json!({"resourceType": "Binary", "id": "b", "contentType": "text/plain", "content": "eA=="});
    let letter = json!({"resourceType": "DocumentReference", "id": "d", "status": "current",
        "type": {"text": "letter"}, "indexed": "2026-03-04T10:00:00Z", "subject": {"reference": "Patient/1"},
        "content": [{"attachment": {"url": "Binary/b"}}],
        "extension": [{"url": "https://example.org/x", "valueReference": {"reference": "ReferralRequest/r"}}]});
    let referral = json!({"resourceType": "ReferralRequest", "id": "r", "status": "active", "intent": "order",
        "subject": {"reference": "Patient/1"}});
    let list = json!({"resourceType": "List", "id": "l", "status": "current", "mode": "snapshot",
        "entry": [{"item": {"reference": "DocumentReference/d"}}]});
    let all = [patient("1"), binary, letter, referral, list].map(|resource| (None, resource));
    let made = entries(&record("collection", &all), Release::Stu3, Release::R4);
    let url = |at: usize| &made[at]["fullUrl"];
    assert_eq!(&made[2]["resource"]["content"][0]["attachment"]["url"], url(1));
    assert_eq!(&made[2]["resource"]["extension"][0]["valueReference"]["reference"], url(3));
    assert_eq!(&made[4]["resource"]["entry"][0]["item"]["reference"], url(2));
    // And back: a ReferralRequest again, under the same address.
    let back = entries(&record_of(&made), Release::R4, Release::Stu3);
    assert_eq!(back[3]["resource"]["resourceType"], "ReferralRequest");
    assert_eq!(back[2]["resource"]["extension"][0]["valueReference"]["reference"], back[3]["fullUrl"]);
}

fn record_of(entries: &[Value]) -> Value {
    let own = entries.iter().filter(|entry| entry["resource"]["resourceType"] != "Provenance");
    json!({"resourceType": "Bundle", "type": "collection", "entry": own.collect::<Vec<_>>()})
}

#[test]
fn requests_keep_their_references() {
    let mut bundle = record("transaction", &[(None, patient("1")), (None, observation("Patient/1"))]);
    for entry in bundle["entry"].as_array_mut().unwrap() {
        let kind = entry["resource"]["resourceType"].as_str().unwrap().to_owned();
        let id = entry["resource"]["id"].as_str().unwrap().to_owned();
        entry["request"] = json!({"method": "PUT", "url": format!("{kind}/{id}")});
    }
    let made = entries(&bundle, Release::Stu3, Release::R4);
    assert_eq!(made[1]["resource"]["subject"]["reference"], "Patient/1");
    assert!(made[0].get("fullUrl").is_none());
}

#[test]
fn a_parameter_or_extension_whose_date_does_not_exist_still_says_so() {
    let parameters = json!({"resourceType": "Parameters", "id": "p",
        "parameter": [{"name": "start", "valueDate": "2025-02-30"}]});
    let made = entries(&parameters, Release::Stu3, Release::R4);
    let held = &made[0]["resource"]["parameter"][0];
    assert!(held.get("valueDate").is_none());
    assert_eq!(held["_valueDate"]["extension"][0]["valueCode"], "unknown");
}

#[test]
fn a_byte_order_mark_before_json_is_none_of_it() {
    let record = record("collection", &[(None, patient("1"))]).to_string();
    let marked = [b"\xef\xbb\xbf".as_slice(), record.as_bytes()].concat();
    assert!(translate(&marked, Release::Stu3, Release::R4, &hospital()).is_ok());
}
