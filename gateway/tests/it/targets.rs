//! A reference tells that what it leads to is there: through the whole gateway, one to what is hidden is as none.

use std::sync::{Arc, Mutex};

use gateway::serve::Running;
use serde_json::{Value, json};

use crate::support::holding::{ANN, Held, NHS_NUMBER, condition, held, holding, patient};
use crate::support::sharing::{self, BOB, LONG, agreement, references, says, timeless};
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;

const TABLES: &str = r#"[share.person.Patient]
name = "to address the person"
[share.person.Condition]
code = "what care is needed for"
encounter = "in which stay it was found"
"encounter.display" = "in which stay it was found"
"encounter.identifier:https://hospital.example/visits" = "in which stay it was found"
"encounter.identifier:https://fhir.nhs.uk/Id/ods-organization-code" = "where it was found"
"encounter.identifier:https://fhir.nhs.uk/Id/nhs-number" = "with whom it was found"
"evidence.detail" = "on what it rests"
where = { not_labelled = ["PSY"] }
[share.person.Encounter]
status = "whether it is over"
where = { not_labelled = ["PSY"] }
[share.person.Task]
status = "whether it is done"
for = "whom it is about"
focus = "which request it fulfils"
[share.person.ServiceRequest]
status = "whether it is still asked"
[share.person.Observation]
status = "whether it is final"
[share.person.RelatedPerson]
relationship = "who helps"
where = { not_labelled = ["PSY"] }
[share.person.CareTeam]
name = "which team it is"
"participant.member" = "who helps"
"participant.period" = "since when"
[share.person.List]
title = "which list it is"
"entry.item" = "what is on it"
"entry.date" = "since when"
[share.person.Organization]
name = "whom to ask"
[share.person.Bundle]
type = "to read it"
entry = "what it holds"
"#;

async fn site(script: impl Fn(&Seen) -> Play + Send + Sync + 'static) -> (Whole, Running) {
    sharing::site(&agreement("withheld", TABLES), script).await
}

/// An answer without what is random in it and the moment it was recorded.
pub(crate) async fn answer(site: &Whole, path: &str) -> (u16, Vec<String>, String) {
    let (status, head, body) = sharing::answer(site, path).await;
    (status, head, timeless(&body))
}

fn of(kind: &str, id: &str, person: &str, labels: &[&str]) -> Value {
    let mut made = condition(id, person, "1", labels);
    made["resourceType"] = json!(kind);
    made["status"] = json!("active");
    made
}

/// A problem of Ann that refers to what it was found at.
fn found_at(encounter: &Value) -> Value {
    let mut made = condition("c1", "p1", "1", &[]);
    made["encounter"] = encounter.clone();
    made
}

fn task(focus: &Value) -> Value {
    json!({"resourceType": "Task", "id": "t1", "status": "requested", "intent": "order",
           "for": {"reference": "Patient/p1"}, "focus": focus})
}

fn people() -> Vec<Value> {
    vec![patient("p1", ANN), patient("p2", BOB)]
}

fn world(resources: &[Value]) -> Vec<Value> {
    people().into_iter().chain(resources.iter().cloned()).collect()
}

fn lookups(site: &Whole, kind: &str) -> Vec<String> {
    let line = format!("POST /fhir/{kind}/_search HTTP/1.1");
    site.hospital.seen().into_iter().filter(|seen| seen.line == line).map(|seen| seen.body).collect()
}

const CONDITION: &str = "/hospital/fhir/Condition/c1";
const CONDITIONS: &str = "/hospital/fhir/Condition?patient=p1";
const TASK: &str = "/hospital/fhir/Task/t1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reference_to_what_is_hidden_is_as_one_that_was_never_there() {
    let store: Held = held(&people());
    let (site, running) = site(holding(&store)).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let none = Value::Null;
    let base = format!("http://{}/fhir", site.hospital.address);
    let to = |place: &str| json!({"reference": place, "display": "secret-display"});
    let labelled = of("Encounter", "e1", "p1", &["PSY"]);
    let of_bob = of("Encounter", "e1", "p2", &[]);
    let by_identifier = |kind: &str| json!({"type": kind, "identifier": {"system": "https://hospital.example/visits", "value": "77"}});
    for (case, hidden, reference) in [
        ("her own, labelled", Some(&labelled), to("Encounter/e1")),
        ("her own, labelled, one version of it", Some(&labelled), to("Encounter/e1/_history/1")),
        ("her own, labelled, by its whole address", Some(&labelled), to(&format!("{base}/Encounter/e1"))),
        ("of somebody who is refused", Some(&of_bob), to("Encounter/e1")),
        ("not there", None, to("Encounter/e1")),
        ("of a type that is not shared", None, to("EpisodeOfCare/e1")),
        ("by an identifier alone", Some(&labelled), by_identifier("Encounter")),
        (
            "by an identifier of nobody knows what",
            None,
            json!({"identifier": {"system": "https://hospital.example/visits", "value": "77"}}),
        ),
        ("in a Bundle that is not there", None, to("urn:uuid:6f1e2a0c-1111-4222-8333-444455556666")),
    ] {
        let set = |resources: Vec<Value>| *store.lock().unwrap() = resources;
        let others: Vec<Value> = hidden.into_iter().cloned().collect();
        for path in [CONDITION, CONDITIONS] {
            let mut plain = found_at(&none);
            plain.as_object_mut().unwrap().remove("encounter");
            set(world(&[others.clone(), vec![found_at(&reference)]].concat()));
            let with = answer(&site, path).await;
            set(world(&[plain]));
            let without = answer(&site, path).await;
            assert_eq!(with.0, 200, "{case}: {}", with.2);
            assert!(!with.2.contains("secret") && !with.2.contains("encounter"), "{case}: {}", with.2);
            assert_eq!(with, without, "{case}: {path}");
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reference_to_what_may_be_seen_is_shown_and_asked_for_once_a_type() {
    let resources = [
        found_at(&json!({"reference": "Encounter/e1", "display": "a stay"})),
        of("Encounter", "e1", "p1", &[]),
    ];
    let (site, running) = site(holding(&held(&world(&resources)))).await;
    for path in [CONDITION, CONDITIONS] {
        let (status, _, body) = answer(&site, path).await;
        assert_eq!(status, 200, "{body}");
        assert!(body.contains(r#""encounter":{"reference":"Encounter/e1","display":"a stay"}"#), "{body}");
    }
    let asked = lookups(&site, "Encounter");
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked.iter().all(|body| body.starts_with("_id=e1&")), "{asked:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_refers_to_nothing_that_is_shown_asks_for_nothing() {
    let mut about_staff = condition("c1", "p1", "1", &[]);
    about_staff["recorder"] = json!({"reference": "Practitioner/d1"});
    about_staff["asserter"] = json!({"reference": "Encounter/e9"});
    let (site, running) = site(holding(&held(&world(&[about_staff])))).await;
    assert_eq!(answer(&site, CONDITION).await.0, 200);
    assert!(lookups(&site, "Encounter").is_empty(), "asserter is not shared");
    let people = lookups(&site, "Patient").len();
    running.stop().await;
    assert_eq!(people, 2, "who she is, and whether she alone has her number: as ever");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_leads_to_another_person_is_shown_if_she_permits_and_is_no_reading_of_hers() {
    let resources = [task(&json!({"reference": "ServiceRequest/s2"})), of("ServiceRequest", "s2", "p2", &[])];
    let (site, running) = site(holding(&held(&world(&resources)))).await;
    let (status, _, permitted) = answer(&site, TASK).await;
    assert_eq!(status, 200, "{permitted}");
    assert!(permitted.contains("ServiceRequest/s2"), "{permitted}");
    says(&site, BOB, &json!({"type": "deny"})).await;
    let (status, _, denied) = answer(&site, TASK).await;
    assert_eq!(status, 200, "{denied}");
    assert!(!denied.contains("s2") && !denied.contains("focus"), "{denied}");
    running.stop().await;
    let records = site.records();
    let reads = records.iter().filter(|record| record["exchange"]["place"] == "hospital");
    let of_bob: Vec<&Value> =
        reads.map(|record| &record["about"]).filter(|about| about["nhs_number"] == BOB).collect();
    assert!(of_bob.iter().all(|about| about["visibility"] == "oversight"), "{of_bob:?}");
    assert!(!format!("{of_bob:?}").contains("ServiceRequest"), "{of_bob:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_about_the_request_of_someone_refused_is_as_one_about_nothing() {
    let store: Held = held(&people());
    let (site, running) = site(holding(&store)).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let mut without = task(&Value::Null);
    without.as_object_mut().unwrap().remove("focus");
    *store.lock().unwrap() =
        world(&[task(&json!({"reference": "ServiceRequest/s2"})), of("ServiceRequest", "s2", "p2", &[])]);
    let there = answer(&site, TASK).await;
    *store.lock().unwrap() = world(&[without]);
    assert_eq!(there.0, 200, "{}", there.2);
    assert_eq!(there, answer(&site, TASK).await);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_much_hidden_is_referred_to_what_may_be_seen_is_the_same() {
    let store: Held = held(&people());
    let (site, running) = site(holding(&store)).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let visible: Vec<Value> = (0..3).map(|at| of("Encounter", &format!("e{at}"), "p1", &[])).collect();
    let hidden: Vec<Value> = (0..450)
        .map(|at| match at % 2 {
            0 => of("Encounter", &format!("h{at}"), "p1", &["PSY"]),
            _ => of("Encounter", &format!("h{at}"), "p2", &[]),
        })
        .collect();
    let list = |names: &[String]| {
        let item = |name: &String| json!({"item": {"reference": name}});
        let entry: Vec<Value> = names.iter().map(item).collect();
        json!({"resourceType": "List", "id": "x", "status": "current", "title": "a list", "entry": entry})
    };
    let names = |of: &[Value]| -> Vec<String> {
        of.iter().map(|one| format!("Encounter/{}", one["id"].as_str().unwrap())).collect()
    };
    let mut told = Vec::new();
    let gone: Vec<String> = (0..450).map(|at| format!("Encounter/gone-{at}")).collect();
    for before in [Vec::new(), names(&hidden[..10]), names(&hidden), gone] {
        let all = [vec!["Patient/p1".to_owned()], before, names(&visible)].concat();
        *store.lock().unwrap() = world(&[visible.clone(), hidden.clone(), vec![list(&all)]].concat());
        told.push(answer(&site, "/hospital/fhir/List/x").await);
    }
    assert!(told[0].0 == 200 && told[0].2.contains("Encounter/e2"), "{:?}", told[0]);
    for (at, other) in told.iter().enumerate().skip(1) {
        assert_eq!(*other, told[0], "{at}");
    }
    running.stop().await;
}

/// A problem that rests on so many observations, all to be seen.
fn resting_on(id: &str, labels: &[&str], observations: usize) -> Vec<Value> {
    let mut made = condition(id, "p1", "1", labels);
    let detail: Vec<Value> =
        (0..observations).map(|number| json!({"reference": format!("Observation/{id}-{number}")})).collect();
    made["evidence"] = json!([{"detail": detail}]);
    let of_her = (0..observations).map(|number| of("Observation", &format!("{id}-{number}"), "p1", &[]));
    std::iter::once(made).chain(of_her).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_bound_references_are_left_out_and_what_is_not_shown_does_not_count() {
    let many = resting_on("c1", &[], 5_003);
    let script = holding(&held(&world(&many)));
    let (site, running) =
        sharing::site_after(&agreement("withheld", TABLES), script, |site| site.also_set(LONG)).await;
    let (status, _, body) = answer(&site, CONDITION).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body.matches("Observation/").count(), 5_000);
    assert!(body.contains("c1-4999\"") && !body.contains("c1-5000\""), "those that come first");
    assert_eq!(lookups(&site, "Observation").len(), 25, "two hundred at once");
    running.stop().await;
    let hidden = [resting_on("c0", &["PSY"], 203), resting_on("c1", &[], 2)].concat();
    let (site, running) = self::site(holding(&held(&world(&hidden)))).await;
    let (status, _, body) = answer(&site, CONDITIONS).await;
    assert_eq!((status, references(&body)), (200, vec!["c1".to_owned()]), "{body}");
    assert_eq!(body.matches("Observation/c1-").count(), 2, "{body}");
    assert!(
        !lookups(&site, "Observation").concat().contains("c0-"),
        "nothing is asked for what is not shown"
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_looked_up_is_hidden_and_a_system_that_fails_shares_nothing() {
    let resources = [found_at(&json!({"reference": "Encounter/e1"})), of("Encounter", "e1", "p1", &[])];
    let honest = holding(&held(&world(&resources)));
    let says_now: Arc<Mutex<Vec<u8>>> = Arc::default();
    let said = Arc::clone(&says_now);
    let (site, running) = site(move |seen| match seen.line.starts_with("POST /fhir/Encounter/") {
        true => Play::Bytes(said.lock().unwrap().clone()),
        false => honest(seen),
    })
    .await;
    let searchset = |resource: Value| {
        let entry = json!({"search": {"mode": "match"}, "resource": resource});
        let page = json!({"resourceType": "Bundle", "type": "searchset", "entry": [entry]});
        fhir("200 OK", &page.to_string())
    };
    let outcome = r#"{"resourceType":"OperationOutcome"}"#;
    for (case, answered, status, shown) in [
        ("not searchable", fhir("400 Bad Request", outcome), 200, false),
        ("not known", fhir("404 Not Found", outcome), 200, false),
        ("not for the gateway", fhir("403 Forbidden", outcome), 200, false),
        ("busy", fhir("503 Service Unavailable", outcome), 502, false),
        ("failed", fhir("500 Internal Server Error", outcome), 502, false),
        ("another stay", searchset(of("Encounter", "e2", "p1", &[])), 502, false),
        ("another type", searchset(of("Observation", "e1", "p1", &[])), 502, false),
        ("without an id", searchset(json!({"resourceType": "Encounter"})), 502, false),
        ("of nobody", searchset(json!({"resourceType": "Encounter", "id": "e1"})), 200, false),
        ("right", searchset(of("Encounter", "e1", "p1", &[])), 200, true),
    ] {
        *says_now.lock().unwrap() = answered;
        let (told, _, body) = answer(&site, CONDITION).await;
        assert_eq!((told, body.contains("Encounter/e1")), (status, shown), "{case}: {body}");
        assert_eq!(body.contains(r#""code""#) && body.contains("Condition"), status == 200, "{case}: {body}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inside_a_bundle_a_reference_to_an_entry_that_is_left_out_is_left_out() {
    let bundle = |labels: &[&str]| {
        let mut stay = of("Encounter", "e1", "p1", labels);
        stay["id"] = json!("in-the-bundle");
        let urn = "urn:uuid:6f1e2a0c-1111-4222-8333-444455556666";
        let mut by_id = found_at(&json!({"reference": "Encounter/in-the-bundle"}));
        by_id["id"] = json!("c2");
        json!({"resourceType": "Bundle", "id": "b1", "type": "collection", "entry": [
            {"fullUrl": urn, "resource": stay},
            {"resource": found_at(&json!({"reference": urn}))},
            {"resource": by_id}]})
    };
    let store: Held = held(&people());
    let (site, running) = site(holding(&store)).await;
    *store.lock().unwrap() = world(&[bundle(&[])]);
    let (status, _, body) = answer(&site, "/hospital/fhir/Bundle/b1").await;
    assert_eq!((status, body.matches(r#""encounter":{"reference""#).count()), (200, 2), "{body}");
    assert!(lookups(&site, "Encounter").is_empty(), "what is in the Bundle is judged there");
    *store.lock().unwrap() = world(&[bundle(&["PSY"])]);
    let (status, _, body) = answer(&site, "/hospital/fhir/Bundle/b1").await;
    assert_eq!((status, body.matches("encounter").count()), (200, 0), "{body}");
    assert!(!body.contains("6f1e2a0c") && !body.contains("in-the-bundle"), "{body}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_by_a_reference_finds_only_by_references_that_are_shown() {
    let store: Held = held(&people());
    let (site, running) = site(holding(&store)).await;
    let ask = async |labels: &[&str]| {
        *store.lock().unwrap() =
            world(&[found_at(&json!({"reference": "Encounter/e1"})), of("Encounter", "e1", "p1", labels)]);
        let path = format!("{CONDITIONS}&encounter=Encounter/e1");
        let (status, _, body) = answer(&site, &path).await;
        (status, references(&body).len())
    };
    assert_eq!(ask(&[]).await, (200, 1));
    assert_eq!(ask(&["PSY"]).await, (200, 0));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_named_by_a_register_of_staff_or_organisations_is_no_patient() {
    let ods =
        json!({"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RX1"}});
    let number = json!({"identifier": {"system": NHS_NUMBER, "value": ANN}});
    let store: Held = held(&people());
    let (site, running) = site(holding(&store)).await;
    for (reference, shown) in [(ods, "RX1"), (number, ANN)] {
        *store.lock().unwrap() = world(&[found_at(&reference)]);
        let (status, _, body) = answer(&site, CONDITION).await;
        assert_eq!((status, body.contains(shown)), (200, true), "{body}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_or_participant_that_may_not_be_seen_goes_whole() {
    let store: Held = held(&people());
    let (site, running) = site(holding(&store)).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let list = |about: &[&str]| {
        let entry: Vec<Value> =
            about.iter().map(|to| json!({"item": {"reference": to}, "date": "2026-01-01"})).collect();
        json!({"resourceType": "List", "id": "x", "status": "current", "title": "a list", "entry": entry})
    };
    let team = |members: &[&str]| {
        let participant: Vec<Value> = members
            .iter()
            .map(|to| json!({"member": {"reference": to}, "period": {"start": "2026-01-01"}}))
            .collect();
        json!({"resourceType": "CareTeam", "id": "x", "subject": {"reference": "Patient/p1"}, "name": "a team",
               "participant": participant})
    };
    let related = |id: &str, of: &str, labels: &[&str]| {
        let mut made = of_kind_patient(id, labels);
        made["patient"] = json!({"reference": format!("Patient/{of}")});
        made
    };
    let others = [
        related("r1", "p1", &[]),
        related("r2", "p1", &["PSY"]),
        related("r3", "p2", &[]),
        of("Encounter", "e1", "p2", &[]),
    ];
    for (path, with, without, stays) in [
        ("List/x", list(&["Patient/p2", "Patient/p1"]), list(&["Patient/p1"]), "Patient/p1"),
        ("List/x", list(&["Patient/p1", "Encounter/e1"]), list(&["Patient/p1"]), "Patient/p1"),
        (
            "CareTeam/x",
            team(&["RelatedPerson/r2", "RelatedPerson/r1", "RelatedPerson/r3", "RelatedPerson/gone"]),
            team(&["RelatedPerson/r1"]),
            "RelatedPerson/r1",
        ),
    ] {
        let path = format!("/hospital/fhir/{path}");
        *store.lock().unwrap() = world(&[others.to_vec(), vec![with]].concat());
        let there = answer(&site, &path).await;
        *store.lock().unwrap() = world(&[others.to_vec(), vec![without]].concat());
        assert!(there.0 == 200 && there.2.contains(stays) && there.2.contains("2026-01-01"), "{}", there.2);
        assert_eq!(there, answer(&site, &path).await);
    }
    *store.lock().unwrap() = world(&[list(&["Patient/p2"])]);
    let hidden = answer(&site, "/hospital/fhir/List/x").await;
    assert_eq!(hidden.0, 404, "{}", hidden.2);
    assert_eq!(hidden, answer(&site, "/hospital/fhir/List/y").await, "who is alone on it is not told by it");
    running.stop().await;
}

fn of_kind_patient(id: &str, labels: &[&str]) -> Value {
    let mut made = of("RelatedPerson", id, "p1", labels);
    made.as_object_mut().unwrap().remove("subject");
    made["relationship"] = json!([{"text": "helps"}]);
    made
}
