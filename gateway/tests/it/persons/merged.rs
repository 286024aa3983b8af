//! What was said and is held under another record of hers, after they were merged.

use serde_json::{Value, json};

use super::{CY, TABLES, linked, site};
use crate::support::holding::{ANN, Held, NHS_NUMBER, condition, consent, held, holding};
use crate::support::sharing::{self, BOB, agreement, parsed, says};
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;

/// A Patient without a number, whose record took the place of this one.
fn nameless(id: &str, replaces: &str) -> Value {
    let mut made = linked(id, ANN, &[("replaces", replaces)], "N");
    made["identifier"] = json!([]);
    made
}

/// Ann, whose record took the place of this one, and a problem of hers.
fn ann(replaces: &str) -> Vec<Value> {
    vec![linked("p1", ANN, &[("replaces", replaces)], "N"), condition("c1", "p1", "1", &[])]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_more_records_than_are_followed_is_uncertain() {
    let store: Held = held(&[]);
    let (site, running) = site(holding(&store)).await;
    let chain = |last: usize| {
        let others = (3..last).map(|at| nameless(&format!("p{at}"), &format!("Patient/p{}", at + 1)));
        let end = linked(&format!("p{last}"), CY, &[], "N");
        ann("Patient/p3").into_iter().chain(others).chain([end]).collect::<Vec<Value>>()
    };
    for (last, status) in [(6, 200), (7, 404)] {
        *store.lock().unwrap() = chain(last);
        let (told, body) = sharing::read(&site, "Condition/c1").await;
        assert_eq!(told, status, "{} records after hers: {body}", last - 2);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_the_link_itself_names_is_hers_to_deny_by() {
    let mut by_number = ann("Patient/none");
    by_number[0]["link"][0]["other"] = json!({"identifier": {"system": NHS_NUMBER, "value": BOB}});
    let (site, running) = site(holding(&held(&by_number))).await;
    assert_eq!(sharing::read(&site, "Condition/c1").await.0, 200);
    says(&site, BOB, &json!({"type": "deny"})).await;
    assert_eq!(sharing::read(&site, "Condition/c1").await.0, 404);
    running.stop().await;
}

/// Bob denies, but not to the hospital.
fn denial_with_an_exception() -> Value {
    let ods = "https://fhir.nhs.uk/Id/ods-organization-code";
    let role = json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "PRCP"}]});
    let hospital = json!({"role": role, "reference": {"identifier": {"system": ods, "value": "RX1"}}});
    json!({"type": "deny", "provision": [{"type": "permit", "actor": [hospital]}]})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exception_to_a_denial_under_another_record_is_none_under_this_one() {
    let mut all = ann("Patient/p2");
    all.extend([linked("p2", BOB, &[], "N"), condition("c2", "p2", "2", &[])]);
    let store: Held = held(&all);
    let (site, running) = site(holding(&store)).await;
    says(&site, BOB, &denial_with_an_exception()).await;
    assert_eq!(
        sharing::read(&site, "Condition/c2").await.0,
        200,
        "under her own record the exception counts"
    );
    assert_eq!(sharing::read(&site, "Condition/c1").await.0, 404, "under another one only the denial");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_system_holds_of_her_choices_under_another_record_denies_without_exception() {
    let choice = |provision: Value| {
        let mut made = parsed(&consent(BOB, &provision));
        made["id"] = json!("choice");
        made["patient"] = json!({"reference": "Patient/p3"});
        made
    };
    let world = |provision: Value| {
        let old = [nameless("p3", "Patient/p3"), condition("c3", "p3", "3", &[]), choice(provision)];
        ann("Patient/p3").into_iter().chain(old).collect::<Vec<Value>>()
    };
    let store: Held = held(&world(json!({"type": "deny"})));
    let holds = |site: &Whole| site.also_set("consent_source = true\n");
    let (site, running) = sharing::site_after(&agreement("withheld", TABLES), holding(&store), holds).await;
    for (provision, told) in [
        (json!({"type": "deny"}), [404, 404]),
        (json!({"type": "permit"}), [200, 200]),
        (denial_with_an_exception(), [404, 200]),
    ] {
        *store.lock().unwrap() = world(provision.clone());
        let of_hers = sharing::read(&site, "Condition/c1").await.0;
        let of_old = sharing::read(&site, "Condition/c3").await.0;
        assert_eq!([of_hers, of_old], told, "{provision}");
    }
    running.stop().await;
}

/// Which of these places shows the resource with this id.
async fn shown(site: &Whole, id: &str, places: &[&'static str]) -> Vec<&'static str> {
    let mut shown = Vec::new();
    for place in places.iter().copied() {
        let (_, body) = sharing::read(site, place).await;
        if body.to_string().contains(&format!("\"{id}\"")) {
            shown.push(place);
        }
    }
    shown
}

/// Every way to ask for what is said under the former record of Ann.
const UNDER_HER_FORMER: [&str; 4] =
    ["Condition/c9", "Condition?patient=p9", "Condition?patient=p1,p9", "Condition?patient=p9,p1"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_uncertain_under_one_record_is_so_beside_another_record_of_hers_too() {
    // Ann stands under p1, which took the place of p9, and that of p7, of which nothing can be known just now.
    let former = linked("p9", ANN, &[("replaced-by", "Patient/p1"), ("replaces", "Patient/p7")], "N");
    let all = [
        linked("p1", ANN, &[], "N"),
        condition("c1", "p1", "1", &[]),
        former,
        condition("c9", "p9", "9", &[]),
        linked("p7", BOB, &[], "N"),
    ];
    let honest = holding(&held(&all));
    let tripping = move |seen: &Seen| match seen.line.contains("Patient/_search") && seen.body.contains("p7")
    {
        true => Play::Bytes(fhir("500 Internal Server Error", "{}")),
        false => honest(seen),
    };
    let (site, running) = site(tripping).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    assert_eq!(shown(&site, "c9", &UNDER_HER_FORMER).await, [""; 0]);
    assert_eq!(shown(&site, "c1", &["Condition/c1"]).await, [""; 0], "nor under the one that stands");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_more_records_than_are_followed_is_uncertain_beside_another_of_hers_too() {
    let mut all =
        vec![linked("p1", ANN, &[], "N"), condition("c1", "p1", "1", &[]), condition("c9", "p9", "9", &[])];
    all.push(linked("p9", ANN, &[("replaced-by", "Patient/p1"), ("replaces", "Patient/p3")], "N"));
    all.extend((3..8).map(|at| nameless(&format!("p{at}"), &format!("Patient/p{}", at + 1))));
    all.push(linked("p8", BOB, &[], "N"));
    let (site, running) = site(holding(&held(&all))).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    assert_eq!(shown(&site, "c9", &UNDER_HER_FORMER).await, [""; 0]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_former_record_of_her_number_counts_for_the_one_that_stands_whichever_of_them_says_so() {
    for links in [[("replaces", "Patient/p9")].as_slice(), &[]] {
        let world = |degree: &str| {
            let former = [("replaced-by", "Patient/p1"), ("replaces", "Patient/p7")];
            let mut stands = linked("p1", ANN, links, "N");
            stands["address"] = json!([{"city": "secret-town"}]);
            let others = [linked("p9", ANN, &former, degree), linked("p7", BOB, &[], "N")];
            [stands, condition("c1", "p1", "1", &[])].into_iter().chain(others).collect::<Vec<Value>>()
        };
        let store: Held = held(&world("N"));
        let (site, running) = site(holding(&store)).await;
        let address = async || sharing::read(&site, "Patient/p1").await.1["address"][0]["city"].clone();
        assert_eq!(address().await, "secret-town", "{links:?}");
        *store.lock().unwrap() = world("R");
        assert_eq!(address().await, Value::Null, "what was found a moment ago is not remembered: {links:?}");
        assert_eq!(shown(&site, "c1", &["Condition/c1"]).await, ["Condition/c1"], "{links:?}");
        says(&site, BOB, &json!({"type": "deny"})).await;
        for _ in 0..2 {
            assert_eq!(shown(&site, "c1", &["Condition/c1"]).await, [""; 0], "{links:?}");
        }
        running.stop().await;
    }
}
