//! Bodies that come in: XML is decided about and sent on as the JSON that it says; gzip is inflated within bounds.

use serde_json::{Value, json};

use super::newborn;
use crate::support::holding::{ANN, consent};
use crate::support::upstream::{Play, Seen, answer};
use crate::support::whole::{Whole, one_patient};
use crate::support::wire::{Answer, gzip, request, send, xml_of};

/// A hospital that takes Patients.
fn takes(seen: &Seen) -> Play {
    match seen.line.as_str() {
        "POST /fhir/Patient HTTP/1.1" => {
            Play::Bytes(answer("201 Created", "location: Patient/new/_history/1\r\n", ""))
        }
        _ => one_patient(seen),
    }
}

async fn receiving() -> (Whole, gateway::serve::Running) {
    let site = Whole::with(takes).await;
    site.also_agree("[[recipient_system]]\nsystems = [\"hospital\"]\nshare = [\"person\"]\n");
    let running = site.start().await.unwrap();
    (site, running)
}

async fn create(site: &Whole, headers: &str, body: &[u8]) -> Answer {
    let token = site.consultant();
    send(site.requests, &request(site, "POST", "/hospital/fhir/Patient", Some(&token), headers, body)).await
}

/// What the hospital was sent.
fn sent(site: &Whole) -> Vec<Seen> {
    site.hospital.seen().into_iter().filter(|seen| seen.line == "POST /fhir/Patient HTTP/1.1").collect()
}

fn parsed(text: &str) -> Value {
    fhir::json::parse_value(text.to_owned().into(), &fhir::json::Limits::default()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_in_xml_or_gzip_is_decided_and_sent_on_like_json() {
    let (site, running) = receiving().await;
    let (json, xml) = (newborn().to_string(), xml_of(&newborn()));
    for (headers, body) in [
        ("content-type: application/fhir+json\r\n", json.clone().into_bytes()),
        ("content-type: application/fhir+xml\r\n", xml.clone().into_bytes()),
        ("content-type: text/xml; charset=UTF-8\r\n", format!("\u{feff}{xml}").into_bytes()),
        ("content-type: application/fhir+json\r\ncontent-encoding: gzip\r\n", gzip(json.as_bytes())),
        ("content-type: application/fhir+xml\r\ncontent-encoding: gzip\r\n", gzip(xml.as_bytes())),
    ] {
        let made = create(&site, headers, &body).await;
        assert_eq!(made.status, 201, "{headers}: {}", made.text());
        assert_eq!(made.header("vary"), Some("accept, accept-encoding"));
    }
    let seen = sent(&site);
    assert_eq!(seen.len(), 5);
    for one in &seen {
        assert_eq!(one.header("content-type"), Some("application/fhir+json; charset=utf-8"));
        assert_eq!(one.header("content-encoding"), None);
        let without_mark = |text: &str| {
            let mut value = parsed(text);
            value.as_object_mut().unwrap().remove("meta");
            value
        };
        assert_eq!(without_mark(&one.body), without_mark(&seen[0].body));
        assert_eq!(parsed(&one.body)["name"], newborn()["name"]);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_xml_and_asks_for_nothing_else_is_answered_in_xml() {
    let (site, running) = receiving().await;
    let broken = create(&site, "content-type: application/fhir+xml\r\n", b"<Patient/>").await;
    assert_eq!(broken.header("content-type"), Some(super::XML));
    let asked = "content-type: application/fhir+xml\r\naccept: application/fhir+json\r\n";
    assert_eq!(create(&site, asked, b"<Patient/>").await.header("content-type"), Some(super::JSON));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_choice_is_recorded_from_xml_and_read_in_either_format() {
    let (site, running) = receiving().await;
    let choice = parsed(&consent(ANN, &json!({"type": "deny"})));
    let token = site.ann();
    let headers = "content-type: application/fhir+xml\r\n";
    let made = request(&site, "POST", "/fhir/Consent", Some(&token), headers, xml_of(&choice).as_bytes());
    let made = send(site.requests, &made).await;
    assert_eq!((made.status, made.header("content-type")), (201, Some(super::XML)), "{}", made.text());
    let place = made.header("location").unwrap().split("/fhir/").nth(1).unwrap().to_owned();
    let place = format!("/fhir/{}", place.split("/_history").next().unwrap());
    let read = async |format: &str| {
        let request = site.request("GET", &format!("{place}?_format={format}"), Some(&token), "", "");
        send(site.requests, request.as_bytes()).await.says()
    };
    let (json, xml) = (read("json").await, read("xml").await);
    assert_eq!(json, xml);
    assert_eq!(json["provision"], choice["provision"]);
    let refused = crate::support::wire::get(&site, "/hospital/fhir/Patient/p1", "").await;
    assert_eq!(refused.status, 403, "it holds at once");
    running.stop().await;
}

/// A Patient in XML that holds `inside`.
fn patient(inside: &str) -> Vec<u8> {
    format!(r#"<Patient xmlns="http://hl7.org/fhir">{inside}</Patient>"#).into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_xml_is_refused_with_a_reason_and_no_system_hears_of_it() {
    let (site, running) = receiving().await;
    let bomb = r#"<!DOCTYPE b [<!ENTITY a "canary"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>"#;
    let external = r#"<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/hostname">]>"#;
    let with = |before: &str, inside: &str| [before.as_bytes(), &patient(inside)].concat();
    let named = r#"<name><family value="canary"/></name>"#;
    let deep = |depth: usize| {
        let open = r#"<extension url="urn:x">"#.repeat(depth);
        patient(&format!("{open}{}", "</extension>".repeat(depth)))
    };
    let many: String = (0..5_000).map(|at| format!(r#" xmlns:a{at}="urn:{at}""#)).collect();
    let attributes: String = (0..5_000).map(|at| format!(r#" a{at}="canary""#)).collect();
    let utf16: Vec<u8> =
        String::from_utf8(patient(named)).unwrap().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let declared = |encoding: &str| with(&format!(r#"<?xml version="1.0" encoding="{encoding}"?>"#), named);
    for (case, body) in [
        ("entities", with(bomb, r#"<id value="&b;"/>"#)),
        ("an external entity", with(external, r#"<id value="&x;"/>"#)),
        ("a document type alone", with("<!DOCTYPE Patient>", named)),
        ("an entity of html", patient(r#"<id value="&nbsp;"/>"#)),
        ("deep", deep(60_000)),
        ("as deep as json may not be", deep(63)),
        ("many namespaces", format!(r#"<Patient xmlns="http://hl7.org/fhir"{many}/>"#).into_bytes()),
        ("many attributes", format!(r#"<Patient xmlns="http://hl7.org/fhir"{attributes}/>"#).into_bytes()),
        ("no namespace", b"<Patient><id value=\"canary\"/></Patient>".to_vec()),
        ("another namespace", b"<Patient xmlns=\"urn:canary\"/>".to_vec()),
        ("an element of another namespace", patient(r#"<id xmlns="urn:x" value="canary"/>"#)),
        ("a prefix bound to nothing", patient(r#"<x:id value="canary"/>"#)),
        ("two marks", [b"\xEF\xBB\xBF\xEF\xBB\xBF".as_slice(), &patient(named)].concat()),
        ("utf-16", utf16.clone()),
        ("utf-16 with a mark", [b"\xFF\xFE".as_slice(), &utf16].concat()),
        ("another encoding declared", declared("UTF-16")),
        ("an encoding of one byte", declared("ISO-8859-1")),
        ("an attribute twice", patient(r#"<id value="1" value="canary"/>"#)),
        ("an element twice", patient(r#"<id value="1"/><id value="canary"/>"#)),
        ("out of order", patient(r#"<birthDate value="2020-01-01"/><id value="canary"/>"#)),
        ("unknown", patient(r#"<canary value="1"/>"#)),
        ("text between", patient("canary")),
        ("cdata", patient("<![CDATA[canary]]>")),
        ("two resources", [patient(named), patient(named)].concat()),
        ("json", newborn().to_string().into_bytes()),
        ("cut off", patient(named)[..40].to_vec()),
        ("nothing", Vec::new()),
        (
            "a script in the narrative's place",
            patient(
                "<text><status value=\"generated\"/><script xmlns=\"http://www.w3.org/1999/xhtml\"/></text>",
            ),
        ),
        (
            "another type",
            String::from_utf8(patient(named)).unwrap().replace("Patient", "Person").into_bytes(),
        ),
    ] {
        let refused = create(&site, "content-type: application/fhir+xml\r\n", &body).await;
        assert_eq!(refused.status, 400, "{case}: {}", refused.text());
        assert_eq!(refused.says()["resourceType"], "OperationOutcome", "{case}");
        assert!(!refused.text().contains("canary"), "{case} is echoed");
    }
    assert_eq!(sent(&site).len(), 0);
    running.stop().await;
    let told: String = site.entries().iter().map(ToString::to_string).collect();
    assert!(told.contains("bad-body") && !told.contains("canary"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_not_read_are_refused_with_the_reason() {
    let (site, running) = receiving().await;
    let json = newborn().to_string().into_bytes();
    let gzipped = "content-type: application/fhir+json\r\ncontent-encoding: gzip\r\n";
    let bomb = gzip(&vec![b' '; 8 << 20]);
    let cut = gzip(&json)[..40].to_vec();
    for (case, headers, body, status, text) in [
        ("turtle", "content-type: text/turtle\r\n", json.clone(), 415, "send application/fhir+json"),
        ("no type", "", json.clone(), 415, "send application/fhir+json"),
        (
            "a form",
            "content-type: application/x-www-form-urlencoded\r\n",
            json.clone(),
            415,
            "send application/fhir",
        ),
        (
            "charset",
            "content-type: application/fhir+xml; charset=utf-16\r\n",
            json.clone(),
            415,
            "send UTF-8",
        ),
        (
            "version",
            "content-type: application/fhir+json; fhirVersion=5.0\r\n",
            json.clone(),
            415,
            "send FHIR R4",
        ),
        (
            "brotli",
            "content-type: application/fhir+json\r\ncontent-encoding: br\r\n",
            json.clone(),
            415,
            "or in gzip",
        ),
        (
            "twice",
            "content-type: application/fhir+json\r\ncontent-encoding: gzip, gzip\r\n",
            gzip(&gzip(&json)),
            415,
            "or in gzip",
        ),
        ("twice, said once", gzipped, gzip(&gzip(&json)), 400, "not acceptable JSON"),
        ("a bomb", gzipped, bomb, 413, "larger than"),
        ("cut off", gzipped, cut, 400, "one whole gzip member"),
        ("more behind", gzipped, [gzip(&json), gzip(&json)].concat(), 400, "one whole gzip member"),
        ("not gzip", gzipped, json.clone(), 400, "one whole gzip member"),
    ] {
        let refused = create(&site, headers, &body).await;
        assert_eq!(refused.status, status, "{case}: {}", refused.text());
        assert!(refused.text().contains(text), "{case}: {}", refused.text());
        let names_gzip = refused.header("accept-encoding") == Some("gzip");
        assert_eq!(
            names_gzip,
            text == "or in gzip",
            "{case}: who sent another coding is told which are read"
        );
    }
    assert_eq!(sent(&site).len(), 0);
    running.stop().await;
}
