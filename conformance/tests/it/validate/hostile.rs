//! Inputs that are there to do harm: everything ends, within bounds, and says so.

use conformance::tree::{Limits, Tree};
use conformance::validate::{Severity, validate};
use proptest::prelude::{ProptestConfig, any, proptest};

use super::{errors, findings, shipped};

#[test]
fn nesting_ends() {
    let depth = 100;
    let open = r#"{"url":"https://own.example/e","extension":["#.repeat(depth);
    let inner = r#"{"url":"https://own.example/e","valueString":"x"}"#;
    let json = format!(r#"{{"resourceType":"Patient","extension":[{open}{inner}{}]}}"#, "]}".repeat(depth));
    let Ok(tree) = Tree::read(json.as_bytes(), &Limits { depth_max: 256, ..Limits::default() }) else {
        return;
    };
    assert!(!validate(&tree, shipped(), &[]).is_empty());
}

#[test]
fn errors_are_told_however_much_was_not_checked_before() {
    let entry = r#"{"system":"https://own.example/codes","code":"x"},"#;
    let codings = entry.repeat(6_000);
    let json = format!(
        r#"{{"resourceType":"Basic","code":{{"coding":[{codings}{{"system":"relative","code":"x"}}]}}}}"#
    );
    let found = findings(&json, &[]);
    assert_eq!(errors(&found).len(), 1);
    assert!(found.iter().any(|one| one.code() == "bound" && one.severity == Severity::NotChecked));
    assert!(found.len() < 15_000);
}

#[test]
fn references_in_circles_end() {
    let entry = |own: usize, other: usize| {
        format!(
            r#"{{"fullUrl":"urn:uuid:c757873d-ec9a-4326-a141-55600000000{own}","resource":{{"resourceType":"Patient",
            "meta":{{"profile":["https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient"]}},
            "link":[{{"type":"seealso","other":{{"reference":"urn:uuid:c757873d-ec9a-4326-a141-55600000000{other}"}}}}]}}}}"#
        )
    };
    let json = format!(
        r#"{{"resourceType":"Bundle","type":"collection","entry":[{},{}]}}"#,
        entry(1, 2),
        entry(2, 1)
    );
    assert_eq!(errors(&findings(&json, &[])), Vec::<String>::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_ends_without_a_panic(bytes in any::<Vec<u8>>()) {
        if let Ok(tree) = Tree::read(&bytes, &Limits::default()) {
            drop(validate(&tree, shipped(), &["http://hl7.org/fhir/StructureDefinition/Patient"]));
        }
    }

    #[test]
    fn any_value_in_any_element_ends_without_a_panic(name in "[a-zA-Z_]{1,12}", text in ".{0,40}", number in any::<i64>()) {
        let text = serde_json::to_string(&text).unwrap();
        for value in [text.clone(), number.to_string(), format!("{{\"{name}\":{text}}}"), format!("[{text},{{\"id\":{number}}}]")] {
            findings(&format!("{{\"resourceType\":\"Patient\",\"{name}\":{value},\"name\":[{value}]}}"), &[]);
        }
    }
}
