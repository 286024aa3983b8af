//! Changes of what was just read: plain ones, that a merge takes, and odd ones.

use conformance::privacy::worlds::Dice;
use serde_json::{Value, json};

use super::asks::{After, Ask, FACE};
use super::dice::one;
use super::words::Words;

/// A read of what the agreements of the scenario let somebody change, and the change.
pub(crate) fn read_and_back(words: &Words, dice: &mut Dice, who: &'static str) -> Vec<Ask> {
    let is_changed = |record: &&String| record.starts_with("Patient/") || record.starts_with("Condition/");
    let records: Vec<&String> = words.records.iter().filter(is_changed).collect();
    let read = Ask {
        row: "read",
        who,
        method: "GET",
        path: format!("{FACE}/{}", one(dice, &records)),
        query: Vec::new(),
        headers: vec![("accept", "application/fhir+json".to_owned())],
        body: None,
        after: After::Nothing,
    };
    let changed = back(words, dice, read.clone());
    vec![read, changed]
}

/// What `before` told, sent back with some of it changed.
pub(crate) fn back(words: &Words, dice: &mut Dice, before: Ask) -> Ask {
    let changes = (0..dice.below(3)).map(|_| change(words, dice)).collect();
    Ask { after: After::Back(changes), method: "PUT", row: "update", query: Vec::new(), ..before }
}

fn change(words: &Words, dice: &mut Dice) -> (String, Value) {
    let text = json!(one(dice, &words.texts));
    let (place, value) = match dice.below(20) {
        0 => ("/telecom/0/value", text),
        1 => ("/telecom/-", json!({"system": "phone", "value": text})),
        2 => ("/telecom", json!([{"system": "phone", "value": text}])),
        3 => ("/address/-", json!({"use": "temp", "line": [text], "city": "Northby"})),
        4 => ("/address/0/use", json!("old")),
        5 => ("/address/0/line/0", text),
        6 => ("/name/-", json!({"use": "nickname", "given": [text]})),
        7 => ("/name/0/family", text),
        8 => ("/code", json!({"text": text})),
        9 => ("/code/text", text),
        10 => (
            "/clinicalStatus",
            json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "resolved"}]}),
        ),
        11 => ("/clinicalStatus/coding/0/code", text),
        12 => ("/status", text),
        13 => ("/subject", text),
        14 => ("/extension", text),
        15 => ("/meta", text),
        16 => ("/id", text),
        17 => ("/gender", json!(one(dice, &["female", "male", "other", "unknown"]))),
        18 => ("/clinicalStatus/text", text),
        _ => ("/name", text),
    };
    (place.to_owned(), value)
}

/// Puts `value` at `place`; at the end of a list for `-`.
pub(crate) fn put(content: &mut Value, place: &str, value: &Value) {
    if let Some(list) = place.strip_suffix("/-") {
        if let Some(Value::Array(items)) = content.pointer_mut(list) {
            items.push(value.clone());
        }
    } else if let Some(held) = content.pointer_mut(place) {
        held.clone_from(value);
    }
}
