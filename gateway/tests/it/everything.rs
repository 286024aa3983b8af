//! Everything about one person, through the whole gateway: what the searches it stands for would have shown.

use serde_json::{Value, json};

use crate::support::asking::{Answer, answered, get, site_with};
use crate::support::holding::{ANN, Held, NHS_NUMBER, condition, held, holding, patient};
use crate::support::sharing::says;
use crate::support::upstream::{Play, Seen, fhir};
use crate::together::{BOB, blind};

const TABLES: &str = r#"
[share.person.Patient]
identifier = "to be sure it is the right person"
name = "to address the person"
[share.person.Condition]
code = "what care is needed for"
where = { not_labelled = ["PSY"] }
[share.person.Observation]
code = "what was measured"
"value[x]" = "how it came out"
"effective[x]" = "when"
[share.person.Procedure]
code = "what was done"
[share.person.AllergyIntolerance]
code = "what to keep away"
[share.person.Practitioner]
name = "whom to ask"
"#;

fn of_ann(kind: &str, id: &str, more: &Value) -> Value {
    let mut resource = json!({"resourceType": kind, "id": id, "subject": {"reference": "Patient/p1"},
           "code": {"text": format!("{kind} {id}")}, "note": [{"text": "CANARY-NOTE"}]});
    if kind == "AllergyIntolerance" {
        resource["patient"] = resource["subject"].take();
        resource.as_object_mut().unwrap().remove("subject");
    }
    resource.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    resource
}

fn observation(id: &str, on: &str) -> Value {
    of_ann("Observation", id, &json!({"status": "final", "effectiveDateTime": on, "valueString": "7"}))
}

fn hospital() -> Held {
    let mut mind = condition("c2", "p1", "22", &["PSY"]);
    mind["code"]["text"] = json!("CANARY-MIND");
    held(&[
        patient("p1", ANN),
        patient("p2", BOB),
        condition("c1", "p1", "11", &[]),
        condition("c9", "p2", "99", &[]),
        mind,
        observation("o1", "2025-01-01"),
        observation("o2", "2026-01-01"),
        of_ann("Procedure", "pr1", &json!({"status": "completed", "performedDateTime": "2020-01-01"})),
        of_ann("AllergyIntolerance", "a1", &json!({"recordedDate": "2001-01-01"})),
        of_ann("Flag", "f1", &json!({"status": "active", "code": {"text": "CANARY-FLAG"}})),
        json!({"resourceType": "Practitioner", "id": "dr", "name": [{"family": "CANARY-DOCTOR"}]}),
    ])
}

/// Honest, also about allergies, which name their person in another element.
fn script(held: &Held) -> impl Fn(&Seen) -> Play + Send + Sync + 'static {
    let (honest, held) = (holding(held), Held::clone(held));
    move |seen| match seen.line.contains("/AllergyIntolerance/_search") && seen.body.contains("p1") {
        true => {
            let held = held.lock().unwrap();
            let of_kind = held.iter().filter(|one| one["resourceType"] == "AllergyIntolerance");
            let entries: Vec<Value> = of_kind.map(|one| json!({"resource": one})).collect();
            let page = json!({"resourceType": "Bundle", "type": "searchset", "entry": entries});
            Play::Bytes(fhir("200 OK", &page.to_string()))
        }
        false => honest(seen),
    }
}

const ALL: [&str; 6] = [
    "Patient/p1",
    "AllergyIntolerance/a1",
    "Condition/c1",
    "Observation/o1",
    "Observation/o2",
    "Procedure/pr1",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_what_the_searches_would_have_shown_and_nothing_more() {
    let (site, running) = site_with("open", TABLES, script(&hospital())).await;
    let answer = get(&site, "/Patient/p1/$everything").await;
    assert_eq!((answer.status, &answer.body["type"]), (200, &json!("searchset")), "{}", answer.body);
    assert_eq!(answer.found("match"), ALL);
    assert_eq!(answer.body["total"], json!(ALL.len()));
    assert!(!answer.body.to_string().contains("CANARY"), "{}", answer.body);
    let mut one_by_one = Vec::new();
    for search in [
        "Patient?_id=p1",
        "AllergyIntolerance?patient=p1",
        "Condition?patient=p1",
        "Observation?patient=p1",
        "Procedure?patient=p1",
    ] {
        let found = get(&site, &format!("/{search}")).await;
        one_by_one.extend(found.entries().into_iter().filter(|entry| entry["search"]["mode"] == "match"));
    }
    let of_all = answer.entries().into_iter().filter(|entry| entry["search"]["mode"] == "match");
    assert_eq!(of_all.collect::<Vec<_>>(), one_by_one, "the very same");
    let sensitive = "entries marked as sensitive were left out";
    assert!(answer.body.to_string().contains(sensitive), "{}", answer.body);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_one_share_with_all_that_was_shared_in_its_record() {
    let (site, running) = site_with("open", TABLES, script(&hospital())).await;
    let answer = get(&site, "/Patient/p1/$everything?_type=Observation,Condition").await;
    assert_eq!(answer.found("match"), ["Condition/c1", "Observation/o1", "Observation/o2"]);
    let trail = answered(
        site.get(&format!("/fhir/AuditEvent?patient.identifier={NHS_NUMBER}|{ANN}"), Some(&site.ann())).await,
    );
    let event = trail.entries()[0]["resource"].clone();
    assert_eq!(event["subtype"][0]["code"], "operation", "{event}");
    assert_eq!(event["subtype"][1]["code"], "everything", "{event}");
    let told = event.to_string();
    assert!(told.contains("Observation (2)") && told.contains("Condition (1)"), "{told}");
    running.stop().await;
    let records = site.records();
    let named: Vec<&Value> =
        records.iter().filter(|one| one["exchange"]["request_id"] == json!(answer.request_id())).collect();
    assert_eq!(named.len(), 2, "one for the exchange, one for her: {named:?}");
    assert_eq!(named[0]["exchange"]["interaction"], "everything");
    assert_eq!(named[1]["about"]["resources"], json!(["Condition/c1", "Observation/o1", "Observation/o2"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_it_are_cut_from_the_view_and_sealed_to_who_asks() {
    let (site, running) = site_with("open", TABLES, script(&hospital())).await;
    let (mut path, mut found) = ("/Patient/p1/$everything?_count=2&start=2019".to_owned(), Vec::new());
    loop {
        let Answer { status, body, .. } = get(&site, &path).await;
        assert_eq!((status, &body["total"]), (200, &json!(ALL.len())), "{body}");
        let matches =
            body["entry"].as_array().unwrap().iter().filter(|entry| entry["search"]["mode"] == "match");
        let page: Vec<String> =
            matches.map(|entry| crate::support::asking::name(&entry["resource"])).collect();
        assert_eq!(page.len(), 2, "{body}");
        found.extend(page);
        let links = body["link"].as_array().unwrap();
        let Some(next) = links.iter().find(|link| link["relation"] == "next") else { break };
        path = next["url"].as_str().unwrap().split("/hospital/fhir").nth(1).unwrap().to_owned();
        assert!(path.contains("_cursor=") && !path.contains("2019"), "{path}");
        let of_another = path.replace("p1", "p2");
        assert_eq!(get(&site, &of_another).await.status, 400, "a cursor is of one person");
        assert_eq!(get(&site, &format!("{path}&_count=9")).await.status, 400);
    }
    assert_eq!(found, ALL);
    let first = get(&site, "/Patient/p1/$everything?_count=2").await;
    let next =
        first.body["link"][1]["url"].as_str().unwrap().split("/hospital/fhir").nth(1).unwrap().to_owned();
    let labels = [json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV"})];
    says(&site, ANN, &json!({"type": "deny", "securityLabel": labels})).await;
    assert_eq!(get(&site, &next).await.status, 400, "a choice between two pages starts it again");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn care_dates_narrow_what_shows_its_date_and_leave_the_rest() {
    let (site, running) = site_with("open", TABLES, script(&hospital())).await;
    let found =
        async |query: &str| get(&site, &format!("/Patient/p1/$everything?{query}")).await.found("match");
    let without = |left_out: &[&str]| -> Vec<String> {
        ALL.iter().filter(|one| !left_out.contains(one)).map(|one| (*one).to_owned()).collect()
    };
    assert_eq!(found("start=2025-06-01").await, without(&["Observation/o1"]));
    assert_eq!(found("end=2025-06-01").await, without(&["Observation/o2"]));
    assert_eq!(found("start=2025-02&end=2025-06").await, without(&["Observation/o1", "Observation/o2"]));
    let asked: Vec<String> = site
        .hospital
        .seen()
        .into_iter()
        .filter(|seen| seen.line.contains("Procedure"))
        .map(|seen| seen.body)
        .collect();
    assert!(asked.iter().all(|body| !body.contains("date")), "its date is hidden: {asked:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_rules_refuse_no_system_hears_of() {
    let (site, running) = site_with("open", TABLES, script(&hospital())).await;
    for (path, reason) in [
        ("/Patient/p1/$everything?_type=Flag", "type-not-shared"),
        ("/Patient/p1/$everything?_type=Condition,Flag", "type-not-shared"),
        ("/Patient/p1/$everything?_type=Practitioner", "type-not-shared"),
        // When something changed, and be it what is hidden, is not shown.
        ("/Patient/p1/$everything?_since=2026-01-01T00:00:00Z", "since-reads-hidden-element"),
    ] {
        let answer = get(&site, path).await;
        assert_eq!(answer.status, 403, "{path} {}", answer.body);
        assert_eq!(site.hospital.seen().len(), 0, "{path}");
        let named = |record: &&Value| {
            record["about"]["patient"] == "Patient/p1" && record["exchange"]["reason"] == reason
        };
        assert!(site.records().iter().any(|record| named(&record)), "it stands in her trail: {path}");
    }
    let (status, _, body) =
        site.get("/hospital/fhir/Patient/p1/$everything", Some(&site.staff_token("R8014"))).await;
    assert_eq!(status, 403, "{body}");
    assert_eq!(site.hospital.seen().len(), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_since_is_told_where_when_it_changed_is_shown_and_refused_with_what_to_do_elsewhere() {
    let mut old = condition("old", "p1", "11", &[]);
    old["meta"]["lastUpdated"] = json!("2020-01-01T00:00:00Z");
    let mut new = condition("new", "p1", "11", &[]);
    new["meta"]["lastUpdated"] = json!("2026-06-01T00:00:00Z");
    let tables = TABLES.replace(
        "[share.person.Condition]\n",
        "[share.person.Condition]\n\"meta.lastUpdated\" = \"to fetch what is new only\"\n",
    );
    let held = held(&[patient("p1", ANN), old, new, observation("o1", "2026-07-01")]);
    let (site, running) = site_with("open", &tables, script(&held)).await;
    let since = "_since=2026-01-01T00:00:00Z";
    let answer = get(&site, &format!("/Patient/p1/$everything?_type=Condition&{since}")).await;
    assert_eq!(answer.found("match"), ["Condition/new"], "the system narrows nothing: {}", answer.body);
    for types in ["", "_type=Condition,Observation&"] {
        let answer = get(&site, &format!("/Patient/p1/$everything?{types}{since}")).await;
        let told = answer.body["issue"][0]["details"]["text"].as_str().unwrap().to_owned();
        assert_eq!(answer.status, 403, "{}", answer.body);
        assert!(told.contains("leave _since out") && told.contains("_type"), "{told}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_hidden_is_as_somebody_absent() {
    let held = hospital();
    let (site, running) = site_with("withheld", TABLES, script(&held)).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let ask = async |id: &str| {
        let Answer { status, body, .. } = get(&site, &format!("/Patient/{id}/$everything")).await;
        (status, blind(&json!(body.to_string().replace(id, "WHO"))).to_string().replace("ID", ""))
    };
    let (hidden, absent) = (ask("p2").await, ask("p9").await);
    assert_eq!((hidden.0, absent.0), (200, 200));
    let strip = |text: &str| {
        let value = fhir::json::parse_value(text.to_owned().into(), &fhir::json::Limits::default()).unwrap();
        let inner = value.as_str().unwrap().to_owned();
        let mut inner = fhir::json::parse_value(inner.into(), &fhir::json::Limits::default()).unwrap();
        inner["id"] = json!("");
        inner
    };
    assert_eq!(strip(&hidden.1), strip(&absent.1));
    running.stop().await;
    let refused = |record: &Value| {
        record["about"]["refusal"] == "consent-denied" && record["about"]["nhs_number"] == BOB
    };
    assert!(site.records().iter().any(refused), "it stands in his trail");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_who_says_no_is_refused_where_that_may_be_told() {
    let (site, running) = site_with("open", TABLES, script(&hospital())).await;
    says(&site, ANN, &json!({"type": "deny"})).await;
    let answer = get(&site, "/Patient/p1/$everything").await;
    assert_eq!((answer.status, answer.entries().len()), (403, 0), "{}", answer.body);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_that_gives_what_nobody_asked_for_gives_nothing() {
    let canary = |kind: &str, of: &str| {
        let resource = of_ann(kind, "x1", &json!({"subject": {"reference": of}, "code": {"text": "CANARY"}}));
        json!({"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": resource}]}).to_string()
    };
    for (lie, status) in [
        (fhir("200 OK", &canary("Observation", "Patient/p2")), 502),
        (fhir("200 OK", &canary("Flag", "Patient/p1")), 502),
        (fhir("200 OK", "{\"resourceType\":\"OperationOutcome\"}"), 502),
        (fhir("500 Internal Server Error", "{\"text\":\"CANARY\"}"), 502),
    ] {
        let honest = script(&hospital());
        let lies = move |seen: &Seen| match seen.line.contains("/Observation/_search") {
            true => Play::Bytes(lie.clone()),
            false => honest(seen),
        };
        let (site, running) = site_with("open", TABLES, lies).await;
        let answer = get(&site, "/Patient/p1/$everything").await;
        assert_eq!((answer.status, answer.entries().len()), (status, 0), "{}", answer.body);
        assert!(!answer.body.to_string().contains("CANARY"));
        running.stop().await;
    }
}

/// One page with more than is read at once.
fn huge(kind: &str) -> Vec<u8> {
    let entries = vec![json!({"resource": of_ann(kind, "x1", &json!({}))}); 5_001];
    let page = json!({"resourceType": "Bundle", "type": "searchset", "entry": entries});
    fhir("200 OK", &page.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_type_that_cannot_be_had_whole_is_left_out_by_name_and_blocks_nothing() {
    let none = r#"{"resourceType":"OperationOutcome"}"#;
    let not_searched = "the system cannot be searched for Observation: it may hold such resources";
    let too_much =
        "there is more of Observation than is read at once: nothing of it is here, search for it by itself";
    for (says_no, told) in [
        (fhir("404 Not Found", none), not_searched),
        (fhir("403 Forbidden", none), not_searched),
        (huge("Observation"), too_much),
    ] {
        let honest = script(&hospital());
        let without = move |seen: &Seen| match seen.line.contains("/Observation/_search") {
            true => Play::Bytes(says_no.clone()),
            false => honest(seen),
        };
        let (site, running) = site_with("open", TABLES, without).await;
        let answer = get(&site, "/Patient/p1/$everything?_count=1").await;
        assert_eq!((answer.status, &answer.body["total"]), (200, &json!(ALL.len() - 2)), "{}", answer.body);
        let answer = get(&site, "/Patient/p1/$everything").await;
        let others = ALL.iter().filter(|name| !name.starts_with("Observation"));
        assert_eq!(answer.found("match"), others.copied().collect::<Vec<_>>());
        assert!(answer.body.to_string().contains(told), "{told}: {}", answer.body);
        running.stop().await;
        let is_named = |record: &Value| record["about"]["withheld"].to_string().contains("type-not-searched");
        assert!(site.records().iter().any(is_named), "{:?}", site.records());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_a_system_answers_about_strangers_does_not_tell_the_hidden_from_them() {
    let honest = script(&hospital());
    let of_some = move |seen: &Seen| match seen.line.contains("_search") {
        true if seen.body.contains("p9") && !seen.line.contains("/Patient/") => {
            Play::Bytes(fhir("404 Not Found", r#"{"resourceType":"OperationOutcome"}"#))
        }
        true if seen.body.contains("p2") && seen.line.contains("/Observation/") => {
            Play::Bytes(huge("Observation"))
        }
        _ => honest(seen),
    };
    let (site, running) = site_with("withheld", TABLES, of_some).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let ask = async |id: &str| {
        let answer = get(&site, &format!("/Patient/{id}/$everything")).await;
        let outcome = answer.entries().pop().unwrap()["resource"]["issue"].clone();
        (answer.status, answer.entries().len(), answer.body["total"].clone(), outcome)
    };
    assert_eq!(ask("p2").await, ask("p9").await);
    running.stop().await;
}
