//! Includes: what goes with a page is fetched before evidence is gathered, so that everyone it is about is ruled on
//! with everyone else.
//!
//! For that it must be known what the page will show, so the question is decided once for the matches alone. Nothing
//! leaves on that ruling; the one that counts is made after, about all there is.

use crate::decision::decide;
use crate::decision::evidence::Evidence;
use crate::decision::ruling::Admitted;
use crate::enforce::answer::Frame;
use crate::enforce::held::{Complete, Held};
use crate::enforce::included::wanted;
use crate::enforce::medicines::Medicines;
use crate::enforce::subjects::subjects;
use crate::enforce::targets::LookedUp;
use crate::enforce::unfiltered::Unfiltered;
use crate::enforce::whom::Whom;
use crate::follow::{Ruled, follow};
use crate::outcome::{Ended, Ending};
use crate::ports::Ports;
use crate::settings::Households;
use crate::upstream::UpstreamFault;

/// Adds to the matches in `held` what is to go with those of the page. The admitted question comes back.
///
/// # Errors
/// [`Ended`] when a system does not answer.
pub async fn beside(
    held: Unfiltered<Held>,
    admitted: Admitted,
    frame: Frame<'_>,
    ports: &Ports,
) -> Result<(Unfiltered<Held>, Admitted), Ended> {
    if !admitted.question().interaction.asks_for_includes() {
        return Ok((held, admitted));
    }
    let unproven = |why| frame.exchange.end(Ending::Evidence(why));
    let anew = Whom::over(frame.bases);
    let whom = frame.whom.unwrap_or(&anew);
    let subjects = frame.behind.join(subjects(&held, &admitted, whom));
    let evidence = Evidence::gather(&admitted, &subjects, ports.wells()).await.map_err(unproven)?;
    let ruled = Ruled { ruling: decide(admitted, &evidence), subjects, evidence };
    // Which matches are shown depends on what they refer to only where a criterion reads it or where they are medicines, and
    // on who lives there where that is asked.
    let is_asked = frame.households == Households::Shielded
        || !Medicines::none().wanted(&held, &ruled.ruling, frame).is_empty();
    let (led_to, ruled) = match ruled.ruling.admitted().rematch().is_empty() && !is_asked {
        true => (LookedUp::nothing(), ruled),
        false => follow(&held, ruled, frame, ports.wells()).await.map_err(unproven)?,
    };
    let (asks, mut included) = wanted(&held, &led_to, &ruled.ruling, frame).begin();
    for ask in &asks {
        match ports.upstream.fetch_beside(frame.system, ask).await {
            Ok(one) => match included.add(one) {
                Complete::All => {}
                Complete::Bounded => break,
            },
            // The matches are no worse for it: what is missing is named.
            Err(UpstreamFault::Rejected | UpstreamFault::NotAuthorised) => included.lacks_one(),
            Err(why) => return Err(frame.exchange.end(Ending::Upstream(why))),
        }
    }
    Ok((included.beside(held), ruled.ruling.into_admitted()))
}
