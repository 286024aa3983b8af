//! Records beside those of the fixture, of the kinds that let somebody in who is not whom they are about, and searches that
//! name several persons of whom a list may hold some that are hidden.

use conformance::privacy::worlds::Dice;
use serde_json::{Value, json};

use super::dice::one;
use super::words::Words;

/// What stands in each text of these records that an adult social worker may not see.
pub(crate) const CANARY: &str = "CANARY-BESIDE-";

const A: &str = "Patient/pa-7k2m";
const B: &str = "Patient/9992040602";
const D: &str = "Patient/pd-5v1t";
const E: &str = "Patient/pe-8n4r";
const WARD: &str = "Group/grp-ward";

fn to(place: &str) -> Value {
    json!({"reference": place})
}

fn record(kind: &str, id: &str, said: Value) -> Value {
    let mut made = json!({
        "resourceType": kind, "id": format!("beside-{id}"), "status": "final", "intent": "order",
        "meta": {"versionId": "1", "lastUpdated": "2026-01-10T09:00:00Z"}
    });
    made.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
    made
}

fn text(what: &str) -> Value {
    json!({"text": format!("{CANARY}{what}")})
}

/// Nothing of these may be seen by an adult social worker: what they are about is hidden, or nobody knows what it is.
pub(crate) fn hidden() -> Vec<Value> {
    let a = || to(A);
    let of_e =
        |system: &str| json!({"type": "Patient", "identifier": {"system": system, "value": "BESIDE-77"}});
    let observed = |id: &str, mut said: Value| {
        said["code"] = text(id);
        said["valueQuantity"] = json!({"value": 5.5, "unit": format!("{CANARY}unit")});
        record("Observation", id, said)
    };
    let planned = |kind: &str, id: &str, mut said: Value| {
        said["code"] = text(id);
        said["description"] = json!(format!("{CANARY}{id}"));
        record(kind, id, said)
    };
    let hospital = "https://northshire.nhs.uk/hospital-number";
    let letter = json!({"subject": to(WARD), "author": [a()], "type": {"text": "VISIBLE discharge summary"},
                        "content": [{"attachment": {"title": format!("{CANARY}letter")}}]});
    let answers = json!({"subject": to("RelatedPerson/rp-e-child-of-a"), "source": a(),
                         "item": [{"linkId": "mobility", "text": format!("{CANARY}mobility")}]});
    let team =
        json!({"subject": to(WARD), "name": format!("{CANARY}team"), "participant": [{"member": a()}]});
    let inside = json!({"resourceType": "Group", "id": "g", "type": "person", "actual": true,
                        "member": [{"entity": a()}, {"entity": to(E)}]});
    vec![
        observed("of-a-group", json!({"subject": to(WARD), "performer": [a()]})),
        observed("of-a-group-inside", json!({"subject": to("#g"), "contained": [inside]})),
        observed("of-nobody", json!({"performer": [a()]})),
        observed("of-a-device", json!({"subject": to("Device/dev-d"), "performer": [a()]})),
        observed("about-a-number", json!({"subject": a(), "focus": [of_e(hospital)]})),
        observed("about-a-name", json!({"subject": a(), "focus": [{"display": format!("{CANARY}name")}]})),
        observed("about-a-group", json!({"subject": a(), "focus": [to(WARD)]})),
        observed("about-a-test-of-b", json!({"subject": a(), "focus": [to("Observation/obs-b-hba1c")]})),
        planned("CarePlan", "plan", json!({"subject": to(WARD), "author": a()})),
        planned("ServiceRequest", "request", json!({"subject": to(WARD), "requester": a()})),
        planned("Task", "task", json!({"for": to(WARD), "requester": a()})),
        planned("Task", "task-of-nobody", json!({"focus": to("Observation/obs-b-hba1c"), "requester": a()})),
        record(
            "Condition",
            "problem",
            json!({"subject": to(WARD), "asserter": a(), "code": text("problem")}),
        ),
        record("DocumentReference", "letter", letter),
        record("QuestionnaireResponse", "answers", answers),
        record("CareTeam", "team", team),
        record(
            "CareTeam",
            "team-of-nobody",
            json!({"name": format!("{CANARY}team"), "participant": [{"member": a()}]}),
        ),
    ]
}

/// A group with one who may be seen and two who may not.
pub(crate) fn grouped() -> Value {
    group(&[B, D, E])
}

/// The same as it may be seen.
pub(crate) fn grouped_as_seen() -> Value {
    group(&[D])
}

fn group(members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|member| json!({"entity": to(member)})).collect();
    json!({"resourceType": "Group", "id": "beside-group", "type": "person", "actual": true, "name": "VISIBLE outing",
           "meta": {"versionId": "1", "lastUpdated": "2026-01-10T09:00:00Z"}, "member": members})
}

/// A search by two persons of a list: both, or either of them. Its path below the face, and its query.
pub(crate) fn several(words: &Words, dice: &mut Dice) -> (String, Vec<(String, String)>) {
    let nobody = String::from("absent-7c1f");
    let mut person = || if dice.chance(8) { nobody.clone() } else { one(dice, &words.people).clone() };
    let (first, second) = (person(), person());
    let (path, name) = *one(
        dice,
        &[
            ("Group", "member"),
            ("Group", "member"),
            ("Appointment", "patient"),
            ("Person", "patient"),
            ("CareTeam", "participant"),
        ],
    );
    let value = |id: &str| format!("Patient/{id}");
    let by = |id: &str| (name.to_owned(), value(id));
    match dice.below(4) {
        0 => (path.to_owned(), vec![(name.to_owned(), format!("{},{}", value(&first), value(&second)))]),
        1 => (format!("Patient/{first}/{path}"), vec![by(&second)]),
        _ => (path.to_owned(), vec![by(&first), by(&second)]),
    }
}

#[test]
fn a_search_by_several_names_who_is_seen_and_who_is_hidden() {
    let (words, mut dice) = (Words::of_fixture(), Dice::new(7));
    let asked: Vec<String> = (0..400)
        .map(|_| several(&words, &mut dice))
        .map(|(path, query)| format!("{path}?{query:?}"))
        .collect();
    for (seen, hidden) in [(A, B), (A, E), (D, B)] {
        let both = |ask: &&String| ask.contains(seen) && ask.contains(hidden) && ask.contains("Group");
        assert!(asked.iter().any(|ask| both(&ask)), "{seen} {hidden}");
    }
}
