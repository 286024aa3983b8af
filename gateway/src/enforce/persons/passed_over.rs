//! What is passed over of a resource says nothing of anybody.

use std::collections::BTreeMap;

use fhir::json::{Limits, parse};
use proptest::prelude::*;

use super::*;

/// Resources in which names meet that say something of persons, and some that say nothing. `beside` stands in each object.
fn telling(beside: &'static str) -> impl Fn(Vec<(usize, usize, usize)>) -> String {
    const NAMES: [&str; 16] = [
        "subject",
        "entity",
        "what",
        "target",
        "focus",
        "performer",
        "component",
        "note",
        "member",
        "item",
        "link",
        "type",
        "extension",
        "valueReference",
        "contained",
        "code",
    ];
    const LEAVES: [&str; 9] = [
        r#""reference":"Patient/a""#,
        r#""reference":"Group/g""#,
        r#""reference":"https://other.example/Patient/b""#,
        r#""display":"Ann""#,
        r#""code":"1""#,
        r#""text":"reference""#,
        r#""identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}"#,
        r#""resourceType":"Patient""#,
        r#""resourceType":"Observation","subject":{"reference":"Patient/c"}"#,
    ];
    const OWNERS: [&str; 7] =
        ["Observation", "AuditEvent", "Group", "List", "Provenance", "Appointment", "Patient"];
    move |parts: Vec<(usize, usize, usize)>| {
        let owner = parts.first().map_or("Basic", |(owner, ..)| OWNERS[owner % OWNERS.len()]);
        let mut members = BTreeMap::new();
        for (top, inner, leaf) in parts {
            let leaf = LEAVES[leaf % LEAVES.len()];
            let inner = NAMES[inner % NAMES.len()];
            let value = match top % 3 {
                0 => format!(r#"{{{leaf}{beside}}}"#),
                1 => format!(r#"[{{"{inner}":{{{leaf}{beside}}}{beside}}}]"#),
                _ => format!(r#"[{{"{inner}":[{{"{inner}":{{{leaf}{beside}}}{beside}}}]{beside}}}]"#),
            };
            members.insert(NAMES[top % NAMES.len()], value);
        }
        let members: String = members.iter().map(|(name, value)| format!(r#","{name}":{value}"#)).collect();
        format!(r#"{{"resourceType":"{owner}","id":"x"{members}}}"#)
    }
}

proptest! {
    #[test]
    fn what_is_passed_over_says_nothing_of_anybody(
        parts in prop::collection::vec((0_usize..99, 0_usize..99, 0_usize..99), 0..6)
    ) {
        let found = |json: String| {
            let document = parse(json.into(), &Limits::default()).expect("test input");
            let bases = Bases::new(["https://ehr.example/fhir"]).expect("a base");
            [Came::FromHolder, Came::Submitted].map(|came| persons_of(document.root(), came, &bases))
        };
        // A number called like a subject says nothing, and nothing beside it is passed over.
        prop_assert_eq!(found(telling("")(parts.clone())), found(telling(r#","deliverTo":0"#)(parts)));
    }
}
