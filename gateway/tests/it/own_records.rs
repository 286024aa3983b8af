//! Whom a record of the gateway's own resources is about, and by which names they are found; a trail as it is searched and
//! read.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::front::ask;
use crate::support::holding::{ANN, NHS_NUMBER, consent};
use crate::support::sharing::BOB;
use crate::support::whole::{Whole, one_patient};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consent_that_is_refused_stands_in_the_trail_of_whom_it_names_and_of_nobody_by_another_number() {
    let site = Whole::with(one_patient).await;
    let running = site.start().await.unwrap();
    let body = consent(ANN, &json!({"type": "deny"}));
    let other = body.replace(NHS_NUMBER, "https://hospital.example/number");
    assert_ne!(body, other);
    let headers = "content-type: application/fhir+json\r\n";
    for body in [&body, &other] {
        let request = site.request("POST", "/fhir/Consent", Some(&site.consultant()), headers, body);
        let (status, _, body) =
            ask(&mut TcpStream::connect(site.requests).await.unwrap(), &request).await.unwrap();
        assert_eq!(status, 403, "{body}");
    }
    running.stop().await;
    let records = site.records();
    let refused: Vec<&Value> = records.iter().filter(|one| one["exchange"]["status"] == 403).collect();
    let of_her: Vec<&&Value> = refused.iter().filter(|one| one["about"]["nhs_number"] == ANN).collect();
    assert_eq!((refused.len(), of_her.len()), (3, 1), "two exchanges, one of them about her: {refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_for_consents_by_the_id_of_a_system_is_told_how_to_ask_and_never_that_there_are_none() {
    let site = Whole::with(one_patient).await;
    let running = site.start().await.unwrap();
    for path in ["/fhir/Consent?patient=hospital/Patient/1", "/fhir/Consent?patient=hospital/Patient/nobody"]
    {
        let request = site.request("GET", path, Some(&site.consultant()), "", "");
        let (status, _, body) =
            ask(&mut TcpStream::connect(site.requests).await.unwrap(), &request).await.unwrap();
        assert_eq!(status, 400, "{body}");
        assert!(body.contains("patient.identifier"), "{body}");
    }
    running.stop().await;
}

async fn told(site: &Whole, path: &str, token: &str) -> Value {
    let path = path.strip_prefix(&format!("http://{}", site.requests)).unwrap_or(path);
    let (status, _, body) = site.get(path, Some(token)).await;
    assert_eq!(status, 200, "{path}: {body}");
    fhir::json::parse_value(body.into(), &fhir::json::Limits::default()).unwrap()
}

fn found(bundle: &Value) -> Vec<Value> {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    entries.into_iter().map(|entry| entry["resource"].clone()).collect()
}

fn of_ann(criteria: &str) -> String {
    format!("/fhir/AuditEvent?patient.identifier=nhs%7C{ANN}{criteria}")
}

/// Without the id of the request, which is random.
fn blind((status, head, body): (u16, String, String)) -> (u16, String) {
    let id = head.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap().trim().to_owned();
    (status, body.replace(&id, "ID"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_of_a_trail_is_read_by_its_id_as_a_search_shows_it_by_whoever_finds_it() {
    let site = Whole::with(one_patient).await;
    let running = site.start().await.unwrap();
    assert_eq!(site.get("/hospital/fhir/Patient/p1", Some(&site.consultant())).await.0, 200);
    // Refused by rule before anybody is asked who she is: the record has the id of her Patient alone.
    let porter = site.staff_token("R8015");
    assert_eq!(site.get("/hospital/fhir/Patient/p1", Some(&porter)).await.0, 403);
    let hers = found(&told(&site, &of_ann(""), &site.ann()).await);
    assert_eq!(hers.len(), 2, "{hers:?}");
    for event in &hers {
        let path = format!("/fhir/AuditEvent/{}", event["id"].as_str().unwrap());
        assert_eq!(told(&site, &path, &site.ann()).await, *event);
    }
    let shared = hers.last().unwrap()["id"].as_str().unwrap().to_owned();
    let path = format!("/fhir/AuditEvent/{shared}");
    assert_eq!(told(&site, &path, &site.staff_token("R5105")).await, hers[1]);
    let bob = site.herself(BOB, "Bob Example");
    let absent = blind(site.get(&format!("/fhir/AuditEvent/{}", "00".repeat(32)), Some(&bob)).await);
    assert_eq!(absent.0, 404);
    assert_eq!(blind(site.get(&path, Some(&bob)).await), absent, "hers is not there for him");
    assert_eq!(site.get(&path, Some(&site.consultant())).await.0, 403, "who watches over nothing reads none");
    // The leaf of the exchange as a whole is of oversight.
    let receipt = hers[1]["entity"].as_array().unwrap().iter().find_map(|entity| {
        let marked = entity["what"]["identifier"]["system"].as_str()?.ends_with("/receipt");
        marked.then(|| entity["what"]["identifier"]["value"].as_str().unwrap().to_owned())
    });
    let by_receipt = format!("/fhir/AuditEvent?entity.identifier={}", receipt.unwrap());
    let all = found(&told(&site, &by_receipt, &site.staff_token("R5105")).await);
    let whole = all.iter().find(|event| event["id"] != shared.as_str()).unwrap();
    let whole_path = format!("/fhir/AuditEvent/{}", whole["id"].as_str().unwrap());
    assert_eq!(told(&site, &whole_path, &site.staff_token("R5105")).await, *whole);
    assert_eq!(blind(site.get(&whole_path, Some(&site.ann())).await), absent);
    running.stop().await;
    let records = site.records();
    let looked = |record: &&Value| {
        record["exchange"]["interaction"] == "read"
            && record["exchange"]["resource_type"] == "AuditEvent"
            && record["about"]["nhs_number"] == ANN
    };
    let looked: Vec<&Value> = records.iter().filter(looked).collect();
    let entry = json!([format!("AuditEvent/{shared}")]);
    let read = looked.iter().filter(|record| record["about"]["resources"] == entry).count();
    let tried = looked.iter().filter(|record| record["about"]["refusal"] == "not-found").count();
    assert_eq!((read, tried), (2, 1), "she and the guardian read it, and Bob tried: {looked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trail_is_narrowed_by_its_dates_and_by_what_its_entries_show() {
    let site = Whole::with(one_patient).await;
    let running = site.start().await.unwrap();
    for path in ["/hospital/fhir/Patient/p1", "/hospital/fhir/Patient?_id=p1", "/hospital/fhir/Patient/p1"] {
        assert_eq!(site.get(path, Some(&site.consultant())).await.0, 200);
    }
    assert_eq!(site.get("/hospital/fhir/Patient/p1", Some(&site.staff_token("R8015"))).await.0, 403);
    let all = found(&told(&site, &of_ann(""), &site.ann()).await);
    let recorded: Vec<&str> = all.iter().map(|event| event["recorded"].as_str().unwrap()).collect();
    assert!(recorded.len() == 4 && recorded.is_sorted_by(|one, next| one >= next), "{recorded:?}");
    // What looks into the trail stands in it as well: the newest four were there before.
    let before = format!("&date=le{}", recorded[0]);
    for (criteria, expected) in [
        (String::new(), 4),
        ("&date=gt2020".to_owned(), 4),
        ("&date=lt2020".to_owned(), 0),
        (format!("&date=lt{}", recorded[0]), 3),
        (format!("&date=ge{}", recorded[2]), 3),
        (format!("&date=gt{}", recorded[2]), 2),
        (format!("&date={}", recorded[1]), 1),
        ("&outcome=8".to_owned(), 1),
        ("&outcome=0".to_owned(), 3),
        ("&outcome=0&action=R".to_owned(), 2),
        ("&subtype=search-type".to_owned(), 1),
        ("&type=http://dicom.nema.org/resources/ontology/DCM%7C110113".to_owned(), 1),
    ] {
        let events = found(&told(&site, &of_ann(&format!("{before}{criteria}")), &site.ann()).await);
        assert_eq!(events.len(), expected, "{criteria}: {events:?}");
    }
    let page = told(&site, &of_ann(&format!("{before}&outcome=0&_count=2")), &site.ann()).await;
    let link = |at: usize| page["link"][at]["url"].as_str().unwrap();
    assert!(link(0).contains("&outcome=0&_count=2") && link(0).contains("&date=le"), "{}", link(0));
    let last = told(&site, link(1), &site.ann()).await;
    let (first, last) = (found(&page), found(&last));
    assert_eq!((first.len(), last.len()), (2, 1), "a page goes on with the same criteria");
    assert_eq!(last[0]["id"], all[3]["id"]);
    running.stop().await;
}

/// The query of an event as text, and what is said of it.
fn searched(event: &Value) -> (String, String) {
    let entities = event["entity"].as_array().unwrap();
    let query =
        entities.iter().find(|entity| entity["query"].is_string()).unwrap_or_else(|| panic!("{event}"));
    let bytes = STANDARD.decode(query["query"].as_str().unwrap()).unwrap();
    let said = query["description"].as_str().unwrap_or_default().to_owned();
    (String::from_utf8(bytes).unwrap(), said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_is_recorded_as_it_was_sent_and_tells_nobody_of_another_whom_it_names() {
    let site = Whole::with(one_patient).await;
    let running = site.start().await.unwrap();
    let alone = "GET /hospital/fhir/Patient?_id=%70%31&_format=json";
    let posted = "POST /hospital/fhir/Patient/_search?_pretty=true\n\n_id=p%31&_format=json".to_owned();
    let several = "GET /hospital/fhir/Patient?_id=p1,p2";
    let padded = format!("POST /hospital/fhir/Patient/_search\n\n_id=p1{}", "&".repeat(15_000));
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let mut receipts = Vec::new();
    for sent in [alone, &posted, several, &padded] {
        let (line, body) = sent.split_once("\n\n").unwrap_or((sent, ""));
        let (method, path) = line.split_once(' ').unwrap();
        let headers = if body.is_empty() { "" } else { form };
        let request = site.request(method, path, Some(&site.consultant()), headers, body);
        let mut stream = TcpStream::connect(site.requests).await.unwrap();
        let (status, head, told) = ask(&mut stream, &request).await.unwrap();
        assert_eq!(status, 200, "{line}: {told}");
        let receipt = head.lines().find_map(|line| line.strip_prefix("portcullis-receipt: "));
        receipts.push(receipt.unwrap().trim().to_owned());
    }
    let hers = found(&told(&site, &of_ann("&subtype=search-type&date=gt2020"), &site.ann()).await);
    assert_eq!(hers.len(), 4, "{hers:?}");
    let of_hers: Vec<(String, String)> = hers.iter().rev().map(searched).collect();
    assert_eq!(of_hers[0], (alone.to_owned(), "_id=p1".to_owned()), "each escape as it came");
    assert_eq!(of_hers[1], (posted.clone(), "_id=p1".to_owned()));
    assert_eq!(of_hers[2].0, "_id=p1", "of the other nothing is told");
    assert!(of_hers[2].1.contains("without other people"), "{of_hers:?}");
    assert_eq!(of_hers[3].0, padded);
    assert!(!hers.iter().any(|event| event.to_string().contains("p2")), "{hers:?}");
    for (receipt, sent) in receipts.iter().zip([alone, &posted, several, &padded]) {
        let path = format!("/fhir/AuditEvent?entity.identifier={receipt}");
        let all = found(&told(&site, &path, &site.staff_token("R5105")).await);
        let patient =
            |event: &&Value| event["entity"].as_array().unwrap().iter().all(|one| one["role"]["code"] != "1");
        let whole = all.iter().find(patient).unwrap();
        assert_eq!(searched(whole).0, *sent, "oversight sees what was sent");
    }
    let long = format!("_id=p1{}", "&".repeat(20_000));
    let request =
        site.request("POST", "/hospital/fhir/Patient/_search", Some(&site.consultant()), form, &long);
    let mut stream = TcpStream::connect(site.requests).await.unwrap();
    assert_eq!(ask(&mut stream, &request).await.unwrap().0, 400, "what is longer than is kept is no search");
    running.stop().await;
    let kept: Vec<usize> =
        site.records().iter().filter_map(|one| one["exchange"]["sent"].as_str()).map(str::len).collect();
    assert!(kept.iter().all(|length| *length < 24_000), "{kept:?}");
}
