//! Writes: the same road as a read, towards a receiving system. An intent is durable before that system sees a byte,
//! an outcome before the caller hears.

use std::collections::BTreeSet;
use std::sync::Arc;

use fhir::json::Document;
use fhir::tables::TypeId;

use crate::decision::evidence::anyone::Anyone;
use crate::decision::evidence::{Evidence, Wells};
use crate::decision::ruling::{Admitted, Question};
use crate::decision::{admit, decide};
use crate::enforce::answer::Frame;
use crate::enforce::message_out::Outbound;
use crate::enforce::own;
use crate::enforce::query_answer::Wording;
use crate::enforce::release::{Epoch, Minimised, Released, Unreleased, release};
use crate::enforce::subjects::{named_in, subjects_of_body};
use crate::enforce::submitted::minimise_submitted;
use crate::enforce::unfiltered::Unfiltered;
use crate::follow::medicines_of_body;
use crate::interaction::{FhirAction, Interaction};
use crate::named;
use crate::outcome::{Ended, Ending, NotTaken};
use crate::pace::UnderWay;
use crate::person::SystemName;
use crate::ports::Ports;
use crate::server::format::Format;
use crate::settings::Speaks;
use crate::trail::record::Exchange;
use crate::upstream::{Outgoing, Sent, Taken, UpstreamFault, Write};

/// How often a ruling is made: again once, when a consent changed meanwhile.
const RULINGS_MAX: usize = 2;

/// Creates a resource on a receiving system.
///
/// # Errors
/// [`Ended`] when it was not created, or that could not be recorded.
pub async fn submit(
    question: Question,
    begun: Exchange,
    ports: &Ports,
    under_way: &UnderWay,
) -> Result<Released, Ended> {
    let Interaction::Fhir { system, action: FhirAction::Create(new) } = &question.interaction else {
        return Err(begun.end(Ending::NotFound));
    };
    let (system, resource_type, body) = (system.clone(), new.resource_type.name(), Arc::clone(&new.body));
    let admitted = admit(question, &ports.settings)
        .map_err(|why| begun.refuse(why, &named_in(&body, ports.bases_of(&system))))?;
    named::concerns(under_way, &admitted, &body, ports);
    under_way.concerns(&admitted);
    let begun = begun.under(&admitted);
    let made = New { resource_type, left_out: named::left_out_by_rule(&body, &admitted, ports) };
    let intent = release_body(admitted, &body, &begun, ports).await?;
    let write = Write::Create { resource_type, if_none_exist: None };
    let provenance = intent.provenance().cloned();
    let sent = ports.upstream.send(&system, Outgoing::released(write, &intent, provenance)).await;
    let outcome = Exchange { follows: Some(intent.receipt().to_header()), ..begun };
    created(sent, &made, &system, outcome, ports).await
}

/// What was to be created, as far as it is told of.
pub(crate) struct New {
    pub(crate) resource_type: &'static str,
    /// The types that it named and that the rules left out.
    pub(crate) left_out: BTreeSet<TypeId>,
}

/// The answer to a create, by what became of it.
///
/// # Errors
/// [`Ended`] when it was not created, or that could not be recorded.
pub(crate) async fn created(
    sent: Result<Sent, UpstreamFault>,
    new: &New,
    system: &SystemName,
    outcome: Exchange,
    ports: &Ports,
) -> Result<Released, Ended> {
    match sent {
        Ok(Sent { taken: Taken::Created | Taken::Done | Taken::Accepted, id, .. }) => {
            let told = own::written(id.as_ref(), new, system, outcome.clone(), ports.site());
            release(told, outcome.format, &|| Epoch::Same, &*ports.ledger)
                .await
                .map_err(|why| outcome.end(Ending::Unrecorded(why)))
        }
        Ok(Sent { taken: Taken::Invalid, .. }) => Err(outcome.end(Ending::NotTaken(NotTaken::Invalid))),
        Ok(Sent { taken: Taken::Conflict, .. }) => Err(outcome.end(Ending::NotTaken(NotTaken::Conflict))),
        Ok(Sent { taken: Taken::NotSupported, .. }) => {
            Err(outcome.end(Ending::NotTaken(NotTaken::NotSupported)))
        }
        Err(fault) => Err(outcome.end(Ending::Upstream(fault))),
    }
}

/// Decides about a submitted body and releases what may be sent of it. The record of the intent is durable then, and
/// nothing was sent yet. Pushes take this road too.
///
/// # Errors
/// [`Ended`] when nothing may be sent, or the intent could not be recorded.
pub async fn release_body(
    admitted: Admitted,
    body: &Unfiltered<Document>,
    begun: &Exchange,
    ports: &Ports,
) -> Result<Released, Ended> {
    release_body_on(admitted, body, begun, ports).await.map(|(released, _)| released)
}

/// The same, with the evidence that it rests on.
///
/// # Errors
/// As for [`release_body`].
pub(crate) async fn release_body_on(
    admitted: Admitted,
    body: &Unfiltered<Document>,
    begun: &Exchange,
    ports: &Ports,
) -> Result<(Released, Evidence), Ended> {
    let mut admitted = admitted;
    let system = admitted.system().clone();
    let wording = towards(&system, begun, ports);
    for _ in 0..RULINGS_MAX {
        let (minimised, again, evidence) = cut(admitted, body, begun, ports).await?;
        let epoch = || if evidence.is_current(&ports.consents) { Epoch::Same } else { Epoch::Moved };
        match release(minimised, wording, &epoch, &*ports.ledger).await {
            Ok(released) => return Ok((ports.counted(released), evidence)),
            Err(Unreleased::ConsentMoved) => admitted = again,
            Err(why) => return Err(begun.end(Ending::Unrecorded(why))),
        }
    }
    Err(begun.end(Ending::Unrecorded(Unreleased::ConsentMoved)))
}

/// Whether what was cut before is what would be cut now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The very bytes.
    Same,
    /// Others.
    Other,
}

/// Decides about a submitted body as things are now, and holds the result against the bytes that were released of it
/// before under the name of `begun`. Nothing is released by it.
///
/// # Errors
/// [`Ended`] when nothing of it may be sent any more, or that cannot be told now.
pub async fn cut_again(
    admitted: Admitted,
    body: &Unfiltered<Document>,
    before: &[u8],
    begun: &Exchange,
    ports: &Ports,
) -> Result<Cut, Ended> {
    let mut admitted = admitted;
    let system = admitted.system().clone();
    let wording = towards(&system, begun, ports);
    for _ in 0..RULINGS_MAX {
        let (minimised, again, evidence) = cut(admitted, body, begun, ports).await?;
        if evidence.is_current(&ports.consents) {
            let is_same = minimised.is_in(wording, before);
            let is_same = is_same.map_err(|why| begun.end(Ending::Unrecorded(why)))?;
            return Ok(if is_same { Cut::Same } else { Cut::Other });
        }
        admitted = again;
    }
    Err(begun.end(Ending::Unrecorded(Unreleased::ConsentMoved)))
}

/// In which words something goes to a system.
fn towards<'a>(system: &SystemName, begun: &Exchange, ports: &'a Ports) -> Wording<'a> {
    match ports.settings.system(system.as_str()).map(|system| &system.speaks) {
        Some(Speaks::Hl7v2(messages)) => Wording::Message(Outbound::new(messages, begun.at)),
        Some(Speaks::Receives(receives)) => Wording::Received(receives),
        Some(Speaks::Fhir | Speaks::Mapped(_)) | None => Format::Json.into(),
    }
}

/// What may be sent of a submitted body, and the evidence that says so.
async fn cut(
    admitted: Admitted,
    body: &Unfiltered<Document>,
    begun: &Exchange,
    ports: &Ports,
) -> Result<(Minimised, Admitted, Evidence), Ended> {
    cut_beside(admitted, body, body, begun, ports).await
}

/// The same for a body that may be about those whom others are about that are sent with it: `together` is itself, or a
/// Bundle of it and those.
///
/// # Errors
/// [`Ended`] when nothing of it may be sent.
pub(crate) async fn cut_beside(
    admitted: Admitted,
    body: &Unfiltered<Document>,
    together: &Unfiltered<Document>,
    begun: &Exchange,
    ports: &Ports,
) -> Result<(Minimised, Admitted, Evidence), Ended> {
    let system = admitted.system().clone();
    let frame = Frame::of(begun, &system, ports);
    let (anyone, road) = (told_at_once(&admitted), ports.road());
    let wells = Wells { upstream: &road, ..ports.wells() };
    let (subjects, about) = subjects_of_body(body, together, &admitted, frame.bases);
    // A body goes as it was decided for everybody in it: it is sent again once that can be.
    let evidence = Evidence::gather(&admitted, &subjects, wells).await.and_then(Evidence::whole);
    let evidence = evidence.map_err(|why| begun.end(Ending::Evidence(why)))?;
    let ruling = decide(admitted, &evidence);
    let medicines = medicines_of_body(body, together, &ruling, frame, ports.wells())
        .await
        .map_err(|why| begun.end(Ending::Evidence(why)))?;
    let frame = Frame { medicines: &medicines, ..frame };
    let (naming, seen) = named::naming(body, together, &ruling, frame, ports)
        .await
        .map_err(|why| begun.end(Ending::Evidence(why)))?;
    match minimise_submitted(body, together, ruling, (&subjects, &about), &naming, frame) {
        Ok((minimised, again)) => Ok((minimised.having_met(&naming), again, evidence.resting_on(&seen))),
        Err(ended) => match anyone.filter(|_| ended.ending.is_not_found()) {
            // Whether there is somebody must not be told by what fails.
            Some(anyone) => {
                let outage = anyone.ask(&road, wells).await.err();
                Err(Ended { ending: outage.map_or(ended.ending, Ending::Evidence), ..ended })
            }
            None => Err(ended),
        },
    }
}

/// Whom to ask about before nothing is told of whom a body is about; nothing where existence is open, or its sender hears of it
/// later.
fn told_at_once(admitted: &Admitted) -> Option<Anyone> {
    match admitted.question().interaction {
        Interaction::Push { .. } => None,
        Interaction::Fhir { .. } | Interaction::Own(_) => Anyone::of(admitted),
    }
}
