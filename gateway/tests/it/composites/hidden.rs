//! What a composite may not tell.

use serde_json::{Value, json};

use super::{TABLES, concept, hers, pressure, quantity, site, weight};
use crate::support::asking::get;
use crate::support::holding::{ANN, held, holding, patient};
use crate::support::sharing::{self, BOB, answer, denies, timeless};

/// An agreement that shows the parts of some findings only: of those of a survey.
fn of_surveys() -> String {
    let tables = TABLES.replace("component = \"the parts of it\"\n", "");
    let more = "[share.more.Observation]\ncode = \"what was measured\"\ncomponent = \"the parts of it\"\n\
                where = { category = [\"http://loinc.org|survey\"] }\n";
    let both = "share = [\"person\", \"more\"]";
    sharing::agreement("withheld", &(tables + more)).replace("share = [\"person\"]", both)
}

fn survey(id: &str, values: (u16, u16)) -> Value {
    let mut found = pressure(id, "p1", values);
    found["category"] = json!([concept("survey")]);
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shown_of_some_only_is_found_where_it_is_shown() {
    let all = [patient("p1", ANN), pressure("hidden", "p1", (150, 95)), survey("shown", (150, 95))];
    let (site, running) = sharing::site(&of_surveys(), holding(&held(&all))).await;
    let found = async |asked: &str| {
        let (status, _, body) =
            answer(&site, &format!("/hospital/fhir/Observation?patient=p1&{asked}")).await;
        (status, sharing::references(&body))
    };
    for (asked, expected) in [
        ("component-code-value-quantity=8480-6$150", vec!["shown".to_owned()]),
        ("combo-code-value-quantity=8480-6$150", vec!["shown".to_owned()]),
        ("component-code-value-quantity=8480-6$151", vec![]),
        ("component-code-value-quantity=8462-4$150", vec![]),
        ("code=http://loinc.org%7C85354-9", vec!["hidden".to_owned(), "shown".to_owned()]),
    ] {
        assert_eq!(found(asked).await, (200, expected), "{asked}");
    }
    // Whether 20 kPa are 150 mmHg only the hospital can tell: it counts where all that it compared is shown.
    assert_eq!(
        found("component-code-value-quantity=8480-6$20%7C%7CkPa").await,
        (200, vec!["shown".to_owned()])
    );
    let negating = found("component-code-value-quantity=8480-6$ne150").await;
    assert_eq!(negating.0, 403, "of some only, what is not there may not be asked for");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_guess_at_hidden_parts_is_answered_like_a_wrong_one() {
    let all = held(&[patient("p1", ANN), pressure("hidden", "p1", (150, 95)), survey("shown", (120, 80))]);
    let (site, running) = sharing::site(&of_surveys(), holding(&all)).await;
    let guess = async |parameter: &str, value: &str| {
        let path = format!("/hospital/fhir/Observation?patient=p1&{parameter}=8480-6${value}&_summary=false");
        let (status, head, body) = answer(&site, &path).await;
        (status, head, timeless(&body).replace(value, "GUESS"))
    };
    for parameter in ["component-code-value-quantity", "combo-code-value-quantity"] {
        let (right, wrong) = (guess(parameter, "150").await, guess(parameter, "777").await);
        assert_eq!(right.0, 200, "{}", right.2);
        assert_eq!(right, wrong, "{parameter}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hidden_component_is_refused_before_the_hospital_is_asked() {
    for (shown, asked, status) in [
        // The codes of parts are shown, and no values; the values, and no codes.
        ("\"component.code\"", "component-code-value-quantity", 403),
        ("\"component.code\"", "combo-code-value-quantity", 403),
        ("\"component.value[x]\"", "component-code-value-quantity", 403),
        ("\"component.value[x]\"", "combo-code-value-quantity", 403),
        ("\"component.value[x]\"", "code-value-quantity", 200),
        ("component", "component-code-value-quantity", 200),
    ] {
        let tables = TABLES.replace("component =", &format!("{shown} ="));
        for existence in ["open", "withheld"] {
            let all = holding(&held(&hers()));
            let (site, running) = sharing::site(&sharing::agreement(existence, &tables), all).await;
            let before = site.hospital.seen().len();
            let path = format!("/Observation?patient=p1&{asked}=8480-6$150");
            let answer = get(&site, &path).await;
            assert_eq!(answer.status, status, "{asked} where {shown}: {}", answer.body);
            assert_eq!(site.hospital.seen().len() > before, status == 200, "{asked} where {shown}");
            running.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_withheld_is_not_found_by_what_stands_in_it() {
    let mut labelled = weight("labelled", "p1", 150);
    labelled["meta"] = json!({"security": [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}]});
    let tables = TABLES.replace("encounter = ", "where = { not_labelled = [\"PSY\"] }\nencounter = ");
    let all = held(&[patient("p1", ANN), patient("p2", BOB), labelled, weight("plain", "p1", 90)]);
    let (site, running) = sharing::site(&sharing::agreement("withheld", &tables), holding(&all)).await;
    let path = "/hospital/fhir/Observation?patient=p1&code-value-quantity=29463-7$150";
    let there = answer(&site, path).await;
    all.lock().unwrap().remove(2);
    let absent = answer(&site, path).await;
    assert_eq!((there.0, sharing::references(&there.2).len()), (200, 0), "{}", there.2);
    assert_eq!(there, absent);
    denies(&site, ANN).await;
    let denied = get(&site, "/Observation?patient=p1&code-value-quantity=29463-7$90").await;
    assert!(denied.found("match").is_empty(), "{}", denied.body);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_is_found_by_what_it_replaces_where_that_may_be_seen() {
    let document = |id: &str, of: &str, old: &str| {
        json!({"resourceType": "DocumentReference", "id": id, "status": "current",
               "subject": {"reference": format!("Patient/{of}")},
               "relatesTo": [{"code": "replaces", "target": {"reference": format!("DocumentReference/{old}")}}]})
    };
    let all = [
        patient("p1", ANN),
        patient("p2", BOB),
        document("d1", "p1", "hers"),
        document("hers", "p1", "older"),
        document("d2", "p1", "his"),
        document("his", "p2", "older"),
    ];
    let (site, running) = site("withheld", holding(&held(&all))).await;
    let found = async |asked: &str| {
        let answer = get(&site, &format!("/DocumentReference?patient=p1&relationship={asked}")).await;
        assert_eq!(answer.status, 200, "{asked}: {}", answer.body);
        answer.found("match")
    };
    assert_eq!(found("DocumentReference/hers$replaces").await, ["DocumentReference/d1"]);
    assert_eq!(found("DocumentReference/hers$appends").await, [""; 0]);
    assert_eq!(found("DocumentReference/his$replaces").await, ["DocumentReference/d2"]);
    denies(&site, BOB).await;
    assert_eq!(
        found("DocumentReference/his$replaces").await,
        [""; 0],
        "to what she may not see it does not lead"
    );
    assert_eq!(found("DocumentReference/hers$replaces").await, ["DocumentReference/d1"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_that_the_hospital_could_not_say_are_not_made_up() {
    let mut bare = pressure("bare", "p1", (150, 95));
    bare["component"][0] = json!({"code": concept("8480-6"),
        "dataAbsentReason": {"coding": [{"code": "unknown"}]}});
    bare["component"][1] = json!({"valueQuantity": quantity(150)});
    let (site, running) = site("open", holding(&held(&[patient("p1", ANN), bare]))).await;
    let answer = get(&site, "/Observation?patient=p1&component-code-value-quantity=8480-6$150").await;
    assert!(answer.found("match").is_empty(), "{}", answer.body);
    running.stop().await;
}
