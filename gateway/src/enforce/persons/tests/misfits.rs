//! What stands where R4 has a Reference and is none, and NHS numbers under other names.

use fhir::json::{Limits, parse};

use super::super::*;

fn found(json: &str) -> PersonsOf {
    let document = parse(json.to_owned().into(), &Limits::default()).expect("test input");
    persons_of(document.root(), Came::FromHolder, &Bases::none())
}

#[test]
fn what_is_no_reference_where_one_should_be_makes_a_resource_uncertain() {
    use Certainty::{Certain, Uncertain};
    const A: &str = r#""subject":{"reference":"Patient/a"}"#;
    for (owner, member, expected) in [
        ("Observation", r#""focus":"Patient/b""#, Uncertain),
        ("Observation", r#""focus":["Patient/b"]"#, Uncertain),
        ("Observation", r#""focus":5"#, Uncertain),
        ("Observation", r#""focus":true"#, Uncertain),
        ("Observation", r#""focus":[[{"reference":"Patient/a"}]]"#, Uncertain),
        ("Observation", r#""focus":[{"reference":"Patient/a"},"Patient/b"]"#, Uncertain),
        ("Observation", r#""focus":[{}]"#, Uncertain),
        ("Observation", r#""focus":[]"#, Certain),
        ("Observation", r#""focus":[{"reference":"Patient/a"}]"#, Certain),
        ("Observation", r#""performer":"Patient/b""#, Uncertain),
        ("Observation", r#""performer":["Patient/b"]"#, Uncertain),
        ("Observation", r#""performer":[{"reference":["Patient/b"]}]"#, Uncertain),
        (
            "Observation",
            r#""performer":[{"display":"Dr Who"}],"effectiveDateTime":"2026-01-01","valueString":"Patient/b""#,
            Certain,
        ),
        ("Observation", r#""device":"Device/d","issued":"2026-01-01T00:00:00Z""#, Certain),
        (
            "Observation",
            r#""note":[{"text":"Patient/b"}],"status":"final","code":{"text":"subject"}"#,
            Certain,
        ),
        ("Composition", r#""section":[{"focus":"Patient/b"}]"#, Uncertain),
        (
            "Composition",
            r#""section":[{"title":"Patient/b","section":[{"focus":{"reference":"Patient/a"}}]}]"#,
            Certain,
        ),
        ("Encounter", r#""participant":[{"individual":{"reference":"Practitioner/d"}}]"#, Certain),
    ] {
        let json = format!(r#"{{"resourceType":"{owner}",{A},{member}}}"#);
        assert_eq!(found(&json).certainty, expected, "{json}");
    }
    for (json, expected) in [
        (r#"{"resourceType":"Condition","subject":"Patient/a"}"#, Uncertain),
        (r#"{"resourceType":"Task","for":["Patient/a"],"owner":{"reference":"Patient/a"}}"#, Uncertain),
        (
            r#"{"resourceType":"Appointment","participant":[{"actor":{"reference":"Patient/a"}},{"actor":"Patient/b"}]}"#,
            Uncertain,
        ),
        (r#"{"resourceType":"AuditEvent","entity":[{"what":"Patient/b"}]}"#, Uncertain),
    ] {
        assert_eq!(found(json).certainty, expected, "{json}");
    }
}

#[test]
fn a_member_that_is_no_reference_is_not_told() {
    for (json, expected) in [
        (r#"{"resourceType":"Group","member":[{"entity":"Patient/b"}]}"#, Members::Untold),
        (r#"{"resourceType":"List","entry":[{"item":["Patient/b"]}]}"#, Members::Untold),
        (r#"{"resourceType":"Group","member":{"entity":{"reference":"Patient/b"}}}"#, Members::Told),
    ] {
        assert_eq!(found(json).members, expected, "{json}");
    }
}

#[test]
fn a_bundle_that_something_is_about_is_looked_up() {
    let json = r#"{"resourceType":"Observation","subject":{"reference":"Patient/a"},"focus":[{"reference":"Bundle/x"}]}"#;
    let behind: Vec<String> = found(json).behind.iter().map(Local::to_relative).collect();
    assert_eq!(behind, ["Bundle/x"]);
}

#[test]
fn an_nhs_number_is_told_under_the_names_that_its_system_had() {
    for identifier in [
        r#"{"system":"http://fhir.nhs.net/Id/nhs-number","value":"9990000018"}"#,
        r#"{"system":"urn:oid:2.16.840.1.113883.2.1.4.1","value":"9990000018"}"#,
        r#"[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}]"#,
        r#"{"system":"https://fhir.nhs.uk/Id/nhs-number","value":9990000018}"#,
    ] {
        for json in [
            format!(
                r#"{{"resourceType":"Condition","subject":{{"reference":"Patient/a","identifier":{identifier}}}}}"#
            ),
            format!(
                r#"{{"resourceType":"Condition","subject":{{"reference":"Patient/a"}},"evidence":[{{"detail":[{{"identifier":{identifier}}}]}}]}}"#
            ),
        ] {
            let found = found(&json);
            assert_eq!(
                found.nhs_numbers.iter().map(NhsNumber::as_str).collect::<Vec<_>>(),
                ["9990000018"],
                "{json}"
            );
            assert_eq!(found.about_nhs_numbers.len(), 1, "{json}");
        }
    }
}
