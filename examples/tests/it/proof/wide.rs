//! The other agreements: nearly all types and elements that the records have, and writes. Under them what is hidden is
//! hidden by whose it is, by its labels and by protection alone, and almost everything can be sent that may refer to it.
//!
//! `examples/leaks/wide` has the agreements, which canaries each requester sees under them, and bodies to send. A
//! request that names something hidden is answered to the byte as one that names nothing at all.

mod expected;
mod twins;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use conformance::privacy::scan::Scanner;
use conformance::privacy::worlds::Dice;
use examples::json::parse;
use serde_json::Value;

use self::expected::{REQUESTERS, hidden_from, seen_by};
use self::twins::{Twin, twins};
use super::asks::FACE;
use super::everything::said;
use super::house::{Answer, House, Site};
use super::judge::{Judge, difference, every, plain};
use super::worlds::{Variation, key, made};

/// Asked at once: who is hidden is answered at a beat.
const AT_ONCE: usize = 32;
/// Requests where nobody says how many.
const REQUESTS: u64 = 600;
const SEED: u64 = 20_261_122;

async fn read(house: &House, token: &str, path: &str) -> Answer {
    let headers = [("authorization", format!("Bearer {token}"))];
    house.ask("GET", &format!("{FACE}/{path}"), &headers, bytes::Bytes::new()).await.unwrap()
}

/// What of the records is asked for to see all that may be seen.
fn reads(resources: &[Value]) -> Vec<String> {
    let mut paths = Vec::new();
    for name in resources.iter().map(key) {
        match name.split('/').next() {
            Some("Patient") => paths.push(format!("{name}/$everything")),
            Some("Composition") => paths.push(format!("{name}/$document")),
            Some("Binary") | None => {}
            Some(kind) => paths.push(format!("{kind}?patient=pa-7k2m,pc-3x9q,pd-5v1t&_count=100")),
        }
        paths.extend([format!("{name}/_history"), name]);
    }
    paths.sort();
    paths.dedup();
    paths
}

/// Runs `each` over all of these, some at once.
async fn all<T, F>(of: Vec<T>, each: impl Fn(Arc<T>) -> F + Send + Sync + Clone + 'static) -> Vec<F::Output>
where
    T: Send + Sync + 'static,
    F: Future + Send,
    F::Output: Send + 'static,
{
    let of: Arc<Vec<Arc<T>>> = Arc::new(of.into_iter().map(Arc::new).collect());
    let mut tasks = tokio::task::JoinSet::new();
    for first in 0..AT_ONCE {
        let (of, each) = (Arc::clone(&of), each.clone());
        tasks.spawn(async move {
            let mut done = Vec::new();
            for one in of.iter().skip(first).step_by(AT_ONCE) {
                done.push(each(Arc::clone(one)).await);
            }
            done
        });
    }
    let mut done = Vec::new();
    while let Some(some) = tasks.join_next().await {
        done.extend(some.unwrap());
    }
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_requester_sees_of_the_wide_agreements_what_is_listed_and_nothing_else() {
    let mut site = Site::new().await;
    let world = made(Variation::First, &[]);
    let house = Arc::new(site.open_wide(&world).await);
    for who in REQUESTERS {
        let (scanner, token) = (Arc::new(Scanner::new(every())), site.tokens[who].clone());
        let asking = Arc::clone(&house);
        let found = all(reads(&world.resources), move |path| {
            let (house, scanner, token) = (Arc::clone(&asking), Arc::clone(&scanner), token.clone());
            async move {
                let answer = read(&house, &token, &path).await;
                let said = scanner.scan(path.as_bytes()).canaries;
                let found = scanner.scan(plain(&answer).as_bytes()).canaries;
                // Whom a search names stands in its link to itself.
                let links = path.contains(['?', '$']);
                let is_shown = |canary: &&str| answer.status == 200 && !(links && said.contains(canary));
                found.into_iter().filter(is_shown).map(str::to_owned).collect::<Vec<String>>()
            }
        })
        .await;
        let found: BTreeSet<String> = found.into_iter().flatten().collect();
        assert_eq!(found, seen_by(who), "{who}");
    }
    Arc::into_inner(house).unwrap().close().await;
}

/// Those of the people who are hidden from somebody about whom the rules let her send all the same.
async fn sent_about(house: &House, token: &str, hidden: &[String]) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for name in hidden.iter().filter(|name| name.starts_with("Patient/")) {
        let headers = [
            ("authorization", format!("Bearer {token}")),
            ("content-type", "application/fhir+json".to_owned()),
        ];
        let body = serde_json::json!({"resourceType": "Condition", "code": {"text": "x"}, "subject": {"reference": name}});
        let target = format!("{FACE}/Condition");
        let answer = house.ask("POST", &target, &headers, body.to_string().into()).await.unwrap();
        if answer.status == 201 {
            known.insert(name.clone());
        }
    }
    known
}

/// What is wrong with the answers to a request that names something hidden and to its twin, and whether it was done.
async fn told_apart(house: &House, judge: &Judge, token: &str, twin: &Twin) -> (Option<String>, bool) {
    let (hidden, absent) = (twin.hidden(token), twin.absent(token));
    let ask = async |ready: &super::asks::Ready| {
        house.ask(&ready.method, &ready.target, &ready.headers, ready.body.clone()).await.unwrap()
    };
    let (one, other) = (ask(&hidden).await, ask(&absent).await);
    let is_done = match one.status {
        201 => true,
        200 => {
            let told = parse(&one.body).unwrap_or_default();
            told["entry"][0]["response"]["status"].as_str().is_none_or(|status| status.starts_with('2'))
        }
        _ => false,
    };
    let canary = judge.canary(&one, &hidden.said);
    (canary.or_else(|| difference(&twin.renamed(one), &other)), is_done)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_names_something_hidden_is_answered_as_what_names_nothing() {
    let (requests, seed) = (said("PORTCULLIS_REQUESTS", REQUESTS), said("PORTCULLIS_SEED", SEED));
    let mut site = Site::new().await;
    let world = made(Variation::First, &[]);
    let house = Arc::new(site.open_wide(&world).await);
    let (mut tally, mut unseen, mut sent) = ((0, 0), Vec::new(), BTreeMap::new());
    for who in REQUESTERS {
        let token = &site.tokens[who];
        let mut hidden: Vec<String> = Vec::new();
        for name in world.resources.iter().map(key) {
            if read(&house, token, &name).await.status == 404 {
                hidden.push(name);
            }
        }
        sent.insert(who.to_owned(), sent_about(&house, token, &hidden).await);
        unseen.push(hidden);
    }
    assert_eq!(sent, expected::sent_about());
    for ((who, hidden), percent) in REQUESTERS.into_iter().zip(unseen).zip([55, 15, 15, 15]) {
        let token = site.tokens[who].clone();
        let count = usize::try_from(requests * percent / 200).unwrap();
        let of = twins(&hidden, &sent[who], &mut Dice::new(seed ^ percent), count);
        let judge = Arc::new(Judge::against(hidden_from(who)));
        let asking = Arc::clone(&house);
        let told = all(of, move |twin| {
            let (house, judge, token) = (Arc::clone(&asking), Arc::clone(&judge), token.clone());
            async move {
                let (wrong, is_done) = told_apart(&house, &judge, &token, &twin).await;
                (wrong.map(|wrong| format!("{who} {twin:?}: {wrong}")), is_done)
            }
        })
        .await;
        tally = (tally.0 + told.len(), tally.1 + told.iter().filter(|(_, is_done)| *is_done).count());
        let wrong: Vec<String> = told.into_iter().filter_map(|(wrong, _)| wrong).collect();
        assert!(wrong.is_empty(), "seed {seed}, {} of them, such as {}", wrong.len(), wrong[0]);
    }
    println!("{} pairs of requests, seed {seed}: {} done", tally.0, tally.1);
    assert!(tally.1 * 5 > tally.0, "too little is done to prove anything: {tally:?}");
    Arc::into_inner(house).unwrap().close().await;
}
