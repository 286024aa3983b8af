//! What becomes of a change after it was sent, and who is told what.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::net::TcpStream;

use super::{AGREEMENT, PATIENT, ann, keeping, puts, read, said, send, site, site_under, value};
use crate::support::front::ask;
use crate::support::holding::{ANN, Held, consent, held};
use crate::support::upstream::Play;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_somebody_else_was_faster_the_change_is_begun_again_within_a_bound() {
    let held: Held = held(&[ann()]);
    let (meanwhile, honest) = (Arc::clone(&held), keeping(&held));
    let races = Arc::new(AtomicUsize::new(1));
    let left = Arc::clone(&races);
    let (site, running) = site("withheld", move |seen| {
        let is_put = seen.line.starts_with("PUT ");
        if is_put && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
        {
            let mut held = meanwhile.lock().unwrap();
            let version = said(&held[0]["meta"]["versionId"]).parse::<u32>().unwrap();
            held[0]["meta"]["versionId"] = json!((version + 1).to_string());
            held[0]["telecom"][0]["value"] = json!(format!("secret-{version}"));
        }
        honest(seen)
    })
    .await;
    let (mut view, version) = read(&site, PATIENT).await;
    view["name"][0]["family"] = json!("Renamed");
    let answer = send(&site, "PUT", PATIENT, &version, &view.to_string()).await;
    assert_eq!((answer.status, puts(&site)), (200, 2), "{}", answer.body);
    assert_eq!(held.lock().unwrap()[0]["telecom"][0]["value"], "secret-7", "what changed meanwhile stays");
    races.store(usize::MAX, Ordering::SeqCst);
    let (mut view, version) = read(&site, PATIENT).await;
    view["name"][0]["family"] = json!("Again");
    let answer = send(&site, "PUT", PATIENT, &version, &view.to_string()).await;
    assert_eq!((answer.status, puts(&site)), (409, 5), "{}", answer.body);
    running.stop().await;
    let told: Vec<(String, String)> = site
        .records()
        .iter()
        .filter(|record| {
            record["exchange"]["interaction"] == "update" && record["about"]["kind"] == "exchange"
        })
        .map(|record| {
            (
                said(&record["exchange"]["event"]).to_owned(),
                record["exchange"]["reason"].as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect();
    let attempts = told.iter().filter(|(event, _)| event == "intent").count();
    let lost = told.iter().filter(|(_, reason)| reason == "not-taken-conflict").count();
    assert_eq!((attempts, lost), (5, 5), "each attempt and what became of it: {told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_which_nothing_is_known_is_recorded_so_and_not_made_again() {
    let held: Held = held(&[ann()]);
    let honest = keeping(&held);
    let (site, running) = site("withheld", move |seen| {
        let answer = honest(seen);
        // It is carried out, and the answer is cut off.
        if seen.line.starts_with("PUT ") {
            Play::ThenClose(b"HTTP/1.1 200 OK\r\ncont".to_vec())
        } else {
            answer
        }
    })
    .await;
    let (mut view, version) = read(&site, PATIENT).await;
    view["name"][0]["family"] = json!("Renamed");
    let answer = send(&site, "PUT", PATIENT, &version, &view.to_string()).await;
    assert_eq!((answer.status, puts(&site)), (502, 1), "{}", answer.body);
    assert_eq!(held.lock().unwrap()[0]["name"][0]["family"], "Renamed");
    running.stop().await;
    let records = site.records();
    let last =
        &records.iter().rfind(|record| record["exchange"]["interaction"] == "update").unwrap()["exchange"];
    assert_eq!(last["event"], "failed");
    assert!(last["follows"].is_string(), "it names its intent: {last}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_system_makes_elsewhere_or_later_is_told_so() {
    for (answer, status, event) in [
        ("201 Created\r\nlocation: Patient/p1/_history/8", 502, "failed"),
        ("200 OK\r\nlocation: Patient/p9/_history/1", 502, "failed"),
        ("202 Accepted", 202, "outcome"),
    ] {
        let honest = keeping(&held(&[ann()]));
        let (site, running) = site("withheld", move |seen| match seen.line.starts_with("PUT ") {
            true => Play::Bytes(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n").into_bytes()),
            false => honest(seen),
        })
        .await;
        let (mut view, version) = read(&site, PATIENT).await;
        view["name"][0]["family"] = json!("Renamed");
        let told = send(&site, "PUT", PATIENT, &version, &view.to_string()).await;
        assert_eq!((told.status, puts(&site)), (status, 1), "{answer}: {}", told.body);
        assert_eq!(value(&told.body)["resourceType"], "OperationOutcome", "the view before is not shown");
        running.stop().await;
        let records = site.records();
        let last = records.iter().rfind(|record| record["exchange"]["interaction"] == "update").unwrap();
        assert_eq!(last["exchange"]["event"], event, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_is_the_view_whatever_is_preferred_or_less() {
    let held: Held = held(&[ann()]);
    let (site, running) = site("withheld", keeping(&held)).await;
    for (prefer, family) in
        [("return=minimal", "One"), ("return=OperationOutcome", "Two"), ("return=representation", "Three")]
    {
        let (mut view, version) = read(&site, PATIENT).await;
        view["name"][0]["family"] = json!(family);
        let answer =
            send(&site, "PUT", PATIENT, &format!("{version}prefer: {prefer}\r\n"), &view.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(read(&site, PATIENT).await.1, format!("if-match: {}\r\n", answer.etag));
        match prefer {
            "return=minimal" => assert_eq!(answer.body, ""),
            "return=OperationOutcome" => assert_eq!(value(&answer.body)["resourceType"], "OperationOutcome"),
            _ => assert_eq!(value(&answer.body)["name"][0]["family"], "Three"),
        }
        assert!(!answer.body.to_lowercase().contains("secret"));
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_refused_changes_nothing_and_a_shielded_record_is_left_to_its_holder() {
    let mut shielded = ann();
    shielded["id"] = json!("p2");
    shielded["identifier"][0]["value"] = json!("9990000026");
    shielded["meta"]["security"] =
        json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]);
    let held: Held = held(&[ann(), shielded]);
    let (site, running) = site("open", keeping(&held)).await;
    let (mut view, version) = read(&site, PATIENT).await;
    view["name"][0]["family"] = json!("Renamed");
    let deny = consent(ANN, &json!({"type": "deny"}));
    let json_body = "content-type: application/fhir+json\r\n";
    let request = site.request("POST", "/fhir/Consent", Some(&site.staff_token("R5105")), json_body, &deny);
    let (status, _, _) = ask(&mut TcpStream::connect(site.requests).await.unwrap(), &request).await.unwrap();
    assert_eq!(status, 201);
    let answer = send(&site, "PUT", PATIENT, &version, &view.to_string()).await;
    assert_eq!((answer.status, puts(&site)), (403, 0), "{}", answer.body);
    let path = "/hospital/fhir/Patient/p2";
    let (mut view, version) = read(&site, path).await;
    view["name"][0]["family"] = json!("Renamed");
    let answer = send(&site, "PUT", path, &version, &view.to_string()).await;
    assert_eq!((answer.status, puts(&site)), (403, 0), "{}", answer.body);
    assert!(answer.body.contains("by those who hold it only"), "{}", answer.body);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_be_changed_is_told_to_those_who_may() {
    let (site, running) = site("withheld", keeping(&held(&[ann()]))).await;
    let (_, _, body) = site.get("/hospital/fhir/metadata", Some(&site.consultant())).await;
    let told = value(&body);
    let of = |name: &str| {
        let all = told["rest"][0]["resource"].as_array().unwrap();
        let found = all.iter().find(|found| found["type"] == name).unwrap();
        found["interaction"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| said(&one["code"]).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("Patient"), ["history-instance", "patch", "read", "search-type", "update", "vread"]);
    assert_eq!(of("Observation"), ["history-instance", "read", "search-type", "vread"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_that_changes_nothing_says_when_the_record_was_changed_last_where_that_is_shown() {
    let silent = AGREEMENT.replace("EXISTENCE", "withheld");
    let named = "[share.person.Patient]\n";
    let shows =
        silent.replace(named, &format!("{named}\"meta.lastUpdated\" = \"to fetch what is new only\"\n"));
    assert_ne!(shows, silent);
    for (agreement, expected) in [(shows, Some("Sun, 04 Jan 2026 00:02:03 GMT")), (silent, None)] {
        let held: Held = held(&[ann()]);
        held.lock().unwrap()[0]["meta"]["lastUpdated"] = json!("2026-01-04T01:02:03.456+01:00");
        let (site, running) = site_under(&agreement, keeping(&held)).await;
        let (view, version) = read(&site, PATIENT).await;
        let answer = send(&site, "PUT", PATIENT, &version, &view.to_string()).await;
        assert_eq!((answer.status, puts(&site)), (200, 0), "{}", answer.body);
        let told = answer.head.lines().find_map(|line| line.strip_prefix("last-modified: "));
        assert_eq!(told.map(str::trim), expected, "{}", answer.head);
        running.stop().await;
    }
}
