//! What is told about something new that is sent with it is labelled as that is.

use serde_json::{Value, json};

use super::{called, creates, hospital, new, sent, transact, written};
use crate::support::transacting::transacting;

const URN: &str = "urn:uuid:6f1e2a0c-1111-4222-8333-444455556666";
/// Problems may be shared whatever they are labelled as; what is told about them may not.
const TOLD: &str = r#"[share.person.Observation]
valueString = "what was found"
focus = "what it is about"
where = { not_labelled = ["PSY"] }
[share.person.Provenance]
target = "what it is about"
reason = "why it was done"
where = { not_labelled = ["PSY"] }
"#;

fn telling() -> Vec<Value> {
    vec![
        json!({"resourceType": "Observation", "status": "final", "subject": {"reference": "Patient/p1"},
               "focus": [{"reference": URN}], "valueString": "secret-value"}),
        json!({"resourceType": "Provenance", "target": [{"reference": URN}], "recorded": "2026-01-01T00:00:00Z",
               "reason": [{"text": "secret-reason"}], "agent": [{"who": {"display": "x"}}]}),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_about_something_new_is_labelled_as_that_is() {
    let store = hospital();
    let site = written("withheld", "", transacting(&store)).await;
    let path = site.folder.path().join("agreements/wards.toml");
    let agreement = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, agreement.replace("where = { not_labelled = [\"PSY\"] }\n", "") + TOLD).unwrap();
    let running = site.start().await.unwrap();
    let act = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    for told in telling() {
        for (code, status) in [("ETH", 200), ("PSY", 404)] {
            let mut problem = new("Patient/p1", "55");
            problem["meta"] = json!({"security": [{"system": act, "code": code}]});
            let before = sent(&site).len();
            let answer = transact(&site, &[called(URN, creates(&problem)), creates(&told)]).await;
            assert_eq!(answer.status, status, "{told} {code}: {}", answer.body);
            assert_eq!(sent(&site).len() - before, usize::from(status == 200), "{told} {code}");
        }
    }
    running.stop().await;
}
