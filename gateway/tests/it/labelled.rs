//! What labels keep back is kept back behind every reference: of medicines, of Bundles, of what is told about records.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gateway::serve::Running;
use serde_json::{Value, json};

use crate::hidden::agreement;
use crate::support::holding::{ANN, Held, condition, held, holding, patient};
use crate::support::sharing::{self, answer};
use crate::support::whole::Whole;

mod bounds;

const TABLES: &str = r#"
[share.person.MedicationRequest]
status = "whether it is taken"
"dosageInstruction.text" = "how much"
WHERE
[share.person.AdverseEvent]
"event.text" = "what happened"
WHERE
[share.person.Task]
description = "what is to be done"
"extension:https://example.org/letter" = "the letter that asks for it"
"extension:https://example.org/room" = "where it is to be done"
WHERE
[share.person.DocumentReference]
content = "the letter"
"content.attachment" = "the letter itself"
where = { any = [{ "content.attachment.contentType" = ["application/fhir+json"] }, { absent = ["content"] }] }
[share.person.Provenance]
reason = "why it was done"
target = "what it is about"
WHERE
[share.person.AuditEvent]
outcomeDesc = "how it ended"
WHERE
[share.person.Observation]
valueString = "what was found"
WHERE
"#;

/// A site under an agreement whose tables leave out what is labelled.
async fn site(resources: &[Value]) -> (Whole, Running, Held) {
    let store = held(resources);
    let tables = TABLES.replace("WHERE", "where = { not_labelled = [\"PSY\"] }");
    let terms = format!("{}{tables}", agreement("withheld"));
    let (site, running) = sharing::site(&terms, holding(&store)).await;
    (site, running, store)
}

fn to(place: &str) -> Value {
    json!({"reference": place})
}

fn psy() -> Value {
    json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}]})
}

/// A resource of this type about Ann, called `x`.
fn of(kind: &str, with: &Value) -> Value {
    let mut made = json!({"resourceType": kind, "id": "x", "status": "active", "subject": to("Patient/p1")});
    for (name, value) in with.as_object().unwrap() {
        made[name] = value.clone();
    }
    made
}

fn takes(with: &Value) -> Value {
    let mut made = of("MedicationRequest", with);
    made["dosageInstruction"] = json!([{"text": "secret-dose"}]);
    made
}

/// What is read of `resource` beside `others`; nothing where it is as absent.
async fn read(site: &Whole, store: &Held, others: &[Value], resource: &Value) -> Option<String> {
    *store.lock().unwrap() = [others, std::slice::from_ref(resource)].concat();
    let kind = resource["resourceType"].as_str().unwrap();
    let (status, _, body) = answer(site, &format!("/hospital/fhir/{kind}/x")).await;
    assert!(status == 200 || status == 404, "{status} {body}");
    (status == 200).then_some(body)
}

fn medicines() -> Vec<Value> {
    let medicine = |kind: &str, id: &str, with: &Value| {
        let mut made = json!({"resourceType": kind, "id": id, "code": {"text": "a medicine"}});
        for (name, value) in with.as_object().unwrap() {
            made[name] = value.clone();
        }
        made
    };
    let of = |item: &Value| json!({"ingredient": [{"itemReference": item}]});
    vec![
        patient("p1", ANN),
        medicine("Medication", "plain", &json!({})),
        medicine("Medication", "lithium", &json!({"meta": psy()})),
        medicine("Substance", "salt", &json!({"meta": psy()})),
        medicine("Substance", "water", &json!({})),
        medicine("Medication", "of-salt", &of(&to("Substance/salt"))),
        medicine("Medication", "of-water", &of(&to("Substance/water"))),
        medicine("Medication", "of-something", &of(&json!({"display": "a salt"}))),
        medicine(
            "Substance",
            "mixed",
            &json!({"ingredient": [{"substanceReference": to("Substance/salt")}]}),
        ),
        medicine("Medication", "of-mixed", &of(&to("Substance/mixed"))),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_medicine_of_which_nothing_is_known_keeps_back_what_names_it() {
    let (site, running, store) = site(&[]).await;
    let reference = |medicine: &Value| takes(&json!({"medicationReference": medicine}));
    let elsewhere = "https://other.example/fhir/Medication/lithium";
    for (named, is_shown) in [
        (to("Medication/plain"), true),
        (to("Medication/of-water"), true),
        (to("Medication/lithium"), false),
        (to("Medication/of-salt"), false),
        (to("Medication/of-mixed"), false),
        (to("Medication/of-something"), false),
        (to(elsewhere), false),
        (to("urn:uuid:6f1e2a0c-1111-4222-8333-444455556661"), false),
        (to("Medication?identifier=lithium"), false),
        (to("MedicationKnowledge/lithium"), false),
        (json!({"display": "lithium"}), false),
        (json!({"identifier": {"value": "lithium"}}), false),
    ] {
        let shown = read(&site, &store, &medicines(), &reference(&named)).await;
        assert_eq!(shown.is_some(), is_shown, "{named}");
    }
    let mut switched = reference(&to("Medication/lithium"));
    switched["entry"] = json!([]);
    assert_eq!(read(&site, &store, &medicines(), &switched).await, None, "no member switches it off");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_medicine_counts_wherever_the_tables_let_one_be_named() {
    let (site, running, store) = site(&[]).await;
    let event = |suspect: &Value| {
        of("AdverseEvent", &json!({"event": {"text": "tremor"}, "suspectEntity": [{"instance": suspect}]}))
    };
    let task = |value: &Value| {
        let input = json!([{"type": {"text": "medicine"}, "valueReference": value}]);
        of("Task", &json!({"for": to("Patient/p1"), "description": "give it", "input": input}))
    };
    let extended = |value: &Value| {
        let extension = json!([{"url": "https://example.org/medicine", "valueReference": value}]);
        of("Task", &json!({"for": to("Patient/p1"), "description": "give it", "extension": extension}))
    };
    for (resource, is_shown) in [
        (event(&to("Medication/lithium")), false),
        (event(&to("Substance/salt")), false),
        (event(&json!({"display": "lithium"})), false),
        (event(&to("Medication/plain")), true),
        (event(&to("Device/walker")), true),
        (task(&to("Medication/lithium")), false),
        (task(&to("Medication/plain")), true),
        (task(&to("Condition/other")), true),
        (extended(&to("Medication/lithium")), false),
        (extended(&to("Medication/plain")), true),
    ] {
        let shown = read(&site, &store, &medicines(), &resource).await;
        assert_eq!(shown.is_some(), is_shown, "{resource}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prescription_in_a_bundle_or_in_content_is_what_its_medicine_is() {
    let (site, running, store) = site(&[]).await;
    let address = "https://elsewhere.example/fhir/Medication/m";
    let bundle = |medicine: Value, named: &str| {
        let mut prescription = takes(&json!({"medicationReference": to(named)}));
        prescription["id"] = json!("rx");
        json!({"resourceType": "Bundle", "id": "x", "type": "collection", "entry": [
            {"fullUrl": address, "resource": medicine}, {"resource": prescription},
            {"resource": condition("c1", "p1", "1", &[])}]})
    };
    let plain = || json!({"resourceType": "Medication", "id": "m"});
    let labelled = || json!({"resourceType": "Medication", "id": "m", "meta": psy()});
    for (medicine, named, is_shown) in [
        (plain(), address, true),
        (plain(), "Medication/m", true),
        (labelled(), address, false),
        (plain(), "https://elsewhere.example/fhir/Medication/other", false),
    ] {
        let body = read(&site, &store, &medicines(), &bundle(medicine, named)).await.unwrap();
        assert_eq!(body.contains("secret-dose"), is_shown, "{named} {body}");
    }
    let letter = |resource: &Value| {
        let attachment =
            json!({"contentType": "application/fhir+json", "data": STANDARD.encode(resource.to_string())});
        of("DocumentReference", &json!({"status": "current", "content": [{"attachment": attachment}]}))
    };
    let lithium = letter(&takes(&json!({"medicationReference": to("Medication/lithium")})));
    let shown = read(&site, &store, &medicines(), &lithium).await.unwrap_or_default();
    assert!(!shown.contains(r#""data""#), "{shown}");
    let coded = letter(&takes(&json!({"medicationCodeableConcept": {"text": "salbutamol"}})));
    let shown = read(&site, &store, &medicines(), &coded).await.unwrap();
    assert!(shown.contains(r#""data""#), "{shown}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_label_of_a_bundle_counts_for_each_entry_in_it() {
    let (site, running, store) = site(&[]).await;
    let bundle = |labels: Value, inside: Value| {
        json!({"resourceType": "Bundle", "id": "x", "type": "collection", "meta": labels,
               "entry": [{"resource": inside}, {"resource": patient("p1", ANN)}]})
    };
    let problem = || condition("c1", "p1", "11111111", &[]);
    for (resource, is_shown) in [
        (bundle(json!({}), problem()), true),
        (bundle(psy(), problem()), false),
        (bundle(psy(), bundle(json!({}), problem())), false),
        (bundle(json!({}), bundle(psy(), problem())), false),
    ] {
        let body = read(&site, &store, &[patient("p1", ANN)], &resource).await.unwrap();
        assert!(body.contains("Example"), "what no rule weighs is shown: {body}");
        assert_eq!(body.contains("11111111"), is_shown, "{resource} {body}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_about_a_record_is_labelled_as_that_record_is() {
    let (site, running, store) = site(&[]).await;
    let mut held = medicines();
    let named = takes(&json!({"id": "rx", "medicationReference": to("Medication/of-salt")}));
    held.extend([condition("psy", "p1", "1", &["PSY"]), condition("plain", "p1", "1", &[]), named]);
    held.push(condition("earned", "p1", "13746004", &[]));
    let provenance = |targets: &[&str]| {
        let targets: Vec<Value> = targets.iter().copied().map(to).collect();
        json!({"resourceType": "Provenance", "id": "x", "target": targets, "reason": [{"text": "secret-therapy"}]})
    };
    let event = |place: &str| json!({"resourceType": "AuditEvent", "id": "x", "outcomeDesc": "secret-therapy", "entity": [{"what": to(place)}]});
    let focused =
        |place: &str| of("Observation", &json!({"valueString": "secret-therapy", "focus": [to(place)]}));
    for (resource, is_shown) in [
        (provenance(&["Condition/plain"]), true),
        (provenance(&["Condition/psy"]), false),
        (provenance(&["Condition/earned"]), false),
        (provenance(&["Condition/plain", "Condition/psy"]), false),
        (provenance(&["MedicationRequest/rx"]), false),
        (event("Condition/plain"), true),
        (event("Condition/psy"), false),
        (focused("Condition/plain"), true),
        (focused("Condition/psy"), false),
    ] {
        let shown = read(&site, &store, &held, &resource).await;
        assert_eq!(shown.is_some(), is_shown, "{resource}");
    }
    let address = "urn:uuid:6f1e2a0c-1111-4222-8333-444455556661";
    let bundle = |labels: &[&str]| {
        let mut told = provenance(&[address]);
        told["id"] = json!("told");
        json!({"resourceType": "Bundle", "id": "x", "type": "collection", "entry": [
            {"fullUrl": address, "resource": condition("c1", "p1", "1", labels)}, {"resource": told}]})
    };
    for (labels, is_shown) in [(vec![], true), (vec!["PSY"], false)] {
        let body = read(&site, &store, &held, &bundle(&labels)).await.unwrap();
        assert_eq!(body.contains("secret-therapy"), is_shown, "{body}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attachment_in_a_named_extension_stays_back() {
    let (site, running, store) = site(&[]).await;
    let attachment = json!({"contentType": "application/x-anything", "title": "secret-title",
        "url": "Binary/secret-letter", "data": STANDARD.encode("secret")});
    let letter = json!({"url": "https://example.org/letter", "valueAttachment": attachment});
    let both = json!({"url": "https://example.org/letter", "extension": [letter, {"url": "room", "valueString": "room 5"}]});
    let room = json!({"url": "https://example.org/room", "valueString": "room 7"});
    let task = of(
        "Task",
        &json!({"for": to("Patient/p1"), "description": "give it", "extension": [letter, both, room]}),
    );
    let shown = read(&site, &store, &[patient("p1", ANN)], &task).await.unwrap();
    assert!(shown.contains("room 7") && shown.contains("room 5"), "{shown}");
    assert!(!shown.contains("secret") && !shown.contains("valueAttachment"), "{shown}");
    assert_eq!(
        shown.matches("https://example.org/letter").count(),
        1,
        "nothing is left of an empty one: {shown}"
    );
    running.stop().await;
}
