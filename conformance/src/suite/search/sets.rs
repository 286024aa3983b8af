//! Checks that ask a few searches and know what each must find.

use std::collections::BTreeSet;

use super::ask::{Reply, all_matches, follow, tried};
use super::bank::bank;
use super::ground::Ground;
use super::offered::Offered;
use super::query::Query;
use crate::bench::Bench;
use crate::check::{Acting, Check, Grade, Judge, Judgement, Otherwise};

/// A search of the bank and what it must find.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    /// `Type?name=value`, with marks in braces for what is there.
    pub(super) ask: &'static str,
    /// What it finds, as it is called in the bank.
    pub(super) finds: &'static [&'static str],
    /// Whether it may be refused.
    pub(super) may: May,
}

/// What a server may do about a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    /// Answer it.
    Answer,
    /// Refuse it, as something that it does not support.
    Refuse,
}

/// A search of what is claimed: it must be answered.
pub(super) const fn case(ask: &'static str, finds: &'static [&'static str]) -> Case {
    Case { ask, finds, may: May::Answer }
}

/// A search with something that is not claimed by name: a modifier, a prefix, a chain. It may be refused.
pub(super) const fn perhaps(ask: &'static str, finds: &'static [&'static str]) -> Case {
    Case { ask, finds, may: May::Refuse }
}

/// A check whose clause binds so.
pub(super) const fn check(
    grade: Grade,
    id: &'static str,
    clause: &'static str,
    (title, why): (&'static str, &'static str),
    judge: for<'a> fn(&'a Bench) -> Acting<'a>,
) -> Check {
    Check { id, title, why, clause, grade, judge: Judge::Acted(judge) }
}

/// Asks every case that applies here; skips where none does.
pub(super) async fn judge(bench: &Bench, cases: &[Case]) -> Judgement {
    let kept = bank(bench).await?;
    let ground = &kept.0;
    let (mut tried_any, mut why) = (Applies::No, Otherwise::skipped("nothing of it is advertised"));
    for case in cases {
        match one(bench, ground, case).await {
            Ok(()) => tried_any = Applies::Yes,
            Err(skipped @ Otherwise::Skipped(_)) => why = skipped,
            Err(other) => return Err(other),
        }
    }
    match tried_any {
        Applies::Yes => Ok(()),
        Applies::No => Err(why),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Applies {
    Yes,
    No,
}

async fn one(bench: &Bench, ground: &Ground, case: &Case) -> Judgement {
    let asked = Query::read(&ground.filled(&case.ask.replace("{base}", bench.target().base())));
    let offered = Offered::of(bench, &asked.of)?;
    for (name, _) in &asked.pairs {
        // Of a chain the parameter is claimed that it begins with; of the reverse chain nothing is.
        let own = name.split([':', '.']).next().unwrap_or_default();
        if own != "_has" {
            offered.needs(&[own])?;
        }
    }
    let query = ground.narrowed(&asked.of)?.and(&asked.pairs);
    let sheet = match tried(bench, &query, &[]).await? {
        Reply::Found(sheet) => *sheet,
        Reply::Refused(status) if case.may == May::Refuse => {
            return Err(Otherwise::skipped(format!("{asked} is refused with {status}")));
        }
        Reply::Refused(status) => {
            return Err(Otherwise::unmet(format!("status 200 to {asked}"), format!("status {status}")));
        }
    };
    // A server that leaves out what it does not know says so, and then the search was another one.
    let left_out = asked.pairs.iter().find(|(name, _)| sheet.used().is_some() && !sheet.says_used(name));
    if let (May::Refuse, Some((name, _))) = (case.may, left_out) {
        return Err(Otherwise::skipped(format!("by its self link the endpoint did not use {name}")));
    }
    let sheets = follow(bench, &query, sheet).await?;
    compare(ground, &asked, case.finds, &all_matches(&sheets))
}

/// Holds what was found to what must be found.
pub(super) fn compare(ground: &Ground, asked: &Query, wanted: &[&str], found: &[&str]) -> Judgement {
    let wanted: BTreeSet<&str> = wanted.iter().copied().collect();
    let found: BTreeSet<&str> = found.iter().map(|key| ground.label(key)).collect();
    if wanted == found {
        return Ok(());
    }
    let listed = |labels: &BTreeSet<&str>| {
        if labels.is_empty() {
            "nothing".to_owned()
        } else {
            labels.iter().copied().collect::<Vec<_>>().join(", ")
        }
    };
    let asked = ground.hidden(&asked.to_string());
    Err(Otherwise::unmet(format!("{} to {asked}", listed(&wanted)), listed(&found)))
}
