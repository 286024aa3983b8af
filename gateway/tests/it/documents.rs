//! Documents put together by the gateway: a Composition, and what is left in it after it was minimised.

use serde_json::{Value, json};

use crate::support::asking::{Answer, answered, asks, bundle, get, name, post, site_with};
use crate::support::holding::{ANN, Held, NHS_NUMBER, condition, held, holding, patient};
use crate::support::sharing::{self, LONG, agreement, says};
use crate::support::upstream::{Play, Seen, fhir};
use crate::together::{BOB, blind};

const TABLES: &str = r#"
[share.person.Patient]
identifier = "to be sure it is the right person"
name = "to address the person"
[share.person.Condition]
code = "what care is needed for"
where = { not_labelled = ["PSY"] }
[share.person.Composition]
status = "whether it is final"
type = "what it is"
date = "when it was written"
author = "who wrote it"
title = "what it is"
section = "what it says"
where = { not_labelled = ["HIV"] }
[share.person.Practitioner]
name = "whom to ask"
"#;

fn refers(to: &str) -> Value {
    json!({"reference": to})
}

fn composition(id: &str, of: &str, entries: &[&str]) -> Value {
    let entries: Vec<Value> = entries.iter().copied().map(refers).collect();
    json!({"resourceType": "Composition", "id": id, "status": "final", "type": {"text": "letter"},
           "subject": refers(of), "date": "2026-01-01", "title": "Discharge", "author": [refers("Practitioner/dr")],
           "custodian": {"reference": "Organization/CANARY-CUSTODIAN"},
           "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">CANARY-TEXT</div>"},
           "section": [{"title": "Problems", "entry": entries}]})
}

fn hospital() -> Held {
    let mut mind = condition("c2", "p1", "22", &["PSY"]);
    mind["code"]["text"] = json!("CANARY-MIND");
    let mut of_bob = condition("c9", "p2", "99", &[]);
    of_bob["code"]["text"] = json!("CANARY-BOB");
    let labels = json!([{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV"}]);
    let mut kept = composition("hiv", "Patient/p1", &["Condition/c1"]);
    kept["meta"] = json!({"security": labels});
    held(&[
        patient("p1", ANN),
        patient("p2", BOB),
        condition("c1", "p1", "11", &[]),
        condition("c3", "p1", "33", &[]),
        mind,
        of_bob,
        json!({"resourceType": "Practitioner", "id": "dr", "name": [{"family": "Visible"}], "telecom": [{"value": "CANARY-TEL"}]}),
        json!({"resourceType": "Flag", "id": "f1", "subject": refers("Patient/p1"), "code": {"text": "CANARY-FLAG"}}),
        composition(
            "d1",
            "Patient/p1",
            &["Condition/c1", "Condition/c2", "Condition/c9", "Flag/f1", "Condition/gone"],
        ),
        composition("d2", "Patient/p2", &["Condition/c1"]),
        kept,
    ])
}

fn parts(answer: &Answer) -> Vec<String> {
    let parts = answer.entries().into_iter().map(|entry| entry["resource"].clone());
    parts.filter(|part| part["resourceType"] != "OperationOutcome").map(|part| name(&part)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_holds_what_is_left_in_its_composition_and_nothing_else() {
    let (site, running) = site_with("open", TABLES, holding(&hospital())).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let answer = get(&site, "/Composition/d1/$document").await;
    assert_eq!((answer.status, &answer.body["type"]), (200, &json!("document")), "{}", answer.body);
    let id = answer.request_id();
    assert_eq!(
        answer.body["identifier"],
        json!({"system": "urn:ietf:rfc:3986", "value": format!("urn:uuid:{id}")})
    );
    assert!(answer.body["timestamp"].is_string() && answer.body.get("total").is_none());
    let mut found = parts(&answer);
    assert_eq!(found[0], "Composition/d1");
    found.sort_unstable();
    let origin = format!("Provenance/{id}");
    assert_eq!(found, ["Composition/d1", "Condition/c1", "Patient/p1", "Practitioner/dr", &origin]);
    let told = answer.body.to_string();
    assert!(!told.contains("CANARY"), "{told}");
    for hidden in ["c2", "c9", "f1", "gone", "c3"] {
        assert!(!told.contains(&format!("/{hidden}\"")), "{hidden}: {told}");
    }
    let face = format!("http://{}/hospital/fhir/", site.requests);
    let urls: Vec<Value> = answer.entries().iter().map(|entry| entry["fullUrl"].clone()).collect();
    assert!(urls[..4].iter().all(|url| url.as_str().unwrap().starts_with(&face)), "{urls:?}");
    running.stop().await;
}

/// What the answer says about itself.
fn said(answer: &Answer) -> String {
    answer.entries().last().unwrap()["resource"]["issue"].to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_type_that_the_system_does_not_let_be_searched_is_named_in_the_answer_and_the_record() {
    for status in ["404 Not Found", "403 Forbidden"] {
        let honest = holding(&hospital());
        let without = move |seen: &Seen| match seen.line.contains("/Condition/_search") {
            true => Play::Bytes(fhir(status, r#"{"resourceType":"OperationOutcome"}"#)),
            false => honest(seen),
        };
        let (site, running) = site_with("open", TABLES, without).await;
        let answer = get(&site, "/Composition/d1/$document").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(!answer.body.to_string().contains("/c1\""), "{}", answer.body);
        let named = "the system cannot be searched for Condition: such parts are not in this document";
        assert!(said(&answer).contains(named), "{}", answer.body);
        running.stop().await;
        let is_named = |record: &Value| record["about"]["withheld"].to_string().contains("type-not-searched");
        assert!(site.records().iter().any(is_named), "{:?}", site.records());
    }
    let (site, running) = site_with("open", TABLES, holding(&hospital())).await;
    let answer = get(&site, "/Composition/d1/$document").await;
    assert!(!said(&answer).contains("cannot be searched"), "{}", answer.body);
    assert!(said(&answer).contains("absence here is not evidence of absence"), "{}", answer.body);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_document_says_of_itself_does_not_depend_on_what_it_refers_to_and_may_hide() {
    let mut told = Vec::new();
    for (entries, is_searched) in
        [(&["Condition/c2"][..], "no"), (&["Condition/c2"], "yes"), (&[], "no"), (&[], "yes")]
    {
        let held = held(&[
            patient("p1", ANN),
            condition("c2", "p1", "22", &["PSY"]),
            composition("d1", "Patient/p1", entries),
        ]);
        let honest = holding(&held);
        let script = move |seen: &Seen| match seen.line.contains("/Condition/_search") && is_searched == "no"
        {
            true => Play::Bytes(fhir("403 Forbidden", r#"{"resourceType":"OperationOutcome"}"#)),
            false => honest(seen),
        };
        let (site, running) = site_with("withheld", TABLES, script).await;
        let answer = get(&site, "/Composition/d1/$document").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        told.push((said(&answer), parts(&answer).len()));
        running.stop().await;
    }
    assert!(told[0].0.contains("cannot be searched for"), "{told:?}");
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_one_share_of_all_that_is_in_it() {
    let (site, running) = site_with("open", TABLES, holding(&hospital())).await;
    let answer = get(&site, "/Composition/d1/$document?persist=false").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let trail = answered(
        site.get(&format!("/fhir/AuditEvent?patient.identifier={NHS_NUMBER}|{ANN}"), Some(&site.ann())).await,
    );
    let event = trail.entries()[0]["resource"].clone();
    assert_eq!(event["subtype"][1]["code"], "document", "{event}");
    for part in ["Composition/d1", "Condition/c1", "Patient/p1"] {
        assert!(event["entity"].to_string().contains(part), "{part}: {event}");
    }
    running.stop().await;
    let records = site.records();
    let of_bob: Vec<&Value> = records.iter().filter(|record| record["about"]["nhs_number"] == BOB).collect();
    assert!(
        of_bob.iter().any(|record| record["about"]["resources"] == json!(["Condition/c9"])),
        "{of_bob:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_composition_that_is_hidden_is_as_one_that_is_absent() {
    let (site, running) = site_with("withheld", TABLES, holding(&hospital())).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let ask = async |id: &str| {
        let Answer { status, body, .. } = get(&site, &format!("/Composition/{id}/$document")).await;
        (status, blind(&body))
    };
    let absent = ask("d9").await;
    assert_eq!(absent.0, 404);
    assert_eq!(ask("d2").await, absent, "of somebody who said no");
    assert_eq!(ask("hiv").await, absent, "of a label that is kept back");
    let answer = post(
        &site,
        "",
        &bundle("batch", &[asks("Composition/hiv/$document"), asks("Composition/d9/$document")]),
    )
    .await;
    let told = blind(&json!(answer.entries()));
    assert_eq!(told[0], told[1], "in a batch too");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_of_more_parts_than_are_looked_up_is_refused_and_not_cut() {
    let names: Vec<String> = (0..5_010).map(|at| format!("Condition/n{at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let conditions = names.iter().map(|name| condition(&name["Condition/".len()..], "p1", "11", &[]));
    let mut all: Vec<Value> = conditions.collect();
    all.extend([patient("p1", ANN), composition("long", "Patient/p1", &names)]);
    let (site, running) =
        sharing::site_after(&agreement("open", TABLES), holding(&held(&all)), |site| site.also_set(LONG))
            .await;
    let answer = get(&site, "/Composition/long/$document").await;
    assert_eq!((answer.status, answer.entries().len()), (403, 0), "{}", answer.body);
    running.stop().await;
    assert!(site.records().iter().any(|record| record["exchange"]["reason"] == "too-costly"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whether_a_document_is_refused_as_too_long_does_not_depend_on_what_is_hidden() {
    let named = |of: &str, count: usize| -> Vec<String> {
        (0..count).map(|at| format!("Condition/{of}-{at}")).collect()
    };
    // The last of them are Ann's: those beyond all that is before them would not be looked up.
    for (of_bob, of_ann, status) in [(0, 210, 200), (450, 210, 200), (4_990, 20, 403)] {
        let (bobs, anns) = (named("p2", of_bob), named("p1", of_ann));
        let all: Vec<&str> = bobs.iter().chain(&anns).map(String::as_str).collect();
        let held_of = |name: &&str| condition(&name["Condition/".len()..], &name[10..12], "11", &[]);
        let mut resources: Vec<Value> = all.iter().map(held_of).collect();
        resources.extend([patient("p1", ANN), patient("p2", BOB), composition("long", "Patient/p1", &all)]);
        let (script, agreement) = (holding(&held(&resources)), agreement("withheld", TABLES));
        let (site, running) = sharing::site_after(&agreement, script, |site| site.also_set(LONG)).await;
        says(&site, BOB, &json!({"type": "deny"})).await;
        let answer = get(&site, "/Composition/long/$document").await;
        assert_eq!(answer.status, status, "{of_bob} and {of_ann}: {}", answer.body);
        let conditions = parts(&answer).iter().filter(|name| name.contains("Condition/")).count();
        assert_eq!(conditions, if status == 200 { of_ann } else { 0 });
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_that_gives_other_parts_than_were_asked_for_gives_nothing() {
    for (path, lie) in [
        ("/Condition/_search", condition("c7", "p2", "77", &[])),
        (
            "/Practitioner/_search",
            json!({"resourceType": "Practitioner", "id": "other", "name": [{"family": "CANARY"}]}),
        ),
        ("/Patient/_search", patient("p2", BOB)),
    ] {
        let honest = holding(&hospital());
        let page =
            json!({"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": lie}]}).to_string();
        let lies = move |seen: &Seen| match seen.line.contains(path) && seen.body.contains("_id") {
            true => Play::Bytes(fhir("200 OK", &page)),
            false => honest(seen),
        };
        let (site, running) = site_with("open", TABLES, lies).await;
        let answer = get(&site, "/Composition/d1/$document").await;
        assert_eq!((answer.status, answer.entries().len()), (502, 0), "{path} {}", answer.body);
        assert!(!answer.body.to_string().contains("CANARY"));
        running.stop().await;
    }
}
