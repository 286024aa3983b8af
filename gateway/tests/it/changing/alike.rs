//! What is hidden decides nothing: resources of which other things are hidden, and for which other tables hold, get the
//! same answer to the same change, to the byte. And nothing hidden that decides something is lost by it.

use std::collections::BTreeSet;

use gateway::serve::Running;
use serde_json::{Value, json};

use super::seen::{BIPOLAR, HIV, at_version_1, blind, protected};
use super::{AGREEMENT, Answer, CONDITION, PATIENT, ann, keeping, puts, read, send};
use crate::hidden::BOB;
use crate::support::holding::{Held, condition, held, patient};
use crate::support::whole::Whole;

const TABLES: &str = r#"
[recipient_role.write]
Patient = ["maritalStatus"]
Condition = ["clinicalStatus", "severity", "bodySite"]
[share.person.Patient]
maritalStatus = "to address the person"
birthDate = "doses differ by age"
address = "to know where to visit"
[share.person.Condition]
code = "what care is needed for"
clinicalStatus = "whether it is still so"
severity = "how much help is needed"
bodySite = "where it is"
recorder = "whom to ask"
[share.grave.Condition]
abatementString = "whether it ends"
where = { not_labelled = ["PSY", "HIV"] }
[share.listed.Condition]
"evidence.code" = "on what it rests"
where = { category = ["urn:c|problem-list-item"] }
"#;

/// A site whose tables hold for some records only, and that keeps back where protected people live.
async fn site(store: &Held) -> (Whole, Running) {
    let site = Whole::with(keeping(store)).await;
    let head = AGREEMENT.split("[recipient_role.write]").next().unwrap();
    let head = head.replace("EXISTENCE", "withheld").replace(r#""grave"]"#, r#""grave", "listed"]"#);
    std::fs::write(site.folder.path().join("agreements/wards.toml"), format!("{head}{TABLES}")).unwrap();
    site.also_set("shields_households = true\n");
    let running = site.start().await.unwrap();
    (site, running)
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    fn one<T: Clone>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())].clone()
    }
}

fn label(code: &str) -> Value {
    let system = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
    json!({"url": "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label",
        "valueCoding": {"system": system, "code": code}})
}

fn fine_print(dice: &mut Dice) -> Vec<Value> {
    let earned = json!({"url": "urn:x", "valueCoding": {"system": "http://snomed.info/sct", "code": HIV}});
    let named = json!({"url": "urn:who", "valueReference": {"reference": "Patient/p2"}});
    let nested =
        json!({"url": "urn:n", "extension": [label("PSY"), {"url": "urn:y", "valueCode": "secret"}]});
    let plain = json!({"url": "urn:plain", "valueString": "secret"});
    let all = [label("HIV"), label("PSY"), earned, named, nested, plain.clone(), plain];
    (0..dice.below(3)).map(|_| dice.one(&all)).collect()
}

/// The same concepts, with drawn fine print.
fn concept(text: &str, dice: &mut Dice) -> Value {
    let mut made = json!({"coding": [{"system": "urn:s", "code": text}], "text": text});
    for place in ["", "/coding/0"] {
        let found = fine_print(dice);
        if !found.is_empty() {
            made.pointer_mut(place).unwrap()["extension"] = json!(found);
        }
    }
    if dice.below(3) == 0 {
        made["_text"] = json!({"id": "secret", "extension": [label("PSY")]});
    }
    made
}

/// A problem that is seen alike whatever is drawn.
fn problem(dice: &mut Dice, shown: u64) -> Value {
    let mut made = at_version_1(condition("c1", "p1", "1", &[]));
    if dice.below(2) == 0 {
        let system = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
        made["meta"]["security"] = json!([{"system": system, "code": dice.one(&["PSY", "HIV", "ETH"])}]);
    }
    if dice.below(2) == 0 {
        made["category"] = json!([{"coding": [{"system": "urn:c", "code": "problem-list-item"}]}]);
    }
    if dice.below(2) == 0 {
        made["note"] = json!([{"text": "secret", "extension": fine_print(dice)}]);
    }
    if dice.below(3) == 0 {
        made["stage"] =
            json!([{"summary": {"coding": [{"system": "http://snomed.info/sct", "code": BIPOLAR}]}}]);
    }
    if dice.below(3) == 0 {
        made["asserter"] = json!({"reference": "Patient/p2"});
    }
    let mut shown = Dice(shown | 1);
    if shown.below(2) == 0 {
        made["clinicalStatus"] = concept("active", dice);
    }
    match shown.below(3) {
        0 => made["severity"] = concept("grave", dice),
        _ if dice.below(3) == 0 => made["severity"] = json!({"extension": fine_print(dice)}),
        _ => {}
    }
    let mut sites: Vec<Value> =
        (0..shown.below(4)).map(|_| concept(["arm", "leg"][shown.below(2)], dice)).collect();
    if dice.below(3) == 0 {
        sites.insert(
            dice.below(sites.len() + 1),
            json!({"extension": [{"url": "urn:why", "valueCode": "secret"}]}),
        );
    }
    if !sites.is_empty() {
        made["bodySite"] = json!(sites);
    }
    made
}

fn bare(text: &str) -> Value {
    json!({"coding": [{"system": "urn:s", "code": text}], "text": text})
}

/// Makes one drawn change of a view.
fn edit(view: &mut Value, dice: &mut Dice) {
    let sct = |code: &str| json!([{"coding": [{"system": "http://snomed.info/sct", "code": code}]}]);
    let name = dice.one(&["clinicalStatus", "severity"]);
    let sites = view["bodySite"].as_array().cloned().unwrap_or_default();
    let mut other = sites.clone();
    match dice.below(18) {
        0 => view[name] = bare("other"),
        1 => drop(view.as_object_mut().unwrap().remove(name)),
        2 if view[name].is_object() => view[name]["text"] = json!("other"),
        3 => other.push(bare(dice.one(&["leg", "head"]))),
        4 if !other.is_empty() => drop(other.remove(0)),
        5 => other.reverse(),
        6 if !other.is_empty() => other[0]["text"] = json!("other"),
        7 => other = vec![bare("head")],
        8 => other.clear(),
        9 => view["bodySite"] = sct(dice.one(&[HIV, BIPOLAR, "1"])),
        10 => view["abatementString"] = json!("soon"),
        11 => view["evidence"] = json!([{"code": [bare("x")]}]),
        12 => view["note"] = json!([{"text": "mine"}]),
        13 => view["code"] = bare("other"),
        14 => view["subject"] = json!({"reference": "Patient/p2"}),
        15 => view[name] = json!({"text": "other", "extension": [label("HIV")]}),
        16 => view["stage"] = json!([]),
        _ => view["category"] = json!([bare("x")]),
    }
    if other != sites {
        match other.is_empty() {
            true => drop(view.as_object_mut().unwrap().remove("bodySite")),
            false => view["bodySite"] = json!(other),
        }
    }
}

/// What in it decides about whom it concerns and who sees it: labels and codes that earn them, whom it refers to.
fn telling(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                match (name.as_str(), inner.as_str()) {
                    ("code", Some(code)) if ["PSY", "HIV", "ETH", HIV, BIPOLAR].contains(&code) => {
                        found.insert(code.to_owned());
                    }
                    ("reference", Some(reference)) => drop(found.insert(reference.to_owned())),
                    _ => telling(inner, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| telling(item, found)),
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

const WRITTEN: [&str; 3] = ["bodySite", "clinicalStatus", "severity"];

/// What an item of a list says without its fine print.
fn item_says(item: &Value) -> (Value, Value) {
    (item["text"].clone(), item["coding"][0]["code"].clone())
}

/// Items that say nothing stay, and what is said of an item is not said of another that says the same as before.
fn check_places(before: &Value, after: &Value) {
    let items = |value: &Value| value["bodySite"].as_array().cloned().unwrap_or_default();
    let (before, after) = (items(before), items(after));
    for item in &before {
        let alike = |other: &&Value| item_says(other) == item_says(item);
        let (stood, stands) = (before.iter().filter(alike).count(), after.iter().filter(alike).count());
        if item_says(item) == (Value::Null, Value::Null) {
            assert!(after.contains(item), "{item} is lost: {after:?}");
        } else if stands <= stood {
            let unlike: Vec<&Value> =
                after.iter().filter(alike).filter(|found| !before.contains(found)).collect();
            assert!(unlike.is_empty(), "it was said of others: {unlike:?} of {before:?}");
        }
    }
}

/// What `answer` did to `before`.
fn check(before: &Value, sent: &Value, answer: &Answer, after: &Value) {
    let told = || format!("{before}\n<= {sent}\n=> {after}");
    if answer.status != 200 {
        assert_eq!((answer.status, after), (422, before), "{}", told());
        return;
    }
    let view = super::value(&answer.body);
    let rest = |value: &Value| {
        let mut rest = value.as_object().unwrap().clone();
        rest.retain(|name, _| !WRITTEN.contains(&name.trim_start_matches('_')) && name != "meta");
        rest
    };
    assert_eq!(rest(after), rest(before), "{}", told());
    assert_eq!(after["meta"]["security"], before["meta"]["security"], "{}", told());
    for name in WRITTEN {
        assert_eq!(view[name], sent[name], "the view of the result is what was sent\n{}", told());
    }
    check_places(before, after);
    let of = |value: &Value| {
        let mut found = BTreeSet::new();
        telling(value, &mut found);
        found
    };
    assert_eq!(of(after), of(before), "what decides something stays\n{}", told());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_hidden_decides_nothing_and_nothing_that_decides_is_lost() {
    let store: Held = held(&[ann(), protected(patient("p2", BOB)), Value::Null]);
    let (site, running) = site(&store).await;
    let (mut made, mut refused) = (0, 0);
    for seed in 1..64_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let shown = dice.0.rotate_left(7);
        let change = dice.0.rotate_left(23) | 1;
        let mut answers = Vec::new();
        for _ in 0..2 {
            let before = problem(&mut dice, shown);
            store.lock().unwrap()[2] = before.clone();
            let (view, version) = read(&site, CONDITION).await;
            let mut sent = view.clone();
            let mut edits = Dice(change);
            (0..=edits.below(2)).for_each(|_| edit(&mut sent, &mut edits));
            let answer = send(&site, "PUT", CONDITION, &version, &sent.to_string()).await;
            check(&before, &sent, &answer, &store.lock().unwrap()[2]);
            answers.push((view, blind(&answer)));
        }
        assert_eq!(answers[0].0, answers[1].0, "they are seen alike: {seed}");
        assert_eq!(answers[0].1, answers[1].1, "{seed}");
        match answers[0].1.0 {
            200 => made += 1,
            _ => refused += 1,
        }
    }
    running.stop().await;
    assert!(made > 15 && refused > 15, "it would prove little: {made} made, {refused} refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_protected_people_live_is_not_found_by_writing() {
    let home = json!([{"line": ["1 Lane"], "postalCode": "ZZ99 9DQ"}]);
    let mut protected = patient("p9", "9990000034");
    protected["address"] = home.clone();
    let system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
    protected["meta"] = json!({"security": [{"system": system, "code": "R"}]});
    let (mut with, mut without) = (ann(), ann());
    with["address"] = home.clone();
    without.as_object_mut().unwrap().remove("address");
    let store: Held = held(&[ann(), protected]);
    let (site, running) = site(&store).await;
    let mut answers = Vec::new();
    for before in [with, without] {
        for (name, new) in [("address", home.clone()), ("maritalStatus", json!({"text": "single"}))] {
            store.lock().unwrap()[0] = before.clone();
            let (mut view, version) = read(&site, PATIENT).await;
            assert_eq!(view.get("address"), None, "{view}");
            view[name] = new;
            let answer = send(&site, "PUT", PATIENT, &version, &view.to_string()).await;
            assert_eq!(store.lock().unwrap()[0].get("address"), before.get("address"));
            answers.push(blind(&answer));
        }
    }
    running.stop().await;
    assert_eq!((answers[0].0, answers[1].0), (422, 200));
    assert_eq!(answers[..2], answers[2..], "whether she lives with somebody who is protected or nowhere");
    assert_eq!(puts(&site), 2);
}
