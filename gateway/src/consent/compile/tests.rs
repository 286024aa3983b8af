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

#[test]
fn a_denial_whose_period_ends_before_it_begins_holds_always_and_a_permit_never() {
    for (name, is_of_data) in [("period", false), ("dataPeriod", true)] {
        let provision = |effect: &str, start: &str, end: &str| {
            let period = format!(r#"{{"start":"{start}","end":"{end}"}}"#);
            compiled(&format!(r#""status":"active","provision":{{"type":"{effect}","{name}":{period}}}"#))
                .expect("a rule")
                .rule
        };
        let is_bounded = |rule: &Provision| match is_of_data {
            true => !rule.about.is_any(),
            false => rule.period != Span::default(),
        };
        let denial = provision("deny", "2026-12-01", "2026-01-31");
        assert_eq!((denial.effect, is_bounded(&denial)), (Effect::Deny, false), "{name}");
        assert_eq!(provision("permit", "2026-12-01", "2026-01-31").effect, Effect::Void, "{name}");
        for (start, end) in [("2026-01-31", "2026-12-01"), ("2026-01-31", "2026-01-31"), ("2026", "2026-01")]
        {
            let denial = provision("deny", start, end);
            assert_eq!((denial.effect, is_bounded(&denial)), (Effect::Deny, true), "{name} {start} {end}");
            assert_eq!(provision("permit", start, end).effect, Effect::Permit, "{name} {start} {end}");
        }
    }
}
