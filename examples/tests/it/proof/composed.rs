//! Every composite by all that a record of the fixture holds, hidden or not: whoever guesses right is told no more than whoever
//! guesses wrong, and what may be seen is found.

use std::sync::Arc;

use super::asks::{After, Ask, FACE};
use super::house::{House, Site};
use super::judge::{Judge, difference, hidden_from};
use super::matching::held;
use super::words::{PARAMETERS, Words};
use super::worlds::{Variation, made};

/// Asked at once: who is hidden is answered at a beat.
const AT_ONCE: usize = 32;

/// The person of a record, as a search names her.
fn person(resource: &serde_json::Value) -> Option<&str> {
    let found = ["subject", "patient"].iter().find_map(|name| resource[name]["reference"].as_str())?;
    Some(found.rsplit("/Patient/").next()?.trim_start_matches("Patient/"))
}

/// A search of each record's person by each value of each composite.
fn searches(words: &Words) -> Vec<Ask> {
    let mut asks = Vec::new();
    for resource in &words.resources {
        let kind = resource["resourceType"].as_str().unwrap();
        for name in PARAMETERS.iter().filter(|name| !name.contains(':')) {
            for value in held(resource, name).into_iter().filter(|value| value.contains('$')) {
                let query = match person(resource) {
                    Some(person) => ("patient".to_owned(), person.to_owned()),
                    None => ("_id".to_owned(), resource["id"].as_str().unwrap().to_owned()),
                };
                asks.push(Ask {
                    row: "search-type",
                    who: "LA",
                    method: "GET",
                    path: format!("{FACE}/{kind}"),
                    query: vec![query, ((*name).to_owned(), value)],
                    headers: vec![("accept", "application/fhir+json".to_owned())],
                    body: None,
                    after: After::Nothing,
                });
            }
        }
    }
    asks
}

/// What was served, and what found something.
#[derive(Default)]
struct Told {
    served: usize,
    found: usize,
}

/// Asks every `AT_ONCE`th of these of both houses.
async fn ask(houses: Arc<(House, House)>, asks: Arc<Vec<Ask>>, from: usize, token: String) -> Told {
    let judge = Judge::of("LA");
    let mut told = Told::default();
    for ask in asks.iter().skip(from).step_by(AT_ONCE) {
        let (first, other) = &*houses;
        let ready = ask.ready(&token, None).unwrap();
        let here = first.ask("GET", &ready.target, &ready.headers, ready.body.clone()).await.unwrap();
        let there = other.ask("GET", &ready.target, &ready.headers, ready.body).await.unwrap();
        assert_eq!(judge.canary(&here, &ready.said), None, "{}", ready.target);
        assert_eq!(difference(&here, &there), None, "{} in {}", ready.target, other.world);
        told.served += usize::from(here.status == 200);
        told.found += usize::from(String::from_utf8_lossy(&here.body).contains(r#""mode":"match""#));
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_composite_that_guesses_what_is_hidden_is_answered_alike_in_all_worlds() {
    let mut site = Site::new().await;
    let asks = Arc::new(searches(&Words::of_fixture()));
    let mut all = Told::default();
    for variation in [Variation::Replaced, Variation::Bare, Variation::More] {
        let houses = (site.first().await, site.open(&made(variation, &hidden_from("LA"))).await);
        let (houses, mut tasks) = (Arc::new(houses), tokio::task::JoinSet::new());
        for from in 0..AT_ONCE {
            let token = site.tokens["LA"].clone();
            tasks.spawn(ask(Arc::clone(&houses), Arc::clone(&asks), from, token));
        }
        while let Some(told) = tasks.join_next().await {
            let told = told.unwrap();
            all.served += told.served;
            all.found += told.found;
        }
        let (first, other) = Arc::into_inner(houses).unwrap();
        first.close().await;
        other.close().await;
    }
    let Told { served, found } = all;
    println!("{} composites, {served} served, {found} found something", asks.len() * 3);
    assert!(served > 60 && found > 6, "too little is served to prove anything: {served}, {found}");
}
