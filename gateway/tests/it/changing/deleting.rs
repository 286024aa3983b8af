//! Deletions through the whole gateway: of what is seen whole, under its version, and recorded before and after.

use std::sync::Arc;

use gateway::serve::Running;
use serde_json::{Value, json};

use super::{AGREEMENT, Answer, CONDITION, ann, keeping, read, said, send};
use crate::hidden::{BOB, says};
use crate::support::holding::{ANN, Held, condition, held, patient};
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;

/// A site that lets problems be deleted and tells of refusals.
async fn site(script: impl Fn(&Seen) -> Play + Send + Sync + 'static) -> (Whole, Running) {
    let site = Whole::with(script).await;
    let agreement = AGREEMENT
        .replace("EXISTENCE", "open")
        .replace("[recipient_role.write]", "[recipient_role.write]\ndelete = [\"Condition\"]");
    std::fs::write(site.folder.path().join("agreements/wards.toml"), agreement).unwrap();
    let running = site.start().await.unwrap();
    (site, running)
}

fn problem() -> Value {
    let mut made = condition("c1", "p1", "1", &[]);
    made["meta"] = json!({"versionId": "1", "source": "urn:secret-source"});
    made["text"] =
        json!({"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">1</div>"});
    made["recorder"] = json!({"reference": "Practitioner/a"});
    made
}

async fn delete(site: &Whole, path: &str, headers: &str) -> Answer {
    send(site, "DELETE", path, headers, "").await
}

fn deletions(site: &Whole) -> usize {
    site.hospital.seen().iter().filter(|seen| seen.line.starts_with("DELETE ")).count()
}

/// What is recorded of deletions: of the exchange, or of her in it.
fn recorded(site: &Whole, about: &str) -> Vec<(String, String)> {
    let records = site.records();
    let of_it = records
        .iter()
        .filter(|record| record["exchange"]["interaction"] == "delete" && record["about"]["kind"] == about);
    of_it
        .map(|record| {
            let reason = &record["exchange"]["reason"];
            (said(&record["exchange"]["event"]).to_owned(), reason.as_str().unwrap_or_default().to_owned())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_seen_whole_is_deleted_under_its_version_and_recorded_before_and_after() {
    let held: Held = held(&[ann(), problem()]);
    let (site, running) = site(keeping(&held)).await;
    let (_, version) = read(&site, CONDITION).await;
    for (headers, status) in
        [("", 428), ("if-match: *\r\n", 400), ("if-match: W/\"1\"\r\n", 412), (version.as_str(), 204)]
    {
        let answer = delete(&site, CONDITION, headers).await;
        assert_eq!(answer.status, status, "{headers}: {}", answer.body);
        assert_eq!(deletions(&site), usize::from(status == 204), "{headers}");
        assert_eq!(answer.body.is_empty(), status == 204, "{}", answer.body);
    }
    assert_eq!(held.lock().unwrap().len(), 1);
    let asked = site.hospital.seen().into_iter().find(|seen| seen.line.starts_with("DELETE ")).unwrap();
    assert_eq!(asked.line, "DELETE /fhir/Condition/c1 HTTP/1.1");
    assert_eq!((asked.header("if-match"), asked.body.as_str()), (Some("W/\"1\""), ""));
    let (again, other) = (
        delete(&site, CONDITION, &version).await,
        delete(&site, "/hospital/fhir/Condition/c9", &version).await,
    );
    assert_eq!((again.status, other.status), (404, 404), "gone is as never there");
    running.stop().await;
    let events = |about| recorded(&site, about).into_iter().map(|(event, _)| event).collect::<Vec<_>>();
    assert_eq!(events("person")[1..], ["intent", "outcome"], "in her trail, after the refused attempt");
    assert_eq!(site.records().iter().filter(|record| record["exchange"]["status"] == 204).count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_seen_in_part_is_left_to_its_holder() {
    let (store, parts): (Held, Vec<(&str, Value)>) = (
        held(&[ann(), problem()]),
        vec![
            ("note", json!([{"text": "secret-note"}])),
            ("evidence", json!([{"code": [{"text": "secret-site"}]}])),
            ("stage", json!([{"summary": {"text": "secret-stage"}}])),
            ("recorder", json!({"reference": "Practitioner/a", "display": "secret-name"})),
            ("_recordedDate", json!({"extension": [{"url": "urn:x", "valueString": "secret-extension"}]})),
            (
                "text",
                json!({"status": "additional", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">secret</div>"}),
            ),
            ("contained", json!([{"resourceType": "Practitioner", "id": "a"}])),
        ],
    );
    let (site, running) = site(keeping(&store)).await;
    for (name, part) in parts {
        let mut made = problem();
        made[name] = part;
        store.lock().unwrap()[1] = made.clone();
        let (_, version) = read(&site, CONDITION).await;
        let answer = delete(&site, CONDITION, &version).await;
        assert_eq!(answer.status, 403, "{name}: {}", answer.body);
        assert!(answer.body.contains("not all of it is shared with this role"), "{name}: {}", answer.body);
        assert!(!answer.body.contains("secret"), "{name}: {}", answer.body);
        assert_eq!((deletions(&site), &store.lock().unwrap()[1]), (0, &made), "{name}");
    }
    running.stop().await;
    let told = site.records();
    let refused = |record: &&Value| record["about"]["refusal"] == "delete-partly-hidden";
    assert_eq!(told.iter().filter(refused).count(), 7, "each in her trail");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_refused_or_shielded_keeps_her_record() {
    let mut shielded = patient("p2", BOB);
    shielded["meta"] = json!({"security": [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]});
    let mut of_bob = problem();
    of_bob["id"] = json!("c2");
    of_bob["subject"] = json!({"reference": "Patient/p2"});
    let store: Held = held(&[ann(), problem(), shielded, of_bob]);
    let (site, running) = site(keeping(&store)).await;
    let (_, version) = read(&site, "/hospital/fhir/Condition/c2").await;
    let answer = delete(&site, "/hospital/fhir/Condition/c2", &version).await;
    assert_eq!((answer.status, deletions(&site)), (403, 0), "{}", answer.body);
    assert!(answer.body.contains("by those who hold it only"), "{}", answer.body);
    let (_, version) = read(&site, CONDITION).await;
    says(&site, ANN, &json!({"type": "deny"})).await;
    let answer = delete(&site, CONDITION, &version).await;
    assert_eq!((answer.status, deletions(&site)), (403, 0), "{}", answer.body);
    assert_eq!(store.lock().unwrap().len(), 4);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_meanwhile_is_decided_anew_before_it_is_asked_again() {
    let store: Held = held(&[ann(), problem()]);
    let (meanwhile, honest) = (Arc::clone(&store), keeping(&store));
    let (site, running) = site(move |seen| {
        let mut held = meanwhile.lock().unwrap();
        if seen.line.starts_with("DELETE ") && held[1]["meta"]["versionId"] == "1" {
            held[1]["meta"]["versionId"] = json!("2");
            held[1]["note"] = json!([{"text": "secret-note"}]);
        }
        drop(held);
        honest(seen)
    })
    .await;
    let (_, version) = read(&site, CONDITION).await;
    let answer = delete(&site, CONDITION, &version).await;
    assert_eq!((answer.status, deletions(&site)), (403, 1), "{}", answer.body);
    assert_eq!(store.lock().unwrap().len(), 2, "what came to be hidden meanwhile is not deleted");
    running.stop().await;
    let told = recorded(&site, "exchange");
    let pair = |event: &str, reason: &str| (event.to_owned(), reason.to_owned());
    assert_eq!(told[..2], [pair("intent", ""), pair("failed", "not-taken-conflict")], "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_that_keeps_it_or_says_nothing_is_believed_in_nothing_else() {
    for (said_by_it, status, asked) in [
        (
            fhir(
                "409 Conflict",
                r#"{"resourceType":"OperationOutcome","issue":[{"diagnostics":"secret-referrer"}]}"#,
            ),
            409,
            3,
        ),
        (fhir("405 Method Not Allowed", r#"{"diagnostics":"secret"}"#), 422, 3),
        (fhir("500 Oh No", "secret"), 502, 1),
        (fhir("201 Created", "{}"), 502, 1),
        (b"HTTP/1.1 20".to_vec(), 502, 1),
    ] {
        let store: Held = held(&[ann(), problem()]);
        let honest = keeping(&store);
        let script = move |seen: &Seen| match seen.line.starts_with("DELETE ") {
            true => Play::ThenClose(said_by_it.clone()),
            false => honest(seen),
        };
        let (site, running) = site(script).await;
        let (_, version) = read(&site, CONDITION).await;
        let answer = delete(&site, CONDITION, &version).await;
        assert_eq!((answer.status, deletions(&site)), (status, asked), "{}", answer.body);
        assert!(!answer.body.contains("secret") && !answer.head.contains("secret"), "{}", answer.body);
        running.stop().await;
        let told = recorded(&site, "exchange");
        let intents = told.iter().filter(|(event, _)| event == "intent").count();
        assert_eq!(
            (intents, told.last().map(|(event, _)| event.as_str())),
            (asked, Some("failed")),
            "{told:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_system_deletes_later_is_told_so() {
    let store: Held = held(&[ann(), problem()]);
    let honest = keeping(&store);
    let script = move |seen: &Seen| match seen.line.starts_with("DELETE ") {
        true => Play::Bytes(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n".to_vec()),
        false => honest(seen),
    };
    let (site, running) = site(script).await;
    let (_, version) = read(&site, CONDITION).await;
    let answer = delete(&site, CONDITION, &version).await;
    assert_eq!((answer.status, deletions(&site)), (202, 1), "{}", answer.body);
    running.stop().await;
    assert!(site.records().iter().any(|record| record["exchange"]["status"] == 202));
    assert!(!site.records().iter().any(|record| record["exchange"]["status"] == 204));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_be_deleted_is_told_to_those_who_may() {
    let (site, running) = site(keeping(&held(&[ann()]))).await;
    let (_, _, body) = site.get("/hospital/fhir/metadata", Some(&site.consultant())).await;
    let told = super::value(&body);
    let deletes = |name: &str| {
        let all = told["rest"][0]["resource"].as_array().unwrap();
        let found = all.iter().find(|found| found["type"] == name).unwrap();
        found["interaction"].as_array().unwrap().iter().any(|one| one["code"] == "delete")
    };
    assert!(deletes("Condition") && !deletes("Patient"), "{told}");
    running.stop().await;
}
