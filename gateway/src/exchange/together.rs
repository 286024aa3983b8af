//! Several interactions in one request: each takes the one road by itself, and then they are told together.
//!
//! An entry is parsed, decided, minimised and recorded as if it had come alone, under a request id of its own that names
//! the batch. What one comes to changes nothing for another, but for the bounds on all of them: how many there are (a
//! setting), how long each may take and when the last is begun, and how much is told at once, in the order of the entries
//! and by what the requestor may see alone.
//!
//! The first byte follows the record of the batch, which follows those of its entries: theirs say that something was
//! shared only together with that one. A consent that moves in between takes back what rests on it; what a system has
//! done is never taken back. Of a transaction all is told or nothing.
//!
//! A batch asks a system for no more at once than one exchange may, and takes further places for what is under way only
//! while there are plenty.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use tokio::time::Instant;

use super::room::Room;
use super::{Shared, question, serve};
use crate::enforce::release::{Epoch, Released, Unreleased, release, take_back};
use crate::enforce::together;
use crate::interaction::Malformed;
use crate::interaction::batch::{Batch, Brought, Line, NotABatch, Together};
use crate::outcome::{Ended, Ending, NotTogether};
use crate::pace::{Told, UnderWay};
use crate::ports::Ports;
use crate::requestor::Requestor;
use crate::server::arrived::RequestId;
use crate::server::format::Format;
use crate::server::reply::Reply;
use crate::trail::record::Exchange;

/// Entries under way at once.
pub(super) const AT_ONCE: usize = 4;
/// Requests to one system under way at once, for all entries.
pub(super) const ASKED_AT_ONCE: usize = crate::upstream::everything::AT_ONCE;
/// The most bytes that are told at once.
pub(super) const BYTES_MAX: usize = 32 << 20;
/// How often the answer is put together: again when a consent moves meanwhile.
const ATTEMPTS_MAX: usize = 3;

/// What became of an entry.
pub(super) enum Entry {
    /// It is recorded and may leave, while what it rests on stands.
    Given(Box<Shared>),
    /// Nothing is given, and this is told. It is recorded too.
    Told(Box<Reply>),
}

impl Entry {
    pub(super) fn told(reply: Reply) -> Self {
        Self::Told(Box::new(reply))
    }

    /// Counts what leaves with the others.
    fn count(&self, ports: &Ports) {
        match self {
            Self::Given(shared) => shared.count(ports),
            Self::Told(_) => {}
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Given(shared) => shared.released.body().len(),
            Self::Told(reply) => reply.fhir().map_or(0, |body| body.len()),
        }
    }
}

/// What holds for every entry.
struct All<'a> {
    brought: &'a Brought,
    requestor: &'a Requestor,
    /// The record of the batch up to here.
    begun: &'a Exchange,
    ports: &'a Ports,
    /// After this moment none is begun.
    deadline: Instant,
    /// How long each may take.
    each_within: Duration,
    /// How much is told.
    room: Room,
    /// Which entries ask for the head of an answer alone.
    heads: BTreeSet<usize>,
}

/// Answers the entries of `batch`, which `brought` brought.
///
/// # Errors
/// [`Ended`] when nothing of any entry is told.
pub(super) async fn answer(
    batch: Batch,
    brought: &Brought,
    requestor: &Requestor,
    begun: Exchange,
    ports: &Ports,
) -> Result<Released, Ended> {
    let heads = batch.heads();
    let Batch { bundle, lines } = batch;
    let spare = ports.places.spare(AT_ONCE - 1);
    let asking = ports.asking_at_most(ASKED_AT_ONCE);
    // What is begun last still ends in time, and a quarter is left to tell it.
    let within: Duration = ports.settings.limits.exchange_timeout;
    let all = All {
        brought,
        requestor,
        begun: &begun,
        ports: &asking,
        deadline: Instant::now() + within / 2,
        each_within: within / 4,
        room: Room::new(lines.len(), BYTES_MAX),
        heads,
    };
    let mut entries: Vec<Option<Entry>> = lines.iter().map(|_| None).collect();
    let numbered = lines.into_iter().enumerate();
    // One that takes long holds up no other.
    let mut answered = stream::iter(numbered.map(async |(at, line)| (at, one(at, line, &all).await)))
        .buffer_unordered(1 + spare.count());
    while let Some((at, entry)) = answered.next().await {
        let entry = in_format(entry, &begun, ports).await?;
        all.room.take(at, entry.len());
        if let Some(place) = entries.get_mut(at) {
            *place = Some(entry);
        }
        within_room(&mut entries, &all).await?;
    }
    drop(answered);
    drop(spare);
    let mut entries: Vec<Entry> = entries.into_iter().flatten().collect();
    let stands_by = match bundle {
        Together::Batch => StandsBy::Itself,
        Together::Transaction => StandsBy::TheOthers,
    };
    if stands_by == StandsBy::TheOthers {
        entries = all_or_none(entries, &begun, ports).await?;
    }
    tell(bundle, stands_by, entries, begun, ports).await
}

/// On what it rests whether an entry is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StandsBy {
    /// On nothing but itself; what has been done is told.
    Itself,
    /// On all others being told.
    TheOthers,
}

/// Takes back what has no room behind what comes before it.
async fn within_room(entries: &mut [Option<Entry>], all: &All<'_>) -> Result<(), Ended> {
    for (_, place) in entries.iter_mut().enumerate().filter(|(at, _)| all.room.is_over(*at)) {
        *place = match place.take() {
            Some(Entry::Given(shared)) if !shared.released.body().is_empty() => {
                let why = Ending::Together(NotTogether::TooMuch);
                Some(taken_back(*shared, why, all.begun, all.ports).await?)
            }
            done => done,
        };
    }
    Ok(())
}

/// Takes back what the format of the answer cannot say: it is the only one that is not told.
pub(super) async fn in_format(entry: Entry, begun: &Exchange, ports: &Ports) -> Result<Entry, Ended> {
    match entry {
        Entry::Given(shared) => match shared.released.can_be_said_in(begun) {
            Ok(()) => Ok(Entry::Given(shared)),
            Err(why) => taken_back(*shared, Ending::Unrecorded(why), begun, ports).await,
        },
        Entry::Told(reply) => Ok(Entry::Told(reply)),
    }
}

/// One entry, in a task of its own: if it panics, that is what became of it alone.
async fn one(at: usize, line: Result<Line, NotABatch>, all: &All<'_>) -> Entry {
    let Some(request_id) = RequestId::random() else {
        return Entry::told(entry_of(all.begun).end(Ending::NotWritten).record(all.ports).await);
    };
    let begun = Exchange {
        request_id: request_id.to_string(),
        interaction: "unknown".to_owned(),
        ..entry_of(all.begun)
    };
    let not_begun = match (all.room.is_full_before(at), Instant::now() > all.deadline) {
        (true, _) => Some(NotTogether::TooMuch),
        (false, true) => Some(NotTogether::TooLate),
        (false, false) => None,
    };
    if let Some(why) = not_begun {
        return Entry::told(begun.end(Ending::Together(why)).record(all.ports).await);
    }
    let (brought, requestor, ports) = (all.brought.clone(), all.requestor.clone(), all.ports.clone());
    let (panicked, each_within, is_head) = (begun.clone(), all.each_within, all.heads.contains(&at));
    let running = tokio::spawn(async move {
        let beat = ports.settings.limits.beat;
        let under_way = UnderWay::begin_within(each_within, beat);
        let (told, entry) =
            match alone(line, request_id, &brought, requestor, begun, &ports, &under_way).await {
                Ok(shared) if is_head => (Told::Content, Entry::Given(Box::new(shared.head()))),
                Ok(shared) => (Told::Content, Entry::Given(Box::new(shared))),
                Err(ended) => (Told::Nothing, Entry::told(ended.record(&ports).await)),
            };
        // Before its beat it is not done: the next is not begun, and the answer to all says nothing by its time.
        if let Some(moment) = under_way.not_before(told, beat) {
            tokio::time::sleep_until(moment).await;
        }
        entry
    });
    match running.await {
        Ok(entry) => entry,
        Err(_) => Entry::told(panicked.end(Ending::Panicked).record(all.ports).await),
    }
}

/// The record of an entry of the batch that `batch` is the record of.
pub(super) fn entry_of(batch: &Exchange) -> Exchange {
    // What an entry comes to is a part of one answer, whose format is that of the batch.
    Exchange { format: Format::Json, ..batch.clone().within(batch) }
}

/// The entry as if it had come alone.
async fn alone(
    line: Result<Line, NotABatch>,
    request_id: RequestId,
    brought: &Brought,
    requestor: Requestor,
    begun: Exchange,
    ports: &Ports,
    under_way: &UnderWay,
) -> Result<Shared, Ended> {
    let malformed = |why: Malformed| begun.end(Ending::Malformed(why));
    let line = line.map_err(|why| malformed(why.into()))?;
    let arrived = brought.alone(line, request_id).map_err(malformed)?;
    let (question, begun) = question(arrived, requestor, begun, ports)?;
    serve(question, begun, ports, under_way).await
}

/// Records that an entry is not given after all, and what is told instead. What a system has done stands, and is told:
/// who heard otherwise would do it again. What was said about it goes.
pub(super) async fn taken_back(
    shared: Shared,
    why: Ending,
    batch: &Exchange,
    ports: &Ports,
) -> Result<Entry, Ended> {
    if shared.released.tells_what_was_done() {
        return Ok(Entry::Given(Box::new(Shared::from(shared.released.without_body()))));
    }
    let told = why.to_reply();
    take_back(shared.released, why.reason(), &*ports.ledger)
        .await
        .map_err(|why| batch.end(Ending::Unrecorded(why)))?;
    Ok(Entry::told(told))
}

/// All entries, if something is given for each; else nothing of any.
async fn all_or_none(entries: Vec<Entry>, begun: &Exchange, ports: &Ports) -> Result<Vec<Entry>, Ended> {
    let failed = entries.iter().find_map(|entry| match entry {
        Entry::Told(reply) => Some(reply.status()),
        Entry::Given(_) => None,
    });
    let Some(status) = failed else { return Ok(entries) };
    for entry in entries {
        if let Entry::Given(shared) = entry {
            taken_back(*shared, Ending::Together(NotTogether::EntryFailed(status)), begun, ports).await?;
        }
    }
    Err(begun.end(Ending::Together(NotTogether::EntryFailed(status))))
}

/// Records the batch, and tells what became of its entries while all they rest on stands.
///
/// # Errors
/// [`Ended`] when nothing is told.
pub(super) async fn tell(
    bundle: Together,
    stands_by: StandsBy,
    mut entries: Vec<Entry>,
    begun: Exchange,
    ports: &Ports,
) -> Result<Released, Ended> {
    let moved = |shared: &Shared| !shared.evidence.is_current(&ports.consents);
    for _ in 0..ATTEMPTS_MAX {
        let mut standing = Vec::with_capacity(entries.len());
        for entry in entries {
            standing.push(match entry {
                Entry::Given(shared) if moved(&shared) => {
                    taken_back(*shared, Ending::Unrecorded(Unreleased::ConsentMoved), &begun, ports).await?
                }
                entry @ (Entry::Given(_) | Entry::Told(_)) => entry,
            });
        }
        if stands_by == StandsBy::TheOthers {
            standing = all_or_none(standing, &begun, ports).await?;
        }
        let replies: Vec<Reply> = standing.iter().map(|entry| reply(entry, ports)).collect();
        let answers = together::answers(bundle, &replies, begun.clone());
        let stands = |entry: &Entry| match entry {
            Entry::Given(shared) => !moved(shared),
            Entry::Told(_) => true,
        };
        let epoch = || if standing.iter().all(stands) { Epoch::Same } else { Epoch::Moved };
        match release(answers, begun.format, &epoch, &*ports.ledger).await {
            Ok(released) => {
                for entry in &standing {
                    entry.count(ports);
                }
                return Ok(released);
            }
            Err(Unreleased::ConsentMoved) => entries = standing,
            Err(why) => return Err(none(standing, why, &begun, ports).await),
        }
    }
    Err(none(entries, Unreleased::ConsentMoved, &begun, ports).await)
}

/// Records of each entry that it was not given, because the answer as a whole is not. What cannot be recorded so is not
/// certain: no leaf of the batch says that it was answered.
async fn none(entries: Vec<Entry>, why: Unreleased, begun: &Exchange, ports: &Ports) -> Ended {
    let ending = Ending::Unrecorded(why);
    for entry in entries {
        if let Entry::Given(shared) = entry
            && !shared.released.tells_what_was_done()
            && take_back(shared.released, ending.reason(), &*ports.ledger).await.is_err()
        {
            break;
        }
    }
    begun.end(ending)
}

fn reply(entry: &Entry, ports: &Ports) -> Reply {
    match entry {
        Entry::Given(shared) => Reply::released(&shared.released, &ports.settings.gateway.base),
        Entry::Told(reply) => reply.copied(),
    }
}
