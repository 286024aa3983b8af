//! Doing what was decided: every intent durable, then one transaction, then what became of it.
//!
//! What is released here and does not leave is recorded as not released. What went to the system and is not known to
//! have been refused is recorded as what it is: uncertain.

use super::Whole;
use super::asking::Entry;
use super::deciding::{Decided, Step};
use crate::decision::evidence::Evidence;
use crate::enforce::release::{Epoch, Minimised, Released, Unreleased, release, take_back};
use crate::enforce::transaction::{Part, bundle};
use crate::outcome::{Ended, Ending, NotTaken, NotTogether};
use crate::server::format::Format;
use crate::trail::record::{AboutPerson, Exchange};
use crate::upstream::{Outgoing, Sent, Taken, Transacted, Write};

/// What became of a transaction.
pub(super) enum Done {
    /// All was done: the entries, and the record of the transaction up to here.
    All(Vec<Standing>, Box<Exchange>),
    /// Nothing was, and why: it may be begun again.
    Nothing(Vec<Entry>, Ending),
}

/// An entry whose intent is recorded.
pub(super) struct Standing {
    pub(super) entry: Entry,
    pub(super) evidence: Evidence,
    pub(super) what: What,
}

/// What stands for an entry.
pub(super) enum What {
    /// It is sent, and what the system says of it.
    Sent { write: Write, intent: Released, persons: Vec<AboutPerson>, sent: Option<Sent> },
    /// It is told.
    Given(Released),
    /// It is answered afterwards.
    Answer,
}

/// Does everything, or nothing.
///
/// # Errors
/// [`Ended`] when nothing was done for good, or it is not known what was.
pub(super) async fn done(decided: Vec<Decided>, whole: &Whole<'_>) -> Result<Done, Ended> {
    let ports = whole.ports;
    let mut all = match recorded(decided, whole).await? {
        Ok(all) => all,
        Err(entries) => return Ok(Done::Nothing(entries, moved())),
    };
    let order = order(&all);
    if order.is_empty() {
        return Ok(Done::All(all, Box::new(whole.begun.clone())));
    }
    let epoch = || match all.iter().all(|one| one.evidence.is_current(&ports.consents)) {
        true => Epoch::Same,
        false => Epoch::Moved,
    };
    let parts: Vec<Part<'_>> = order.iter().filter_map(|at| part(all.get(*at)?)).collect();
    let together = bundle(&parts, whole.begun.clone(), ports.site());
    let intent = match release(together, Format::Json, &epoch, &*ports.ledger).await {
        Ok(intent) => intent,
        Err(why) => {
            let is_moved = matches!(why, Unreleased::ConsentMoved);
            let ending = Ending::Unrecorded(why);
            let entries = taken_back(all, &ending, whole).await?;
            return if is_moved { Ok(Done::Nothing(entries, ending)) } else { Err(whole.begun.end(ending)) };
        }
    };
    let writes: Vec<&Write> = parts.iter().map(|part| part.write).collect();
    parts.iter().for_each(|part| ports.count(part.released));
    let outgoing = Outgoing::released(Write::Transaction, &intent, intent.provenance().cloned());
    let answered = ports.upstream.transact(&whole.system, outgoing, &writes).await;
    let begun = Exchange { follows: Some(intent.receipt().to_header()), ..whole.begun.clone() };
    match answered {
        Ok(Transacted::Done(told)) => {
            for (at, told) in order.into_iter().zip(told) {
                if let Some(Standing { what: What::Sent { sent, .. }, .. }) = all.get_mut(at) {
                    *sent = Some(told);
                }
            }
            Ok(Done::All(all, Box::new(begun)))
        }
        Ok(Transacted::NotDone(why)) => {
            let why = not_taken(why);
            let entries = not_done(all, || Ending::NotTaken(why), whole).await?;
            match why {
                // Another version, or gone: what is there now is decided about anew.
                NotTaken::Conflict | NotTaken::NotSupported => {
                    begun.end(Ending::NotTaken(why)).noted(ports).await?;
                    Ok(Done::Nothing(entries, Ending::NotTaken(why)))
                }
                NotTaken::Invalid | NotTaken::Several | NotTaken::Unclear => {
                    Err(begun.end(Ending::NotTaken(why)))
                }
            }
        }
        Err(fault) => {
            not_done(all, || Ending::Upstream(fault), whole).await?;
            Err(begun.end(Ending::Upstream(fault)))
        }
    }
}

const fn moved() -> Ending {
    Ending::Unrecorded(Unreleased::ConsentMoved)
}

const fn not_taken(why: Taken) -> NotTaken {
    match why {
        Taken::Conflict => NotTaken::Conflict,
        Taken::NotSupported => NotTaken::NotSupported,
        Taken::Invalid | Taken::Created | Taken::Done | Taken::Accepted => NotTaken::Invalid,
    }
}

/// Records the intent of every entry, and what is told of those for which there is nothing to do. When a consent moved
/// meanwhile, that is taken back, and only the entries are left.
async fn recorded(
    decided: Vec<Decided>,
    whole: &Whole<'_>,
) -> Result<Result<Vec<Standing>, Vec<Entry>>, Ended> {
    let mut all = Vec::with_capacity(decided.len());
    let mut decided = decided.into_iter();
    while let Some(Decided { entry, step, evidence }) = decided.next() {
        let what = match step {
            Step::Answer => Ok(What::Answer),
            Step::Give(told) => standing(told, &evidence, whole).await.map(What::Given),
            Step::Send { write, intent } => {
                let persons = intent.persons().to_vec();
                let intent = standing(intent, &evidence, whole).await;
                intent.map(|intent| What::Sent { write, intent, persons, sent: None })
            }
        };
        match what {
            Ok(what) => all.push(Standing { entry, evidence, what }),
            Err(why) => {
                let is_moved = matches!(why, Unreleased::ConsentMoved);
                let ending = Ending::Unrecorded(why);
                let mut entries = taken_back(all, &ending, whole).await?;
                entries.push(entry);
                entries.extend(decided.map(|decided| decided.entry));
                return if is_moved { Ok(Err(entries)) } else { Err(whole.begun.end(ending)) };
            }
        }
    }
    Ok(Ok(all))
}

async fn standing(
    minimised: Minimised,
    evidence: &Evidence,
    whole: &Whole<'_>,
) -> Result<Released, Unreleased> {
    let ports = whole.ports;
    let epoch = || if evidence.is_current(&ports.consents) { Epoch::Same } else { Epoch::Moved };
    release(minimised, Format::Json, &epoch, &*ports.ledger).await
}

/// Records that nothing of this left after all.
async fn taken_back(all: Vec<Standing>, why: &Ending, whole: &Whole<'_>) -> Result<Vec<Entry>, Ended> {
    let mut entries = Vec::with_capacity(all.len());
    for Standing { entry, what, .. } in all {
        match what {
            What::Sent { intent: released, .. } | What::Given(released) => {
                take_back(released, why.reason(), &*whole.ports.ledger)
                    .await
                    .map_err(|why| whole.begun.end(Ending::Unrecorded(why)))?;
            }
            What::Answer => {}
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// Records what became of every intent, when it is not that it was done; what was to be told is not.
async fn not_done(
    all: Vec<Standing>,
    ending: impl Fn() -> Ending,
    whole: &Whole<'_>,
) -> Result<Vec<Entry>, Ended> {
    let beside = Ending::Together(NotTogether::EntryFailed(ending().told().status));
    let (mut entries, mut unrecorded) = (Vec::with_capacity(all.len()), None);
    let (mut given, mut places) = (Vec::new(), Vec::new());
    for (at, Standing { entry, evidence, what }) in all.into_iter().enumerate() {
        match what {
            What::Sent { intent, .. } => {
                let outcome = Exchange { follows: Some(intent.receipt().to_header()), ..entry.begun.clone() };
                if let Err(not) = outcome.end(ending()).noted(whole.ports).await {
                    unrecorded.get_or_insert(not.ending);
                }
                entries.push((at, entry));
            }
            What::Given(_) | What::Answer => {
                places.push(at);
                given.push(Standing { entry, evidence, what });
            }
        }
    }
    entries.extend(places.into_iter().zip(taken_back(given, &beside, whole).await?));
    // An answer is told by its place alone: they stay in the order in which they came.
    entries.sort_by_key(|(at, _)| *at);
    match unrecorded {
        // What became of an intent is durable before another is made.
        Some(why) => Err(whole.begun.end(why)),
        None => Ok(entries.into_iter().map(|(_, entry)| entry).collect()),
    }
}

/// What is sent, in the order in which FHIR has it carried out: what goes, what is new, what changes.
fn order(all: &[Standing]) -> Vec<usize> {
    let rank = |one: &Standing| match &one.what {
        What::Sent { write: Write::Delete { .. }, .. } => Some(0),
        What::Sent { write: Write::Create { .. }, .. } => Some(1),
        What::Sent { write: Write::Update { .. } | Write::Transaction | Write::Message, .. } => Some(2),
        What::Given(_) | What::Answer => None,
    };
    let mut order: Vec<(u8, usize)> =
        all.iter().enumerate().filter_map(|(at, one)| Some((rank(one)?, at))).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, at)| at).collect()
}

fn part(one: &Standing) -> Option<Part<'_>> {
    match &one.what {
        What::Sent { write, intent, persons, .. } => Some(Part {
            write,
            full_url: &one.entry.name,
            released: intent,
            exchange: &one.entry.begun,
            persons,
        }),
        What::Given(_) | What::Answer => None,
    }
}
