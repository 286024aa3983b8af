//! Includes: what goes with a page is fetched before evidence is gathered, so that everyone it is about is ruled on
//! with everyone else.
//!
//! For that it must be known what the page will show, so the question is decided once for the matches alone. Nothing
//! leaves on that ruling; the one that counts is made after, about all there is.

use std::collections::BTreeSet;

use fhir::reference::Id;

use crate::behind::behind;
use crate::decision::decide;
use crate::decision::evidence::anyone::nothing;
use crate::decision::evidence::apart::{Search, Spare};
use crate::decision::evidence::{Evidence, EvidenceFault, Unusable, Wells};
use crate::decision::ruling::Admitted;
use crate::enforce::answer::Frame;
use crate::enforce::behind::Behind;
use crate::enforce::facts::only_matches;
use crate::enforce::held::{Complete, Held};
use crate::enforce::included::{Ask, Included, wanted};
use crate::enforce::medicines::Medicines;
use crate::enforce::sieve::apart;
use crate::enforce::subjects::subjects;
use crate::enforce::targets::LookedUp;
use crate::enforce::unfiltered::Unfiltered;
use crate::enforce::whom::Whom;
use crate::follow::{Ruled, follow};
use crate::outcome::{Ended, Ending};
use crate::ports::Ports;
use crate::settings::Households;
use crate::upstream::UpstreamFault;

/// How many of what goes with a page are asked for at once.
const AT_ONCE: usize = 50;

/// Adds to the matches in `held` what is to go with those of the page. The admitted question comes back, and the evidence on
/// which something was let go, with what could not be used of what was fetched.
///
/// # Errors
/// [`Ended`] when a system does not answer.
pub async fn beside(
    held: Unfiltered<Held>,
    admitted: Admitted,
    frame: Frame<'_>,
    (ports, wells): (&Ports, Wells<'_>),
) -> Result<(Unfiltered<Held>, Admitted, Evidence), Ended> {
    if !admitted.question().interaction.asks_for_includes() {
        return Ok((held, admitted, Evidence::none()));
    }
    let unproven = |why| frame.exchange.end(Ending::Evidence(why));
    let anew = Whom::over(frame.bases);
    let whom = frame.whom.unwrap_or(&anew);
    let subjects = frame.behind.join(subjects(&held, &admitted, whom));
    let evidence = Evidence::gather(&admitted, &subjects, wells).await.map_err(unproven)?;
    let ruled = Ruled { ruling: decide(admitted, &evidence), subjects, evidence };
    // Which matches are shown depends on what they refer to only where a criterion reads it or where they are medicines, and
    // on who lives there where that is asked.
    let is_asked = frame.households == Households::Shielded
        || !Medicines::none().wanted(&held, &ruled.ruling, frame).is_empty();
    let (led_to, ruled) = match ruled.ruling.admitted().rematch().is_empty() && !is_asked {
        true => (LookedUp::nothing(), ruled),
        false => follow(&held, ruled, frame, wells).await.map_err(unproven)?,
    };
    let (asks, mut included) = wanted(&held, &led_to, &ruled.ruling, frame).begin();
    let mut admitted = ruled.ruling.into_admitted();
    let mut evidence = Evidence::none();
    for ask in &asks {
        let Some(ids) = &ask.ids else {
            let (again, known) = referring(ask, admitted, &mut included, frame, (ports, wells)).await?;
            (admitted, evidence) = (again, known.resting_on(&evidence));
            if included.is_cut_off() {
                break;
            }
            continue;
        };
        match by_id(ask.resource_type.name(), ids, frame, wells).await {
            Ok((parts, why)) => {
                evidence.doubt(why);
                if parts.into_iter().any(|part| included.add(part) == Complete::Bounded) {
                    break;
                }
            }
            // The matches are no worse for it: what is missing is named.
            Err(EvidenceFault::Upstream(why)) if why.is_refusal() => {
                included.lacks_one();
            }
            Err(EvidenceFault::Upstream(why)) => return Err(frame.exchange.end(Ending::Upstream(why))),
            Err(why) => return Err(unproven(why)),
        }
    }
    Ok((included.beside(held), admitted, evidence))
}

/// Reads what refers to the page, part by part: where there is more than is read at once, what is hidden is let go, so that
/// what is too much is what may be seen. What comes back is the evidence on which it was let go.
async fn referring(
    ask: &Ask,
    mut admitted: Admitted,
    included: &mut Included,
    frame: Frame<'_>,
    (ports, wells): (&Ports, Wells<'_>),
) -> Result<(Admitted, Evidence), Ended> {
    let failed = |why| frame.exchange.end(Ending::Upstream(why));
    let mut evidence = Evidence::none();
    let mut answered = ports.upstream.fetch_beside(frame.system, ask).await;
    loop {
        let (mut part, rest) = match answered {
            Ok(held) => apart(held),
            // The matches are no worse for it: what is missing is named.
            Err(why) if why.is_refusal() => {
                included.lacks_one();
                return Ok((admitted, evidence));
            }
            Err(why) => return Err(failed(why)),
        };
        let is_last = rest.is_none();
        // The last one goes no further than it is read, whatever of it is let go.
        let is_cut_off = is_last && Included::says_there_is_more(&part);
        if !is_last || !included.has_room_for(&part) {
            let unproven = |why| frame.exchange.end(Ending::Evidence(why));
            let whom = Whom::over(frame.bases);
            let on = (frame.system, &whom);
            let (found, doubts) = behind(&part, Behind::default(), on, wells).await.map_err(unproven)?;
            let with = Frame { behind: &found, whom: Some(&whom), ..frame };
            let subjects = found.join(subjects(&part, &admitted, &whom));
            let known = Evidence::gather(&admitted, &subjects, wells).await.map_err(unproven)?;
            let ruling = decide(admitted, &known);
            part = included.sift(part, &ruling, &subjects, with);
            admitted = ruling.into_admitted();
            evidence = known.resting_on(&evidence);
            evidence.doubt(doubts);
        }
        let goes_on = included.add(part);
        if is_cut_off {
            included.cut_off();
        }
        let (Some(rest), Complete::All) = (rest, goes_on) else { return Ok((admitted, evidence)) };
        answered = match ports.upstream.go_on(frame.system, rest).await {
            // Time is one of the bounds on what is read for one search.
            Err(UpstreamFault::TimedOut) => {
                included.cut_off();
                return Ok((admitted, evidence));
            }
            answered => answered,
        };
    }
}

/// The resources of these ids. One of which alone the system does not tell is left out, as what is not there.
async fn by_id(
    resource_type: &'static str,
    ids: &BTreeSet<Id>,
    frame: Frame<'_>,
    wells: Wells<'_>,
) -> Result<(Vec<Unfiltered<Held>>, Option<Unusable>), EvidenceFault> {
    let nothing = nothing();
    let search = Search::by_id((frame.system, resource_type), nothing.as_ref(), AT_ONCE);
    let read = &|held, some: &BTreeSet<Id>| only_matches(held, resource_type, some);
    let told = search.ask(ids, wells.upstream, &mut Spare::default(), read).await?;
    Ok((told.parts, told.why))
}
