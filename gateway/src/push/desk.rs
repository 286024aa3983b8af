//! The live exchange of a push: the same rules, evidence, minimum and record as for everything else that is shared.

use std::fmt;
use std::sync::Arc;

use fhir::json;
use futures_util::future::BoxFuture;

use super::delivery::NotDelivered;
use super::disclose::{Cleared, Disclose, NotCleared, Pushed, Standing};
use super::fresh::Grounds;
use super::outbox::{Due, Parcel};
use crate::decision::admit;
use crate::decision::evidence::Evidence;
use crate::decision::refusal::Refusal;
use crate::decision::ruling::{Admitted, Question};
use crate::enforce::release::Unreleased;
use crate::enforce::subjects::named_in;
use crate::interaction::Interaction;
use crate::outcome::{Ended, Ending};
use crate::person::SystemName;
use crate::ports::Ports;
use crate::server::arrived::RequestId;
use crate::submit::{Cut, cut_again, release_body_on};
use crate::trail::record::Exchange;

/// Asks for what an exchange may use now: settings change while messages come.
pub type Now = Arc<dyn Fn() -> Arc<Ports> + Send + Sync>;

/// Decides about messages as the gateway is set up at that moment.
#[derive(Clone)]
pub struct Desk(Now);

impl Desk {
    /// A desk that asks `now` for each message.
    #[must_use]
    pub fn new(now: Now) -> Self {
        Self(now)
    }
}

impl Disclose for Desk {
    fn disclose<'a>(
        &'a self,
        pushed: &'a Pushed,
        system: &'a SystemName,
    ) -> BoxFuture<'a, Result<Cleared, NotCleared>> {
        Box::pin(async move {
            let ports = (self.0)();
            // One message may go to several systems: each is an exchange of its own.
            let own = RequestId::random().map(|id| id.as_str().to_owned());
            let request_id = own.unwrap_or_else(|| pushed.exchange.request_id.clone());
            match cleared(pushed, system, request_id, (&ports, &self.0)).await {
                Ok(cleared) => Ok(cleared),
                Err(ended) => {
                    let why = not_cleared(&ended.ending);
                    let told = ended.record(&ports).await;
                    // What could not be recorded was not refused either: it is decided again when it comes again.
                    Err(if told.receipt().is_some() { why } else { NotCleared::Failed })
                }
            }
        })
    }

    fn again<'a>(
        &'a self,
        pushed: &'a Pushed,
        due: &'a Due,
    ) -> BoxFuture<'a, Result<Standing, NotDelivered>> {
        Box::pin(async move {
            let ports = (self.0)();
            match still_cleared(pushed, &due.parcel, &ports).await {
                Ok(Cut::Same) => Ok(Standing::Stands),
                Ok(Cut::Other) => Ok(Standing::Other),
                Err(ended) => Err(not_delivered(ended, due, &ports).await),
            }
        })
    }

    fn anew<'a>(
        &'a self,
        pushed: &'a Pushed,
        due: &'a Due,
        request_id: &'a str,
    ) -> BoxFuture<'a, Result<Cleared, NotDelivered>> {
        Box::pin(async move {
            let ports = (self.0)();
            match cleared(pushed, &due.parcel.system, request_id.to_owned(), (&ports, &self.0)).await {
                Ok(cleared) => Ok(cleared),
                Err(ended) => Err(not_delivered(ended, due, &ports).await),
            }
        })
    }
}

/// Whether the same message, taken the same road under the name it was recorded by, gives the same bytes now.
async fn still_cleared(pushed: &Pushed, parcel: &Parcel, ports: &Ports) -> Result<Cut, Ended> {
    let intent = json::parse_into::<Exchange>(parcel.intent.clone().into(), &json::Limits::default())
        .map_err(|_| pushed.exchange.end(Ending::NotWritten))?;
    let named = Exchange { request_id: intent.request_id, at: intent.at, ..pushed.exchange.clone() };
    let (admitted, begun) = admitted(pushed, &parcel.system, named, ports)?;
    let cut = cut_again(admitted, &pushed.bundle, &parcel.body, &begun, ports).await;
    // A refusal now belongs to the intent recorded then.
    cut.map_err(|mut ended| {
        ended.records.exchange.follows = intent.follows;
        ended
    })
}

/// Records a refusal, unless the parcel is held back by it already. What merely failed is tried again, and recorded if
/// it comes to nothing.
async fn not_delivered(ended: Ended, due: &Due, ports: &Ports) -> NotDelivered {
    let reason = ended.ending.reason();
    let why = match lasting(&ended.ending) {
        Lasting::Failed => return NotDelivered::Yet(reason),
        Lasting::MayPass if due.is_held_by(reason) => return NotDelivered::Held(reason),
        Lasting::MayPass => NotDelivered::Held(reason),
        Lasting::HerWord => NotDelivered::Denied(reason),
        Lasting::ForGood => NotDelivered::Ever(reason),
    };
    match ended.record(ports).await.receipt() {
        Some(_) => why,
        None => NotDelivered::Yet("ledger"),
    }
}

/// Whether what stands against a message that was acknowledged can pass.
#[derive(Debug, PartialEq, Eq)]
enum Lasting {
    /// Nothing was decided.
    Failed,
    /// Records, registers and agreements are put right: people merge, a reload mends, a tie is entered late.
    MayPass,
    /// The person said no.
    HerWord,
    /// It lies in the message or the request itself.
    ForGood,
}

fn lasting(ending: &Ending) -> Lasting {
    match ending {
        Ending::Refused(Refusal::ConsentDenied | Refusal::OptedOut, _) => Lasting::HerWord,
        Ending::Refused(
            Refusal::OverrideReasonMissing | Refusal::SearchNotPermitted(_) | Refusal::NotForThisRequestor,
            _,
        )
        | Ending::NotAuthenticated(_)
        | Ending::Malformed(_)
        | Ending::TooCostly
        | Ending::ConsentInvalid(_)
        | Ending::Together(_)
        | Ending::VersionMoved
        | Ending::Unwritable(_)
        | Ending::NotTaken(_) => Lasting::ForGood,
        Ending::Refused(
            Refusal::NoSharingAgreement
            | Refusal::RoleNotCovered
            | Refusal::SupervisionMissing
            | Refusal::PurposeNotCovered(_)
            | Refusal::TypeNotShared
            | Refusal::NotServedBySystem
            | Refusal::WritingNotCovered
            | Refusal::DeletingNotCovered
            | Refusal::WouldProveOwnRelationship
            | Refusal::PersonUncertain
            | Refusal::Shielded
            | Refusal::NoLegitimateRelationship
            | Refusal::ImpliedConsentDoesNotCover
            | Refusal::Labelled
            | Refusal::NothingNecessary,
            _,
        )
        | Ending::NotFound
        | Ending::Irreducible
        | Ending::Unsendable(_)
        | Ending::Unrecorded(Unreleased::Unsaid(..)) => Lasting::MayPass,
        Ending::Upstream(_)
        | Ending::Unseen(_)
        | Ending::WrongPersons
        | Ending::Evidence(_)
        | Ending::Consent(_)
        | Ending::TrailBehind
        | Ending::Unrecorded(_)
        | Ending::NotMerged
        | Ending::NotWritten
        | Ending::OfEntry { .. }
        | Ending::Panicked => Lasting::Failed,
    }
}

/// Asks the rules whether `pushed` may go to `system` at all.
fn admitted(
    pushed: &Pushed,
    system: &SystemName,
    begun: Exchange,
    ports: &Ports,
) -> Result<(Admitted, Exchange), Ended> {
    let interaction = Interaction::Push { system: system.clone() };
    let begun = begun.asking(&interaction, &ports.settings);
    let question = Question {
        requestor: pushed.requestor.clone(),
        interaction,
        override_reason: None,
        at: pushed.exchange.at,
    };
    let admitted = admit(question, &ports.settings)
        .map_err(|why| begun.refuse(why, &named_in(&pushed.bundle, ports.bases_of(system))))?;
    let begun = begun.under(&admitted);
    Ok((admitted, begun))
}

async fn cleared(
    pushed: &Pushed,
    system: &SystemName,
    request_id: String,
    (ports, now): (&Arc<Ports>, &Now),
) -> Result<Cleared, Ended> {
    let begun = pushed.exchange.clone();
    let (admitted, begun) = admitted(pushed, system, Exchange { request_id, ..begun }, ports)?;
    let (released, evidence) = release_body_on(admitted, &pushed.bundle, &begun, ports).await?;
    let outcome = Exchange { follows: Some(released.receipt().to_header()), ..begun };
    match serde_json::to_vec(&outcome) {
        Ok(intent) => {
            let grounds = grounds(evidence, ports, Arc::clone(now));
            Ok(Cleared { body: released.body().clone(), intent, grounds })
        }
        Err(_) => Err(outcome.end(Ending::NotWritten)),
    }
}

/// A ruling is the same again while the gateway is set up as it was, to the very same values, and nobody whom the evidence
/// is about has said anything since.
fn grounds(evidence: Evidence, then: &Arc<Ports>, now: Now) -> Grounds {
    let then = Arc::downgrade(then);
    Grounds::that(move || {
        let now = now();
        std::ptr::eq(then.as_ptr(), Arc::as_ptr(&now)) && evidence.is_current(&now.consents)
    })
}

/// Whether sending it again could change the answer.
fn not_cleared(ending: &Ending) -> NotCleared {
    match ending {
        Ending::NotAuthenticated(_)
        | Ending::Malformed(_)
        | Ending::Refused(..)
        | Ending::NotFound
        | Ending::TooCostly
        | Ending::Irreducible
        | Ending::Unsendable(_)
        | Ending::ConsentInvalid(_)
        | Ending::Together(_)
        | Ending::VersionMoved
        | Ending::Unwritable(_)
        | Ending::Unrecorded(Unreleased::Unsaid(..))
        | Ending::NotTaken(_) => match lasting(ending) {
            Lasting::HerWord => NotCleared::Denied(ending.reason()),
            Lasting::Failed | Lasting::MayPass | Lasting::ForGood => NotCleared::Refused(ending.reason()),
        },
        Ending::Upstream(_)
        | Ending::Unseen(_)
        | Ending::WrongPersons
        | Ending::Evidence(_)
        | Ending::Consent(_)
        | Ending::TrailBehind
        | Ending::Unrecorded(_)
        | Ending::NotMerged
        | Ending::NotWritten
        | Ending::OfEntry { .. }
        | Ending::Panicked => NotCleared::Failed,
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Desk")
    }
}

#[cfg(test)]
mod tests {
    use super::{Ending, Lasting, Refusal, lasting};

    #[test]
    fn only_the_persons_own_word_and_what_cannot_pass_end_a_message_at_once() {
        for (refusal, expected) in [
            (Refusal::PersonUncertain, Lasting::MayPass),
            (Refusal::NoSharingAgreement, Lasting::MayPass),
            (Refusal::NoLegitimateRelationship, Lasting::MayPass),
            (Refusal::RoleNotCovered, Lasting::MayPass),
            (Refusal::TypeNotShared, Lasting::MayPass),
            (Refusal::Shielded, Lasting::MayPass),
            (Refusal::NothingNecessary, Lasting::MayPass),
            (Refusal::ConsentDenied, Lasting::HerWord),
            (Refusal::OptedOut, Lasting::HerWord),
            (Refusal::OverrideReasonMissing, Lasting::ForGood),
        ] {
            assert_eq!(lasting(&Ending::refused_by_rule(refusal)), expected);
        }
        assert_eq!(lasting(&Ending::NotFound), Lasting::MayPass);
        assert_eq!(lasting(&Ending::NotWritten), Lasting::Failed);
    }
}
