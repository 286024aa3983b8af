//! One table of endings, however it is written: what is withheld is as what is absent, in every format and coding.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{JSON, XML};
use crate::hidden::says;
use crate::support::holding::{ANN, condition, held, holding, patient};
use crate::support::wire::{Answer, get, send};

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
async fn a_head_request_is_a_read_of_which_the_body_stays_here() {
    let there = [patient("p1", ANN), patient("p2", BOB), condition("c1", "p1", "1", &[])];
    let (site, running) = crate::hidden::site("withheld", holding(&held(&there))).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let ask = async |method: &str, place: &str, headers: &str| {
        let path = format!("/hospital/fhir/{place}");
        let request = site.request(method, &path, Some(&site.consultant()), headers, "");
        // To the end of the connection, so that not one byte of a body is overlooked.
        let mut stream = TcpStream::connect(site.requests).await.unwrap();
        stream.write_all(request.replacen("\r\n", "\r\nconnection: close\r\n", 1).as_bytes()).await.unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let body = all.split_off(end);
        let head: Vec<String> =
            String::from_utf8(all).unwrap().trim_end().split("\r\n").map(str::to_owned).collect();
        let status = head[0].split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head, body }
    };
    for (place, headers, status) in [
        ("Patient/p1", "", 200),
        ("Patient/p1", "accept: application/fhir+xml\r\n", 200),
        ("Patient/p1", "accept-encoding: gzip\r\n", 200),
        ("Condition?patient=p1&_elements=code", "", 200),
        ("Patient/p2", "", 404),
        ("Patient/p9", "", 404),
        ("metadata", "", 200),
        ("Condition", "", 403),
    ] {
        // What was looked up about a person is remembered for a while.
        ask("GET", place, headers).await;
        let (before, asked) = (site.records().len(), site.hospital.seen().len());
        let (whole, after, times) =
            (ask("GET", place, headers).await, site.records().len(), site.hospital.seen().len());
        let head = ask("HEAD", place, headers).await;
        assert_eq!((whole.status, head.status, head.body.len()), (status, status, 0), "{place}");
        let (length, told) = (whole.body.len().to_string(), head.header("content-length"));
        // Random ids pack to one byte more or less.
        assert!(headers.contains("gzip") || told == Some(&length), "{place}: {told:?} of {length}");
        let blind = |mut answer: Answer| {
            answer.body = Vec::new();
            answer.head.retain(|line| !(headers.contains("gzip") && line.starts_with("content-length")));
            answer.head.sort();
            answer.blind()
        };
        assert_eq!(blind(head), blind(whole), "{place}");
        assert_eq!(site.records().len() - after, after - before, "{place} is recorded as often");
        assert_eq!(site.hospital.seen().len() - times, times - asked, "{place} is asked for as often");
    }
    let refused = ask("DELETE", "metadata", "").await;
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD")));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_persons_where_only_one_can_be_are_refused_before_anybody_is_asked() {
    let there = [patient("p1", ANN), patient("p2", BOB), condition("c1", "p1", "1", &[])];
    let (site, running) = crate::hidden::site("withheld", holding(&held(&there))).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let before = site.hospital.seen().len();
    let mut told = Vec::new();
    for other in ["p2", "p9"] {
        let path = format!("/hospital/fhir/Condition?patient=p1&patient={other}");
        told.push(get(&site, &path, "").await.blind());
    }
    assert_eq!((told[0].status, &told[0]), (400, &told[1]));
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
        ("DELETE /hospital/fhir/Patient HTTP/1.1\r\n", "", "", 405),
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
