//! One table of endings, however it is written: what is withheld is as what is absent, in every format and coding.

use serde_json::json;

use super::{JSON, XML};
use crate::hidden::says;
use crate::support::holding::{ANN, condition, held, holding, patient};
use crate::support::wire::{get, send};

const BOB: &str = crate::hidden::BOB;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_withheld_is_as_what_is_absent_however_it_is_asked_for() {
    let there = [
        patient("p1", ANN),
        patient("p2", BOB),
        condition("c1", "p1", "1", &["PSY"]),
        condition("c2", "p2", "2", &[]),
    ];
    let (site, running) = crate::hidden::site("withheld", holding(&held(&there))).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let mut compared = 0;
    for headers in [
        "",
        "accept: application/fhir+json\r\n",
        "accept: application/fhir+xml\r\n",
        "accept: application/fhir+json;q=0.1, application/fhir+xml;q=0.2\r\n",
        "accept: text/html\r\n",
        "accept-encoding: gzip\r\n",
        "accept: application/fhir+xml\r\naccept-encoding: gzip\r\n",
        "if-none-match: W/\"1\"\r\n",
        "if-none-match: *\r\n",
        "if-modified-since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
        "if-match: W/\"1\"\r\n",
        "range: bytes=0-10\r\n",
        "prefer: return=minimal, handling=lenient, respond-async\r\n",
        "x-request-id: mine\r\nx-forwarded-for: 10.0.0.1\r\n",
        "connection: close\r\n",
    ] {
        for query in ["", "?_format=json", "?_format=xml", "?_format=html", "?_pretty=true"] {
            for (hidden, absent) in [
                ("Patient/p2", "Patient/p9"),
                ("Condition/c1", "Condition/c9"),
                ("Condition/c2", "Condition/c9"),
            ] {
                let ask = async |place: &str| {
                    get(&site, &format!("/hospital/fhir/{place}{query}"), headers).await.blind()
                };
                let (hidden_told, absent_told) = (ask(hidden).await, ask(absent).await);
                assert_eq!(hidden_told, absent_told, "{hidden}{query} {headers}");
                assert!(
                    matches!(hidden_told.status, 404 | 406 | 400),
                    "{hidden}{query}: {}",
                    hidden_told.text()
                );
                compared += usize::from(hidden_told.status == 404);
            }
        }
    }
    assert!(compared > 120, "only {compared} were not found");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_request_is_refused_the_same_whatever_it_names() {
    let (site, running) =
        crate::hidden::site("withheld", holding(&held(&[patient("p1", ANN), patient("p2", BOB)]))).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let before = site.hospital.seen().len();
    let mut told = Vec::new();
    for id in ["p1", "p2", "p9"] {
        let request =
            site.request("HEAD", &format!("/hospital/fhir/Patient/{id}"), Some(&site.consultant()), "", "");
        let answer = send(site.requests, request.as_bytes()).await;
        assert_eq!(answer.header("allow"), Some("GET"), "{:?}", answer.head);
        told.push(answer.blind());
    }
    assert_eq!(told[0].status, 405);
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
    assert_eq!(site.hospital.seen().len(), before);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_ending_is_an_outcome_in_the_format_that_is_asked_for_also_at_the_door() {
    let (site, running) = crate::hidden::site("open", holding(&held(&[patient("p1", ANN)]))).await;
    let host = format!("host: {}\r\n", site.requests);
    let authorized = format!("authorization: Bearer {}\r\n", site.consultant());
    let long = format!("GET /a?{} HTTP/1.1\r\n", "q".repeat(9_000));
    for (start, headers, body, status) in [
        ("GET /hospital/fhir/Patient/../p1 HTTP/1.1\r\n", "", "", 400),
        (long.as_str(), "", "", 414),
        ("TRACE /hospital/fhir/Patient/p1 HTTP/1.1\r\n", "", "", 405),
        ("GET /hospital/fhir/Patient/p1 HTTP/1.1\r\n", "upgrade: h2c\r\n", "", 400),
        ("GET /hospital/fhir/Patient/p1 HTTP/1.1\r\n", "host: evil.example\r\n", "", 400),
        ("GET /hospital/fhir/Patient/p1 HTTP/1.1\r\n", "content-length: 1\r\n", "x", 400),
        (
            "POST /hospital/fhir/Patient HTTP/1.1\r\n",
            "content-encoding: br\r\ncontent-length: 1\r\n",
            "x",
            415,
        ),
        ("POST /hospital/fhir/Patient HTTP/1.1\r\n", "content-length: 99999999\r\n", "", 413),
        (
            "POST /hospital/fhir/Patient HTTP/1.1\r\n",
            "x-http-method-override: PUT\r\ncontent-length: 0\r\n",
            "",
            400,
        ),
        ("DELETE /hospital/fhir/Patient/p1 HTTP/1.1\r\n", "", "", 405),
    ] {
        for (accept, media_type) in
            [("application/fhir+json", JSON), ("application/fhir+xml", XML), ("text/html", JSON)]
        {
            let request = format!("{start}{host}{authorized}accept: {accept}\r\n{headers}\r\n{body}");
            let answer = send(site.requests, request.as_bytes()).await;
            assert_eq!((answer.status, answer.header("content-type")), (status, Some(media_type)), "{start}");
            let outcome = answer.says();
            assert_eq!(outcome["resourceType"], "OperationOutcome", "{start}");
            assert_eq!(outcome["issue"][0]["severity"], "error", "{start}");
            assert!(outcome["issue"][0]["details"]["text"].is_string(), "{start}");
            assert!(!answer.text().contains("evil") && !answer.text().contains("qqq"), "{start} is echoed");
        }
    }
    running.stop().await;
}
