//! What may be done for each entry of a transaction: decided and cut as if it had come alone. Nothing leaves by it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fhir::json::Document;
use tokio::time::Instant;

use super::super::view::{View, view};
use super::asking::{Body, Entry, Wish};
use super::{Whole, all_or_none, in_order};
use crate::change;
use crate::conditional;
use crate::decision::evidence::Evidence;
use crate::decision::ruling::Admitted;
use crate::delete;
use crate::enforce::existing::Existing;
use crate::enforce::medicines::KINDS as MEDICINES;
use crate::enforce::merge::Step as Merged;
use crate::enforce::release::Minimised;
use crate::enforce::transaction::{IsNew, beside, len, place_of, prepared, undone, weight};
use crate::enforce::unfiltered::Unfiltered;
use crate::interaction::batch::NotABatch;
use crate::interaction::transaction::NotATransaction;
use crate::interaction::{ResourceChange, Wanted};
use crate::outcome::{Ended, Ending, NotTogether};
use crate::pace::UnderWay;
use crate::submit::cut_beside;
use crate::trail::record::Exchange;
use crate::upstream::{CHANGED_MAX, UpstreamFault, Write};

/// How much is read of the entries together with those that they are about, in all of them as they were sent.
const READ_TOGETHER_MAX: usize = 16;

/// An entry that may be done.
pub(super) struct Decided {
    pub(super) entry: Entry,
    pub(super) step: Step,
    pub(super) evidence: Evidence,
}

/// What is to be done for it.
pub(super) enum Step {
    /// This is sent.
    Send { write: Write, intent: Minimised },
    /// Nothing: this is told.
    Give(Minimised),
    /// It may be answered once the others are done.
    Answer,
}

/// Decides about every entry.
///
/// # Errors
/// [`Ended`] when one of them may not be done: none is.
pub(super) async fn decided(
    entries: Vec<Entry>,
    deadline: Instant,
    whole: &Whole<'_>,
) -> Result<Vec<Decided>, Ended> {
    let begun: Vec<Exchange> = entries.iter().map(|entry| entry.begun.clone()).collect();
    let each = entries.into_iter().map(|entry| {
        let begun = entry.begun.clone();
        in_time(begun, deadline, whole, looked(entry, whole))
    });
    let looked = in_order(whole, each).await;
    let apart = |looked: Looked, begun: &Exchange, ending| match looked.there {
        Some(there) => undone(there.told, begun, ending),
        None => begun.end(ending),
    };
    let looked = all_or_none(looked, &begun, apart, whole).await?;
    let looked = all_or_none(not_written(looked), &begun, apart, whole).await?;
    let bodies = Bodies::of(&looked, whole);
    let looked = all_or_none(bodies.loose(looked), &begun, apart, whole).await?;
    let each = looked.into_iter().enumerate().map(|(at, looked)| {
        let begun = looked.entry.begun.clone();
        // Of many at once none lies on the stack.
        in_time(begun, deadline, whole, Box::pin(one(looked, bodies.of_entry(at), whole)))
    });
    let decided = in_order(whole, each).await;
    let apart = |decided: Decided, begun: &Exchange, ending| match decided.step {
        Step::Send { intent, .. } => undone(intent, begun, ending),
        Step::Give(_) | Step::Answer => begun.end(ending),
    };
    let decided = all_or_none(decided, &begun, apart, whole).await?;
    all_or_none(within_bytes(decided, whole), &begun, apart, whole).await
}

/// What deciding about an entry comes to, if there is time for it. What takes too long is dropped: nothing is recorded
/// of it yet.
async fn in_time<T>(
    begun: Exchange,
    deadline: Instant,
    whole: &Whole<'_>,
    deciding: impl Future<Output = Result<T, Ended>>,
) -> Result<T, Ended> {
    if Instant::now() > deadline {
        return Err(begun.end(Ending::Together(NotTogether::TooLate)));
    }
    let limits = &whole.ports.settings.limits;
    let under_way = UnderWay::begin_within(limits.exchange_timeout / 4, limits.beat);
    let decided = under_way.in_time(deciding).await;
    decided.map_err(|_| begun.end(Ending::Together(NotTogether::TooSlow)))?
}

/// The entries, less those that make what is changed more than is held at once. It counts what is hidden, so it is far
/// above what anybody could bring near it by what she sends.
fn within_bytes(decided: Vec<Decided>, whole: &Whole<'_>) -> Vec<Result<Decided, Ended>> {
    let system = whole.ports.settings.system(whole.system.as_str());
    let bytes_max = system.map_or(0, |system| system.body_bytes_max.saturating_mul(CHANGED_MAX));
    let mut bytes = 0_usize;
    let each = decided.into_iter().map(|decided| {
        let Decided { entry, step, evidence } = decided;
        match step {
            Step::Send { write: write @ Write::Update { .. }, intent } => {
                bytes = bytes.saturating_add(len(&intent));
                match bytes > bytes_max {
                    true => Err(undone(intent, &entry.begun, Ending::Upstream(UpstreamFault::TooLarge))),
                    false => Ok(Decided { entry, step: Step::Send { write, intent }, evidence }),
                }
            }
            step @ (Step::Send { .. } | Step::Give(_) | Step::Answer) => {
                Ok(Decided { entry, step, evidence })
            }
        }
    });
    each.collect()
}

/// An entry, and what is there already of what it creates.
struct Looked {
    entry: Entry,
    there: Option<There>,
}

/// What the requestor sees that meets the condition of a create.
struct There {
    told: Minimised,
    evidence: Evidence,
}

/// Looks for what is there already, as the requestor may search. What is hidden counts as not there.
async fn looked(entry: Entry, whole: &Whole<'_>) -> Result<Looked, Ended> {
    let Entry { begun, name, wish: Wish::Create { write, look: Some(look), resource_type, body } } = entry
    else {
        return Ok(Looked { entry, there: None });
    };
    let looking = Exchange { interaction: "search-type".into(), ..begun.clone().under(&look) };
    let found = conditional::looked_for(*look, &looking, whole.ports).await?;
    let View { made, again, evidence, .. } = found;
    let there = match made {
        Existing::Seen(told) => Some(There { told: *told, evidence }),
        Existing::Hidden | Existing::Absent => None,
    };
    let wish = Wish::Create { write, look: Some(Box::new(again)), resource_type, body };
    Ok(Looked { entry: Entry { begun, name, wish }, there })
}

/// The entries, less those that found what another one changes or takes away: what would be told of it is not so
/// afterwards.
fn not_written(looked: Vec<Looked>) -> Vec<Result<Looked, Ended>> {
    let written: BTreeSet<String> = looked.iter().filter_map(|looked| looked.entry.wish.place()).collect();
    let is_written = |there: &There| place_of(&there.told).is_some_and(|place| written.contains(&place));
    let each = looked.into_iter().map(|Looked { entry, there }| match there {
        Some(there) if is_written(&there) => {
            let ending = Ending::Malformed(NotABatch::Transaction(NotATransaction::Twice).into());
            Err(undone(there.told, &entry.begun, ending))
        }
        there => Ok(Looked { entry, there }),
    });
    each.collect()
}

/// The bodies of all entries as they are decided on: what was found already is called by its place.
struct Bodies {
    all: Vec<Option<Body>>,
    /// Which entry creates what has this name, and of which type it is.
    created: BTreeMap<String, (usize, &'static str)>,
}

impl Bodies {
    fn of(looked: &[Looked], whole: &Whole<'_>) -> Self {
        let bases = whole.ports.bases_of(&whole.system);
        let (mut found, mut created) = (BTreeMap::new(), BTreeMap::new());
        for (at, Looked { entry, there }) in looked.iter().enumerate() {
            match (&entry.wish, there) {
                (Wish::Create { resource_type, .. }, None) => {
                    created.insert(entry.name.clone(), (at, *resource_type));
                }
                (Wish::Create { .. }, Some(there)) => {
                    found.extend(place_of(&there.told).map(|place| (entry.name.clone(), place)));
                }
                (Wish::Change { .. } | Wish::Delete { .. } | Wish::Read(_) | Wish::Plain(_), _) => {}
            }
        }
        let is_entry = |name: &String| created.contains_key(name) || found.contains_key(name);
        let now = |body: &Body| {
            let mut body = body.clone();
            body.refers_to.retain(is_entry);
            if !body.refers_to.iter().any(|name| found.contains_key(name)) {
                return Some(body);
            }
            let mut body = Body::of(prepared(&body.content, &found, IsNew::No)?, bases).ok()?;
            body.refers_to.retain(is_entry);
            Some(body)
        };
        let all = looked.iter().map(|Looked { entry, .. }| match &entry.wish {
            Wish::Create { body, .. } | Wish::Change { body, .. } => now(body),
            Wish::Delete { .. } | Wish::Read(_) | Wish::Plain(_) => None,
        });
        Self { all: all.collect(), created }
    }

    /// The entries, less those with which all that has to be read together is more than is read for one exchange: what
    /// is about many others that are sent with it is read with each of them.
    fn loose(&self, looked: Vec<Looked>) -> Vec<Result<Looked, Ended>> {
        let size = |at: usize| self.get(at).map_or(0, |body| weight(&body.content));
        let sent: usize = (0..self.all.len()).map(size).sum();
        let most = sent.saturating_mul(READ_TOGETHER_MAX);
        let mut read = 0_usize;
        let each = looked.into_iter().enumerate().map(|(at, looked)| {
            if read <= most {
                let others = self.of_entry(at).others();
                let others = others.into_iter().filter_map(|name| self.created.get(name));
                read =
                    others.fold(read.saturating_add(size(at)), |sum, (at, _)| sum.saturating_add(size(*at)));
            }
            match (read > most, looked) {
                (false, looked) => Ok(looked),
                (true, Looked { entry, there }) => {
                    let ending = Ending::Malformed(NotABatch::Transaction(NotATransaction::Entangled).into());
                    Err(match there {
                        Some(there) => undone(there.told, &entry.begun, ending),
                        None => entry.begun.end(ending),
                    })
                }
            }
        });
        each.collect()
    }

    const fn of_entry(&self, at: usize) -> OfEntry<'_> {
        OfEntry { at, bodies: self }
    }

    fn get(&self, at: usize) -> Option<&Body> {
        self.all.get(at).and_then(Option::as_ref)
    }
}

/// The body of one entry.
#[derive(Clone, Copy)]
struct OfEntry<'a> {
    at: usize,
    bodies: &'a Bodies,
}

impl<'a> OfEntry<'a> {
    fn own(self) -> Option<&'a Body> {
        self.bodies.get(self.at)
    }

    /// The names of the new ones that say whom it is about, or what its medicines are; of those that say so of these too.
    fn others(self) -> BTreeSet<&'a str> {
        let bodies = self.bodies;
        let (mut open, mut reached) = (Vec::from_iter(self.own()), BTreeSet::new());
        while let Some(body) = open.pop() {
            for name in &body.refers_to {
                let Some((other, kind)) = bodies.created.get(name) else { continue };
                let says_whom = body.leads_to.contains(name) || *kind == "Patient";
                if (says_whom || MEDICINES.contains(kind))
                    && *other != self.at
                    && reached.insert(name.as_str())
                {
                    open.extend(bodies.get(*other));
                }
            }
        }
        reached
    }

    /// It with those; itself where there are none.
    fn with_others(self) -> Option<Arc<Unfiltered<Document>>> {
        let (bodies, body) = (self.bodies, self.own()?);
        let other = |name: &'a str| Some((name, &*bodies.get(bodies.created.get(name)?.0)?.content));
        let others: Vec<(&str, &Unfiltered<Document>)> =
            self.others().into_iter().filter_map(other).collect();
        match others.is_empty() {
            true => Some(Arc::clone(&body.content)),
            false => beside(&body.content, &others).map(Arc::new),
        }
    }
}

async fn one(looked: Looked, bodies: OfEntry<'_>, whole: &Whole<'_>) -> Result<Decided, Ended> {
    let Looked { entry: Entry { begun, name, wish }, there } = looked;
    let unwritten = || begun.end(Ending::NotWritten);
    let (step, wish, evidence) = match (wish, there) {
        (wish @ Wish::Create { .. }, Some(there)) => (Step::Give(there.told), wish, there.evidence),
        (Wish::Create { write, look, resource_type, .. }, None) => {
            let body = bodies.own().ok_or_else(unwritten)?;
            let together = bodies.with_others().ok_or_else(unwritten)?;
            let (intent, write, evidence) =
                cut_beside(write, &body.content, &together, &begun, whole.ports).await?;
            let step = Step::Send { write: Write::Create { resource_type, if_none_exist: None }, intent };
            (step, Wish::Create { write, look, resource_type, body: body.clone() }, evidence)
        }
        (Wish::Change { admitted, wanted, body }, _) => {
            let now = bodies.own().ok_or_else(unwritten)?;
            let (step, admitted, evidence) = changed(admitted, &wanted, now, &begun, whole).await?;
            (step, Wish::Change { admitted, wanted, body }, evidence)
        }
        (Wish::Delete { admitted, wanted }, _) => {
            let decided = delete::decided(admitted, &wanted, &begun, whole.ports).await?;
            let View { made: removal, again: admitted, evidence, .. } = decided;
            let (intent, version, _) = removal.into_parts();
            let resource_type = wanted.target.resource_type.name();
            let write = Write::Delete { resource_type, id: wanted.target.id.clone(), if_match: version };
            (Step::Send { write, intent }, Wish::Delete { admitted, wanted }, evidence)
        }
        (Wish::Read(admitted), _) => {
            let View { again: admitted, evidence, .. } = view(admitted, &begun, whole.ports).await?;
            (Step::Answer, Wish::Read(admitted), evidence)
        }
        (Wish::Plain(question), _) => (Step::Answer, Wish::Plain(question), Evidence::none()),
    };
    Ok(Decided { entry: Entry { begun, name, wish }, step, evidence })
}

/// A change, decided as alone.
async fn changed(
    admitted: Admitted,
    wanted: &ResourceChange,
    body: &Body,
    begun: &Exchange,
    whole: &Whole<'_>,
) -> Result<(Step, Admitted, Evidence), Ended> {
    let sent = Arc::clone(&body.content);
    let sent = match &wanted.wanted {
        Wanted::Whole(_) => Wanted::Whole(sent),
        Wanted::Patch(_) => Wanted::Patch(sent),
    };
    let wanted = ResourceChange { wanted: sent, ..wanted.clone() };
    let decided = change::decided(admitted, &wanted, begun, whole.ports).await?;
    let View { made: merged, again: admitted, evidence, .. } = decided;
    let step = match merged {
        Merged::Same(shown) => Step::Give(shown),
        Merged::Send { intent, version } => {
            let resource_type = wanted.target.resource_type.name();
            let write = Write::Update { resource_type, id: wanted.target.id, if_match: Some(version) };
            Step::Send { write, intent }
        }
    };
    Ok((step, admitted, evidence))
}
