//! AuditEvents and Provenance, rendered from records.

use fhir::element::Resource;
use fhir::ods_code::OdsCode;
use gateway::trail::audit_event::{Place, Placed, Site, audit_event, searchset};
use gateway::trail::provenance::provenance;
use gateway::trail::record::{
    About, AboutPerson, Event, Exchange, Record, RecordedAgreement, RecordedOverride, RecordedRequestor,
    Visibility,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::balp;

const BASE: &str = "https://share.example";
const PROFILES: &str = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/";
const PLACE: Place<'static> = Place { id: "0a1b", receipt: "UmVjZWlwdA" };

fn social_worker() -> RecordedRequestor {
    RecordedRequestor::Professional {
        issuer: "https://id.council.example".into(),
        subject: "u-77".into(),
        token_id: "urn:ietf:params:oauth:jti:t-1".into(),
        name: "Sam Worker".into(),
        organisation: "E10000099".into(),
        role: "R1330".into(),
        supervisor: None,
    }
}

fn listener() -> RecordedRequestor {
    RecordedRequestor::System { name: "dns:adt.hospital.example".into(), organisation: "RX1".into() }
}

fn ann() -> RecordedRequestor {
    RecordedRequestor::Person { nhs_number: "9990000018".into(), issuer: "https://login.example".into() }
}

fn exchange(event: Event, interaction: &str, requestor: Option<RecordedRequestor>) -> Exchange {
    Exchange {
        format: gateway::server::format::Format::Json,
        instead: gateway::server::format::Instead::Nothing,
        words: gateway::trail::record::Words::Fhir,
        request_id: "5f0c0e2a".into(),
        at: "2026-04-01T10:00:00.123456Z".parse().unwrap(),
        event,
        interaction: interaction.into(),
        place: "hospital".into(),
        resource_type: Some("Condition".into()),
        requestor,
        purpose: Some("TREAT".into()),
        agreement: Some(RecordedAgreement { id: "discharge".into(), version: "ab12".into() }),
        override_: None,
        query: None,
        sent: None,
        status: 200,
        reason: None,
        discloser: Some("RX1".into()),
        follows: None,
        within: None,
        resources: Vec::new(),
        count: 1,
        correlation: None,
        peer: Some("192.0.2.7".into()),
    }
}

fn about(resources: &[&str]) -> AboutPerson {
    AboutPerson {
        nhs_number: Some("9990000018".into()),
        patient: Some("Patient/ann".into()),
        visibility: Visibility::Trail,
        resources: resources.iter().map(|resource| (*resource).to_owned()).collect(),
        withheld: vec![("Patient.telecom".into(), 2)],
        refusal: None,
        relationship: Some("care-team hospital/CareTeam/ct1".into()),
        consent: Some("implied".into()),
        limited_by: Vec::new(),
        overrode: Vec::new(),
    }
}

fn record(exchange: Exchange, person: AboutPerson) -> Record {
    Record { v: 1, exchange, about: About::Person(Box::new(person)) }
}

fn refused(mut exchange: Exchange, consent: Option<&str>) -> Record {
    exchange.status = 403;
    let refusal = if consent.is_some() { "consent-denied" } else { "no-legitimate-relationship" };
    exchange.reason = Some(refusal.into());
    let person = AboutPerson {
        refusal: Some(refusal.into()),
        consent: consent.map(str::to_owned),
        relationship: None,
        withheld: Vec::new(),
        ..about(&[])
    };
    record(exchange, person)
}

fn search() -> Record {
    let mut exchange = exchange(Event::Disclosed, "search-type", Some(social_worker()));
    exchange.query = Some("cGF0aWVudD1hbm4=".into());
    record(exchange, about(&["Condition/1", "Condition/2", "Patient/ann"]))
}

fn tree(resource: &Resource) -> Value {
    let text = fhir::json::parse_value(resource.to_json().into(), &fhir::json::Limits::default());
    text.expect("JSON")
}

fn render(record: &Record) -> Value {
    let organisation = OdsCode::parse("RX1").unwrap();
    tree(&audit_event(Placed { record, place: PLACE }, Site { base: BASE, organisation: &organisation }))
}

fn details(event: &Value) -> Vec<(String, String)> {
    let entities = event["entity"].as_array().unwrap();
    let details = entities.iter().flat_map(|entity| entity["detail"].as_array().cloned().unwrap_or_default());
    details
        .map(|detail| {
            (detail["type"].as_str().unwrap().into(), detail["valueString"].as_str().unwrap().into())
        })
        .collect()
}

type Case = (&'static str, Record, Option<&'static str>);

fn by(event: Event, interaction: &str, requestor: RecordedRequestor) -> Exchange {
    exchange(event, interaction, Some(requestor))
}

/// An exchange about the gateway's own resources.
fn own(event: Event, interaction: &str) -> Exchange {
    Exchange { place: "gateway".into(), query: Some("cGF0aWVudA==".into()), ..by(event, interaction, ann()) }
}

fn about_nobody(exchange: Exchange) -> Record {
    Record { v: 1, exchange, about: About::Exchange { shared: 0, refused: 0, filtered: 0 } }
}

/// Every kind of record of something that was done, with the profile its event should claim.
fn done() -> Vec<Case> {
    let one = || about(&["Condition/1"]);
    let read = || by(Event::Disclosed, "read", social_worker());
    let push = || Exchange { follows: Some("MSG00001".into()), ..by(Event::Outcome, "push", listener()) };
    let btg = RecordedOverride { purpose: "BTG".into(), reason: "found unconscious at home".into() };
    let (patient_read, sent) =
        (Some("IHE.BasicAudit.PatientRead"), Some("IHE.BasicAudit.PrivacyDisclosure.Source"));
    let (query, create) = (Some("IHE.BasicAudit.PatientQuery"), Some("IHE.BasicAudit.PatientCreate"));
    let update = Some("IHE.BasicAudit.PatientUpdate");
    let delete = Some("IHE.BasicAudit.PatientDelete");
    vec![
        ("a read", record(read(), one()), patient_read),
        ("a read in an emergency", record(Exchange { override_: Some(btg), ..read() }, one()), patient_read),
        ("a read from nowhere", record(Exchange { peer: None, ..read() }, one()), patient_read),
        ("a read by a system", record(by(Event::Disclosed, "read", listener()), one()), patient_read),
        ("a search", search(), query),
        ("a look at the trail", record(own(Event::Disclosed, "audit-search"), about(&[])), query),
        ("a create", record(by(Event::Outcome, "create", listener()), one()), create),
        ("a consent", record(own(Event::ConsentRecorded, "consent-create"), about(&["Consent/7"])), create),
        (
            "a changed consent",
            record(own(Event::ConsentRecorded, "consent-update"), about(&["Consent/7"])),
            update,
        ),
        ("an update", record(by(Event::Outcome, "update", social_worker()), one()), update),
        ("a patch about to be made", record(by(Event::Intent, "patch", social_worker()), one()), update),
        ("a deletion", record(by(Event::Outcome, "delete", social_worker()), one()), delete),
        ("a push", record(push(), about(&["DocumentReference/1", "Binary/1"])), sent),
        ("a push about to go", record(Exchange { event: Event::Intent, ..push() }, one()), sent),
        ("a push that failed", record(Exchange { status: 502, ..push() }, one()), sent),
    ]
}

/// Every kind of record of something that was not done, or not about a person.
fn not_done() -> Vec<Case> {
    let (consent, elsewhere) = (Some("denied Consent/c7"), Some("denied gp/Consent/c8"));
    let denied = Some("IHE.BasicAudit.AuthZconsent");
    let read = |event| by(event, "read", social_worker());
    let within = by(Event::Disclosed, "search-type", social_worker());
    let unknown = Exchange { count: 12, ..exchange(Event::NotAuthenticated, "unknown", None) };
    let one = || about(&["Condition/1"]);
    vec![
        ("a dissent", refused(read(Event::Refused), consent), denied),
        ("a dissent to a system", refused(by(Event::Refused, "push", listener()), consent), denied),
        ("a dissent that is held elsewhere", refused(read(Event::Refused), elsewhere), denied),
        ("no relationship", refused(read(Event::Refused), None), None),
        ("refused within a search", refused(within, None), None),
        ("a failed read", record(Exchange { status: 504, ..read(Event::Failed) }, about(&[])), None),
        ("recorded, not released", record(read(Event::NotReleased), one()), None),
        ("not delivered", record(read(Event::NotDelivered), one()), None),
        ("nobody we know", about_nobody(unknown), None),
        ("a start", about_nobody(exchange(Event::Operated, "start", None)), None),
        ("an admission refused", about_nobody(read(Event::Refused)), None),
    ]
}

fn cases() -> Vec<Case> {
    done().into_iter().chain(not_done()).collect()
}

#[test]
fn each_event_claims_the_profile_of_what_it_tells() {
    for (name, record, profile) in cases() {
        let event = render(&record);
        let claimed = event["meta"]["profile"][0].as_str().map(str::to_owned);
        assert_eq!(claimed, profile.map(|profile| format!("{PROFILES}{profile}")), "{name}");
        for required in ["type", "recorded", "agent", "source"] {
            assert!(!event[required].is_null(), "{name}: {required}");
        }
        let requestors = event["agent"].as_array().unwrap();
        assert!(requestors.iter().all(|agent| agent["requestor"].is_boolean()), "{name}");
    }
}

#[test]
fn each_event_keeps_the_profile_that_it_claims() {
    let Some(folder) = balp::folder() else { return };
    for (name, record, _) in cases() {
        assert_eq!(balp::faults(&render(&record), &folder), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn the_checker_of_profiles_finds_what_is_wrong() {
    let Some(folder) = balp::folder() else { return };
    let break_with = |edit: fn(&mut Value)| {
        let mut event = render(&cases().remove(0).1);
        edit(&mut event);
        balp::faults(&event, &folder)
    };
    assert!(!break_with(|event| event["action"] = json!("C")).is_empty());
    assert!(!break_with(|event| event["outcome"] = json!("8")).is_empty());
    assert!(!break_with(|event| event["agent"] = json!([event["agent"][0].clone()])).is_empty());
    assert!(
        !break_with(|event| {
            event["entity"].as_array_mut().unwrap().remove(0);
        })
        .is_empty()
    );
    assert!(!break_with(|event| event["subtype"][0]["code"] = json!("create")).is_empty());
    assert!(!break_with(|event| event["entity"][0]["type"]["code"] = json!("9")).is_empty());
}

#[test]
fn a_search_tells_the_query_and_kinds_but_not_what_was_found() {
    let event = render(&search());
    assert!(event.to_string().contains("cGF0aWVudD1hbm4="));
    assert!(!event.to_string().contains("Condition/1"), "{event}");
    let shared: Vec<_> =
        details(&event).into_iter().filter(|(name, _)| name == "shared").map(|(_, value)| value).collect();
    assert_eq!(shared, ["Condition (2)", "Patient (1)"]);
}

#[test]
fn an_override_and_what_it_jumped_over_stand_in_the_event() {
    let mut exchange = exchange(Event::Disclosed, "read", Some(social_worker()));
    exchange.purpose = Some("BTG".into());
    exchange.override_ =
        Some(RecordedOverride { purpose: "BTG".into(), reason: "found unconscious at home".into() });
    let mut person = about(&["Condition/1"]);
    person.overrode = vec!["no-legitimate-relationship".into(), "consent-denied".into()];
    let event = render(&record(exchange, person));
    let details = details(&event);
    for (name, value) in [
        ("override", "BTG"),
        ("override-reason", "found unconscious at home"),
        ("overrode", "no-legitimate-relationship"),
        ("overrode", "consent-denied"),
        ("agreement", "discharge"),
        ("withheld", "Patient.telecom (2)"),
    ] {
        assert!(details.contains(&(name.into(), value.into())), "{name} {details:?}");
    }
    assert_eq!(event["purposeOfEvent"][0]["coding"][0]["code"], "BTG");
}

#[test]
fn a_refusal_is_a_security_alert_of_the_gravest_outcome() {
    let event = render(&refused(exchange(Event::Refused, "read", Some(social_worker())), None));
    assert_eq!(event["type"]["code"], "110113");
    assert_eq!(
        (&event["outcome"], &event["outcomeDesc"]),
        (&json!("8"), &json!("no-legitimate-relationship"))
    );
    assert_eq!(event["subtype"][0]["code"], "AuthZ-Role");
}

#[test]
fn an_event_is_found_by_request_id_and_receipt() {
    for (name, record, _) in cases() {
        let text = render(&record).to_string();
        assert!(text.contains("5f0c0e2a") && text.contains(PLACE.receipt), "{name}");
    }
}

#[test]
fn a_person_known_to_one_system_only_is_named_by_that_system() {
    let mut exchange = exchange(Event::Disclosed, "audit-search", Some(social_worker()));
    exchange.place = "gateway".into();
    let person = AboutPerson { nhs_number: None, patient: Some("hospital/Patient/ann".into()), ..about(&[]) };
    let event = render(&record(exchange, person));
    assert!(event.to_string().contains("https://share.example/hospital/fhir/Patient/ann"), "{event}");
}

#[test]
fn events_come_as_a_searchset_with_links_and_without_a_total() {
    let records = [search(), cases().remove(0).1];
    let placed: Vec<_> = records.iter().map(|record| Placed { record, place: PLACE }).collect();
    let organisation = OdsCode::parse("RX1").unwrap();
    let site = Site { base: BASE, organisation: &organisation };
    let bundle = tree(&searchset(&placed, "https://share.example/fhir/AuditEvent?a=b", Some("u:next"), site));
    assert_eq!(bundle["type"], "searchset");
    assert!(bundle.get("total").is_none());
    assert_eq!(bundle["link"][1], json!({"relation": "next", "url": "u:next"}));
    assert_eq!(bundle["entry"].as_array().map(Vec::len), Some(2));
    assert_eq!(bundle["entry"][0]["fullUrl"], "https://share.example/fhir/AuditEvent/0a1b");
    assert_eq!(bundle["entry"][1]["resource"], render(&records[1]));
}

#[test]
fn provenance_names_what_was_shared_and_nothing_else() {
    let organisation = OdsCode::parse("RX1").unwrap();
    let site = Site { base: BASE, organisation: &organisation };
    let shared = about(&["Condition/2", "Condition/1", "Condition/2"]);
    let refused = AboutPerson { refusal: Some("consent-denied".into()), ..about(&["Condition/9"]) };
    let exchange = exchange(Event::Disclosed, "search-type", Some(social_worker()));
    let told = tree(&provenance("p1", &exchange, [&shared, &refused], site).expect("something was shared"));
    assert_eq!(
        told,
        json!({
            "resourceType": "Provenance",
            "id": "p1",
            "target": [
                {"reference": "https://share.example/hospital/fhir/Condition/1"},
                {"reference": "https://share.example/hospital/fhir/Condition/2"}
            ],
            "recorded": "2026-04-01T10:00:00.123Z",
            "policy": ["https://share.example/register#discharge"],
            "reason": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT", "display": "care and treatment"}]}],
            "activity": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle", "code": "disclose"}]},
            "agent": [
                {
                    "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "code": "custodian"}]},
                    "who": {"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RX1"}}
                },
                {
                    "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "code": "assembler"}]},
                    "who": {"identifier": {"value": "https://share.example"}, "display": format!("Portcullis {}", env!("CARGO_PKG_VERSION"))},
                    "onBehalfOf": {"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RX1"}}
                },
                {
                    "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]},
                    "who": {"identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "E10000099"}}
                }
            ]
        })
    );
    assert!(provenance("p1", &exchange, [&refused], site).is_none());
}

#[test]
fn provenance_of_a_push_names_sender_target_and_message() {
    let organisation = OdsCode::parse("RX1").unwrap();
    let mut exchange = exchange(Event::Outcome, "push", Some(listener()));
    exchange.place = "council".into();
    exchange.follows = Some("MSG00001".into());
    let site = Site { base: BASE, organisation: &organisation };
    let told = tree(&provenance("p1", &exchange, [&about(&["DocumentReference/1"])], site).expect("shared"));
    let codes: Vec<_> = told["agent"]
        .as_array()
        .unwrap()
        .iter()
        .map(|agent| agent["type"]["coding"][0]["code"].clone())
        .collect();
    assert_eq!(codes, ["custodian", "assembler", "informant", "IRCP"]);
    assert_eq!(told["agent"][3]["who"]["display"], "council");
    assert_eq!(told["entity"][0], json!({"role": "source", "what": {"identifier": {"value": "MSG00001"}}}));
}

proptest! {
    #[test]
    fn whatever_stands_in_a_record_makes_an_event(
        texts in proptest::collection::vec(".{0,12}", 6),
        interaction in "(read|create|search-type|push|update|delete|x)",
        refused in proptest::option::of("[a-z-]{0,9}"),
    ) {
        let mut exchange = exchange(Event::Disclosed, &interaction, Some(social_worker()));
        exchange.request_id = texts[0].clone();
        exchange.place = texts[1].clone();
        exchange.purpose = Some(texts[2].clone());
        exchange.query = Some(texts[3].clone());
        let mut person = about(&[texts[4].as_str()]);
        person.patient = Some(texts[5].clone());
        person.refusal = refused;
        prop_assert_eq!(&render(&record(exchange, person))["resourceType"], "AuditEvent");
    }
}
