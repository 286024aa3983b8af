//! Who may read and write the gateway's own resources.

use std::sync::{Arc, LazyLock};

use fhir::identifier::NHS_NUMBER;
use fhir::json::{self, Limits};
use fhir::nhs_number::NhsNumber;
use fhir::ods_code::OdsCode;
use fhir::reference::Id;
use gateway::consent::validate::{ValidConsent, Writing, validate};
use gateway::decision::admit_own;
use gateway::decision::own::{AdmittedOwn, Concerns};
use gateway::decision::refusal::Refusal;
use gateway::enforce::unfiltered::Unfiltered;
use gateway::interaction::registry::{ConsentHistory, ConsentQuery};
use gateway::interaction::{AuditQuery, AuditSelector, Interaction, OwnAction, PersonSelector};
use gateway::person::{PersonKey, SystemName};
use gateway::settings::Settings;
use serde_json::json;

use super::world::{ANN, Asking, BASE, EXAMPLE, Who, settings, social_worker};

const BOB: &str = "9990000026";

fn number(text: &str) -> NhsNumber {
    NhsNumber::parse(text).unwrap()
}

/// The action named, about `person` where it names one.
fn action(name: &str, person: &str) -> OwnAction {
    let id = || Id::parse("x1").unwrap();
    let body = || json::parse("{}".into(), &Limits::default()).unwrap();
    let trail =
        |by| OwnAction::SearchAuditEvent(AuditQuery { by, criteria: Vec::new(), count: 50, before: None });
    match name {
        "metadata" => OwnAction::Metadata,
        "read consent" => OwnAction::ReadConsent(id()),
        "a version of a consent" => OwnAction::VreadConsent { id: id(), version: id() },
        "versions of a consent" => {
            OwnAction::HistoryConsent(ConsentHistory { id: id(), since: None, count: 50, before: None })
        }
        "search consents" => {
            OwnAction::SearchConsent(ConsentQuery { person: number(person), criteria: Vec::new() })
        }
        "trail by id" => trail(AuditSelector::Person(PersonSelector::Local {
            system: SystemName::new("hospital"),
            id: id(),
        })),
        "create consent" => OwnAction::CreateConsent(Unfiltered::new(body())),
        "update consent" => OwnAction::UpdateConsent { id: id(), if_match: 1, body: Unfiltered::new(body()) },
        "trail" => trail(AuditSelector::Person(PersonSelector::Nhs(number(person)))),
        "trail by receipt" => trail(AuditSelector::Receipt("r".to_owned())),
        "an entry of a trail" => OwnAction::ReadAuditEvent(id()),
        "provenance" => OwnAction::ReadProvenance(id()),
        other => panic!("{other}"),
    }
}

const ALL: [&str; 12] = [
    "metadata",
    "read consent",
    "a version of a consent",
    "versions of a consent",
    "search consents",
    "trail by id",
    "create consent",
    "update consent",
    "trail",
    "trail by receipt",
    "an entry of a trail",
    "provenance",
];

/// The example, where the council's guardian looks after what is asked of it and records what people say to her.
static NAMED: LazyLock<Settings> = LazyLock::new(|| {
    let (written, both) = ("[\"R5105\", \"R0001\"]", "[\"R5105\", \"R0001\", \"R5105@ods:E10000099\"]");
    let named = |key: &str, posts: &str| format!("{key} = {posts}");
    settings(&[
        ("portcullis.toml", &named("oversight", written), &named("oversight", both)),
        ("portcullis.toml", &named("consent_recorders", written), &named("consent_recorders", both)),
    ])
});

fn ask(who: &Asking, name: &str, person: &str) -> Result<AdmittedOwn, Refusal> {
    ask_of(&EXAMPLE, who, name, person)
}

fn ask_of(settings: &Settings, who: &Asking, name: &str, person: &str) -> Result<AdmittedOwn, Refusal> {
    let mut question = who.question();
    question.interaction = Interaction::Own(action(name, person));
    admit_own(question, settings)
}

fn ann() -> Asking {
    Asking { who: Who::Herself, ..social_worker() }
}

fn guardian(organisation: &'static str) -> Asking {
    Asking { role: "R5105", organisation, ..social_worker() }
}

fn system() -> Asking {
    Asking { who: Who::System, ..social_worker() }
}

#[track_caller]
fn check(who: &Asking, person: &str, expected: &[&str]) {
    let admitted: Vec<&str> = ALL.into_iter().filter(|name| ask(who, name, person).is_ok()).collect();
    assert_eq!(admitted, expected);
}

#[test]
fn each_party_may_ask_what_is_theirs_to_ask() {
    let about_herself = [
        "metadata",
        "read consent",
        "a version of a consent",
        "versions of a consent",
        "search consents",
        "create consent",
        "update consent",
        "trail",
        "trail by receipt",
        "an entry of a trail",
        "provenance",
    ];
    check(&ann(), ANN, &about_herself);
    let about_nobody_else: Vec<&str> =
        about_herself.into_iter().filter(|name| !matches!(*name, "search consents" | "trail")).collect();
    check(&ann(), BOB, &about_nobody_else);
    check(&guardian("RX1"), ANN, &ALL);
    // The same role elsewhere, proved by the same issuer: of a party to an agreement, and of nobody it knows.
    check(&guardian("E10000099"), ANN, &["metadata", "provenance"]);
    check(&guardian("RZZ"), ANN, &["metadata", "provenance"]);
    check(&social_worker(), ANN, &["metadata", "provenance"]);
    check(&system(), ANN, &["metadata", "provenance"]);
}

#[test]
fn what_is_found_is_read_by_the_person_oversight_and_the_parties_to_the_share() {
    let (ann_key, bob_key) = (PersonKey::Nhs(number(ANN)), PersonKey::Nhs(number(BOB)));
    let (rx1, council, other) = (ods("RX1"), ods("E10000099"), ods("E10000001"));
    let share = |person, recipient| Concerns {
        person: Some(person),
        discloser: Some(&rx1),
        recipient: Some(recipient),
        holder: Some(&rx1),
    };
    let may = |who: &Asking, concerns: Concerns<'_>| {
        ask(who, "provenance", ANN).unwrap().may_read(concerns).is_ok()
    };
    assert!(may(&ann(), share(&ann_key, &council)));
    assert!(!may(&ann(), share(&bob_key, &council)));
    assert!(!may(&ann(), Concerns::default()));
    assert!(may(&guardian("RX1"), share(&bob_key, &council)));
    assert!(may(&social_worker(), share(&ann_key, &council)));
    assert!(!may(&social_worker(), share(&ann_key, &other)));
    assert!(may(&Asking { organisation: "RX1", ..system() }, share(&ann_key, &other)));
    assert!(!may(&social_worker(), Concerns { person: Some(&ann_key), ..Concerns::default() }));
}

#[test]
fn a_guardian_of_another_organisation_looks_after_what_is_asked_of_it() {
    let ann = PersonKey::Nhs(number(ANN));
    let (rx1, council, other) = (ods("RX1"), ods("E10000099"), ods("E10000001"));
    let admitted = |who: &Asking, name: &str| ask_of(&NAMED, who, name, ANN);
    for name in ["trail", "trail by receipt", "an entry of a trail"] {
        let guardian = admitted(&guardian("E10000099"), name).unwrap();
        let may = |discloser, recipient| {
            let concerns = Concerns { person: Some(&ann), discloser, recipient, holder: discloser };
            guardian.may_read(concerns).is_ok()
        };
        assert!(may(Some(&council), Some(&other)) && may(Some(&council), None), "{name}");
        // What it sends is kept from it by whoever receives.
        let sent = Concerns {
            person: Some(&ann),
            discloser: Some(&council),
            recipient: Some(&council),
            holder: Some(&rx1),
        };
        assert!(guardian.may_read(sent).is_err(), "{name}");
        // What it asks of others tells what they withhold from it.
        assert!(!may(Some(&rx1), Some(&council)) && !may(Some(&rx1), Some(&other)), "{name}");
        assert!(!may(None, None) && !may(None, Some(&council)), "{name}");
    }
    // What it received it has by Provenance, as everybody there.
    let concerns = Concerns {
        person: Some(&ann),
        discloser: Some(&rx1),
        recipient: Some(&council),
        ..Concerns::default()
    };
    assert!(admitted(&guardian("E10000099"), "provenance").unwrap().may_read(concerns).is_ok());
    for name in [
        "trail",
        "trail by receipt",
        "an entry of a trail",
        "create consent",
        "update consent",
        "read consent",
    ] {
        assert!(admitted(&guardian("E10000001"), name).is_err(), "{name}: a post is of one organisation");
    }
}

fn ods(code: &str) -> OdsCode {
    OdsCode::parse(code).unwrap()
}

fn consent(person: &str, status: &str, provision: serde_json::Value) -> ValidConsent {
    let consent = json!({
        "resourceType": "Consent", "status": status,
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"text": "c"}], "patient": {"identifier": {"system": NHS_NUMBER, "value": person}},
        "dateTime": "2026-05-01", "performer": [{"display": "p"}], "organization": [{"display": "o"}],
        "sourceReference": {"display": "s"}, "policy": [{"uri": "https://a.example"}], "provision": provision
    });
    let document = Arc::new(json::parse(consent.to_string().into(), &Limits::default()).unwrap());
    validate(&document, Writing::New, BASE).unwrap()
}

#[test]
fn a_person_writes_her_own_choices_only() {
    let deny = || json!({"type": "deny"});
    for name in ["create consent", "update consent"] {
        let admitted = ask(&ann(), name, ANN).unwrap();
        assert!(admitted.may_write(&consent(ANN, "active", deny())).is_ok());
        assert!(admitted.may_write(&consent(ANN, "inactive", deny())).is_ok());
        assert!(admitted.may_write(&consent(BOB, "active", deny())).is_err());
    }
}

#[test]
fn an_organisation_that_receives_records_denials_and_nothing_that_opens() {
    let deny = || json!({"type": "deny"});
    let permit = || json!({"type": "permit"});
    let but = || json!({"type": "deny", "provision": [{"type": "permit"}]});
    let holder = ask(&guardian("RX1"), "create consent", ANN).unwrap();
    assert!(holder.may_write(&consent(ANN, "active", permit())).is_ok());
    let council = ask_of(&NAMED, &guardian("E10000099"), "create consent", ANN).unwrap();
    assert!(council.may_write(&consent(ANN, "active", deny())).is_ok());
    assert!(council.may_write(&consent(ANN, "active", permit())).is_err());
    assert!(council.may_write(&consent(ANN, "active", but())).is_err());
    let change = ask_of(&NAMED, &guardian("E10000099"), "update consent", ANN).unwrap();
    assert!(change.may_write(&consent(ANN, "inactive", deny())).is_err());
    assert!(change.may_write(&consent(ANN, "active", deny())).is_err());
}
