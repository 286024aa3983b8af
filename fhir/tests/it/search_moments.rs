//! Moments asked for to a fraction of a second.

use fhir::search::Match::{No, Yes};
use serde_json::{Value, json};

use crate::search_matches::check;

fn condition(onset: Value) -> Value {
    let mut condition = json!({"resourceType": "Condition"});
    condition.as_object_mut().expect("object").extend(onset.as_object().expect("object").clone());
    condition
}

#[test]
fn what_is_held_to_the_second_is_asked_for_by_any_moment_of_it() {
    check(
        &condition(json!({"onsetDateTime": "2024-06-01T10:00:00Z"})),
        &[
            ("onset-date=2024-06-01T10:00:00.000Z", Yes),
            ("onset-date=2024-06-01T11:00:00.999%2B01:00", Yes),
            ("onset-date=ne2024-06-01T10:00:00.000Z", No),
            ("onset-date=ge2024-06-01T10:00:00.500Z", Yes),
            ("onset-date=le2024-06-01T10:00:00.000Z", Yes),
            ("onset-date=gt2024-06-01T09:59:59.999Z", Yes),
            ("onset-date=lt2024-06-01T10:00:01.000Z", Yes),
            ("onset-date=lt2024-06-01T10:00:00.000Z", No),
            ("onset-date=sa2024-06-01T10:00:00.000Z", No),
            ("onset-date=eb2024-06-01T10:00:00.999Z", No),
            ("onset-date=2024-06-01T09:59:59.999Z", No),
            ("onset-date=ne2024-06-01T09:59:59.999Z", Yes),
            ("onset-date=2024-06-01T10:00:01.000Z", No),
            ("onset-date=ge2024-06-01T10:00:01.000Z", No),
            ("onset-date=le2024-06-01T09:59:59.999Z", No),
        ],
    );
    check(
        &condition(json!({"onsetDateTime": "2024-06-01T10:00:00.500Z"})),
        &[
            ("onset-date=2024-06-01T10:00:00.500Z", Yes),
            ("onset-date=2024-06-01T10:00:00Z", Yes),
            ("onset-date=2024-06-01T10:00:00.000Z", No),
            ("onset-date=le2024-06-01T10:00:00.000Z", No),
            ("onset-date=ge2024-06-01T10:00:00.501Z", No),
        ],
    );
    check(
        &condition(json!({"onsetPeriod": {"start": "2024-06-01T10:00:00Z", "end": "2024-06-01T10:00:01Z"}})),
        &[
            ("onset-date=2024-06-01T10:00:00.000Z", No),
            ("onset-date=ge2024-06-01T10:00:00.000Z", Yes),
            ("onset-date=le2024-06-01T10:00:00.500Z", Yes),
        ],
    );
}
