//! What references lead to: looked up after the ruling about an answer, and ruled on with it, before anything is shown.
//!
//! One search for each type and two hundred that are referred to, none where nothing is. Only where it leads to persons nobody has ruled
//! on is evidence gathered and the ruling made again, about all of them.

use std::collections::BTreeSet;

use fhir::json::Document;
use fhir::reference::{Id, Local};
use futures_util::future::join_all;

use crate::decision::decide;
use crate::decision::evidence::anyone::nothing;
use crate::decision::evidence::apart::{Search, Spare};
use crate::decision::evidence::{Evidence, EvidenceFault, Unusable, Wells};
use crate::decision::ruling::{Admitted, Ruling};
use crate::enforce::answer::Frame;
use crate::enforce::facts::only;
use crate::enforce::held::Held;
use crate::enforce::household::{self, Asks, Sheltered};
use crate::enforce::medicines::{self, MADE_OF_MAX, Medicines};
use crate::enforce::naming::Readable;
use crate::enforce::subjects::Subjects;
use crate::enforce::targets::{LookedUp, Wanted, wanted};
use crate::enforce::unfiltered::Unfiltered;
use crate::interaction::ReadTarget;
use crate::settings::Households;
use crate::upstream::UpstreamFault;

/// How many resources of one type are asked for at once.
const TARGETS_AT_ONCE: usize = 200;
/// How many medicines are asked for at once.
const MEDICINES_AT_ONCE: usize = 100;
/// How many medicines are read one by one for an answer, where they cannot be searched for, and how many of them at once.
const MEDICINES_READ_MAX: usize = 100;
const READ_AT_ONCE: usize = 4;

/// A ruling, with the persons it is about and the evidence it rests on.
#[derive(Debug)]
pub struct Ruled {
    /// The ruling.
    pub ruling: Ruling,
    /// The persons.
    pub subjects: Subjects,
    /// The evidence.
    pub evidence: Evidence,
}

/// Looks up what `held` refers to, as far as references to it may be shown. The ruling that comes back is about the
/// persons behind it too.
///
/// What a system cannot be asked for is hidden, and so is what alone it does not tell: why stands with the evidence.
///
/// # Errors
/// [`EvidenceFault`] when a system does not answer, or with what nobody asked for, whatever it is asked for.
pub async fn follow(
    held: &Unfiltered<Held>,
    ruled: Ruled,
    frame: Frame<'_>,
    wells: Wells<'_>,
) -> Result<(LookedUp, Ruled), EvidenceFault> {
    let open = Medicines::none();
    let asked = open.wanted(held, &ruled.ruling, frame);
    let mut doubts = Vec::new();
    let medicines = look_into(open, asked, frame, wells, &mut doubts).await?;
    let wanted = wanted(held, &ruled.ruling, Frame { medicines: &medicines, ..frame });
    let looked_up = look_up(wanted, frame, wells, &mut doubts).await?;
    let mut ruled = match looked_up.adds_to(&ruled.subjects, frame) {
        None => ruled,
        Some(subjects) => {
            let admitted = ruled.ruling.into_admitted();
            let evidence = Evidence::gather(&admitted, &subjects, wells).await?.resting_on(&ruled.evidence);
            Ruled { ruling: decide(admitted, &evidence), subjects, evidence }
        }
    };
    let asked = medicines.wanted_behind(&looked_up, &ruled.ruling, frame);
    let medicines = look_into(medicines, asked, frame, wells, &mut doubts).await?;
    let looked_up = looked_up.knowing(medicines);
    // Under the ruling that counts: what is shown by it is asked about.
    let known = looked_up.known_in(frame);
    let sheltered = match known.households {
        Households::Told => Sheltered::nowhere(),
        Households::Shielded => {
            let asks = household::asks(held, &looked_up, &ruled.ruling, known);
            sheltered(&asks, known, wells, &mut doubts).await?
        }
    };
    ruled.evidence.doubt(doubts);
    Ok((looked_up.sheltering(sheltered), ruled))
}

/// What of `wanted` may be read by who asks what was `admitted`, each as if it were read alone; and the evidence for it.
///
/// # Errors
/// [`EvidenceFault`] when a system does not answer, or with what nobody asked for, whatever it is asked for.
pub async fn readable(
    wanted: Wanted,
    admitted: Admitted,
    frame: Frame<'_>,
    wells: Wells<'_>,
) -> Result<(Readable, Evidence), EvidenceFault> {
    let (asked, mut doubts) = (wanted.len(), Vec::new());
    let looked_up = look_up(wanted, frame, wells, &mut doubts).await?;
    let nobody = Subjects { system: Some(frame.system.clone()), ..Subjects::default() };
    let subjects = looked_up.adds_to(&nobody, frame).unwrap_or(nobody);
    let mut evidence = Evidence::gather(&admitted, &subjects, wells).await?;
    let ruling = decide(admitted, &evidence);
    let medicines = Medicines::none();
    let behind = medicines.wanted_behind(&looked_up, &ruling, frame);
    let medicines = look_into(medicines, behind, frame, wells, &mut doubts).await?;
    let sheltered = match frame.households {
        Households::Told => Sheltered::nowhere(),
        Households::Shielded => {
            let asks = household::asks_of_places(&looked_up);
            sheltered(&asks, frame, wells, &mut doubts).await?
        }
    };
    let looked_up = looked_up.knowing(medicines).sheltering(sheltered);
    let readable = looked_up.readable(asked, &ruling, &subjects, frame);
    evidence.doubt(doubts);
    Ok((readable, evidence))
}

/// Looks up what is `wanted`, in parts.
async fn look_up(
    wanted: Wanted,
    frame: Frame<'_>,
    wells: Wells<'_>,
    doubts: &mut Vec<Unusable>,
) -> Result<LookedUp, EvidenceFault> {
    let (nothing, mut spare) = (nothing(), Spare::default());
    let asks = wanted.asks().clone();
    let mut looked_up = wanted.begin();
    for (target, ids) in asks {
        let ids: Vec<Id> = ids.into_iter().collect();
        for some in ids.chunks(TARGETS_AT_ONCE) {
            if !looked_up.has_room() {
                return Ok(looked_up.cut_off());
            }
            let search = Search::by_id((frame.system, target.name()), nothing.as_ref(), TARGETS_AT_ONCE);
            let read = &|held, some: &BTreeSet<Id>| only(held, target.name(), some);
            match search.ask(&some.iter().cloned().collect(), wells.upstream, &mut spare, read).await {
                Ok(told) => {
                    told.parts.into_iter().for_each(|part| looked_up.add(part));
                    // A document says what it lacks.
                    if let Some(why) = told.why {
                        looked_up.cannot_search(target);
                        doubts.push(why);
                    }
                }
                Err(EvidenceFault::Upstream(why)) if why.is_refusal() => {
                    looked_up.cannot_search(target);
                    break;
                }
                Err(fault) => return Err(fault),
            }
        }
    }
    Ok(looked_up)
}

/// The medicines that a submitted body refers to: those that are sent `together` with it, and those that lie where it is to
/// be stored, whose ids are ids there.
///
/// # Errors
/// [`EvidenceFault`] when the system does not answer, or with what nobody asked for.
pub async fn medicines_of_body(
    body: &Unfiltered<Document>,
    together: &Unfiltered<Document>,
    ruling: &Ruling,
    frame: Frame<'_>,
    wells: Wells<'_>,
) -> Result<Medicines, EvidenceFault> {
    let open = Medicines::sent(together, frame);
    let asked = open.wanted_for(body, ruling, frame);
    // What cannot be known is refused, whyever that is.
    look_into(open, asked, frame, wells, &mut Vec::new()).await
}

/// Looks up the medicines that are `wanted`, and what they are made of.
async fn look_into(
    mut medicines: Medicines,
    mut wanted: BTreeSet<Local>,
    frame: Frame<'_>,
    wells: Wells<'_>,
    doubts: &mut Vec<Unusable>,
) -> Result<Medicines, EvidenceFault> {
    let (nothing, mut spare) = (nothing(), Spare::default());
    let mut reads = MEDICINES_READ_MAX;
    for hop in 0..=MADE_OF_MAX {
        for kind in medicines::KINDS {
            let of_kind = wanted.iter().filter(|local| local.resource_type.as_str() == kind);
            let ids: Vec<Id> = of_kind.map(|local| local.id.clone()).collect();
            for some in ids.chunks(MEDICINES_AT_ONCE) {
                if hop == MADE_OF_MAX || !medicines.has_room() {
                    medicines.lack(kind, some);
                    continue;
                }
                let search = Search::by_id((frame.system, kind), nothing.as_ref(), MEDICINES_AT_ONCE);
                let read = &|held, some: &BTreeSet<Id>| Ok((only(held, kind, some)?, some.clone()));
                match search.ask(&some.iter().cloned().collect(), wells.upstream, &mut spare, read).await {
                    Ok(told) => {
                        told.parts.iter().for_each(|(found, asked)| medicines.add(found, kind, asked, frame));
                        medicines.lack(kind, &told.failed);
                        doubts.extend(told.why);
                    }
                    // It may serve them by their ids alone.
                    Err(EvidenceFault::Upstream(why)) if why.is_refusal() => {
                        let (some, beyond) = some.split_at(reads.min(some.len()));
                        reads -= some.len();
                        read_each(&mut medicines, kind, some, frame, wells, doubts).await?;
                        medicines.lack(kind, beyond);
                    }
                    Err(fault) => return Err(fault),
                }
            }
        }
        wanted = medicines.wanted_next();
        if wanted.is_empty() {
            break;
        }
    }
    Ok(medicines)
}

/// Reads medicines by their ids. One of which alone the system does not tell is not known.
async fn read_each(
    medicines: &mut Medicines,
    kind: &'static str,
    ids: &[Id],
    frame: Frame<'_>,
    wells: Wells<'_>,
    doubts: &mut Vec<Unusable>,
) -> Result<(), EvidenceFault> {
    let Some(resource_type) = fhir::tables::resource_type(kind) else {
        medicines.lack(kind, ids);
        return Ok(());
    };
    let targets: Vec<ReadTarget> = ids.iter().map(|id| ReadTarget::new(resource_type, id.clone())).collect();
    let mut is_sound = false;
    for some in targets.chunks(READ_AT_ONCE) {
        let reads = some.iter().map(|target| wells.upstream.read_one(frame.system, target));
        for (target, mut found) in some.iter().zip(join_all(reads).await) {
            let fault = found.as_ref().err().copied().filter(UpstreamFault::is_transient);
            let fault = fault.map(EvidenceFault::Upstream);
            if let Some(why) = fault {
                // What fails about nothing either is no matter of this one.
                let (Some(unusable), Some(nothing)) = (Unusable::of(&why), nothing()) else {
                    return Err(why);
                };
                if !is_sound {
                    sound(&ReadTarget::new(resource_type, nothing), frame, wells).await?;
                    is_sound = true;
                }
                found = wells.upstream.read_one(frame.system, target).await;
                if found.is_err() {
                    doubts.push(unusable);
                }
            }
            match found {
                Ok(found) => medicines.add_one(&found, kind, &target.id, frame),
                Err(why) if Unusable::of(&EvidenceFault::Upstream(why)).is_none() => {
                    return Err(EvidenceFault::Upstream(why));
                }
                Err(_) => medicines.lack(kind, [&target.id]),
            }
        }
    }
    Ok(())
}

/// Whether a system answers at all when something is read that is nowhere.
async fn sound(nothing: &ReadTarget, frame: Frame<'_>, wells: Wells<'_>) -> Result<(), EvidenceFault> {
    match wells.upstream.read_one(frame.system, nothing).await {
        Err(why) if why.is_transient() => Err(EvidenceFault::Upstream(why)),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Asks the holder whether the places that the answer would show are those of a protected person. A place about which alone
/// it does not answer may be one.
async fn sheltered(
    asks: &Asks,
    frame: Frame<'_>,
    wells: Wells<'_>,
    doubts: &mut Vec<Unusable>,
) -> Result<Sheltered, EvidenceFault> {
    let (mut sheltered, mut spare) = (asks.begin(), Spare::default());
    // Nobody lives or is reached there.
    let nowhere = nothing().map(|nothing| nothing.as_str().to_owned());
    for (name, values) in asks.searches() {
        let about = |some: &BTreeSet<String>| household::asking(name, some);
        let (system, nobody) = (frame.system, nowhere.as_ref());
        let at_once = values.len();
        let search = Search { system, resource_type: "Patient", about: &about, nobody, at_once };
        let read = &|held, _: &BTreeSet<String>| household::answered(held);
        match search.ask(values, wells.upstream, &mut spare, read).await {
            Ok(told) => {
                told.parts.iter().for_each(|found| sheltered.add(found));
                sheltered.add_values(name, &told.failed);
                doubts.extend(told.why);
            }
            Err(EvidenceFault::Upstream(why)) if why.is_refusal() => sheltered.add_everywhere(),
            Err(fault) => return Err(fault),
        }
    }
    Ok(sheltered)
}
