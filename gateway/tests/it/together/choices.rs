//! A choice that changes while a batch is under way.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{BOB, TABLES};
use crate::hidden::says;
use crate::support::asking::{asks, bundle, post, site_with};
use crate::support::holding::{ANN, held, holding, patient};
use crate::support::upstream::{Play, Seen, fhir};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_rests_on_what_was_chosen_differently_meanwhile_is_taken_back() {
    for kind in ["batch", "transaction"] {
        let bob = patient("p2", BOB);
        let honest = holding(&held(&[patient("p1", ANN), bob.clone()]));
        let (asked, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (tell, wait) = (Arc::clone(&asked), Arc::clone(&go_on));
        let gate = move |seen: &Seen| match seen.line.as_str() {
            "GET /fhir/Patient/p2 HTTP/1.1" => {
                tell.notify_one();
                Play::Once(Arc::clone(&wait), fhir("200 OK", &bob.to_string()))
            }
            _ => honest(seen),
        };
        let (site, running) = site_with("open", TABLES, gate).await;
        let together = bundle(kind, &["Patient/p1", "Patient/p2"].map(asks));
        let (answer, ()) = tokio::join!(post(&site, "", &together), async {
            asked.notified().await;
            // The first entry is recorded by itself, while the second waits.
            let is_shared = |record: &Value| record["about"]["resources"] == json!(["Patient/p1"]);
            while !site.records().iter().any(is_shared) {
                tokio::task::yield_now().await;
            }
            says(&site, ANN, &json!({"type": "deny"})).await;
            go_on.notify_one();
        });
        match kind {
            "batch" => assert_eq!(answer.statuses(), ["503", "200"], "{}", answer.body),
            _ => assert_eq!((answer.status, answer.entries().len()), (503, 0), "{}", answer.body),
        }
        assert!(!answer.body.to_string().contains("p1"), "{}", answer.body);
        running.stop().await;
        let records = site.records();
        let back: Vec<&Value> = records
            .iter()
            .map(|record| &record["exchange"])
            .filter(|one| one["event"] == "not-released")
            .collect();
        assert_eq!(back[0]["reason"], "consent-moved", "{records:?}");
    }
}
