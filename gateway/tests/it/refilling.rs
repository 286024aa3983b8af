//! Long searches: however many matches are hidden, the pages are those of what may be seen.

use std::sync::{Arc, Mutex};

use gateway::serve::Running;
use serde_json::{Value, json};

use crate::hidden::agreement;
use crate::support::holding::{ANN, condition, held, holding, patient};
use crate::support::sharing::{self, BOB, answer, references, says, timeless};
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;

mod everything;
mod reading_on;
mod referring;

const SEARCH: &str = "/hospital/fhir/Condition?patient=p1";

/// The pages of what a hospital holds of one type; tests change them while it serves.
type Pages = Arc<Mutex<Vec<String>>>;

/// So many problems of Ann's that may be seen, with so many about her mind before, between and after.
fn problems(visible: usize, hidden: usize) -> Vec<Value> {
    let shown = (0..visible).map(|at| (at * (hidden + 1), condition(&format!("c{at}"), "p1", "1", &[])));
    let kept = (0..hidden)
        .map(|at| (at * (visible + 1) + visible / 2, condition(&format!("h{at}"), "p1", "1", &["PSY"])));
    let mut all: Vec<(usize, Value)> = shown.chain(kept).collect();
    all.sort_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, problem)| problem).collect()
}

/// Cuts them into pages of this size.
fn pages(of: &[Value], size: usize) -> Vec<String> {
    let count = of.len().div_ceil(size).max(1);
    (0..count)
        .map(|number| {
            let entries: Vec<Value> = of
                .iter()
                .skip(number * size)
                .take(size)
                .map(|found| json!({"search": {"mode": "match"}, "resource": found}))
                .collect();
            let next = json!({"relation": "next", "url": format!("Condition?page={}", number + 1)});
            let links = if number + 1 < count { vec![next] } else { Vec::new() };
            json!({"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries})
                .to_string()
        })
        .collect()
}

/// A hospital with these pages of problems.
async fn paged(existence: &str) -> (Pages, Whole, Running) {
    reading(&agreement(existence), 300_000, |_| None).await
}

/// A hospital with these pages of problems, which is waited for so long and does something else when it is asked for the page
/// for which `instead` says so.
async fn reading(
    agreement: &str,
    timeout_ms: u32,
    instead: impl Fn(usize) -> Option<Play> + Send + Sync + 'static,
) -> (Pages, Whole, Running) {
    let pages: Pages = Pages::default();
    let stay = json!({"resourceType": "Encounter", "id": "e1", "status": "finished", "class": {"code": "AMB"},
                      "subject": {"reference": "Patient/p1"}});
    let others = holding(&held(&[patient("p1", ANN), patient("p3", BOB), stay]));
    let script = {
        let pages = Arc::clone(&pages);
        move |seen: &Seen| {
            let Some(number) = number_of(seen) else { return others(seen) };
            let pages = pages.lock().unwrap();
            instead(number).unwrap_or_else(|| Play::Bytes(fhir("200 OK", &pages[number])))
        }
    };
    let (site, running) = sharing::site_after(agreement, script, |site| {
        // However slow the machine is: time is not what is tested.
        site.also_set(&format!("timeout_ms = {timeout_ms}\n[limits]\nexchange_timeout_ms = 600000\n"));
    })
    .await;
    (pages, site, running)
}

/// Which page of problems is asked for, if one is.
fn number_of(seen: &Seen) -> Option<usize> {
    match seen.line.split(' ').nth(1).unwrap() {
        "/fhir/Condition/_search" => Some(0),
        place => place.strip_prefix("/fhir/Condition?page=").map(|number| number.parse().unwrap()),
    }
}

/// A page without what is random in it: status, head, body; and where the next one is.
async fn page(site: &Whole, path: &str) -> ((u16, Vec<String>, String), Option<String>) {
    let (status, head, body) = answer(site, path).await;
    let next = body.split_once("?_cursor=").map(|(_, rest)| rest.split_once('"').unwrap().0.to_owned());
    let blind = match &next {
        Some(cursor) => body.replace(cursor, "CURSOR"),
        None => body,
    };
    (
        (status, head, timeless(&blind)),
        next.map(|cursor| format!("/hospital/fhir/Condition?_cursor={cursor}")),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_the_same_with_no_ten_and_ten_thousand_hidden_matches() {
    let (held, site, running) = paged("withheld").await;
    let mut worlds = Vec::new();
    for hidden in [0, 10, 10_000] {
        *held.lock().unwrap() = pages(&problems(120, hidden), 200);
        let (mut all, mut next) = (Vec::new(), Some(format!("{SEARCH}&_count=50")));
        while let Some(path) = next {
            let (one, onward) = page(&site, &path).await;
            all.push(one);
            next = onward;
        }
        worlds.push(all);
    }
    let sizes: Vec<usize> = worlds[0].iter().map(|(_, _, body)| references(body).len()).collect();
    assert_eq!(sizes, [50, 50, 20]);
    assert!(worlds[0][0].2.contains(r#""total":120"#), "{}", worlds[0][0].2);
    assert_eq!(worlds[0], worlds[1]);
    assert_eq!(worlds[0], worlds[2]);
    running.stop().await;
    let kept: Vec<u64> = site
        .records()
        .iter()
        .filter_map(|record| {
            record["about"]["withheld"].as_array()?.iter().find(|one| one[0] == "labelled")?[1].as_u64()
        })
        .collect();
    assert_eq!(kept, [10, 10, 10, 10_000, 10_000, 10_000], "what was kept back is counted in her record");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_much_is_what_may_be_seen_and_what_is_read_in_all_ends_alike() {
    let (held, site, running) = paged("withheld").await;
    let mut ends = Vec::new();
    for (visible, hidden, size) in [
        (2_000, 0, 200),
        (2_000, 1_000, 200),
        (2_001, 0, 200),
        (2_001, 10, 200),
        (2_001, 3_000, 500),
        // More pages than are read in all.
        (1, 5_010, 10),
    ] {
        *held.lock().unwrap() = pages(&problems(visible, hidden), size);
        ends.push(page(&site, &format!("{SEARCH}&_count=1")).await.0);
    }
    assert_eq!((ends[0].0, references(&ends[0].2).len()), (200, 1), "{}", ends[0].2);
    assert_eq!(ends[0], ends[1], "hidden matches take no room");
    assert!(ends[2].2.contains("too-costly"), "{}", ends[2].2);
    for (at, end) in ends.iter().enumerate().skip(3) {
        assert_eq!(*end, ends[2], "{at}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_about_somebody_who_is_refused_is_as_one_about_nobody_however_much_there_is() {
    let (held, site, running) = paged("withheld").await;
    says(&site, ANN, &json!({"type": "deny"})).await;
    let mut ends = Vec::new();
    for visible in [0, 1, 2_500] {
        *held.lock().unwrap() = pages(&problems(visible, 0), 200);
        ends.push(page(&site, SEARCH).await);
    }
    assert_eq!(ends[0].0.0, 200);
    assert_eq!(ends[0], ends[1]);
    assert_eq!(ends[0], ends[2]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_nobody_asked_for_are_told_as_such_in_a_long_search_too() {
    let (held, site, running) = paged("withheld").await;
    let mut all = problems(12, 0);
    all.insert(3, condition("stranger", "p3", "1", &[]));
    *held.lock().unwrap() = pages(&all, 1);
    assert_eq!(answer(&site, SEARCH).await.0, 502);
    running.stop().await;
    let told: String = site.entries().iter().map(ToString::to_string).collect();
    assert!(told.contains("upstream-wrong-persons") && !told.contains("too-costly"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_so_long_that_it_is_judged_in_parts_is_ended_by_a_stranger_in_any_of_them() {
    let (held, site, running) = paged("withheld").await;
    for (at, status) in [(None, 200), (Some(2), 502), (Some(700), 502), (Some(1_400), 502)] {
        let mut all = problems(1_400, 0);
        if let Some(at) = at {
            all.insert(at, condition("stranger", "p3", "1", &[]));
        }
        *held.lock().unwrap() = pages(&all, 2_000);
        assert_eq!(answer(&site, SEARCH).await.0, status, "{at:?}");
    }
    running.stop().await;
}
