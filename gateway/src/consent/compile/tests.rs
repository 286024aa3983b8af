//! Consents of other systems in another shape than R4's: what cannot be read counts against sharing.

use fhir::json::{Limits, parse};

use super::*;

fn compiled(members: &str) -> Option<Provisioned> {
    let text = format!(r#"{{"resourceType":"Consent","id":"c",{members}}}"#);
    let consent = parse(text.into(), &Limits::default()).expect("test input");
    compile(consent.root(), "Consent/c".to_owned(), &Reading::of_gateway("https://gateway.example"))
}

fn effect(members: &str) -> Option<Effect> {
    compiled(members).map(|found| found.rule.effect)
}

#[test]
fn a_denial_in_another_shape_denies() {
    use Effect::{Deny, Permit, Void};
    for (members, expected) in [
        (r#""status":"active","provision":{"type":"permit"}"#, Some(Permit)),
        (r#""status":"active","provision":{"type":"deny"}"#, Some(Deny)),
        (r#""status":"active","provision":{}"#, Some(Void)),
        (r#""status":"inactive","provision":{"type":"deny"}"#, None),
        (r#""status":["active"],"provision":{"type":"deny"}"#, Some(Deny)),
        (r#""status":"active","provision":[{"type":"deny"}]"#, Some(Deny)),
        (r#""status":"active","provision":[{"type":"permit"}]"#, Some(Deny)),
        (r#""status":"active","provision":"deny""#, Some(Deny)),
        (r#""status":"active","provision":{"type":["deny"]}"#, Some(Deny)),
        (r#""status":"active","provision":{"type":["permit"]}"#, Some(Deny)),
        (r#""status":"active","provision":{"type":"permit","provision":["deny"]}"#, Some(Deny)),
        (r#""status":"active","provision":{"type":"permit","dataPeriod":"2026"}"#, Some(Void)),
        (
            r#""status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"treatment"}]},"provision":{"type":"deny"}"#,
            None,
        ),
        (
            r#""status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":["patient-privacy"]}]},"provision":{"type":"deny"}"#,
            Some(Deny),
        ),
    ] {
        assert_eq!(effect(members), expected, "{members}");
    }
}

#[test]
fn an_exception_that_stands_alone_is_read_like_one_of_a_list() {
    for nested in [r#"{"type":"deny"}"#, r#"[{"type":"deny"}]"#] {
        let found =
            compiled(&format!(r#""status":"active","provision":{{"type":"permit","provision":{nested}}}"#));
        let exceptions =
            found.map(|found| found.rule.exceptions.iter().map(|one| one.effect).collect::<Vec<_>>());
        assert_eq!(exceptions.as_deref(), Some(&[Effect::Deny][..]), "{nested}");
    }
}
