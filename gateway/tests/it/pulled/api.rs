//! A case system with an API of its own that answers in JSON.

use std::sync::{Arc, Mutex};

use gateway::serve::Running;

use super::settings::faults_of;
use super::support::{ANN, BOB, TABLES, get, texts, write};
use crate::support::sharing::{agreement, denies};
use crate::support::upstream::{Play, Seen, System};
use crate::support::whole::{Whole, one_patient};

const CASES: &str = r#"
mapping = "cases"
[source]
format = "json"
records = "residents"
dates = ["YYYY-MM-DD"]
[[resource]]
type = "Patient"
name = "resident"
id_from = ["caseId"]
[resource.elements]
"identifier[nhs]" = { from = "nhsNumber", system = "https://fhir.nhs.uk/Id/nhs-number" }
"identifier[local]" = { from = "caseId", system = "urn:id:cases" }
"name.family" = { from = "lastName" }
"birthDate" = { from = "born" }
[[resource]]
type = "Encounter"
name = "visit"
each = "visits"
id_from = ["/caseId", "no"]
[resource.elements]
"status" = { fixed = "finished" }
"class" = { fixed = "HH", system = "http://terminology.hl7.org/CodeSystem/v3-ActCode" }
"subject" = { reference = "resident" }
"period.start" = { from = "on" }
"reasonCode.text" = { from = "note" }
"#;

const SOURCE: &str = r#"
[[system]]
name = "council"
organisation = "ods:RX1"
protocol = "mapped"
ids = "keys"
trusted_identity = true
timeout_ms = 300000
[[system.source]]
mapping = "cases.toml"
api = "http://API/v2"
credentials = { bearer = "api.token" }
next = "links/next"
[[system.source.ask]]
type = "Patient"
by = "_id"
path = "/residents/{id}"
[[system.source.ask]]
type = "Patient"
by = "identifier"
path = "/residents?nhs={nhs-number}"
[[system.source.ask]]
type = "Encounter"
by = "_id"
path = "/residents/{id}"
[[system.source.ask]]
type = "Encounter"
by = "patient"
path = "/residents/{id}"
[limits]
exchange_timeout_ms = 600000
"#;

fn resident(case: &str, number: &str, name: &str) -> String {
    format!(
        r#"{{"caseId":"{case}","nhsNumber":"{number}","lastName":"{name}","born":"1950-01-01","visits":[{{"no":1,"on":"2026-01-02","place":"HH","note":"secret-canary"}},{{"no":2,"on":"2026-03-04","place":"HH","note":"secret-canary"}}]}}"#
    )
}

fn answer(status: &str, body: &str) -> Play {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json; charset=utf-8\r\n");
    Play::Bytes(format!("{head}content-length: {length}\r\n\r\n{body}").into_bytes())
}

/// An API that pages what it finds by number: the first page is of somebody else and leads to the second.
fn script(seen: &Seen) -> Play {
    let (ann, bob) = (resident("C-1", ANN, "Example"), resident("C-2", BOB, "Other"));
    let found =
        |residents: &str| answer("200 OK", &format!("{{\"residents\":[{residents}],\"links\":{{}}}}"));
    match seen.line.split(' ').nth(1).unwrap_or_default() {
        "/v2/residents/C-1" => found(&ann),
        "/v2/residents/C-2" => found(&bob),
        "/v2/residents?nhs=9990000018" => answer(
            "200 OK",
            &format!("{{\"residents\":[{bob}],\"links\":{{\"next\":\"/residents?nhs=9990000018&page=2\"}}}}"),
        ),
        "/v2/residents?nhs=9990000018&page=2" => found(&ann),
        "/v2/residents?nhs=9990000026" => found(&bob),
        path if path.starts_with("/v2/residents?nhs=") => found(""),
        _ => answer("404 Not Found", "{}"),
    }
}

/// What an API does, in words and in bytes.
type Plays = (&'static str, fn() -> Play);
type Script = Arc<Mutex<Box<dyn Fn(&Seen) -> Play + Send + Sync>>>;

async fn site_on(existence: &str, api: &System) -> Whole {
    let site = Whole::with(one_patient).await;
    site.agrees(&agreement(existence, TABLES));
    write(&site, "cases.toml", CASES);
    write(&site, "api.token", "open-sesame\n");
    site.also_set(&SOURCE.replace("API", &api.address.to_string()));
    site
}

async fn started(existence: &str) -> (Whole, Running, System, Script) {
    let playing: Script = Arc::new(Mutex::new(Box::new(script)));
    let played = Arc::clone(&playing);
    let api = System::start(None, move |seen, _| (played.lock().unwrap())(seen)).await;
    let site = site_on(existence, &api).await;
    let running = site.start().await.unwrap();
    (site, running, api, playing)
}

#[tokio::test]
async fn an_api_is_read_and_searched_as_it_can_be_asked() {
    let (site, _running, api, _) = started("open").await;
    let read = get(&site, "/Patient/C-1").await;
    assert_eq!((read.status, read.body["birthDate"].as_str()), (200, Some("1950-01-01")), "{}", read.body);
    assert_eq!(get(&site, "/Encounter/C-1.2").await.body["period"]["start"], "2026-03-04");
    let nhs = "https://fhir.nhs.uk/Id/nhs-number|";
    for (search, found) in [
        (format!("/Patient?identifier={nhs}{ANN}"), vec!["Patient/C-1"]),
        ("/Encounter?patient=C-1".to_owned(), vec!["Encounter/C-1.1", "Encounter/C-1.2"]),
        ("/Encounter?patient=C-1&date=sa2026-02-01".to_owned(), vec!["Encounter/C-1.2"]),
    ] {
        let answer = get(&site, &search).await;
        let found: Vec<String> = found.into_iter().map(str::to_owned).collect();
        assert_eq!((answer.status, answer.found("match")), (200, found), "{search}: {}", answer.body);
    }
    assert_eq!(get(&site, "/Patient/C-9").await.status, 404);
    for seen in api.seen() {
        assert_eq!(seen.header("authorization"), Some("Bearer open-sesame"), "{}", seen.line);
        assert_eq!(seen.header("accept"), Some("application/json"), "{}", seen.line);
        assert!(seen.line.starts_with("GET /v2/residents"), "{}", seen.line);
    }
}

#[tokio::test]
async fn what_the_api_cannot_be_asked_is_refused_and_never_asked() {
    let (site, _running, api, _) = started("open").await;
    for search in [
        "/Patient?family=example&birthdate=1950-01-01",
        "/Patient?identifier=urn:id:cases|C-1",
        "/Patient?identifier=9990000018",
    ] {
        let answer = get(&site, search).await;
        assert_eq!(answer.status, 403, "{search}: {}", answer.body);
        assert!(texts(&answer.body).iter().any(|text| text.contains("not served")), "{}", answer.body);
    }
    assert!(api.seen().is_empty());
    for value in ["..", "C-1/../C-2", "C-1?all=1", "C-1%0d%0aX: y", "C-1#", "%2e%2e"] {
        let value: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for path in [format!("/Encounter?patient={value}"), format!("/Patient?_id={value}")] {
            let answer = get(&site, &path).await;
            assert!(answer.found("match").is_empty() && matches!(answer.status, 200 | 400 | 403), "{path}");
        }
    }
    for seen in api.seen() {
        let path = seen.line.split(' ').nth(1).unwrap();
        assert!(
            path.starts_with("/v2/residents") && !path.contains("/../") && !path.ends_with(".."),
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_api_that_fails_or_moved_is_an_outage() {
    let (site, _running, api, playing) = started("open").await;
    let plays: [Plays; 7] = [
        ("it failed", || answer("500 Internal Server Error", "{}")),
        ("it does not know the gateway", || answer("401 Unauthorized", "{}")),
        ("no JSON", || answer("200 OK", "<html>")),
        ("nothing at the path of the records", || answer("200 OK", "{\"people\":[]}")),
        ("a link elsewhere", || {
            answer("200 OK", "{\"residents\":[],\"links\":{\"next\":\"https://evil.example/\"}}")
        }),
        ("a link that climbs", || {
            answer("200 OK", "{\"residents\":[],\"links\":{\"next\":\"/residents/%2e%2E/%2e%2e/admin\"}}")
        }),
        ("a link to itself", || {
            answer("200 OK", "{\"residents\":[],\"links\":{\"next\":\"/residents/C-1\"}}")
        }),
    ];
    for (what, play) in plays {
        *playing.lock().unwrap() = Box::new(move |_| play());
        for path in ["/Patient/C-1", "/Encounter?patient=C-1"] {
            let answer = get(&site, path).await;
            assert_eq!(answer.status, 502, "{what}, {path}: {}", answer.body);
        }
    }
    *playing.lock().unwrap() = Box::new(|_| answer("404 Not Found", "{}"));
    let search = format!("/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|{ANN}");
    assert_eq!(get(&site, &search).await.status, 502, "the whole place has moved");
    assert!(api.seen().iter().all(|seen| !seen.line.contains("admin")));
}

#[tokio::test]
async fn a_further_page_counts_from_the_root_too_and_one_that_is_missing_is_an_outage() {
    let (site, _running, _api, playing) = started("open").await;
    let search = format!("/Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|{ANN}");
    for next in ["/residents?page=2", "/v2/residents?page=2", "http://API/v2/residents?page=2"] {
        *playing.lock().unwrap() = Box::new(move |seen| {
            let api = seen.header("host").unwrap();
            let next = next.replace("API", api);
            match seen.line.split(' ').nth(1).unwrap_or_default() {
                "/v2/residents?page=2" => {
                    let ann = resident("C-1", ANN, "Example");
                    answer("200 OK", &format!("{{\"residents\":[{ann}],\"links\":{{}}}}"))
                }
                path if path.starts_with("/v2/residents?nhs=") => {
                    answer("200 OK", &format!("{{\"residents\":[],\"links\":{{\"next\":\"{next}\"}}}}"))
                }
                _ => script(seen),
            }
        });
        let answer = get(&site, &search).await;
        assert_eq!(answer.found("match"), ["Patient/C-1"], "{next}: {}", answer.body);
    }
    *playing.lock().unwrap() = Box::new(|seen| match seen.line.contains("page=2") {
        true => answer("404 Not Found", "{}"),
        false => {
            let ann = resident("C-1", ANN, "Example");
            let links = "{\"next\":\"/residents/C-1?page=2\"}";
            answer("200 OK", &format!("{{\"residents\":[{ann}],\"links\":{links}}}"))
        }
    });
    for path in ["/Patient/C-1", "/Encounter?patient=C-1"] {
        let answer = get(&site, path).await;
        assert_eq!(answer.status, 502, "{path}: {}", answer.body);
    }
}

/// The pages of one resident, a visit on each.
fn paged(seen: &Seen, pages: usize) -> Play {
    let path = seen.line.split(' ').nth(1).unwrap_or_default();
    let (case, page) = path.trim_start_matches("/v2/residents/").split_once("?page=").unwrap_or(("C-1", "1"));
    let page: usize = page.parse().unwrap();
    let (ann, visits) = resident(case, ANN, "Example")
        .split_once("\"visits\":")
        .map_or_else(|| panic!("visits"), |(before, visits)| (before.to_owned(), visits.to_owned()));
    let visits = visits
        .replace("\"no\":1", &format!("\"no\":{}", page * 2))
        .replace("\"no\":2,\"on\":\"2026-03-04\"", &format!("\"no\":{},\"on\":\"2026-03-04\"", page * 2 + 1));
    let next = match page < pages {
        true => format!("{{\"next\":\"/residents/{case}?page={}\"}}", page + 1),
        false => "{}".to_owned(),
    };
    answer("200 OK", &format!("{{\"residents\":[{ann}\"visits\":{visits}],\"links\":{next}}}"))
}

#[tokio::test]
async fn a_resident_with_many_pages_is_read_to_the_end() {
    let (site, _running, api, playing) = started("open").await;
    *playing.lock().unwrap() = Box::new(|seen| paged(seen, 12));
    let answer = get(&site, "/Encounter?patient=C-1&_count=50").await;
    assert_eq!(answer.found("match").len(), 24, "{} {:?}", answer.body, api.seen().last());
    assert_eq!(get(&site, "/Patient/C-1").await.status, 200);
}

#[tokio::test]
async fn who_denies_is_hidden_behind_an_api_too() {
    let (site, _running, _api, _) = started("withheld").await;
    assert_eq!(get(&site, "/Patient/C-2").await.status, 200);
    denies(&site, BOB).await;
    let (hidden, absent) = (get(&site, "/Patient/C-2").await, get(&site, "/Patient/C-9").await);
    assert_eq!((hidden.status, texts(&hidden.body)), (absent.status, texts(&absent.body)));
    assert!(get(&site, "/Encounter?patient=C-2").await.found("match").is_empty());
}

#[tokio::test]
async fn what_an_api_seals_of_one_resident_hides_nothing_of_another_and_tells_nothing() {
    let (site, _running, api, playing) = started("withheld").await;
    *playing.lock().unwrap() = Box::new(|seen| match seen.line.split(' ').nth(1).unwrap_or_default() {
        path if path.contains("C-2") || path.contains(BOB) => answer("403 Forbidden", "{}"),
        _ => script(seen),
    });
    for path in ["/Patient?_id=C-1,X", "/Patient?_id=X,C-1", "/Encounter?patient=C-1,X"] {
        let sealed = get(&site, &path.replace('X', "C-2")).await;
        assert!(api.seen().iter().any(|seen| seen.line.contains("C-2")), "{path}");
        let absent = get(&site, &path.replace('X', "C-9")).await;
        assert_eq!((sealed.status, sealed.found("match")), (200, absent.found("match")), "{path}");
        assert!(!sealed.found("match").is_empty(), "{path}: {}", sealed.body);
        assert_eq!(texts(&sealed.body), texts(&absent.body), "{path}");
    }
}

#[tokio::test]
async fn what_an_api_needs_is_told_before_it_is_asked() {
    let api = System::start(None, |seen, _| script(seen)).await;
    let site = site_on("open", &api).await;
    for (from, to, said) in [
        ("by = \"identifier\"", "by = \"birthdate\"", "how the API is asked for Patient by identifier"),
        (
            "type = \"Encounter\"\nby = \"patient\"",
            "type = \"Encounter\"\nby = \"date\"",
            "for Encounter by patient",
        ),
        ("path = \"/residents?nhs={nhs-number}\"", "path = \"/residents?nhs=1\"", "one {id} or {nhs-number}"),
        ("by = \"identifier\"", "by = \"nhs\"", "no such search parameter"),
        ("ids = \"keys\"\n", "", "an API cannot be asked for a digest"),
        ("mapping = \"cases.toml\"", "mapping = \"ssda903-xml\"", "an API answers in JSON"),
        ("next = \"links/next\"", "folder = \"drop\"", "does not go with `api`"),
        ("api = \"http://127", "api = \"https://127", "must name the authorities"),
        ("bearer = \"api.token\"", "bearer = \"no.token\"", "there is no such file"),
    ] {
        let told = faults_of(&site, from, to);
        assert!(told.contains(said), "{to}: {told:?} does not say {said:?}");
    }
}
