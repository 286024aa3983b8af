//! What shapes an answer, through the whole gateway: it is made of what is shown, whatever is held beside it.

use gateway::serve::Running;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::front::ask;
use crate::support::holding::{ANN, condition, patient};
use crate::support::sharing::{self, BOB, agreement, blind, parsed, says, timeless};
use crate::support::upstream::{Play, Seen};
use crate::support::whole::Whole;

mod conditional;
mod hostile;
mod including;
mod ordering;
mod shaping;

const TABLES: &str = r#"[share.person.Patient]
identifier = "to be sure it is the right person"
name = "to address the person"
[share.person.Condition]
code = "what care is needed for"
"onset[x]" = "how long it has been so"
encounter = "when it was found"
where = { not_labelled = ["PSY"] }
[share.person.Encounter]
class = "whether the person is in hospital"
period = "when the person came in"
partOf = "what it belongs to"
where = { not_labelled = ["PSY"] }
[share.person.CareTeam]
participant = "who else cares for the person"
"participant.member" = "who else cares for the person"
[share.person.Practitioner]
name = "whom to ask"
"#;

/// A site under that agreement, whose hospital answers as `script` says.
async fn site(script: impl Fn(&Seen) -> Play + Send + Sync + 'static) -> (Whole, Running) {
    sharing::site(&agreement("withheld", TABLES), script).await
}

/// An answer without what is random in it: status, head, body.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    head: Vec<String>,
    body: String,
}

/// Asks, with these header lines.
async fn asks_with(site: &Whole, path: &str, headers: &str) -> Answer {
    let mut stream = TcpStream::connect(site.requests).await.unwrap();
    let request =
        site.request("GET", &format!("/hospital/fhir/{path}"), Some(&site.consultant()), headers, "");
    let (status, head, body) = blind(ask(&mut stream, &request).await.unwrap());
    Answer { status, head, body: timeless(&body) }
}

async fn asks(site: &Whole, path: &str) -> Answer {
    asks_with(site, path, "").await
}

impl Answer {
    fn json(&self) -> Value {
        parsed(&self.body)
    }

    /// The resources of this mode, but for the Provenance of the share itself.
    fn entries(&self, mode: &str) -> Vec<Value> {
        let all = self.json()["entry"].as_array().cloned().unwrap_or_default();
        let of_mode = all.into_iter().filter(|entry| entry["search"]["mode"] == mode);
        of_mode
            .map(|entry| entry["resource"].clone())
            .filter(|found| found["resourceType"] != "Provenance")
            .collect()
    }

    fn ids(&self, mode: &str) -> Vec<String> {
        self.entries(mode).iter().map(|found| found["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Where the next page is, below the face of the system.
    fn next(&self) -> Option<String> {
        let links = self.json()["link"].as_array().cloned().unwrap_or_default();
        let next = links.into_iter().find(|link| link["relation"] == "next")?;
        Some(next["url"].as_str().unwrap().split_once("/hospital/fhir/").unwrap().1.to_owned())
    }
}

/// How many requests the hospital has seen.
fn asked(site: &Whole) -> usize {
    site.hospital.seen().len()
}

/// Refused by rule, with this code of the metrics, before the hospital is asked.
async fn is_refused_unasked(site: &Whole, path: &str, text: &str) {
    let before = asked(site);
    let answer = asks(site, path).await;
    assert_eq!(answer.status, 403, "{path}: {}", answer.body);
    assert!(answer.body.contains(text), "{path}: {}", answer.body);
    assert_eq!(asked(site), before, "{path}: the hospital was asked");
}

fn ann() -> Value {
    patient("p1", ANN)
}

fn bob() -> Value {
    patient("p2", BOB)
}

/// A problem of Ann's that was found in a stay.
fn problem(id: &str, onset: &str, stay: &str, labels: &[&str]) -> Value {
    let mut found = condition(id, "p1", id, labels);
    found["onsetDateTime"] = json!(onset);
    found["encounter"] = json!({"reference": format!("Encounter/{stay}")});
    found
}

/// A stay of somebody's, with these labels.
fn stay(id: &str, of: &str, labels: &[&str]) -> Value {
    let act = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    let labels: Vec<Value> = labels.iter().map(|code| json!({"system": act, "code": code})).collect();
    json!({"resourceType": "Encounter", "id": id, "meta": {"security": labels}, "status": "finished",
           "class": {"code": "IMP"}, "subject": {"reference": format!("Patient/{of}")}})
}
