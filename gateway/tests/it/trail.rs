//! From a real ledger back to events: by person, by receipt, by request.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fhir::nhs_number::NhsNumber;
use fhir::ods_code::OdsCode;
use fhir::reference::Id;
use fhir::search::NamedPerson;
use gateway::clock::Clock;
use gateway::decision::refusal::Refusal;
use gateway::interaction::PersonSelector;
use gateway::ledger::{AuditLedger, Options, SegmentLedger};
use gateway::person::SystemName;
use gateway::trail::audit_event::{Site, searchset};
use gateway::trail::record::{AboutPerson, Event, Exchange, RecordedOverride, RecordedRequestor, Visibility};
use gateway::trail::records::{REFUSED_MAX, Records};
use gateway::trail::store::{Found, KEY_SCHEME, TrailStore};

fn person(nhs_number: Option<&str>, patient: &str, visibility: Visibility) -> AboutPerson {
    AboutPerson {
        nhs_number: nhs_number.map(str::to_owned),
        patient: Some(patient.to_owned()),
        visibility,
        resources: vec![patient.to_owned()],
        withheld: Vec::new(),
        refusal: (visibility == Visibility::Oversight).then(|| "consent-denied".to_owned()),
        relationship: None,
        consent: None,
        limited_by: Vec::new(),
        overrode: Vec::new(),
    }
}

fn exchange(request_id: &str) -> Exchange {
    let mut exchange = Exchange::begun(request_id.into(), jiff::Timestamp::UNIX_EPOCH, None);
    exchange.event = Event::Disclosed;
    exchange.interaction = "search-type".into();
    exchange.place = "hospital".into();
    exchange
}

/// A ledger with two exchanges; the receipt of the second.
async fn recorded(folder: &std::path::Path) -> (TrailStore, String) {
    let options = Options::new(folder, "share.example/ledger", KEY_SCHEME);
    let ledger =
        Arc::new(SegmentLedger::open(&options, Clock::standing_at(jiff::Timestamp::UNIX_EPOCH)).unwrap());
    let ann = person(Some("9990000018"), "Patient/ann", Visibility::Trail);
    let bob = person(None, "Patient/bob", Visibility::Trail);
    let eve = person(Some("9990000026"), "Patient/eve", Visibility::Oversight);
    let first = Records { exchange: exchange("r-1"), persons: vec![ann.clone()] };
    let second = Records { exchange: exchange("r-2"), persons: vec![ann, bob, eve] };
    ledger.append(first.to_batch().unwrap()).await.unwrap();
    let receipt = ledger.append(second.to_batch().unwrap()).await.unwrap();
    (TrailStore::new(ledger), receipt.to_header())
}

fn nhs(number: &str) -> PersonSelector {
    PersonSelector::Nhs(NhsNumber::parse(number).unwrap())
}

fn at_hospital(id: &str) -> PersonSelector {
    PersonSelector::Local { system: SystemName::new("hospital"), id: Id::parse(id).unwrap() }
}

fn requests(found: &[Found]) -> Vec<&str> {
    found.iter().map(|found| found.record.exchange.request_id.as_str()).collect()
}

#[tokio::test]
async fn a_person_finds_her_own_events_newest_first_and_nobody_elses() {
    let home = tempfile::tempdir().unwrap();
    let (trail, _) = recorded(home.path()).await;
    let own = trail.about(&nhs("9990000018"), Visibility::Trail, None, 10).await.unwrap();
    assert_eq!(requests(&own), ["r-2", "r-1"]);
    assert_eq!(
        requests(&trail.about(&at_hospital("ann"), Visibility::Trail, None, 10).await.unwrap()),
        ["r-2", "r-1"]
    );
    assert_eq!(
        requests(&trail.about(&at_hospital("bob"), Visibility::Trail, None, 10).await.unwrap()),
        ["r-2"]
    );
    let older = trail.about(&nhs("9990000018"), Visibility::Trail, Some(own[0].index), 10).await.unwrap();
    assert_eq!(requests(&older), ["r-1"]);
}

#[tokio::test]
async fn who_was_merely_filtered_out_does_not_find_it_in_her_trail() {
    let home = tempfile::tempdir().unwrap();
    let (trail, _) = recorded(home.path()).await;
    assert!(trail.about(&nhs("9990000026"), Visibility::Trail, None, 10).await.unwrap().is_empty());
    assert!(trail.about(&at_hospital("eve"), Visibility::Trail, None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn who_is_named_by_the_id_of_a_patient_alone_finds_it_by_number_unless_the_patient_is_also_someone_elses()
 {
    let home = tempfile::tempdir().unwrap();
    let options = Options::new(home.path(), "share.example/ledger", KEY_SCHEME);
    let clock = Clock::standing_at(jiff::Timestamp::UNIX_EPOCH);
    let ledger = Arc::new(SegmentLedger::open(&options, clock).unwrap());
    let named = |request_id: &str, nhs_number, patient: &str| {
        let persons = vec![person(nhs_number, patient, Visibility::Trail)];
        Records { exchange: exchange(request_id), persons }.to_batch().unwrap()
    };
    for batch in [
        named("by-rule-1", None, "Patient/ann"),
        named("share", Some("9990000018"), "Patient/ann"),
        named("share-of-a-merged-one", Some("9990000018"), "Patient/x"),
        named("by-rule-2", None, "Patient/ann"),
        named("by-rule-x", None, "Patient/x"),
        named("of-someone-else", Some("9990000026"), "Patient/x"),
    ] {
        ledger.append(batch).await.unwrap();
    }
    let trail = TrailStore::new(ledger);
    let found = trail.about(&nhs("9990000018"), Visibility::Trail, None, 10).await.unwrap();
    assert_eq!(requests(&found), ["by-rule-2", "share-of-a-merged-one", "share", "by-rule-1"]);
    assert!(
        found.iter().all(|leaf| leaf.about_person().unwrap().nhs_number.as_deref() == Some("9990000018"))
    );
    let newest = trail.about(&nhs("9990000018"), Visibility::Trail, None, 2).await.unwrap();
    assert_eq!(requests(&newest), ["by-rule-2", "share-of-a-merged-one"]);
    let older = trail.about(&nhs("9990000018"), Visibility::Trail, Some(newest[1].index), 2).await.unwrap();
    assert_eq!(requests(&older), ["share", "by-rule-1"]);
    assert_eq!(
        requests(&trail.about(&nhs("9990000026"), Visibility::Trail, None, 10).await.unwrap()),
        ["of-someone-else"]
    );
}

#[tokio::test]
async fn an_exchange_is_found_whole_by_receipt_and_by_request() {
    let home = tempfile::tempdir().unwrap();
    let (trail, receipt) = recorded(home.path()).await;
    let by_receipt = trail.by_receipt(&receipt).await.unwrap();
    assert_eq!(requests(&by_receipt), ["r-2"; 4]);
    assert!(by_receipt.iter().all(|found| found.receipt == receipt));
    let ids: Vec<_> = trail.by_request("r-2").await.unwrap().into_iter().map(|found| found.id).collect();
    assert_eq!(ids, by_receipt.iter().map(|found| found.id.clone()).collect::<Vec<_>>());
    assert!(trail.by_request("r-3").await.unwrap().is_empty());
}

#[tokio::test]
async fn found_records_become_events_with_ids_that_fhir_allows_and_that_differ() {
    let home = tempfile::tempdir().unwrap();
    let (trail, receipt) = recorded(home.path()).await;
    let found = trail.by_receipt(&receipt).await.unwrap();
    let organisation = OdsCode::parse("RX1").unwrap();
    let site = Site { base: "https://share.example", organisation: &organisation };
    let placed: Vec<_> = found.iter().map(Found::placed).collect();
    let bytes = searchset(&placed, "https://share.example/fhir/AuditEvent", None, site).to_json();
    let bundle = fhir::json::parse_value(bytes.into(), &fhir::json::Limits::default()).unwrap();
    let mut ids: Vec<_> = bundle["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| Id::parse(entry["resource"]["id"].as_str().unwrap()).expect("an id of FHIR"))
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn in_the_trail_of_one_person_a_search_names_nobody_else() {
    let mrn = "https://hospital.example/mrn";
    let nhs_number = "https://fhir.nhs.uk/Id/nhs-number";
    let (ann, bob) = (format!("{nhs_number}|9990000018"), format!("{nhs_number}|9990000026"));
    let two = [
        person(Some("9990000018"), "Patient/ann", Visibility::Trail),
        person(Some("9990000026"), "Patient/bob", Visibility::Trail),
    ];
    for (owner, query, persons, expected) in [
        (
            "Condition",
            "patient=Patient/ann,Patient/bob&code=a,b",
            2,
            &["code=a,b", "patient=Patient/ann"][..],
        ),
        ("Condition", "patient=Patient/bob&code=a", 1, &["code=a"]),
        ("Patient", &format!("identifier={bob},{ann}&gender=female"), 2, &[&ann, "gender=female"]),
        ("Patient", &format!("identifier={mrn}|7"), 1, &[mrn]),
        ("Patient", &format!("identifier={mrn}|7,{mrn}|8"), 2, &[]),
        ("Patient", "family=Example", 2, &["family=Example"]),
        ("Observation", "patient=Patient/ann&performer=Patient/bob", 1, &["patient=Patient/ann"]),
        ("RelatedPerson", &format!("patient=Patient/ann&identifier={bob}"), 1, &["patient=Patient/ann"]),
        ("RelatedPerson", "patient=Patient/ann&identifier=9990000026", 1, &["patient=Patient/ann"]),
        ("Patient", &format!("identifier={ann}&identifier:not={bob}"), 1, &[&ann]),
        ("Patient", "_id=ann&link=Patient/bob", 1, &["_id=ann"]),
        ("Observation", "subject=Patient/ann,Patient/bob,Group/g", 1, &["subject=Patient/ann,Group/g"]),
        ("Condition", "patient=https://other.example/Patient/bob&code=a", 1, &["code=a"]),
    ] {
        let mut exchange = exchange("r-1");
        exchange.resource_type = Some(owner.to_owned());
        exchange.query = Some(STANDARD.encode(form(query)));
        let sent = STANDARD.encode(format!("GET /hospital/fhir/{owner}?{query}&_format=json"));
        exchange.sent = Some(sent.clone());
        let home = tempfile::tempdir().unwrap();
        let options = Options::new(home.path(), "share.example/ledger", KEY_SCHEME);
        let ledger =
            Arc::new(SegmentLedger::open(&options, Clock::standing_at(jiff::Timestamp::UNIX_EPOCH)).unwrap());
        let records = Records { exchange, persons: two[..persons].to_vec() };
        let receipt = ledger.append(records.to_batch().unwrap()).await.unwrap().to_header();
        let found = TrailStore::new(ledger).by_receipt(&receipt).await.unwrap();
        let told: Vec<String> = found
            .iter()
            .map(|found| plain(found.record.exchange.query.as_deref().unwrap_or_default()))
            .collect();
        assert_eq!(told[0], plain(&STANDARD.encode(form(query))), "the exchange itself holds it whole");
        assert!(expected.iter().all(|part| told[1].contains(part)), "{query}: {}", told[1]);
        assert!(!told[1].contains("bob") && !told[1].contains("9990000026"), "{query}: {}", told[1]);
        assert!(!expected.is_empty() || told[1].is_empty(), "{query}: {}", told[1]);
        assert_eq!(found[0].record.exchange.sent.as_ref(), Some(&sent), "{query}");
        // As it was sent it is hers where it is all about her.
        let all_hers = plain(&STANDARD.encode(form(query))) == told[1];
        let hers = found[1].record.exchange.sent.as_ref();
        assert_eq!(hers, all_hers.then_some(&sent), "{query}");
        assert!(!hers.is_some_and(|sent| plain(sent).contains("bob") || plain(sent).contains("9990000026")));
    }
}

/// A query as the gateway writes it.
fn form(query: &str) -> String {
    fhir::search::form(query.split('&').map(|pair| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    }))
}

fn plain(query: &str) -> String {
    let form = String::from_utf8(STANDARD.decode(query).unwrap()).unwrap();
    form.replace("%2C", ",").replace("%2F", "/").replace("%3A", ":").replace("%7C", "|")
}

#[tokio::test]
async fn who_else_reached_for_a_record_stands_in_the_leaf_of_the_exchange_alone() {
    let bob =
        RecordedRequestor::Person { nhs_number: "9990000026".into(), issuer: "https://id.example".into() };
    let mut exchange = exchange("r-1");
    (exchange.requestor, exchange.peer) = (Some(bob), Some("203.0.113.7".into()));
    let home = tempfile::tempdir().unwrap();
    let options = Options::new(home.path(), "share.example/ledger", KEY_SCHEME);
    let ledger =
        Arc::new(SegmentLedger::open(&options, Clock::standing_at(jiff::Timestamp::UNIX_EPOCH)).unwrap());
    let persons = vec![
        person(Some("9990000018"), "Patient/ann", Visibility::Trail),
        person(Some("9990000026"), "Patient/bob", Visibility::Trail),
    ];
    let receipt = ledger.append(Records { exchange, persons }.to_batch().unwrap()).await.unwrap().to_header();
    let found = TrailStore::new(ledger).by_receipt(&receipt).await.unwrap();
    let organisation = OdsCode::parse("RX1").unwrap();
    let site = Site { base: "https://share.example", organisation: &organisation };
    let told: Vec<String> = found
        .iter()
        .map(|one| {
            let text =
                searchset(&[one.placed()], "https://share.example/fhir/AuditEvent", None, site).to_json();
            String::from_utf8(text).unwrap()
        })
        .collect();
    let (whole, anns, bobs) = (&told[0], &told[1], &told[2]);
    assert!(whole.contains("9990000026") && whole.contains("203.0.113.7"), "{whole}");
    assert!(!anns.contains("9990000026") && !anns.contains("203.0.113.7"), "{anns}");
    assert!(anns.contains("another person"), "{anns}");
    assert!(bobs.contains("203.0.113.7"), "{bobs}");
}

#[tokio::test]
async fn the_reason_of_an_override_names_nobody_by_number_in_the_trail_of_one_person() {
    let mut exchange = exchange("r-1");
    let reason = "her son 999 000 0026 says that she fell".to_owned();
    exchange.override_ = Some(RecordedOverride { purpose: "BTG".to_owned(), reason });
    let home = tempfile::tempdir().unwrap();
    let options = Options::new(home.path(), "share.example/ledger", KEY_SCHEME);
    let ledger =
        Arc::new(SegmentLedger::open(&options, Clock::standing_at(jiff::Timestamp::UNIX_EPOCH)).unwrap());
    let persons = vec![person(Some("9990000018"), "Patient/ann", Visibility::Trail)];
    let receipt = ledger.append(Records { exchange, persons }.to_batch().unwrap()).await.unwrap().to_header();
    let found = TrailStore::new(ledger).by_receipt(&receipt).await.unwrap();
    let organisation = OdsCode::parse("RX1").unwrap();
    let site = Site { base: "https://share.example", organisation: &organisation };
    let told = |one: &Found| String::from_utf8(searchset(&[one.placed()], "", None, site).to_json()).unwrap();
    assert!(told(&found[0]).contains("999 000 0026"), "oversight reads it whole");
    let hers = told(&found[1]);
    assert!(hers.contains("her son (number removed) says that she fell"), "{hers}");
}

#[tokio::test]
async fn a_refusal_that_names_any_number_of_persons_can_be_recorded() {
    let named: Vec<NamedPerson> =
        (0..9_000).map(|at| NamedPerson::Patient(Id::parse(&format!("p{at}")).unwrap())).collect();
    let records = Records::refused_by_rule(exchange("r-1"), &named, &Refusal::NoSharingAgreement);
    assert_eq!(records.persons.len(), REFUSED_MAX);
    let home = tempfile::tempdir().unwrap();
    let options = Options::new(home.path(), "share.example/ledger", KEY_SCHEME);
    let ledger = SegmentLedger::open(&options, Clock::standing_at(jiff::Timestamp::UNIX_EPOCH)).unwrap();
    ledger.append(records.to_batch().unwrap()).await.expect("recorded");
    assert_eq!(ledger.head(), 1 + REFUSED_MAX as u64);
}
