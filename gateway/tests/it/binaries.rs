//! A Binary is shared through what points at it, by nothing that it or a client says, and only as what it may be.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gateway::serve::Running;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::front::ask;
use crate::support::holding::{ANN, NHS_NUMBER, held, holding, patient};
use crate::support::sharing::{BOB, agreement, answer, references, says};
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;
use crate::views::{self, is_as_absent};

const LETTERS: &str = r#"
[share.person.DocumentReference]
status = "whether it is current"
"content.attachment.contentType" = "to open the letter"
"content.attachment.url" = "where the letter is read"
where = { "type.text" = ["Discharge summary"], not_labelled = ["PSY"], "content.attachment.contentType" = ["text/plain"] }
[share.person.DiagnosticReport]
"presentedForm.url" = "where the report is read"
where = { "presentedForm.contentType" = ["application/pdf"] }
[share.person.Binary]
contentType = "to open the letter"
data = "the letter itself"
where = { contentType = ["text/plain", "application/pdf", "application/fhir+json", "application/json"] }
"#;

fn binary(id: &str, media_type: &str, content: &str) -> Value {
    json!({"resourceType": "Binary", "id": id, "contentType": media_type, "data": STANDARD.encode(content)})
}

fn document(id: &str, of: &str, kind: &str, url: &str) -> Value {
    json!({"resourceType": "DocumentReference", "id": id, "status": "current", "type": {"text": kind},
           "subject": {"reference": format!("Patient/{of}")},
           "content": [{"attachment": {"contentType": "text/plain", "url": url}}]})
}

fn context(mut binary: Value, reference: &str) -> Value {
    binary["securityContext"] = json!({"reference": reference});
    binary
}

async fn site(resources: &[Value]) -> (Whole, Running) {
    views::site(&held(resources), &format!("{}{LETTERS}", views::TABLES)).await
}

/// Reads as `accept` says: status, head, body.
async fn get(site: &Whole, path: &str, accept: &str) -> (u16, String, String) {
    let headers = format!("accept: {accept}\r\n");
    let request =
        site.request("GET", &format!("/hospital/fhir/{path}"), Some(&site.consultant()), &headers, "");
    let mut stream = TcpStream::connect(site.requests).await.unwrap();
    ask(&mut stream, &request).await.unwrap()
}

const SUMMARY: &str = "Discharge summary";
const FHIR: &str = "application/fhir+json";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_binary_is_read_through_a_document_that_points_at_it_as_a_resource_or_as_it_is() {
    let (site, running) = site(&[
        patient("p1", ANN),
        binary("b1", "text/plain; charset=utf-8", "the letter"),
        document("d1", "p1", SUMMARY, "Binary/b1"),
    ])
    .await;
    let (status, head, body) = get(&site, "Binary/b1", FHIR).await;
    assert_eq!(status, 200, "{body}");
    assert!(
        head.contains("application/fhir+json") && body.contains(&STANDARD.encode("the letter")),
        "{body}"
    );
    for accept in ["text/plain", "*/*", "text/*, application/pdf;q=0.5"] {
        let (status, head, body) = get(&site, "Binary/b1", accept).await;
        assert_eq!((status, body.as_str()), (200, "the letter"), "{accept}");
        let head = head.to_ascii_lowercase();
        for line in [
            "content-type: text/plain\r\n",
            "content-disposition: attachment\r\n",
            "nosniff",
            "sandbox",
            "etag: w/",
            "vary: accept",
        ] {
            assert!(head.contains(line), "{line} {head}");
        }
    }
    for (path, accept) in [("Binary/b1", "application/fhir+xml"), ("Binary/b1?_format=xml", "text/plain")] {
        let (status, head, body) = get(&site, path, accept).await;
        assert_eq!((status, head.contains("content-type: application/fhir+xml")), (200, true), "{head}");
        assert!(body.contains(&format!("<data value=\"{}\"", STANDARD.encode("the letter"))), "{body}");
    }
    assert_eq!(get(&site, "Binary/b1", "application/pdf").await.0, 406);
    assert_eq!(
        get(&site, "Binary/b9", "application/pdf").await.0,
        404,
        "what is not there is not there first"
    );
    assert_eq!(get(&site, "Binary/b1?_format=json", "text/plain").await.0, 200);
    running.stop().await;
    let shared = site.records().iter().any(|record| record["about"]["resources"] == json!(["Binary/b1"]));
    assert!(shared, "it stands in the trail of the person whose document it is");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_binary_says_of_itself_shares_nothing_and_can_only_take_away() {
    let psychiatric = |id: &str, of: &str, url: &str| {
        let mut document = document(id, of, SUMMARY, url);
        document["meta"] = json!({"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}]});
        document
    };
    let (site, running) = site(&[
        patient("p1", ANN),
        patient("p2", BOB),
        context(binary("liar", "text/plain", "secret"), "Patient/p1"),
        binary("nobody", "text/plain", "secret"),
        context(binary("memo", "text/plain", "secret"), "DocumentReference/d-memo"),
        document("d-memo", "p1", "Internal memo", "Binary/memo"),
        context(binary("mind", "text/plain", "secret"), "DocumentReference/d-mind"),
        psychiatric("d-mind", "p1", "Binary/mind"),
        document("d-beside", "p1", SUMMARY, "Binary/mind"),
        context(binary("bob", "text/plain", "secret"), "Patient/p2"),
        document("d-bob", "p2", SUMMARY, "Binary/bob"),
        context(
            binary("elsewhere", "text/plain", "secret"),
            "https://other.example/fhir/DocumentReference/d1",
        ),
        document("d-else", "p1", SUMMARY, "Binary/elsewhere"),
        binary("page", "text/html", "secret"),
        document("d-page", "p1", SUMMARY, "Binary/page"),
        binary("versioned", "text/plain", "secret"),
        document("d-versioned", "p1", SUMMARY, "Binary/versioned/_history/1"),
    ])
    .await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    for id in ["liar", "nobody", "memo", "mind", "bob", "elsewhere", "page", "versioned"] {
        is_as_absent(&site, &format!("Binary/{id}")).await;
        let raw = get(&site, &format!("Binary/{id}"), "text/plain").await;
        assert_eq!((raw.0, raw.2.contains("secret")), (404, false), "{id}");
        let found = answer(&site, &format!("/hospital/fhir/Binary?_id={id}")).await;
        assert_eq!(
            (references(&found.2).len(), found.2.contains("contentType")),
            (0, false),
            "{id} {}",
            found.2
        );
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_that_the_binary_names_makes_it_readable_when_it_points_back() {
    let report = |id: &str, url: &str| {
        json!({"resourceType": "DiagnosticReport", "id": id, "status": "final", "code": {"text": "x-ray"},
               "subject": {"reference": "Patient/p1"}, "presentedForm": [{"contentType": "application/pdf", "url": url}]})
    };
    let (site, running) = site(&[
        patient("p1", ANN),
        context(binary("b1", "application/pdf", "%PDF-1.7"), "DiagnosticReport/r1"),
        report("r1", "Binary/b1"),
        context(binary("b2", "application/pdf", "%PDF-1.7"), "DiagnosticReport/r2"),
        report("r2", "Binary/b9"),
    ])
    .await;
    let (status, _, body) = get(&site, "Binary/b1", "application/pdf").await;
    assert_eq!((status, body.as_str()), (200, "%PDF-1.7"));
    is_as_absent(&site, "Binary/b2").await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resource_inside_a_binary_is_minimised_as_if_it_were_read_alone_whatever_it_is_called() {
    let inner = |of: &str| {
        json!({"resourceType": "Patient", "id": of, "name": [{"family": "Example"}], "gender": "secret-gender"})
            .to_string()
    };
    let numbered = json!({"resourceType": "Patient", "id": "x", "name": [{"family": "Example"}],
        "identifier": [{"system": NHS_NUMBER, "value": BOB}]});
    let xml = r#"<Patient xmlns="http://hl7.org/fhir"><gender value="secret-gender"/></Patient>"#;
    let (site, running) = site(&[
        patient("p1", ANN),
        patient("p2", BOB),
        binary("b1", FHIR, &inner("p1")),
        document("d1", "p1", SUMMARY, "Binary/b1"),
        binary("b2", "text/plain", &inner("p1")),
        document("d2", "p1", SUMMARY, "Binary/b2"),
        binary("b3", FHIR, &inner("p2")),
        document("d3", "p1", SUMMARY, "Binary/b3"),
        binary("b4", "application/json", &numbered.to_string()),
        document("d4", "p1", SUMMARY, "Binary/b4"),
        binary("b5", "text/plain", xml),
        document("d5", "p1", SUMMARY, "Binary/b5"),
    ])
    .await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    for path in ["Binary/b1", "Binary/b2"] {
        let (status, _, body) = get(&site, path, "*/*").await;
        assert_eq!(status, 200, "{path} {body}");
        assert!(
            body.contains("Example") && body.contains("SUBSETTED") && !body.contains("secret-"),
            "{body}"
        );
    }
    for path in ["Binary/b3", "Binary/b4", "Binary/b5"] {
        is_as_absent(&site, path).await;
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attachment_leads_to_a_binary_of_this_system_or_nowhere() {
    let urls = [
        ("https://storage.example/secret?signature=secret", Value::Null),
        ("HOSPITAL/Binary/b1", json!("Binary/b1")),
        ("Binary/b1", json!("Binary/b1")),
        ("../secret", Value::Null),
        ("Patient/p1", Value::Null),
        ("urn:uuid:6f1e2a0c-1111-4222-8333-444455556666", Value::Null),
    ];
    let held = held(&[patient("p1", ANN)]);
    let (site, running) = views::site(&held, &format!("{}{LETTERS}", views::TABLES)).await;
    for (number, (url, expected)) in urls.iter().enumerate() {
        let url = url.replace("HOSPITAL", &format!("http://{}/fhir", site.hospital.address));
        let id = format!("d{number}");
        held.lock().unwrap().push(document(&id, "p1", SUMMARY, &url));
        let (status, _, body) = answer(&site, &format!("/hospital/fhir/DocumentReference/{id}")).await;
        let seen = fhir::json::parse_value(body.into(), &fhir::json::Limits::default()).unwrap();
        assert_eq!((status, &seen["content"][0]["attachment"]["url"]), (200, expected), "{url} {seen}");
    }
    running.stop().await;
}

/// A third person of the hospital, who has said nothing.
const CARA: &str = "9990000034";

fn labelled(mut document: Value) -> Value {
    let codes = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    document["meta"] = json!({"security": [{"system": codes, "code": "PSY"}]});
    document
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_points_at_a_binary_can_take_it_away_and_all_whose_it_is_count() {
    let hospital = |site: &Whole| format!("http://{}/fhir/Binary/absolute", site.hospital.address);
    let held = held(&[
        patient("p1", ANN),
        patient("p2", BOB),
        patient("p3", CARA),
        binary("shared-with-bob", "text/plain", "secret"),
        document("d1", "p1", SUMMARY, "Binary/shared-with-bob"),
        document("d2", "p2", SUMMARY, "Binary/shared-with-bob"),
        binary("mind", "text/plain", "secret"),
        document("d3", "p1", SUMMARY, "Binary/mind"),
        labelled(document("d4", "p1", SUMMARY, "Binary/mind")),
        binary("mind-in-a-memo", "text/plain", "secret"),
        document("d5", "p1", SUMMARY, "Binary/mind-in-a-memo"),
        labelled(document("d6", "p1", "Internal memo", "Binary/mind-in-a-memo")),
        binary("absolute", "text/plain", "secret"),
        document("d7", "p1", SUMMARY, "Binary/absolute"),
        binary("memo-too", "text/plain", "no secret"),
        document("d9", "p1", SUMMARY, "Binary/memo-too"),
        document("d10", "p1", "Internal memo", "Binary/memo-too"),
        binary("twins", "text/plain", "no secret"),
        document("d11", "p1", SUMMARY, "Binary/twins"),
        document("d12", "p3", SUMMARY, "Binary/twins"),
    ]);
    let (site, running) = views::site(&held, &format!("{}{LETTERS}", views::TABLES)).await;
    held.lock().unwrap().push(document("d8", "p2", SUMMARY, &hospital(&site)));
    says(&site, BOB, &json!({"type": "deny"})).await;
    for id in ["shared-with-bob", "mind", "mind-in-a-memo", "absolute"] {
        is_as_absent(&site, &format!("Binary/{id}")).await;
    }
    for id in ["memo-too", "twins"] {
        let (status, _, body) = get(&site, &format!("Binary/{id}"), "text/plain").await;
        assert_eq!((status, body.as_str()), (200, "no secret"), "{id}");
    }
    running.stop().await;
    assert_eq!(trails(&site, "Binary/twins"), 2, "it stands in both trails");
    assert_eq!(trails(&site, "Binary/memo-too"), 1);
}

/// In how many trails it stands that this was shared.
fn trails(site: &Whole, reference: &str) -> usize {
    let records = site.records();
    records.iter().filter(|record| record["about"]["resources"] == json!([reference])).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_the_context_of_a_binary_is_about_stands_in_the_trail_too() {
    let (site, running) = site(&[
        patient("p1", ANN),
        patient("p3", CARA),
        context(binary("by-patient", "text/plain", "x"), "Patient/p3"),
        document("d1", "p1", SUMMARY, "Binary/by-patient"),
        context(binary("by-document", "text/plain", "x"), "DocumentReference/d3"),
        document("d2", "p1", SUMMARY, "Binary/by-document"),
        document("d3", "p3", SUMMARY, "Binary/another"),
    ])
    .await;
    for id in ["by-patient", "by-document"] {
        assert_eq!(get(&site, &format!("Binary/{id}"), "text/plain").await.0, 200, "{id}");
    }
    running.stop().await;
    for id in ["by-patient", "by-document"] {
        assert_eq!(trails(&site, &format!("Binary/{id}")), 2, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_binary_at_which_more_points_than_is_read_is_as_absent() {
    let honest = holding(&held(&[patient("p1", ANN), binary("b1", "text/plain", "secret")]));
    let endless = move |seen: &Seen| {
        let asks = seen.line.contains("/DocumentReference/_search") && seen.body.contains("location");
        let page =
            seen.line.split("page=").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<u32>().ok());
        if !asks && page.is_none() {
            return honest(seen);
        }
        // Each page has one more; who reads on would come to another person's.
        let page = page.unwrap_or_default() + 1;
        let entry = json!({"search": {"mode": "match"},
            "resource": document(&format!("d{page}"), "p1", SUMMARY, "Binary/b1")});
        let next = json!({"relation": "next", "url": format!("DocumentReference?page={page}")});
        let page = json!({"resourceType": "Bundle", "type": "searchset", "link": [next], "entry": [entry]});
        let none = json!({"resourceType": "Bundle", "type": "searchset"});
        let found = if seen.body.contains("b1") || !asks { page } else { none };
        Play::Bytes(fhir("200 OK", &found.to_string()))
    };
    let site = Whole::with(endless).await;
    let tables = format!("{}{LETTERS}", views::TABLES);
    site.agrees(&agreement("withheld", &tables));
    let running = site.start().await.unwrap();
    is_as_absent(&site, "Binary/b1").await;
    running.stop().await;
}

const WHOLE_ATTACHMENTS: &str = r#"
[share.person.DocumentReference]
"content.attachment.url" = "where the letter is read"
"content.attachment.data" = "the letter itself"
"content.attachment.hash" = "whether it is whole"
"content.attachment.size" = "how much there is"
"content.attachment.url.extension:https://hospital.example/shelf" = "where it stands"
"content.attachment.data.extension:https://hospital.example/shelf" = "where it stands"
where = { "content.attachment.contentType" = ["text/plain"] }
[share.person.Binary]
data = "the letter itself"
where = { contentType = ["text/plain"] }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_tells_of_content_goes_only_with_that_very_content() {
    let letter = STANDARD.encode("a letter");
    let inner =
        json!({"resourceType": "Patient", "id": "p1", "name": [{"family": "Example"}], "gender": "male"});
    let inner = STANDARD.encode(inner.to_string());
    let shelf = json!({"extension": [{"url": "https://hospital.example/shelf", "valueString": "A"}]});
    let attached = |id: &str, attachment: Value| {
        let mut document = document(id, "p1", SUMMARY, "");
        document["content"] = json!([{"attachment": attachment}]);
        document
    };
    let (site, running) = views::site(
        &held(&[
            patient("p1", ANN),
            attached("whole", json!({"contentType": "text/plain", "data": letter, "hash": "c2VjcmV0", "size": 1234567})),
            attached("rewritten", json!({"contentType": "text/plain", "data": inner, "hash": "c2VjcmV0", "size": 1234567, "_data": shelf})),
            attached("first", json!({"hash": "c2VjcmV0", "size": 1234567, "data": inner, "contentType": "text/plain"})),
            attached("elsewhere", json!({"contentType": "text/plain", "url": "https://storage.example/secret", "hash": "c2VjcmV0", "size": 1234567, "_url": shelf})),
            attached("binary", json!({"contentType": "text/plain", "url": "Binary/b1", "hash": "c2VjcmV0", "size": 1234567})),
        ]),
        &format!("{}{WHOLE_ATTACHMENTS}", views::TABLES),
    )
    .await;
    for id in ["whole", "rewritten", "first", "elsewhere", "binary"] {
        let (status, _, body) = get(&site, &format!("DocumentReference/{id}"), FHIR).await;
        assert_eq!(status, 200, "{id} {body}");
        let tells = body.contains("c2VjcmV0") || body.contains("1234567");
        assert_eq!(tells, id == "whole", "{id} {body}");
        assert!(!body.contains("storage.example") && !body.contains(&inner), "{id} {body}");
    }
    let (_, _, whole) = get(&site, "DocumentReference/whole", FHIR).await;
    assert!(whole.contains(r#""hash":"c2VjcmV0""#) && whole.contains(r#""size":1234567"#), "{whole}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resource_in_the_content_of_a_resource_in_content_is_left_out() {
    let name = json!({"resourceType": "Patient", "id": "p1", "name": [{"family": "Example"}]});
    let attached = |data: &str| {
        let mut document = document("d1", "p1", SUMMARY, "");
        document["content"] = json!([{"attachment": {"contentType": "text/plain", "data": data}}]);
        document
    };
    let once = attached(&STANDARD.encode(name.to_string()));
    let mut deep = attached(&STANDARD.encode(once.to_string()));
    deep["id"] = json!("deep");
    let tables = format!("{}{WHOLE_ATTACHMENTS}", views::TABLES);
    let (site, running) = views::site(&held(&[patient("p1", ANN), once, deep]), &tables).await;
    let inside = async |id: &str| {
        let (status, _, body) = get(&site, &format!("DocumentReference/{id}"), FHIR).await;
        assert_eq!(status, 200, "{body}");
        let seen = fhir::json::parse_value(body.into(), &fhir::json::Limits::default()).unwrap();
        let data = seen["content"][0]["attachment"]["data"].as_str().unwrap().to_owned();
        String::from_utf8(STANDARD.decode(data).unwrap()).unwrap()
    };
    assert!(inside("d1").await.contains("Example"));
    let deep = inside("deep").await;
    assert!(deep.contains("DocumentReference") && !deep.contains("\"data\""), "{deep}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_batch_a_binary_is_a_resource() {
    let (site, running) = site(&[
        patient("p1", ANN),
        binary("b1", "text/plain", "the letter"),
        document("d1", "p1", SUMMARY, "Binary/b1"),
        binary("b2", "text/plain", "secret"),
    ])
    .await;
    let asks = ["Binary/b1", "Binary/b2"].map(|url| json!({"request": {"method": "GET", "url": url}}));
    let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": asks}).to_string();
    let headers = "content-type: application/fhir+json\r\naccept: */*\r\n";
    let request = site.request("POST", "/hospital/fhir", Some(&site.consultant()), headers, &batch);
    let mut stream = TcpStream::connect(site.requests).await.unwrap();
    let (status, _, body) = ask(&mut stream, &request).await.unwrap();
    assert_eq!(status, 200, "{body}");
    let answered = fhir::json::parse_value(body.into(), &fhir::json::Limits::default()).unwrap();
    let [one, other] = [&answered["entry"][0], &answered["entry"][1]];
    assert_eq!(one["resource"]["data"], STANDARD.encode("the letter"), "{answered}");
    assert_eq!(
        (one["response"]["status"].as_str(), &other["resource"]),
        (Some("200 OK"), &Value::Null),
        "{answered}"
    );
    assert!(other["response"]["status"].as_str().unwrap().starts_with("404"), "{answered}");
    running.stop().await;
}
