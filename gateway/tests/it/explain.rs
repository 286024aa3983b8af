//! `portcullis explain`: the ruling on one request, rule by rule.

use clap::Parser;
use gateway::commands::{Exit, explain};
use serde_json::{Value, json};

use crate::golden;
use crate::site::Site;

const NOW: &str = "2026-06-01T12:00:00Z";
const ANN: &str = "9990000018";

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    args: explain::ExplainArgs,
}

fn social_worker() -> Value {
    json!({
        "iss": "https://identity.northshire.example", "sub": "555000111222", "subject_name": "Sam Social",
        "subject_organization_id": "E10000099", "subject_role": "R1330", "purpose_of_use": "TREAT"
    })
}

fn with(mut claims: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        claims[key] = value.clone();
    }
    claims
}

fn ann() -> Value {
    json!({"resourceType": "Patient", "id": "ann", "identifier": [
        {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": ANN}]})
}

fn care_team(until: Option<&str>) -> Value {
    let mut team = json!({"resourceType": "CareTeam", "id": "ct1", "status": "active", "subject": {"reference": "Patient/ann"},
        "participant": [{"member": {"identifier": {
            "system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "E10000099"}}}]});
    if let Some(until) = until {
        team["participant"][0]["period"] = json!({"start": "2026-01-01", "end": until});
    }
    team
}

fn condition(id: &str, labels: &[&str]) -> Value {
    let labels: Vec<Value> = labels
        .iter()
        .map(|code| json!({"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": code}))
        .collect();
    json!({"resourceType": "Condition", "id": id, "subject": {"reference": "Patient/ann"}, "meta": {"security": labels},
        "category": [{"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/condition-category", "code": "problem-list-item"}]}],
        "note": [{"text": "SENTINEL"}],
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "SENTINEL"}]}})
}

fn dissent() -> Value {
    json!({"resourceType": "Consent", "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "INFA"}]}],
        "patient": {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": ANN}},
        "dateTime": "2026-05-01",
        "performer": [{"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": ANN}}],
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTOUT"}]},
        "organization": [{"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RX1"}}],
        "sourceReference": {"display": "a form signed on the ward"},
        "provision": {"type": "deny"}})
}

fn bundle(resources: &[Value]) -> Value {
    let entries: Vec<Value> = resources.iter().map(|resource| json!({"resource": resource})).collect();
    json!({"resourceType": "Bundle", "type": "collection", "entry": entries})
}

/// Runs `explain` in the example site; folders are cut off what it wrote.
fn run(
    requestor: &Value,
    interaction: &str,
    evidence: Option<&Value>,
    more: &[&str],
) -> (Exit, String, String) {
    let site = Site::example();
    run_in(&site, requestor, interaction, evidence, more)
}

fn run_in(
    site: &Site,
    requestor: &Value,
    interaction: &str,
    evidence: Option<&Value>,
    more: &[&str],
) -> (Exit, String, String) {
    site.write("claims.json", &requestor.to_string());
    let path = |name: &str| site.path(name).display().to_string();
    let mut words = vec!["explain".to_owned(), "--config".into(), path("portcullis.toml")];
    words.extend(["--requestor".into(), path("claims.json"), "--interaction".into(), interaction.into()]);
    if let Some(evidence) = evidence {
        site.write("evidence.json", &evidence.to_string());
        words.extend(["--evidence".into(), path("evidence.json")]);
    }
    words.extend(more.iter().map(|word| (*word).to_owned()));
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let args = Command::parse_from(words).args;
    let exit = explain::run(&args, NOW.parse().unwrap(), &mut out, &mut errors);
    let root = format!("{}/", path("").trim_end_matches('/'));
    let text = |bytes| String::from_utf8(bytes).unwrap().replace(&root, "");
    (exit, text(out), text(errors))
}

/// Expects the status and the text of `tests/golden/explain/NAME.txt`.
#[track_caller]
fn check(
    name: &str,
    exit: Exit,
    requestor: &Value,
    interaction: &str,
    evidence: Option<&Value>,
    more: &[&str],
) {
    let (found, out, errors) = run(requestor, interaction, evidence, more);
    assert_eq!((found, errors.as_str()), (exit, ""), "{out}");
    assert!(!out.contains("SENTINEL") && !out.contains(ANN), "{out}");
    golden::check(&format!("explain/{name}.txt"), &out);
}

#[test]
fn a_tie_of_care_permits_and_the_elements_are_listed() {
    let evidence = bundle(&[ann(), care_team(None)]);
    check("permitted", Exit::Held, &social_worker(), "GET /hospital/fhir/Patient/ann", Some(&evidence), &[]);
}

#[test]
fn a_resource_is_about_whom_it_says() {
    let evidence = bundle(&[ann(), care_team(None), condition("c1", &[])]);
    let read = "GET /hospital/fhir/Condition/c1";
    check("condition", Exit::Held, &social_worker(), read, Some(&evidence), &[]);
    check("absent", Exit::Finding, &social_worker(), "GET /hospital/fhir/Condition/c2", Some(&evidence), &[]);
}

#[test]
fn a_label_keeps_back_one_resource_and_not_the_rest() {
    let evidence = bundle(&[ann(), care_team(None), condition("c1", &[]), condition("c2", &["PSY"])]);
    check(
        "labelled",
        Exit::Finding,
        &social_worker(),
        "GET /hospital/fhir/Condition/c2",
        Some(&evidence),
        &[],
    );
    let search = "GET /hospital/fhir/Condition?patient=ann";
    check("search", Exit::Held, &social_worker(), search, Some(&evidence), &[]);
}

#[test]
fn a_label_that_codes_have_earned_is_named_with_the_entry_that_gave_it() {
    let mut telling = condition("c2", &[]);
    telling["code"]["coding"][0]["code"] = json!("35489007");
    let evidence = bundle(&[ann(), care_team(None), condition("c1", &[]), telling]);
    let search = "GET /hospital/fhir/Condition?patient=ann";
    check("earned-label", Exit::Held, &social_worker(), search, Some(&evidence), &[]);
}

#[test]
fn a_search_by_a_hidden_element_is_refused_before_any_system_is_asked() {
    let evidence = bundle(&[ann(), care_team(None)]);
    let hidden = "GET /hospital/fhir/Condition?patient=ann&asserter=Practitioner/p1";
    check("search-hidden", Exit::Finding, &social_worker(), hidden, Some(&evidence), &[]);
}

#[test]
fn what_is_about_nobody_needs_nobody() {
    let organisation = json!({"resourceType": "Organization", "id": "o1", "name": "SENTINEL"});
    let read = "GET /hospital/fhir/Organization/o1";
    check("organisation", Exit::Held, &social_worker(), read, Some(&bundle(&[organisation])), &[]);
}

#[test]
fn without_a_tie_the_relationship_fails_and_what_is_recorded_is_named() {
    let read = "GET /hospital/fhir/Patient/ann";
    check("no-tie", Exit::Finding, &social_worker(), read, Some(&bundle(&[ann()])), &[]);
    let lapsed = bundle(&[ann(), care_team(Some("2026-03-01"))]);
    check("lapsed-tie", Exit::Finding, &social_worker(), read, Some(&lapsed), &[]);
    let lapsing = bundle(&[ann(), care_team(Some("2026-05-20"))]);
    let (exit, ..) = run(&social_worker(), read, Some(&lapsing), &[]);
    assert_eq!(exit, Exit::Held);
}

#[test]
fn dissent_refuses_and_an_override_jumps_over_it() {
    let evidence = bundle(&[ann(), care_team(None), dissent()]);
    let read = "GET /hospital/fhir/Patient/ann";
    check("dissent", Exit::Finding, &social_worker(), read, Some(&evidence), &[]);
    let emergency = with(social_worker(), json!({"purpose_of_use": "ETREAT"}));
    check("override-without-reason", Exit::Finding, &emergency, read, Some(&evidence), &[]);
    let reason = ["--override-reason", "found on the floor, alone at home"];
    check("override", Exit::Held, &emergency, read, Some(&evidence), &reason);
}

#[test]
fn without_evidence_it_lists_what_is_needed_and_permits_nothing() {
    check("needed", Exit::Finding, &social_worker(), "GET /hospital/fhir/Patient/ann", None, &[]);
}

#[test]
fn the_first_rule_that_fails_is_named_and_the_rest_is_not_reached() {
    let read = "GET /hospital/fhir/Patient/ann";
    let stranger = with(social_worker(), json!({"subject_organization_id": "ZZ999"}));
    check("no-agreement", Exit::Finding, &stranger, read, None, &[]);
    let porter = with(social_worker(), json!({"subject_role": "R0002"}));
    check("no-role", Exit::Finding, &porter, read, None, &[]);
    let support = with(social_worker(), json!({"subject_role": "R1460"}));
    check("unsupervised", Exit::Finding, &support, read, None, &[]);
    let researcher = with(social_worker(), json!({"purpose_of_use": "HRESCH"}));
    check("no-purpose", Exit::Finding, &researcher, read, None, &[]);
    check("no-type", Exit::Finding, &social_worker(), "GET /hospital/fhir/Immunization/i1", None, &[]);
}

#[test]
fn a_day_in_the_past_or_future_can_be_asked_about() {
    let read = "GET /hospital/fhir/Patient/ann";
    let (exit, out, _) = run(&social_worker(), read, None, &["--at", "2035-04-01T12:00:00Z"]);
    assert_eq!(exit, Exit::Finding);
    assert!(out.contains("no-sharing-agreement"), "{out}");
}

#[test]
fn the_persons_own_resources_have_their_own_rule() {
    let guardian = with(social_worker(), json!({"subject_organization_id": "RX1", "subject_role": "R5105"}));
    let trail = format!("GET /fhir/AuditEvent?patient.identifier=https://fhir.nhs.uk/Id/nhs-number|{ANN}");
    let (exit, out, errors) = run(&guardian, &trail, None, &[]);
    assert_eq!((exit, errors.as_str()), (Exit::Held, ""), "{out}");
    let (exit, out, _) = run(&social_worker(), &trail, None, &[]);
    assert_eq!(exit, Exit::Finding);
    assert!(out.contains("not-for-this-requestor"), "{out}");
}

#[test]
fn a_system_sends_as_its_certificate_allows() {
    let site = Site::example();
    let document = json!({"resourceType": "DocumentReference", "status": "current", "subject": {"reference": "Patient/ann"},
        "content": [{"attachment": {"title": "SENTINEL"}}]});
    site.write("body.json", &document.to_string());
    let body = site.path("body.json").display().to_string();
    let evidence = bundle(&[ann(), care_team(None)]);
    let client = json!({"san": "dns:adt.northshire.example"});
    let create = "POST /council/fhir/DocumentReference";
    let (exit, out, errors) = run_in(&site, &client, create, Some(&evidence), &["--body", &body]);
    assert_eq!((exit, errors.as_str()), (Exit::Finding, ""), "{out}");
    assert!(out.contains("held    role or system           the system `council`"), "{out}");
    assert!(!out.contains("SENTINEL"), "{out}");
}

#[test]
fn bad_input_is_told_with_65_and_bad_settings_with_64() {
    let read = "GET /hospital/fhir/Patient/ann";
    let cases: [(Value, &str, Option<Value>, &str); 9] = [
        (json!([]), read, None, "claims.json: these claims would not be accepted: "),
        (with(social_worker(), json!({"iss": "https://elsewhere"})), read, None, "claims.json: "),
        (with(social_worker(), json!({"subject_role": ["R1330", "R1460"]})), read, None, "claims.json: "),
        (json!({"san": "dns:unknown.example"}), read, None, "claims.json: "),
        (social_worker(), "read the patient", None, "the interaction: write a method and a path"),
        (social_worker(), "GET /nowhere/fhir/Patient/1", None, "the interaction: "),
        (social_worker(), "DELETE /hospital/fhir/Patient/1", None, "the interaction: "),
        (social_worker(), read, Some(json!({"resourceType": "Patient"})), "the evidence: "),
        (
            social_worker(),
            read,
            Some(bundle(&[json!({"resourceType": "Consent", "status": "active"})])),
            "the evidence: a Consent would not be taken: ",
        ),
    ];
    for (claims, interaction, evidence, says) in cases {
        let (exit, out, errors) = run(&claims, interaction, evidence.as_ref(), &[]);
        assert_eq!((exit, out.as_str()), (Exit::BadInput, ""), "{errors}");
        assert!(errors.starts_with(says), "{errors}");
    }
    let site = Site::example();
    site.edit("portcullis.toml", "role = \"system\"", "role = \"nobody\"");
    let (exit, out, errors) = run_in(&site, &social_worker(), read, None, &[]);
    assert_eq!((exit, out.as_str()), (Exit::Settings, ""));
    assert!(errors.starts_with("portcullis.toml:43: client[0].role: "), "{errors}");
}

#[test]
fn nothing_is_left_behind() {
    let before = leftovers();
    let evidence = bundle(&[ann(), care_team(None), dissent()]);
    run(&social_worker(), "GET /hospital/fhir/Patient/ann", Some(&evidence), &[]);
    let site = Site::example();
    run_in(&site, &social_worker(), "GET /hospital/fhir/Patient/ann", Some(&evidence), &[]);
    assert!(!site.path("state").exists());
    assert!(leftovers() <= before + 1, "a folder of an explanation that has ended is still there");
}

fn leftovers() -> usize {
    let entries = std::fs::read_dir(std::env::temp_dir()).unwrap();
    let ours = |name: std::ffi::OsString| name.to_string_lossy().starts_with("portcullis-explain-");
    entries.filter(|entry| ours(entry.as_ref().unwrap().file_name())).count()
}
