//! What is hidden and what is not there: the same answers, and the same is done.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{changes, creates, hospital, new, problem, sent, site, site_set, transact};
use crate::hidden::says;
use crate::support::asking::{Answer, asks, get};
use crate::support::holding::patient;
use crate::support::transacting::transacting;
use crate::together::{self, BOB};

/// The text without what is random in it: uuids, receipts and moments.
fn blind(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_uuid = |part: &str| {
            let hyphens = part.bytes().filter(|byte| *byte == b'-').count();
            hyphens == 4 && part.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
        };
        match rest.get(..36).filter(|part| is_uuid(part)) {
            Some(_) => {
                out.push_str("UUID");
                rest = &rest[36..];
            }
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}

fn told(answer: &Answer) -> (u16, Vec<String>, String) {
    let is_random = |line: &&str| {
        let line = line.to_ascii_lowercase();
        ["date:", "x-request-id:", "portcullis-receipt:", "content-length:"]
            .iter()
            .any(|name| line.starts_with(name))
    };
    let lines = answer.head.lines().filter(|line| !is_random(line)).map(blind).collect();
    (answer.status, lines, blind(&together::blind(&answer.body).to_string()))
}

/// What may stand in the place of `Condition/c2`: nothing, and what nobody here sees.
fn hidden() -> Vec<Vec<Value>> {
    let identified = |mut made: Value| {
        made["identifier"] = json!([{"system": "https://ids.example", "value": "a1"}]);
        made
    };
    let labelled = identified(problem("c2", "p1", "22", &["PSY"]));
    let mut irreducible = identified(problem("c2", "p1", "22", &[]));
    irreducible["modifierExtension"] = json!([{"url": "https://hospital.example/not", "valueBoolean": true}]);
    let his = identified(problem("c2", "p2", "22", &[]));
    let of_nobody = identified(problem("c2", "p9", "22", &[]));
    let stay = json!({"resourceType": "Encounter", "id": "e2", "status": "finished",
        "meta": {"versionId": "1"}, "subject": {"reference": "Patient/p2"}});
    vec![Vec::new(), vec![labelled], vec![irreducible], vec![his, stay], vec![of_nobody]]
}

fn asks_for(place: &str, like: &Value, version: &str) -> Value {
    let mut resource = like["resource"].clone();
    resource["id"] = json!(place.rsplit('/').next().unwrap());
    json!({"resource": resource, "request": {"method": "PUT", "url": place, "ifMatch": version}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_tells_and_does_the_same_whether_something_is_hidden_or_not_there() {
    let store = hospital();
    // Bob is there in every world, and denies.
    let seen: Vec<Value> =
        vec![store.lock().unwrap()[0].clone(), patient("p2", BOB), problem("c1", "p1", "11", &[])];
    store.lock().unwrap().clone_from(&seen);
    let (site, running) = site("withheld", transacting(&store)).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let good = changes(&site, "Condition/c1", "12").await;
    let create = creates(&new("Patient/p1", "5"));
    let mut unless = new("Patient/p1", "6");
    unless["identifier"] = json!([{"system": "https://ids.example", "value": "a1"}]);
    let mut unless = creates(&unless);
    unless["request"]["ifNoneExist"] = json!("identifier=https://ids.example|a1");
    let mut beside = new("Patient/p1", "7");
    beside["encounter"] = json!({"reference": "Encounter/e2"});
    let patch = json!([{"op": "remove", "path": "/severity"}]).to_string();
    let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, patch);
    let patch = json!({"resource": {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data},
        "request": {"method": "PATCH", "url": "Condition/c2", "ifMatch": "W/\"1\""}});
    let number = format!("identifier=https://fhir.nhs.uk/Id/nhs-number|{BOB}");
    let mut him = creates(&patient("x", BOB));
    him["request"]["ifNoneExist"] = json!(number);
    for (why, entries, served) in [
        ("a change of it", vec![good.clone(), asks_for("Condition/c2", &good, "W/\"1\"")], false),
        (
            "a change of it under a view's version",
            vec![asks_for("Condition/c2", &good, good["request"]["ifMatch"].as_str().unwrap()), good.clone()],
            false,
        ),
        ("a patch of it", vec![patch, create.clone()], false),
        ("a read of it", vec![create.clone(), asks("Condition/c2")], false),
        (
            "a deletion of it",
            vec![
                create.clone(),
                json!({"request": {"method": "DELETE", "url": "Condition/c2", "ifMatch": "W/\"1\""}}),
            ],
            false,
        ),
        ("a search that meets it", vec![good.clone(), asks("Condition?patient=p1")], true),
        ("a create unless it is there", vec![unless.clone(), good.clone()], true),
        ("the same twice", vec![unless.clone(), unless.clone()], false),
        ("a create beside it", vec![creates(&beside), good.clone()], true),
        ("a create of his", vec![him, create.clone()], false),
    ] {
        let mut first = None;
        for world in hidden() {
            *store.lock().unwrap() = seen.iter().chain(&world).cloned().collect();
            let before = sent(&site).len();
            let answer = transact(&site, &entries).await;
            assert_eq!(answer.status == 200, served, "{why}: {}", answer.body);
            let done: Vec<String> =
                sent(&site)[before..].iter().map(|sent| blind(&sent.to_string())).collect();
            assert_eq!(done.len(), usize::from(served), "{why}");
            let left = store.lock().unwrap().clone();
            assert!(world.iter().all(|hidden| left.contains(hidden)), "{why}: what is hidden stays as it is");
            let left: Vec<Value> = left.into_iter().filter(|found| !world.contains(found)).collect();
            let after = get(&site, "/Condition?patient=p1").await;
            let outcome = (told(&answer), done, json!(left), told(&after));
            match &first {
                None => first = Some(outcome),
                Some(first) => assert_eq!(*first, outcome, "{why}: {world:?}"),
            }
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_existence_is_withheld_it_is_told_at_the_beat_however_it_ends() {
    let store = hospital();
    let settings = "\n[limits]\nbeat_ms = 3000\n";
    let (site, running) = site_set("withheld", settings, transacting(&store)).await;
    let create = creates(&new("Patient/p1", "5"));
    for (status, entries) in [
        (200, vec![create.clone()]),
        (404, vec![create.clone(), asks("Condition/c2")]),
        (404, vec![create, asks("Condition/c9")]),
    ] {
        let began = Instant::now();
        let answer = transact(&site, &entries).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        // However slow the machine is: never sooner.
        assert!(began.elapsed() >= Duration::from_millis(3_000), "{status} {:?}", began.elapsed());
    }
    running.stop().await;
}
