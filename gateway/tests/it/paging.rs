//! Pages go on only under what the pages before were decided under.

use gateway::serve::Running;
use serde_json::json;

use crate::hidden::site;
use crate::support::holding::{ANN, condition, held, holding, patient};
use crate::support::sharing::{BOB, references, says};
use crate::support::whole::Whole;

const SEARCH: &str = "/hospital/fhir/Condition?patient=p1&_count=1";

const ACT: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

async fn paged() -> (Whole, Running) {
    let mut all = vec![patient("p1", ANN), patient("p3", BOB)];
    all.extend(["c1", "c2", "c3"].map(|id| condition(id, "p1", "1", &[])));
    all.push(condition("c4", "p3", "1", &[]));
    site("withheld", holding(&held(&all))).await
}

/// What is on the page at `path`, and where the next one is.
async fn page(site: &Whole, path: &str) -> (u16, Vec<String>, Option<String>) {
    let (status, _, body) = site.get(path, Some(&site.consultant())).await;
    let bundle = fhir::json::parse_value(body.clone().into(), &fhir::json::Limits::default()).unwrap();
    let links = bundle["link"].as_array().cloned().unwrap_or_default();
    let next = links.iter().find(|link| link["relation"] == "next").map(|link| {
        let base = format!("http://{}", site.requests);
        link["url"].as_str().unwrap().strip_prefix(&base).unwrap().to_owned()
    });
    (status, references(&body), next)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_go_on_while_what_was_decided_stands() {
    let (site, running) = paged().await;
    let (_, first, next) = page(&site, SEARCH).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let (status, second, next) = page(&site, &next.unwrap()).await;
    assert_eq!(status, 200, "what somebody else has said ends nobody's search");
    let (_, third, next) = page(&site, &next.unwrap()).await;
    assert_eq!([first, second, third].concat(), ["c1", "c2", "c3"]);
    assert_eq!(next, None);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_choice_between_two_pages_starts_the_search_again() {
    for (case, choice, afterwards) in [
        ("some of it denied", json!({"type": "deny", "securityLabel": [{"system": ACT, "code": "HIV"}]}), 1),
        ("all of it denied", json!({"type": "deny"}), 0),
    ] {
        let (site, running) = paged().await;
        let (_, _, next) = page(&site, SEARCH).await;
        let next = next.unwrap();
        assert_eq!(page(&site, &next).await.0, 200);
        says(&site, ANN, &choice).await;
        assert_eq!(page(&site, &next).await.0, 400, "{case}");
        let (_, _, told) = site.get(&next, Some(&site.consultant())).await;
        assert!(told.contains("start the search again"), "{case}: {told}");
        let (status, found, _) = page(&site, SEARCH).await;
        assert_eq!((status, found.len()), (200, afterwards), "{case}");
        running.stop().await;
        let refused = site.entries().iter().any(|entry| entry.to_string().contains("bad-cursor"));
        assert!(refused, "{case}: it is recorded why");
    }
}

/// Every so many of them is labelled.
const LABELLED_EACH: usize = 7;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_so_long_that_it_is_judged_in_parts_has_all_that_may_be_seen_in_order() {
    let named = |number: usize| format!("c{number:04}");
    let mut all = vec![patient("p1", ANN), patient("p3", BOB)];
    all.extend((0..1_400).map(|number| match number % LABELLED_EACH {
        0 => condition(&named(number), "p1", "1", &["HIV"]),
        _ => condition(&named(number), "p1", "1", &[]),
    }));
    let (site, running) = site("withheld", holding(&held(&all))).await;
    says(&site, ANN, &json!({"type": "deny", "securityLabel": [{"system": ACT, "code": "HIV"}]})).await;
    let (mut found, mut next) =
        (Vec::new(), Some("/hospital/fhir/Condition?patient=p1&_count=200".to_owned()));
    while let Some(path) = next {
        let (status, here, onward) = page(&site, &path).await;
        assert_eq!(status, 200, "{path}");
        found.push(here);
        next = onward;
    }
    let expected: Vec<String> = (0..1_400).filter(|number| number % LABELLED_EACH != 0).map(named).collect();
    assert_eq!(found.len(), 6);
    assert_eq!(found.concat(), expected);
    running.stop().await;
}
