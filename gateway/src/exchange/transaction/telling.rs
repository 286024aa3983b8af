//! The answer to a transaction that was carried out: what each entry would have been told alone.
//!
//! Nothing of it is what the system answered. What became of every write is durable before the first byte goes.

use super::super::room::Room;
use super::super::together::{BYTES_MAX, Entry as Told, StandsBy, in_format, taken_back, tell as tell_all};
use super::super::{Shared, Tally, given, serve};
use super::asking::{Entry, Wish};
use super::doing::{Standing, What};
use super::{Whole, in_order};
use crate::change;
use crate::enforce::merge::Removal;
use crate::enforce::release::{Epoch, Released, release};
use crate::interaction::batch::Together;
use crate::interaction::{ResourceChange, Return};
use crate::named;
use crate::outcome::{Ended, Ending, NotTogether};
use crate::pace::UnderWay;
use crate::submit::{New, created};
use crate::trail::record::{AboutPerson, Exchange};
use crate::upstream::{Sent, UpstreamFault, Write};

/// Tells what became of each entry, in the order in which they came.
///
/// # Errors
/// [`Ended`] when nothing can be told.
pub(super) async fn tell(done: Vec<Standing>, begun: Exchange, whole: &Whole<'_>) -> Result<Released, Ended> {
    let room = Room::new(done.len(), BYTES_MAX);
    let each = done.into_iter().enumerate().map(|(at, one)| written(at, one, &room, whole));
    let written = in_order(whole, each).await;
    // What is asked is asked of what is there now.
    let each = written.into_iter().enumerate().map(|(at, one)| answered(at, one, &room, whole));
    let answered = in_order(whole, each).await;
    let mut entries = Vec::with_capacity(answered.len());
    for (at, entry) in answered.into_iter().enumerate() {
        entries.push(match in_format(entry, &begun, whole.ports).await? {
            Told::Given(shared) if room.is_over(at) && !shared.released.body().is_empty() => {
                taken_back(*shared, Ending::Together(NotTogether::TooMuch), &begun, whole.ports).await?
            }
            entry @ (Told::Given(_) | Told::Told(_)) => entry,
        });
    }
    tell_all(Together::Transaction, StandsBy::Itself, entries, begun, whole.ports).await
}

/// An entry that is told, or has to be asked yet.
enum Answering {
    Told(Told),
    Later(Box<Entry>),
}

/// What became of a write, recorded.
async fn written(at: usize, one: Standing, room: &Room, whole: &Whole<'_>) -> Answering {
    let Standing { entry, evidence, what } = one;
    let told = match what {
        What::Answer => return Answering::Later(Box::new(entry)),
        What::Given(released) => Told::Given(Box::new(Shared { released, evidence, tally: Tally::Due })),
        What::Sent { write, intent, persons, sent } => {
            let outcome = Exchange { follows: Some(intent.receipt().to_header()), ..entry.begun.clone() };
            let wish = match room.is_full_before(at) {
                true => told_shortly(entry.wish),
                false => entry.wish,
            };
            told_as(outcome_of(wish, write, persons, sent, outcome, whole).await, whole).await
        }
    };
    room.take(at, told.len());
    Answering::Told(told)
}

/// A wish of which is only told that it was done.
fn told_shortly(wish: Wish) -> Wish {
    match wish {
        Wish::Change { admitted, wanted, body } => {
            Wish::Change { admitted, wanted: ResourceChange { told: Return::Minimal, ..wanted }, body }
        }
        wish @ (Wish::Create { .. } | Wish::Delete { .. } | Wish::Read(_) | Wish::Plain(_)) => wish,
    }
}

/// As if it had come alone.
async fn outcome_of(
    wish: Wish,
    write: Write,
    persons: Vec<AboutPerson>,
    sent: Option<Sent>,
    outcome: Exchange,
    whole: &Whole<'_>,
) -> Result<Shared, Ended> {
    let ports = whole.ports;
    match (wish, write) {
        (Wish::Create { write, resource_type, body, .. }, Write::Create { .. }) => {
            let sent = sent.ok_or(UpstreamFault::NotAResponse);
            let left_out = named::left_out_by_rule(&body.content, &write, ports);
            created(sent, &New { resource_type, left_out }, &whole.system, outcome, ports)
                .await
                .map(Shared::from)
        }
        (Wish::Change { admitted, wanted, .. }, Write::Update { .. }) => {
            let (released, evidence) = change::told(admitted, wanted.told, outcome, ports).await?;
            Ok(Shared { released, evidence, tally: Tally::Done })
        }
        (Wish::Delete { .. }, Write::Delete { .. }) => {
            let done = Removal::done(persons, outcome.clone());
            release(done, outcome.format, &|| Epoch::Same, &*ports.ledger)
                .await
                .map(Shared::from)
                .map_err(|why| outcome.end(Ending::Unrecorded(why)))
        }
        (_, _) => Err(outcome.end(Ending::NotWritten)),
    }
}

async fn answered(at: usize, one: Answering, room: &Room, whole: &Whole<'_>) -> Told {
    let Entry { begun, wish, .. } = match one {
        Answering::Told(told) => return told,
        Answering::Later(entry) => *entry,
    };
    let shared = match wish {
        _ if room.is_full_before(at) => Err(begun.end(Ending::Together(NotTogether::TooMuch))),
        Wish::Read(admitted) => {
            let format = begun.format;
            given(admitted, &begun, format.into(), whole.ports, &UnderWay::begin()).await
        }
        Wish::Plain(question) => serve(question, begun, whole.ports, &UnderWay::begin()).await,
        Wish::Create { .. } | Wish::Change { .. } | Wish::Delete { .. } => Err(begun.end(Ending::NotWritten)),
    };
    let shared = shared.map(|shared| if whole.heads.contains(&at) { shared.head() } else { shared });
    let told = told_as(shared, whole).await;
    room.take(at, told.len());
    told
}

async fn told_as(shared: Result<Shared, Ended>, whole: &Whole<'_>) -> Told {
    match shared {
        Ok(shared) => Told::Given(Box::new(shared)),
        Err(ended) => Told::told(ended.record(whole.ports).await),
    }
}
