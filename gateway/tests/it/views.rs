//! What an agreement says of single resources, items and types, through the whole gateway: what it does not select is as
//! if it were not there, by read, by search and by reference.

use gateway::serve::Running;
use serde_json::{Value, json};

use crate::support::holding::{ANN, Held, held, holding, patient};
use crate::support::sharing::{self, agreement, answer, read, references};
use crate::support::whole::Whole;

pub(crate) const TABLES: &str = r#"[share.person.Patient]
name = "to address the person"
[share.person.Practitioner]
name = "whom to ask"
active = "whether they are at work"
where = { absent = ["qualification"] }
[share.person.Organization]
name = "which organisation it is"
where = { id = ["o1"] }
[share.person.Encounter]
"participant.individual" = "whom to ask about the stay"
"participant.period" = "since when"
serviceProvider = "which hospital to ring"
[share.person.List]
title = "which list it is"
"entry.item" = "what is on it"
[share.person.Condition]
code = "what care is needed for"
[share.person.QuestionnaireResponse]
"item:mobility" = "how the person gets about"
[share.person.Composition]
title = "what it is called"
"section:http://snomed.info/sct|1184593002" = "the diagnoses"
[share.person.Observation]
code = "what was measured"
valueQuantity = "how much it was"
[share.person.Task]
description = "what is to be done"
where = { any = [{ "code.text" = ["visit"], present = ["description"] }, { status = ["draft"] }] }
"#;

pub(crate) async fn site(held: &Held, tables: &str) -> (Whole, Running) {
    sharing::site(&agreement("withheld", tables), holding(held)).await
}

/// The answer about `path` is that about something of this type that does not exist.
pub(crate) async fn is_as_absent(site: &Whole, path: &str) {
    let (kind, _) = path.split_once('/').unwrap();
    let there = answer(site, &format!("/hospital/fhir/{path}")).await;
    let absent = answer(site, &format!("/hospital/fhir/{kind}/nothing")).await;
    assert_eq!(there, absent, "{path}");
    assert_eq!(there.0, 404, "{path}");
}

fn subject() -> Value {
    json!({"reference": "Patient/p1"})
}

fn staff() -> Vec<Value> {
    vec![
        patient("p1", ANN),
        json!({"resourceType": "Practitioner", "id": "nurse", "active": true, "name": [{"family": "Ward"}]}),
        json!({"resourceType": "Practitioner", "id": "psychiatrist", "active": true,
               "name": [{"family": "secret-psychiatrist"}], "qualification": [{"code": {"text": "secret-field"}}]}),
        json!({"resourceType": "Organization", "id": "o1", "name": "Hospital"}),
        json!({"resourceType": "Organization", "id": "o2", "name": "secret-trust"}),
        json!({"resourceType": "Encounter", "id": "e1", "status": "finished", "class": {"code": "AMB"},
               "subject": subject(), "serviceProvider": {"reference": "Organization/o1"},
               "participant": [{"individual": {"reference": "Practitioner/nurse"}, "period": {"start": "2026"}},
                               {"individual": {"reference": "Practitioner/psychiatrist"}, "period": {"start": "1999"}}]}),
        json!({"resourceType": "Encounter", "id": "e2", "status": "finished", "class": {"code": "AMB"},
               "subject": subject(), "serviceProvider": {"reference": "Organization/o2"}}),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_and_organisations_that_a_condition_does_not_select_are_as_absent() {
    let held = held(&staff());
    let (site, running) = site(&held, TABLES).await;
    assert_eq!(read(&site, "Practitioner/nurse").await.0, 200);
    assert_eq!(read(&site, "Organization/o1").await.1["name"], "Hospital");
    is_as_absent(&site, "Practitioner/psychiatrist").await;
    is_as_absent(&site, "Organization/o2").await;
    let (_, stay) = read(&site, "Encounter/e1").await;
    assert_eq!(
        stay["participant"],
        json!([{"individual": {"reference": "Practitioner/nurse"}, "period": {"start": "2026"}}]),
        "{stay}"
    );
    assert_eq!(stay["serviceProvider"], json!({"reference": "Organization/o1"}));
    let (_, other) = read(&site, "Encounter/e2").await;
    assert_eq!(other["serviceProvider"], Value::Null, "{other}");
    // What is hidden takes no part in an answer: it is the same without it.
    let with = answer(&site, "/hospital/fhir/Encounter/e1").await;
    held.lock().unwrap().retain(|one| one["id"] != "psychiatrist");
    held.lock().unwrap().iter_mut().filter(|one| one["id"] == "e1").for_each(|stay| {
        stay["participant"].as_array_mut().unwrap().truncate(1);
    });
    assert_eq!(with, answer(&site, "/hospital/fhir/Encounter/e1").await);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_finds_only_what_a_condition_selects() {
    let task = |id: &str, kind: &str, status: &str| {
        json!({"resourceType": "Task", "id": id, "status": status, "intent": "order", "for": subject(),
               "code": {"text": kind}, "description": "VISIBLE"})
    };
    let mut untold = task("t3", "visit", "requested");
    untold.as_object_mut().unwrap().remove("description");
    let held = held(&[
        patient("p1", ANN),
        task("t1", "visit", "requested"),
        task("t2", "secret", "requested"),
        untold,
        task("t4", "secret", "draft"),
    ]);
    let (site, running) = site(&held, TABLES).await;
    let found = answer(&site, "/hospital/fhir/Task?patient=p1").await;
    assert_eq!(references(&found.2), ["t1", "t4"], "{}", found.2);
    assert!(found.2.contains(r#""total":2"#), "{}", found.2);
    is_as_absent(&site, "Task/t2").await;
    is_as_absent(&site, "Task/t3").await;
    let by_id = answer(&site, "/hospital/fhir/Task?_id=t2").await;
    assert_eq!((by_id.0, references(&by_id.2).len()), (200, 0), "{}", by_id.2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_questions_sections_and_values_only_the_named_ones_come() {
    let held = held(&[
        patient("p1", ANN),
        json!({"resourceType": "QuestionnaireResponse", "id": "q1", "status": "completed", "subject": subject(),
               "item": [{"linkId": "home", "text": "secret-group", "item": [
                            {"linkId": "mobility", "text": "Walks?", "answer": [{"valueString": "with a frame"}]},
                            {"linkId": "mind", "answer": [{"valueString": "secret-answer"}]}]}]}),
        json!({"resourceType": "QuestionnaireResponse", "id": "q2", "status": "completed", "subject": subject(),
               "item": [{"linkId": "mind", "answer": [{"valueString": "secret-answer"}]}]}),
        json!({"resourceType": "Composition", "id": "c1", "status": "final", "subject": subject(), "title": "Letter",
               "type": {"text": "secret-type"}, "date": "2026", "author": [{"display": "secret-author"}],
               "section": [{"title": "Diagnoses", "code": {"coding": [{"system": "http://snomed.info/sct", "code": "1184593002"}]},
                            "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">hip</div>"}},
                           {"title": "secret-section", "text": {"status": "generated",
                            "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">secret-text</div>"}}]}),
        json!({"resourceType": "Observation", "id": "w1", "status": "final", "subject": subject(), "code": {"text": "weight"},
               "valueQuantity": {"value": 70.10, "unit": "kg"}}),
        json!({"resourceType": "Observation", "id": "w2", "status": "final", "subject": subject(), "code": {"text": "weight"},
               "valueString": "secret-value"}),
    ]);
    let (site, running) = site(&held, TABLES).await;
    let (_, answers) = read(&site, "QuestionnaireResponse/q1").await;
    let named = &answers["item"][0]["item"];
    assert_eq!(
        *named,
        json!([{"linkId": "mobility", "text": "Walks?", "answer": [{"valueString": "with a frame"}]}]),
        "{answers}"
    );
    assert_eq!(answers["item"][0]["_linkId"]["extension"][0]["valueCode"], "masked", "{answers}");
    let (status, none) = read(&site, "QuestionnaireResponse/q2").await;
    assert_eq!((status, &none["item"]), (200, &Value::Null), "{none}");
    let (_, letter) = read(&site, "Composition/c1").await;
    assert_eq!(letter["section"].as_array().unwrap().len(), 1, "{letter}");
    assert_eq!(letter["section"][0]["title"], "Diagnoses");
    assert_eq!(read(&site, "Observation/w1").await.1["valueQuantity"]["unit"], "kg");
    for path in ["QuestionnaireResponse/q1", "QuestionnaireResponse/q2", "Composition/c1", "Observation/w2"] {
        let (status, one) = read(&site, path).await;
        assert_eq!((status, one.to_string().contains("secret-")), (200, false), "{one}");
    }
    // A value that not every match shows is compared with what is shown.
    let asked = answer(&site, "/hospital/fhir/Observation?patient=p1&value-string=secret").await;
    let nothing = answer(&site, "/hospital/fhir/Observation?patient=p1&value-string=wrong0").await;
    assert_eq!((asked.0, asked.2.contains("secret-value")), (nothing.0, false), "{}", asked.2);
    assert_eq!(references(&asked.2), [""; 0]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reference_to_one_version_does_not_become_one_to_another() {
    let condition = |subject: &str| json!({"resourceType": "Condition", "id": "c1", "subject": {"reference": subject}, "code": {"text": "hip"}});
    let list = |items: &[&str]| {
        let entries: Vec<Value> = items.iter().map(|item| json!({"item": {"reference": item}})).collect();
        json!({"resourceType": "List", "id": "l1", "status": "current", "mode": "snapshot", "title": "VISIBLE",
               "subject": subject(), "entry": entries})
    };
    let versions = ["Patient/p1/_history/1", "Condition/c1/_history/1", "Condition/c1"];
    let held = held(&[patient("p1", ANN), condition("Patient/p1/_history/2"), list(&versions)]);
    let (site, running) = site(&held, TABLES).await;
    let (_, seen) = read(&site, "List/l1").await;
    assert_eq!(seen["entry"], json!([{"item": {"reference": "Condition/c1"}}]), "{seen}");
    let (_, tied) = read(&site, "Condition/c1").await;
    assert_eq!(tied["subject"], json!({"reference": "Patient/p1"}), "the tie to the person stays: {tied}");
    running.stop().await;
}
