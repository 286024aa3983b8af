//! What the page says of each kind of record, and what it never says.

use std::fmt::Write;

use fhir::nhs_number::NhsNumber;
use gateway::settings::Settings;
use gateway::trail::page::{self, Listed, Part, Shown, Since};
use gateway::trail::record::{
    About, AboutPerson, Event, Exchange, Record, RecordedAgreement, RecordedOverride, RecordedRequestor,
    Visibility,
};

use super::html;
use crate::golden;
use crate::site::Site;

const ANN: &str = "9990000018";
const SOMEONE_ELSE: &str = "9990000026";

fn ann() -> NhsNumber {
    NhsNumber::parse(ANN).unwrap()
}

fn settings() -> Settings {
    Site::example().load().unwrap().settings
}

fn staff(name: &str, organisation: &str, role: &str) -> RecordedRequestor {
    RecordedRequestor::Professional {
        issuer: "https://identity.example".into(),
        subject: "s-1".into(),
        token_id: "t-1".into(),
        name: name.into(),
        organisation: organisation.into(),
        role: role.into(),
        supervisor: None,
    }
}

fn person(nhs_number: &str) -> RecordedRequestor {
    RecordedRequestor::Person { nhs_number: nhs_number.into(), issuer: "https://sign-in.example".into() }
}

fn system() -> RecordedRequestor {
    RecordedRequestor::System { name: "dns:adt.northshire.example".into(), organisation: "RX1".into() }
}

/// A read by a social worker that went through.
fn read() -> Listed {
    let mut exchange = Exchange::begun("r-1".into(), "2026-04-05T13:30:00Z".parse().unwrap(), None);
    exchange.event = Event::Disclosed;
    exchange.interaction = "read".into();
    exchange.place = "hospital".into();
    exchange.resource_type = Some("Condition".into());
    exchange.requestor = Some(staff("Sam Rivers", "E10000099", "R1330"));
    exchange.purpose = Some("COC".into());
    let id = "discharge-to-adult-social-care".into();
    exchange.agreement = Some(RecordedAgreement { id, version: "0".into() });
    exchange.status = 200;
    exchange.peer = Some("10.9.8.7:4321".into());
    let about = AboutPerson {
        nhs_number: Some(ANN.into()),
        patient: Some("Patient/ann".into()),
        visibility: Visibility::Trail,
        resources: vec!["Condition/c-1".into(), "Condition/c-2".into(), "Patient/ann".into()],
        withheld: Vec::new(),
        refusal: None,
        relationship: Some("care-team hospital/CareTeam/ct1".into()),
        consent: Some("implied".into()),
        limited_by: Vec::new(),
        overrode: Vec::new(),
    };
    Listed { record: Record { v: 1, exchange, about: About::Person(Box::new(about)) }, since: Since::Nothing }
}

fn with(change: impl FnOnce(&mut Exchange, &mut AboutPerson)) -> Listed {
    let mut listed = read();
    if let About::Person(about) = &mut listed.record.about {
        change(&mut listed.record.exchange, about);
    }
    listed
}

fn since(mut listed: Listed, since: Since) -> Listed {
    listed.since = since;
    listed
}

fn refused(reason: &str) -> Listed {
    with(|exchange, about| {
        exchange.event = Event::Refused;
        exchange.requestor = Some(staff("Lee Marsh", "E10000001", "R1330"));
        exchange.agreement = None;
        exchange.reason = Some(reason.into());
        about.refusal = Some(reason.into());
        about.resources.clear();
        about.relationship = None;
    })
}

fn emergency(purpose: &str, reason: &str) -> Listed {
    with(|exchange, about| {
        exchange.requestor = Some(staff("Dr Ngozi Okafor", "RX1", "R0260"));
        exchange.purpose = Some(purpose.into());
        exchange.override_ = Some(RecordedOverride { purpose: purpose.into(), reason: reason.into() });
        about.relationship = Some("overridden".into());
        about.overrode = vec!["no-legitimate-relationship".into(), "consent-denied".into()];
    })
}

fn own(interaction: &str, resource_type: &str, requestor: RecordedRequestor) -> Listed {
    with(|exchange, about| {
        exchange.place = "gateway".into();
        exchange.interaction = interaction.into();
        exchange.event = if interaction == "create" { Event::ConsentRecorded } else { Event::Disclosed };
        if matches!(requestor, RecordedRequestor::Person { .. }) {
            exchange.purpose = None;
        }
        exchange.requestor = Some(requestor);
        exchange.agreement = None;
        exchange.resource_type = Some(resource_type.into());
        about.resources.clear();
        about.relationship = None;
    })
}

fn sent(became: Since) -> Listed {
    let letter = with(|exchange, about| {
        exchange.event = Event::Intent;
        exchange.interaction = "push".into();
        exchange.place = "council".into();
        exchange.resource_type = None;
        exchange.requestor = Some(system());
        about.resources = vec!["Composition/1".into(), "Binary/2".into(), "Patient/ann".into()];
        about.relationship = Some("stated MSG-1".into());
    });
    since(letter, became)
}

fn supervised() -> Listed {
    with(|exchange, about| {
        if let Some(RecordedRequestor::Professional { name, role, supervisor, .. }) = &mut exchange.requestor
        {
            *name = "Pat Lowe".into();
            *role = "R1460".into();
            *supervisor = Some("Sam Rivers".into());
        }
        about.withheld =
            vec![("labelled".into(), 2), ("Patient.address".into(), 1), ("nothing-necessary".into(), 4)];
    })
}

fn cases() -> Vec<(&'static str, Listed)> {
    vec![
        ("a read", read()),
        ("a search that found nothing", with(|_, about| about.resources.clear())),
        (
            "a search whose finds were all kept back",
            with(|_, about| {
                about.resources.clear();
                about.withheld = vec![("consent-denied".into(), 2)];
            }),
        ),
        ("under supervision, parts kept back", supervised()),
        ("an answer that did not arrive", since(read(), Since::NotReceived)),
        ("an answer that was not released", since(read(), Since::NotReleased)),
        ("an answer that was taken back with others", since(read(), Since::TakenBack)),
        (
            "something that could not be reduced",
            with(|exchange, about| {
                exchange.event = Event::Failed;
                exchange.reason = Some("irreducible".into());
                about.resources.clear();
                about.withheld = vec![("unknown-modifier".into(), 1)];
            }),
        ),
        ("no agreement", refused("no-sharing-agreement")),
        ("no link to care", refused("no-legitimate-relationship")),
        ("she said no", refused("consent-denied")),
        ("a hidden element searched", refused("search-reads-hidden-element")),
        ("an emergency", emergency("BTG", "unconscious in resus, NHS 999 000 0018")),
        ("safeguarding", emergency("THREAT", "child at risk in the household")),
        ("a letter sent", sent(Since::Nothing)),
        ("a letter that arrived", sent(Since::Received)),
        ("a letter that was not taken", sent(Since::NotTaken)),
        ("a letter that may have arrived", sent(Since::Unconfirmed)),
        ("a letter that was given up", sent(Since::NotReceived)),
        ("her own look", own("page", "AuditEvent", person(ANN))),
        ("a look of the guardian", own("search-type", "AuditEvent", staff("Dr Imani Cole", "RX1", "R5105"))),
        ("a look at her choices", own("search-type", "Consent", staff("Dr Imani Cole", "RX1", "R5105"))),
        ("her own choice", own("create", "Consent", person(ANN))),
        (
            "a choice that was recorded for her",
            own("create", "Consent", staff("Dr Imani Cole", "RX1", "R5105")),
        ),
        ("another person", own("page", "AuditEvent", person(SOMEONE_ELSE))),
        (
            "an unknown job, purpose, agreement and organisation",
            with(|exchange, _| {
                exchange.requestor = Some(staff("", "ZZ9", "R9999"));
                exchange.purpose = Some("WHY".into());
                exchange.agreement = Some(RecordedAgreement { id: "an-old-one".into(), version: "0".into() });
                exchange.place = "gone".into();
            }),
        ),
    ]
}

fn page_of(listed: &[Listed], settings: &Settings) -> String {
    let shown = Shown {
        nhs_number: ann(),
        name: "Ann Archer",
        listed,
        part: Part::Newest,
        older: Some("/me?before=c".into()),
        choices: &[],
    };
    page::me(&shown, settings).unwrap()
}

#[test]
fn each_kind_of_record_is_told_in_plain_words() {
    let settings = settings();
    let mut text = String::new();
    for (case, listed) in cases() {
        let page = page_of(&[listed], &settings);
        html::check(&page);
        let cards = html::cards(&page);
        assert_eq!(cards.len(), 1, "{case}");
        write!(text, "== {case}\n{}\n\n", cards[0].join("\n")).unwrap();
    }
    golden::check("pages/cards.txt", &text);
}

/// How many syllables a word has, near enough: its groups of vowels, a silent e left out.
fn syllables(word: &str) -> usize {
    let letters: String = word.to_lowercase().chars().filter(char::is_ascii_lowercase).collect();
    let vowel = |letter: char| "aeiouy".contains(letter);
    let groups = letters.split(|letter| !vowel(letter)).filter(|group| !group.is_empty()).count();
    let silent = letters.ends_with('e') && !letters.ends_with("le") && groups > 1;
    (groups - usize::from(silent)).max(usize::from(!letters.is_empty()))
}

/// The grade of Flesch and Kincaid: about the reading age less five.
fn grade(sentences: &[String]) -> f64 {
    let count = |number: usize| f64::from(u32::try_from(number).unwrap());
    let words: Vec<&str> = sentences.iter().flat_map(|sentence| sentence.split(' ')).collect();
    let all = words.iter().map(|word| syllables(word)).sum();
    0.39 * count(words.len()) / count(sentences.len()) + 11.8 * count(all) / count(words.len()) - 15.59
}

#[test]
fn the_page_reads_easily_at_the_age_of_eleven() {
    let all: Vec<Listed> = cases().into_iter().map(|(_, listed)| listed).collect();
    let page = page_of(&all, &settings());
    let mut sentences: Vec<String> = Vec::new();
    for piece in html::pieces(&page) {
        if let html::Piece::Text(text) = piece {
            let whole =
                text.split_inclusive(['.', '?']).map(str::trim).filter(|text| text.ends_with(['.', '?']));
            sentences.extend(whole.map(str::to_owned));
        }
    }
    sentences.sort();
    sentences.dedup();
    assert!(sentences.len() > 30, "{sentences:?}");
    assert!(grade(&sentences) < 6.0, "grade {:.1}", grade(&sentences));
    let hard: Vec<_> = sentences.iter().filter(|sentence| sentence.split(' ').count() > 22).collect();
    assert!(hard.is_empty(), "{hard:?}");
}

#[test]
fn every_reason_to_refuse_is_told_as_a_refusal() {
    let settings = settings();
    for reason in ["labelled", "shielded", "opted-out", "person-uncertain", "type-not-shared", "unheard-of"] {
        let page = page_of(&[refused(reason)], &settings);
        let card = html::cards(&page).remove(0);
        assert_eq!(card[0], "Refused", "{reason}");
        assert!(card.iter().any(|line| line.starts_with("They were given nothing.")), "{reason}");
    }
}

#[test]
fn entries_stand_in_the_order_given_and_once_each() {
    let all: Vec<Listed> = cases().into_iter().map(|(_, listed)| listed).collect();
    let page = page_of(&all, &settings());
    html::check(&page);
    assert_eq!(html::cards(&page).len(), all.len());
    assert_eq!(page.matches(">r-1<").count(), all.len());
    assert!(page.contains(&format!("{} entries, newest first", all.len())));
    assert!(page.contains("<a href=\"/me?before=c\">Earlier entries</a>"));
}

#[test]
fn no_number_of_a_person_no_address_and_no_id_of_a_resource_is_on_the_page() {
    let hostile = emergency("BTG", "see 9990000018 and 999 000 0026 or 999-000-0034");
    let all: Vec<Listed> = cases().into_iter().map(|(_, listed)| listed).chain([hostile]).collect();
    let page = page_of(&all, &settings());
    for hidden in [
        ANN,
        SOMEONE_ELSE,
        "999 000",
        "999-000",
        "10.9.8.7",
        "Patient/ann",
        "Condition/",
        "CareTeam/",
        "MSG-1",
        "s-1",
        "t-1",
        "RX1",
        "E10000099",
    ] {
        assert!(!page.contains(hidden), "{hidden} is on the page");
    }
}

#[test]
fn what_others_wrote_stays_text() {
    let hostile = "<script>alert(1)</script>\"'><img src=x onerror=y>&amp;";
    let listed = with(|exchange, about| {
        exchange.request_id = hostile.into();
        exchange.requestor = Some(RecordedRequestor::Professional {
            issuer: hostile.into(),
            subject: hostile.into(),
            token_id: hostile.into(),
            name: hostile.into(),
            organisation: hostile.into(),
            role: hostile.into(),
            supervisor: Some(hostile.into()),
        });
        exchange.purpose = Some(hostile.into());
        exchange.agreement = Some(RecordedAgreement { id: hostile.into(), version: hostile.into() });
        exchange.override_ = Some(RecordedOverride { purpose: hostile.into(), reason: hostile.into() });
        exchange.reason = Some(hostile.into());
        about.withheld = vec![(hostile.into(), 1)];
        about.relationship = Some(hostile.into());
        about.overrode = vec![hostile.into()];
    });
    let mut settings = settings();
    settings.gateway.contact = hostile.into();
    let shown = Shown {
        nhs_number: ann(),
        name: hostile,
        listed: &[listed],
        part: Part::Earlier,
        older: Some("/me?before=\"><script>".into()),
        choices: &[],
    };
    let page = page::me(&shown, &settings).unwrap();
    html::check(&page);
    assert!(!page.contains("<script") && !page.contains("<img"));
    assert!(html::cards(&page)[0].iter().any(|line| line == hostile));
}

#[test]
fn the_pages_around_it_are_whole_and_say_what_to_do() {
    let settings = settings();
    let sign_in = page::sign_in("", "", &settings).unwrap();
    assert!(sign_in.contains("<a class=\"start\" href=\"https://sign-in.example/start\">Sign in</a>"));
    for page in [
        page::sign_in("", "", &settings).unwrap(),
        page::sign_in("You have signed out.", "", &settings).unwrap(),
        page::sign_in("", "Your session has ended.", &settings).unwrap(),
        page::signed_in().unwrap(),
        page::notice("Page not found", "There is no such page.").unwrap(),
    ] {
        html::check(&page);
        assert!(page.contains("href=\"/me\"") || page.contains("How to sign in"));
    }
}
