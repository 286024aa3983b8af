//! Checks by property: made-up searches over made-up resources find what they must.

use std::collections::BTreeMap;

use fhir::tables::{self, SearchKind};

use super::ask::{Reply, all_matches, follow, tried};
use super::draw::Draw;
use super::expected::{Told, at_all, found};
use super::ground::{Ground, Placed};
use super::guess::{About, TYPES, guess, parameters};
use super::offered::Offered;
use super::query::Query;
use super::sets::check;
use super::world::world;
use crate::bench::Bench;
use crate::check::{Check, Grade::Shall, Judgement, Otherwise};

const WHY: &str = "a search that finds too little hides a record, one that finds too much shows another's";

/// How many more searches are asked to make a difference small.
const SMALLER_MAX: usize = 40;
/// How many resources of a difference are told.
const TOLD_MAX: usize = 3;

pub(super) const CHECKS: &[Check] = &[
    check(
        Shall,
        "search-set-token",
        "https://hl7.org/fhir/R4/search.html#token",
        ("made-up searches by tokens find what they must and nothing else", WHY),
        |bench| Box::pin(holds(bench, About::Kind(SearchKind::Token))),
    ),
    check(
        Shall,
        "search-set-string",
        "https://hl7.org/fhir/R4/search.html#string",
        ("made-up searches by strings find what they must and nothing else", WHY),
        |bench| Box::pin(holds(bench, About::Kind(SearchKind::String))),
    ),
    check(
        Shall,
        "search-set-date",
        "https://hl7.org/fhir/R4/search.html#date",
        ("made-up searches by dates find what they must and nothing else", WHY),
        |bench| Box::pin(holds(bench, About::Kind(SearchKind::Date))),
    ),
    check(
        Shall,
        "search-set-number",
        "https://hl7.org/fhir/R4/search.html#number",
        ("made-up searches by numbers find what they must and nothing else", WHY),
        |bench| Box::pin(holds(bench, About::Kind(SearchKind::Number))),
    ),
    check(
        Shall,
        "search-set-quantity",
        "https://hl7.org/fhir/R4/search.html#quantity",
        ("made-up searches by quantities find what they must and nothing else", WHY),
        |bench| Box::pin(holds(bench, About::Kind(SearchKind::Quantity))),
    ),
    check(
        Shall,
        "search-set-reference",
        "https://hl7.org/fhir/R4/search.html#reference",
        ("made-up searches by references find what they must and nothing else", WHY),
        |bench| Box::pin(holds(bench, About::Kind(SearchKind::Reference))),
    ),
    check(
        Shall,
        "search-set-uri",
        "https://hl7.org/fhir/R4/search.html#uri",
        ("made-up searches by addresses find what they must and nothing else", WHY),
        |bench| Box::pin(holds(bench, About::Kind(SearchKind::Uri))),
    ),
    check(
        Shall,
        "search-set-composite",
        "https://hl7.org/fhir/R4/search.html#composite",
        ("made-up searches by composites find what they must and nothing else", WHY),
        |bench| Box::pin(holds(bench, About::Kind(SearchKind::Composite))),
    ),
    check(
        Shall,
        "search-set-absence",
        "https://hl7.org/fhir/R4/search.html#modifiers",
        ("made-up searches by :missing and :not find what they must and nothing else", WHY),
        |bench| Box::pin(holds(bench, About::Absence)),
    ),
    check(
        Shall,
        "search-set-together",
        "https://hl7.org/fhir/R4/search.html#combining",
        ("made-up searches by several parameters and values find what they must and nothing else", WHY),
        |bench| Box::pin(holds(bench, About::Together)),
    ),
];

async fn holds(bench: &Bench, about: About) -> Judgement {
    let kept = world(bench).await?;
    let ground = &kept.0;
    let sampling = bench.sampling();
    let mut grounds = Vec::new();
    for of in TYPES {
        if ground.narrowed(of).is_err() {
            continue;
        }
        let known = parameters(ground, of, &Offered::of(bench, of)?, about);
        if !known.is_empty() {
            grounds.push((of, known));
        }
    }
    if grounds.is_empty() {
        return Err(Otherwise::skipped("no parameter of it is advertised"));
    }
    let mut draw = Draw::of(sampling.seed, &format!("{about:?}"));
    let (mut answered, mut refused) = (0_usize, None);
    for number in 1..=sampling.cases {
        let Some((of, known)) = draw.one(&grounds) else { break };
        let Some(pairs) = guess(&mut draw, ground, of, known, about, bench.target().base()) else { continue };
        match differs(bench, ground, of, &pairs).await? {
            Outcome::Same => answered += 1,
            Outcome::Refused(_) if may_refuse(about, &pairs) => refused = Some(()),
            Outcome::Refused(status) => {
                let asked = ground.hidden(&Query::of(of).and(&pairs).to_string());
                return Err(Otherwise::unmet(
                    format!("status 200 to {asked} (seed {}, search {number})", sampling.seed),
                    format!("status {status}"),
                ));
            }
            Outcome::Differs(difference) => {
                let least = smaller(bench, ground, of, pairs, difference).await?;
                return Err(told(ground, of, &least, &format!("seed {}, search {number}", sampling.seed)));
            }
        }
    }
    match (answered, refused) {
        (0, Some(())) => Err(Otherwise::skipped("the endpoint refuses all such searches")),
        (0, None) => Err(Otherwise::skipped("no such search could be made up")),
        _ => Ok(()),
    }
}

/// Modifiers, prefixes and composites are not claimed by name, and may be refused.
fn may_refuse(about: About, pairs: &[(String, String)]) -> bool {
    let prefixed = |value: &str| value.starts_with(|first: char| first.is_ascii_lowercase());
    about == About::Absence
        || pairs.iter().any(|(name, value)| name.contains(':') || prefixed(value) || value.contains('|'))
}

/// What a search came to.
enum Outcome {
    Same,
    Refused(u16),
    Differs(Difference),
}

/// Resources that should have been found, and such that should not, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Difference {
    missing: Vec<String>,
    too_much: Vec<String>,
}

/// A search that brings a difference.
struct Least {
    pairs: Vec<(String, String)>,
    difference: Difference,
}

async fn differs(
    bench: &Bench,
    ground: &Ground,
    of: &str,
    pairs: &[(String, String)],
) -> Result<Outcome, Otherwise> {
    let query = ground.narrowed(of)?.and(pairs).with("_count", "100");
    let first = match tried(bench, &query, &[]).await? {
        Reply::Found(sheet) => *sheet,
        Reply::Refused(status) => return Ok(Outcome::Refused(status)),
    };
    let sheets = follow(bench, &query, first).await?;
    let mut there: BTreeMap<&str, usize> = BTreeMap::new();
    for key in all_matches(&sheets) {
        *there.entry(key).or_default() += 1;
    }
    let mut difference = Difference::default();
    for placed in ground.of(of) {
        let count = there.remove(placed.key.as_str()).unwrap_or_default();
        match found(&placed.tree, pairs, bench.target().base()) {
            Told::Yes if count == 0 => difference.missing.push(placed.key.clone()),
            Told::No if count > 0 => difference.too_much.push(placed.key.clone()),
            Told::Yes | Told::No | Told::Open => {}
        }
    }
    // What is left was not made by this run, and the narrowing should have kept it out.
    difference.too_much.extend(there.into_keys().map(str::to_owned));
    let same = difference == Difference::default();
    Ok(if same { Outcome::Same } else { Outcome::Differs(difference) })
}

/// The same difference with fewer parameters and values, as far as it goes.
async fn smaller(
    bench: &Bench,
    ground: &Ground,
    of: &str,
    pairs: Vec<(String, String)>,
    difference: Difference,
) -> Result<Least, Otherwise> {
    let mut least = Least { pairs, difference };
    let mut left = SMALLER_MAX;
    'again: loop {
        for fewer in reductions(&least.pairs) {
            if left == 0 {
                return Ok(least);
            }
            left -= 1;
            if let Outcome::Differs(difference) = differs(bench, ground, of, &fewer).await? {
                least = Least { pairs: fewer, difference };
                continue 'again;
            }
        }
        return Ok(least);
    }
}

/// `pairs` without one of them, or with one of its values fewer.
fn reductions(pairs: &[(String, String)]) -> Vec<Vec<(String, String)>> {
    let mut all = Vec::new();
    for at in 0..pairs.len() {
        if pairs.len() > 1 {
            let others = pairs.iter().enumerate().filter(|(other, _)| *other != at);
            all.push(others.map(|(_, pair)| pair.clone()).collect());
        }
    }
    for (at, (name, value)) in pairs.iter().enumerate() {
        let parts = super::query::split(value, ',');
        if parts.len() > 1 {
            for part in parts {
                let mut fewer = pairs.to_vec();
                if let Some(held) = fewer.get_mut(at) {
                    *held = (name.clone(), part);
                }
                all.push(fewer);
            }
        }
    }
    all
}

fn told(ground: &Ground, of: &str, least: &Least, origin: &str) -> Otherwise {
    let asked = ground.hidden(&Query::of(of).and(&least.pairs).to_string());
    let list = |keys: &[String]| {
        let told =
            keys.iter().take(TOLD_MAX).map(|key| match ground.of(of).find(|placed| placed.key == *key) {
                Some(placed) => format!("{} ({})", placed.label, ground.hidden(&seen(placed, &least.pairs))),
                None => "one that this run did not make".to_owned(),
            });
        let more = keys.len().saturating_sub(TOLD_MAX);
        let told = told.collect::<Vec<_>>().join("; ");
        if more == 0 { told } else { format!("{told}; and {more} more") }
    };
    let mut parts = Vec::new();
    if !least.difference.missing.is_empty() {
        parts.push(format!("missing: {}", list(&least.difference.missing)));
    }
    if !least.difference.too_much.is_empty() {
        parts.push(format!("too much: {}", list(&least.difference.too_much)));
    }
    Otherwise::unmet(format!("what {asked} must find ({origin})"), parts.join(". "))
}

/// What the parameters of a search look at in a resource that this run made up.
fn seen(placed: &Placed, pairs: &[(String, String)]) -> String {
    let owner = tables::resource_type(placed.of());
    let mut told = Vec::new();
    for (name, _) in pairs {
        let code = name.split(':').next().unwrap_or_default();
        let paths =
            owner.and_then(|owner| tables::search_parameter(owner, code)).and_then(|known| known.paths());
        let places = paths.and_then(|paths| at_all(placed.tree.root(), paths)).unwrap_or_default();
        let texts: Vec<String> = places
            .iter()
            .flat_map(|place| std::iter::once(place.node).chain(place.node.descendants()))
            .filter_map(|node| node.text().map(|text| format!("{} {text}", node.name())))
            .collect();
        told.push(if texts.is_empty() { format!("no {code}") } else { texts.join(", ") });
    }
    told.join("; ")
}
