//! Dates, times, periods and schedules, as ranges.

use jiff::ToSpan;

use super::super::criterion::{DateTest, Prefix};
use super::Match;
use crate::instant::{DateTime, Period, Range, Unzoned};
use crate::json::Node;

/// Whether one value meets the test. `leaf` is the FHIR type of the value.
///
/// A day without an offset begins at another moment for another server: what matches by universal time only cannot be
/// told.
pub(super) fn matches(node: Node<'_>, leaf: &str, test: &DateTest) -> Match {
    let told = told(node, leaf, test, Unzoned::UnitedKingdom);
    if told == Match::No && self::told(node, leaf, test, Unzoned::Utc) != Match::No {
        return Match::CannotTell;
    }
    told
}

fn told(node: Node<'_>, leaf: &str, test: &DateTest, unzoned: Unzoned) -> Match {
    let Some(held) = held(node, leaf, unzoned) else { return Match::CannotTell };
    compare(test.prefix, held, test.time.range_with(unzoned))
}

/// The span that one value stands for; nothing when it cannot be read.
pub(in crate::search) fn held(node: Node<'_>, leaf: &str, unzoned: Unzoned) -> Option<Range> {
    match leaf {
        "Period" => period(node, unzoned),
        "Timing" => timing(node, unzoned),
        _ => time(node, unzoned),
    }
}

/// The prefixes of R4: `held` is the range in the resource, `asked` that of the search.
///
/// What is held to the second is asked for by any moment within it: a client that writes each instant with fractions asks
/// for no other second.
fn compare(prefix: Prefix, held: Range, asked: Range) -> Match {
    let above = held.to > asked.to;
    let below = held.from < asked.from;
    Match::certainly(match prefix {
        Prefix::Eq => is_asked_for(held, asked),
        Prefix::Ne => !is_asked_for(held, asked),
        Prefix::Gt => above,
        Prefix::Lt => below,
        Prefix::Ge => above || is_asked_for(held, asked),
        Prefix::Le => below || is_asked_for(held, asked),
        Prefix::Sa => held.from >= asked.to,
        Prefix::Eb => held.to <= asked.from,
        // How near is near depends on today, and on the server.
        Prefix::Ap => return if asked.overlaps(&held) { Match::Yes } else { Match::CannotTell },
    })
}

/// Whether all of `held` lies in what is asked for; or what is asked for is a moment of the one second that is held.
fn is_asked_for(held: Range, asked: Range) -> bool {
    let is_to_the_second =
        held.from.subsec_nanosecond() == 0 && held.from.checked_add(1.second()).is_ok_and(|to| to == held.to);
    asked.contains(&held) || (is_to_the_second && held.contains(&asked))
}

fn time(node: Node<'_>, unzoned: Unzoned) -> Option<Range> {
    DateTime::parse(&node.string()?).ok().map(|time| time.range_with(unzoned))
}

fn period(node: Node<'_>, unzoned: Unzoned) -> Option<Range> {
    let bound = |key| match node.member(key).and_then(Node::string) {
        Some(text) => DateTime::parse(&text).map(Some),
        None => Ok(None),
    };
    Some(Period { start: bound("start").ok()?, end: bound("end").ok()? }.range_with(unzoned))
}

/// Only the outer limits of a schedule count.
fn timing(node: Node<'_>, unzoned: Unzoned) -> Option<Range> {
    let events = node.member("event").into_iter().flat_map(Node::items);
    let events: Option<Vec<Range>> = events.map(|event| time(event, unzoned)).collect();
    let mut ranges = events?;
    if let Some(bounds) = node.member("repeat").and_then(|repeat| repeat.member("boundsPeriod")) {
        ranges.push(period(bounds, unzoned)?);
    }
    let from = ranges.iter().map(|range| range.from).min()?;
    let to = ranges.iter().map(|range| range.to).max()?;
    Some(Range { from, to })
}
