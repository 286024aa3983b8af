//! Changes: read, decided and merged on the way in, sent under the version that was read, and shown as a read is.
//!
//! An intent is durable before the holder sees a byte, an outcome before the caller hears. What the holder refuses
//! because somebody else was faster is begun again, within a bound; what is not known to have been refused is not.

use fhir::reference::Id;

use crate::decision::admit;
use crate::decision::evidence::Evidence;
use crate::decision::ruling::{Admitted, Question};
use crate::enforce::merge::{self, Made, Step};
use crate::enforce::release::{Epoch, Released, Unreleased, release};
use crate::exchange::view::{View, looked_at, view};
use crate::interaction::{FhirAction, Interaction, ResourceChange, Return};
use crate::outcome::{Ended, Ending, NotTaken};
use crate::pace::UnderWay;
use crate::ports::Ports;
use crate::server::format::Format;
use crate::trail::record::Exchange;
use crate::upstream::{Outgoing, Sent, Taken, UpstreamFault, Write};

/// How often a change is begun: again when somebody else was faster, or a consent changed meanwhile.
const ATTEMPTS_MAX: usize = 3;

/// Changes a resource as the requestor sees it: what is told of it, and what that rests on until it is.
///
/// # Errors
/// [`Ended`] when it was not changed, or that is not known or could not be recorded.
pub async fn change(
    question: Question,
    begun: Exchange,
    ports: &Ports,
    under_way: &UnderWay,
) -> Result<(Released, Evidence), Ended> {
    let Interaction::Fhir { action: FhirAction::Change(wanted), .. } = &question.interaction else {
        return Err(begun.end(Ending::NotFound));
    };
    let wanted = wanted.clone();
    let named = question.interaction.named_persons();
    let mut admitted = admit(question, &ports.settings).map_err(|why| begun.refuse(why, &named))?;
    under_way.concerns(&admitted);
    let begun = begun.under(&admitted);
    let mut last = Ending::NotTaken(NotTaken::Conflict);
    for _ in 0..ATTEMPTS_MAX {
        let View { made: step, again, evidence, .. } = decided(admitted, &wanted, &begun, ports).await?;
        let epoch = || if evidence.is_current(&ports.consents) { Epoch::Same } else { Epoch::Moved };
        admitted = again;
        let (minimised, format, version) = match step {
            Step::Same(shown) => (shown, begun.format, None),
            Step::Send { intent, version } => (intent, Format::Json, Some(version)),
        };
        let released = match release(minimised, format, &epoch, &*ports.ledger).await {
            Ok(released) => ports.counted(released),
            Err(Unreleased::ConsentMoved) => {
                last = Ending::Unrecorded(Unreleased::ConsentMoved);
                continue;
            }
            Err(why) => return Err(begun.end(Ending::Unrecorded(why))),
        };
        let Some(version) = version else { return Ok((released, evidence)) };
        let outcome = Exchange { follows: Some(released.receipt().to_header()), ..begun.clone() };
        match send(&released, &admitted, &wanted, version, ports).await {
            Err(ending @ Ending::NotTaken(NotTaken::Conflict)) => {
                // What became of the intent is durable before another is made.
                outcome.end(ending).noted(ports).await?;
                last = Ending::NotTaken(NotTaken::Conflict);
            }
            Err(ending) => return Err(outcome.end(ending)),
            Ok(Made::Now) => return told(admitted, wanted.told, outcome, ports).await,
            Ok(Made::Later) => {
                let taken = merge::changed_unseen(&outcome, Made::Later);
                let released = release(taken, outcome.format, &|| Epoch::Same, &*ports.ledger).await;
                let released = released.map_err(|why| outcome.end(Ending::Unrecorded(why)))?;
                return Ok((released, Evidence::none()));
            }
        }
    }
    Err(begun.end(last))
}

/// One ruling on what is stored now: what is to be done, and the evidence that says so.
pub(crate) async fn decided(
    admitted: Admitted,
    wanted: &ResourceChange,
    begun: &Exchange,
    ports: &Ports,
) -> Result<View<Step>, Ended> {
    // Read and decided about as on a read, up to the merge.
    let view = looked_at(admitted, begun, ports, |held, led_to, ruling, subjects, frame| {
        merge::change(&held, led_to, wanted, ruling, subjects, frame)
    })
    .await?;
    let made = match view.fault {
        Some(reason) => view.made.in_spite_of(reason),
        None => view.made,
    };
    Ok(View { made, ..view })
}

/// Sends what was released, if the holder still has the version it was made of.
async fn send(
    released: &Released,
    admitted: &Admitted,
    wanted: &ResourceChange,
    version: Id,
    ports: &Ports,
) -> Result<Made, Ending> {
    let write = Write::Update {
        resource_type: wanted.target.resource_type.name(),
        id: wanted.target.id.clone(),
        if_match: Some(version),
    };
    let outgoing = Outgoing::released(write, released, released.provenance().cloned());
    match ports.upstream.send(admitted.system(), outgoing).await {
        // It was there in the version that is changed, and stays where it is.
        Ok(Sent { taken: Taken::Created, .. }) => Err(Ending::Upstream(UpstreamFault::UnexpectedStatus)),
        Ok(Sent { taken: Taken::Done | Taken::Accepted, id: Some(id), .. }) if id != wanted.target.id => {
            Err(Ending::Upstream(UpstreamFault::WrongResource))
        }
        Ok(Sent { taken: Taken::Done, .. }) => Ok(Made::Now),
        Ok(Sent { taken: Taken::Accepted, .. }) => Ok(Made::Later),
        Ok(Sent { taken: Taken::Invalid, .. }) => Err(Ending::NotTaken(NotTaken::Invalid)),
        Ok(Sent { taken: Taken::Conflict, .. }) => Err(Ending::NotTaken(NotTaken::Conflict)),
        Ok(Sent { taken: Taken::NotSupported, .. }) => Err(Ending::NotTaken(NotTaken::NotSupported)),
        Err(fault) => Err(Ending::Upstream(fault)),
    }
}

/// The answer: the view of what is stored now. That it was changed is told also when it cannot be shown.
pub(crate) async fn told(
    admitted: Admitted,
    wanted: Return,
    outcome: Exchange,
    ports: &Ports,
) -> Result<(Released, Evidence), Ended> {
    let unrecorded = |why| outcome.end(Ending::Unrecorded(why));
    if let Ok(View { made, evidence, .. }) = view(admitted, &outcome, ports).await {
        let epoch = || if evidence.is_current(&ports.consents) { Epoch::Same } else { Epoch::Moved };
        match release(merge::changed(made, wanted), outcome.format, &epoch, &*ports.ledger).await {
            Ok(released) => return Ok((ports.counted(released), evidence)),
            Err(Unreleased::ConsentMoved | Unreleased::Unsayable(_) | Unreleased::Unsaid(..)) => {}
            Err(why @ (Unreleased::Ledger(_) | Unreleased::NotEncoded(_))) => return Err(unrecorded(why)),
        }
    }
    let unseen = merge::changed_unseen(&outcome, Made::Now);
    let released = release(unseen, outcome.format, &|| Epoch::Same, &*ports.ledger).await;
    Ok((ports.counted(released.map_err(unrecorded)?), Evidence::none()))
}
