//! What the TestReports of suites and of scripts have in common.

use aws_lc_rs::digest;
use serde_json::{Value, json};

/// One report as it is; several as a Bundle of type `collection`.
pub(crate) fn entries(mut reports: Vec<Value>) -> String {
    let whole = match reports.len() {
        1 => reports.remove(0),
        _ => {
            let entries: Vec<Value> = (0_usize..).zip(reports).map(entry).collect();
            let mut bundle = json!({"resourceType": "Bundle", "type": "collection"});
            if let Some(members) = bundle.as_object_mut().filter(|_| !entries.is_empty()) {
                members.insert("entry".to_owned(), Value::Array(entries));
            }
            bundle
        }
    };
    serde_json::to_string_pretty(&whole).unwrap_or_default()
}

/// An entry of the Bundle, known by what it holds and by its place: the same may have run twice.
fn entry((place, report): (usize, Value)) -> Value {
    let digest = digest::digest(&digest::SHA256, format!("{place} {report}").as_bytes());
    let mut name = 0_u128;
    for byte in digest.as_ref().iter().take(16) {
        name = name << 8 | u128::from(*byte);
    }
    // Version 8 of RFC 9562: a name of our own making.
    name = name & !(0xf << 76) & !(0b11 << 62) | 8 << 76 | 0b10 << 62;
    let hex = format!("{name:032x}");
    let mut parts = Vec::new();
    let mut rest = hex.as_str();
    for letters in [8, 4, 4, 4] {
        let (part, after) = rest.split_at_checked(letters).unwrap_or((rest, ""));
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    json!({"fullUrl": format!("urn:uuid:{}", parts.join("-")), "resource": report})
}

/// A string of FHIR: not empty, no control characters.
pub(crate) fn text(text: &str) -> Value {
    let clean = clean(text);
    json!(if clean.is_empty() { "-" } else { &clean })
}

pub(crate) fn clean(text: &str) -> String {
    let clean: String =
        text.chars().filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t')).collect();
    clean.trim().to_owned()
}
