//! What a Patient says of herself in another shape than R4's.

use fhir::json::{Limits, parse};

use super::*;

fn of(members: &str) -> PatientFacts {
    let text = format!(r#"{{"resourceType":"Patient","id":"p",{members}}}"#);
    let patient = parse(text.into(), &Limits::default()).expect("test input");
    facts_of(patient.root(), &Bases::none()).expect("a Patient")
}

#[test]
fn whatever_stands_where_a_label_should_shields_her() {
    const ADDRESS: &str = r#""url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label""#;
    use Shield::{None, Shielded};
    for (members, expected) in [
        (r#""meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]}"#.to_owned(), None),
        (r#""meta":{"security":[{"code":"R","display":"restricted"}]}"#.to_owned(), Shielded),
        (r#""meta":{"security":{"code":"R"}}"#.to_owned(), Shielded),
        (r#""meta":{"security":[{"display":"restricted"}]}"#.to_owned(), Shielded),
        (r#""meta":{"security":["R"]}"#.to_owned(), Shielded),
        (r#""meta":{"security":[{"coding":[{"code":"N"}]}]}"#.to_owned(), Shielded),
        (r#""meta":"R""#.to_owned(), Shielded),
        (format!(r#""address":[{{"extension":[{{{ADDRESS},"valueString":"R"}}]}}]"#), Shielded),
        (format!(r#""telecom":{{"extension":{{{ADDRESS},"valueCoding":{{"code":"R"}}}}}}"#), Shielded),
    ] {
        assert_eq!(of(&members).shield, expected, "{members}");
    }
}

#[test]
fn her_number_is_read_in_whatever_shape_and_under_whichever_name_it_stands() {
    for identifier in [
        r#"[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}]"#,
        r#"{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}"#,
        r#"[{"system":["https://fhir.nhs.uk/Id/nhs-number"],"value":["9990000018"]}]"#,
        r#"[[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":9990000018}]]"#,
        r#"[{"system":"http://fhir.nhs.net/Id/nhs-number","value":"9990000018"}]"#,
        r#"[{"system":"urn:oid:2.16.840.1.113883.2.1.4.1","value":"999 000 0018"}]"#,
    ] {
        let found = of(&format!(r#""identifier":{identifier}"#)).nhs_numbers;
        assert_eq!(found.iter().map(NhsNumber::as_str).collect::<Vec<_>>(), ["9990000018"], "{identifier}");
    }
}

#[test]
fn with_whom_she_was_merged_is_read_in_whatever_shape_it_stands() {
    for link in [
        r#"[{"type":"replaced-by","other":{"reference":"Patient/q"}}]"#,
        r#"{"type":["replaced-by"],"other":[{"reference":"Patient/q"}]}"#,
    ] {
        let found = of(&format!(r#""link":{link}"#));
        assert_eq!(found.standing, Standing::Replaced, "{link}");
        assert_eq!(found.merged.iter().map(Id::as_str).collect::<Vec<_>>(), ["q"], "{link}");
    }
    let found = of(
        r#""link":[{"type":"replaces","other":[{"identifier":[{"system":"http://fhir.nhs.net/Id/nhs-number","value":"9990000018"}]}]}]"#,
    );
    assert_eq!(found.merged_numbers.iter().map(NhsNumber::as_str).collect::<Vec<_>>(), ["9990000018"]);
}
