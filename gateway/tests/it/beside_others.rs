//! What a page holds is decided entry by entry: what others on it are about, and in which order they stand, changes nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::holding::{ANN, NHS_NUMBER, PROBLEMS, held, holding, patient};
use crate::support::sharing::{self, BOB, agreement, answer, denies, parsed, says};
use crate::support::whole::Whole;

const CY: &str = "9990000034";
const ACT: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

const TABLES: &str = r#"[share.person.Patient]
name = "to address the person"
[share.person.Observation]
status = "whether it is final"
code = "what was found"
focus = "whom it concerns"
performer = "who found it"
note = "what else was found"
contained = "who found it"
where = { not_labelled = ["PSY"] }
"#;

const SEARCH: &str = "/hospital/fhir/Observation?patient=p1,p3,p4&_count=200";

/// Findings about the same few people, each of whom stands in them in another way.
fn findings() -> Vec<Value> {
    let to = |id: &str| json!({"reference": format!("Patient/{id}")});
    let numbered = |number: &str| json!({"identifier": {"system": NHS_NUMBER, "value": number}});
    let kin = json!([{"resourceType": "RelatedPerson", "id": "mum", "patient": to("p1"), "name": [{"text": "Mum"}],
                      "identifier": [{"system": NHS_NUMBER, "value": BOB}]}]);
    let mum = json!([{"reference": "#mum"}]);
    let with: Vec<(&str, Value)> = vec![
        ("p1", json!({})),
        ("p1", json!({"performer": [to("p3")]})),
        ("p1", json!({"focus": [to("p3")]})),
        ("p1", json!({"focus": [to("p1")], "performer": [to("p3"), to("p4")]})),
        ("p1", json!({"focus": [to("p4")]})),
        ("p1", json!({"performer": [to("p4")]})),
        ("p4", json!({"meta": {"security": [{"system": ACT, "code": "HIV"}]}})),
        ("p4", json!({})),
        ("p4", json!({"focus": [to("p1")]})),
        ("p4", json!({"focus": [to("p1")], "meta": {"security": [{"system": ACT, "code": "HIV"}]}})),
        ("p1", json!({"meta": {"security": [{"system": ACT, "code": "HIV"}]}})),
        ("p1", json!({"contained": kin, "performer": mum})),
        ("p1", json!({"contained": kin, "focus": mum})),
        ("p1", json!({"performer": [numbered(BOB)]})),
        ("p1", json!({"focus": [numbered(BOB)]})),
        ("p1", json!({"focus": [numbered(CY)]})),
        ("p1", json!({"focus": [{"display": "somebody"}]})),
        ("p1", json!({"code": {"coding": [{"system": PROBLEMS, "code": "13746004"}]}})),
        ("p1", json!({"code": {"coding": [{"system": PROBLEMS, "code": "13.746.004"}]}})),
        ("p1", json!({"meta": {"security": [{"system": ACT, "code": "PSY"}]}})),
        ("p3", json!({})),
        ("p3", json!({"focus": [to("p1")]})),
        ("p1", json!({"extension": [{"url": "http://x.example/of", "valueReference": to("p3")}]})),
        ("p1", json!({"note": [{"authorReference": to("p3"), "text": "x"}]})),
        ("p1", json!({"modifierExtension": [{"url": "http://x.example/not", "valueBoolean": true}]})),
    ];
    let finding = |(number, (of, with)): (usize, (&str, Value))| {
        let mut made = json!({"resourceType": "Observation", "id": format!("o{number}"), "status": "final",
                              "code": {"text": "kept"}, "subject": to(of)});
        made.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        made
    };
    with.into_iter().enumerate().map(finding).collect()
}

/// The matches of the search, by their ids.
async fn found(site: &Whole) -> BTreeMap<String, Value> {
    let (status, _, body) = answer(site, SEARCH).await;
    assert_eq!(status, 200, "{body}");
    let entries = parsed(&body)["entry"].as_array().cloned().unwrap_or_default();
    let matches = entries.into_iter().filter(|entry| entry["search"]["mode"] == "match");
    matches
        .map(|entry| (entry["resource"]["id"].as_str().unwrap().to_owned(), entry["resource"].clone()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_comes_out_of_a_page_as_it_does_alone() {
    let people = [patient("p1", ANN), patient("p3", BOB), patient("p4", CY)];
    let held = held(&people);
    let (site, running) = sharing::site(&agreement("withheld", TABLES), holding(&held)).await;
    denies(&site, BOB).await;
    let but = json!({"type": "deny", "securityLabel": [{"system": ACT, "code": "HIV"}]});
    says(&site, CY, &json!({"type": "permit", "provision": [but]})).await;
    let mut alone = BTreeMap::new();
    for finding in findings() {
        *held.lock().unwrap() = people.iter().cloned().chain([finding]).collect();
        alone.extend(found(&site).await);
    }
    let shown = alone.len();
    assert!(
        (8..findings().len() - 8).contains(&shown),
        "some are shown and some are not: {:?}",
        alone.keys()
    );
    let mut all = findings();
    for turned in 0..all.len() {
        *held.lock().unwrap() = people.iter().chain(&all).cloned().collect();
        assert_eq!(found(&site).await, alone, "turned {turned} times");
        all.rotate_left(1);
    }
    all.reverse();
    *held.lock().unwrap() = people.iter().chain(&all).cloned().collect();
    assert_eq!(found(&site).await, alone, "the other way round");
    running.stop().await;
}
