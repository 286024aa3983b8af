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
        "POST /fhir/RelatedPerson HTTP/1.1" => Play::Bytes(
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
async fn a_next_of_kin_is_written_down_for_a_child_in_care_unless_she_refuses() {
    let agreement = tied("open", TABLES);
    let (site, running) =
        site_after(&agreement, takes(&child()), |site| site.also_set("relationship_source = true\n")).await;
    let mut body = mum();
    body.as_object_mut().unwrap().remove("id");
    let answer = post(&site, "/RelatedPerson", &body).await;
    assert_eq!((answer.status, sent(&site, "POST /fhir/RelatedPerson ")), (201, 1), "{}", answer.body);
    let mut in_her_own_right = body.clone();
    in_her_own_right["patient"] =
        json!({"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": BOB}});
    let answer = post(&site, "/RelatedPerson", &in_her_own_right).await;
    assert_eq!((answer.status, sent(&site, "POST /fhir/RelatedPerson ")), (403, 1), "{}", answer.body);
    denies(&site, BOB).await;
    let answer = post(&site, "/RelatedPerson", &body).await;
    assert_eq!((answer.status, sent(&site, "POST /fhir/RelatedPerson ")), (403, 1), "{}", answer.body);
    running.stop().await;
    let records = site.records();
    let hers: Vec<&Value> = records
        .iter()
        .filter(|record| record["about"]["nhs_number"] == BOB)
        .map(|record| &record["about"]["visibility"])
        .collect();
    let of_child = records
        .iter()
        .filter(|record| record["about"]["nhs_number"] == ANN || record["about"]["patient"] == "Patient/p1")
        .count();
    assert!(of_child >= 2, "{records:?}");
    assert!(hers.contains(&&json!("oversight")), "{hers:?}");
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
