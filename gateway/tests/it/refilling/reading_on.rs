//! How far a long search is read, and what counts of what was let go on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::{SEARCH, number_of, page, paged, pages, problems, reading};
use crate::hidden::agreement;
use crate::support::front::ask;
use crate::support::holding::{ANN, condition};
use crate::support::sharing::{self, BOB, denies, references, says};
use crate::support::upstream::{Play, fhir};
use crate::support::whole::Whole;

/// The pages of problems that were asked for, in order.
fn read(site: &Whole) -> Vec<usize> {
    site.hospital.seen().iter().filter_map(number_of).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_shown_in_the_end_is_not_read_to_the_end() {
    let (held, site, running) = paged("withheld").await;
    *held.lock().unwrap() = pages(&problems(12_000, 0), 400);
    assert_eq!(page(&site, SEARCH).await.0.0, 403);
    assert_eq!(read(&site).len(), 20, "ten pages at once, until there are more than are held");
    denies(&site, ANN).await;
    assert_eq!(page(&site, SEARCH).await.0.0, 200);
    assert_eq!(read(&site).len(), 30, "of somebody who is refused no more than a part is read");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_to_show_is_what_may_be_seen() {
    let (held, site, running) = paged("withheld").await;
    let large = |id: &str, labels: &[&str]| {
        let mut found = condition(id, "p1", "1", labels);
        found["code"]["text"] = json!("x".repeat(11 << 20));
        found
    };
    for (of, status) in [
        (vec![large("c1", &[]), large("h1", &["PSY"]), large("h2", &["PSY"])], 200),
        (vec![large("c1", &[]), large("c2", &[])], 403),
    ] {
        *held.lock().unwrap() = pages(&of, 1);
        let (told, _, body) = page(&site, &format!("{SEARCH}&_count=1")).await.0;
        assert_eq!((told, body.contains("too-costly")), (status, status == 403));
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_too_slow_to_be_read_to_the_end_has_too_much() {
    let hangs = |number| (number == 11).then(|| Play::ThenHang(Vec::new()));
    let (held, site, running) = reading(&agreement("withheld"), 5_000, hangs).await;
    *held.lock().unwrap() = pages(&problems(12, 0), 1);
    let slow = page(&site, SEARCH).await.0;
    *held.lock().unwrap() = pages(&problems(2_001, 0), 300);
    let much = page(&site, SEARCH).await.0;
    assert_eq!((slow.0, slow.2.contains("too-costly")), (403, true), "{}", slow.2);
    assert_eq!(slow, much);
    running.stop().await;
}

const STAYS: &str = r#"[share.person.Condition]
code = "what care is needed for"
encounter = "in which stay it was found"
[share.person.Encounter]
status = "whether it is over"
where = { not_labelled = ["PSY"] }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_found_by_a_reference_that_is_shown_stays_however_much_is_read() {
    let (held, site, running) = reading(&sharing::agreement("withheld", STAYS), 300_000, |_| None).await;
    let in_the_stay = |mut problem: Value| {
        problem["encounter"] = json!({"reference": "Encounter/e1"});
        problem
    };
    let all: Vec<Value> = problems(12, 0).into_iter().map(in_the_stay).collect();
    *held.lock().unwrap() = pages(&all, 1);
    let (status, _, body) = page(&site, &format!("{SEARCH}&encounter=Encounter/e1")).await.0;
    assert_eq!((status, references(&body).len()), (200, 12), "{body}");
    running.stop().await;
}

/// So many problems about Ann's mind, one a page; the first of them is what Bob says.
fn said_by_bob(count: usize) -> Vec<Value> {
    let mut all = problems(0, count);
    all[0]["asserter"] = json!({"reference": "Patient/p3"});
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_met_in_what_was_let_go_is_recorded() {
    let (held, site, running) = paged("withheld").await;
    denies(&site, BOB).await;
    for count in [3, 12] {
        *held.lock().unwrap() = pages(&said_by_bob(count), 1);
        assert_eq!(page(&site, SEARCH).await.0.0, 200);
    }
    running.stop().await;
    let records = site.records();
    let of_bob =
        |record: &&Value| record["exchange"]["place"] == "hospital" && record["about"]["nhs_number"] == BOB;
    assert_eq!(records.iter().filter(of_bob).count(), 2, "read at once, and read on: {records:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_choice_of_somebody_met_in_what_was_let_go_makes_the_ruling_anew() {
    let (go_on, is_first) = (Arc::new(Notify::new()), AtomicBool::new(true));
    let wait = Arc::clone(&go_on);
    // In the third part: what was met in the first counts when the second was read too.
    let waits = move |number| {
        let is_it = number == 22 && is_first.swap(false, Ordering::SeqCst);
        let page = || fhir("200 OK", &pages(&said_by_bob(25), 1).swap_remove(number));
        is_it.then(|| Play::Once(Arc::clone(&wait), page()))
    };
    let (held, site, running) = reading(&agreement("withheld"), 300_000, waits).await;
    *held.lock().unwrap() = pages(&said_by_bob(25), 1);
    let request = site.request("GET", SEARCH, Some(&site.consultant()), "", "");
    let mut stream = TcpStream::connect(site.requests).await.unwrap();
    let meanwhile = async {
        while !read(&site).contains(&22) {
            tokio::task::yield_now().await;
        }
        says(&site, BOB, &json!({"type": "deny"})).await;
        go_on.notify_one();
    };
    let (told, ()) = tokio::join!(ask(&mut stream, &request), meanwhile);
    assert_eq!(told.unwrap().0, 200);
    assert_eq!(read(&site).iter().filter(|number| **number == 0).count(), 2, "it is read and ruled on again");
    running.stop().await;
}
