//! What links of a history are sealed to, what is one version, and what is recorded of those that are kept back.

use serde_json::json;

use super::{HISTORY, OF_CONDITION, entries, families, get, named, parsed, says, told};
use crate::support::historic::{as_version, past, site, version};
use crate::support::holding::{ANN, Held, condition, held, patient};

fn next(site: &crate::support::whole::Whole, body: &str) -> String {
    let links = parsed(body)["link"].as_array().cloned().unwrap();
    let next = links.iter().find(|link| link["relation"] == "next").unwrap_or_else(|| panic!("{body}"));
    next["url"].as_str().unwrap().strip_prefix(&format!("http://{}", site.requests)).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_to_more_versions_is_of_one_resource_and_ends_with_a_choice_about_sharing() {
    let (old, now) = (as_version(named("Then"), 1), as_version(named("Now"), 2));
    let held: Held = held(std::slice::from_ref(&now));
    let (site, running) = site("open", &held, &told(past(&[version(&now), version(&old)]))).await;
    let first = get(&site, &format!("{HISTORY}?_count=1")).await.2;
    let path = next(&site, &first);
    assert_eq!(families(&get(&site, &path).await.2), ["Then"]);
    let of_another = path.replace("Patient/p1", "Patient/p2");
    let asked = site.hospital.seen().len();
    assert_eq!(get(&site, &of_another).await.0, 400, "a cursor is of one resource");
    assert_eq!(site.hospital.seen().len(), asked, "and no system hears of another");
    let labels = [json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV"})];
    says(&site, ANN, &json!({"type": "deny", "securityLabel": labels})).await;
    assert_eq!(get(&site, &path).await.0, 400, "a choice between two pages starts it again");
    assert_eq!(get(&site, HISTORY).await.0, 200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_is_told_again_after_another_is_one_where_no_moments_tell_their_order() {
    let at_no_time = |family: &str, number: u32| {
        let mut version = as_version(named(family), number);
        version["meta"].as_object_mut().unwrap().remove("lastUpdated");
        version
    };
    let (old, now) = (at_no_time("Then", 1), at_no_time("Now", 2));
    let held: Held = held(std::slice::from_ref(&now));
    let again = past(&[version(&now), version(&old), version(&now)]);
    let (site, running) = site("open", &held, &told(again)).await;
    assert_eq!(families(&get(&site, HISTORY).await.2), ["Now", "Then"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_a_version_was_kept_back_stands_in_the_record() {
    let labelled =
        |number, label: &[&str]| as_version(condition("c1", "p1", &format!("{number}"), label), number);
    let versions = [labelled(2, &[]), labelled(1, &["PSY"])];
    let held: Held = held(&[patient("p1", ANN), versions[0].clone()]);
    let (site, running) = site("open", &held, &told(past(&versions.map(|one| version(&one))))).await;
    assert_eq!(entries(&get(&site, OF_CONDITION).await.2).len(), 1);
    running.stop().await;
    let records = site.records();
    let of_her = |record: &&serde_json::Value| {
        record["about"]["nhs_number"] == ANN && record["exchange"]["interaction"] == "history-instance"
    };
    let withheld = records.iter().find(of_her).unwrap()["about"]["withheld"].to_string();
    assert!(withheld.contains("labelled"), "{records:?}");
}
