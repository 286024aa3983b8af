//! What was asked in another shape than HTTP: the same road as a read or search, and no other.

use tokio::time::Instant;

use super::share;
use crate::decision::ruling::Question;
use crate::enforce::query_answer::Wording;
use crate::enforce::release::Released;
use crate::interaction::{FhirAction, Interaction, Malformed};
use crate::outcome::{Ended, Ending};
use crate::pace::{Told, UnderWay};
use crate::ports::Ports;
use crate::requestor::Requestor;
use crate::trail::record::Exchange;

/// A question, or why it is none.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The record of the exchange up to here, with who asks in it.
    pub(crate) begun: Exchange,
    /// Who asks.
    pub(crate) requestor: Requestor,
    /// What is asked.
    pub(crate) interaction: Result<Interaction, Malformed>,
}

/// How it ended; that is recorded.
#[derive(Debug)]
pub(crate) struct Answered {
    /// What leaves, or why nothing does.
    pub(crate) ended: Result<Released, Ending>,
    /// The moment before which nothing of it may be told.
    pub(crate) not_before: Option<Instant>,
}

/// Answers a question. What is released is in these words already, and recorded.
pub(crate) async fn answer(
    asked: Asked,
    wording: Wording<'_>,
    ports: &Ports,
    under_way: &UnderWay,
) -> Answered {
    let (told, ended) = match shared(asked, wording, ports, under_way).await {
        Ok(released) => (Told::Content, Ok(released)),
        Err(ended) => {
            let ending = match ended.kept(ports).await {
                Ok(ending) => ending,
                Err(unrecorded) => {
                    ports.metrics.unrecorded();
                    unrecorded.ending
                }
            };
            (Told::Nothing, Err(ending))
        }
    };
    Answered { ended, not_before: under_way.not_before(told, ports.settings.limits.beat) }
}

async fn shared(
    asked: Asked,
    wording: Wording<'_>,
    ports: &Ports,
    under_way: &UnderWay,
) -> Result<Released, Ended> {
    let Asked { begun, requestor, interaction } = asked;
    let interaction = match interaction {
        Ok(interaction) => interaction,
        Err(why) => return Err(begun.end(Ending::Malformed(why))),
    };
    let begun = begun.asking(&interaction, &ports.settings);
    if !matches!(&interaction, Interaction::Fhir { action: FhirAction::Search(_), .. }) {
        return Err(begun.end(Ending::Malformed(Malformed::InteractionNotServed)));
    }
    let at = begun.at;
    let question = Question { requestor, interaction, override_reason: None, at };
    let shared = share(question, begun, wording, ports, under_way).await?;
    Ok(shared.leaving(ports))
}
