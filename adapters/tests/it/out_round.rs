//! A message as a Bundle, and that as a message again: what comes back. And what others make of a Bundle.

use std::collections::BTreeMap;
use std::path::Path;

use adapters::hl7v2::out::{Profile, Unsent, write};
use adapters::{Charset, Context, Loss, hl7v2};
use serde_json::Value;

use crate::corpus::corpus;
use crate::goldens::{golden, hospital, inputs};
use crate::out::at;

/// The elements that are claimed for messages of `event`, with the fields they stand in.
fn claims(event: &str) -> Vec<(String, String)> {
    let text = include_str!("../cases/hl7v2-out/claims.txt");
    let event = if ["A03", "A08", "A31"].contains(&event) { "A01" } else { event };
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    words.filter(|words| words[0] == event).map(|words| (words[1].to_owned(), words[2].to_owned())).collect()
}

/// The values at `path` in all resources of its type.
#[expect(clippy::disallowed_methods, reason = "a test looks at what was written")]
fn values(bundle: &[u8], path: &str) -> Vec<String> {
    fn walk(value: &Value, path: &[&str], out: &mut Vec<String>) {
        match (value, path) {
            (Value::Array(items), _) => items.iter().for_each(|item| walk(item, path, out)),
            (value, []) => out.push(value.to_string()),
            (Value::Object(elements), [first, rest @ ..]) => {
                if let Some(value) = elements.get(*first) {
                    walk(value, rest, out);
                }
            }
            _ => {}
        }
    }
    let bundle: Value = serde_json::from_slice(bundle).unwrap();
    let steps: Vec<&str> = path.split('.').collect();
    let mut out = Vec::new();
    for entry in bundle["entry"].as_array().unwrap() {
        if entry["resource"]["resourceType"] == steps[0] {
            walk(&entry["resource"], &steps[1..], &mut out);
        }
    }
    out
}

/// Whether a loss names `path`, what it is in, or what is in it. Numbers aside.
fn told(losses: &[Loss], path: &str) -> bool {
    let plain = |place: &str| {
        let mut inside = false;
        place
            .chars()
            .filter(|letter| {
                inside = (*letter == '[') || (inside && *letter != ']');
                !inside && *letter != ']'
            })
            .collect::<String>()
    };
    losses.iter().any(|loss| {
        let place = plain(&loss.place);
        let within = |whole: &str, part: &str| {
            part.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        within(&place, path) || within(path, &place)
    })
}

fn receiver() -> Profile {
    Profile::parse("version = \"2.5.1\"\ndimensionless = [\"*\"]").unwrap()
}

/// The trigger of a message, from its header.
fn event(input: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(input);
    let header = text.lines().next()?;
    ["ADT^A01", "ADT^A03", "ADT^A08", "ADT^A31", "ORU^R01", "MDM^T02", "REF^I12"]
        .into_iter()
        .find(|kind| {
            header.contains(&format!("|{kind}")) || header.contains(&format!("*{}", kind.replace('^', "!")))
        })
        .and_then(|kind| kind.split('^').nth(1))
}

/// What a message came to: nothing when it is of another type.
fn round(input: &[u8], context: &Context) -> Option<Result<(), Unsent>> {
    let event = event(input)?;
    let there = hl7v2::translate(input, context).ok()?.bundle;
    let message = match write(&there, event, &receiver(), at()) {
        Ok(message) => message,
        Err(why) => return Some(Err(why)),
    };
    let again = hl7v2::translate(&message.bytes, context).unwrap();
    for (field, path) in claims(event) {
        let (mut one, mut other) = (values(&there, &path), values(&again.bundle, &path));
        if let Some(concept) = path.strip_suffix(".text") {
            // The words of a coding say the same.
            other.extend(values(&again.bundle, &format!("{concept}.coding.display")));
        }
        one.sort();
        other.sort();
        one.dedup();
        other.dedup();
        let lost = one.iter().any(|value| !other.contains(value));
        assert!(
            !lost || told(&message.losses, &path),
            "{field} {path}: {one:?} became {other:?}\n{}\n{:#?}",
            String::from_utf8_lossy(&message.bytes).replace('\r', "\n"),
            message.losses
        );
        // What was not there does not come to be.
        let written = String::from_utf8_lossy(&there);
        let made = other.iter().find(|value| !one.contains(value) && !written.contains(value.as_str()));
        assert!(
            made.is_none() || path.ends_with(".use") || told(&message.losses, &path),
            "{field} {path}: {made:?} out of nothing"
        );
    }
    Some(Ok(()))
}

#[test]
fn what_is_claimed_comes_back_from_every_case() {
    let mut refused: Vec<String> = Vec::new();
    let mut whole = 0;
    for (folder, input) in inputs() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        match round(&input, &hospital()) {
            None => {}
            Some(Ok(())) => whole += 1,
            Some(Err(why)) => refused.push(format!("{name}: {why}\n")),
        }
    }
    assert!(whole >= 11, "{whole}: {refused:#?}");
    golden(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/hl7v2-out/refused.txt"),
        &refused.concat(),
    );
}

#[test]
fn what_is_claimed_comes_back_from_every_message_of_the_corpora() {
    let Some(root) = corpus() else { return };
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for set in [
        "hl7v2-highmed",
        "hl7v2-hl7-official",
        "hl7v2-linuxforhealth",
        "hl7v2-ms-converter",
        "hl7v2-nhs-wales",
        "hl7v2-uclh-emap",
    ] {
        for path in crate::corpus::messages(&root.join(set)) {
            let input = std::fs::read(&path).unwrap();
            let context = if std::str::from_utf8(&input).is_ok() {
                hospital()
            } else {
                hospital().with_charset(Charset::Latin1)
            };
            println!("{}", path.display());
            let outcome = match round(&input, &context) {
                None => continue,
                Some(Ok(())) => "comes back".to_owned(),
                Some(Err(Unsent::Dangerous { why, .. })) => format!("refused: {why}"),
                Some(Err(why)) => format!("refused: {why}"),
            };
            *outcomes.entry(outcome).or_default() += 1;
        }
    }
    println!("{outcomes:#?}");
    assert!(outcomes.get("comes back").copied().unwrap_or_default() >= 25, "{outcomes:#?}");
}

/// The ratchet: how many of the values that others write of a Bundle stand in the same field here.
#[test]
fn the_fields_others_expect_are_met() {
    let Some(root) = corpus() else { return };
    let root = root.join("fhir-to-hl7v2-ms");
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let bundle = read("ObservationBundle.json");
    // The file begins with a byte order mark, which no FHIR may.
    let profile = Profile::parse("version = \"2.5\"\nprocessing = \"T\"").unwrap();
    let message = write(bundle.trim_start_matches('\u{feff}').as_bytes(), "R01", &profile, at()).unwrap();
    let ours = fields(&String::from_utf8(message.bytes).unwrap());
    let expected = fields(&read("ObservationBundle-expected.hl7"));
    let missing: Vec<_> = expected.iter().filter(|value| !ours.contains(value)).collect();
    println!("not met: {missing:#?}");
    let text = format!("{} of {}\n", expected.len() - missing.len(), expected.len());
    golden(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/hl7v2-out/facts.txt"), &text);
}

/// The first components of a message by segment, field and component, without what makes each message its own.
fn fields(text: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for line in text.split(['\r', '\n']).filter(|line| line.len() > 3) {
        for (number, field) in line.split('|').enumerate().skip(1) {
            let number = if line.starts_with("MSH") { number + 1 } else { number };
            if line.starts_with("MSH") && ![9, 11, 12].contains(&number) {
                continue;
            }
            for (component, value) in (1..).zip(field.split('^')).filter(|(_, value)| !value.is_empty()) {
                out.push((
                    format!("{}-{number}.{component}", line.get(..3).unwrap_or_default()),
                    value.to_owned(),
                ));
            }
        }
    }
    out
}
