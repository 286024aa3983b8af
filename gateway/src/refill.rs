//! Long searches: what is hidden is let go while reading goes on.
//!
//! What is read at once has a bound, for memory. A system that has more is asked for more until it has no more, or there
//! is more than is shown to this requestor, or an absolute bound on what is read for one search is met; the last two
//! end the exchange alike. Nothing leaves on the rulings made here: what stays is decided with everything else.

mod by_type;

use self::by_type::by_type;
use crate::behind::behind;
use crate::decision::decide;
use crate::decision::evidence::{Evidence, Wells};
use crate::decision::ruling::Admitted;
use crate::enforce::amassed::Amassed;
use crate::enforce::answer::Frame;
use crate::enforce::behind::Behind;
use crate::enforce::held::Held;
use crate::enforce::sieve::{GoesOn, Sieved, apart};
use crate::enforce::subjects::subjects;
use crate::enforce::unfiltered::Unfiltered;
use crate::enforce::whom::Whom;
use crate::outcome::{Ended, Ending};
use crate::ports::Ports;
use crate::upstream::UpstreamFault;

/// Reads on where `held` is the beginning of a search. The admitted question comes back, and the evidence on which
/// something was let go.
///
/// # Errors
/// [`Ended`] when a system does not answer.
pub async fn refill(
    held: Unfiltered<Held>,
    mut admitted: Admitted,
    frame: Frame<'_>,
    (ports, wells): (&Ports, Wells<'_>),
) -> Result<(Unfiltered<Held>, Admitted, Evidence), Ended> {
    if Amassed::is_wanted(&held) {
        // Rare, and large: it is no part of every exchange.
        return Box::pin(by_type(held, admitted, frame, (ports, wells))).await;
    }
    let (mut part, mut rest) = apart(held);
    let mut sieved = Sieved::default();
    let mut evidence = Evidence::none();
    while let Some(onward) = rest {
        let unproven = |why| frame.exchange.end(Ending::Evidence(why));
        let whom = Whom::over(frame.bases);
        let on = (frame.system, &whom);
        let (found, doubts) = behind(&part, Behind::default(), on, wells).await.map_err(unproven)?;
        let with = Frame { behind: &found, whom: Some(&whom), ..frame };
        let subjects = found.join(subjects(&part, &admitted, &whom));
        let known = Evidence::gather(&admitted, &subjects, wells).await.map_err(unproven)?;
        let ruling = decide(admitted, &known);
        let goes_on = sieved.take(part, &ruling, &subjects, with);
        admitted = ruling.into_admitted();
        evidence = known.resting_on(&evidence);
        evidence.doubt(doubts);
        if goes_on == GoesOn::No {
            return Ok((sieved.cut_off(), admitted, evidence));
        }
        (part, rest) = match ports.upstream.go_on(frame.system, onward).await {
            Ok(more) => apart(more),
            // Time is one of the bounds on what is read for one search.
            Err(UpstreamFault::TimedOut) => return Ok((sieved.cut_off(), admitted, evidence)),
            Err(why) => return Err(frame.exchange.end(Ending::Upstream(why))),
        };
    }
    Ok((sieved.with(part), admitted, evidence))
}
