//! A refusal by rule stands in the trail of the person it concerns, also where it is about the gateway's own resources.

use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::front::ask;
use crate::support::holding::{ANN, NHS_NUMBER, condition, consent, held, holding, patient};
use crate::support::sharing::{BOB, answer, denies, parsed, says};
use crate::support::whole::{Whole, one_patient};

const JSON: &str = "content-type: application/fhir+json\r\n";

async fn send(
    site: &Whole,
    method: &str,
    path: &str,
    token: &str,
    headers: &str,
    body: &str,
) -> (u16, String, String) {
    let request = site.request(method, path, Some(token), headers, body);
    ask(&mut TcpStream::connect(site.requests).await.unwrap(), &request).await.unwrap()
}

/// How many entries of her trail tell Ann of something that was not shared.
async fn refusals_on_her_trail(site: &Whole) -> usize {
    let path = format!("/fhir/AuditEvent?patient.identifier={NHS_NUMBER}|{ANN}&_count=100");
    let (status, _, body) = site.get(&path, Some(&site.ann())).await;
    assert_eq!(status, 200, "{body}");
    let bundle = fhir::json::parse_value(body.into(), &fhir::json::Limits::default()).unwrap();
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    entries.iter().filter(|entry| entry["resource"]["outcome"] == "8").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_see_or_make_a_persons_choices_stands_in_her_trail() {
    let site = Whole::with(one_patient).await;
    let running = site.start().await.unwrap();
    let (consultant, recorder) = (site.consultant(), site.staff_token("R5105"));
    let choice = consent(ANN, &json!({"type": "deny"}));
    let (status, head, body) = send(&site, "POST", "/fhir/Consent", &recorder, JSON, &choice).await;
    assert_eq!(status, 201, "{body}");
    let place = head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    let place = place.split_once("/fhir/").unwrap().1.split("/_history").next().unwrap();
    let place = format!("/fhir/{place}");
    let hers = format!("patient.identifier={NHS_NUMBER}|{ANN}");
    let matched = format!("{JSON}if-match: W/\"1\"\r\n");
    let mut changed: Value =
        fhir::json::parse_value(choice.clone().into(), &fhir::json::Limits::default()).unwrap();
    changed["id"] = json!(place.rsplit('/').next().unwrap());
    let mut expected = 0;
    for (method, path, headers, body) in [
        ("GET", place.clone(), "", String::new()),
        ("GET", format!("/fhir/Consent?{hers}"), "", String::new()),
        ("GET", format!("/fhir/AuditEvent?{hers}"), "", String::new()),
        ("POST", "/fhir/Consent".to_owned(), JSON, choice.clone()),
        ("PUT", place.clone(), matched.as_str(), changed.to_string()),
    ] {
        let (status, _, told) = send(&site, method, &path, &consultant, headers, &body).await;
        assert_eq!(status, 403, "{method} {path}: {told}");
        expected += 1;
        assert_eq!(refusals_on_her_trail(&site).await, expected, "{method} {path}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_person_who_reaches_for_her_choice_stands_in_her_trail_and_learns_nothing() {
    let site = Whole::with(one_patient).await;
    let running = site.start().await.unwrap();
    let bob = "9990000026";
    let choice = consent(bob, &json!({"type": "deny"}));
    let (status, head, body) =
        send(&site, "POST", "/fhir/Consent", &site.staff_token("R5105"), JSON, &choice).await;
    assert_eq!(status, 201, "{body}");
    let place = head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    let id = place.split("/Consent/").nth(1).unwrap().split('/').next().unwrap();
    let (there, absent) = (
        send(&site, "GET", &format!("/fhir/Consent/{id}"), &site.ann(), "", "").await,
        send(&site, "GET", "/fhir/Consent/nothing", &site.ann(), "", "").await,
    );
    assert_eq!((there.0, there.2), (404, absent.2));
    let (status, _, body) = send(&site, "POST", "/fhir/Consent", &site.ann(), JSON, &choice).await;
    assert_eq!(status, 403, "{body}");
    running.stop().await;
    let records = site.records();
    for reason in ["not-found", "not-for-this-requestor"] {
        let is_leaf = |about: &Value| about["refusal"] == reason && about["nhs_number"] == bob;
        assert!(records.iter().any(|record| is_leaf(&record["about"])), "{reason}: {records:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_no_rule_allows_stands_in_the_trail_of_whom_it_is_about() {
    let site = Whole::with(one_patient).await;
    let running = site.start().await.unwrap();
    let body = json!({"resourceType": "Condition", "subject": {"identifier": {"system": NHS_NUMBER, "value": ANN}},
                      "code": {"text": "secret-problem"}});
    let (status, _, told) =
        send(&site, "POST", "/hospital/fhir/Condition", &site.consultant(), JSON, &body.to_string()).await;
    assert_eq!(status, 403, "{told}");
    assert_eq!(refusals_on_her_trail(&site).await, 1);
    running.stop().await;
    let told: String = site.entries().iter().map(ToString::to_string).collect();
    assert!(!told.contains("secret-problem"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_by_her_own_word_names_the_choice_in_the_evidence_and_to_nobody_who_asks() {
    let there = [patient("p1", ANN), patient("p2", BOB)];
    let (site, running) = crate::hidden::site("withheld", holding(&held(&there))).await;
    denies(&site, ANN).await;
    let hers = format!("patient.identifier={NHS_NUMBER}|{ANN}");
    let (_, _, choices) = site.get(&format!("/fhir/Consent?{hers}"), Some(&site.ann())).await;
    let id = parsed(&choices)["entry"][0]["resource"]["id"].as_str().unwrap().to_owned();
    let hidden = answer(&site, "/hospital/fhir/Patient/p1").await;
    assert_eq!(hidden.0, 404);
    assert_eq!(hidden, answer(&site, "/hospital/fhir/Patient/p9").await, "as if she were not there");
    let search = answer(&site, "/hospital/fhir/Patient?_id=p1,p2").await;
    assert!(search.0 == 200 && search.2.contains("Patient/p2"), "{}", search.2);
    for told in [&hidden, &search] {
        assert!(!format!("{told:?}").contains(&id), "{told:?}");
    }
    let path = format!("/fhir/AuditEvent?{hers}&outcome=8");
    let (_, _, refused) = site.get(&path, Some(&site.ann())).await;
    let refused: Vec<Value> = parsed(&refused)["entry"].as_array().cloned().unwrap_or_default();
    assert_eq!(refused.len(), 2, "{refused:?}");
    let named = json!({"reference": format!("http://{}/fhir/Consent/{id}", site.requests)});
    for event in refused.iter().map(|entry| &entry["resource"]) {
        let profile = event["meta"]["profile"][0].as_str().unwrap_or_default();
        assert!(profile.ends_with("IHE.BasicAudit.AuthZconsent"), "{event}");
        assert_eq!(event["outcomeDesc"], "consent-denied");
        let of_consent = event["entity"].as_array().unwrap().iter().filter(|entity| entity["what"] == named);
        assert_eq!(of_consent.count(), 1, "{event}");
    }
    running.stop().await;
    let denied = format!("denied Consent/{id}");
    let naming: Vec<Value> = site
        .records()
        .into_iter()
        .filter(|record| record["exchange"]["place"] == "hospital" && record.to_string().contains(&id))
        .collect();
    assert_eq!(naming.len(), 2, "{naming:?}");
    assert!(
        naming.iter().all(|record| record["about"]["nhs_number"] == ANN),
        "in her own leaf alone: {naming:?}"
    );
    assert!(naming.iter().all(|record| record["about"]["consent"] == denied.as_str()), "{naming:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denial_of_some_data_names_the_choice_where_it_kept_something_back_and_to_nobody_who_asks() {
    let problems = [condition("c1", "p1", "11111111", &["HIV"]), condition("c2", "p2", "11111111", &["HIV"])];
    let there = [vec![patient("p1", ANN), patient("p2", BOB)], problems.to_vec()].concat();
    let (site, running) = crate::hidden::site("withheld", holding(&held(&there))).await;
    let label = json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV"}]);
    let but = json!({"type": "deny", "securityLabel": label});
    says(&site, ANN, &json!({"type": "permit", "provision": [but]})).await;
    let hers = format!("patient.identifier={NHS_NUMBER}|{ANN}");
    let (_, _, choices) = site.get(&format!("/fhir/Consent?{hers}"), Some(&site.ann())).await;
    let id = parsed(&choices)["entry"][0]["resource"]["id"].as_str().unwrap().to_owned();
    let told = [
        answer(&site, "/hospital/fhir/Patient/p1").await,
        answer(&site, "/hospital/fhir/Condition?patient=p1,p2").await,
        answer(&site, "/hospital/fhir/Condition/c1").await,
    ];
    assert_eq!(told.each_ref().map(|told| told.0), [200, 200, 404]);
    assert_eq!(told[2], answer(&site, "/hospital/fhir/Condition/c9").await, "as if it were not there");
    for told in &told {
        assert!(!format!("{told:?}").contains(&id), "{told:?}");
    }
    let (_, _, trail) = site.get(&format!("/fhir/AuditEvent?{hers}"), Some(&site.ann())).await;
    let events: Vec<Value> = parsed(&trail)["entry"].as_array().unwrap().clone();
    let events: Vec<&Value> = events
        .iter()
        .map(|entry| &entry["resource"])
        .filter(|event| event.to_string().contains(&id))
        .collect();
    let limits = |event: &&&Value| event.to_string().contains(r#""type":"limited-by""#);
    let refused = |event: &&&Value| {
        let profile = event["meta"]["profile"][0].as_str().unwrap_or_default();
        profile.ends_with("IHE.BasicAudit.AuthZconsent") && event["outcomeDesc"] == "consent-denied"
    };
    assert_eq!(events.iter().filter(limits).count(), 1, "of the search: {events:?}");
    assert_eq!(events.iter().filter(refused).count(), 1, "of the read: {events:?}");
    running.stop().await;
    let records = site.records();
    let naming: Vec<&Value> = records
        .iter()
        .filter(|record| record["exchange"]["place"] == "hospital" && record.to_string().contains(&id))
        .map(|record| &record["about"])
        .collect();
    assert!(naming.iter().all(|about| about["nhs_number"] == ANN), "in her own leaf alone: {naming:?}");
    let said = |about: &&&Value| (about["limited_by"].clone(), about["consent"].clone());
    let named = format!("Consent/{id}");
    let permitted = json!(format!("explicit {named}"));
    let of_patient = (Value::Null, permitted.clone());
    let of_search = (json!([named]), permitted);
    let of_read = (Value::Null, json!(format!("denied {named}")));
    assert_eq!(naming.iter().map(|about| said(&about)).collect::<Vec<_>>(), [of_patient, of_search, of_read]);
}
