//! The answer to a transaction that was carried out: what each entry would have been told alone.
//!
//! Nothing of it is what the system answered. What became of every write is durable before the first byte goes.

use super::super::together::{BYTES_MAX, Entry as Told, StandsBy, in_format, taken_back, tell as tell_all};
use super::super::{Shared, Tally, given, serve};
use super::asking::{Entry, Wish};
use super::doing::{Standing, What};
use super::{Whole, in_order};
use crate::change;
use crate::enforce::merge::Removal;
use crate::enforce::release::{Epoch, Released, release};
use crate::interaction::batch::Together;
use crate::outcome::{Ended, Ending, NotTogether};
use crate::pace::UnderWay;
use crate::submit::created;
use crate::trail::record::{AboutPerson, Exchange};
use crate::upstream::{Sent, UpstreamFault, Write};

/// Tells what became of each entry, in the order in which they came.
///
/// # Errors
/// [`Ended`] when nothing can be told.
pub(super) async fn tell(done: Vec<Standing>, begun: Exchange, whole: &Whole<'_>) -> Result<Released, Ended> {
    // What is asked is asked of what is there now.
    let written = in_order(whole, done.into_iter().map(|one| written(one, whole))).await;
    let answered = in_order(whole, written.into_iter().map(|one| answered(one, whole))).await;
    let (mut entries, mut bytes) = (Vec::with_capacity(answered.len()), 0_usize);
    for entry in answered {
        let entry = in_format(entry, &begun, whole.ports).await?;
        bytes = bytes.saturating_add(entry.len());
        entries.push(match entry {
            Told::Given(shared) if bytes > BYTES_MAX && !shared.released.body().is_empty() => {
                taken_back(*shared, Ending::Together(NotTogether::TooMuch), &begun, whole.ports).await?
            }
            Told::Given(_) | Told::Told(_) => entry,
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
async fn written(one: Standing, whole: &Whole<'_>) -> Answering {
    let Standing { entry, evidence, what } = one;
    match what {
        What::Answer => Answering::Later(Box::new(entry)),
        What::Given(released) => {
            Answering::Told(Told::Given(Box::new(Shared { released, evidence, tally: Tally::Due })))
        }
        What::Sent { write, intent, persons, sent } => {
            let outcome = Exchange { follows: Some(intent.receipt().to_header()), ..entry.begun.clone() };
            let told = outcome_of(entry.wish, write, persons, sent, outcome, whole).await;
            Answering::Told(told_as(told, whole).await)
        }
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
        (Wish::Create { resource_type, .. }, Write::Create { .. }) => {
            let sent = sent.ok_or(UpstreamFault::NotAResponse);
            created(sent, resource_type, &whole.system, outcome, ports).await.map(Shared::from)
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

async fn answered(one: Answering, whole: &Whole<'_>) -> Told {
    let Entry { begun, wish, .. } = match one {
        Answering::Told(told) => return told,
        Answering::Later(entry) => *entry,
    };
    let shared = match wish {
        Wish::Read(admitted) => given(admitted, &begun, whole.ports, &UnderWay::begin()).await,
        Wish::Plain(question) => serve(question, begun, whole.ports, &UnderWay::begin()).await,
        Wish::Create { .. } | Wish::Change { .. } | Wish::Delete { .. } => Err(begun.end(Ending::NotWritten)),
    };
    told_as(shared, whole).await
}

async fn told_as(shared: Result<Shared, Ended>, whole: &Whole<'_>) -> Told {
    match shared {
        Ok(shared) => Told::Given(Box::new(shared)),
        Err(ended) => Told::told(ended.record(whole.ports).await),
    }
}
