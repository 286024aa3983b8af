//! What is written on a letter when it is made.

use std::collections::BTreeSet;

use adapters::hl7v2::Problem;

use super::anew::names;
use super::inbox::{Answer, Verdict};
use super::intake::{Taken, refusal};
use super::letters::{Owed, Stage};
use super::outbox::Text;
use super::stood::Stood;
use crate::person::SystemName;
use crate::trail::record::Words;

/// A letter that is about to be made.
#[derive(Clone)]
pub struct Stamped {
    /// The system that does not get it.
    pub system: Option<SystemName>,
    /// What it came to grief at.
    pub stage: Stage,
    /// The name of the reason.
    pub reason: String,
    /// The same in words.
    pub told: Option<String>,
    /// Whether its text stays.
    pub text: Text,
    /// Whether its sender has yet to hear of it.
    pub owed: Owed,
}

/// What of a message is written on a letter.
#[derive(Clone)]
pub struct Head {
    /// The organisation and application that sent it.
    pub source: String,
    /// The id of the message; empty when none can be read.
    pub control_id: String,
    /// SHA-256 of the message.
    pub hash: [u8; 32],
    /// The listener or route it came by.
    pub listener: String,
    /// Where in a file it stood, in words.
    pub place: Option<String>,
    /// The same, when that file is not read to its end.
    pub stood: Option<Stood>,
    /// Whom it was meant for.
    pub receivers: String,
}

/// What a letter of this message says of it.
pub(in crate::push) fn head(taken: &Taken) -> Head {
    Head {
        source: taken.outside.source.clone(),
        control_id: taken.outside.control_id.clone(),
        hash: taken.outside.hash,
        listener: taken.sender.listener.clone(),
        place: None,
        stood: None,
        receivers: names(&taken.sender.to),
    }
}

pub(in crate::push) fn stamped(stage: Stage, reason: &str, told: Option<String>) -> Stamped {
    Stamped { system: None, stage, reason: reason.to_owned(), told, text: Text::Kept, owed: Owed::No }
}

/// The answer where these stand against it. Which rule does is recorded and not told. That the words of a receiver cannot say it
/// is told by name: who sends it can say it otherwise, and hears by that no more than by an answer that it was shared.
pub(in crate::push) fn not_shared(what: &str, against: &[Stamped]) -> Answer {
    let unsayable = against.iter().filter_map(|stamped| Words::of_unsayable(&stamped.reason));
    let names: BTreeSet<&str> = unsayable.map(Words::unsayable).collect();
    let mut text = format!("{what}; the reason is recorded");
    for (number, name) in names.into_iter().enumerate() {
        text.push_str(if number == 0 { ": " } else { ", " });
        text.push_str(name);
    }
    refusal(Verdict::Error, Problem { code: "207", text })
}

impl std::fmt::Debug for Stamped {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Stamped({}, {})", self.stage.name(), self.reason)
    }
}

impl std::fmt::Debug for Head {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Head({})", self.listener)
    }
}

/// The answer to a message of which something is on its way.
pub(in crate::push) fn answer(against: &[Stamped]) -> Answer {
    match against {
        [] => Answer::Accepted,
        [..] => not_shared("not shared with every receiver", against),
    }
}
