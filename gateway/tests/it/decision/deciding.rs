//! Rules and evidence: the social worker and Ann, each condition switched alone.

use gateway::decision::facts::{Identity, Shield};
use gateway::decision::ruling::LabelsOfAgreement;
use gateway::enforce::subjects::StatedTie;

use super::world::{
    Ann, Asking, DISCHARGE, EXAMPLE, answer, check, check_with, emergency_doctor, in_care, push, settings,
    social_worker, tie,
};

const TIED: &str = "hospital/CareTeam/1; implied";

#[test]
fn her_care_by_somebody_with_a_tie_to_her_is_shared() {
    check(&social_worker(), &in_care(), Ok(TIED));
}

#[test]
fn a_person_who_is_not_known_for_certain_is_refused() {
    check(&social_worker(), &Ann { identity: Identity::Duplicated, ..in_care() }, Err("person-uncertain"));
    check(&social_worker(), &Ann { identity: Identity::Unknown, ..in_care() }, Err("person-uncertain"));
    let unknown = Ann { identity: Identity::Unknown, ..in_care() }.tied(vec![]);
    check(&emergency_doctor(), &unknown, Err("person-uncertain"));
}

#[test]
fn a_shielded_person_is_shared_without_where_she_is_and_not_found_by_it() {
    let shielded = Ann { shield: Shield::Shielded, ..in_care() };
    let hidden = "hospital/CareTeam/1; implied; shielded";
    check(&social_worker(), &shielded, Ok(hidden));
    let by = |what| social_worker().asks(what);
    check(&by("search hospital Patient?_id=ann&address-postalcode=ZZ99"), &shielded, Err("shielded"));
    check(&by("search hospital Patient?_id=ann&phone=1"), &shielded, Err("shielded"));
    check(&by("search hospital Patient?_id=ann&gender=female"), &shielded, Ok(hidden));
    check(&by("search hospital Patient?_id=ann&address-postalcode=ZZ99"), &in_care(), Ok(TIED));
    check(
        &emergency_doctor(),
        &shielded.tied(vec![]),
        Ok("overridden; implied; over no-legitimate-relationship; shielded"),
    );
}

#[test]
fn without_a_tie_that_the_agreement_names_nothing_is_shared() {
    let refused = Err("no-legitimate-relationship");
    check(&social_worker(), &in_care().tied(vec![]), refused);
    check(&social_worker(), &in_care().tied(vec![tie("care-team", "RX1", None)]), refused);
    check(&social_worker(), &in_care().tied(vec![tie("episode", "E10000099", None)]), refused);
    check(
        &social_worker(),
        &in_care().tied(vec![tie("referral", "E10000099", None)]),
        Ok("hospital/Referral/1; implied"),
    );
    check(
        &social_worker(),
        &in_care().tied(vec![tie("encounter", "staff:555000111222", None)]),
        Ok("hospital/Encounter/1; implied"),
    );
    check(&social_worker(), &in_care().tied(vec![tie("encounter", "staff:555000111223", None)]), refused);
    let local = Asking { subject: "sam", ..social_worker() };
    check(&local, &in_care().tied(vec![tie("encounter", "staff:sam", None)]), refused);
    let mut later = tie("care-team", "E10000099", None);
    later.from = Some("2026-06-01T10:00:01Z".parse().unwrap());
    check(&social_worker(), &in_care().tied(vec![later]), refused);
}

#[test]
fn a_tie_lapses_twenty_eight_days_after_its_last_day_by_the_calendar() {
    let ended = |day| in_care().tied(vec![tie("care-team", "E10000099", Some(day))]);
    let asked = |at| Asking { at, ..social_worker() };
    let refused = Err("no-legitimate-relationship");
    check(&social_worker(), &ended("2026-05-04"), Ok(TIED));
    check(&social_worker(), &ended("2026-05-03"), refused);
    // Over the change of the clocks: the last minute of 15 April in the United Kingdom is 22:59 UTC.
    check(&asked("2026-04-15T22:59:00Z"), &ended("2026-03-18"), Ok(TIED));
    check(&asked("2026-04-15T23:00:00Z"), &ended("2026-03-18"), refused);
    // Over the end of February.
    check(&asked("2026-03-15T12:00:00Z"), &ended("2026-02-15"), Ok(TIED));
    check(&asked("2026-03-16T00:00:00Z"), &ended("2026-02-15"), refused);
    // What is to end has not ended.
    check(&social_worker(), &ended("2027-01-01"), Ok(TIED));
}

#[test]
fn a_push_rests_on_the_tie_in_its_own_message_and_a_read_does_not() {
    let stated = |evidence: &str| Ann {
        stated: vec![StatedTie { evidence: evidence.to_owned() }],
        ..in_care().tied(vec![])
    };
    check(&push(), &stated("Encounter/e1"), Ok("stated Encounter/e1; implied"));
    check(&push(), &stated("EpisodeOfCare/e1"), Err("no-legitimate-relationship"));
    check(&push(), &stated("Patient/e1"), Err("no-legitimate-relationship"));
    check(&push(), &in_care().tied(vec![]), Err("no-legitimate-relationship"));
    check(&push(), &in_care(), Ok(TIED));
    check(&social_worker(), &stated("Encounter/e1"), Err("no-legitimate-relationship"));
}

#[test]
fn inside_one_organisation_an_agreement_may_ask_for_no_tie() {
    let edit = (
        "agreements/care-in-hospital.toml",
        "relationship = [\"care-team\", \"encounter\"]",
        "relationship = []",
    );
    let doctor = Asking { purpose: "TREAT", override_reason: None, ..emergency_doctor() };
    check_with(&doctor, &settings(&[edit]), &in_care().tied(vec![]), Ok("not required; implied"));
    check_with(&doctor, &EXAMPLE, &in_care().tied(vec![]), Err("no-legitimate-relationship"));
}

#[test]
fn an_objection_refuses_and_an_ended_one_does_not() {
    let denied = Err("consent-denied");
    check(&social_worker(), &in_care().says(&[r#"{"type":"deny"}"#]), denied);
    check(&social_worker(), &in_care().says(&[r#"{"type":"deny","period":{"start":"2026-06-01"}}"#]), denied);
    check(
        &social_worker(),
        &in_care().says(&[r#"{"type":"deny","period":{"start":"2026-06-02"}}"#]),
        Ok(TIED),
    );
    check(&social_worker(), &in_care().says(&[r#"{"type":"deny","period":{"end":"2026-05-31"}}"#]), Ok(TIED));
    check(&social_worker(), &in_care().says(&[r#"{"type":"deny","period":{"end":"2026-06-01"}}"#]), denied);
    check(&push(), &in_care().says(&[r#"{"type":"deny"}"#]), denied);
}

#[test]
fn what_is_not_her_care_needs_her_consent() {
    let research = [
        (DISCHARGE, "purposes = [\"TREAT\", \"COC\"]", "purposes = [\"TREAT\", \"COC\", \"HRESCH\"]"),
        (DISCHARGE, "confidentiality = \"implied-consent\"", "confidentiality = \"explicit-consent\""),
    ];
    let settings = settings(&research);
    let asks = Asking { purpose: "HRESCH", ..social_worker() };
    let permit = r#"{"type":"permit","purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HRESCH"}]}"#;
    let parent = permit.replace("HRESCH", "HOPERAT");
    check_with(&asks, &settings, &in_care(), Err("implied-consent-does-not-cover"));
    check_with(&asks, &settings, &in_care().says(&[permit]), Ok("hospital/CareTeam/1; Consent/c1"));
    check_with(&asks, &settings, &in_care().says(&[&parent]), Err("implied-consent-does-not-cover"));
    check_with(
        &asks,
        &settings,
        &in_care().says(&[r#"{"type":"permit"}"#]),
        Err("implied-consent-does-not-cover"),
    );
    check_with(&asks, &settings, &in_care().says(&[permit, r#"{"type":"deny"}"#]), Err("consent-denied"));
}

#[test]
fn an_opt_out_stands_against_purposes_beyond_her_care_and_no_override_jumps_it() {
    let edits = [(
        DISCHARGE,
        "purposes = [\"TREAT\", \"COC\"]",
        "purposes = [\"TREAT\", \"COC\", \"HRESCH\", \"DISASTER\"]",
    )];
    let settings = settings(&edits);
    let mut opted_out = in_care().says(&[r#"{"type":"deny"}"#]);
    opted_out.consents[0].kind = gateway::consent::provision::Kind::OptOut;
    let asks = |purpose| Asking { purpose, ..social_worker() };
    check_with(&asks("TREAT"), &settings, &opted_out, Ok(TIED));
    check_with(&asks("HRESCH"), &settings, &opted_out, Err("opted-out"));
    check_with(&asks("DISASTER"), &settings, &opted_out, Err("implied-consent-does-not-cover"));
    let permit = r#"{"type":"permit","purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HRESCH"}]}"#;
    check_with(
        &asks("HRESCH"),
        &settings,
        &opted_out.clone().says(&[permit]),
        Ok("hospital/CareTeam/1; Consent/c2"),
    );
    let gov =
        [(DISCHARGE, "overrides = [\"ETREAT\", \"BTG\", \"THREAT\"]", "overrides = [\"ETREAT\", \"GOV\"]")];
    let overriding = Asking { override_reason: Some("because it must be".to_owned()), ..asks("GOV") };
    check_with(&overriding, &super::world::settings(&gov), &opted_out, Err("opted-out"));
}

/// Everything is wrong at once; then one thing after the other is put right.
#[test]
fn the_first_that_fails_names_the_refusal() {
    let research =
        [(DISCHARGE, "purposes = [\"TREAT\", \"COC\"]", "purposes = [\"TREAT\", \"COC\", \"HRESCH\"]")];
    let settings = settings(&research);
    let mut asking = Asking { purpose: "HRESCH", ..social_worker() }
        .asks("search hospital Patient?_id=ann&address-postalcode=ZZ99");
    let mut ann = Ann { identity: Identity::Unknown, shield: Shield::Shielded, ..in_care() };
    ann = ann.tied(vec![]).says(&[r#"{"type":"deny"}"#, r#"{"type":"deny"}"#]);
    ann.consents[1].kind = gateway::consent::provision::Kind::OptOut;
    let told =
        |asking: &Asking, ann: &Ann| answer(asking, &settings, ann).map_err(|refusal| refusal.reason()).err();
    assert_eq!(told(&asking, &ann), Some("person-uncertain"));
    ann.identity = Identity::Certain;
    assert_eq!(told(&asking, &ann), Some("shielded"));
    ann.shield = Shield::None;
    assert_eq!(told(&asking, &ann), Some("no-legitimate-relationship"));
    ann.ties = in_care().ties;
    assert_eq!(told(&asking, &ann), Some("consent-denied"));
    ann.consents.remove(0);
    assert_eq!(told(&asking, &ann), Some("opted-out"));
    ann.consents.clear();
    assert_eq!(told(&asking, &ann), Some("implied-consent-does-not-cover"));
    asking.purpose = "TREAT";
    assert_eq!(told(&asking, &ann), None);
}

#[test]
fn labels_of_the_agreement_stay_out_but_for_an_override() {
    let labels = |asking: &Asking, ann: &Ann| answer(asking, &EXAMPLE, ann).unwrap().obligations().labels;
    assert_eq!(labels(&social_worker(), &in_care()), LabelsOfAgreement::Kept);
    assert_eq!(labels(&emergency_doctor(), &in_care()), LabelsOfAgreement::Overridden);
}

#[test]
fn an_override_jumps_tie_and_consent_and_says_over_what() {
    let none = in_care().tied(vec![]);
    check(&emergency_doctor(), &none, Ok("overridden; implied; over no-legitimate-relationship"));
    check(
        &emergency_doctor(),
        &none.says(&[r#"{"type":"deny"}"#]),
        Ok("overridden; overridden; over consent-denied; over no-legitimate-relationship"),
    );
    let protecting = Asking {
        purpose: "THREAT",
        override_reason: Some("a child may be in danger".to_owned()),
        ..social_worker()
    };
    check(
        &protecting,
        &in_care(),
        Ok("hospital/CareTeam/1; overridden; over implied-consent-does-not-cover"),
    );
    let labelled = r#"{"type":"deny","securityLabel":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PSY"}]}"#;
    let tied = in_care().tied(vec![tie("care-team", "RX1", None)]);
    check(
        &emergency_doctor(),
        &tied.clone().says(&[labelled]),
        Ok("hospital/CareTeam/1; implied; over consent-denied"),
    );
    check(&emergency_doctor(), &tied, Ok("hospital/CareTeam/1; implied"));
}
