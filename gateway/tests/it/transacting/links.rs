//! Where else the entries of a transaction name each other: addresses, and the links of a narrative.

use serde_json::{Value, json};

use super::{called, creates, hospital, new, sent, site, transact};
use crate::support::transacting::transacting;

const FIRST: &str = "urn:uuid:6f1e2a0c-1111-4222-8333-444455556666";
const NOBODYS: &str = "urn:uuid:0a1e2a0c-1111-4222-8333-444455557777";

fn letter(url: &str) -> Value {
    json!({"resourceType": "DocumentReference", "status": "current", "subject": {"reference": "Patient/p1"},
           "content": [{"attachment": {"contentType": "text/plain", "url": url}}]})
}

fn stay(div: &str) -> Value {
    let div = format!(r#"<div xmlns="http://www.w3.org/1999/xhtml">{div}</div>"#);
    json!({"resourceType": "Encounter", "status": "finished", "subject": {"reference": "Patient/p1"},
           "text": {"status": "generated", "div": div}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_and_links_are_called_as_the_references_are() {
    let store = hospital();
    let (site, running) = site("open", transacting(&store)).await;
    let entries = [
        creates(&letter(&FIRST.to_ascii_uppercase().replace("URN:UUID", "urn:uuid"))),
        creates(&stay(&format!(r#"<a href="{FIRST}">Ann's</a> <img src='{FIRST}' alt="{FIRST}"/>"#))),
        called(FIRST, creates(&new("Patient/p1", "5"))),
    ];
    let answer = transact(&site, &entries).await;
    assert_eq!(answer.statuses(), ["201", "201", "201"], "{}", answer.body);
    let sent = sent(&site);
    let of = |kind: &str| {
        let entries = sent[0]["entry"].as_array().unwrap();
        entries.iter().find(|entry| entry["resource"]["resourceType"] == kind).unwrap().clone()
    };
    let name = of("Condition")["fullUrl"].as_str().unwrap().to_owned();
    assert_ne!(name, FIRST);
    assert_eq!(of("DocumentReference")["resource"]["content"][0]["attachment"]["url"], json!(name));
    let div = of("Encounter")["resource"]["text"]["div"].as_str().unwrap().to_owned();
    let linked = format!(r#"<a href="{name}">Ann's</a> <img src='{name}' alt="{FIRST}"/>"#);
    assert!(div.contains(&linked), "links and images, and no other words: {div}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reference_to_an_entry_that_there_is_none_of_is_refused_before_any_system_is_asked() {
    let store = hospital();
    let (site, running) = site("open", transacting(&store)).await;
    let mut stray = new("Patient/p1", "5");
    stray["encounter"] = json!({"reference": NOBODYS});
    let of_read = called(NOBODYS, json!({"request": {"method": "GET", "url": "Patient/p1"}}));
    for entries in [
        vec![creates(&new(NOBODYS, "5"))],
        vec![creates(&stray), called(FIRST, creates(&new("Patient/p1", "6")))],
        // What is only read stands for nothing.
        vec![creates(&stray), of_read],
    ] {
        let answer = transact(&site, &entries).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
        let text = answer.body["issue"][0]["details"]["text"].to_string();
        assert!(text.contains("a urn that no entry has"), "{text}");
    }
    assert!(site.hospital.seen().is_empty());
    // An address that means nothing here is no reference, and stays what it is.
    let answer = transact(&site, &[creates(&letter(NOBODYS))]).await;
    assert_eq!(answer.statuses(), ["201"], "{}", answer.body);
    running.stop().await;
}
