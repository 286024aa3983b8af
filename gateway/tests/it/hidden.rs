//! What is hidden tells nothing: through the whole gateway, an answer about it equals one about what is not there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use gateway::serve::Running;
use serde_json::{Value, json};

use crate::support::holding::{ANN, Held, NHS_NUMBER, PROBLEMS, condition, held, holding, patient};
use crate::support::sharing::{self, answer, references};
pub(crate) use crate::support::sharing::{BOB, says};
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;

const MODIFIED: &str = r#"[{"url":"https://hospital.example/not","valueBoolean":true}]"#;

/// A Patient by her name, her problems but for those about her mind, and Bundles.
const TABLES: &str = r#"[share.person.Patient]
identifier = "to be sure it is the right person"
name = "to address the person"
[share.person.Condition]
code = "what care is needed for"
where = { not_labelled = ["PSY"] }
[share.person.Bundle]
type = "to read it"
entry = "what it holds"
"#;

/// An agreement of this existence that shares these.
pub(crate) fn agreement(existence: &str) -> String {
    sharing::agreement(existence, TABLES)
}

/// A site whose hospital answers as `script` says, under an agreement of this existence.
pub(crate) async fn site(
    existence: &str,
    script: impl Fn(&Seen) -> Play + Send + Sync + 'static,
) -> (Whole, Running) {
    sharing::site(&agreement(existence), script).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_for_patients_that_are_two_at_once_finds_nothing_whoever_they_are() {
    // A system that takes the last of two values for both.
    let there = [patient("p1", ANN), patient("p2", BOB)];
    let lenient = |seen: &Seen| {
        let mut pairs: Vec<&str> = Vec::new();
        for pair in seen.body.split('&') {
            let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
            pairs.retain(|kept| name(kept) != name(pair));
            pairs.push(pair);
        }
        Seen { body: pairs.join("&"), ..seen.clone() }
    };
    let honest = holding(&held(&there));
    let (site, running) = site("withheld", move |seen| honest(&lenient(seen))).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let found = async |query: &str| {
        let (status, _, body) = answer(&site, &format!("/hospital/fhir/Patient?{query}")).await;
        (status, references(&body))
    };
    assert_eq!(found("_id=p1").await, (200, vec!["p1".to_owned()]));
    // Each value narrows what the other finds.
    assert_eq!(found("_id=p1,p2&_id=p1").await, (200, vec!["p1".to_owned()]));
    for (one, other) in [("p1", "p9"), ("p9", "p1"), ("p2", "p1"), ("p2", "p9"), ("p8", "p9")] {
        assert_eq!(found(&format!("_id={one}&_id={other}")).await, (200, Vec::new()), "{one} {other}");
    }
    let number = |number: &str| format!("identifier={NHS_NUMBER}|{number}");
    assert_eq!(found(&format!("{}&{}", number(BOB), number(ANN))).await, (200, Vec::new()));
    running.stop().await;
    let seen = site.hospital.seen();
    let both = seen.iter().filter(|seen| seen.body.matches("_id=").count() > 1);
    let contradict = both.filter(|seen| !seen.body.contains("p1%2Cp2"));
    assert_eq!(contradict.map(|seen| seen.body.clone()).collect::<Vec<_>>(), Vec::<String>::new());
    let of_bob = site.records().into_iter().filter(|record| {
        record["about"]["nhs_number"] == BOB && record["about"]["refusal"] == "consent-denied"
    });
    assert_eq!(of_bob.count(), 4, "who asked for him by name stands in his trail");
}

const SENSITIVE: &str = "entries marked as sensitive were left out";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_guess_at_what_is_hidden_is_answered_like_a_wrong_one() {
    let hidden = condition("c1", "p1", "11111111", &["PSY"]);
    let (site, running) = site("open", holding(&held(&[patient("p1", ANN), hidden]))).await;
    let guess = async |code: &str| {
        let path = format!("/hospital/fhir/Condition?patient=p1&code={PROBLEMS}|{code}");
        let (status, head, body) = answer(&site, &path).await;
        // The search as it was understood is the caller's own.
        (status, head, body.replace(code, "GUESSED!"))
    };
    let (right, wrong) = (guess("11111111").await, guess("22222222").await);
    assert_eq!(right.0, 200, "{}", right.2);
    assert!(right.2.contains("GUESSED!"), "{}", right.2);
    assert_eq!(right, wrong);
    let (_, _, whole) = answer(&site, "/hospital/fhir/Condition?patient=p1").await;
    assert!(
        whole.contains(SENSITIVE),
        "who names the person alone is told that something is left out: {whole}"
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_existence_is_withheld_what_cannot_be_reduced_is_as_absent() {
    let mut irreducible = patient("p1", ANN);
    irreducible["modifierExtension"] =
        fhir::json::parse_value(MODIFIED.into(), &fhir::json::Limits::default()).unwrap();
    let (site, running) = site("withheld", holding(&held(&[irreducible, patient("p3", BOB)]))).await;
    let (there, absent) =
        (answer(&site, "/hospital/fhir/Patient/p1").await, answer(&site, "/hospital/fhir/Patient/p2").await);
    assert_eq!(there.0, 404, "{}", there.2);
    assert_eq!(there, absent);
    assert_eq!(answer(&site, "/hospital/fhir/Patient/p3").await.0, 200, "what can be reduced is shared");
    running.stop().await;
    let told: String = site.entries().iter().map(ToString::to_string).collect();
    assert!(told.contains("unknown-modifier"), "the record says why: {told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_that_meets_only_what_is_withheld_is_answered_like_one_that_meets_nothing() {
    let mut irreducible = condition("c2", "p1", "2", &[]);
    irreducible["modifierExtension"] =
        fhir::json::parse_value(MODIFIED.into(), &fhir::json::Limits::default()).unwrap();
    let ann = patient("p1", ANN);
    let held: Held = held(&[ann.clone(), condition("c1", "p1", "1", &["PSY"]), irreducible]);
    let (site, running) = site("withheld", holding(&held)).await;
    let path = "/hospital/fhir/Condition?patient=p1";
    let with = answer(&site, path).await;
    *held.lock().unwrap() = vec![ann.clone()];
    let without = answer(&site, path).await;
    assert_eq!((with.0, references(&with.2).len()), (200, 0), "{}", with.2);
    assert!(with.2.contains(r#""total":0"#), "{}", with.2);
    assert_eq!(with, without);
    *held.lock().unwrap() = vec![ann, condition("c3", "p1", "3", &[])];
    assert_eq!(references(&answer(&site, path).await.2), ["c3"], "what is not hidden is found");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_much_there_is_of_someone_refused_is_not_told_by_the_bound() {
    let endless = Arc::new(AtomicBool::new(true));
    let goes_on = Arc::clone(&endless);
    let pages = AtomicUsize::new(1);
    let honest = holding(&held(&[patient("p1", ANN)]));
    let (site, running) = site("withheld", move |seen| {
        if !seen.line.contains("/fhir/Condition") || !goes_on.load(Ordering::SeqCst) {
            return honest(seen);
        }
        let found = condition("c1", "p1", "1", &[]);
        let page = pages.fetch_add(1, Ordering::SeqCst);
        let next = json!({"relation": "next", "url": format!("Condition?page={page}")});
        let page = json!({"resourceType": "Bundle", "type": "searchset", "link": [next],
                          "entry": [{"search": {"mode": "match"}, "resource": found}]});
        Play::Bytes(fhir("200 OK", &page.to_string()))
    })
    .await;
    let path = "/hospital/fhir/Condition?patient=p1";
    assert_eq!(answer(&site, path).await.0, 403, "of someone who is shared it is told");
    says(&site, ANN, &json!({"type": "deny"})).await;
    let much = answer(&site, path).await;
    endless.store(false, Ordering::SeqCst);
    let nothing = answer(&site, path).await;
    assert_eq!(much.0, 200, "{}", much.2);
    assert_eq!(much, nothing);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_total_depends_on_how_many_are_named_and_not_on_who_they_are() {
    let held: Held = held(&[patient("p1", ANN)]);
    let (site, running) = site("withheld", holding(&held)).await;
    says(&site, ANN, &json!({"type": "deny"})).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let path = format!("/hospital/fhir/Patient?_id=p1&identifier={NHS_NUMBER}|{ANN}");
    let herself = answer(&site, &path).await;
    *held.lock().unwrap() = vec![patient("p1", BOB)];
    let another = answer(&site, &path).await;
    assert_eq!(herself.0, 200, "{}", herself.2);
    assert!(!herself.2.contains("\"total\""), "{}", herself.2);
    assert_eq!(herself, another, "whose number it is that a record bears is not told");
    let (_, _, one) = answer(&site, "/hospital/fhir/Patient?_id=p1").await;
    assert!(one.contains(r#""total":0"#), "{one}");
    running.stop().await;
}

/// A hospital that does not vouch for the numbers on its Patients.
async fn doubtful(held: &Held) -> (Whole, Running) {
    let site = Whole::with(holding(held)).await;
    let settings = std::fs::read_to_string(site.config()).unwrap();
    std::fs::write(site.config(), settings.replace("trusted_identity = true", "")).unwrap();
    site.agrees(&agreement("open"));
    let running = site.start().await.unwrap();
    (site, running)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patient_who_merely_bears_a_number_is_found_by_it_as_herself_and_not_as_its_owner() {
    let (site, running) = doubtful(&held(&[patient("p1", ANN)])).await;
    let path = format!("/hospital/fhir/Patient?identifier={NHS_NUMBER}|{ANN}");
    let (status, _, body) = answer(&site, &path).await;
    assert_eq!((status, references(&body)), (200, vec!["p1".to_owned()]), "no fault of the hospital: {body}");
    // Whose number it is has not been read by this.
    let (_, _, trail) =
        site.get(&format!("/fhir/AuditEvent?patient.identifier={NHS_NUMBER}|{ANN}"), Some(&site.ann())).await;
    assert!(!trail.contains("Patient/p1"), "{trail}");
    running.stop().await;
    let records = site.records();
    let shared = records.iter().map(|record| &record["about"]);
    let shared: Vec<&Value> = shared.filter(|about| about["resources"] == json!(["Patient/p1"])).collect();
    assert_eq!(shared.len(), 1, "{records:?}");
    assert_eq!((&shared[0]["nhs_number"], &shared[0]["patient"]), (&Value::Null, &json!("Patient/p1")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_owner_of_a_number_denies_counts_for_a_patient_who_merely_bears_it() {
    let (site, running) = doubtful(&held(&[patient("p1", ANN)])).await;
    assert_eq!(answer(&site, "/hospital/fhir/Patient/p1").await.0, 200);
    says(&site, ANN, &json!({"type": "deny"})).await;
    assert_eq!(answer(&site, "/hospital/fhir/Patient/p1").await.0, 403);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_that_is_labelled_itself_is_refused_whole() {
    let act = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    let bundle = |labels: Value| {
        json!({"resourceType": "Bundle", "id": "b1", "type": "collection", "meta": {"security": labels},
               "entry": [{"fullUrl": "urn:uuid:6f1e2a0c-1111-4222-8333-444455556666",
                          "resource": condition("c1", "p1", "1", &[])}]})
    };
    let held: Held = held(&[patient("p1", ANN), bundle(json!([]))]);
    let (site, running) = site("open", holding(&held)).await;
    says(
        &site,
        ANN,
        &json!({"type": "permit", "provision": [
        {"type": "deny", "securityLabel": [{"system": act, "code": "HIV"}]}]}),
    )
    .await;
    let (status, _, body) = answer(&site, "/hospital/fhir/Bundle/b1").await;
    assert_eq!((status, body.contains(PROBLEMS)), (200, true), "{body}");
    held.lock().unwrap()[1] = bundle(json!([{"system": act, "code": "HIV"}]));
    let (status, _, body) = answer(&site, "/hospital/fhir/Bundle/b1").await;
    assert_eq!((status, body.contains(PROBLEMS)), (403, false), "{body}");
    running.stop().await;
    let told: String = site.entries().iter().map(ToString::to_string).collect();
    assert!(told.contains("consent-denied"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_hide_somebody_goes_at_the_beat_and_not_when_it_is_ready() {
    let held: Held = held(&[patient("p1", ANN), patient("p3", BOB), condition("c1", "p1", "1", &["PSY"])]);
    let (site, running) = site("withheld", holding(&held)).await;
    says(&site, BOB, &json!({"type": "deny"})).await;
    let paths = [
        ("Patient/p2", "absent"),
        ("Patient/p3", "withheld"),
        ("Condition?patient=p1", "some of it hidden"),
        ("Condition?patient=p3", "all of it hidden"),
        ("Condition?patient=p2", "about nobody"),
        ("Patient/p1/_history", "versions"),
    ];
    for (path, what) in paths {
        let asked = Instant::now();
        answer(&site, &format!("/hospital/fhir/{path}")).await;
        assert!(asked.elapsed() >= Duration::from_millis(256), "{what} was told at once");
    }
    running.stop().await;
}
