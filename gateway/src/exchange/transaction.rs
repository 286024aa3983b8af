//! A transaction that writes: all of its entries are done, or none.
//!
//! Each entry is parsed, admitted, decided and cut as if it had come alone, under a request id of its own. One that would
//! have been refused refuses all, and is named with the reason that it would have had alone; nothing has left then. What
//! is left of each is recorded as an intent before the first byte goes to the system, in one transaction that names the
//! versions that were decided on. What the system answers is a claim about each entry and nothing more: the caller is
//! told what this gateway makes of it, as if each write had come alone.
//!
//! What is refused because somebody else was faster is begun again, within a bound; what is not known to have been
//! refused is not. What is asked by `GET` is decided before anything is written and answered afterwards.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use super::together::{ASKED_AT_ONCE, AT_ONCE};
use crate::enforce::release::Released;
use crate::interaction::batch::{Brought, Line, NotABatch};
use crate::outcome::{Ended, Ending, NotTaken, NotTogether};
use crate::pace::UnderWay;
use crate::person::SystemName;
use crate::ports::Ports;
use crate::requestor::Requestor;
use crate::trail::record::Exchange;

mod asking;
mod deciding;
mod doing;
mod telling;

use doing::Done;

/// How often a transaction is begun: again when somebody else was faster, or a consent changed meanwhile.
const ATTEMPTS_MAX: usize = 3;

/// What holds for every entry.
#[derive(Clone)]
pub(super) struct Whole<'a> {
    pub(super) brought: &'a Brought,
    pub(super) requestor: &'a Requestor,
    /// The record of the transaction up to here.
    pub(super) begun: Exchange,
    pub(super) system: SystemName,
    /// They ask a system for no more at once than one exchange may.
    pub(super) ports: &'a Ports,
    /// Entries under way at once.
    pub(super) at_once: usize,
    /// Which of them ask for the head of an answer alone.
    pub(super) heads: BTreeSet<usize>,
}

/// Carries out the entries of a transaction, and answers each.
///
/// # Errors
/// [`Ended`] when none was carried out, or that is not known or could not be recorded.
pub(super) async fn answer(
    lines: Vec<Result<Line, NotABatch>>,
    whole: Whole<'_>,
    under_way: &UnderWay,
) -> Result<Released, Ended> {
    let (spare, asking) = (whole.ports.places.spare(AT_ONCE - 1), whole.ports.asking_at_most(ASKED_AT_ONCE));
    let whole = Whole { ports: &asking, at_once: 1 + spare.count(), ..whole };
    // What is under way then still ends in time.
    let deadline = Instant::now() + whole.ports.settings.limits.exchange_timeout / 2;
    let mut entries = asking::asked(lines, &whole, under_way).await?; // rules alone
    let mut last = Ending::NotTaken(NotTaken::Conflict);
    for _ in 0..ATTEMPTS_MAX {
        // Nothing has been written yet: what is asked for evidence is asked once for all of them.
        let moment = whole.ports.at_one_moment();
        let deciding = Whole { ports: &moment, ..whole.clone() };
        let decided = Box::pin(deciding::decided(entries, deadline, &deciding)).await?; // as alone; nothing has left
        match doing::done(decided, &whole).await? {
            Done::All(done, begun) => return telling::tell(done, *begun, &whole).await, // recorded first
            Done::Nothing(again, why) => (entries, last) = (again, why),
        }
    }
    Err(whole.begun.end(last))
}

/// What each came to, if none is refused; else all are, each recorded with its own reason or with that it was asked with
/// another. The first in order is told.
async fn all_or_none<T: Send>(
    results: Vec<Result<T, Ended>>,
    begun: &[Exchange],
    beside: fn(T, &Exchange, Ending) -> Ended,
    whole: &Whole<'_>,
) -> Result<Vec<T>, Ended> {
    let Some((at, status)) = results.iter().enumerate().find_map(|(at, result)| match result {
        Ok(_) => None,
        Err(ended) => Some((at, ended.ending.told().status)),
    }) else {
        return Ok(results.into_iter().filter_map(Result::ok).collect());
    };
    let mut first = None;
    for (result, begun) in results.into_iter().zip(begun) {
        let (is_it, ended) = match result {
            Ok(one) => (false, beside(one, begun, Ending::Together(NotTogether::EntryFailed(status)))),
            Err(ended) => (true, ended),
        };
        // Nobody hears of an ending that is not recorded.
        let ending = ended.kept(whole.ports).await.map_err(|not| whole.begun.end(not.ending))?;
        if is_it {
            first.get_or_insert(ending);
        }
    }
    let why = Box::new(first.unwrap_or(Ending::NotWritten));
    Err(whole.begun.end(Ending::OfEntry { at, why }))
}

/// The results of all of these, some at once, in their order.
async fn in_order<T, F: Future<Output = T>>(whole: &Whole<'_>, futures: impl Iterator<Item = F>) -> Vec<T> {
    stream::iter(futures).buffered(whole.at_once).collect().await
}

/// The resources that are named twice by those who write.
#[derive(Default)]
struct Named {
    written: BTreeSet<String>,
    deleted: BTreeSet<String>,
    looked_for: BTreeSet<(&'static str, String)>,
}
