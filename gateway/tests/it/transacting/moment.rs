//! The entries of a transaction are decided on what the sources of evidence say at one moment: they are asked once for all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::{creates, hospital, new, sent, site_set, transact};
use crate::support::transacting::{TRANSACTION, transacting};
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;

/// How often the hospital was asked for evidence: about whom, and what they have chosen.
fn asked(site: &Whole) -> usize {
    let of_evidence = |seen: &&Seen| ["Patient", "Consent"].iter().any(|kind| seen.line.contains(kind));
    site.hospital.seen().iter().filter(of_evidence).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_several_entries_rest_on_is_asked_once() {
    let (site, running) = site_set("withheld", "consent_source = true\n", transacting(&hospital())).await;
    let entries: Vec<Value> = (0..40)
        .map(|at| creates(&new(if at % 2 == 0 { "Patient/p1" } else { "Patient/p2" }, &at.to_string())))
        .collect();
    let answer = transact(&site, &entries).await;
    assert_eq!((answer.status, answer.statuses().len()), (200, 40), "{}", answer.body);
    // Two persons: each by id, by number, and what she has chosen.
    assert_eq!(asked(&site), 6, "questions for 40 entries");
    assert_eq!(sent(&site).len(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_decided_again_rests_on_what_is_said_then() {
    let store = hospital();
    let (honest, times) = (transacting(&store), Arc::new(AtomicUsize::new(0)));
    let (later, tries) = (Arc::clone(&store), Arc::clone(&times));
    let script =
        move |seen: &Seen| match seen.line == TRANSACTION && tries.fetch_add(1, Ordering::SeqCst) == 0 {
            true => {
                later.lock().unwrap().push(json!({"resourceType": "Consent", "id": "no", "status": "active",
                "patient": {"reference": "Patient/p1"}, "provision": {"type": "deny"}}));
                Play::Bytes(fhir("412 Precondition Failed", "{}"))
            }
            false => honest(seen),
        };
    let (site, running) = site_set("open", "consent_source = true\n", script).await;
    let entries = [creates(&new("Patient/p1", "1")), creates(&new("Patient/p1", "2"))];
    let answer = transact(&site, &entries).await;
    assert_eq!((answer.status, times.load(Ordering::SeqCst)), (403, 1), "{}", answer.body);
    running.stop().await;
}
