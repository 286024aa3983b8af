//! What refers to the matches of a page: however much of it is hidden, what goes with them is what may be seen.

use serde_json::json;

use super::{page, paged, pages, problems};
use crate::support::sharing::parsed;

const SEARCH: &str = "/hospital/fhir/Patient?_id=p1&_revinclude=Condition:subject";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_refers_to_a_page_is_the_same_with_no_ten_and_four_thousand_hidden() {
    let (held, site, running) = paged("withheld").await;
    let mut worlds = Vec::new();
    for hidden in [0, 10, 4_000] {
        *held.lock().unwrap() = pages(&problems(30, hidden), 200);
        worlds.push(page(&site, SEARCH).await.0);
    }
    let included = parsed(&worlds[0].2)["entry"].as_array().unwrap().clone();
    let included = included.iter().filter(|entry| entry["resource"]["resourceType"] == "Condition").count();
    assert_eq!((worlds[0].0, included), (200, 30), "{}", worlds[0].2);
    assert_eq!(worlds[0], worlds[1]);
    assert_eq!(worlds[0], worlds[2]);
    running.stop().await;
    let kept: Vec<u64> = site
        .records()
        .iter()
        .filter_map(|record| {
            record["about"]["withheld"].as_array()?.iter().find(|one| one[0] == json!("labelled"))?[1]
                .as_u64()
        })
        .collect();
    assert_eq!(kept, [10, 4_000], "what was kept back is counted in her record");
}
