//! Systems that answer in XML are understood within the bounds of JSON; what XML cannot say ends well.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{JSON, XML};
use crate::support::holding::{ANN, NHS_NUMBER, held, holding, patient};
use crate::support::sharing::{BOB, says};
use crate::support::upstream::{Play, Seen, answer};
use crate::support::whole::Whole;
use crate::support::wire::{get, xml_of};

/// A hospital that answers honestly, but in XML.
fn in_xml(of: impl Fn(&Seen) -> Play) -> impl Fn(&Seen) -> Play {
    move |seen| {
        let Play::Bytes(bytes) = of(seen) else { panic!("a whole answer") };
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split("\r\n").next().unwrap().strip_prefix("HTTP/1.1 ").unwrap();
        let mut value =
            fhir::json::parse_value(body.to_owned().into(), &fhir::json::Limits::default()).unwrap();
        // Nothing is empty in FHIR, and what is cannot be said in XML.
        if value["entry"] == json!([]) {
            value.as_object_mut().unwrap().remove("entry");
        }
        Play::Bytes(answer(status, "content-type: application/fhir+xml;charset=UTF-8\r\n", &xml_of(&value)))
    }
}

fn ann() -> Value {
    let mut ann = patient("p1", ANN);
    ann["telecom"] = json!([{"system": "phone", "value": "secret-phone"}]);
    ann["name"][0]["given"] = json!(["Ann", "A & \"B\""]);
    ann
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_that_answers_in_xml_is_minimised_like_one_that_answers_in_json() {
    let mut told = Vec::new();
    for format in ["json", "xml"] {
        let honest = holding(&held(&[ann()]));
        let site = match format {
            "xml" => Whole::with(in_xml(honest)).await,
            _ => Whole::with(honest).await,
        };
        let running = site.start().await.unwrap();
        let mut heard = Vec::new();
        for path in
            ["/hospital/fhir/Patient/p1", "/hospital/fhir/Patient?_id=p1", "/hospital/fhir/Patient/p2"]
        {
            for asked in ["json", "xml"] {
                let between = if path.contains('?') { '&' } else { '?' };
                let found = get(&site, &format!("{path}{between}_format={asked}"), "").await;
                assert!(!found.text().contains("secret"), "{}", found.text());
                let ids = [found.header("x-request-id").unwrap(), &site.requests.to_string()];
                let mut said = crate::support::wire::without_chance(&found.says(), &ids);
                // A version is a keyed digest, and every site has its own key.
                said.as_object_mut().unwrap().remove("meta");
                heard.push((found.status, said["resourceType"].clone(), said["name"].clone()));
            }
        }
        assert_eq!(heard[0].0, 200, "{heard:?}");
        told.push(heard);
        running.stop().await;
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_xml_of_a_system_is_its_fault_and_nothing_of_it_comes_out() {
    let script = Arc::new(Mutex::new(Vec::new()));
    let answers = Arc::clone(&script);
    let honest = holding(&held(&[ann()]));
    let site = Whole::with(move |seen| match seen.line.as_str() {
        "GET /fhir/Patient/p1 HTTP/1.1" => Play::Bytes(answers.lock().unwrap().clone()),
        _ => honest(seen),
    })
    .await;
    let running = site.start().await.unwrap();
    let whole = xml_of(&ann());
    let right = "content-type: application/fhir+xml\r\n";
    let bomb = r#"<!DOCTYPE b [<!ENTITY a "canary"><!ENTITY b "&a;&a;&a;&a;">]>"#;
    let with = |inside: &str| whole.replace("</Patient>", &format!("{inside}</Patient>"));
    let deep = format!("{}{}", r#"<extension url="urn:x">"#.repeat(5_000), "</extension>".repeat(5_000));
    for (case, headers, body) in [
        ("a document type", right, whole.replace("<Patient", &format!("{bomb}<Patient"))),
        (
            "an external entity",
            right,
            whole.replace("<Patient", "<!DOCTYPE p SYSTEM \"http://canary.example/\"><Patient"),
        ),
        ("an unknown element", right, with(r#"<canary value="1"/>"#)),
        ("text", right, with("canary")),
        ("deep", right, whole.replace("<id", &format!("{deep}<id"))),
        ("another person", right, whole.replace("p1", "p2")),
        ("two documents", right, format!("{whole}{whole}")),
        ("cut off", right, whole[..whole.len() - 5].to_owned()),
        ("json by name of xml", right, ann().to_string()),
        ("xml by name of json", "content-type: application/fhir+json\r\n", whole.clone()),
        ("xml by name of html", "content-type: text/html\r\n", whole.clone()),
        ("xml in another encoding", "content-type: application/fhir+xml; charset=utf-16\r\n", whole.clone()),
        ("xml of another version", "content-type: application/fhir+xml; fhirVersion=5.0\r\n", whole.clone()),
        ("xml without a type", "", whole.clone()),
        (
            "xml that says it is compressed",
            "content-type: application/fhir+xml\r\ncontent-encoding: gzip\r\n",
            whole.clone(),
        ),
        (
            "an element twice",
            right,
            whole.replace("<birthDate", r#"<birthDate value="1950-01-01"/><birthDate"#),
        ),
    ] {
        *script.lock().unwrap() = answer("200 OK", headers, &body);
        for format in ["json", "xml"] {
            let told = get(&site, &format!("/hospital/fhir/Patient/p1?_format={format}"), "").await;
            assert_eq!(told.status, 502, "{case}: {}", told.text());
            let text = told.text();
            assert!(
                !text.contains("canary") && !text.contains("Example") && !text.contains("secret"),
                "{case}: {text}"
            );
        }
    }
    *script.lock().unwrap() = answer("200 OK", right, &whole);
    assert_eq!(get(&site, "/hospital/fhir/Patient/p1", "").await.status, 200, "as it was it is understood");
    running.stop().await;
}

/// What XML cannot say of a Patient who may be shared.
fn unsayable() -> Vec<(&'static str, Value)> {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut ann = ann();
        change(&mut ann);
        ann
    };
    let narrated = |div: &str| {
        let div = div.to_owned();
        with(&move |ann| ann["text"] = json!({"status": "generated", "div": div}))
    };
    vec![
        ("a control character", with(&|ann| ann["name"][0]["family"] = json!("Exa\u{1}mple"))),
        ("a noncharacter", with(&|ann| ann["name"][0]["family"] = json!("Exa\u{ffff}mple"))),
        ("a narrative that is cut off", narrated("<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>x")),
        ("a narrative of html", narrated("<div xmlns=\"http://www.w3.org/1999/xhtml\">a<br>b</div>")),
        (
            "a narrative that breaks out",
            narrated("<div xmlns=\"http://www.w3.org/1999/xhtml\"/></text><id value=\"x\"/><text>"),
        ),
        (
            "a narrative with an unknown entity",
            narrated("<div xmlns=\"http://www.w3.org/1999/xhtml\">&x;</div>"),
        ),
        ("no narrative", narrated("plain")),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_xml_cannot_say_is_refused_with_what_to_do_instead_and_counts_as_not_shared() {
    let held_now = held(&[ann()]);
    let site = Whole::with(holding(&held_now)).await;
    site.also_agree("text = \"to read it at a glance\"\n");
    let running = site.start().await.unwrap();
    for (case, ann) in unsayable() {
        held_now.lock().unwrap()[0] = ann;
        for path in ["/hospital/fhir/Patient/p1?", "/hospital/fhir/Patient?_id=p1&"] {
            let json = get(&site, &format!("{path}_format=json"), "").await;
            assert_eq!(json.status, 200, "{case}: json says it: {}", json.text());
            let xml = get(&site, &format!("{path}_format=xml"), "").await;
            assert_eq!((xml.status, xml.header("content-type")), (406, Some(XML)), "{case}: {}", xml.text());
            let issue = xml.says()["issue"][0].clone();
            assert_eq!(issue["code"], "not-supported", "{case}");
            assert!(
                issue["details"]["text"].as_str().unwrap().contains("ask for application/fhir+json"),
                "{issue}"
            );
            assert!(!xml.text().contains("Exa"), "{case}");
        }
    }
    let narrative = "<div xmlns=\"http://www.w3.org/1999/xhtml\">Ann&nbsp;&ndash;&nbsp;caf&eacute;</div>";
    held_now.lock().unwrap()[0]["text"] = json!({"status": "generated", "div": narrative});
    let xml = get(&site, "/hospital/fhir/Patient/p1?_format=xml", "").await;
    assert_eq!(xml.status, 200, "entities of html are characters: {}", xml.text());
    assert!(xml.text().contains("Ann&#160;&#8211;&#160;caf&#233;</div>"), "{}", xml.text());
    let json = get(&site, "/hospital/fhir/Patient/p1", "").await;
    assert_eq!(
        (json.says()["text"]["div"].as_str(), json.header("content-type")),
        (Some(narrative), Some(JSON))
    );
    running.stop().await;
    let not_said: Vec<Value> =
        site.records().into_iter().filter(|record| record["exchange"]["status"] == 406).collect();
    assert_eq!(not_said.len(), unsayable().len() * 2, "each is recorded, as one leaf about nobody's content");
    for record in &not_said {
        assert_eq!(record["exchange"]["reason"], "not-sayable-in-xml", "{record}");
        assert_eq!((&record["exchange"]["event"], &record["about"]["shared"]), (&json!("failed"), &json!(0)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_xml_cannot_say_goes_in_json_where_that_is_taken_too() {
    let (_, odd) = unsayable().remove(0);
    let held_now = held(&[odd, patient("p2", BOB)]);
    let site = Whole::with(holding(&held_now)).await;
    let running = site.start().await.unwrap();
    let ask = async |path: &str, accept: &str| {
        let headers = if accept.is_empty() { String::new() } else { format!("accept: {accept}\r\n") };
        let answer = get(&site, &format!("/hospital/fhir/{path}"), &headers).await;
        (answer.status, answer.header("content-type").unwrap_or_default().to_owned(), answer.text())
    };
    let either = "application/fhir+xml, application/fhir+json;q=0.5";
    for path in ["Patient/p1", "Patient?_id=p1,p2&_count=1", "Patient/p1/_history"] {
        for accept in
            [either, "application/xml;q=0.9, */*;q=0.1", "application/fhir+xml, application/json;q=0.001"]
        {
            let (status, media, text) = ask(path, accept).await;
            assert_eq!((status, media.as_str()), (200, JSON), "{path} {accept}: {text}");
            assert!(!text.contains("_format"), "what it leads to may be said in either: {text}");
        }
        for accept in ["application/fhir+xml", "application/fhir+xml, application/fhir+json;q=0"] {
            assert_eq!(ask(path, accept).await.0, 406, "{path} {accept}");
        }
        let joined = if path.contains('?') { '&' } else { '?' };
        assert_eq!(ask(&format!("{path}{joined}_format=xml"), either).await.0, 406, "what is named is meant");
    }
    let (status, media, _) = ask("Patient/p2", either).await;
    assert_eq!((status, media.as_str()), (200, XML), "what can be said goes as it was asked for");
    let (status, media, _) = ask("Patient/p9", either).await;
    assert_eq!((status, media.as_str()), (404, XML));
    running.stop().await;
    let formats: Vec<Value> = site
        .records()
        .into_iter()
        .filter(|record| record["about"]["resources"] == json!(["Patient/p1"]))
        .map(|record| record["exchange"]["format"].clone())
        .collect();
    assert!(!formats.is_empty() && formats.iter().all(Value::is_null), "recorded as it went: {formats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whether_what_is_hidden_could_be_said_is_not_told() {
    let (_, unsayable) = unsayable().remove(0);
    let held_now = held(std::slice::from_ref(&unsayable));
    let (site, running) = crate::hidden::site("withheld", holding(&held_now)).await;
    let read = "/hospital/fhir/Patient/p1?_format=xml";
    let either = "accept: application/fhir+xml, */*;q=0.1\r\n";
    assert_eq!(get(&site, read, "").await.status, 406, "who sees it is told");
    says(&site, ANN, &json!({"type": "deny"})).await;
    let path = format!("/hospital/fhir/Patient?identifier={NHS_NUMBER}|{ANN}&_format=xml");
    let ask = async || {
        let plain = read.split('?').next().unwrap();
        let mut told = Vec::new();
        for (path, headers) in [(read, ""), (&path, ""), (plain, either)] {
            told.push(get(&site, path, headers).await.blind());
        }
        told
    };
    let there = ask().await;
    held_now.lock().unwrap().clear();
    let absent = ask().await;
    assert_eq!([there[0].status, there[1].status, there[2].status], [404, 200, 404]);
    assert_eq!(there, absent);
    running.stop().await;
}
