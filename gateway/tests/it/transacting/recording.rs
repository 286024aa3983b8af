//! What is durable before anything goes to a system, and before the caller hears.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{changes, creates, deletes, hospital, new, problem, recorded, site, transact};
use crate::support::asking::{answered, asks};
use crate::support::holding::{ANN, NHS_NUMBER};
use crate::support::transacting::{TRANSACTION, transacting, value};
use crate::support::upstream::{Play, Seen, fhir};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_intent_is_durable_before_the_first_byte_goes_and_every_outcome_before_the_answer() {
    let store = hospital();
    let honest = transacting(&store);
    let (asked, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&asked), Arc::clone(&go_on));
    let (site, running) = site("open", move |seen: &Seen| match (seen.line.as_str(), honest(seen)) {
        (TRANSACTION, Play::Bytes(bytes)) => {
            tell.notify_one();
            Play::Once(Arc::clone(&wait), bytes)
        }
        (_, honest) => honest,
    })
    .await;
    let entries = [
        creates(&new("Patient/p2", "5")),
        changes(&site, "Condition/c1", "12").await,
        deletes(&site, "Condition/c3").await,
        asks("Patient/p1"),
    ];
    let names = |records: &[Value], event: &str| {
        let exchanges = records.iter().filter(|record| record["about"]["kind"] == "exchange");
        let mut names: Vec<String> = exchanges
            .filter(|record| record["exchange"]["event"] == event && record["exchange"]["status"] != 201)
            .map(|record| record["exchange"]["interaction"].as_str().unwrap().to_owned())
            .collect();
        names.sort_unstable();
        names
    };
    let (answer, before) = tokio::join!(transact(&site, &entries), async {
        asked.notified().await;
        let before = site.records();
        go_on.notify_one();
        before
    });
    assert_eq!(answer.statuses(), ["201", "200", "204", "200"], "{}", answer.body);
    assert_eq!(names(&before, "intent"), ["create", "delete", "transaction", "update"]);
    assert!(names(&before, "outcome").is_empty());
    let batch = answer.request_id();
    let ann = site.ann();
    let trail = answered(
        site.get(&format!("/fhir/AuditEvent?patient.identifier={NHS_NUMBER}|{ANN}"), Some(&ann)).await,
    );
    let details = trail.body.to_string();
    for code in ["update", "delete"] {
        assert!(details.contains(&format!("\"{code}\"")), "{code}: {details}");
    }
    assert!(details.contains(&batch) && !details.contains("Patient/p2"), "{details}");
    let place = format!("/fhir/Provenance/{batch}");
    let provenance = answered(site.get(&place, Some(&site.consultant())).await);
    assert_eq!(provenance.status, 200, "{}", provenance.body);
    assert!(provenance.body["target"].to_string().contains("Condition/c1"), "{}", provenance.body);
    let seen = site.hospital.seen().into_iter().find(|seen| seen.line == TRANSACTION).unwrap();
    let origin = value(seen.header("x-provenance").unwrap());
    assert_eq!((&origin["id"], &origin["resourceType"]), (&json!(batch), &json!("Provenance")));
    assert!(origin["target"].to_string().contains("Condition/c1"), "{origin}");
    assert!(origin["policy"][0].as_str().unwrap().ends_with("#on-the-wards"), "{origin}");
    running.stop().await;
    let records = site.records();
    let outcomes: Vec<&Value> =
        records.iter().filter(|record| record["exchange"]["event"] == "outcome").collect();
    assert!(outcomes.iter().all(|record| record["exchange"]["follows"].is_string()), "{outcomes:?}");
    assert_eq!(names(&records, "outcome"), ["delete", "update"]);
    let is_whole = |record: &&Value| record["exchange"]["request_id"] == json!(batch);
    let whole: Vec<&Value> = records.iter().filter(is_whole).map(|record| &record["exchange"]).collect();
    assert_eq!((&whole[0]["event"], &whole[1]["event"]), (&json!("intent"), &json!("disclosed")));
    assert!(whole[1]["follows"].is_string());
    let last = records.iter().rposition(|record| record["exchange"]["within"] == json!(batch)).unwrap();
    assert!(
        records.iter().rposition(|record| record["exchange"]["request_id"] == json!(batch)).unwrap() > last
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_done_in_spite_of_a_doubt_about_somebody_else_says_so_in_the_record() {
    let store = hospital();
    let mut noted = problem("c8", "p1", "7", &[]);
    noted["recorder"] = json!({"reference": "Patient/p2"});
    store.lock().unwrap().push(noted);
    let honest = transacting(&store);
    let (site, running) = site("open", move |seen: &Seen| match seen.line.contains("Patient") {
        true if format!("{} {}", seen.line, seen.body).contains("p2") => {
            Play::Bytes(fhir("500 Internal Server Error", "{}"))
        }
        _ => honest(seen),
    })
    .await;
    let entries = [changes(&site, "Condition/c8", "12").await, creates(&new("Patient/p1", "5"))];
    let answer = transact(&site, &entries).await;
    running.stop().await;
    assert_eq!(answer.statuses(), ["200", "201"], "{}", answer.body);
    let records = recorded(&site);
    let is_intent = |(name, event, _): &&(String, String, String)| name == "update" && event == "intent";
    let reasons: Vec<&str> = records.iter().filter(is_intent).map(|(_, _, reason)| reason.as_str()).collect();
    assert!(matches!(reasons[..], [reason] if !reason.is_empty()), "{records:?}");
}
