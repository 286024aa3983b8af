//! Records of somebody who permits that name somebody who does not: as who did something, as one of several, by two names.

use serde_json::{Value, json};

use crate::support::holding::{ANN, NHS_NUMBER, held, holding, patient};
use crate::support::sharing::{self, BOB, agreement, answer, denies, references};

const SHARED: &str = r#"[share.person.Patient]
birthDate = "doses differ by age"
name = "to address the person"
[share.person.Condition]
code = "what care is needed for"
asserter = "who says so"
note = "what was said of it"
"note.author[x]" = "who said it"
[share.person.Encounter]
status = "whether it is over"
participant = "who was there"
[share.person.RelatedPerson]
name = "to address the person"
[share.person.Practitioner]
name = "to address the person"
[share.person.CareTeam]
status = "whether it is at work"
"participant.member" = "who is in it"
"participant.member.display" = "what they are called"
"#;

fn to(place: &str) -> Value {
    json!({"reference": place})
}

fn number(value: &str) -> Value {
    json!({"system": NHS_NUMBER, "value": value})
}

fn world() -> Vec<Value> {
    let ann = || to("Patient/p1");
    let condition = |id: &str, with: Value| {
        let mut made =
            json!({"resourceType": "Condition", "id": id, "subject": ann(), "code": {"text": "asthma"}});
        for (name, value) in with.as_object().unwrap() {
            made[name] = value.clone();
        }
        made
    };
    let attends =
        |who: Value| json!({"type": [{"coding": [{"system": "urn:t", "code": "ATND"}]}], "individual": who});
    vec![
        patient("p1", ANN),
        patient("p2", BOB),
        json!({"resourceType": "Practitioner", "id": "d1", "name": [{"family": "Doctor"}]}),
        json!({"resourceType": "RelatedPerson", "id": "bobs", "patient": to("Patient/p2"), "name": [{"family": "secret-kin"}]}),
        condition("by-place", json!({"asserter": to("Patient/p2")})),
        condition("by-number", json!({"asserter": {"identifier": number(BOB), "display": "secret-bob"}})),
        condition("by-herself", json!({"asserter": ann()})),
        condition(
            "in-a-note",
            json!({"note": [{"text": "worse at night", "authorReference": to("Patient/p2")}]}),
        ),
        json!({"resourceType": "Encounter", "id": "visited", "status": "finished", "class": {"code": "AMB"}, "subject": ann(),
               "participant": [attends(to("RelatedPerson/bobs"))]}),
        json!({"resourceType": "Encounter", "id": "seen", "status": "finished", "class": {"code": "AMB"}, "subject": ann(),
               "participant": [attends(to("Practitioner/d1"))]}),
        json!({"resourceType": "CareTeam", "id": "two-names", "status": "active", "subject": ann(), "participant": [
            {"member": {"reference": "Practitioner/d1", "display": "secret-bob", "identifier": number(BOB)}},
            {"member": {"reference": "Practitioner/d1", "display": "Dr Doctor"}}]}),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_did_something_and_may_not_be_seen_is_left_out_and_the_record_stays() {
    let (site, running) = sharing::site(&agreement("withheld", SHARED), holding(&held(&world()))).await;
    denies(&site, BOB).await;
    for (id, expected) in [("by-place", 0), ("by-number", 0), ("by-herself", 1), ("in-a-note", 0)] {
        let (status, _, body) = answer(&site, &format!("/hospital/fhir/Condition/{id}")).await;
        assert_eq!(status, 200, "{id}");
        assert!(body.contains("asthma"), "{id}: {body}");
        assert_eq!(body.matches("asserter").count(), expected, "{id}: {body}");
        assert!(
            !body.contains("Patient/p2") && !body.contains(BOB) && !body.contains("secret"),
            "{id}: {body}"
        );
    }
    let (_, _, body) = answer(&site, "/hospital/fhir/Condition/in-a-note").await;
    assert!(body.contains("worse at night"), "{body}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_in_an_item_that_is_left_out_is_not_found() {
    let (site, running) = sharing::site(&agreement("withheld", SHARED), holding(&held(&world()))).await;
    denies(&site, BOB).await;
    let (status, _, body) = answer(&site, "/hospital/fhir/Encounter/visited").await;
    assert_eq!((status, body.contains("ATND")), (200, false), "{body}");
    let (_, _, seen) = answer(&site, "/hospital/fhir/Encounter/seen").await;
    assert!(seen.contains("ATND"), "{seen}");
    for (asked, expected) in [("ATND", &["seen"][..]), ("ZZZ", &[])] {
        let path = format!("/hospital/fhir/Encounter?patient=p1&participant-type={asked}");
        let (status, _, body) = answer(&site, &path).await;
        assert_eq!(status, 200, "{asked}");
        assert_eq!(references(&body), expected, "{asked}");
    }
    let (status, _, _) = answer(&site, "/hospital/fhir/Encounter?patient=p1&participant-type:not=ATND").await;
    assert_eq!(status, 403, "absence would tell as well");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reference_by_two_names_is_of_both() {
    let (site, running) = sharing::site(&agreement("withheld", SHARED), holding(&held(&world()))).await;
    denies(&site, BOB).await;
    let (status, _, body) = answer(&site, "/hospital/fhir/CareTeam/two-names").await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("Dr Doctor") && !body.contains("secret"), "{body}");
    running.stop().await;
}
