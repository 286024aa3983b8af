//! What is asked for is what it is written in; what it says is the same.

use serde_json::{Value, json};

use super::{JSON, XML, site};
use crate::support::holding::NHS_NUMBER;
use crate::support::whole::Whole;
use crate::support::wire::{Answer, get, gzip, send, without_chance};

/// Status, and what is said, without what chance and the clock have put in.
fn said(answer: &Answer) -> (u16, Value) {
    let ids: Vec<&str> =
        ["x-request-id", "portcullis-receipt"].into_iter().filter_map(|name| answer.header(name)).collect();
    (answer.status, without_chance(&answer.says(), &ids))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_says_the_same_in_either_format() {
    let (site, running) = site("open").await;
    for (path, status) in [
        ("/hospital/fhir/Patient/p1", 200),
        ("/hospital/fhir/Patient?_id=p1", 200),
        ("/hospital/fhir/Condition?patient=p1", 200),
        ("/hospital/fhir/Patient/p1/Condition?code=http://snomed.info/sct|11", 200),
        ("/hospital/fhir/Patient/p1/_history", 200),
        ("/hospital/fhir/Patient/p1?_elements=name", 200),
        ("/hospital/fhir/metadata", 200),
        ("/fhir/metadata", 200),
        ("/hospital/fhir/Patient/nobody", 404),
        ("/hospital/fhir/Patient/p1/_history/upstream", 404),
        ("/hospital/fhir/Observation/o1", 403),
        ("/hospital/fhir/Patient/a_b", 400),
        ("/hospital/fhir/Patient?nonsense=1", 400),
        ("/hospital/fhir/Patient/$match", 404),
        ("/nowhere/fhir/Patient/p1", 404),
        ("/fhir/Consent", 400),
        ("/fhir/Provenance/none", 404),
        ("/hospital/fhir/Patient/%2e%2e", 400),
        ("/hospital/fhir/Patient/p1?access_token=x", 400),
    ] {
        let json = get(&site, path, "accept: application/fhir+json\r\n").await;
        let xml = get(&site, path, "accept: application/fhir+xml\r\n").await;
        assert_eq!(
            (json.status, json.header("content-type")),
            (status, Some(JSON)),
            "{path}: {}",
            json.text()
        );
        assert_eq!((xml.status, xml.header("content-type")), (status, Some(XML)), "{path}: {}", xml.text());
        assert_eq!(said(&json), said(&xml), "{path}");
        for answer in [&json, &xml] {
            assert_eq!(answer.header("vary"), Some("accept, accept-encoding"), "{path}");
        }
        assert_eq!(json.header("etag"), xml.header("etag"), "{path}: a version is of what is said");
        let names = |answer: &Answer| -> Vec<String> {
            answer
                .head
                .iter()
                .filter_map(|line| line.split_once(": ").map(|(name, _)| name.to_owned()))
                .collect()
        };
        assert_eq!(names(&json), names(&xml), "{path}");
    }
    // What shapes an answer, or is refused by rule, does so alike.
    for shape in [
        "_summary=true",
        "_summary=count",
        "_total=accurate",
        "_elements=code",
        "_sort=code",
        "_include=Condition:patient",
    ] {
        let path = format!("/hospital/fhir/Condition?patient=p1&{shape}");
        let [json, xml] = [format!("{path}&_format=json"), format!("{path}&_format=xml")];
        let (json, xml) = (get(&site, &json, "").await, get(&site, &xml, "").await);
        assert_eq!((xml.header("content-type"), said(&json)), (Some(XML), said(&xml)), "{shape}");
    }
    let unknown = send(
        site.requests,
        site.request("GET", "/hospital/fhir/Patient/p1", None, "accept: text/xml\r\n", "").as_bytes(),
    )
    .await;
    assert_eq!((unknown.status, unknown.header("content-type")), (401, Some(XML)));
    assert_eq!(unknown.says()["issue"][0]["code"], "login");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_is_held_is_not_sent_again_in_whichever_format_it_is_held() {
    let (site, running) = site("open").await;
    let tag = get(&site, "/hospital/fhir/Patient/p1", "").await.header("etag").unwrap().to_owned();
    for format in ["application/fhir+json", "application/fhir+xml"] {
        let headers = format!("accept: {format}\r\naccept-encoding: gzip\r\nif-none-match: {tag}\r\n");
        let same = get(&site, "/hospital/fhir/Patient/p1", &headers).await;
        assert_eq!((same.status, same.body.len()), (304, 0), "{format}");
        assert_eq!((same.header("etag"), same.header("content-type")), (Some(tag.as_str()), None));
        assert_eq!(
            (same.header("vary"), same.header("content-encoding")),
            (Some("accept, accept-encoding"), None)
        );
    }
    let unspoken = format!("accept: text/html\r\nif-none-match: {tag}\r\n");
    assert_eq!(get(&site, "/hospital/fhir/Patient/p1", &unspoken).await.status, 406);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn her_trail_and_where_a_share_came_from_can_be_read_in_xml() {
    let (site, running) = site("open").await;
    assert_eq!(get(&site, "/hospital/fhir/Patient/p1", "").await.status, 200);
    let read = get(&site, "/hospital/fhir/Patient/p1", "accept: application/fhir+xml\r\n").await;
    let (link, receipt) = (read.header("link").unwrap(), read.header("portcullis-receipt").unwrap());
    let provenance = link.split(['<', '>']).nth(1).unwrap().split("/fhir/").nth(1).unwrap();
    let found = get(&site, &format!("/fhir/{provenance}?_format=xml"), "").await;
    assert_eq!((found.status, found.header("content-type")), (200, Some(XML)), "{}", found.text());
    assert_eq!(found.says()["resourceType"], "Provenance");
    let ask =
        format!("/fhir/AuditEvent?patient.identifier={NHS_NUMBER}|9990000018&_format=text/xml&_count=1");
    let trail = |path: String| {
        let request = site.request("GET", &path, Some(&site.ann()), "", "");
        async move { send(site.requests, request.as_bytes()).await }
    };
    let first = trail(ask).await;
    assert_eq!((first.status, first.header("content-type")), (200, Some(XML)), "{}", first.text());
    let page = first.says();
    assert_eq!(page["entry"][0]["resource"]["resourceType"], "AuditEvent");
    let by_receipt = format!("/fhir/AuditEvent?entity.identifier={receipt}&_format=xml");
    assert!(trail(by_receipt).await.text().contains("<AuditEvent"));
    // What it leads to is in the same format, also where nothing is said about that any more.
    let link = page["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next").unwrap();
    let next = link["url"].as_str().unwrap().split(&site.requests.to_string()).nth(1).unwrap().to_owned();
    assert!(next.ends_with("&_format=xml"), "{next}");
    let next = trail(next).await;
    assert_eq!((next.status, next.header("content-type")), (200, Some(XML)), "{}", next.text());
    running.stop().await;
    let formats: Vec<Value> =
        site.records().iter().map(|record| record["exchange"]["format"].clone()).collect();
    assert!(formats.contains(&json!("xml")), "the record says in which format: {formats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_a_search_and_of_a_history_lead_on_in_the_same_format() {
    let (site, running) = site("open").await;
    for start in [
        "/hospital/fhir/Condition?patient=p1&_count=30&_format=xml",
        "/hospital/fhir/Patient/p1/_history?_count=1&_format=xml",
    ] {
        let mut path = start.to_owned();
        for page in 0..2 {
            let answer = get(&site, &path, "").await;
            assert_eq!((answer.status, answer.header("content-type")), (200, Some(XML)), "{path}");
            let links = answer.says()["link"].clone();
            let next = links.as_array().unwrap().iter().find(|link| link["relation"] == "next");
            assert_eq!(next.is_some(), page == 0, "{path}: {links}");
            if let Some(next) = next {
                let url = next["url"].as_str().unwrap();
                path = url.split(&site.requests.to_string()).nth(1).unwrap().to_owned();
            }
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_for_is_answered_or_refused_never_something_else() {
    let (site, running) = site("open").await;
    let before = site.hospital.seen().len();
    for (query, accept, expected) in [
        ("", "", Ok(JSON)),
        ("", "accept: */*\r\n", Ok(JSON)),
        ("", "accept: application/fhir+json;q=0.5, application/fhir+xml;q=0.7\r\n", Ok(XML)),
        ("", "accept: application/fhir+json;q=0.5\r\naccept: application/fhir+xml;q=0.7\r\n", Ok(XML)),
        ("", "accept: application/fhir+json;q=0, application/*\r\n", Ok(XML)),
        ("", "accept: text/html, */*;q=0.1\r\n", Ok(JSON)),
        ("?_format=xml", "accept: application/fhir+json\r\n", Ok(XML)),
        ("?_format=application/fhir%2Bxml;fhirVersion=4.0", "accept: text/html\r\n", Ok(XML)),
        ("?_format=json", "accept: application/fhir+xml\r\n", Ok(JSON)),
        ("", "accept: text/html\r\n", Err(JSON)),
        ("", "accept: application/fhir+json; fhirVersion=5.0\r\n", Err(JSON)),
        ("", "accept: application/fhir+xml; charset=utf-16\r\n", Err(JSON)),
        ("", "accept: multipart/related; type=\"application/dicom\"\r\n", Err(JSON)),
        ("", "accept: application/fhir+turtle\r\n", Err(JSON)),
        ("?_format=html", "accept: application/fhir+xml\r\n", Err(JSON)),
        ("?_format=xml&_format=json", "", Err(JSON)),
        ("?_format=text%2Fhtml", "", Err(JSON)),
        ("?_format=application%2Ffhir%2Bxml;charset=utf-7", "", Err(JSON)),
    ] {
        let answer = get(&site, &format!("/hospital/fhir/Patient/p1{query}"), accept).await;
        let (status, media_type) = match expected {
            Ok(media_type) => (200, media_type),
            Err(media_type) => (406, media_type),
        };
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, Some(media_type)),
            "{query} {accept}: {}",
            answer.text()
        );
    }
    let asked =
        site.hospital.seen().iter().skip(before).filter(|seen| seen.line.contains("Patient/p1 ")).count();
    assert_eq!(asked, 9, "what is refused is refused before any system hears of it");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_may_say_in_which_format_it_is_answered() {
    let (site, running) = site("open").await;
    let headers = "content-type: application/x-www-form-urlencoded\r\n";
    let post = async |path: &str, form: &str| {
        let request = site.request("POST", path, Some(&site.consultant()), headers, form);
        send(site.requests, request.as_bytes()).await
    };
    let found = post("/hospital/fhir/Patient/_search", "_id=p1&_format=xml").await;
    assert_eq!((found.status, found.header("content-type")), (200, Some(XML)), "{}", found.text());
    assert_eq!(found.says()["entry"][0]["resource"]["id"], "p1");
    let refused = post("/hospital/fhir/Patient/_search", "nonsense=1&_format=xml").await;
    assert_eq!((refused.status, refused.header("content-type")), (400, Some(XML)));
    let twice = post("/hospital/fhir/Patient/_search?_format=json", "_id=p1&_format=xml").await;
    assert_eq!((twice.status, twice.header("content-type")), (406, Some(JSON)));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_compressed_for_who_asks_with_a_token_and_says_the_same() {
    let (site, running) = site("open").await;
    let path = "/hospital/fhir/Condition?patient=p1";
    for format in ["application/fhir+json", "application/fhir+xml"] {
        let plain = get(&site, path, &format!("accept: {format}\r\n")).await;
        let small =
            get(&site, path, &format!("accept: {format}\r\naccept-encoding: br, gzip;q=0.5\r\n")).await;
        assert_eq!(
            (plain.header("content-encoding"), small.header("content-encoding")),
            (None, Some("gzip"))
        );
        assert!(small.body.len() * 3 < plain.body.len(), "{} of {}", small.body.len(), plain.body.len());
        assert_eq!(said(&plain), said(&small));
        assert_eq!(plain.header("vary"), small.header("vary"));
    }
    for headers in [
        "accept-encoding: br, zstd, deflate\r\n",
        "accept-encoding: gzip;q=0\r\n",
        "accept-encoding: identity\r\n",
    ] {
        assert_eq!(get(&site, path, headers).await.header("content-encoding"), None, "{headers}");
    }
    let gzip_asked = "accept-encoding: gzip\r\n";
    let read = get(&site, "/hospital/fhir/Patient/nobody", gzip_asked).await;
    assert_eq!((read.status, read.header("content-encoding")), (404, None), "endings are too short");
    let register = get(&site, "/register", gzip_asked).await;
    assert_eq!((register.status, register.header("content-encoding")), (200, None), "pages go to browsers");
    running.stop().await;
}

/// What a system without tokens would say of its formats.
async fn statement(site: &Whole) -> Value {
    get(site, "/hospital/fhir/metadata", "").await.says()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_names_the_formats_that_are_spoken() {
    let (site, running) = site("open").await;
    let formats = statement(&site).await["format"].clone();
    assert_eq!(formats, json!(["json", "xml"]));
    for format in formats.as_array().unwrap() {
        let path = format!("/hospital/fhir/Patient/p1?_format={}", format.as_str().unwrap());
        assert_eq!(get(&site, &path, "").await.status, 200, "{path}");
    }
    assert_eq!(gzip(b"x")[..2], [0x1f, 0x8b]);
    running.stop().await;
}
