//! The registry of Consents as it is asked: every version of a choice, for whoever may read the choice.

use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::front::ask;
use crate::support::holding::{ANN, consent};
use crate::support::sharing::BOB;
use crate::support::whole::{Whole, one_patient};

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        let text = self.body.clone().into();
        fhir::json::parse_value(text, &fhir::json::Limits::default()).expect(&self.body)
    }

    fn has(&self, header: &str) -> bool {
        self.head.lines().any(|line| line.trim_end() == header)
    }

    /// Without the id of the request, which is random.
    fn blind(&self) -> (u16, String) {
        let id = self.head.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap();
        (self.status, self.body.replace(id.trim(), "ID"))
    }
}

async fn send(site: &Whole, method: &str, path: &str, token: &str, headers: &str, body: &str) -> Answer {
    let request = site.request(method, path, Some(token), headers, body);
    let mut stream = TcpStream::connect(site.requests).await.unwrap();
    let (status, head, body) = ask(&mut stream, &request).await.unwrap();
    Answer { status, head, body }
}

async fn get(site: &Whole, path: &str, token: &str) -> Answer {
    let path = path.strip_prefix(&format!("http://{}", site.requests)).unwrap_or(path);
    send(site, "GET", path, token, "", "").await
}

/// Ann says no, and then yes again: the id of her choice.
async fn changed(site: &Whole) -> String {
    let fhir = "content-type: application/fhir+json\r\n";
    let no = consent(ANN, &json!({"type": "deny"}));
    let made = send(site, "POST", "/fhir/Consent", &site.ann(), fhir, &no).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let over = no.replacen("\"active\"", "\"inactive\"", 1);
    let over = over.replacen('{', &format!("{{\"id\":\"{id}\","), 1);
    let headers = format!("{fhir}if-match: W/\"1\"\r\n");
    let path = format!("/fhir/Consent/{id}");
    let changed = send(site, "PUT", &path, &site.ann(), &headers, &over).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    id
}

fn of(records: &[Value], interaction: &str) -> Vec<Value> {
    let is_it = |record: &&Value| record["exchange"]["interaction"] == interaction;
    records.iter().filter(is_it).cloned().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_version_of_a_choice_is_read_as_it_was_and_recorded_as_read() {
    let site = Whole::with(one_patient).await;
    let running = site.start().await.unwrap();
    let id = changed(&site).await;
    for token in [site.ann(), site.staff_token("R5105")] {
        for (version, status) in [("1", "active"), ("2", "inactive")] {
            let read = get(&site, &format!("/fhir/Consent/{id}/_history/{version}"), &token).await;
            assert_eq!(read.status, 200, "{}", read.body);
            assert!(read.has(&format!("etag: W/\"{version}\"")), "{}", read.head);
            let told = read.json();
            assert_eq!((&told["meta"]["versionId"], &told["status"]), (&json!(version), &json!(status)));
        }
    }
    let now = get(&site, &format!("/fhir/Consent/{id}"), &site.ann()).await;
    let second = get(&site, &format!("/fhir/Consent/{id}/_history/2"), &site.ann()).await;
    assert_eq!(now.body, second.body, "the version that counts is the Consent");
    running.stop().await;
    let read = of(&site.records(), "vread");
    let hers: Vec<&Value> = read.iter().filter(|record| record["about"]["nhs_number"] == ANN).collect();
    assert_eq!((read.len(), hers.len()), (10, 5), "each in the trail of the person: {read:?}");
    let first =
        hers.iter().filter(|one| one["about"]["resources"] == json!([format!("Consent/{id}/_history/1")]));
    assert_eq!(first.count(), 2, "which version it was: {hers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_is_not_there_and_one_of_another_are_the_same_answer() {
    let site = Whole::with(one_patient).await;
    let running = site.start().await.unwrap();
    let id = changed(&site).await;
    let bob = site.herself(BOB, "Bob Example");
    let absent = get(&site, "/fhir/Consent/nothing/_history/1", &bob).await.blind();
    assert_eq!(absent.0, 404);
    for path in [format!("{id}/_history/1"), format!("{id}/_history/9"), format!("{id}/_history"), id.clone()]
    {
        let told = get(&site, &format!("/fhir/Consent/{path}"), &bob).await.blind();
        assert_eq!(told, absent, "{path}");
    }
    for version in ["3", "0", "01", "1.0", "99999999999999", "x"] {
        let read = get(&site, &format!("/fhir/Consent/{id}/_history/{version}"), &site.ann()).await;
        assert_eq!(read.status, 404, "{version}: {}", read.body);
    }
    for path in [format!("{id}/_history/1"), format!("{id}/_history")] {
        let read = get(&site, &format!("/fhir/Consent/{path}"), &site.consultant()).await;
        assert_eq!(read.status, 403, "who records and watches over no choices reads none: {}", read.body);
    }
    running.stop().await;
    let tried =
        |record: &&Value| record["about"]["nhs_number"] == ANN && record["about"]["refusal"].is_string();
    let tried: Vec<Value> = site.records().iter().filter(tried).cloned().collect();
    assert_eq!(
        tried.len(),
        5,
        "Bob by a version, the versions and the choice; the consultant twice: {tried:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_versions_of_a_choice_come_newest_first_in_pages() {
    let site = Whole::with(one_patient).await;
    let running = site.start().await.unwrap();
    let (id, other) = (changed(&site).await, changed(&site).await);
    let place = format!("/fhir/Consent/{id}/_history");
    let whole = get(&site, &place, &site.ann()).await;
    assert_eq!(whole.status, 200, "{}", whole.body);
    let told = whole.json();
    assert_eq!((&told["type"], &told["total"]), (&json!("history"), &json!(2)));
    let own = format!("http://{}{place}?_count=50", site.requests);
    assert_eq!(told["link"], json!([{"relation": "self", "url": own}]));
    let entries = told["entry"].as_array().unwrap();
    let said: Vec<Value> = entries
        .iter()
        .map(|one| json!([one["request"], one["response"], one["resource"]["meta"]["versionId"]]))
        .collect();
    let asked = |method: &str, url: &str| json!({"method": method, "url": url});
    let ended = |status: &str, etag: &str| json!({"status": status, "etag": etag});
    let now = json!([asked("PUT", &format!("Consent/{id}")), ended("200", "W/\"2\""), "2"]);
    let first = json!([asked("POST", "Consent"), ended("201", "W/\"1\""), "1"]);
    assert_eq!(said, [now, first]);
    let page = get(&site, &format!("{place}?_count=1"), &site.ann()).await.json();
    assert_eq!((&page["total"], page["entry"].as_array().unwrap().len()), (&json!(2), 1));
    let next = page["link"][1]["url"].as_str().unwrap().to_owned();
    let last = get(&site, &next, &site.ann()).await.json();
    assert_eq!(last["entry"][0]["resource"]["meta"]["versionId"], "1", "{last}");
    assert_eq!(last["link"].as_array().unwrap().len(), 1, "nothing follows: {last}");
    let of_other = next.replace(&id, &other);
    assert_eq!(get(&site, &of_other, &site.ann()).await.status, 400, "a cursor is of one Consent");
    assert_eq!(get(&site, &next, &site.staff_token("R5105")).await.status, 400, "and of who was given it");
    let none = get(&site, &format!("{place}?_since=2090-01-01T00:00:00Z"), &site.ann()).await.json();
    assert_eq!((&none["total"], &none["entry"]), (&json!(0), &Value::Null));
    running.stop().await;
    let read = of(&site.records(), "history-instance");
    let both = json!([format!("Consent/{id}/_history/2"), format!("Consent/{id}/_history/1")]);
    assert!(read.iter().any(|record| record["about"]["resources"] == both), "{read:?}");
}

/// The ids of what a search of Ann's choices finds, and its Bundle.
async fn search(site: &Whole, criteria: &str) -> (Vec<String>, Value) {
    let path = format!("/fhir/Consent?patient.identifier=nhs%7C{ANN}{criteria}");
    let found = get(site, &path, &site.staff_token("R5105")).await;
    assert_eq!(found.status, 200, "{criteria}: {}", found.body);
    let bundle = found.json();
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    assert_eq!(bundle["total"], entries.len(), "{bundle}");
    let ids = entries.iter().map(|entry| {
        let id = entry["resource"]["id"].as_str().unwrap().to_owned();
        assert_eq!(entry["fullUrl"], format!("http://{}/fhir/Consent/{id}", site.requests), "{entry}");
        id
    });
    (ids.collect(), bundle)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn choices_are_found_by_what_the_registry_can_answer_exactly() {
    let site = Whole::with(one_patient).await;
    let running = site.start().await.unwrap();
    let over = changed(&site).await;
    let fhir = "content-type: application/fhir+json\r\n";
    let no = consent(ANN, &json!({"type": "deny"}));
    let made = send(&site, "POST", "/fhir/Consent", &site.ann(), fhir, &no).await;
    let holds = made.json()["id"].as_str().unwrap().to_owned();
    let (both, active, ended) = (vec![over.clone(), holds.clone()], vec![holds.clone()], vec![over.clone()]);
    let nothing: Vec<String> = Vec::new();
    let said = made.json()["dateTime"].as_str().unwrap().to_owned();
    for (criteria, expected) in [
        (String::new(), &both),
        ("&status=active".to_owned(), &active),
        ("&status=inactive".to_owned(), &ended),
        ("&status=active,inactive".to_owned(), &both),
        ("&status:not=active".to_owned(), &ended),
        ("&status=rejected".to_owned(), &nothing),
        (format!("&_id={over}"), &ended),
        (format!("&_id={over},{holds}&status=active"), &active),
        ("&_id=other".to_owned(), &nothing),
        (format!("&date={said}"), &both),
        (format!("&date=gt{said}"), &nothing),
        ("&date=lt2000".to_owned(), &nothing),
        ("&_lastUpdated=gt2020-01-01".to_owned(), &both),
        ("&_lastUpdated=lt2020-01-01".to_owned(), &nothing),
    ] {
        assert_eq!(&search(&site, &criteria).await.0, expected, "{criteria}");
    }
    let (_, bundle) = search(&site, "&status=active").await;
    let own = format!(
        "http://{}/fhir/Consent?patient.identifier=https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C{ANN}&status=active",
        site.requests
    );
    assert_eq!(bundle["link"], json!([{"relation": "self", "url": own}]), "what was understood, all of it");
    let again = get(&site, &own, &site.ann()).await;
    assert_eq!(again.json()["entry"], bundle["entry"], "the link says the same search");
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let body = format!("patient%3Aidentifier=nhs%7C{ANN}&status=active");
    let posted = send(&site, "POST", "/fhir/Consent/_search", &site.ann(), form, &body).await.json();
    assert_eq!(posted["entry"], bundle["entry"], "{posted}");
    let of_another = format!("/fhir/Consent?patient.identifier=nhs%7C{BOB}&status=active");
    assert_eq!(get(&site, &of_another, &site.ann()).await.status, 403, "nobody else's are hers to search");
    running.stop().await;
    let hers = of(&site.records(), "search-type");
    let found =
        hers.iter().filter(|record| record["about"]["resources"] == json!([format!("Consent/{holds}")]));
    assert!(found.count() >= 3, "what was found is in her trail, and nothing else: {hers:?}");
}
