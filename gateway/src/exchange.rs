//! The life of a request: one line a stage, top to bottom, no way back.
//!
//! ```text
//! request -> identify -> parse -> admit -> fetch -> subjects -> gather -> decide
//!            Requestor Interaction Admitted Unfiltered persons  Evidence  Ruling
//!         -> follow -> minimise -> release -> bytes
//!            LookedUp  Minimised   Released
//! ```
//!
//! Each stage takes the value of the one before and returns a new type. Every exchange is recorded, whichever way it
//! ends, and runs in a task of its own: a client that hangs up cancels nothing. Writes take the same road, with an
//! intent recorded before the receiving system sees a byte ([`submit`], [`change`], [`delete`], [`conditional`]). So does
//! each entry of a batch (`together`), and a transaction that writes is decided entry by entry and sent as one
//! (`transaction`).

use crate::change;
use crate::conditional;
use crate::decision::admit;
use crate::decision::evidence::Evidence;
use crate::decision::ruling::{Admitted, Question};
use crate::delete;
use crate::enforce::query_answer::Wording;
use crate::enforce::release::{Epoch, Released, Unreleased, release};
use crate::interaction::batch::{Brought, NotABatch};
use crate::interaction::{self, FhirAction, Interaction};
use crate::message;
use crate::outcome::{Ended, Ending, NotTogether};
use crate::own;
use crate::pace::{Told, UnderWay};
use crate::ports::Ports;
use crate::requestor::Requestor;
use crate::requestor::identify::identify;
use crate::server::arrived::Arrived;
use crate::server::reply::Reply;
use crate::submit;
use crate::trail::record::Exchange;
use crate::trail::sent::SentSearch;

pub(crate) mod asked;
mod room;
mod together;
mod transaction;
pub(crate) mod view;

use view::{View, view};

/// How often a ruling is made: again once, when a consent changed meanwhile.
const RULINGS_MAX: usize = 2;

/// Something that may leave, and what it rests on: until it does, that may be asked again.
#[derive(Debug)]
struct Shared {
    released: Released,
    evidence: Evidence,
    tally: Tally,
}

/// Whether a share is in the numbers for operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tally {
    /// Not before it leaves.
    Due,
    /// It was counted when it was sent, or is none.
    Done,
}

impl From<Released> for Shared {
    /// What rests on no choice of anyone, or has happened already.
    fn from(released: Released) -> Self {
        Self { released, evidence: Evidence::none(), tally: Tally::Done }
    }
}

impl Shared {
    /// What leaves now, counted.
    fn leaving(self, ports: &Ports) -> Released {
        self.count(ports);
        self.released
    }

    /// The head of it, where that alone is asked for.
    fn head(self) -> Self {
        Self { released: self.released.without_body(), ..self }
    }

    fn count(&self, ports: &Ports) {
        match self.tally {
            Tally::Due => ports.count(&self.released),
            Tally::Done => {}
        }
    }
}

/// Runs one exchange. Every exchange is recorded, whichever way it ends.
pub async fn run(arrived: Arrived, ports: &Ports) -> Reply {
    let under_way = UnderWay::begin();
    let (told, reply) = match disclose(arrived, ports, &under_way).await {
        Ok(released) => (Told::Content, Reply::released(&released, &ports.settings.gateway.base)),
        Err(ended) => (Told::Nothing, ended.record(ports).await),
    };
    reply.not_before(under_way.not_before(told, ports.settings.limits.beat))
}

async fn disclose(arrived: Arrived, ports: &Ports, under_way: &UnderWay) -> Result<Released, Ended> {
    let begun = Exchange::arrived(&arrived);
    let requestor = match identify(&arrived, &ports.keys, &ports.settings, arrived.at).await {
        Ok(requestor) => requestor,
        Err(why) => return Err(begun.end(Ending::NotAuthenticated(why))),
    };
    let begun = begun.by(&requestor);
    let brought = Brought::by(&arrived);
    let (question, begun) = question(arrived, requestor, begun, ports)?;
    match question.interaction {
        Interaction::Fhir { action: FhirAction::Batch(batch), system } if batch.is_writing_transaction() => {
            let whole = transaction::Whole {
                heads: batch.heads(),
                brought: &brought,
                requestor: &question.requestor,
                begun,
                system,
                ports,
                at_once: 1,
            };
            Box::pin(transaction::answer(batch.lines, whole, under_way)).await
        }
        Interaction::Fhir { action: FhirAction::Batch(batch), .. } => {
            Box::pin(together::answer(batch, &brought, &question.requestor, begun, ports)).await
        }
        Interaction::Fhir { .. } | Interaction::Own(_) | Interaction::Push { .. } => {
            Box::pin(serve(question, begun, ports, under_way)).await.map(|shared| shared.leaving(ports))
        }
    }
}

/// What `requestor` asks.
fn question(
    arrived: Arrived,
    requestor: Requestor,
    begun: Exchange,
    ports: &Ports,
) -> Result<(Question, Exchange), Ended> {
    let at = arrived.at;
    let sent = SentSearch::by(&arrived);
    let override_reason = arrived.headers.override_reason.as_ref().map(|reason| reason.expose().to_owned());
    let interaction = match interaction::parse(arrived, &requestor, &ports.settings, &ports.seal) {
        Ok(interaction) => interaction,
        Err(why) => return Err(begun.end(Ending::Malformed(why))),
    };
    let begun = begun.asking(&interaction, &ports.settings).sent(sent, &interaction);
    Ok((Question { requestor, interaction, override_reason, at }, begun))
}

/// One interaction, on its own or as an entry of a batch: the same road.
async fn serve(
    question: Question,
    begun: Exchange,
    ports: &Ports,
    under_way: &UnderWay,
) -> Result<Shared, Ended> {
    match &question.interaction {
        Interaction::Own(_) | Interaction::Fhir { action: FhirAction::Metadata, .. } => {
            own::answer(question, begun, ports).await.map(Shared::from)
        }
        Interaction::Fhir { action: FhirAction::Create(new), .. } if new.unless.is_some() => {
            let (released, evidence) = conditional::create(question, begun, ports, under_way).await?;
            Ok(Shared { released, evidence, tally: Tally::Done })
        }
        Interaction::Fhir { action: FhirAction::Create(_), .. } | Interaction::Push { .. } => {
            submit::submit(question, begun, ports, under_way).await.map(Shared::from)
        }
        Interaction::Fhir { action: FhirAction::Change(_), .. } => {
            let (released, evidence) = change::change(question, begun, ports, under_way).await?;
            Ok(Shared { released, evidence, tally: Tally::Done })
        }
        Interaction::Fhir { action: FhirAction::Delete(_), .. } => {
            delete::delete(question, begun, ports, under_way).await.map(Shared::from)
        }
        Interaction::Fhir { action: FhirAction::Message(_), .. } => {
            message::process(question, begun, ports, under_way).await.map(Shared::from)
        }
        Interaction::Fhir {
            action:
                FhirAction::Read(_)
                | FhirAction::ReadBinary(_)
                | FhirAction::Vread(_)
                | FhirAction::History(_)
                | FhirAction::Search(_)
                | FhirAction::Everything(_)
                | FhirAction::Document(_),
            ..
        } => {
            let format = begun.format;
            share(question, begun, format.into(), ports, under_way).await
        }
        Interaction::Fhir { action: FhirAction::Batch(_), .. } => {
            Err(begun.end(Ending::Malformed(NotABatch::Nested.into())))
        }
    }
}

/// Reads, histories, searches and what is made of them: the whole path.
async fn share(
    question: Question,
    begun: Exchange,
    wording: Wording<'_>,
    ports: &Ports,
    under_way: &UnderWay,
) -> Result<Shared, Ended> {
    let named = question.interaction.named_persons();
    let admitted = admit(question, &ports.settings).map_err(|why| begun.refuse(why, &named))?; // rules alone
    under_way.concerns(&admitted);
    let begun = begun.under(&admitted);
    given(admitted, &begun, wording, ports, under_way).await
}

/// What was admitted, as it is decided now: recorded, and then released.
async fn given(
    mut admitted: Admitted,
    begun: &Exchange,
    wording: Wording<'_>,
    ports: &Ports,
    under_way: &UnderWay,
) -> Result<Shared, Ended> {
    for _ in 0..RULINGS_MAX {
        // What takes too long is dropped while nothing is recorded of it: what is recorded is never cut.
        let view = under_way.in_time(view(admitted, begun, ports)).await;
        let View { made: minimised, again, evidence, .. } =
            view.map_err(|_| begun.end(Ending::Together(NotTogether::TooSlow)))??;
        let epoch = || if evidence.is_current(&ports.consents) { Epoch::Same } else { Epoch::Moved };
        match release(minimised, wording, &epoch, &*ports.ledger).await {
            Ok(released) => return Ok(Shared { released, evidence, tally: Tally::Due }), // recorded first
            Err(Unreleased::ConsentMoved) => admitted = again,
            Err(why) => return Err(begun.end(Ending::Unrecorded(why))),
        }
    }
    Err(begun.end(Ending::Unrecorded(Unreleased::ConsentMoved)))
}
