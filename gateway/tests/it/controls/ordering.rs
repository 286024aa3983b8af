//! `_sort`.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{ann, asks, is_refused_unasked, problem, site};
use crate::support::holding::{held, holding};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn matches_stand_in_the_order_asked_for_whatever_is_hidden_between_them() {
    let shown =
        [problem("b", "2021", "e1", &[]), problem("a", "2020", "e1", &[]), problem("c", "2020", "e1", &[])];
    let hidden = [problem("x", "2019", "e1", &["PSY"]), problem("y", "2022", "e1", &["PSY"])];
    let held = held(&[&[ann()], &hidden[..1], &shown[..], &hidden[1..]].concat());
    let (site, running) = site(holding(&held)).await;
    for (sort, expected) in [
        ("onset-date", ["a", "c", "b"]),
        ("-onset-date", ["b", "a", "c"]),
        ("onset-date,-_id", ["c", "a", "b"]),
        ("-_id", ["c", "b", "a"]),
        ("code", ["a", "b", "c"]),
    ] {
        let path = format!("Condition?patient=p1&_sort={sort}");
        *held.lock().unwrap() = [&[ann()], &hidden[..1], &shown[..], &hidden[1..]].concat();
        let with = asks(&site, &path).await;
        assert_eq!(with.ids("match"), expected, "{sort}: {}", with.body);
        *held.lock().unwrap() = [&[ann()], &shown[..]].concat();
        assert_eq!(with, asks(&site, &path).await, "{sort}");
    }
    assert!(site.hospital.seen().iter().all(|seen| !seen.body.contains("_sort")));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_by_pages_keeps_its_order_and_leaves_no_holes_in_whatever_order_the_hospital_answers() {
    let mut all = vec![ann()];
    for at in 0..7 {
        all.push(problem(&format!("c{at}"), ["2020", "2021"][at % 2], "e1", &[]));
        all.push(problem(&format!("h{at}"), "2020-06", "e1", &["PSY"]));
    }
    let held = held(&all);
    let turn = AtomicBool::new(false);
    let (honest, turned) = (holding(&held), std::sync::Arc::clone(&held));
    let (site, running) = site(move |seen| {
        if turn.fetch_xor(true, Ordering::SeqCst) {
            turned.lock().unwrap().reverse();
        }
        honest(seen)
    })
    .await;
    let (mut path, mut walked) =
        (Some("Condition?patient=p1&_sort=-onset-date&_count=2".to_owned()), Vec::new());
    while let Some(at) = path {
        let page = asks(&site, &at).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let ids = page.ids("match");
        path = page.next();
        assert!(ids.len() == 2 || path.is_none(), "{}", page.body);
        walked.extend(ids);
    }
    assert_eq!(walked, ["c1", "c3", "c5", "c0", "c2", "c4", "c6"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_by_what_is_hidden_is_refused_before_the_hospital_is_asked() {
    let (site, running) = site(holding(&held(&[ann()]))).await;
    for path in [
        "Condition?patient=p1&_sort=recorded-date",
        "Condition?patient=p1&_sort=code,-_lastUpdated",
        "Condition?patient=nobody&_sort=recorded-date",
    ] {
        is_refused_unasked(&site, path, "reads an element that is not shared with this role").await;
    }
    is_refused_unasked(&site, "Patient?_id=p1&_sort=identifier", "orders by an element").await;
    running.stop().await;
}
