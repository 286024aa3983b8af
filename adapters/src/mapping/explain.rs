//! Which cell went where, and what was lost and why, for one record.

use std::fmt;
use std::io::Read;

use super::bundle::Trace;
use super::plan::Plan;
use super::record::{Input, Scope};
use super::{Origin, Records, Refused};
use crate::{Context, Severity, Translated, Why};

/// Where everything of one record went. Its text holds places and names, never a value.
#[derive(Debug)]
pub struct Explanation {
    /// Where the record stands in the file: `row=12`, `/residents/3`.
    pub record: String,
    /// Every place of the record that holds something, in order.
    pub places: Vec<Explained>,
    /// The resources that were made: type, the mapping's name, and the part of the record.
    pub resources: Vec<String>,
    /// The translation itself.
    pub translated: Translated,
}

/// What happened to one cell or path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Where it stands: `row 12 column 3 SEX`.
    pub place: String,
    /// The elements it went to, such as `Patient person: gender`.
    pub went: Vec<String>,
    /// What was lost of it, why, and how much that matters.
    pub lost: Vec<(Why, Severity)>,
}

/// Explains record `number` of a file, counted from 1. Nothing when there are fewer.
pub(super) fn explain<R: Read>(
    plan: &Plan,
    input: R,
    context: &Context,
    origin: &Origin,
    number: usize,
) -> Result<Option<Explanation>, Refused> {
    if number == 0 {
        return Ok(None);
    }
    let mut records = Records::new(plan, input, context, origin)?;
    for _ in 1..number {
        match records.next() {
            None => return Ok(None),
            Some(Err(refused)) if refused.reach() == super::Reach::File => return Err(refused),
            Some(Ok(_) | Err(_)) => {}
        }
    }
    let Some(found) = records.advance(Trace::Yes) else { return Ok(None) };
    let (done, input) = found?;
    let named = |number: usize| {
        let resource = plan.resources.get(number)?;
        Some(format!("{} {}", resource.kind.name(), resource.name))
    };
    let mut places = Vec::new();
    for leaf in (0..input.leaves()).filter(|leaf| !input.text(*leaf).is_empty()) {
        let mut went: Vec<String> = Vec::new();
        for step in done.went.iter().filter(|step| step.leaf == leaf || is_same(input, leaf, step.leaf)) {
            let text = format!("{}: {}", named(step.resource).unwrap_or_default(), step.path);
            if !went.contains(&text) {
                went.push(text);
            }
        }
        let losses = done.lost.iter().zip(&done.translated.losses).filter(|(held, _)| **held == leaf);
        let lost: Vec<(Why, Severity)> = losses.map(|(_, loss)| (loss.why, loss.severity)).collect();
        if lost.iter().any(|(why, _)| matches!(why, Why::ConditionUnmet | Why::LeftOut | Why::NotMapped)) {
            went.clear();
        }
        places.push(Explained { place: input.place(leaf, &plan.selectors), went, lost });
    }
    let resources =
        done.built.iter().map(|(number, part)| format!("{} from {part}", named(*number).unwrap_or_default()));
    Ok(Some(Explanation {
        record: input.fragment(Scope::Record, &plan.selectors),
        places,
        resources: resources.collect(),
        translated: done.translated,
    }))
}

/// Whether a cell says what another of its column said for the whole record.
fn is_same(input: Input<'_>, leaf: usize, carried: usize) -> bool {
    input.same(carried).any(|other| other == leaf)
}

impl fmt::Display for Explanation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "record {}", self.record)?;
        for resource in &self.resources {
            writeln!(out, "  becomes {resource}")?;
        }
        for place in &self.places {
            for went in &place.went {
                writeln!(out, "  {} -> {went}", place.place)?;
            }
            for (why, severity) in &place.lost {
                writeln!(out, "  {} lost ({severity}): {}", place.place, why.text())?;
            }
        }
        Ok(())
    }
}
