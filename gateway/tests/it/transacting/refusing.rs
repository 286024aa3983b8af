//! One entry that is refused refuses all, with the reason that it would have had alone, and nothing is sent.

use serde_json::{Value, json};

use super::{called, changes, creates, deletes, hospital, new, recorded, sent, site, transact, view, writes};
use crate::hidden::says;
use crate::support::asking::{Answer, asks, bundle, post};
use crate::support::holding::patient;
use crate::support::transacting::transacting;
use crate::support::whole::Whole;
use crate::together::{BOB, blind};

/// What a caller is told of a refusal: status, and code and text of the first issue.
fn refusal(status: &str, outcome: &Value) -> (String, Value, Value) {
    let issue = &outcome["issue"][0];
    (status.to_owned(), issue["code"].clone(), issue["details"].clone())
}

/// The same of an entry by itself.
async fn alone(site: &Whole, entry: &Value) -> (String, Value, Value) {
    let answer = post(site, "", &bundle("batch", std::slice::from_ref(entry))).await;
    let (status, entries) = (answer.statuses(), answer.entries());
    refusal(&status[0], &entries[0]["response"]["outcome"])
}

fn whole(answer: &Answer) -> (String, Value, Value) {
    refusal(&answer.status.to_string(), &answer.body)
}

/// What some of what follows is refused for.
const REASONS: [&str; 5] =
    ["version-moved", "if-match-missing", "labelled", "person-uncertain", "type-not-shared"];

fn problem_of_many(code: &str) -> Value {
    json!({"resourceType": "Condition", "subject": {"reference": "Patient/p1"}, "code": {"text": code}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_is_refused_alone_refuses_all_by_the_same_words() {
    let store = hospital();
    let (site, running) = site("open", transacting(&store)).await;
    let good = changes(&site, "Condition/c1", "12").await;
    let mut stale = changes(&site, "Condition/c4", "45").await;
    stale["request"]["ifMatch"] = json!("W/\"1\"");
    let (view, version) = view(&site, "Patient/p2").await;
    let request = json!({"method": "PUT", "url": "Patient/p2", "ifMatch": version});
    let mut read_only = json!({"resource": view, "request": request});
    read_only["resource"]["identifier"][0]["value"] = json!("9990000034");
    let mut unversioned = changes(&site, "Condition/c4", "45").await;
    unversioned["request"].as_object_mut().unwrap().remove("ifMatch");
    let mut elsewhere = good.clone();
    elsewhere["request"]["url"] = json!("Condition/c9");
    let mut by_search = good.clone();
    by_search["request"]["url"] = json!("Condition?patient=p1");
    let mut labelled = problem_of_many("x");
    labelled["meta"] =
        json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}]});
    let nobody = json!({"resourceType": "Condition", "code": {"text": "x"}});
    let mut unnamed = patient("x", BOB);
    unnamed["identifier"] = json!([]);
    let not_shared =
        json!({"resourceType": "Observation", "status": "final", "subject": {"reference": "Patient/p1"}});
    for bad in [
        stale,
        read_only,
        unversioned,
        elsewhere,
        by_search,
        creates(&labelled),
        creates(&nobody),
        creates(&unnamed),
        creates(&not_shared),
        deletes(&site, "Condition/c1").await,
        json!({"request": {"method": "DELETE", "url": "Condition?patient=p1"}}),
        json!({"request": {"method": "DELETE", "url": "Patient/p1", "ifMatch": "W/\"1\""}}),
        json!({"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Condition"}}),
        json!({"request": {"method": "PUT", "url": "Condition/c1", "ifMatch": "W/\"1\""}}),
        json!({"request": {"method": "POST", "url": "Patient/$match"}}),
        json!({"request": {"method": "TRACE", "url": "Patient"}}),
        asks("Condition/c2"),
        asks("Patient/p9"),
        asks("Condition?code=11"),
        asks("nowhere/x"),
    ] {
        let expected = alone(&site, &bad).await;
        assert!(expected.0.as_str() >= "400", "{bad}");
        for (at, entries) in [(0, [bad.clone(), good.clone()]), (1, [good.clone(), bad.clone()])] {
            let answer = transact(&site, &entries).await;
            // One of them is about what the good one changes: that is refused before it is looked at.
            if bad["request"]["url"] == good["request"]["url"] && bad["request"]["method"] == "DELETE" {
                assert_eq!(answer.status, 400, "{}", answer.body);
                continue;
            }
            assert_eq!(whole(&answer), expected, "{bad}: {}", answer.body);
            let note =
                answer.body["issue"].as_array().unwrap().last().unwrap()["details"]["text"].to_string();
            assert!(note.contains(&format!("entry {at} of the transaction")), "{note}");
        }
    }
    assert_eq!(writes(&site), 0, "the hospital heard of none of it");
    running.stop().await;
    let records = recorded(&site);
    let with = |reason: &str| records.iter().filter(|(_, _, told)| told == reason).count();
    assert!(with("transaction-entry-failed") >= 36, "{records:?}");
    for reason in REASONS {
        assert!(with(reason) >= 3, "alone, and in each transaction: {reason} {records:?}");
    }
    assert!(records.iter().all(|(_, event, _)| event != "intent"), "{records:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_entry_that_is_refused_is_recorded_with_its_own_reason() {
    let store = hospital();
    let (site, running) = site("open", transacting(&store)).await;
    let mut stale = changes(&site, "Condition/c4", "45").await;
    stale["request"]["ifMatch"] = json!("W/\"1\"");
    let answer = transact(&site, &[creates(&new("Patient/p1", "5")), stale, asks("Patient/p9")]).await;
    assert_eq!(answer.status, 412, "the first in order is told: {}", answer.body);
    let batch = answer.request_id();
    running.stop().await;
    let told: Vec<String> = recorded(&site).into_iter().map(|(_, _, reason)| reason).collect();
    assert_eq!(told, ["transaction-entry-failed", "version-moved", "not-found"]);
    let records = site.records();
    let whole = records.iter().find(|record| record["exchange"]["request_id"] == json!(batch)).unwrap();
    assert_eq!(whole["exchange"]["reason"], "transaction-entry-failed");
    assert_eq!(whole["exchange"]["status"], 412);
    let of_ann = |record: &&Value| {
        record["about"]["refusal"] == "transaction-entry-failed" && record["about"]["resources"].is_null()
    };
    assert_eq!(
        records.iter().filter(of_ann).count(),
        1,
        "what was tried of hers is in her trail: {records:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_hidden_refuses_as_what_is_not_there() {
    let store = hospital();
    let (site, running) = site("withheld", transacting(&store)).await;
    let good = changes(&site, "Condition/c1", "12").await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let mut answers = Vec::new();
    for place in ["Condition/c2", "Condition/c4", "Condition/c9"] {
        let mut entry = good.clone();
        entry["request"]["url"] = json!(place);
        entry["resource"]["id"] = json!(place.rsplit('/').next().unwrap());
        let answer = transact(&site, &[good.clone(), entry]).await;
        assert_eq!(answer.status, 404, "{}", answer.body);
        answers.push(blind(&answer.body));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    assert_eq!(writes(&site), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_one_transaction_is_refused_before_any_system_is_asked() {
    const URN: &str = "urn:uuid:6f1e2a0c-1111-4222-8333-444455556666";
    let store = hospital();
    let (site, running) = site("open", transacting(&store)).await;
    let change = changes(&site, "Condition/c1", "12").await;
    let delete = deletes(&site, "Condition/c3").await;
    let mut twice = change.clone();
    twice["resource"]["severity"]["coding"][0]["code"] = json!("13");
    let mut by_search = new("Patient/p1", "5");
    by_search["recorder"] = json!({"reference": "Practitioner?identifier=https://ids.example|1"});
    let mut unless = creates(&new("Patient/p1", "5"));
    unless["request"]["ifNoneExist"] = json!("identifier=https://ids.example|a1");
    let message = json!({"resource": {"resourceType": "Bundle", "type": "message", "entry": [{"resource":
        {"resourceType": "MessageHeader", "id": "m", "eventUri": "urn:x"}}]},
        "request": {"method": "POST", "url": "$process-message"}});
    let one = |name: &str| called(name, creates(&new("Patient/p1", "5")));
    let asked = site.hospital.seen().len();
    for (entries, reason) in [
        (vec![change.clone(), twice], "names"),
        (vec![delete.clone(), asks("Condition/c3")], "names"),
        (vec![delete.clone(), delete.clone()], "names"),
        (vec![unless.clone(), unless], "names"),
        (vec![one("https://elsewhere.example/fhir/Condition/5")], "fullUrl"),
        (vec![one("Condition/5")], "fullUrl"),
        (vec![one(URN), one(&URN.to_ascii_uppercase().replace("URN:UUID", "urn:uuid"))], "fullUrl"),
        (vec![one(URN), called(URN, change.clone())], "fullUrl"),
        (vec![creates(&by_search)], "searches"),
        (vec![change.clone(), message], "operation"),
        (vec![change, bundle("batch", &[])], "method and a url"),
    ] {
        let answer = transact(&site, &entries).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
        let text = answer.body["issue"][0]["details"]["text"].to_string();
        assert!(text.contains(reason), "{reason}: {text}");
    }
    assert_eq!(site.hospital.seen().len(), asked, "no system heard of any of it");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_urn_is_no_way_to_what_a_person_denies() {
    let store = hospital();
    let (site, running) = site("open", transacting(&store)).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let name = "urn:uuid:6f1e2a0c-1111-4222-8333-444455556666";
    let bob = called(name, creates(&patient("x", BOB)));
    let entries = [creates(&new(name, "5")), bob];
    let answer = transact(&site, &entries).await;
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert!(sent(&site).is_empty());
    running.stop().await;
    let told: Vec<String> = recorded(&site).into_iter().map(|(_, _, reason)| reason).collect();
    assert_eq!(told, ["consent-denied", "consent-denied"], "both are about him");
}
