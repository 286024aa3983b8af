//! The invented people hang together.

use std::collections::BTreeSet;

use examples::canary;
use examples::json::text;
use examples::people::{BEN, CARA, EVERYONE, discharge_message, records};
use jiff::civil::date;
use serde_json::Value;

fn everything() -> Vec<Value> {
    records(date(2026, 6, 15))
}

fn name(record: &Value) -> String {
    format!("{}/{}", text(record, "/resourceType").unwrap(), text(record, "/id").unwrap())
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("reference").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_reference_leads_to_a_record() {
    let records = everything();
    let names: BTreeSet<String> = records.iter().map(name).collect();
    assert_eq!(names.len(), records.len(), "two records have one name");
    let mut found = BTreeSet::new();
    records.iter().for_each(|record| references(record, &mut found));
    assert_eq!(found.difference(&names).collect::<Vec<_>>(), [] as [&String; 0]);
}

#[test]
fn nhs_numbers_are_of_the_range_that_is_never_issued_and_have_their_check_digit() {
    for person in EVERYONE {
        let digits: Vec<u32> = person.nhs_number.chars().map(|digit| digit.to_digit(10).unwrap()).collect();
        assert!(person.nhs_number.starts_with("999") && digits.len() == 10);
        let sum: u32 = digits.iter().zip((2..=10).rev()).map(|(digit, weight)| digit * weight).sum();
        assert_eq!((11 - sum % 11) % 11, digits[9], "{}", person.name);
    }
}

#[test]
fn whatever_must_not_reach_the_council_holds_a_canary() {
    for record in everything() {
        let about = |id: &str| record.to_string().contains(&format!("Patient/{id}"));
        if about(BEN.id) || about(CARA.id) {
            assert!(canary::found(record.to_string().as_bytes()).is_some(), "{}", name(&record));
        }
    }
    let message = discharge_message("X1", date(2026, 6, 15).at(9, 0, 0, 0));
    for segment in ["NK1", "ZNH"] {
        let line = message.split('\r').find(|line| line.starts_with(segment)).unwrap();
        assert!(canary::found(line.as_bytes()).is_some(), "{segment}");
    }
}
