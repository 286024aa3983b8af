//! Conditional creates in front of hospitals that answer otherwise than most, and of bodies that name several.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{CONDITIONS, UNLESS, create, keeping, problem, sent, site, world};
use crate::support::front::ask;
use crate::support::upstream::{Play, Seen, fhir};

/// A hospital that answers 200 to a create that it made, with these labels.
fn says_ok(
    held: &crate::support::holding::Held,
    labels: &'static [&'static str],
) -> impl Fn(&Seen) -> Play + Send + Sync + 'static {
    let (store, honest) = (Arc::clone(held), keeping(held));
    move |seen| {
        if seen.line != "POST /fhir/Condition HTTP/1.1" {
            return honest(seen);
        }
        store.lock().unwrap().push(problem("new", "p1", "a1", labels));
        Play::Bytes(b"HTTP/1.1 200 OK\r\nlocation: Condition/new\r\ncontent-length: 0\r\n\r\n".to_vec())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_hospital_may_have_made_is_not_made_again() {
    for (labels, status) in [(&[][..], 200), (&["PSY"][..], 409)] {
        let store = world(&[]);
        let (site, running) = site(says_ok(&store, labels)).await;
        let (answered, head, body) = create(&site, UNLESS).await;
        assert_eq!(
            (answered, sent(&site).len(), store.lock().unwrap().len()),
            (status, 1, 3),
            "{head:?} {body}"
        );
        assert_eq!(body.contains("whether it was made now is not known"), status == 409, "{body}");
        running.stop().await;
        let records = site.records();
        assert!(
            records.iter().any(|record| record["exchange"]["reason"] == "not-taken-unclear"),
            "{records:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_person_is_she_whose_record_it_is_whoever_else_is_named() {
    let store = world(&[problem("c1", "p2", "a1", &[])]);
    let (site, running) = site(keeping(&store)).await;
    for (more, status) in [
        (json!({"asserter": {"reference": "Patient/p2"}}), 201),
        // Two whose record it is are nobody's, and so is one who is named by something else.
        (json!({"subject": {"reference": "Group/g1"}, "asserter": {"reference": "Patient/p1"}}), 403),
    ] {
        let mut body = problem("x", "p1", "a1", &[]);
        body.as_object_mut().unwrap().remove("id");
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let headers = format!("content-type: application/fhir+json\r\n{UNLESS}");
        let request = site.request("POST", CONDITIONS, Some(&site.consultant()), &headers, &body.to_string());
        let (answered, _, told) =
            ask(&mut TcpStream::connect(site.requests).await.unwrap(), &request).await.unwrap();
        assert_eq!(answered, status, "{more}: {told}");
    }
    let asked: Vec<Option<String>> = sent(&site);
    assert_eq!(asked, [Some("identifier=https%3A%2F%2Fids.example%7Ca1&patient=Patient%2Fp1".to_owned())]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_let_go_of_a_long_search_is_there_all_the_same() {
    let store = world(&[]);
    let honest = keeping(&store);
    // A page each, more than are read at once, and nothing on the last.
    let page = |number: usize| {
        let found = json!({"search": {"mode": "match"}, "resource": problem(&format!("h{number}"), "p1", "a1", &["PSY"])});
        let entries: Vec<Value> = if number < 25 { vec![found] } else { Vec::new() };
        let next = json!({"relation": "next", "url": format!("Condition?page={}", number + 1)});
        let links = if number < 25 { vec![next] } else { Vec::new() };
        json!({"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries}).to_string()
    };
    let asked = Arc::new(Mutex::new(0));
    let pages = Arc::clone(&asked);
    let (site, running) = site(move |seen| {
        let number = match seen.line.split(' ').nth(1).unwrap() {
            "/fhir/Condition/_search" => 0,
            place => match place.strip_prefix("/fhir/Condition?page=") {
                Some(number) => number.parse().unwrap(),
                None => return honest(seen),
            },
        };
        *pages.lock().unwrap() += 1;
        Play::Bytes(fhir("200 OK", &page(number)))
    })
    .await;
    let (status, _, body) = create(&site, UNLESS).await;
    assert_eq!(
        (status, sent(&site)),
        (201, vec![None]),
        "the hospital never decides by what is hidden: {body}"
    );
    assert!(*asked.lock().unwrap() > 25);
    running.stop().await;
    let records = site.records();
    let found = records.iter().filter(|record| record["exchange"]["interaction"] == "search-type");
    assert!(found.count() <= 1, "nothing was told of it");
}
