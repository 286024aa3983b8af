//! Other releases of FHIR through the whole gateway: in at a place, decided and minimised as R4, and out in another.

use std::path::Path;

use gateway::push::letters::{Stage, Which};
use gateway::trail::record::{Event, Record};
use serde_json::{Value, json};

use super::forms::{BETWEEN, INSIDE, bundle, post, start, types};
use super::receiving::{came, care, has_none};
use super::whole::{Gateway, created};
use crate::support::upstream::{Play, System, answer};

const PATIENT: &str = "urn:uuid:2f1de0a5-7a51-4c9e-9d0a-5a8f6f1f0001";
const CLIENT: &str = "dns:lab.example";
/// What of [`record`] is not shared.
const WITHHELD: [&str; 2] = ["NE30 4AA", "canary-note"];

/// An NHS number as this release says that it is verified.
fn number(release: &str) -> Value {
    let (extension, system) = match release {
        "dstu2" => (
            "https://fhir.hl7.org.uk/StructureDefinition/Extension-CareConnect-NHSNumberVerificationStatus-1",
            "https://fhir.hl7.org.uk/CareConnect-NHSNumberVerificationStatus-1",
        ),
        _ => (
            "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
            "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland",
        ),
    };
    let verified =
        json!({"url": extension, "valueCodeableConcept": {"coding": [{"system": system, "code": "01"}]}});
    json!({"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018", "extension": [verified]})
}

/// Ann and what she has, in the words of a release, and another resource.
fn record(release: &str, other: Option<Value>) -> String {
    let is_old = release == "dstu2";
    let family = if is_old { json!(["Fenwick"]) } else { json!("Fenwick") };
    let patient = json!({"resourceType": "Patient", "id": "p1", "identifier": [number(release)], "name": [{"family": family}],
        "birthDate": "1942-06-17", "address": [{"postalCode": "NE30 4AA"}]});
    let about = if is_old { "patient" } else { "subject" };
    let concept = |code: &str| match is_old {
        true => json!(code),
        false => {
            json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": code}]})
        }
    };
    let note =
        if is_old { ("notes", json!("canary-note")) } else { ("note", json!([{"text": "canary-note"}])) };
    let mut condition = json!({"resourceType": "Condition", "id": "c1", "code": {"text": "Anaemia"}});
    condition[about] = json!({"reference": PATIENT});
    condition["clinicalStatus"] = concept("active");
    condition[note.0] = note.1;
    if is_old {
        condition["verificationStatus"] = json!("confirmed");
    }
    let mut entries = vec![
        json!({"fullUrl": PATIENT, "resource": patient}),
        json!({"fullUrl": "urn:uuid:2f1de0a5-7a51-4c9e-9d0a-5a8f6f1f0002", "resource": condition}),
    ];
    entries.extend(other.map(
        |resource| json!({"fullUrl": "urn:uuid:2f1de0a5-7a51-4c9e-9d0a-5a8f6f1f0003", "resource": resource}),
    ));
    json!({"resourceType": "Bundle", "id": "b-gp", "type": "collection", "entry": entries}).to_string()
}

fn intent(records: &[Record]) -> bool {
    records.iter().any(|record| record.exchange.event == Event::Intent)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_any_release_goes_on_as_r4_minimised_once() {
    for release in ["dstu2", "r4b", "r5"] {
        let folder = tempfile::tempdir().unwrap();
        let gateway = start(folder.path(), release).await;
        let text = record(release, None);
        let told = post(&gateway, "application/fhir+json", &text).await;
        assert!(
            told.contains("status: 200") && told.contains("1 of 1 are on their way"),
            "{release}: {told}"
        );
        let seen = gateway.council_saw(1).await;
        let sent = bundle(&seen[0].body);
        assert_ne!(sent["id"], "b-gp", "another sender could choose the same");
        assert!(types(&sent).contains(&"Patient".to_owned()), "{release}: {:?}", types(&sent));
        let held = sent["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
        let condition = held.into_iter().find(|found| found["resourceType"] == "Condition").unwrap();
        assert_eq!(condition["clinicalStatus"]["coding"][0]["code"], "active", "{release}: {condition}");
        assert_eq!(
            (&condition["code"]["text"], &condition["subject"]["reference"]),
            (&json!("Anaemia"), &json!(PATIENT))
        );
        has_none(&seen[0].body, &WITHHELD);
        gateway
            .recorded_when(|records| records.iter().any(|record| record.exchange.event == Event::Outcome))
            .await;
        // The same again has no second effect, and what is no FHIR of that release is a letter.
        assert!(post(&gateway, "application/fhir+json", &text).await.contains("status: 200"));
        let told = post(&gateway, "application/fhir+json", "{\"resourceType\":\"Nonsense\"}").await;
        assert!(told.contains("status: 422") && told.contains("1 are refused"), "{release}: {told}");
        let letters = gateway.store().letters(Which::Open).await.unwrap();
        assert_eq!((letters.len(), letters[0].stage), (1, Stage::Translate), "{release}");
        let (council, _) = gateway.stop().await;
        assert_eq!(council.seen().len(), 1, "{release}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn her_word_and_a_number_that_is_not_hers_for_certain_stop_a_record_of_any_release() {
    for release in ["dstu2", "r4b", "r5"] {
        let folder = tempfile::tempdir().unwrap();
        let gateway = start(folder.path(), release).await;
        let wrong = record(release, None).replace("9990000018", "9990000019");
        assert!(post(&gateway, "application/fhir+json", &wrong).await.contains("status: 422"), "{release}");
        gateway.ann_says(&json!({"type": "deny"})).await;
        let told = post(&gateway, "application/fhir+json", &record(release, None)).await;
        assert!(told.contains("status: 422"), "{release}: {told}");
        let records = gateway.recorded().await;
        let denied = |record: &Record| record.exchange.reason.as_deref() == Some("consent-denied");
        assert!(records.iter().any(denied) && !intent(&records), "{release}: {records:?}");
        let (council, _) = gateway.stop().await;
        assert_eq!(council.seen().len(), 0, "{release}");
    }
}

/// A place for R4B, and a receiver of another release.
async fn between(folder: &Path, receiver: &System, protocol: &str, share: &str) -> Gateway {
    let receivers = |name: &str| format!("\n[[recipient_system]]\nsystems = [\"{name}\"]");
    let from = BETWEEN.to_owned() + &receivers("council");
    let to = format!("{INSIDE}{share}{}", receivers("care"));
    let more = format!(
        "[[client]]\nsan = \"{CLIENT}\"\norganisation = \"ods:E10000099\"\nrole = \"system\"\npurposes = [\"COC\"]\n\
         [[inbound]]\nname = \"lab\"\nform = \"r4b\"\nfrom = \"ods:E10000099\"\nto = [\"care\"]\npurpose = \"COC\"\n{}",
        care(protocol, &format!("http://{}/fhir", receiver.address))
    );
    Gateway::start_with(folder, created, (&from, &to), &more).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_release_cannot_say_of_another_is_refused_by_name_and_the_rest_goes() {
    let share = "[share.letter.MedicationRequest]\n\"medication[x]\" = \"what she is to take\"\ndoNotPerform = \"whether she is\"\n";
    for (protocol, is_said) in [("fhir-stu3", false), ("fhir-r4b", true), ("fhir-r5", true)] {
        let folder = tempfile::tempdir().unwrap();
        let receiver = System::start(None, |_, _| Play::Bytes(answer("200 OK", "", ""))).await;
        let gateway = between(folder.path(), &receiver, protocol, share).await;
        let order = json!({"resourceType": "MedicationRequest", "id": "m1", "status": "active", "intent": "order",
            "doNotPerform": true, "subject": {"reference": PATIENT}, "medicationCodeableConcept": {"text": "Aspirin"}});
        let told = post(&gateway, "application/fhir+json", &record("r4b", Some(order))).await;
        let reason = format!("not-sayable-in-{protocol}");
        let records = gateway.recorded().await;
        if is_said {
            assert!(told.contains("status: 200"), "{protocol}: {told}");
            let seen = came(&receiver, 1).await.remove(0);
            assert!(
                seen.body.contains("\"doNotPerform\":true") && seen.body.contains("Aspirin"),
                "{}",
                seen.body
            );
            has_none(&seen.body, &WITHHELD);
        } else {
            assert!(told.contains("status: 422") && told.contains(&reason), "{protocol}: {told}");
            assert!(
                records.iter().any(|record| record.exchange.reason.as_ref() == Some(&reason)),
                "{records:?}"
            );
            assert!(!intent(&records), "{records:?}");
        }
        gateway.stop().await;
        assert_eq!(receiver.seen().len(), usize::from(is_said), "{protocol}");
    }
}
