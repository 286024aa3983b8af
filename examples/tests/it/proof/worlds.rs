//! Worlds that differ only in what is hidden from an adult social worker.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use conformance::privacy::worlds::Dice;
use examples::json::{parse, text};
use examples::leaks::world;
use serde_json::{Value, json};

use super::{beside, content};

const HISTORY: &str = include_str!("../../../leaks/fixture/history.json");

/// It refers to versions of what may be seen. The golden view drops such references, the gateway shows where they lead:
/// they are not hidden.
const OF_VERSIONS: &str = "List/list-versioned";

/// What a server holds: resources as they are now, and versions from before.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) name: String,
    pub(crate) resources: Vec<Value>,
    pub(crate) history: Vec<Value>,
}

/// How a world is made from the fixture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variation {
    /// As it is.
    First,
    /// Every hidden text is another.
    Replaced,
    /// Nothing hidden is there.
    Bare,
    /// Much more that is hidden is there.
    More,
    /// Some of each, as the dice fall.
    Mixed(u64),
}

impl Variation {
    /// The variation of the n-th comparison.
    pub(crate) fn of(seed: u64, number: u64) -> Self {
        match number % 4 {
            0 => Self::Mixed(seed ^ number),
            1 => Self::Replaced,
            2 => Self::Bare,
            _ => Self::More,
        }
    }
}

pub(crate) fn made(variation: Variation, canaries: &[String]) -> World {
    let (resources, history) = (resources(), listed(HISTORY));
    let name = format!("{variation:?}");
    match variation {
        Variation::First => World { name, resources, history },
        Variation::Replaced => {
            World { name, resources: replaced(resources, canaries), history: replaced(history, canaries) }
        }
        Variation::Bare => World { name, resources: bare(&resources), history },
        Variation::More => {
            let (resources, history) = more((resources, history));
            World { name, resources, history }
        }
        Variation::Mixed(seed) => {
            let mut dice = Dice::new(seed);
            let some: Vec<String> = canaries.iter().filter(|_| dice.chance(50)).cloned().collect();
            let mut resources = replaced(resources, &some);
            thin(&mut resources, &mut dice);
            let world = (resources, replaced(history, &some));
            let (resources, history) = if dice.chance(50) { more(world) } else { world };
            World { name, resources, history }
        }
    }
}

fn listed(text: &str) -> Vec<Value> {
    parse(text.as_bytes()).unwrap().as_array().unwrap().clone()
}

/// The keys of what may be seen.
pub(crate) fn seen() -> BTreeSet<String> {
    view().iter().map(key).collect()
}

/// Every record of the fixture and beside it.
pub(crate) fn resources() -> Vec<Value> {
    let beside = beside::hidden().into_iter().chain([beside::grouped()]).chain(content::records());
    world::resources().unwrap().into_iter().chain(beside).collect()
}

/// What may be seen of them.
fn view() -> Vec<Value> {
    let beside = content::view().into_iter().chain([beside::grouped_as_seen()]);
    world::view().unwrap().into_iter().chain(beside).collect()
}

/// `Type/id`.
pub(crate) fn key(resource: &Value) -> String {
    format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap())
}

fn replaced(resources: Vec<Value>, canaries: &[String]) -> Vec<Value> {
    let mut text = Value::Array(resources).to_string();
    let mut longest_first: Vec<&String> = canaries.iter().filter(|one| one.starts_with("CANARY")).collect();
    longest_first.sort_by_key(|canary| std::cmp::Reverse(canary.len()));
    for canary in longest_first {
        let mut hasher = DefaultHasher::new();
        canary.hash(&mut hasher);
        let other = format!("{:016x}", hasher.finish()).repeat(4);
        text = text.replace(
            canary.as_str(),
            &format!("CANARY-W1-{}", other.get(..canary.len().min(60)).unwrap_or_default()),
        );
    }
    for (one, other) in [
        ("ZZ99 9DQ", "ZZ11 1WW"),
        ("54.123457", "50.000001"),
        ("-1.987653", "-3.000002"),
        ("97.31", "12.5"),
        ("23.77", "3.1"),
        ("07700900481", "07700900999"),
    ] {
        if canaries.iter().any(|canary| canary == one) {
            text = text.replace(one, other);
        }
    }
    listed(&text)
}

/// What may be seen, with its labels, and the Consents.
fn bare(resources: &[Value]) -> Vec<Value> {
    let view = view();
    let kept = |resource: &Value| -> Option<Value> {
        if resource["resourceType"] == "Consent" {
            return Some(resource.clone());
        }
        let mut seen = view.iter().find(|seen| key(seen) == key(resource))?.clone();
        seen["meta"] = resource["meta"].clone();
        seen["meta"].as_object_mut().unwrap().remove("source");
        // Like labels it is not shown, and decides.
        if let Some(context) = resource.get("securityContext") {
            seen["securityContext"] = context.clone();
        }
        if key(resource) == OF_VERSIONS {
            seen["entry"] = resource["entry"].clone();
        }
        Some(seen)
    };
    resources.iter().filter_map(kept).collect()
}

/// Every seen resource was changed since in what is hidden, and other people have more records.
fn more(world: (Vec<Value>, Vec<Value>)) -> (Vec<Value>, Vec<Value>) {
    let (mut resources, mut history) = world;
    let seen = seen();
    for resource in resources.iter_mut().filter(|one| seen.contains(&key(one))) {
        history.push(resource.clone());
        resource["meta"]["versionId"] = json!("9");
        resource["meta"]["lastUpdated"] = json!("2026-01-13T00:00:00Z");
        if key(resource) == "Patient/pd-5v1t" {
            let elsewhere = json!({"line": ["CANARY-W3-D-ADDR2"], "postalCode": "AA1 1AA"});
            match resource["address"].as_array_mut() {
                Some(list) => list.push(elsewhere),
                None => resource["address"] = json!([elsewhere]),
            }
        }
        let hidden = json!({"url": "https://unknown.example/w3", "valueString": "CANARY-W3-EXT"});
        match resource["extension"].as_array_mut() {
            Some(list) => list.push(hidden),
            None => resource["extension"] = json!([hidden]),
        }
    }
    for number in 0..50 {
        for (letter, person, labels) in
            [("b", "9992040602", json!([])), ("c", "pc-3x9q", json!([{"code": "PSY"}]))]
        {
            resources.push(json!({
                "resourceType": "Condition", "id": format!("x-{letter}-{number}"),
                "meta": {"versionId": "1", "lastUpdated": "2026-01-12T00:00:00Z", "security": labels},
                "code": {"text": format!("CANARY-W3-{letter}-{number}")},
                "subject": {"reference": format!("Patient/{person}")}
            }));
        }
    }
    (resources, history)
}

/// Without some of what is hidden, and all that refers to it and is hidden too: what remains keeps its reasons to be hidden.
fn thin(resources: &mut Vec<Value>, dice: &mut Dice) {
    let seen = seen();
    let is_hidden =
        |resource: &Value| !seen.contains(&key(resource)) && resource["resourceType"] != "Consent";
    let mut gone: BTreeSet<String> =
        resources.iter().filter(|one| is_hidden(one) && dice.chance(30)).map(key).collect();
    loop {
        let refers = |one: &Value| gone.iter().any(|key| one.to_string().contains(&format!("{key}\"")));
        let also: Vec<String> = resources
            .iter()
            .filter(|one| is_hidden(one) && !gone.contains(&key(one)) && refers(one))
            .map(key)
            .collect();
        if also.is_empty() {
            break;
        }
        gone.extend(also);
    }
    resources.retain(|one| !gone.contains(&key(one)));
}

#[test]
fn the_worlds_are_others_where_it_is_hidden() {
    let canaries: Vec<String> = super::judge::hidden_from("LA");
    let first = made(Variation::First, &canaries);
    let shown: Vec<String> = view().iter().map(key).collect();
    for variation in [Variation::Replaced, Variation::Bare, Variation::More, Variation::Mixed(3)] {
        let other = made(variation, &canaries);
        assert_ne!(first.resources, other.resources, "{variation:?}");
        for key in &shown {
            assert!(other.resources.iter().any(|one| super::worlds::key(one) == *key), "{variation:?} {key}");
        }
    }
    let bare = Value::Array(made(Variation::Bare, &canaries).resources).to_string();
    let left: Vec<&String> =
        canaries.iter().filter(|one| one.starts_with("CANARY") && bare.contains(*one)).collect();
    let in_consents = |canary: &&&String| {
        !first
            .resources
            .iter()
            .any(|one| one["resourceType"] == "Consent" && one.to_string().contains(**canary))
    };
    assert_eq!(left.iter().filter(in_consents).collect::<Vec<_>>(), Vec::<&&String>::new());
    assert!(text(&first.history[0], "/id").is_some());
}
