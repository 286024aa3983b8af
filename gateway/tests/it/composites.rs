//! Searches for what stands together, through the whole gateway: what is held is found by it, what is hidden is not.

use gateway::serve::Running;
use serde_json::{Value, json};

use crate::support::asking::{self, asks, bundle, get, post};
use crate::support::holding::{ANN, held, holding, patient};
use crate::support::sharing::{self, BOB, denies};
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;

mod hidden;

const LOINC: &str = "http://loinc.org";
const TABLES: &str = r#"[share.person.Patient]
identifier = "to be sure it is the right person"
name = "to address the person"
[share.person.Observation]
status = "whether it stands"
category = "what kind of finding it is"
code = "what was measured"
"value[x]" = "what was found"
encounter = "when it was found"
component = "the parts of it"
[share.person.Encounter]
class = "whether the person is in hospital"
[share.person.DocumentReference]
status = "whether it stands"
"relatesTo.code" = "what it does to another"
"relatesTo.target" = "to which other"
"#;

fn concept(code: &str) -> Value {
    json!({"coding": [{"system": LOINC, "code": code}]})
}

fn quantity(value: u16) -> Value {
    json!({"value": value, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"})
}

/// A blood pressure of somebody's.
fn pressure(id: &str, of: &str, (systolic, diastolic): (u16, u16)) -> Value {
    json!({"resourceType": "Observation", "id": id, "status": "final", "code": concept("85354-9"),
    "category": [{"coding": [{"system": LOINC, "code": "exam"}]}],
    "subject": {"reference": format!("Patient/{of}")}, "encounter": {"reference": "Encounter/e1"},
    "component": [
        {"code": concept("8480-6"), "valueQuantity": quantity(systolic)},
        {"code": concept("8462-4"), "valueQuantity": quantity(diastolic)},
    ]})
}

fn weight(id: &str, of: &str, value: u16) -> Value {
    json!({"resourceType": "Observation", "id": id, "status": "final", "code": concept("29463-7"),
           "subject": {"reference": format!("Patient/{of}")}, "valueQuantity": quantity(value)})
}

fn stay() -> Value {
    json!({"resourceType": "Encounter", "id": "e1", "status": "finished", "class": {"code": "IMP"},
           "subject": {"reference": "Patient/p1"}})
}

fn hers() -> Vec<Value> {
    vec![
        patient("p1", ANN),
        patient("p2", BOB),
        stay(),
        pressure("high", "p1", (150, 95)),
        pressure("crossed", "p1", (95, 150)),
        pressure("low", "p1", (110, 70)),
        weight("weight", "p1", 150),
        pressure("his", "p2", (160, 99)),
    ]
}

async fn site(existence: &str, script: impl Fn(&Seen) -> Play + Send + Sync + 'static) -> (Whole, Running) {
    sharing::site(&sharing::agreement(existence, TABLES), script).await
}

/// The last search that the hospital was asked for of this type.
fn asked_for(site: &Whole, kind: &str) -> String {
    let seen = site.hospital.seen();
    let of_kind = |seen: &&Seen| seen.line.contains(&format!("/{kind}/_search"));
    seen.iter().rfind(of_kind).unwrap().body.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_together_is_found_and_what_stands_apart_is_not() {
    // The hospital does not know composites, and answers with all that the person has.
    let (site, running) = site("open", holding(&held(&hers()))).await;
    for (asked, found) in [
        ("component-code-value-quantity=8480-6$gt140", vec!["high"]),
        ("component-code-value-quantity=8462-4$gt140", vec!["crossed"]),
        ("component-code-value-quantity=http://loinc.org%7C8480-6$gt100,8462-4$lt80", vec!["high", "low"]),
        ("component-code-value-quantity=8480-6$150%7Chttp://unitsofmeasure.org%7Cmm[Hg]", vec!["high"]),
        ("component-code-value-quantity=85354-9$gt1", vec![]),
        ("code-value-quantity=29463-7$150", vec!["weight"]),
        ("code-value-quantity=8480-6$150", vec![]),
        ("combo-code-value-quantity=29463-7$150,8480-6$150", vec!["high", "weight"]),
        ("combo-code-value-quantity=85354-9$150", vec![]),
        (
            "component-code-value-quantity=8480-6$gt140&component-code-value-quantity=8462-4$gt90",
            vec!["high"],
        ),
        ("component-code-value-quantity=8480-6$ne150", vec!["crossed", "low"]),
    ] {
        let answer = get(&site, &format!("/Observation?patient=p1&{asked}")).await;
        let found: Vec<String> = found.iter().map(|id| format!("Observation/{id}")).collect();
        assert_eq!((answer.status, answer.found("match")), (200, found), "{asked}: {}", answer.body);
        assert_eq!(answer.body["total"], answer.found("match").len(), "{asked}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_composite_is_asked_of_the_hospital_as_it_was_asked() {
    let (site, running) = site("open", holding(&held(&hers()))).await;
    let path = r"/Observation?patient=p1&component-code-value-quantity=http://loinc.org%7C8480-6$gt140&code-value-string=a\$b$c\,d";
    assert_eq!(get(&site, path).await.status, 200);
    assert_eq!(
        asked_for(&site, "Observation").split("&_count").next().unwrap(),
        "patient=Patient%2Fp1&component-code-value-quantity=http%3A%2F%2Floinc.org%7C8480-6%24gt140\
         &code-value-string=a%5C%24b%24c%5C%2Cd"
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_composite_is_served_wherever_a_search_is() {
    let (site, running) = site("open", holding(&held(&hers()))).await;
    let asked = "component-code-value-quantity=8480-6$gt90";
    let compartment = get(&site, &format!("/Patient/p1/Observation?{asked}")).await;
    assert_eq!(compartment.found("match").len(), 3, "{}", compartment.body);
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let token = site.consultant();
    let body = format!("patient=p1&{}", asked.replace('$', "%24"));
    let path = format!("{}/Observation/_search", asking::FACE);
    let request = site.request("POST", &path, Some(&token), form, &body);
    let mut stream = tokio::net::TcpStream::connect(site.requests).await.unwrap();
    let answer = asking::answered(crate::support::front::ask(&mut stream, &request).await.unwrap());
    assert_eq!(answer.found("match"), compartment.found("match"), "{}", answer.body);
    let url = format!("Observation?patient=p1&{asked}&_include=Observation:encounter");
    let beside = get(&site, &format!("/{url}")).await;
    assert_eq!(beside.found("match"), compartment.found("match"));
    assert!(beside.found("include").contains(&"Encounter/e1".to_owned()), "{}", beside.body);
    let batch = post(
        &site,
        "",
        &bundle("batch", &[asks(&url), asks("Observation?patient=p1&code-value-quantity=a")]),
    )
    .await;
    assert_eq!(batch.statuses(), ["200", "400"], "{}", batch.body);
    let entries = batch.body["entry"][0]["resource"]["entry"].as_array().unwrap();
    assert_eq!(entries.iter().filter(|entry| entry["search"]["mode"] == "match").count(), 3);
    let reverse = get(&site, "/Encounter?_id=e1&_revinclude=Observation:encounter").await;
    assert_eq!(reverse.status, 200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_a_composite_go_on_with_it() {
    let (site, running) = site("open", holding(&held(&hers()))).await;
    let mut path =
        "/Observation?patient=p1&combo-code-value-quantity=8480-6$gt90,29463-7$150&_count=1".to_owned();
    let mut found = Vec::new();
    loop {
        let answer = get(&site, &path).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        found.extend(answer.found("match"));
        let links = answer.body["link"].as_array().cloned().unwrap_or_default();
        let Some(next) = links.iter().find(|link| link["relation"] == "next") else { break };
        path = next["url"].as_str().unwrap().split_once(asking::FACE).unwrap().1.to_owned();
    }
    let all = ["high", "crossed", "low", "weight"].map(|id| format!("Observation/{id}"));
    assert_eq!(found, all);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_composite_is_refused_in_words_that_help() {
    let (site, running) = site("open", holding(&held(&hers()))).await;
    let before = site.hospital.seen().len();
    for (asked, text) in [
        ("code-value-quantity=29463-7", "one value for each of its components"),
        ("code-value-quantity=29463-7$1$2", "one value for each of its components"),
        ("code-value-quantity=29463-7$", "one value for each of its components"),
        ("code-value-quantity=29463-7$heavy", "the value of a search parameter does not fit it"),
        ("code-value-quantity:missing=true", "has a modifier that it cannot have"),
        ("_sort=code-value-quantity", "not served"),
    ] {
        let answer = get(&site, &format!("/Observation?patient=p1&{asked}")).await;
        assert_eq!(answer.status, 400, "{asked}: {}", answer.body);
        assert!(answer.body.to_string().contains(text), "{asked}: {}", answer.body);
    }
    let nobody = get(&site, "/Observation?code-value-quantity=29463-7$150").await;
    assert_eq!(nobody.status, 403, "{}", nobody.body);
    assert_eq!(site.hospital.seen().len(), before, "the hospital was asked");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_names_the_composites_that_are_served() {
    let (site, running) = site("open", holding(&held(&hers()))).await;
    let named = async |kind: &str| -> Vec<String> {
        let answer = get(&site, "/metadata").await;
        let listed = answer.body["rest"][0]["resource"].as_array().unwrap().clone();
        let of_kind = listed.iter().find(|one| one["type"] == kind).unwrap();
        let all = of_kind["searchParam"].as_array().unwrap();
        let composites = all.iter().filter(|one| one["type"] == "composite");
        composites.map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let all = [
        "code-value-concept",
        "code-value-date",
        "code-value-quantity",
        "code-value-string",
        "combo-code-value-concept",
        "combo-code-value-quantity",
        "component-code-value-concept",
        "component-code-value-quantity",
    ];
    assert_eq!(named("Observation").await, all);
    assert_eq!(named("DocumentReference").await, ["relationship"]);
    site.agrees(&sharing::agreement("open", &TABLES.replace("component = \"the parts of it\"\n", "")));
    running.reload().await.unwrap();
    assert_eq!(named("Observation").await, all[..4]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hospital_that_answers_a_composite_with_somebody_else_is_not_believed() {
    let honest = holding(&held(&hers()));
    let (site, running) = site("open", move |seen| {
        if !seen.line.contains("/Observation/_search") {
            return honest(seen);
        }
        let his = json!({"search": {"mode": "match"}, "resource": pressure("his", "p2", (160, 99))});
        let page = json!({"resourceType": "Bundle", "type": "searchset", "entry": [his]});
        Play::Bytes(fhir("200 OK", &page.to_string()))
    })
    .await;
    let answer = get(&site, "/Observation?patient=p1&component-code-value-quantity=8480-6$gt140").await;
    assert_eq!(answer.status, 502, "{}", answer.body);
    denies(&site, BOB).await;
    running.stop().await;
}
