//! The property, tried as often as `PORTCULLIS_REQUESTS` says.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::asks::{Ask, case};
use super::dice::of_case;
use super::house::{Answer, House, Site};
use super::judge::{Judge, difference, hidden_from, plain, ran_out};
use super::shrink::smaller;
use super::words::Words;
use super::worlds::{Variation, made};

const REQUESTS: u64 = 1_000;
const SEED: u64 = 20_261_122;
/// Requests to one pair of gateways.
const IN_ONE_HOUSE: u64 = 25_000;
/// Answers that hide somebody are told at a beat: meanwhile others are asked. No more than a system answers in time on a small
/// machine: each of them asks the systems a dozen things, and what is too much is turned away, in one world and not the other.
const AT_ONCE: usize = 96;
/// How often a case is asked that differs because something was not answered in time: on a machine that is too busy that happens to
/// one answer and not to the other. What tells of something hidden does so each time.
const LATE_MAX: usize = 5;
/// How often a failing case is asked again to make it smaller.
const TRIES_MAX: usize = 400;

/// What a run has seen.
#[derive(Debug, Default)]
struct Seen {
    asked: u64,
    served: BTreeMap<&'static str, u64>,
    distinct: BTreeSet<u64>,
    /// How often something did not answer for one of two, and they were asked again.
    late: u64,
}

/// What is wrong with an answer.
enum Wrong {
    /// It holds what it may not, or differs from the other.
    Told(String),
    /// It differs, and one of the two says that something did not answer.
    Late(String),
}

/// Two gateways in front of worlds that look the same, and who judges what they say.
struct Pair {
    first: House,
    other: House,
    words: Words,
    judges: BTreeMap<&'static str, Judge>,
    tokens: BTreeMap<&'static str, String>,
    seen: Mutex<Seen>,
}

#[expect(clippy::disallowed_methods, reason = "how often and from where is said by who runs the test")]
pub(super) fn said(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |said| said.parse().unwrap())
}

impl Pair {
    async fn open(site: &mut Site, variation: Variation) -> Self {
        let first = site.first().await;
        let other = site.open(&made(variation, &hidden_from("LA"))).await;
        let tokens = site.tokens.clone();
        let judges = tokens.keys().map(|who| (*who, Judge::of(who))).collect();
        Self { first, other, words: Words::of_fixture(), judges, tokens, seen: Mutex::default() }
    }

    /// What is wrong with an answer, and stays so.
    async fn wrong(&self, case: &[Ask]) -> Option<String> {
        let mut late = None;
        for _ in 0..LATE_MAX {
            match self.wrong_once(case).await? {
                Wrong::Told(what) => return Some(what),
                Wrong::Late(what) => late = Some(what),
            }
            self.seen.lock().unwrap().late += 1;
        }
        late
    }

    /// Asks one request after the other; what is wrong with an answer.
    async fn wrong_once(&self, case: &[Ask]) -> Option<Wrong> {
        let (mut before, mut before_there): (Option<Answer>, Option<Answer>) = (None, None);
        for ask in case {
            let token = &self.tokens[ask.who];
            let ready = ask.ready(token, before.as_ref())?;
            let answer = self.first.ask(&ready.method, &ready.target, &ready.headers, ready.body).await?;
            if let Some(canary) = self.judges[ask.who].canary(&answer, &ready.said) {
                return Some(Wrong::Told(format!("{canary} in {}", plain(&answer))));
            }
            self.note(ask, &answer);
            // Only for this requester do the worlds look the same.
            if ask.who == "LA" {
                let Some(ready) = ask.ready(token, before_there.as_ref()) else {
                    return Some(Wrong::Told(
                        "what follows on the answer is there in one world only".to_owned(),
                    ));
                };
                let there = self.other.ask(&ready.method, &ready.target, &ready.headers, ready.body).await?;
                if let Some(what) = difference(&answer, &there) {
                    let what = format!("{what}, in the world {}", self.other.world);
                    let is_late = ran_out(&answer) || ran_out(&there);
                    return Some(if is_late { Wrong::Late(what) } else { Wrong::Told(what) });
                }
                before_there = Some(there);
            }
            before = Some(answer);
        }
        None
    }

    fn note(&self, ask: &Ask, answer: &Answer) {
        let mut seen = self.seen.lock().unwrap();
        seen.asked += 1;
        if answer.status < 400 {
            *seen.served.entry(ask.row).or_default() += 1;
            if seen.distinct.len() < 10_000 {
                let mut hasher = DefaultHasher::new();
                plain(answer).hash(&mut hasher);
                seen.distinct.insert(hasher.finish());
            }
        }
    }

    /// The smallest part of a case that is still wrong, and what is wrong with it.
    async fn smallest(&self, mut case: Vec<Ask>, mut what: String) -> (Vec<Ask>, String) {
        let mut tries = 0;
        'again: loop {
            for candidate in smaller(&case) {
                tries += 1;
                if tries > TRIES_MAX {
                    return (case, what);
                }
                if let Some(still) = self.wrong(&candidate).await {
                    (case, what) = (candidate, still);
                    continue 'again;
                }
            }
            return (case, what);
        }
    }

    async fn told(&self, seed: u64, number: u64, case: Vec<Ask>, what: String) -> String {
        // Read first: making it smaller asks much more.
        let faults = [self.first.faults().await, self.other.faults().await];
        let (case, what) = self.smallest(case, what).await;
        let lines: Vec<String> = case.iter().map(|ask| format!("  {ask:?}")).collect();
        let before = "what the systems did wrong until then, in each house";
        format!("seed {seed}, case {number}: {what}\n{}\n{before}: {faults:?}", lines.join("\n"))
    }
}

/// Asks `wanted` requests of a pair of gateways, from case `from` on; the case that comes next, or the first that is wrong.
async fn asked(pair: Arc<Pair>, seed: u64, from: u64, wanted: u64) -> Result<u64, String> {
    let next = Arc::new(AtomicU64::new(from));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (pair, next) = (Arc::clone(&pair), Arc::clone(&next));
        tasks.spawn(async move {
            while pair.seen.lock().unwrap().asked < wanted {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let asks = case(&pair.words, &mut of_case(seed, number));
                if let Some(what) = pair.wrong(&asks).await {
                    return Err(pair.told(seed, number, asks, what).await);
                }
            }
            Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap()?;
    }
    Ok(next.load(Ordering::Relaxed))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_hidden_is_in_any_answer_and_worlds_that_look_the_same_are_answered_alike() {
    let (requests, seed) = (said("PORTCULLIS_REQUESTS", REQUESTS), said("PORTCULLIS_SEED", SEED));
    let in_one_house = IN_ONE_HOUSE.min(requests.div_ceil(4)).max(1);
    let mut site = Site::new().await;
    let (mut total, mut case, mut house) = (Seen::default(), 0, 0);
    while total.asked < requests {
        let pair = Arc::new(Pair::open(&mut site, Variation::of(seed, house)).await);
        let wanted = in_one_house.min(requests - total.asked);
        case = match asked(Arc::clone(&pair), seed, case, wanted).await {
            Ok(case) => case,
            Err(wrong) => panic!("after {} requests: {wrong}", total.asked + pair.seen.lock().unwrap().asked),
        };
        let pair = Arc::into_inner(pair).unwrap();
        let seen = pair.seen.into_inner().unwrap();
        total.asked += seen.asked;
        total.late += seen.late;
        for (row, count) in seen.served {
            *total.served.entry(row).or_default() += count;
        }
        total.distinct.extend(seen.distinct);
        pair.first.close().await;
        pair.other.close().await;
        house += 1;
    }
    let served: u64 = total.served.values().sum();
    println!(
        "{} requests, seed {seed}, {house} pairs of worlds: {served} served ({:?}), {} distinct answers, {} asked again",
        total.asked,
        total.served,
        total.distinct.len(),
        total.late
    );
    assert!(served * 20 > total.asked && total.distinct.len() > 40, "too little is served to prove anything");
}
