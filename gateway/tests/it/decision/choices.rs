//! What Consents mean (IHE PCF): actors, purposes, exceptions, data.

use std::collections::BTreeSet;
use std::sync::Arc;

use fhir::security_label::SecurityLabel;
use gateway::decision::obligation::ResourceFacts;
use gateway::decision::ruling::ConsentBasis;
use gateway::sensitive_codes::SensitiveEntry;

use super::world::{Asking, DISCHARGE, EXAMPLE, answer, at, check, in_care, push, social_worker, tie};
use crate::site::Site;

const TIED: &str = "hospital/CareTeam/1; implied";
const DENIED: Result<&str, &str> = Err("consent-denied");

fn actor(system: &str, value: &str, job: Option<&str>) -> String {
    let job = job.map(|code| {
        format!(r#",{{"system":"https://fhir.hl7.org.uk/CodeSystem/UKCore-SDSJobRoleName","code":"{code}"}}"#)
    });
    let system = match system {
        "ods" => "https://fhir.nhs.uk/Id/ods-organization-code",
        "staff" => "https://fhir.nhs.uk/Id/sds-user-id",
        "role" => "https://fhir.hl7.org.uk/CodeSystem/UKCore-SDSJobRoleName",
        other => other,
    };
    format!(
        r#"{{"role":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-ParticipationType","code":"IRCP"}}{}]}},"reference":{{"identifier":{{"system":"{system}","value":"{value}"}}}}}}"#,
        job.unwrap_or_default()
    )
}

fn purpose(codes: &[&str]) -> String {
    let codings: Vec<String> = codes
        .iter()
        .map(|code| {
            format!(r#"{{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"{code}"}}"#)
        })
        .collect();
    format!("[{}]", codings.join(","))
}

fn labels(codes: &[&str]) -> String {
    let codings: Vec<String> = codes
        .iter()
        .map(|code| {
            let label = SecurityLabel::parse(code).unwrap();
            format!(r#"{{"system":"{}","code":"{}"}}"#, label.system(), label.code())
        })
        .collect();
    format!("[{}]", codings.join(","))
}

#[test]
fn a_denial_names_an_organisation_a_member_of_staff_or_a_role() {
    let denies = |actor: String| format!(r#"{{"type":"deny","actor":[{actor}]}}"#);
    check(&social_worker(), &in_care().says(&[&denies(actor("ods", "E10000099", None))]), DENIED);
    check(&social_worker(), &in_care().says(&[&denies(actor("ods", "E10000001", None))]), Ok(TIED));
    check(&social_worker(), &in_care().says(&[&denies(actor("staff", "555000111222", None))]), DENIED);
    check(&social_worker(), &in_care().says(&[&denies(actor("staff", "555000111223", None))]), Ok(TIED));
    check(&social_worker(), &in_care().says(&[&denies(actor("role", "R1330", None))]), DENIED);
    check(&social_worker(), &in_care().says(&[&denies(actor("role", "R1460", None))]), Ok(TIED));
    check(&social_worker(), &in_care().says(&[&denies(actor("ods", "E10000099", Some("R1330")))]), DENIED);
    check(&social_worker(), &in_care().says(&[&denies(actor("ods", "E10000099", Some("R1460")))]), Ok(TIED));
    check(&push(), &in_care().says(&[&denies(actor("ods", "E10000099", None))]), DENIED);
    check(&push(), &in_care().says(&[&denies(actor("ods", "RX1", None))]), Ok(TIED));
}

#[test]
fn a_denial_reaches_the_sites_of_a_trust_and_its_whole_and_a_permit_only_whom_it_names() {
    let site = Site::example();
    site.edit(DISCHARGE, "\"ods:E10000099\"", "\"ods:E10000099\", \"ods:RY2\", \"ods:RY201\", \"ods:RY202\"");
    let settings = site.load().unwrap().settings;
    let of = |organisation| Asking { organisation, ..social_worker() };
    let deny = |code: &str| format!(r#"{{"type":"deny","actor":[{}]}}"#, actor("ods", code, None));
    let permit = |code: &str| format!(r#"{{"type":"permit","actor":[{}]}}"#, actor("ods", code, None));
    let site_code = |code: &str| deny(code).replace("ods-organization-code", "ods-site-code");
    let but = |outer: &str, code: &str, inner: &str, nested: &str| {
        format!(
            r#"{{"type":"{outer}","actor":[{}],"provision":[{{"type":"{inner}","actor":[{}]}}]}}"#,
            actor("ods", code, None),
            actor("ods", nested, None)
        )
    };
    let explicit = |organisation: &str| Ok((organisation.to_owned(), true));
    let implied = |organisation: &str| Ok((organisation.to_owned(), false));
    let denied = Err("consent-denied");
    for (said, asks, expected) in [
        (deny("RY2"), "RY201", denied.clone()),
        (deny("ry2"), "RY2", denied.clone()),
        (deny("RY201"), "RY2", denied.clone()),
        (site_code("RY201"), "RY2", denied.clone()),
        (deny("RY201"), "RY202", implied("RY202")),
        (deny("RY3"), "RY201", implied("RY201")),
        // Codes of other families that begin alike.
        (deny("RY2011"), "RY201", implied("RY201")),
        (deny("E10"), "E10000099", implied("E10000099")),
        (permit("RY2"), "RY2", explicit("RY2")),
        (permit("RY2"), "RY201", implied("RY201")),
        (permit("RY201"), "RY2", implied("RY2")),
        // An exception that permits is for whom it names alone, one that denies for all that are hers.
        (but("deny", "RY2", "permit", "RY201"), "RY201", explicit("RY201")),
        (but("deny", "RY2", "permit", "RY201"), "RY202", denied.clone()),
        (but("deny", "RY201", "permit", "RY2"), "RY201", denied.clone()),
        (but("permit", "RY2", "deny", "RY201"), "RY201", denied.clone()),
        (but("permit", "RY201", "deny", "RY2"), "RY201", denied.clone()),
    ] {
        let ann = in_care().tied(vec![tie("care-team", asks, None)]).says(&[&said]);
        let found = answer(&of(asks), &settings, &ann)
            .map(|permit| (asks.to_owned(), matches!(permit.basis().consent, ConsentBasis::Explicit(_))))
            .map_err(|refusal| refusal.reason());
        assert_eq!(found, expected, "{said} {asks}");
    }
}

#[test]
fn a_denial_whose_actor_cannot_be_told_is_for_everyone_and_a_permit_for_nobody() {
    let unknown = r#""actor":[{"role":{"coding":[{"code":"IRCP"}]},"reference":{"reference":"Group/ex-privilegedUsers"}}]"#;
    check(&social_worker(), &in_care().says(&[&format!(r#"{{"type":"deny",{unknown}}}"#)]), DENIED);
    check(&social_worker(), &in_care().says(&[&format!(r#"{{"type":"permit",{unknown}}}"#)]), Ok(TIED));
}

#[test]
fn a_denial_covers_the_purposes_beneath_and_a_permit_only_the_one_it_names() {
    let deny = |codes| format!(r#"{{"type":"deny","purpose":{}}}"#, purpose(codes));
    let permit = |codes| format!(r#"{{"type":"permit","purpose":{}}}"#, purpose(codes));
    let coordinates = Asking { purpose: "COC", ..social_worker() };
    check(&coordinates, &in_care().says(&[&deny(&["TREAT"])]), DENIED);
    check(&social_worker(), &in_care().says(&[&deny(&["COC"])]), Ok(TIED));
    check(&social_worker(), &in_care().says(&[&deny(&["HRESCH"])]), Ok(TIED));
    check(&social_worker(), &in_care().says(&[&permit(&["TREAT"])]), Ok("hospital/CareTeam/1; Consent/c1"));
    check(&coordinates, &in_care().says(&[&permit(&["TREAT"])]), Ok(TIED));
    check(
        &social_worker(),
        &in_care().says(&[r#"{"type":"permit"}"#]),
        Ok("hospital/CareTeam/1; Consent/c1"),
    );
    let unknown = r#"{"type":"deny","purpose":[{"system":"urn:local","code":"X"}]}"#;
    check(&social_worker(), &in_care().says(&[unknown]), DENIED);
}

#[test]
fn inside_one_consent_an_exception_holds_and_across_consents_a_denial_wins() {
    let council = actor("ods", "E10000099", None);
    let denies_but = format!(r#"{{"type":"deny","provision":[{{"type":"permit","actor":[{council}]}}]}}"#);
    let permits_but = format!(r#"{{"type":"permit","provision":[{{"type":"deny","actor":[{council}]}}]}}"#);
    check(&social_worker(), &in_care().says(&[&denies_but]), Ok("hospital/CareTeam/1; Consent/c1"));
    check(&social_worker(), &in_care().says(&[&permits_but]), DENIED);
    check(&social_worker(), &in_care().says(&[&denies_but, r#"{"type":"deny"}"#]), DENIED);
    check(&social_worker(), &in_care().says(&[r#"{"type":"permit"}"#, r#"{"type":"deny"}"#]), DENIED);
    let other = actor("ods", "E10000001", None);
    let denies_but_other =
        format!(r#"{{"type":"deny","provision":[{{"type":"permit","actor":[{other}]}}]}}"#);
    check(&social_worker(), &in_care().says(&[&denies_but_other]), DENIED);
    let denies_but_later = format!(
        r#"{{"type":"deny","provision":[{{"type":"permit","period":{{"start":"2026-07-01"}},"actor":[{council}]}}]}}"#
    );
    check(&social_worker(), &in_care().says(&[&denies_but_later]), DENIED);
}

#[test]
fn a_denying_exception_covers_the_purposes_beneath_within_its_parent() {
    let but = |root: &[&str], nested: &[&str]| {
        format!(
            r#"{{"type":"permit","purpose":{},"provision":[{{"type":"deny","purpose":{}}}]}}"#,
            purpose(root),
            purpose(nested)
        )
    };
    let coordinates = Asking { purpose: "COC", ..social_worker() };
    check(&coordinates, &in_care().says(&[&but(&["TREAT", "COC"], &["TREAT"])]), DENIED);
    check(&coordinates, &in_care().says(&[&but(&["TREAT"], &["TREAT"])]), DENIED);
    check(&coordinates, &in_care().says(&[&but(&["HRESCH"], &["TREAT"])]), Ok(TIED));
}

#[test]
fn an_exception_for_a_purpose_is_reached_through_its_parent() {
    // The root permits treatment with ordinary data; breaking the glass adds restricted data.
    let rule = format!(
        r#"{{"type":"permit","purpose":{},"securityLabel":{},"provision":[{{"type":"permit","purpose":{},"securityLabel":{}}}]}}"#,
        purpose(&["TREAT"]),
        labels(&["N"]),
        purpose(&["COC"]),
        labels(&["R"])
    );
    let restricted = facts("Condition/c", &["R"]);
    let treats = answer(&social_worker(), &EXAMPLE, &in_care().says(&[&rule])).unwrap();
    assert!(treats.obligations().weigh(&restricted).is_err());
    let coordinates = Asking { purpose: "COC", ..social_worker() };
    let coordinates = answer(&coordinates, &EXAMPLE, &in_care().says(&[&rule])).unwrap();
    assert!(coordinates.obligations().weigh(&restricted).is_ok());
    assert!(coordinates.obligations().weigh(&facts("Condition/c", &[])).is_ok());
}

#[test]
fn what_cannot_be_read_makes_a_denial_wider_and_a_permit_void() {
    for unread in [
        r#""action":[{"coding":[{"code":"use"}]}]"#,
        r#""code":[{"text":"x"}]"#,
        r#""period":{"end":"soon"}"#,
    ] {
        check(&social_worker(), &in_care().says(&[&format!(r#"{{"type":"deny",{unread}}}"#)]), DENIED);
        check(&social_worker(), &in_care().says(&[&format!(r#"{{"type":"permit",{unread}}}"#)]), Ok(TIED));
    }
    check(
        &social_worker(),
        &in_care().says(&[r#"{"type":"permit","modifierExtension":[{"url":"x"}]}"#]),
        DENIED,
    );
    let nested = r#"{"type":"permit","action":[{}],"provision":[{"type":"deny"}]}"#;
    check(&social_worker(), &in_care().says(&[nested]), DENIED);
    check(&social_worker(), &in_care().says(&[r#"{"provision":[{"actor":[]}]}"#]), DENIED);
    check(&social_worker(), &in_care().says(&["{}"]), Ok(TIED));
}

fn facts(reference: &str, codes: &[&str]) -> ResourceFacts {
    ResourceFacts {
        resource_type: reference.split('/').next().unwrap().to_owned(),
        reference: reference.to_owned(),
        labels: codes.iter().map(|code| SecurityLabel::parse(code).unwrap()).collect(),
        ..ResourceFacts::default()
    }
}

/// Which of the resources Ann's choice lets through, by position.
#[track_caller]
fn check_data(provisions: &[&str], resources: &[ResourceFacts], expected: &[usize]) {
    let permit = answer(&social_worker(), &EXAMPLE, &in_care().says(provisions)).unwrap();
    let through: Vec<usize> =
        (0..resources.len()).filter(|at| permit.obligations().weigh(&resources[*at]).is_ok()).collect();
    assert_eq!(through, expected, "{provisions:?}");
}

#[test]
fn labels_are_denied_with_what_is_narrower_or_stricter_and_permitted_up_to_a_degree() {
    let all = [
        facts("Condition/0", &[]),
        facts("Condition/1", &["N"]),
        facts("Condition/2", &["R"]),
        facts("Condition/3", &["V"]),
        facts("Condition/4", &["PSY"]),
        facts("Condition/5", &["PSY", "HIV"]),
        facts("Condition/6", &["N", "SDV"]),
    ];
    let deny = |codes: &[&str]| format!(r#"{{"type":"deny","securityLabel":{}}}"#, labels(codes));
    let permit = |codes: &[&str]| format!(r#"{{"type":"permit","securityLabel":{}}}"#, labels(codes));
    check_data(&[&deny(&["R"])], &all, &[0, 1, 4, 5, 6]);
    check_data(&[&deny(&["N"])], &all, &[]);
    check_data(&[&deny(&["PSY"])], &all, &[0, 1, 2, 3, 6]);
    check_data(&[&deny(&["SPI"])], &all, &[0, 1, 2, 3, 6]);
    check_data(&[&permit(&["N"])], &all, &[0, 1]);
    check_data(&[&permit(&["N", "R"])], &all, &[0, 1, 2, 4, 5, 6]);
    check_data(&[&permit(&["PSY", "SDV"])], &all, &[4, 6]);
    check_data(&[&permit(&["N"]), r#"{"type":"permit"}"#], &all, &[0, 1, 2, 3, 4, 5, 6]);
    check_data(&[&permit(&["N"]), &permit(&["PSY"])], &all, &[0, 1, 4]);
    check_data(&[&permit(&["N", "R"]), &deny(&["HIV"])], &all, &[0, 1, 2, 4, 6]);
}

#[test]
fn what_codes_earn_is_denied_by_each_of_its_names_and_permitted_by_any() {
    let earned = |labels: &[&str]| ResourceFacts {
        earned: vec![Arc::new(SensitiveEntry {
            name: "list/entry".into(),
            why: "a test".into(),
            labels: labels.iter().map(|code| SecurityLabel::parse(code).unwrap()).collect(),
        })],
        ..facts("Condition/1", &[])
    };
    let all = [
        facts("Condition/0", &[]),
        earned(&["PSY", "MH", "R"]),
        ResourceFacts { earned: earned(&["PSY", "MH", "R"]).earned, ..facts("Condition/2", &["HIV"]) },
        ResourceFacts { earned: earned(&["PSY", "MH", "R"]).earned, ..facts("Condition/3", &["V"]) },
    ];
    let deny = |codes: &[&str]| format!(r#"{{"type":"deny","securityLabel":{}}}"#, labels(codes));
    let permit = |codes: &[&str]| format!(r#"{{"type":"permit","securityLabel":{}}}"#, labels(codes));
    check_data(&[&deny(&["PSY"])], &all, &[0]);
    check_data(&[&deny(&["MH"])], &all, &[0]);
    check_data(&[&deny(&["R"])], &all, &[0]);
    check_data(&[&deny(&["HIV"])], &all, &[0, 1, 3]);
    check_data(&[&permit(&["N"])], &all, &[0]);
    check_data(&[&permit(&["PSY"])], &all, &[1]);
    check_data(&[&permit(&["MH", "HIV"])], &all, &[1, 2]);
    check_data(&[&permit(&["HIV"])], &all, &[]);
    check_data(&[&permit(&["R"])], &all, &[0, 1, 2]);
}

#[test]
fn data_is_named_by_instance_by_what_it_hangs_on_and_by_author() {
    let named = |meaning: &str, place: &str| {
        format!(
            r#""data":[{{"meaning":"{meaning}","reference":{{"reference":"https://share.northshire.example/{place}"}}}}]"#
        )
    };
    let refers = |reference: &str, to: &str, author: &str| ResourceFacts {
        refers_to: BTreeSet::from([to.to_owned(), author.to_owned()]),
        authors: BTreeSet::from([author.to_owned()]),
        ..facts(reference, &[])
    };
    let all = [
        facts("Encounter/e", &[]),
        refers("Observation/o", "Encounter/e", "Practitioner/p"),
        refers("Observation/q", "Encounter/f", "Practitioner/p"),
        refers("Observation/r", "Encounter/f", "Practitioner/q"),
    ];
    let deny = |part: String| format!(r#"{{"type":"deny",{part}}}"#);
    let permit = |part: String| format!(r#"{{"type":"permit",{part}}}"#);
    check_data(&[&deny(named("instance", "hospital/fhir/Encounter/e"))], &all, &[1, 2, 3]);
    check_data(&[&deny(named("related", "hospital/fhir/Encounter/e"))], &all, &[2, 3]);
    check_data(&[&deny(named("authoredby", "hospital/fhir/Practitioner/p"))], &all, &[0, 3]);
    check_data(&[&deny(named("instance", "council/fhir/Encounter/e"))], &all, &[0, 1, 2, 3]);
    check_data(&[&permit(named("related", "hospital/fhir/Encounter/e"))], &all, &[0, 1]);
    check_data(&[&permit(named("instance", "council/fhir/Encounter/e"))], &all, &[]);
    let but = format!(
        r#"{{"type":"deny",{},"provision":[{{"type":"permit",{}}}]}}"#,
        named("authoredby", "hospital/fhir/Practitioner/p"),
        named("instance", "hospital/fhir/Observation/q")
    );
    check_data(&[&but], &all, &[0, 2, 3]);
    let everything_but = format!(
        r#"{{"type":"deny","provision":[{{"type":"permit",{}}}]}}"#,
        named("instance", "hospital/fhir/Observation/q")
    );
    check_data(&[&everything_but, r#"{"type":"permit"}"#], &all, &[2]);
}

#[test]
fn data_without_a_date_is_inside_a_denied_period_and_outside_a_permitted_one() {
    let dated = |when: Option<(&str, &str)>| ResourceFacts {
        when: when.map(|(first, after)| (at(first), at(after))),
        ..facts("Observation/o", &[])
    };
    let all = [
        dated(None),
        dated(Some(("2022-06-01T00:00:00Z", "2022-06-02T00:00:00Z"))),
        dated(Some(("2022-12-31T23:59:59Z", "2023-01-01T00:00:00Z"))),
        dated(Some(("2022-12-31T00:00:00Z", "2023-01-02T00:00:00Z"))),
        dated(Some(("2023-01-01T00:00:00Z", "2023-01-02T00:00:00Z"))),
    ];
    let period = r#""dataPeriod":{"start":"2022-01-01","end":"2022-12-31"}"#;
    check_data(&[&format!(r#"{{"type":"deny",{period}}}"#)], &all, &[4]);
    check_data(&[&format!(r#"{{"type":"permit",{period}}}"#)], &all, &[1, 2]);
}
