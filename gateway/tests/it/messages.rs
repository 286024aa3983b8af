//! Messages to be processed at once, through the whole gateway.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::asking::{agreement, answered, asks, bundle, post};
use crate::support::holding::{ANN, condition, held, holding, patient};
use crate::support::sharing::says;
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;

const TABLES: &str = r#"
[share.person.Patient]
name = "to address the person"
[[recipient_system]]
systems = ["hospital"]
share = ["message"]
[share.message.MessageHeader]
"event[x]" = "what happened"
source = "where it comes from"
focus = "what it is about"
where = { "event[x]" = ["http://events.example|admit"] }
[share.message.Patient]
identifier = "to be sure it is the right person"
name = "to address the person"
[share.message.Condition]
code = "what care is needed for"
where = { not_labelled = ["PSY"] }
"#;

fn message(event: &str, more: &[Value]) -> Value {
    let mut ann = patient("p1", ANN);
    ann["telecom"] = json!([{"value": "CANARY-PHONE"}]);
    let header = json!({"resourceType": "MessageHeader", "id": "msg-1",
        "eventCoding": {"system": "http://events.example", "code": event},
        "source": {"endpoint": "https://sender.example"}, "focus": [{"reference": "Patient/p1"}]});
    let entries: Vec<Value> =
        [header, ann].iter().chain(more).map(|resource| json!({"resource": resource})).collect();
    json!({"resourceType": "Bundle", "id": "b1", "type": "message", "entry": entries})
}

/// Takes every message, and says too much about it.
fn takes(status: &'static str) -> impl Fn(&Seen) -> Play + Send + Sync + 'static {
    let honest = holding(&held(&[patient("p1", ANN)]));
    move |seen| match seen.line.as_str() {
        "POST /fhir/$process-message HTTP/1.1" => {
            Play::Bytes(fhir(status, r#"{"resourceType":"Bundle","type":"message","id":"CANARY-ANSWER"}"#))
        }
        _ => honest(seen),
    }
}

async fn site(status: &'static str, more: &str) -> (Whole, gateway::serve::Running) {
    let site = Whole::with(takes(status)).await;
    site.agrees(&agreement("open", TABLES));
    site.also_set(more);
    let running = site.start().await.unwrap();
    (site, running)
}

fn sent(site: &Whole) -> Vec<Seen> {
    site.hospital.seen().into_iter().filter(|seen| seen.line.contains("$process-message")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_goes_minimised_after_its_intent_and_is_answered_with_one() {
    let (site, running) = site("200 OK", "").await;
    let mut mind = condition("c2", "p1", "22", &["PSY"]);
    mind["code"]["text"] = json!("CANARY-MIND");
    let flag = json!({"resourceType": "Flag", "id": "f1", "subject": {"reference": "Patient/p1"}, "code": {"text": "CANARY-FLAG"}});
    let body = message("admit", &[condition("c1", "p1", "11", &[]), mind, flag]);
    let answer = post(&site, "/$process-message?async=false", &body).await;
    assert_eq!((answer.status, &answer.body["type"]), (200, &json!("message")), "{}", answer.body);
    let header = &answer.body["entry"][0]["resource"];
    assert_eq!(header["response"], json!({"identifier": "msg-1", "code": "ok"}));
    assert_eq!(header["eventCoding"], json!({"system": "http://events.example", "code": "admit"}));
    assert!(!answer.body.to_string().contains("CANARY"), "nothing that the receiver says: {}", answer.body);
    let went = sent(&site);
    assert_eq!(went.len(), 1);
    assert!(!went[0].body.contains("CANARY"), "{}", went[0].body);
    assert!(went[0].body.contains("\"11\"") && went[0].body.contains("Provenance"), "{}", went[0].body);
    let oversight = site.staff_token("R5105");
    let path = format!("/fhir/AuditEvent?entity.identifier={}", answer.request_id());
    let told = answered(site.get(&path, Some(&oversight)).await);
    let is_disclosure = |entry: &Value| {
        entry["resource"]["subtype"][0]["code"] == "disclose"
            && entry["resource"]["meta"].to_string().contains("PrivacyDisclosure.Source")
    };
    assert!(told.entries().iter().any(is_disclosure), "{}", told.body);
    running.stop().await;
    let records = site.records();
    let events: Vec<(&Value, &Value)> = records
        .iter()
        .filter(|record| record["exchange"]["interaction"] == "process-message")
        .map(|record| (&record["exchange"]["event"], &record["about"]["kind"]))
        .collect();
    let (intent, outcome, exchange, person) =
        (json!("intent"), json!("outcome"), json!("exchange"), json!("person"));
    assert_eq!(events, [(&intent, &exchange), (&intent, &person), (&outcome, &exchange)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_no_agreement_names_is_refused_before_the_system_hears_of_it() {
    let (site, running) = site("200 OK", "").await;
    let answer = post(&site, "/$process-message", &message("discharge", &[])).await;
    assert_eq!(answer.body["resourceType"], "OperationOutcome", "{}", answer.body);
    assert!(answer.status >= 400 && sent(&site).is_empty());
    says(&site, ANN, &json!({"type": "deny"})).await;
    let answer = post(&site, "/$process-message", &message("admit", &[])).await;
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert!(sent(&site).is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_system_does_not_take_is_told_as_a_fatal_error_and_what_is_not_known_is_not() {
    for (status, told, code) in [
        ("422 Unprocessable Entity", 422, json!("fatal-error")),
        ("404 Not Found", 422, json!("fatal-error")),
        ("202 Accepted", 200, json!("ok")),
        ("503 Service Unavailable", 502, Value::Null),
    ] {
        let (site, running) = site(status, "").await;
        let answer = post(&site, "/$process-message", &message("admit", &[])).await;
        assert_eq!(answer.status, told, "{status} {}", answer.body);
        assert_eq!(answer.body["entry"][0]["resource"]["response"]["code"], code, "{status} {}", answer.body);
        assert!(!answer.body.to_string().contains("CANARY"));
        running.stop().await;
        let outcome = |record: &&Value| {
            record["exchange"]["follows"].is_string()
                && record["exchange"]["interaction"] == "process-message"
        };
        let records = site.records();
        let outcomes: Vec<&Value> = records.iter().filter(outcome).collect();
        assert_eq!(outcomes.len(), 1, "{status}");
        let reason =
            if told == 422 { json!("not-taken-invalid") } else { outcomes[0]["exchange"]["reason"].clone() };
        assert_eq!(
            (&outcomes[0]["exchange"]["reason"], &outcomes[0]["exchange"]["status"]),
            (&reason, &json!(told))
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_proves_no_tie_on_a_system_that_is_asked_for_them() {
    let (site, running) = site("200 OK", "relationship_source = true\n").await;
    let stay = json!({"resourceType": "Encounter", "id": "e1", "status": "finished", "subject": {"reference": "Patient/p1"}});
    let collection = json!({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": stay}]});
    let part = json!({"name": "a", "part": [{"name": "b", "resource": collection}]});
    let parameters = json!({"resourceType": "Parameters", "parameter": [part]});
    for proof in [stay, collection, parameters] {
        let answer = post(&site, "/$process-message", &message("admit", &[proof])).await;
        assert_eq!(answer.status, 403, "{}", answer.body);
        assert!(sent(&site).is_empty());
    }
    running.stop().await;
    let records = site.records();
    let refused: BTreeSet<&str> = records
        .iter()
        .filter(|record| record["exchange"]["reason"] == "would-prove-own-relationship")
        .filter_map(|record| record["exchange"]["request_id"].as_str())
        .collect();
    assert_eq!(refused.len(), 3, "{records:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_message_is_refused() {
    let (site, running) = site("200 OK", "").await;
    let whole = message("admit", &[]);
    let without = |pointer: &str| {
        let mut changed = whole.clone();
        *changed.pointer_mut(pointer).unwrap() = json!("x");
        changed
    };
    let mut headless = whole.clone();
    headless["entry"].as_array_mut().unwrap().remove(0);
    let without_member = |member: &str| {
        let mut changed = whole.clone();
        changed["entry"][0]["resource"].as_object_mut().unwrap().remove(member);
        changed
    };
    let endless = message("admit", &vec![condition("c1", "p1", "11", &[]); 999]);
    for body in [
        without_member("eventCoding"),
        without_member("id"),
        endless,
        json!({"resourceType": "Bundle", "type": "message"}),
        json!({"resourceType": "Bundle", "type": "message", "entry": []}),
        headless,
        without("/type"),
        without("/entry/0/resource/resourceType"),
        without("/entry/1/resource/resourceType"),
        without("/entry/1"),
    ] {
        let answer = post(&site, "/$process-message", &body).await;
        assert_eq!(answer.status, 400, "{} {body}", answer.body);
        assert!(answer.body.to_string().contains("send a Bundle of type message"), "{}", answer.body);
    }
    assert!(site.hospital.seen().is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_to_be_answered_later_or_elsewhere_is_refused() {
    let (site, running) = site("200 OK", "").await;
    for query in
        ["async=true", "async=false&response-url=https://other.invalid/", "response-url=x", "async=", "x=1"]
    {
        let answer = post(&site, &format!("/$process-message?{query}"), &message("admit", &[])).await;
        assert_eq!(answer.status, 400, "{query} {}", answer.body);
    }
    assert!(site.hospital.seen().is_empty());
    running.stop().await;
}

fn as_entry(body: &Value) -> Value {
    json!({"resource": body, "request": {"method": "POST", "url": "$process-message"}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_was_processed_is_told_so_however_full_the_answer_is() {
    let takes = takes("200 OK");
    let mut large = patient("p1", ANN);
    large["name"][0]["family"] = json!("x".repeat(12 << 20));
    let large = large.to_string();
    let both = move |seen: &Seen| match seen.line.as_str() {
        "GET /fhir/Patient/p1 HTTP/1.1" => Play::Bytes(fhir("200 OK", &large)),
        _ => takes(seen),
    };
    let site = Whole::with(both).await;
    site.agrees(&agreement("open", TABLES));
    site.also_set("\n[limits]\nexchange_timeout_ms = 600000\n");
    let running = site.start().await.unwrap();
    let mut entries = vec![asks("Patient/p1"); 3];
    entries.push(as_entry(&message("admit", &[])));
    let answer = post(&site, "", &bundle("batch", &entries)).await;
    assert_eq!(answer.statuses(), ["200", "200", "413", "200"]);
    assert_eq!(sent(&site).len(), 1);
    assert!(answer.entries()[3].get("resource").is_none(), "what was said about it has no place any more");
    running.stop().await;
    let back = |record: &&Value| record["exchange"]["event"] == "not-released";
    assert_eq!(site.records().iter().filter(back).count(), 1, "the third read alone");
}
