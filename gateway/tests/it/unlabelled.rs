//! Content that tells something sensitive and bears no label is kept back like content that bears one.

use gateway::commands::Exit;
use serde_json::{Value, json};

use crate::hidden::site;
use crate::support::holding::{ANN, PROBLEMS, condition, held, holding, patient};
use crate::support::sharing::{answer, references, says};
use crate::support::whole::Whole;

const BIPOLAR: &str = "13746004";
const ASTHMA: &str = "195967001";
const CONDITIONS: &str = "/hospital/fhir/Condition?patient=p1";

fn told(site: &Whole) -> String {
    site.entries().iter().map(ToString::to_string).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unlabelled_diagnosis_that_tells_is_as_absent_by_read_and_by_search() {
    let ann = patient("p1", ANN);
    let held = held(&[ann.clone(), condition("c1", "p1", BIPOLAR, &[])]);
    let (site, running) = site("withheld", holding(&held)).await;
    let (hidden, absent) = (
        answer(&site, "/hospital/fhir/Condition/c1").await,
        answer(&site, "/hospital/fhir/Condition/c9").await,
    );
    assert_eq!(hidden.0, 404, "{}", hidden.2);
    assert_eq!(hidden, absent);
    let with = answer(&site, CONDITIONS).await;
    let guess = format!("{CONDITIONS}&code={PROBLEMS}|{BIPOLAR}");
    let right = answer(&site, &guess).await;
    *held.lock().unwrap() = vec![ann.clone()];
    assert!(with.2.contains(r#""total":0"#), "{}", with.2);
    assert_eq!(with, answer(&site, CONDITIONS).await);
    assert_eq!(right, answer(&site, &guess).await, "a right guess tells no more than a wrong one");
    *held.lock().unwrap() =
        vec![ann, condition("c1", "p1", BIPOLAR, &[]), condition("c2", "p1", ASTHMA, &[])];
    let (_, _, body) = answer(&site, CONDITIONS).await;
    assert_eq!(references(&body), ["c2"], "what tells nothing is shared");
    assert!(body.contains(r#""total":1"#) && !body.contains("PSY"), "{body}");
    running.stop().await;
    let told = told(&site);
    assert!(
        told.contains("labelled: PSY by portcullis/mental-illness"),
        "the record names the entry: {told}"
    );
    assert!(!told.contains(BIPOLAR), "and not the code: {told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_labelled_anyway_is_recorded_as_before() {
    let held = held(&[patient("p1", ANN), condition("c1", "p1", BIPOLAR, &["PSY"])]);
    let (site, running) = site("open", holding(&held)).await;
    let (_, _, body) = answer(&site, CONDITIONS).await;
    assert!(body.contains("entries marked as sensitive were left out"), "{body}");
    running.stop().await;
    let told = told(&site);
    assert!(told.contains("labelled") && !told.contains("portcullis/mental-illness"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_existence_is_open_the_reason_is_told_and_not_the_list() {
    let held = held(&[patient("p1", ANN), condition("c1", "p1", BIPOLAR, &[])]);
    let (site, running) = site("open", holding(&held)).await;
    let (_, _, body) = answer(&site, CONDITIONS).await;
    assert!(body.contains("entries marked as sensitive were left out"), "{body}");
    assert!(!body.contains("portcullis/"), "{body}");
    let (status, _, body) = answer(&site, "/hospital/fhir/Condition/c1").await;
    assert_eq!((status, body.contains("portcullis/")), (403, false), "{body}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_denies_by_label_reaches_what_only_codes_tell() {
    let held = held(&[
        patient("p1", ANN),
        condition("c1", "p1", "86406008", &[]),
        condition("c2", "p1", ASTHMA, &[]),
        condition("c3", "p1", "15167005", &[]),
    ]);
    let (site, running) = site("withheld", holding(&held)).await;
    assert_eq!(references(&answer(&site, CONDITIONS).await.2), ["c1", "c2", "c3"]);
    let act = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    let label = |code: &str| json!({"type": "deny", "securityLabel": [{"system": act, "code": code}]});
    says(&site, ANN, &json!({"type": "permit", "provision": [label("HIV"), label("SUD")]})).await;
    assert_eq!(
        references(&answer(&site, CONDITIONS).await.2),
        ["c2"],
        "a narrower category is denied with it"
    );
    running.stop().await;
    let told = told(&site);
    assert!(told.contains("consent-denied: HIV by portcullis/hiv"), "{told}");
    assert!(told.contains("consent-denied: ETH by portcullis/alcohol-use"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_bundle_only_the_entry_that_tells_is_kept_back() {
    let entry = |resource: Value, digit: u8| json!({"fullUrl": format!("urn:uuid:6f1e2a0c-1111-4222-8333-44445555666{digit}"), "resource": resource});
    let bundle = json!({"resourceType": "Bundle", "id": "b1", "type": "collection", "entry": [
        entry(condition("c1", "p1", BIPOLAR, &[]), 1), entry(condition("c2", "p1", ASTHMA, &[]), 2)]});
    let (site, running) = site("withheld", holding(&held(&[patient("p1", ANN), bundle]))).await;
    let (status, _, body) = answer(&site, "/hospital/fhir/Bundle/b1").await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains(ASTHMA) && !body.contains(BIPOLAR) && !body.contains(r#""id":"c1""#), "{body}");
    running.stop().await;
}

const LIST: &str = r#"
name = "local"
title = "Codes of our own"
[[entry]]
name = "crisis-house"
why = "a stay in the crisis house"
labels = ["PSY"]
[entry.codes]
"http://snomed.info/sct" = ["195967001"]
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_takes_in_a_list_and_takes_out_a_code_and_a_faulty_list_changes_nothing() {
    let held =
        held(&[patient("p1", ANN), condition("c1", "p1", BIPOLAR, &[]), condition("c2", "p1", ASTHMA, &[])]);
    let (site, running) = site("withheld", holding(&held)).await;
    let shared = async || references(&answer(&site, CONDITIONS).await.2);
    assert_eq!(shared().await, ["c2"]);
    let list = site.folder.path().join("codes.toml");
    std::fs::write(&list, LIST).unwrap();
    site.also_set("[[sensitive_codes]]\nfile = \"codes.toml\"\n");
    running.reload().await.unwrap();
    assert_eq!(shared().await, [""; 0]);
    std::fs::write(&list, LIST.replace("PSY", "PSI")).unwrap();
    let fault = running.reload().await.unwrap_err();
    assert_eq!(fault.exit(), Exit::Settings);
    assert!(fault.to_string().contains("codes.toml:7: entry[0].labels[0]: "), "{fault}");
    assert_eq!(shared().await, [""; 0], "what was loaded goes on serving");
    std::fs::write(&list, LIST).unwrap();
    site.also_set(
        "[[not_sensitive]]\nsystem = \"http://snomed.info/sct\"\ncode = \"13746004\"\nreason = \"used for a research register\"\n",
    );
    running.reload().await.unwrap();
    assert_eq!(shared().await, ["c1"]);
    running.stop().await;
    let told = told(&site);
    assert!(
        told.contains("not sensitive here: http://snomed.info/sct|13746004: used for a research register"),
        "{told}"
    );
    std::fs::write(&list, "name = 1").unwrap();
    assert_eq!(
        site.start().await.unwrap_err().exit(),
        Exit::Settings,
        "it does not start with a faulty list"
    );
}
