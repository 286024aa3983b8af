//! A decision table: Consents with each choice by itself and every two together, and what each of them means.
//!
//! The meaning is our own reading of R4 and IHE PCF, written down in [`expected`]. What they leave to the domain is open there
//! unless the scene claims it, and such rows are left out.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::asking::Way;
use super::decided::{When, other_label, other_purpose, somebody_else};
use super::stage::{Seen, Stage, Want, purpose};
use crate::bench::Bench;
use crate::check::{Judgement, Otherwise};
use crate::scene::{Baseline, Outside};

/// How the choices of a row are numbered: effect, recipient, purpose, period, label, exception.
const SIZES: [u8; 6] = [2, 3, 3, 4, 3, 3];

/// What a provision does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Deny,
    Permit,
}

/// Whether a condition is there, and meets who asks for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Absent,
    Met,
    Unmet,
}

/// One Consent of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) effect: Effect,
    pub(super) recipient: Condition,
    pub(super) purpose: Condition,
    /// None: no period.
    pub(super) period: Option<Period>,
    pub(super) label: Condition,
    /// An exception of the other effect, for a recipient.
    pub(super) exception: Condition,
}

/// When a row holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Period {
    Now,
    Past,
    Future,
}

/// What follows from a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Seen(Seen),
    /// IHE leaves it to the domain, and nothing is claimed.
    Open,
}

/// What the domain says where IHE does not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Domain {
    pub(super) default: Baseline,
    pub(super) outside_permit: Option<Outside>,
}

/// What a row means, by our reading.
///
/// A provision is about whom and what it names, when it says; about all else it says nothing, and the default stands. To
/// whom a permit names, it permits what it names and nothing else: PCF puts it into a token as a forbid of everything before a
/// permit of that. What it means for those whom it does not name is the domain's to say. An exception counts inside its
/// provision alone.
pub(super) fn expected(row: &Row, domain: Domain) -> Expected {
    let default = Expected::Seen(match domain.default {
        Baseline::Permit => Seen::Shown,
        Baseline::Deny => Seen::Withheld,
    });
    if matches!(row.period, Some(Period::Past | Period::Future)) {
        return default;
    }
    let (shown, withheld) = (Expected::Seen(Seen::Shown), Expected::Seen(Seen::Withheld));
    let excepted = row.exception == Condition::Met;
    match (row.effect, row.names(), row.label != Condition::Unmet) {
        (Effect::Deny, true, true) if excepted => shown,
        (Effect::Deny, true, true) => withheld,
        (Effect::Deny, _, _) => default,
        (Effect::Permit, true, true) if !excepted => shown,
        (Effect::Permit, true, _) => withheld,
        (Effect::Permit, false, _) => match domain.outside_permit {
            Some(Outside::Default) => default,
            Some(Outside::Denied) => withheld,
            // Where nothing is shared by default, a permit for somebody else shares nothing.
            None if domain.default == Baseline::Deny => default,
            None => Expected::Open,
        },
    }
}

impl Row {
    fn of(choice: [u8; 6]) -> Self {
        let [effect, recipient, purpose, period, label, exception] = choice;
        let condition = |number| match number {
            0 => Condition::Absent,
            1 => Condition::Met,
            _ => Condition::Unmet,
        };
        Self {
            effect: if effect == 0 { Effect::Deny } else { Effect::Permit },
            recipient: condition(recipient),
            purpose: condition(purpose),
            period: match period {
                0 => None,
                1 => Some(Period::Now),
                2 => Some(Period::Past),
                _ => Some(Period::Future),
            },
            label: condition(label),
            exception: condition(exception),
        }
    }

    /// Whether it is for who asks, and for what they ask.
    const fn names(&self) -> bool {
        !matches!(self.recipient, Condition::Unmet) && !matches!(self.purpose, Condition::Unmet)
    }

    /// Whether it is a permit that is in force and for somebody else.
    const fn is_outside(&self) -> bool {
        matches!(self.effect, Effect::Permit)
            && !self.names()
            && !matches!(self.period, Some(Period::Past | Period::Future))
    }

    /// In words, for reports.
    fn words(&self) -> String {
        let condition = |name: &str, condition| match condition {
            Condition::Absent => String::new(),
            Condition::Met => format!(", {name} met"),
            Condition::Unmet => format!(", {name} not met"),
        };
        let period = match self.period {
            None => "",
            Some(Period::Now) => ", in its period",
            Some(Period::Past) => ", its period over",
            Some(Period::Future) => ", its period to come",
        };
        let effect = if self.effect == Effect::Deny { "deny" } else { "permit" };
        let parts = [
            condition("recipient", self.recipient),
            condition("purpose", self.purpose),
            period.to_owned(),
            condition("label", self.label),
            condition("exception for a recipient", self.exception),
        ];
        format!("{effect}{}", parts.concat())
    }
}

/// Rows in which each choice is made by itself, where nothing else can decide, and rows in which every two choices meet.
pub(super) fn rows() -> Vec<Row> {
    let mut chosen = alone();
    let mut open: HashSet<Pair> = every().iter().flat_map(pairs).collect();
    for choice in &chosen {
        for pair in pairs(choice) {
            open.remove(&pair);
        }
    }
    let all = every();
    while !open.is_empty() {
        // The next one is each time the one with most pairs that no row has yet.
        let new = |choice: &&Choice| pairs(choice).iter().filter(|pair| open.contains(*pair)).count();
        let Some(choice) = all.iter().max_by_key(new) else { break };
        for pair in pairs(choice) {
            open.remove(&pair);
        }
        chosen.push(*choice);
    }
    chosen.into_iter().map(Row::of).collect()
}

/// Numbers of choices, as [`SIZES`] has them.
type Choice = [u8; 6];

/// Two places and what is chosen there.
type Pair = ((usize, u8), (usize, u8));

fn with(choice: &Choice, place: usize, number: u8) -> Choice {
    let mut changed = *choice;
    if let Some(slot) = changed.get_mut(place) {
        *slot = number;
    }
    changed
}

/// Each effect without conditions, and with one of them.
fn alone() -> Vec<Choice> {
    let mut chosen = Vec::new();
    for effect in 0..2 {
        let plain = with(&[0; 6], 0, effect);
        chosen.push(plain);
        for (place, size) in SIZES.into_iter().enumerate().skip(1) {
            chosen.extend((1..size).map(|number| with(&plain, place, number)));
        }
    }
    chosen
}

fn every() -> Vec<Choice> {
    let mut choices = vec![[0; 6]];
    for (place, size) in SIZES.into_iter().enumerate() {
        choices =
            choices.iter().flat_map(|one| (0..size).map(move |number| with(one, place, number))).collect();
    }
    choices
}

fn pairs(choice: &Choice) -> Vec<Pair> {
    let numbered: Vec<(usize, u8)> = choice.iter().copied().enumerate().collect();
    let after = |at: usize| numbered.iter().skip(at.saturating_add(1)).copied();
    numbered.iter().enumerate().flat_map(|(at, one)| after(at).map(|other| (*one, other))).collect()
}

/// Which rows a check tries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Deny,
    Permit,
    Excepted,
    /// Permits for somebody else.
    Outside,
}

fn domain(stage: &Stage<'_>) -> Domain {
    Domain { default: stage.consents.default, outside_permit: stage.consents.outside_permit }
}

fn in_part(row: &Row, part: Part) -> bool {
    match part {
        Part::Outside => row.is_outside(),
        Part::Deny => row.effect == Effect::Deny && row.exception == Condition::Absent,
        Part::Permit => {
            row.effect == Effect::Permit && row.exception == Condition::Absent && !row.is_outside()
        }
        Part::Excepted => row.exception != Condition::Absent && !row.is_outside(),
    }
}

/// Every row of a part, one after the other.
pub(super) async fn table(bench: &Bench, part: Part) -> Judgement {
    let stage = Stage::of(bench)?;
    let open = rows().iter().filter(|row| expected(row, domain(&stage)) == Expected::Open).count();
    if part == Part::Outside && open > 0 {
        return Err(Otherwise::skipped(format!(
            "PCF leaves to the domain what a permit means for whom it does not name, and the scene does not say \
             (consents.outside_permit): {open} of {} rows are not tried",
            rows().len()
        )));
    }
    let resource = match &stage.consents.labelled {
        Some(labelled) => &labelled.resource,
        None => &stage.consents.resource,
    };
    let want = Want { resource: resource.clone(), ..stage.reads(Way::Read, Seen::Shown) };
    let ways = stage.ready(std::slice::from_ref(&want)).await?;
    let mut tried = 0_usize;
    for row in rows().iter().filter(|row| in_part(row, part)) {
        let (Expected::Seen(seen), Some(provision)) =
            (expected(row, domain(&stage)), provision(&stage, row)?)
        else {
            continue;
        };
        let recorded = stage.record(&stage.consent(&provision)).await?;
        let judged = stage.all_seen(&[Want { seen, ..want.clone() }], &ways, stage.consents.window).await;
        stage.withdraw(&recorded).await?;
        tried = tried.saturating_add(1);
        if let Err(Otherwise::Unmet { expected, found }) = judged {
            return Err(Otherwise::unmet(format!("{expected}, under: {}", row.words()), found));
        }
        judged?;
    }
    match tried {
        0 => Err(Otherwise::skipped(
            "every row of it is the domain's to say, or needs what the scene does not know",
        )),
        _ => Ok(()),
    }
}

/// The provision of a row; `None` where the scene does not know what it needs.
fn provision(stage: &Stage<'_>, row: &Row) -> Result<Option<Value>, Otherwise> {
    let actor = &stage.consents.actor;
    let own_purpose = stage.purpose_of(actor)?;
    let named = |condition| match condition {
        Condition::Absent => Ok(None),
        Condition::Met => stage.organisation_of(actor).map(Some),
        Condition::Unmet => somebody_else(stage).map(Some),
    };
    let word = |effect| if effect == Effect::Deny { "deny" } else { "permit" };
    let mut provision = json!({"type": word(row.effect)});
    let mut say = |name: &str, value: Value| super::decided::set(&mut provision, name, value);
    if let Some(named) = named(row.recipient)? {
        say("actor", json!([named]));
    }
    match row.purpose {
        Condition::Absent => {}
        Condition::Met => say("purpose", json!([purpose(own_purpose)])),
        Condition::Unmet => say("purpose", json!([purpose(other_purpose(own_purpose))])),
    }
    match row.period {
        None => {}
        Some(Period::Now) => say("period", When::Now.period()),
        Some(Period::Past) => say("period", When::Past.period()),
        Some(Period::Future) => say("period", When::Future.period()),
    }
    if row.label != Condition::Absent {
        let Some(labelled) = &stage.consents.labelled else { return Ok(None) };
        let code = match row.label {
            Condition::Unmet => other_label(&labelled.label.value),
            Condition::Absent | Condition::Met => &labelled.label.value,
        };
        say("securityLabel", json!([{"system": labelled.label.system, "code": code}]));
    }
    let opposite = if row.effect == Effect::Deny { Effect::Permit } else { Effect::Deny };
    if let Some(named) = named(row.exception)? {
        say("provision", json!([{"type": word(opposite), "actor": [named]}]));
    }
    Ok(Some(provision))
}

#[cfg(test)]
mod tests;
