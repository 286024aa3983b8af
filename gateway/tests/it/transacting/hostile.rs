//! What a hospital answers is a claim: nothing of it is passed on, and what does not fit is not believed.

use serde_json::{Value, json};

use super::{changes, creates, deletes, hospital, new, recorded, sent, site, site_set, transact, view};
use crate::support::asking::asks;
use crate::support::transacting::{TRANSACTION, response, transacting};
use crate::support::upstream::{Play, Seen, answer as raw, fhir};

fn said(status: &str, location: &str) -> Value {
    json!({"response": {"status": status, "location": location}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_none_to_the_transaction_leaves_it_uncertain() {
    let created = said("201 Created", "Condition/secret-1");
    let updated = said("200 OK", "Condition/c1/_history/secret-2");
    let good = [created.clone(), updated.clone()];
    let mut failed = updated.clone();
    failed["response"]["outcome"] =
        json!({"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]});
    let mut searchset = response(&good);
    searchset["type"] = json!("batch-response");
    let ok = |body: &Value| fhir("200 OK", &body.to_string());
    for (why, bytes) in [
        ("one too few", ok(&response(&good[..1]))),
        ("one too many", ok(&response(&[created.clone(), updated.clone(), updated.clone()]))),
        ("not in order", ok(&response(&[updated.clone(), created.clone()]))),
        ("another resource", ok(&response(&[created.clone(), said("200 OK", "Condition/secret-c2")]))),
        ("another type", ok(&response(&[said("201 Created", "Patient/secret-1"), updated.clone()]))),
        ("not done", ok(&response(&[created.clone(), said("404 Not Found", "Condition/c1")]))),
        ("not yet done", ok(&response(&[said("202 Accepted", "Condition/secret-1"), updated.clone()]))),
        ("made anew", ok(&response(&[created.clone(), said("201 Created", "Condition/c1")]))),
        ("no status", ok(&response(&[created.clone(), json!({"response": {}})]))),
        ("no response", ok(&response(&[created.clone(), json!({"resource": {"resourceType": "Basic"}})]))),
        ("an error in it", ok(&response(&[created.clone(), failed]))),
        ("the same twice", ok(&response(&[said("201", "Condition/c1"), updated]))),
        ("another bundle", ok(&searchset)),
        ("no bundle", ok(&json!({"resourceType": "OperationOutcome", "issue": [{"diagnostics": "secret"}]}))),
        ("no json", fhir("200 OK", "secret")),
        ("no fhir", raw("200 OK", "content-type: text/html\r\n", "secret")),
        ("nothing", raw("204 No Content", "", "")),
        ("later", fhir("202 Accepted", "")),
        ("a failure", fhir("500 Internal Server Error", r#"{"resourceType":"OperationOutcome","secret":1}"#)),
        ("elsewhere", raw("307 Temporary Redirect", "location: http://127.0.0.1:1/secret\r\n", "")),
        (
            "half",
            b"HTTP/1.1 200 OK\r\ncontent-type: application/fhir+json\r\ncontent-length: 999\r\n\r\n{"
                .to_vec(),
        ),
    ] {
        let store = hospital();
        let honest = crate::support::holding::holding(&store);
        let (site, running) = site("open", move |seen: &Seen| match seen.line == TRANSACTION {
            true => Play::ThenClose(bytes.clone()),
            false => honest(seen),
        })
        .await;
        let entries = [
            changes(&site, "Condition/c1", "12").await,
            creates(&new("Patient/p1", "5")),
            asks("Patient/p1"),
        ];
        let answer = transact(&site, &entries).await;
        assert_eq!(answer.status, 502, "{why}: {}", answer.body);
        assert_eq!(answer.body["resourceType"], "OperationOutcome", "{why}");
        assert!(!(answer.body.to_string() + &answer.head).contains("secret"), "{why}: {}", answer.body);
        assert_eq!(sent(&site).len(), 1, "{why}: what may have been done is not done again");
        running.stop().await;
        let records = recorded(&site);
        let events = |of: &str| {
            let of_it = records.iter().filter(|(name, _, _)| name == of);
            of_it.map(|(_, event, _)| event.clone()).collect::<Vec<_>>()
        };
        assert_eq!(
            (events("update"), events("create")),
            (vec!["intent".to_owned(), "failed".to_owned()], vec!["intent".to_owned(), "failed".to_owned()]),
            "{why}: {records:?}"
        );
        assert!(
            records.iter().all(|(_, event, reason)| event != "failed" || reason.starts_with("upstream-")),
            "{why}: {records:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_to_be_taken_away_later_is_not_done_with_the_others() {
    let store = hospital();
    let honest = crate::support::holding::holding(&store);
    let (site, running) = site("open", move |seen: &Seen| match seen.line == TRANSACTION {
        true => Play::Bytes(fhir(
            "200 OK",
            &response(&[json!({"response": {"status": "202 Accepted"}})]).to_string(),
        )),
        false => honest(seen),
    })
    .await;
    let answer = transact(&site, &[deletes(&site, "Condition/c3").await]).await;
    assert_eq!((answer.status, sent(&site).len()), (502, 1), "{}", answer.body);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_elsewhere_is_not_told() {
    let store = hospital();
    let honest = crate::support::holding::holding(&store);
    let (site, running) = site("open", move |seen: &Seen| match seen.line == TRANSACTION {
        true => {
            let told = response(&[said("201 Created", "https://elsewhere.example/fhir/Condition/secret-1")]);
            Play::Bytes(fhir("200 OK", &told.to_string()))
        }
        false => honest(seen),
    })
    .await;
    let answer = transact(&site, &[creates(&new("Patient/p1", "5"))]).await;
    assert_eq!(answer.statuses(), ["201"], "{}", answer.body);
    assert!(answer.entries()[0]["response"].get("location").is_none(), "{}", answer.body);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hospital_that_does_not_take_it_is_not_asked_again_and_its_words_are_not_told() {
    for (status, told, times) in [
        ("422 Unprocessable Entity", 422, 1),
        ("400 Bad Request", 422, 1),
        ("409 Conflict", 409, 3),
        ("501 Not Implemented", 422, 3),
    ] {
        let store = hospital();
        let honest = transacting(&store);
        let (site, running) = site("open", move |seen: &Seen| match seen.line == TRANSACTION {
            true => Play::Bytes(fhir(
                status,
                r#"{"resourceType":"OperationOutcome","issue":[{"diagnostics":"secret"}]}"#,
            )),
            false => honest(seen),
        })
        .await;
        let answer = transact(&site, &[changes(&site, "Condition/c1", "12").await]).await;
        assert_eq!((answer.status, sent(&site).len()), (told, times), "{status}: {}", answer.body);
        assert!(!answer.body.to_string().contains("secret"), "{}", answer.body);
        assert_eq!(view(&site, "Condition/c1").await.0["severity"]["coding"][0]["code"], "11");
        running.stop().await;
        let records = recorded(&site);
        let of =
            |event: &str| records.iter().filter(|(name, told, _)| name == "update" && told == event).count();
        assert_eq!((of("intent"), of("failed")), (times, times), "{records:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_is_told_also_when_the_hospital_sends_back_all_that_it_stored() {
    let store = hospital();
    let honest = transacting(&store);
    let (site, running) =
        site_set("open", "body_bytes_max = 10000\n", move |seen: &Seen| match seen.line == TRANSACTION {
            true => {
                drop(honest(seen));
                let stored = json!({"resourceType": "Basic", "id": "x", "text": "s".repeat(5_000)});
                let told = |at: usize| {
                    let mut told = said("201 Created", &format!("Condition/new-{at}"));
                    told["resource"] = stored.clone();
                    told
                };
                Play::Bytes(fhir("200 OK", &response(&[told(0), told(1), told(2)]).to_string()))
            }
            false => honest(seen),
        })
        .await;
    let entries: Vec<Value> = ["5", "6", "7"].map(|code| creates(&new("Patient/p1", code))).to_vec();
    let answer = transact(&site, &entries).await;
    let seen = site.hospital.seen();
    running.stop().await;
    assert_eq!(answer.statuses(), ["201", "201", "201"], "{}", answer.body);
    let asked = seen.iter().find(|seen| seen.line == TRANSACTION).unwrap();
    assert!(asked.headers.iter().any(|line| line.contains("return=minimal")), "{:?}", asked.headers);
}
