//! One system, one discloser, and what metadata says of it.

use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{changes, creates, hospital, new, site, transact, view, writes, written};
use crate::support::asking::{Answer, FACE, answered, asks, bundle, get};
use crate::support::front::ask;
use crate::support::transacting::transacting;
use crate::support::whole::Whole;

/// Agreements between the hospital and a council, one each way.
const COUNCIL: &str = r#"
id = "ID"
title = "Care at home"
status = "in-force"
in_force = { from = 2020-01-01, until = 2090-01-01 }
review_by = 2089-01-01
approved_by = "Caldicott Guardian, Northshire Hospitals"
discloser = ["ods:DISCLOSER"]
recipient = ["ods:RECIPIENT"]
purposes = ["TREAT"]
legal_basis = { uk_gdpr = ["6(1)(e)", "9(2)(h)"], confidentiality = "implied-consent" }
identifiability = "identifiable"
relationship = ["care-team"]
overrides = []
existence = "open"
BLOCK
share = ["person"]
[share.person.Patient]
identifier = "to be sure it is the right person"
[share.person.Condition]
code = "what care is needed for"
"#;

async fn as_council(site: &Whole, entries: &[Value]) -> Answer {
    let token = site.staff_of("E10000099", "R0050");
    let body = bundle("transaction", entries).to_string();
    let headers = "content-type: application/fhir+json\r\n";
    let request = site.request("POST", FACE, Some(&token), headers, &body);
    answered(ask(&mut TcpStream::connect(site.requests).await.unwrap(), &request).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_different_organisations_disclose_is_not_one_transaction() {
    let store = hospital();
    let settings = "relationship_source = true\n[organisations]\n\"ods:E10000099\" = \"A council\"\n";
    let site = written("open", "", transacting(&store)).await;
    let text = std::fs::read_to_string(site.config()).unwrap();
    let text = text.replace("[organisations]\n", "[organisations]\n\"ods:E10000099\" = \"A council\"\n");
    std::fs::write(site.config(), text + settings.lines().next().unwrap()).unwrap();
    let reading = "[[recipient_role]]\nroles = [\"R0050\"]\nstanding = \"registered\"";
    let sending = "[[recipient_system]]\nsystems = [\"hospital\"]";
    for (id, discloser, recipient, block) in
        [("to-the-council", "RX1", "E10000099", reading), ("from-the-council", "E10000099", "RX1", sending)]
    {
        let agreement = COUNCIL.replace("ID", id).replace("BLOCK", block);
        let agreement = agreement.replace("DISCLOSER", discloser).replace("RECIPIENT", recipient);
        std::fs::write(site.folder.path().join(format!("agreements/{id}.toml")), agreement).unwrap();
    }
    let running = site.start().await.unwrap();
    let create = creates(&new("Patient/p1", "5"));
    for entries in [[create.clone(), asks("Patient/p1")], [asks("Patient/p1"), create.clone()]] {
        let answer = as_council(&site, &entries).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
        let text = answer.body.to_string();
        assert!(text.contains("a transaction is of one discloser") && text.contains("entry 1 of"), "{text}");
    }
    assert!(site.hospital.seen().is_empty(), "by rule, before the hospital is asked");
    let answer = as_council(&site, &[create]).await;
    assert_eq!(answer.status, 403, "by itself it is decided by what is known of her: {}", answer.body);
    assert!(!answer.body.to_string().contains("discloser"), "{}", answer.body);
    running.stop().await;
    let refused = |record: &&Value| record["exchange"]["reason"] == "transaction-of-several-disclosers";
    assert_eq!(site.records().iter().filter(refused).count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_of_another_system_is_refused_with_what_to_do() {
    let store = hospital();
    let (site, running) = site("open", transacting(&store)).await;
    let create = creates(&new("Patient/p1", "5"));
    for url in [
        "http://council.example/fhir/Patient/p1".to_owned(),
        format!("http://{}/council/fhir/Patient/p1", site.requests),
        format!("http://{}{FACE}/Patient/p1", site.requests),
    ] {
        let answer = transact(&site, &[create.clone(), asks(&url)]).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert!(answer.body.to_string().contains("send each system its own"), "{}", answer.body);
    }
    assert!(site.hospital.seen().is_empty());
    // An address in a search is a value.
    let search = asks("Condition?patient=p1&code=http://snomed.info/sct|11");
    let answer = transact(&site, &[create, search]).await;
    assert_eq!(answer.statuses(), ["201", "200"], "{}", answer.body);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_says_whether_transactions_may_write() {
    let store = hospital();
    let (site, running) = site("open", transacting(&store)).await;
    let said = get(&site, "/metadata").await.body["rest"][0]["interaction"].clone();
    let written = "all entries or none, also those that change something";
    assert_eq!(said, json!([{"code": "transaction", "documentation": written}, {"code": "batch"}]));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_is_sent_and_answered_in_xml_too() {
    let store = hospital();
    let (site, running) = site("open", transacting(&store)).await;
    let (_, version) = view(&site, "Condition/c3").await;
    let body = format!(
        r#"<Bundle xmlns="http://hl7.org/fhir"><type value="transaction"/>
        <entry><fullUrl value="urn:uuid:6f1e2a0c-1111-4222-8333-444455556666"/>
          <resource><Encounter><status value="finished"/><subject><reference value="Patient/p1"/></subject></Encounter></resource>
          <request><method value="POST"/><url value="Encounter"/></request></entry>
        <entry><resource><Condition><code><text value="x"/></code><subject><reference value="Patient/p1"/></subject>
          <encounter><reference value="urn:uuid:6f1e2a0c-1111-4222-8333-444455556666"/></encounter></Condition></resource>
          <request><method value="POST"/><url value="Condition"/></request></entry>
        <entry><request><method value="DELETE"/><url value="Condition/c3"/><ifMatch value="{}"/></request></entry>
        </Bundle>"#,
        version.replace('"', "&quot;")
    );
    let headers = "content-type: application/fhir+xml\r\naccept: application/fhir+xml\r\n";
    let request = site.request("POST", FACE, Some(&site.consultant()), headers, &body);
    let mut stream = TcpStream::connect(site.requests).await.unwrap();
    let (status, head, body) = ask(&mut stream, &request).await.unwrap();
    assert_eq!(status, 200, "{body}");
    assert!(head.contains("application/fhir+xml"), "{head}");
    for told in [r#"<type value="transaction-response"/>"#, r#"<status value="201"#, r#"<status value="204"#]
    {
        assert!(body.contains(told), "{told}: {body}");
    }
    let held = store.lock().unwrap().clone();
    let stay = held.iter().rfind(|found| found["resourceType"] == "Encounter").unwrap()["id"].clone();
    let problem = held.iter().rfind(|found| found["resourceType"] == "Condition").unwrap();
    assert_eq!(problem["encounter"]["reference"], json!(format!("Encounter/{}", stay.as_str().unwrap())));
    assert!(!held.iter().any(|found| found["id"] == "c3"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patch_makes_no_reference_of_a_search_or_a_name() {
    let store = hospital();
    let (site, running) = site("open", transacting(&store)).await;
    let name = "urn:uuid:6f1e2a0c-1111-4222-8333-444455556666";
    let (_, version) = view(&site, "Condition/c1").await;
    let patch = |operations: &Value| {
        let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, operations.to_string());
        json!({"resource": {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data},
               "request": {"method": "PATCH", "url": "Condition/c1", "ifMatch": version}})
    };
    let beside = super::called(name, creates(&new("Patient/p1", "5")));
    for operations in [
        json!([{"op": "add", "path": "/encounter", "value": {"reference": "Encounter?identifier=a|1"}}]),
        json!([{"op": "add", "path": "/encounter", "value": {"reference": name}}]),
        json!([{"op": "add", "path": "/encounter", "value": {}},
               {"op": "add", "path": "/encounter/reference", "value": "Encounter?identifier=a|1"}]),
        json!([{"op": "replace", "path": "/subject/reference", "value": "Patient?identifier=a|1"}]),
        json!([{"op": "replace", "path": "/subject/reference", "value": name}]),
        json!([{"op": "copy", "from": "/code/coding/0/code", "path": "/subject/reference"}]),
    ] {
        let answer = transact(&site, &[patch(&operations), beside.clone()]).await;
        assert!(matches!(answer.status, 400 | 422), "{operations}: {}", answer.body);
    }
    assert_eq!(writes(&site), 0);
    let change = changes(&site, "Condition/c1", "12").await;
    assert_eq!(transact(&site, &[change, beside]).await.statuses(), ["200", "201"]);
    running.stop().await;
}
