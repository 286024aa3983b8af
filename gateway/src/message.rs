//! Messages to be processed at once: the road of a write. An intent is durable before the receiving system sees a byte,
//! an outcome before the sender hears.
//!
//! Unlike a push in another shape, nothing waits here: what the receiving system does not take now the sender keeps, and
//! is told so.

use std::sync::Arc;

use crate::decision::admit;
use crate::decision::ruling::Question;
use crate::enforce::message::{Processed, answer};
use crate::enforce::release::{Epoch, Released, release};
use crate::enforce::subjects::named_in;
use crate::interaction::{FhirAction, Interaction};
use crate::named;
use crate::outcome::{Ended, Ending};
use crate::pace::UnderWay;
use crate::ports::Ports;
use crate::submit::release_body;
use crate::trail::record::Exchange;
use crate::upstream::{Outgoing, Sent, Taken, Write};

/// Sends a message to be processed, and answers with one.
///
/// # Errors
/// [`Ended`] when it was not sent, when it is not known what became of it, or that could not be recorded.
pub async fn process(
    question: Question,
    begun: Exchange,
    ports: &Ports,
    under_way: &UnderWay,
) -> Result<Released, Ended> {
    let Interaction::Fhir { system, action: FhirAction::Message(message) } = &question.interaction else {
        return Err(begun.end(Ending::NotFound));
    };
    let (system, body) = (system.clone(), Arc::clone(&message.body));
    let admitted = admit(question, &ports.settings)
        .map_err(|why| begun.refuse(why, &named_in(&body, ports.bases_of(&system))))?;
    named::concerns(under_way, &admitted, &body, ports);
    under_way.concerns(&admitted);
    let begun = begun.under(&admitted);
    let intent = release_body(admitted, &body, &begun, ports).await?;
    let provenance = intent.provenance().cloned();
    let outgoing = Outgoing::released(Write::Message, &intent, provenance);
    let sent = ports.upstream.send(&system, outgoing).await;
    let outcome = Exchange { follows: Some(intent.receipt().to_header()), ..begun };
    let processed = match sent {
        Ok(Sent { taken: Taken::Created | Taken::Done | Taken::Accepted, .. }) => Processed::Ok,
        Ok(Sent { taken: Taken::Invalid | Taken::Conflict | Taken::NotSupported, .. }) => {
            Processed::FatalError
        }
        Err(fault) => return Err(outcome.end(Ending::Upstream(fault))),
    };
    let told = answer(&body, processed, &system, outcome.clone(), ports.site());
    release(told, outcome.format, &|| Epoch::Same, &*ports.ledger)
        .await
        .map_err(|why| outcome.end(Ending::Unrecorded(why)))
}
