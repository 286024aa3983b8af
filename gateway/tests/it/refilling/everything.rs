//! Everything about one person: however much of a type is hidden, the answer is what may be seen, of that type and of others.

use std::sync::{Arc, Mutex};

use gateway::serve::Running;
use serde_json::{Value, json};

use super::{Pages, page, paged, pages, problems};
use crate::support::holding::{ANN, held, holding, patient};
use crate::support::sharing::{self, agreement, parsed};
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;

const EVERYTHING: &str = "/hospital/fhir/Patient/p1/$everything?_count=200";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_the_same_with_no_ten_and_ten_thousand_hidden() {
    for existence in ["withheld", "open"] {
        let (held, site, running) = paged(existence).await;
        let mut worlds = Vec::new();
        for hidden in [10, 10_000, 0] {
            *held.lock().unwrap() = pages(&problems(30, hidden), 200);
            worlds.push(page(&site, EVERYTHING).await.0);
        }
        let (status, body) = (worlds[0].0, parsed(&worlds[0].2));
        let entries = body["entry"].as_array().unwrap().clone();
        let found = entries.iter().filter(|entry| entry["resource"]["resourceType"] == "Condition").count();
        assert_eq!((status, found), (200, 30), "{body}");
        assert_eq!(worlds[0], worlds[1], "{existence}");
        if existence == "withheld" {
            assert_eq!(worlds[0], worlds[2]);
        }
        running.stop().await;
        let kept: Vec<u64> = site
            .records()
            .iter()
            .filter_map(|record| {
                record["about"]["withheld"].as_array()?.iter().find(|one| one[0] == json!("labelled"))?[1]
                    .as_u64()
            })
            .collect();
        assert_eq!(kept, [10, 10_000], "what was kept back is counted in her record");
    }
}

const TABLES: &str = r#"[share.person.Patient]
name = "to address the person"
[share.person.Condition]
code = "what care is needed for"
where = { not_labelled = ["PSY"] }
[share.person.Procedure]
code = "what was done"
"#;

/// Problems as these pages have them, and procedures: so many that may be seen.
async fn beside(procedures: usize) -> (Pages, Whole, Running) {
    let pages_of: Pages = Arc::new(Mutex::new(Vec::new()));
    let done = |at: usize| {
        json!({"resource": {"resourceType": "Procedure", "id": format!("d{at}"), "status": "completed",
               "subject": {"reference": "Patient/p1"}, "code": {"text": "done"}}})
    };
    let entries: Vec<Value> = (0..procedures).map(done).collect();
    let done = json!({"resourceType": "Bundle", "type": "searchset", "entry": entries}).to_string();
    let others = holding(&held(&[patient("p1", ANN)]));
    let held = Arc::clone(&pages_of);
    let script = move |seen: &Seen| match super::number_of(seen) {
        Some(number) => Play::Bytes(fhir("200 OK", &held.lock().unwrap()[number])),
        None if seen.line.contains("/Procedure/_search") => Play::Bytes(fhir("200 OK", &done)),
        None => others(seen),
    };
    let (site, running) = sharing::site_after(&agreement("withheld", TABLES), script, |site| {
        site.also_set("timeout_ms = 300000\n[limits]\nexchange_timeout_ms = 600000\n");
    })
    .await;
    (pages_of, site, running)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_hidden_of_one_type_takes_no_room_of_another_and_too_much_is_what_may_be_seen() {
    let (held, site, running) = beside(3_000).await;
    let mut told = Vec::new();
    for (visible, hidden) in [(1, 0), (1, 4_900), (1, 6_000), (2_500, 0), (2_500, 10), (2_500, 3_000)] {
        *held.lock().unwrap() = pages(&problems(visible, hidden), 500);
        let body = parsed(&page(&site, &EVERYTHING.replace("200", "1")).await.0.2);
        let is_cut = body.to_string().contains("there is more of Procedure than is read at once");
        told.push((body["total"].as_u64().unwrap(), is_cut));
    }
    // Her own record counts.
    assert_eq!(
        told,
        [(3_002, false), (3_002, false), (3_002, false), (2_501, true), (2_501, true), (2_501, true)]
    );
    running.stop().await;
}
