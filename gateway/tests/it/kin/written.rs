//! What is sent somewhere and names somebody's kin.

use serde_json::{Value, json};

use super::{ANN, BOB, child, mum, of, tied, to};
use crate::support::asking::post;
use crate::support::holding::{held, holding, patient};
use crate::support::sharing::{denies, site_after};
use crate::support::upstream::{Play, Seen, fhir};
use crate::support::whole::Whole;

const TABLES: &str = r#"[share.person.Patient]
name = "to address the person"
[share.person.RelatedPerson]
patient = "whose kin it is"
name = "whom to ask"
identifier = "to be sure who it is"
[share.person.Observation]
code = "what was seen"
performer = "who saw it"
note = "what was said of it"
[[recipient_system]]
systems = ["hospital"]
share = ["person", "message"]
[share.message.MessageHeader]
"event[x]" = "what happened"
source = "where it comes from"
focus = "what it is about"
[share.message.Encounter]
status = "whether it goes on"
"#;

/// Takes every body that is sent.
fn takes(store: &[Value]) -> impl Fn(&Seen) -> Play + Send + Sync + 'static {
    let honest = holding(&held(store));
    move |seen| match seen.line.as_str() {
        "POST /fhir/RelatedPerson HTTP/1.1" | "POST /fhir/Observation HTTP/1.1" => Play::Bytes(
            b"HTTP/1.1 201 Created\r\nlocation: RelatedPerson/new\r\ncontent-length: 0\r\n\r\n".to_vec(),
        ),
        "POST /fhir/$process-message HTTP/1.1" => {
            Play::Bytes(fhir("200 OK", r#"{"resourceType":"Bundle","type":"message"}"#))
        }
        _ => honest(seen),
    }
}

fn sent(site: &Whole, line: &str) -> usize {
    site.hospital.seen().iter().filter(|seen| seen.line.starts_with(line)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_writes_down_somebodys_kin_without_caring_for_her_learns_nothing_of_what_she_has_said() {
    let agreement = tied("open", TABLES);
    let (site, running) =
        site_after(&agreement, takes(&child()), |site| site.also_set("relationship_source = true\n")).await;
    let mut body = mum();
    body.as_object_mut().unwrap().remove("id");
    let before = post(&site, "/RelatedPerson", &body).await;
    denies(&site, BOB).await;
    let after = post(&site, "/RelatedPerson", &body).await;
    assert_eq!((before.status, after.status), (403, 403), "{}", before.body);
    assert_eq!(before.body, after.body, "the number is the sender's choice");
    assert_eq!(sent(&site, "POST /fhir/RelatedPerson "), 0);
    // Without her number she is written down as whoever comes along.
    body.as_object_mut().unwrap().remove("identifier");
    let answer = post(&site, "/RelatedPerson", &body).await;
    assert_eq!((answer.status, sent(&site, "POST /fhir/RelatedPerson ")), (201, 1), "{}", answer.body);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_names_somebody_as_a_doer_learns_nothing_of_how_she_is_protected() {
    let agreement = tied("open", TABLES);
    let mut sent = Vec::new();
    for degree in ["N", "R"] {
        let mut mother = patient("p2", BOB);
        let system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
        mother["meta"] = json!({"security": [{"system": system, "code": degree}]});
        let mut store = child();
        store.retain(|held| held["id"] != "p2");
        store.push(mother);
        let (site, running) =
            site_after(&agreement, takes(&store), |site| site.also_set("relationship_source = true\n")).await;
        let body = json!({"resourceType": "Observation", "status": "final", "subject": to("Patient/p1"),
            "code": {"text": "visit"}, "note": [{"text": "well"}],
            "performer": [{"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": BOB}}]});
        let answer = post(&site, "/Observation", &body).await;
        assert_eq!(answer.status, 201, "{degree}: {}", answer.body);
        let seen = site.hospital.seen();
        running.stop().await;
        let told =
            seen.into_iter().find(|seen| seen.line.starts_with("POST /fhir/Observation ")).unwrap().body;
        assert!(told.contains("well") && !told.contains(BOB), "{degree}: {told}");
        sent.push(told);
    }
    assert_eq!(sent[0], sent[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_states_the_tie_of_the_one_whose_record_it_is_whoever_is_her_kin() {
    let agreement = tied("open", TABLES).replace("\"care-team\"", "\"encounter\"");
    let store = [patient("p1", ANN)];
    let (site, running) = site_after(&agreement, takes(&store), |_| ()).await;
    let stay = of("Encounter", "e1", json!({"subject": to("Patient/p1")}));
    let message = |more: &[Value]| {
        let header = json!({"resourceType": "MessageHeader", "id": "msg-1", "eventCoding": {"system": "http://events.example", "code": "admit"},
            "source": {"endpoint": "https://sender.example"}, "focus": [to("Patient/p1")]});
        let entries: Vec<Value> = [header, patient("p1", ANN)]
            .iter()
            .chain(more)
            .map(|resource| json!({"resource": resource}))
            .collect();
        json!({"resourceType": "Bundle", "id": "b1", "type": "message", "entry": entries})
    };
    for (case, more, status) in [
        ("no tie", vec![mum()], 403),
        ("a tie", vec![stay.clone()], 200),
        ("a tie, and her kin", vec![stay.clone(), mum()], 200),
        ("a tie of one of two", vec![stay.clone(), patient("p2", BOB)], 403),
    ] {
        let answer = post(&site, "/$process-message", &message(&more)).await;
        assert_eq!(answer.status, status, "{case}: {}", answer.body);
    }
    denies(&site, BOB).await;
    let answer = post(&site, "/$process-message", &message(&[stay, mum()])).await;
    assert_eq!((answer.status, sent(&site, "POST /fhir/$process-message")), (403, 2), "{}", answer.body);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_told_at_once_asks_nothing_about_kin_where_that_is_withheld() {
    let agreement = tied("withheld", TABLES).replace("\"care-team\"", "\"encounter\"");
    let (site, running) = site_after(&agreement, takes(&child()), |_| ()).await;
    let stay = of("Encounter", "e1", json!({"subject": to("Patient/p1")}));
    let message = |more: &[Value]| {
        let header = json!({"resourceType": "MessageHeader", "id": "msg-1", "eventCoding": {"system": "http://events.example", "code": "admit"},
            "source": {"endpoint": "https://sender.example"}, "focus": [to("Patient/p1")]});
        let entries: Vec<Value> = [header, patient("p1", ANN), stay.clone()]
            .iter()
            .chain(more)
            .map(|resource| json!({"resource": resource}))
            .collect();
        json!({"resourceType": "Bundle", "id": "b1", "type": "message", "entry": entries})
    };
    let before = post(&site, "/$process-message", &message(&[mum()])).await;
    denies(&site, BOB).await;
    let after = post(&site, "/$process-message", &message(&[mum()])).await;
    assert_eq!(
        (before.status, &before.body),
        (after.status, &after.body),
        "the number is the sender's choice"
    );
    assert_eq!((before.status, sent(&site, "POST /fhir/$process-message")), (404, 0));
    // Without her number she is in it as whoever comes along.
    let mut mother = mum();
    mother.as_object_mut().unwrap().remove("identifier");
    let answer = post(&site, "/$process-message", &message(&[mother])).await;
    assert_eq!((answer.status, sent(&site, "POST /fhir/$process-message")), (200, 1), "{}", answer.body);
    running.stop().await;
}
