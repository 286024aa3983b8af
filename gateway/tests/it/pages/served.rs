//! The pages over real sockets: signing in and out, her trail page by page, the register.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use gateway::interaction::PersonSelector;
use gateway::ledger::{AuditLedger, Batch, LedgerError, Receipt};
use gateway::trail::record::{Event, Exchange, Visibility};
use jiff::Timestamp;

use super::house::{ANN, BEN, House, LOGIN, about, read};
use super::html;

/// How often each reference stands on all pages of a trail together.
async fn references(house: &House, cookie: &str) -> BTreeMap<String, usize> {
    let mut references = BTreeMap::new();
    let mut path = "/me".to_owned();
    for _ in 0..10 {
        let page = house.get(&path, cookie).await;
        assert_eq!(page.status, 200);
        html::check(&page.body);
        for card in html::cards(&page.body) {
            if let Some(at) = card.iter().position(|line| line == "Reference") {
                *references.entry(card[at + 1].clone()).or_default() += 1;
            }
        }
        let older = page
            .body
            .split_once("\">Earlier entries</a>")
            .and_then(|(before, _)| before.rsplit_once("href=\""));
        match older {
            Some((_, link)) => path = link.to_owned(),
            None => return references,
        }
    }
    panic!("the trail has no end");
}

#[tokio::test]
async fn a_person_signs_in_sees_who_saw_her_record_and_her_look_is_recorded_once() {
    let house = House::start().await;
    house.record(read("seen-1"), vec![about(ANN)]).await;
    house.record(read("of-ben"), vec![about(BEN)]).await;
    let cookie = house.sign_in(ANN).await;
    let page = house.get("/me", &cookie).await;
    assert_eq!(page.status, 200);
    html::check(&page.body);
    assert!(page.body.contains("You are signed in as <strong>Ann Archer</strong>."));
    assert!(page.body.contains("Sam Rivers was given information about you"));
    assert!(page.body.contains("seen-1") && !page.body.contains("of-ben"));
    assert!(!page.body.contains("You looked at"), "this look comes after what it shows");
    assert!(!page.header("portcullis-receipt").is_empty());
    assert_eq!(page.header("referrer-policy"), "same-origin");
    let recorded = house.ports.trail.by_receipt(page.header("portcullis-receipt")).await.unwrap();
    assert_eq!(recorded.len(), 2, "one leaf for the exchange, one for her");
    assert_eq!(recorded[0].record.exchange.event, Event::Disclosed);
    let again = house.get("/me", &cookie).await;
    assert_eq!(again.body.matches("You looked at this list").count(), 1);
    assert_eq!(references(&house, &cookie).await.values().max(), Some(&1));
}

#[tokio::test]
async fn every_exchange_stands_in_her_list_once_however_often_it_was_recorded() {
    let house = House::start().await;
    for number in 0..45 {
        house.record(read(&format!("seen-{number:02}")), vec![about(ANN)]).await;
    }
    let intent = |request_id: &str| {
        let mut exchange = read(request_id).ended(Event::Intent, 0, None);
        exchange.interaction = "push".into();
        exchange.place = "council".into();
        exchange
    };
    house.record(intent("sent"), vec![about(ANN)]).await;
    house.record(intent("sent").ended(Event::Outcome, 201, None), vec![]).await;
    // A choice changed in between: recorded, corrected, ruled again.
    house.record(read("ruled-twice"), vec![about(ANN)]).await;
    house.record(read("ruled-twice").ended(Event::NotReleased, 0, Some("consent-moved")), vec![]).await;
    let mut refused = about(ANN);
    refused.refusal = Some("consent-denied".into());
    house.record(read("ruled-twice").ended(Event::Refused, 403, Some("consent-denied")), vec![refused]).await;
    // An answer that nobody took: the entry about it knows the exchange by receipt and request id alone.
    let receipt = house.record(read("hung-up"), vec![about(ANN)]).await;
    let mut gone =
        Exchange::begun("hung-up".into(), Timestamp::now(), None).ended(Event::NotDelivered, 0, None);
    gone.follows = Some(receipt);
    house.record(gone, vec![]).await;
    // Nobody else's, and merely filtered out of someone's answer.
    house.record(read("of-ben"), vec![about(BEN)]).await;
    let mut filtered = about(ANN);
    filtered.visibility = Visibility::Oversight;
    house.record(read("filtered"), vec![filtered]).await;
    // Named by the id of her Patient only, and refused by rule.
    let mut by_id = about(ANN);
    by_id.nhs_number = None;
    by_id.refusal = Some("no-sharing-agreement".into());
    house.record(read("by-rule").ended(Event::Refused, 403, None), vec![by_id]).await;

    let cookie = house.sign_in(ANN).await;
    let page = house.get("/me", &cookie).await;
    let cards = html::cards(&page.body);
    assert_eq!(cards.len(), 20);
    assert!(cards[0].contains(&"Refused".to_owned()) && cards[0].contains(&"by-rule".to_owned()));
    assert!(cards[2].contains(&"Refused".to_owned()) && cards[2].contains(&"ruled-twice".to_owned()));
    assert!(cards[3].contains(&"It arrived.".to_owned()) && cards[3].contains(&"sent".to_owned()));
    assert!(cards[1].contains(&"hung-up".to_owned()));
    assert!(cards[1].iter().any(|line| line.starts_with("The connection broke.")));
    let references = references(&house, &cookie).await;
    assert!(references.values().all(|times| *times == 1), "{references:?}");
    let mut expected: Vec<String> = (0..45).map(|number| format!("seen-{number:02}")).collect();
    expected.extend(["sent", "ruled-twice", "hung-up", "by-rule"].map(str::to_owned));
    for reference in &expected {
        assert!(references.contains_key(reference), "{reference} is missing");
    }
    assert_eq!(references.len(), expected.len() + 1, "and her look at the first page");
}

#[tokio::test]
async fn a_part_of_an_answer_was_given_when_the_whole_was_and_not_for_certain_before() {
    let house = House::start().await;
    let part = |request_id: &str, batch: &str| Exchange { within: Some(batch.into()), ..read(request_id) };
    let whole =
        |batch: &str, event| Exchange { interaction: "batch".into(), ..read(batch).ended(event, 0, None) };
    for (batch, events) in [
        ("given", &[Event::Disclosed][..]),
        ("broken", &[Event::Disclosed, Event::NotDelivered]),
        ("failed", &[Event::Failed]),
        ("unknown", &[]),
    ] {
        house.record(part(&format!("part-of-{batch}"), batch), vec![about(ANN)]).await;
        for event in events {
            house.record(whole(batch, *event), vec![]).await;
        }
    }
    let cookie = house.sign_in(ANN).await;
    let page = house.get("/me", &cookie).await;
    let cards = html::cards(&page.body);
    let card = |batch: &str| {
        let name = format!("part-of-{batch}");
        cards.iter().find(|card| card.contains(&name)).unwrap().join("\n")
    };
    let uncertain = "It is not certain that they were given the answer.";
    assert!(card("broken").contains("The connection broke."), "{}", card("broken"));
    assert!(card("given").contains("Shared") && !card("given").contains(uncertain), "{}", card("given"));
    assert!(card("unknown").contains("Shared") && card("unknown").contains(uncertain), "{}", card("unknown"));
    assert!(
        card("failed").contains("Not shared") && card("failed").contains("nothing was given"),
        "{}",
        card("failed")
    );
}

#[tokio::test]
async fn a_place_in_her_list_opens_for_her_alone() {
    let house = House::start().await;
    for number in 0..30 {
        house.record(read(&format!("seen-{number}")), vec![about(ANN), about(BEN)]).await;
    }
    let (ann, ben) = (house.sign_in(ANN).await, house.sign_in(BEN).await);
    let page = house.get("/me", &ann).await;
    let (_, link) = page.body.split_once("href=\"/me?before=").unwrap();
    let older = format!("/me?before={}", link.split_once('"').unwrap().0);
    assert_eq!(house.get(&older, &ann).await.status, 200);
    for (path, cookie) in [(older.as_str(), &ben), ("/me?before=7", &ann), ("/me?before=", &ann)] {
        let away = house.get(path, cookie).await;
        assert_eq!((away.status, away.header("location")), (303, "/me"), "{path}");
    }
}

#[tokio::test]
async fn without_a_session_the_page_says_how_to_sign_in() {
    let house = House::start().await;
    let first = house.get("/me", "theme=dark").await;
    assert_eq!(first.status, 200);
    html::check(&first.body);
    assert!(first.body.contains("How to sign in") && first.header("set-cookie").is_empty());
    let over = house.get("/me", "__Host-portcullis=AAAA").await;
    assert_eq!(over.status, 401);
    html::check(&over.body);
    assert!(over.body.contains("signed you out"));
    assert!(over.header("set-cookie").contains("Max-Age=0"));
    assert!(house.get("/me?signed-out=yes", "").await.body.contains("You have signed out."));
    assert_eq!(
        house.ports.trail.about(&PersonSelector::Nhs(ann()), Visibility::Trail, None, 9).await.unwrap().len(),
        0
    );
}

fn ann() -> fhir::nhs_number::NhsNumber {
    fhir::nhs_number::NhsNumber::parse(ANN).unwrap()
}

#[tokio::test]
async fn a_sign_in_that_does_not_hold_says_what_to_do_and_counts_as_a_strangers() {
    let house = House::start().await;
    let form = |token: String| format!("token={token}");
    let token = house.token(ANN, 600, "P9");
    let changed = format!("{}AAAAAAAA", &token[..token.len() - 8]);
    let cases = [
        ("nothing", "a=b".to_owned(), LOGIN, 400, "not complete"),
        ("nonsense", form("x.y.z".into()), LOGIN, 400, "not complete"),
        ("changed", form(changed), LOGIN, 401, "could not sign you in"),
        ("too old", form(house.token(ANN, -600, "P9")), LOGIN, 401, "too old"),
        ("not proven", form(house.token(ANN, 600, "P5")), LOGIN, 401, "prove who you are"),
        ("from elsewhere", form(house.token(ANN, 600, "P9")), "https://evil.example", 403, "do not know"),
    ];
    let asked: u64 = cases.len().try_into().unwrap();
    for (case, body, origin, status, said) in cases {
        let refused = house.ask("POST", "/me/session", &[("origin", origin)], &body).await;
        assert_eq!(refused.status, status, "{case}: {}", refused.body);
        html::check(&refused.body);
        assert!(refused.body.contains("There is a problem") && refused.body.contains(said), "{case}");
        assert!(refused.header("set-cookie").is_empty(), "{case}");
    }
    let counted: u64 = house.ports.strangers.take_all().iter().map(|one| one.count).sum();
    assert_eq!(counted, asked);
}

#[tokio::test]
async fn who_comes_from_another_site_is_led_on_by_a_page_of_ours() {
    // A browser keeps a strict cookie back on a redirect that another site began.
    let house = House::start().await;
    let body = format!("token={}", house.token(ANN, 600, "P9"));
    for headers in [&[("origin", LOGIN), ("sec-fetch-site", "cross-site")][..], &[("origin", LOGIN)]] {
        let begun = house.ask("POST", "/me/session", headers, &body).await;
        assert_eq!(begun.status, 200);
        html::check(&begun.body);
        assert!(begun.body.contains("<meta http-equiv=\"refresh\" content=\"0; url=/me\">"));
        assert_eq!(house.get("/me", begun.cookie()).await.status, 200);
    }
}

#[tokio::test]
async fn signing_out_ends_the_session_in_the_browser_and_no_other_site_can_do_it() {
    let house = House::start().await;
    let cookie = house.sign_in(ANN).await;
    let own =
        [("cookie", cookie.as_str()), ("origin", "https://share.example.nhs.uk"), ("content-length", "0")];
    let out = house.ask("POST", "/me/sign-out", &own, "").await;
    assert_eq!((out.status, out.header("location")), (303, "/me?signed-out=yes"));
    assert!(
        out.header("set-cookie").starts_with("__Host-portcullis=; ")
            && out.header("set-cookie").contains("Max-Age=0")
    );
    let other = [("cookie", cookie.as_str()), ("origin", "https://evil.example"), ("content-length", "0")];
    let kept = house.ask("POST", "/me/sign-out", &other, "").await;
    assert_eq!((kept.status, kept.header("location")), (303, "/me"));
    assert!(kept.header("set-cookie").is_empty());
}

#[tokio::test]
async fn the_register_is_open_to_everyone_in_three_formats_and_recorded_about_nobody() {
    let house = House::start().await;
    for (path, status, media_type, holds) in [
        ("/register", 200, "text/html; charset=utf-8", "Hospital discharge to adult social care"),
        ("/register?format=html", 200, "text/html; charset=utf-8", "disclosure register"),
        ("/register?format=json", 200, "application/json; charset=utf-8", "\"publisher\""),
        ("/register?format=csv", 200, "text/csv; charset=utf-8", "\"agreement\""),
        ("/register?format=pdf", 400, "text/html; charset=utf-8", "html, json or csv"),
        ("/assets/portcullis.css", 200, "text/css; charset=utf-8", ".skip"),
        ("/assets/portcullis.svg", 200, "image/svg+xml", "<svg"),
        ("/favicon.ico", 200, "image/svg+xml", "<svg"),
        ("/assets/other.css", 404, "text/html; charset=utf-8", "Page not found"),
    ] {
        let answer = house.get(path, "").await;
        assert_eq!((answer.status, answer.header("content-type")), (status, media_type), "{path}");
        assert!(answer.body.contains(holds), "{path}");
        assert!(answer.header("portcullis-receipt").is_empty(), "{path}");
        if media_type.starts_with("text/html") {
            html::check(&answer.body);
            assert!(answer.header("content-security-policy").contains("default-src 'none'"));
        }
    }
    assert!(house.ports.strangers.take_all().is_empty());
}

#[tokio::test]
async fn a_page_takes_the_methods_it_is_made_for() {
    let house = House::start().await;
    for (method, path, status, allow, location) in [
        ("GET", "/", 303, "", "/me"),
        ("GET", "/me/session", 303, "", "/me"),
        ("GET", "/me/sign-out", 303, "", "/me"),
        ("DELETE", "/me", 405, "GET, HEAD", ""),
        ("DELETE", "/me/session", 405, "POST", ""),
        ("DELETE", "/register", 405, "GET, HEAD", ""),
        ("GET", "/me/else", 404, "", ""),
        ("GET", "/fhir/metadata", 418, "", ""),
        ("GET", "/hospital/fhir/Patient/me", 418, "", ""),
    ] {
        let answer = house.get_as(method, path).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!((answer.header("allow"), answer.header("location")), (allow, location), "{method} {path}");
    }
}

/// A ledger on a disk that is full.
#[derive(Debug)]
struct Full;

impl AuditLedger for Full {
    fn append(&self, _: Batch) -> BoxFuture<'_, Result<Receipt, LedgerError>> {
        Box::pin(async { Err(LedgerError::Closed) })
    }
}

#[tokio::test]
async fn a_look_that_cannot_be_recorded_shows_nothing() {
    let house = House::with(|_| Arc::new(Full)).await;
    let cookie = house.sign_in(ANN).await;
    let page = house.get("/me", &cookie).await;
    assert_eq!(page.status, 503);
    html::check(&page.body);
    assert!(page.body.contains("We cannot show your page now") && !page.body.contains("Ann Archer"));
}
