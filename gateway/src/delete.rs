//! Deletions: read, decided, and asked of the holder under the version that was read.
//!
//! An intent is durable before the holder is asked, an outcome before the caller hears. What the holder refuses because
//! somebody else was faster is begun again, within a bound; what is not known to have been refused is not.

use fhir::reference::Id;

use crate::decision::admit;
use crate::decision::ruling::{Admitted, Question};
use crate::enforce::merge::{self, Made, Removal};
use crate::enforce::release::{Epoch, Released, Unreleased, release};
use crate::exchange::view::{View, looked_at};
use crate::interaction::{FhirAction, Interaction, ResourceDeletion};
use crate::outcome::{Ended, Ending, NotTaken};
use crate::pace::UnderWay;
use crate::ports::Ports;
use crate::server::format::Format;
use crate::trail::record::Exchange;
use crate::upstream::{Outgoing, Sent, Taken, UpstreamFault, Write};

/// How often a deletion is begun: again when somebody else was faster, or a consent changed meanwhile.
const ATTEMPTS_MAX: usize = 3;

/// Deletes a resource that the requestor sees whole.
///
/// # Errors
/// [`Ended`] when it was not deleted, or that is not known or could not be recorded.
pub async fn delete(
    question: Question,
    begun: Exchange,
    ports: &Ports,
    under_way: &UnderWay,
) -> Result<Released, Ended> {
    let Interaction::Fhir { action: FhirAction::Delete(wanted), .. } = &question.interaction else {
        return Err(begun.end(Ending::NotFound));
    };
    let wanted = wanted.clone();
    let named = question.interaction.named_persons();
    let mut admitted = admit(question, &ports.settings).map_err(|why| begun.refuse(why, &named))?;
    under_way.concerns(&admitted);
    let begun = begun.under(&admitted);
    let mut last = Ending::NotTaken(NotTaken::Conflict);
    for _ in 0..ATTEMPTS_MAX {
        let View { made: removal, again, evidence, .. } = decided(admitted, &wanted, &begun, ports).await?;
        admitted = again;
        let epoch = || if evidence.is_current(&ports.consents) { Epoch::Same } else { Epoch::Moved };
        let (intent, version, persons) = removal.into_parts();
        let intent = match release(intent, Format::Json, &epoch, &*ports.ledger).await {
            Ok(intent) => intent,
            Err(Unreleased::ConsentMoved) => {
                last = Ending::Unrecorded(Unreleased::ConsentMoved);
                continue;
            }
            Err(why) => return Err(begun.end(Ending::Unrecorded(why))),
        };
        let outcome = Exchange { follows: Some(intent.receipt().to_header()), ..begun.clone() };
        match send(&intent, &admitted, &wanted, version, ports).await {
            // Another version, or gone: what is there now is decided about anew.
            Err(Ending::NotTaken(why @ (NotTaken::Conflict | NotTaken::NotSupported))) => {
                // What became of the intent is durable before another is made.
                outcome.end(Ending::NotTaken(why)).noted(ports).await?;
                last = Ending::NotTaken(why);
            }
            Err(ending) => return Err(outcome.end(ending)),
            Ok(when) => {
                let told = match when {
                    Made::Now => Removal::done(persons, outcome.clone()),
                    Made::Later => merge::changed_unseen(&outcome, when),
                };
                let released = release(told, outcome.format, &|| Epoch::Same, &*ports.ledger).await;
                return released.map_err(|why| outcome.end(Ending::Unrecorded(why)));
            }
        }
    }
    Err(begun.end(last))
}

/// One ruling on what is stored now: what may be deleted, and the evidence that says so.
pub(crate) async fn decided(
    admitted: Admitted,
    wanted: &ResourceDeletion,
    begun: &Exchange,
    ports: &Ports,
) -> Result<View<Removal>, Ended> {
    let view = looked_at(admitted, begun, ports, |held, led_to, ruling, subjects, frame| {
        merge::remove(&held, led_to, wanted, ruling, subjects, frame)
    })
    .await?;
    let made = match view.fault {
        Some(reason) => view.made.in_spite_of(reason),
        None => view.made,
    };
    Ok(View { made, ..view })
}

/// Asks for the deletion of the version that was decided about.
async fn send(
    intent: &Released,
    admitted: &Admitted,
    wanted: &ResourceDeletion,
    version: Id,
    ports: &Ports,
) -> Result<Made, Ending> {
    let write = Write::Delete {
        resource_type: wanted.target.resource_type.name(),
        id: wanted.target.id.clone(),
        if_match: version,
    };
    match ports.upstream.send(admitted.system(), Outgoing::released(write, intent, None)).await {
        Ok(Sent { taken: Taken::Done, .. }) => Ok(Made::Now),
        Ok(Sent { taken: Taken::Accepted, .. }) => Ok(Made::Later),
        // Nothing is made by a deletion.
        Ok(Sent { taken: Taken::Created, .. }) => Err(Ending::Upstream(UpstreamFault::UnexpectedStatus)),
        Ok(Sent { taken: Taken::Invalid, .. }) => Err(Ending::NotTaken(NotTaken::Invalid)),
        Ok(Sent { taken: Taken::Conflict, .. }) => Err(Ending::NotTaken(NotTaken::Conflict)),
        Ok(Sent { taken: Taken::NotSupported, .. }) => Err(Ending::NotTaken(NotTaken::NotSupported)),
        Err(fault) => Err(Ending::Upstream(fault)),
    }
}
