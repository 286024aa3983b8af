//! Non-interference: servers over worlds that differ only in what is hidden give equal answers to every request.
//!
//! Requests come in short sequences from a grammar, by a seed that is printed: later requests use what earlier ones gave,
//! each world its own (validators, links to a next page). Answers are compared without what differs at each asking. Every
//! answer is searched for canaries too. Nothing is written: a write would make the worlds differ.

mod dice;
mod grammar;

pub use dice::Dice;
pub use grammar::{Grammar, Step};

use std::collections::BTreeSet;

use super::battery::Request;
use super::normal::{Between, Normal, unquoted};
use super::scan::Scanner;
use super::wire::{Answer, Endpoint};

/// Faults that are told in full.
const TOLD_MAX: usize = 50;

/// What is compared.
#[derive(Debug)]
pub struct Comparing<'a> {
    /// One server for each world.
    pub worlds: &'a [Endpoint],
    /// What stands in front of `/fhir`.
    pub prefix: &'a str,
    /// A bearer token for each world.
    pub tokens: &'a [String],
    /// Canaries hidden from the requester.
    pub hidden: &'a Scanner,
    /// What is asked.
    pub grammar: &'a Grammar,
    /// Where the dice begin.
    pub seed: u64,
    /// How many requests.
    pub requests: u32,
}

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The seed, to do it again.
    pub seed: u64,
    /// Requests that were compared.
    pub compared: u32,
    /// Of these, how many were served (and not refused) by all.
    pub served: u32,
    /// Distinct served answers: many alike prove little.
    pub distinct: usize,
    /// The first faults.
    pub faults: Vec<String>,
    /// All faults.
    pub fault_count: u32,
}

/// Asks the same of every world.
pub async fn compare(comparing: &Comparing<'_>) -> Comparison {
    let mut dice = Dice::new(comparing.seed);
    let mut out = Comparison {
        seed: comparing.seed,
        compared: 0,
        served: 0,
        distinct: 0,
        faults: Vec::new(),
        fault_count: 0,
    };
    let mut bodies = BTreeSet::new();
    while out.compared < comparing.requests {
        let mut before: Vec<Option<Answer>> = vec![None; comparing.worlds.len()];
        for step in comparing.grammar.sequence(&mut dice) {
            if out.compared >= comparing.requests {
                break;
            }
            let number = out.compared;
            out.compared += 1;
            let request = comparing.grammar.request(&step, &mut dice);
            let (answers, fault) = asked(comparing, &request, &step, &before).await;
            if let Some(first) = answers.first().and_then(Option::as_ref).filter(|answer| !answer.refused()) {
                out.served += 1;
                bodies.insert(Normal::of(first, &request, Between::Servers).fingerprint());
            }
            if let Some(fault) = fault {
                out.fault_count += 1;
                if out.faults.len() < TOLD_MAX {
                    out.faults
                        .push(format!("request {number}, {} {}: {fault}", request.method, request.path));
                }
            }
            before = answers;
        }
    }
    out.distinct = bodies.len();
    out
}

/// Asks every world; the answers, and what is wrong with them.
async fn asked(
    comparing: &Comparing<'_>,
    request: &Request,
    step: &Step,
    before: &[Option<Answer>],
) -> (Vec<Option<Answer>>, Option<String>) {
    let said = format!(
        "{} {} {}",
        request.path,
        unquoted(&request.path),
        request.body.as_deref().unwrap_or_default()
    );
    let said = unquoted(&said) + &said;
    let hidden = comparing.hidden.without_what(&said);
    let mut answers = Vec::new();
    let mut first: Option<Normal> = None;
    let mut fault = None;
    for (index, world) in comparing.worlds.iter().enumerate() {
        let request = step.in_world(request, before.get(index).and_then(Option::as_ref), world.host());
        let token = comparing.tokens.get(index).or_else(|| comparing.tokens.first());
        let answer = sent(world, comparing.prefix, &request, token).await;
        match &answer {
            None => fault = fault.or(Some(format!("world {index} does not answer"))),
            Some(answer) => {
                if let Some(found) = canaries(&hidden, answer) {
                    fault = fault.or(Some(format!("world {index} gives {found}")));
                }
                let normal = Normal::of(answer, &request, Between::Servers);
                match &first {
                    None => first = Some(normal),
                    Some(first) => {
                        let apart = first.difference(&normal);
                        fault = fault.or(apart.map(|what| format!("{what} of world {index} is another")));
                    }
                }
            }
        }
        answers.push(answer);
    }
    (answers, fault)
}

async fn sent(world: &Endpoint, prefix: &str, request: &Request, token: Option<&String>) -> Option<Answer> {
    let mut headers: Vec<(String, String)> =
        request.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    if let Some(token) = token {
        headers.push(("Authorization".to_owned(), format!("Bearer {token}")));
    }
    let target = if request.path.starts_with("/fhir") {
        format!("{}{prefix}{}", world.path(), request.path)
    } else {
        request.path.clone()
    };
    world.ask(&request.method, &target, &headers, request.body.as_deref().map(str::as_bytes)).await.ok()
}

fn canaries(hidden: &Scanner, answer: &Answer) -> Option<String> {
    let head = answer.head();
    let found = [head.as_bytes(), &answer.body].map(|part| hidden.scan(part));
    let first = found.iter().flat_map(|found| &found.canaries).next()?;
    Some((*first).to_owned())
}
