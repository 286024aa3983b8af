//! What the entries of a transaction call each other, and whom that makes them about.

use serde_json::{Value, json};

use super::{called, changes, creates, hospital, new, sent, site, transact};
use crate::support::holding::{ANN, patient};
use crate::support::transacting::transacting;
use crate::together::BOB;

const FIRST: &str = "urn:uuid:6f1e2a0c-1111-4222-8333-444455556666";
const SECOND: &str = "urn:uuid:0a1e2a0c-1111-4222-8333-444455557777";
const CARLA: &str = "9990000034";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_person_and_what_is_about_her_are_created_together() {
    let store = hospital();
    let (site, running) = site("open", transacting(&store)).await;
    let mut of_her = new(FIRST, "5");
    of_her["encounter"] = json!({"reference": SECOND});
    let stay = json!({"resourceType": "Encounter", "id": "p1", "status": "finished", "subject": {"reference": FIRST}});
    let entries = [
        creates(&of_her),
        called(SECOND, creates(&stay)),
        called(&FIRST.to_ascii_uppercase().replace("URN:UUID", "urn:uuid"), creates(&patient("p1", CARLA))),
    ];
    let answer = transact(&site, &entries).await;
    assert_eq!(answer.statuses(), ["201", "201", "201"], "{}", answer.body);
    let sent = sent(&site);
    let text = sent[0].to_string();
    assert!(!text.contains("6f1e2a0c") && !text.contains("0a1e2a0c"), "no name of the sender's: {text}");
    let held = store.lock().unwrap().clone();
    let found = |kind: &str| held.iter().rfind(|found| found["resourceType"] == kind).unwrap().clone();
    let place = |found: &Value| {
        json!(format!("{}/{}", found["resourceType"].as_str().unwrap(), found["id"].as_str().unwrap()))
    };
    let (her, stay, problem) = (found("Patient"), found("Encounter"), found("Condition"));
    assert_eq!(her["identifier"][0]["value"], CARLA);
    assert_ne!(her["id"], "p1", "an id that a sender gives to what is new is none");
    assert_eq!(
        (&stay["subject"]["reference"], &problem["subject"]["reference"]),
        (&place(&her), &place(&her))
    );
    assert_eq!(problem["encounter"]["reference"], place(&stay));
    running.stop().await;
    let hers =
        |record: &&Value| record["about"]["nhs_number"] == CARLA && record["exchange"]["event"] == "intent";
    assert_eq!(site.records().iter().filter(hers).count(), 3, "each is about her, and in her trail");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_can_say_whom_it_is_about_is_refused() {
    let store = hospital();
    let (site, running) = site("open", transacting(&store)).await;
    let mut unnamed = patient("x", CARLA);
    unnamed["identifier"] = json!([{"system": "https://ids.example", "value": "1"}]);
    let mut said_by_her = new(FIRST, "5");
    let members = said_by_her.as_object_mut().unwrap();
    let her = members.remove("subject").unwrap();
    members.insert("recorder".to_owned(), her);
    for entries in [
        vec![creates(&new(FIRST, "5")), called(FIRST, creates(&unnamed))],
        // Who says something is not whom it is about.
        vec![creates(&said_by_her), called(FIRST, creates(&patient("x", CARLA)))],
    ] {
        let answer = transact(&site, &entries).await;
        assert_eq!(answer.status, 403, "{}", answer.body);
    }
    assert!(sent(&site).is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resource_that_is_there_may_be_called_by_a_name_too() {
    let store = hospital();
    let (site, running) = site("open", transacting(&store)).await;
    let (mut view, version) = super::view(&site, "Patient/p1").await;
    view["birthDate"] = json!("1950-01-02");
    let change =
        json!({"resource": view, "request": {"method": "PUT", "url": "Patient/p1", "ifMatch": version}});
    let answer = transact(&site, &[creates(&new(FIRST, "5")), called(FIRST, change)]).await;
    assert_eq!(answer.statuses(), ["201", "200"], "{}", answer.body);
    assert_eq!(store.lock().unwrap().last().unwrap()["subject"]["reference"], "Patient/p1");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_does_not_reach_what_a_system_holds_already() {
    let store = hospital();
    // Hidden, and called as a sender might call something new.
    store.lock().unwrap()[2]["recorder"] = json!({"reference": FIRST});
    let (site, running) = site("open", transacting(&store)).await;
    let change = changes(&site, "Condition/c1", "12").await;
    let answer = transact(&site, &[change, called(FIRST, creates(&patient("x", CARLA)))]).await;
    assert_eq!(answer.statuses(), ["200", "201"], "{}", answer.body);
    let held = store.lock().unwrap().clone();
    assert_eq!(held[2]["recorder"]["reference"], FIRST);
    running.stop().await;
}

/// A create unless there is one of this identifier.
fn unless(mut entry: Value, condition: &str) -> Value {
    entry["request"]["ifNoneExist"] = json!(condition);
    entry
}

fn of_identifier(subject: &str) -> Value {
    let mut made = new(subject, "5");
    made["identifier"] = json!([{"system": "https://ids.example", "value": "a1"}]);
    made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_seen_already_is_not_created_and_the_others_refer_to_it() {
    let store = hospital();
    let (site, running) = site("open", transacting(&store)).await;
    let number = format!("identifier=https://fhir.nhs.uk/Id/nhs-number|{ANN}");
    let ann = called(FIRST, unless(creates(&patient("x", ANN)), &number));
    let answer = transact(&site, &[ann, creates(&new(FIRST, "5"))]).await;
    assert_eq!(answer.statuses(), ["200", "201"], "{}", answer.body);
    let place = answer.entries()[0]["response"]["location"].as_str().unwrap().to_owned();
    assert!(place.ends_with("/Patient/p1"), "{place}");
    let sent = sent(&site);
    assert_eq!(sent[0]["entry"].as_array().unwrap().len(), 1, "{sent:?}");
    assert_eq!(store.lock().unwrap().last().unwrap()["subject"]["reference"], "Patient/p1");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_hidden_already_is_as_what_is_not_there_and_the_system_is_not_asked_again() {
    for hidden in [true, false] {
        let store = hospital();
        if hidden {
            let mut there = super::problem("c7", "p1", "7", &["PSY"]);
            there["identifier"] = json!([{"system": "https://ids.example", "value": "a1"}]);
            store.lock().unwrap().push(there);
        }
        let (site, running) = site("withheld", transacting(&store)).await;
        let entry = unless(creates(&of_identifier("Patient/p1")), "identifier=https://ids.example|a1");
        let answer = transact(&site, &[entry]).await;
        assert_eq!(answer.statuses(), ["201"], "{hidden}: {}", answer.body);
        let sent = sent(&site);
        assert!(!sent[0].to_string().contains("ifNoneExist"), "{sent:?}");
        running.stop().await;
    }
}

/// A problem of Bob's that bears the identifier under which another is to be created.
fn of_bob() -> Value {
    let mut there = super::problem("c7", "p2", "7", &[]);
    there["identifier"] = json!([{"system": "https://ids.example", "value": "a1"}]);
    there
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_there_already_is_looked_for_in_the_record_of_whom_it_is_about_and_of_nobody_else() {
    let store = hospital();
    store.lock().unwrap().push(of_bob());
    let (site, running) = site("open", transacting(&store)).await;
    let mut of_carla = of_identifier(FIRST);
    of_carla["recorder"] = json!({"reference": "Patient/p2"});
    let mut of_ann = of_identifier("Patient/p1");
    of_ann["recorder"] = json!({"reference": "Patient/p2"});
    let mut by_number = of_identifier(FIRST);
    by_number["subject"] =
        json!({"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": ANN}});
    by_number["recorder"] = json!({"reference": "Patient/p2"});
    let condition = "identifier=https://ids.example|a1";
    let her = called(FIRST, creates(&patient("x", CARLA)));
    for (entries, statuses) in [
        // A search about somebody who is not there names nobody.
        (vec![unless(creates(&of_carla), condition), her], vec![]),
        (vec![unless(creates(&by_number), condition)], vec![]),
        // Who recorded it is not whom it is about, and takes nothing away from her.
        (vec![unless(creates(&of_ann), condition)], vec!["201"]),
        (vec![unless(creates(&of_ann), condition)], vec!["200"]),
    ] {
        let answer = transact(&site, &entries).await;
        assert!(!answer.body.to_string().contains("Condition/c7"), "{}", answer.body);
        match statuses.is_empty() {
            true => assert_eq!(answer.status, 403, "{}", answer.body),
            false => assert_eq!(answer.statuses(), statuses, "{}", answer.body),
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_alone_goes_with_what_it_refers_to() {
    let store = hospital();
    let (site, running) = site("open", transacting(&store)).await;
    crate::hidden::says(&site, BOB, &json!({"type": "deny"})).await;
    let stay = |of: &str| json!({"resourceType": "Encounter", "id": "p1", "status": "finished", "subject": {"reference": of}});
    let mut alone = new("Patient/p1", "5");
    alone["recorder"] = json!({"reference": "Patient/p2"});
    let mut beside = alone.clone();
    beside["encounter"] = json!({"reference": SECOND});
    let mut of_carla = beside.clone();
    of_carla["subject"] = json!({"reference": FIRST});
    let her = called(FIRST, creates(&patient("x", CARLA)));
    for entries in [
        vec![creates(&alone)],
        vec![creates(&beside), called(SECOND, creates(&stay("Patient/p1")))],
        vec![creates(&of_carla), called(SECOND, creates(&stay(FIRST))), her],
    ] {
        let answer = transact(&site, &entries).await;
        assert_eq!(answer.statuses(), vec!["201"; entries.len()], "{}", answer.body);
    }
    let sent = json!(sent(&site)).to_string();
    assert!(!sent.contains("Patient/p2"), "who denies goes with what is said of him: {sent}");
    // What is about him is refused, whatever it comes with.
    let his = [creates(&beside), called(SECOND, creates(&stay("Patient/p2")))];
    assert_eq!(transact(&site, &his).await.status, 403);
    running.stop().await;
}
