//! One message at a time: read its outside, store it, have it decided, put it on its way, answer.
//!
//! Each message is dealt with in a task of its own: a sender that hangs up cancels nothing. What is told means that
//! it is on the disk.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use adapters::hl7v2::batch::is_enclosed;
use adapters::hl7v2::{self, Problem};
use adapters::{Context, Refused};
use fhir::json;
use fhir::ods_code::OdsCode;
use fhir::purpose_of_use::PurposeOfUse;
use futures_util::FutureExt;
use tokio::sync::{Notify, mpsc};

use super::anew::{Wanted, known, names};
use super::answer::{Acknowledgement, Mode, Told, not_now};
use super::busy::{Busy, PANICS_MAX, Turn};
use super::counts::{Counted, Counts};
use super::disclose::{Cleared, Disclose, NotCleared, Pushed};
use super::entering::Entered;
use super::express::Express;
use super::form::{Form, Outside};
use super::fresh::Fresh;
use super::inbox::{Answer, Arrival, Care, InboxId, Known, Place, Verdict};
use super::letters::{Owed, Stage};
use super::outbox::{Parcel, Text};
use super::stamped::{Stamped, answer, not_shared, stamped};
use super::stood::Stood;
use super::store::Store;
use crate::clock::Clock;
use crate::enforce::unfiltered::Unfiltered;
use crate::ledger::AuditLedger;
use crate::outcome::Ending;
use crate::person::SystemName;
use crate::requestor::{Party, Proof, Requestor, SystemClient};
use crate::server::arrived::RequestId;
use crate::trail::record::{Event, Exchange};
use crate::trail::records::Records;

/// What hears of the answers of a message.
type Tell = mpsc::Sender<Told>;

/// Open messages that are taken up again at once.
const RESUMED_TOGETHER: usize = 64;
/// Why a message is left alone that the program failed at time and again.
pub(in crate::push) const GIVEN_UP: &str = "panicked-given-up";
/// Why a message is refused at a place that only answers queries.
const NOBODY_RECEIVES: &str = "nobody-receives";
/// Whom a listener or route speaks for, and whom it sends to.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The name of the listener or route: stands in records.
    pub listener: String,
    /// The organisation that sends.
    pub organisation: OdsCode,
    /// The systems that receive.
    pub to: Vec<SystemName>,
    /// What it sends for.
    pub purposes: Vec<PurposeOfUse>,
    /// How it writes.
    pub form: Form,
    /// What its translation knows beyond the bytes; the source is the organisation, or the name of the place.
    pub context: Context,
}

/// Deals with messages.
#[derive(Debug)]
pub struct Intake {
    /// Where messages are safe.
    pub store: Store,
    /// Where everything is recorded.
    pub ledger: Arc<dyn AuditLedger>,
    /// Decides and minimises.
    pub exchange: Arc<dyn Disclose>,
    /// The time.
    pub clock: Clock,
    /// What came of the messages.
    pub counts: Arc<Counts>,
    /// Tells the delivery that there is something new.
    pub wake: Arc<Notify>,
    /// Messages that are being dealt with.
    pub busy: Arc<Busy>,
    /// The rulings of this moment.
    pub fresh: Fresh,
    /// The places of parcels that leave at once.
    pub express: Express,
}

/// A message, and all that is known about it so far.
pub(in crate::push) struct Taken {
    pub(in crate::push) sender: Arc<Sender>,
    pub(in crate::push) outside: Outside,
    pub(in crate::push) raw: Vec<u8>,
    pub(in crate::push) exchange: Exchange,
    /// Whether its sender hears nothing of a refusal.
    pub(in crate::push) owed: Owed,
    /// Where in a file that is not read to its end it stood.
    pub(in crate::push) stood: Option<Stood>,
}

/// Why a message has no parcels.
pub(in crate::push) enum Unsettled {
    /// It is refused, and what stands against it.
    Refused(Answer, Vec<Stamped>),
    /// It may go later.
    Failed,
}

/// How dealing with a message ended.
pub(in crate::push) enum Dealt {
    /// It is settled, and this is the answer from now on.
    Settled(Answer),
    /// It could not be settled now; it is still in the inbox.
    Failed,
}

impl Intake {
    /// Begins to deal with a message. Its acknowledgements come out in order; after the last nothing more comes.
    #[must_use]
    pub fn take(
        self: &Arc<Self>,
        sender: Arc<Sender>,
        raw: Vec<u8>,
        peer: Option<String>,
    ) -> mpsc::Receiver<Told> {
        let (tell, told) = mpsc::channel(2);
        let intake = Arc::clone(self);
        tokio::spawn(async move {
            let dealt = intake.deal(Arc::clone(&sender), raw.clone(), peer.clone(), &tell);
            if AssertUnwindSafe(dealt).catch_unwind().await.is_err() {
                intake.panicked(&sender, &raw, peer, &tell).await;
            }
        });
        told
    }

    /// Records a fault of the program, and lets the sender send again: silence would pass for success.
    async fn panicked(&self, sender: &Sender, raw: &[u8], peer: Option<String>, tell: &mpsc::Sender<Told>) {
        self.counts.add(Counted::Failed);
        if let Some(begun) = self.begun(sender, peer) {
            self.record(begun, Event::Failed, Ending::Panicked.reason()).await;
        }
        let mode = only(sender, raw).map_or(Mode::Original, |outside| outside.mode);
        let answer = mode.dealt_with(&refusal(Verdict::Error, not_now()));
        self.tell(raw, answer.unwrap_or_else(|| mode.not_stored(not_now())), tell).await;
    }

    async fn deal(self: &Arc<Self>, sender: Arc<Sender>, raw: Vec<u8>, peer: Option<String>, tell: &Tell) {
        if is_enclosed(&raw) {
            return self.take_enclosed(sender, raw, peer, tell).await;
        }
        self.counts.add(Counted::Received);
        let Some(begun) = self.begun(&sender, peer) else {
            return self.tell(&raw, Mode::Original.not_stored(not_now()), tell).await;
        };
        let outside = match only(&sender, &raw) {
            Ok(read) => read,
            Err(refused) => {
                let (code, problem) = refused.ack();
                self.unread(&sender, &raw, problem.text.clone(), begun).await;
                return self.tell(&raw, Acknowledgement { code, problem: Some(problem) }, tell).await;
            }
        };
        let mode = outside.mode;
        let exchange = Exchange { follows: Some(outside.control_id.clone()), ..begun };
        let mut taken = Taken { sender, outside, raw, exchange, owed: mode.owed(), stood: None };
        let entered = match (mode.stored(), mode.care()) {
            // Until it has an answer nobody counts on its being stored.
            (None, Care::WithSender) => self.claim(&taken).await,
            (Some(_), _) | (None, Care::TakenOver) => self.enter_in_turn(&mut taken).await,
        };
        let turn = match entered {
            Entered::Open(turn) => turn,
            Entered::Answered(answer) => return self.answer(&taken.raw, mode, &answer, tell).await,
            Entered::Not(problem) => return self.tell(&taken.raw, mode.not_stored(problem), tell).await,
        };
        if let Some(stored) = mode.stored() {
            self.tell(&taken.raw, stored, tell).await;
        }
        let answer = match self.settle(turn, &taken).await {
            Dealt::Settled(answer) => answer,
            Dealt::Failed => refusal(Verdict::Error, not_now()),
        };
        if let Some(acknowledgement) = mode.dealt_with(&answer) {
            self.tell(&taken.raw, acknowledgement, tell).await;
        }
    }

    /// Deals with messages that were taken over and not answered: after a start, and when something failed.
    pub async fn resume(&self, senders: &[Arc<Sender>]) {
        let mut after = None;
        loop {
            let Ok(open) = self.store.open_messages(after, RESUMED_TOGETHER).await else { return };
            if open.is_empty() {
                return;
            }
            for message in open {
                after = Some(message.id);
                if self.busy.is_given_up(message.id) {
                    continue;
                }
                let wanted = Wanted::All(message.receivers.as_deref());
                let Some(sender) = known(senders, &message.listener, &message.source, wanted) else {
                    continue;
                };
                let Some(begun) = self.begun(sender, None) else { return };
                let Ok(taken) = self.taken(sender, (&message.raw, &message.control_id), begun) else {
                    continue;
                };
                // A fault of the program with one message must not keep the others waiting.
                if AssertUnwindSafe(self.settle(Turn::Stored(message.id), &taken))
                    .catch_unwind()
                    .await
                    .is_err()
                {
                    self.panicked_again(message.id, taken.exchange).await;
                }
            }
        }
    }

    /// A message that was stored under the id `control_id`, again.
    pub(in crate::push) fn taken(
        &self,
        sender: &Arc<Sender>,
        (raw, control_id): (&[u8], &str),
        begun: Exchange,
    ) -> Result<Taken, Refused> {
        let outside = Outside::of(sender, raw, control_id)?;
        let exchange = Exchange { follows: Some(outside.control_id.clone()), ..begun };
        // Nobody waits for an answer any more.
        let owed = Owed::Yes;
        Ok(Taken { sender: Arc::clone(sender), outside, raw: raw.to_vec(), exchange, owed, stood: None })
    }

    /// Records a fault of the program with a message that was taken over. After some it is left alone until the next
    /// start, or until somebody sees to it: what fails by itself would fail for ever.
    pub(in crate::push) async fn panicked_again(&self, id: InboxId, exchange: Exchange) {
        self.counts.add(Counted::Failed);
        if self.busy.panicked(id) < PANICS_MAX {
            return self.record(exchange, Event::Failed, Ending::Panicked.reason()).await;
        }
        self.record(exchange, Event::Failed, GIVEN_UP).await;
        let given_up = Stamped { owed: Owed::Yes, ..stamped(Stage::Fault, GIVEN_UP, None) };
        match self.store.give_up_on(id, given_up, (PANICS_MAX, self.now_ms())).await {
            Ok(owed) => self.counts.add_many(Counted::Dead, owed),
            // In no list either: the count is all that tells of it.
            Err(_) => {
                self.counts.add(Counted::Unrecorded);
                self.counts.add(Counted::Dead);
            }
        }
        tracing::error!(reason = GIVEN_UP, "a message that was taken over is given up until the next start");
    }

    /// Settles a message, once.
    pub(in crate::push) async fn settle(&self, turn: Turn, taken: &Taken) -> Dealt {
        // What came just now has no parcels yet: those that may leave at once do.
        let (place, _held, came_now) = match turn {
            Turn::Arrived(id, held) => (Place::In(id), held, true),
            Turn::Unstored(held) => (Place::With(Box::new(self.arrival(taken))), held, true),
            Turn::Stored(id) => {
                let held = self.busy.hold(id).await;
                // While this waited, another connection may have settled the same message.
                match self.store.receive(self.arrival(taken)).await {
                    Ok(Known::Answered(answer)) => return Dealt::Settled(answer),
                    Ok(Known::Open(_) | Known::Other) => (Place::In(id), held, false),
                    Err(_) => return Dealt::Failed,
                }
            }
        };
        let Ok(to) = self.still_without(&place, taken).await else { return Dealt::Failed };
        let answer = match self.parcels(taken, &to).await {
            Ok((parcels, against)) => {
                let answer = answer(&against);
                let noted = (answer.clone(), against);
                if self.put_on_its_way(taken, (place, came_now), parcels, noted).await.is_err() {
                    return Dealt::Failed;
                }
                answer
            }
            Err(Unsettled::Refused(answer, against)) => {
                let Ok(owed) = self.store.refuse(place, answer.clone(), against, self.now_ms()).await else {
                    self.counts.add(Counted::Failed);
                    return Dealt::Failed;
                };
                self.counts.add_many(Counted::Dead, owed);
                answer
            }
            Err(Unsettled::Failed) => {
                self.counts.add(Counted::Failed);
                return Dealt::Failed;
            }
        };
        match &answer {
            Answer::Accepted => self.counts.add(Counted::Accepted),
            Answer::Refused { .. } => self.counts.add(Counted::Refused),
        }
        Dealt::Settled(answer)
    }

    /// Translates a message and has it cleared for each of these systems. With the parcels comes what stands against the
    /// others.
    pub(in crate::push) async fn parcels(
        &self,
        taken: &Taken,
        to: &[SystemName],
    ) -> Result<(Vec<Parcel>, Vec<Stamped>), Unsettled> {
        if taken.sender.to.is_empty() {
            self.record(taken.exchange.clone(), Event::Refused, NOBODY_RECEIVES).await;
            let text = "queries are answered here, and no messages taken".to_owned();
            let stamped =
                Stamped { owed: taken.owed, ..stamped(Stage::Decide, NOBODY_RECEIVES, Some(text.clone())) };
            let answer = refusal(Verdict::Reject, Problem { code: "200", text });
            return Err(Unsettled::Refused(answer, vec![stamped]));
        }
        let translated = match taken.outside.translated(&taken.sender, &taken.raw) {
            Ok(translated) => translated,
            Err((reason, answer)) => {
                self.record(taken.exchange.clone(), Event::Refused, reason).await;
                let told = answer.text().map(str::to_owned);
                let against = Stamped { owed: taken.owed, ..stamped(Stage::Translate, reason, told) };
                return Err(Unsettled::Refused(answer, vec![against]));
            }
        };
        let document = json::parse(translated.bundle.into(), &json::Limits::default());
        let Ok(document) = document else {
            self.record(taken.exchange.clone(), Event::Failed, "not-written").await;
            return Err(Unsettled::Failed);
        };
        let requestor = taken.sender.requestor();
        let pushed =
            Pushed { requestor, exchange: taken.exchange.clone(), bundle: Unfiltered::new(document) };
        let mut parcels = Vec::new();
        let mut against = Vec::new();
        for system in to {
            let refused = |reason, text| Stamped {
                system: Some(system.clone()),
                text,
                owed: taken.owed,
                ..stamped(Stage::Decide, reason, None)
            };
            match self.exchange.disclose(&pushed, system).await {
                Ok(Cleared { body, intent, grounds }) => {
                    self.fresh.note(&intent, grounds, Instant::now());
                    let (person, bundle) = (taken.outside.lane.clone(), translated.id.clone());
                    parcels.push(Parcel { system: system.clone(), person, bundle, body, intent });
                }
                Err(NotCleared::Refused(reason)) => against.push(refused(reason, Text::Kept)),
                // It is what she wants, and stands in her trail: nobody has to see to it.
                Err(NotCleared::Denied(reason)) => {
                    against.push(Stamped { owed: Owed::No, ..refused(reason, Text::Gone) });
                }
                // Nothing was put on its way yet: all of it is done again when the sender sends it again.
                Err(NotCleared::Failed) => {
                    self.not_released(&parcels, "not-decided").await;
                    return Err(Unsettled::Failed);
                }
            }
        }
        if parcels.is_empty() && (!to.is_empty() || taken.sender.to.is_empty()) {
            return Err(Unsettled::Refused(not_shared("not shared", &against), against));
        }
        Ok((parcels, against))
    }

    async fn answer(&self, raw: &[u8], mode: Mode, answer: &Answer, tell: &mpsc::Sender<Told>) {
        for acknowledgement in [mode.stored(), mode.dealt_with(answer)].into_iter().flatten() {
            self.tell(raw, acknowledgement, tell).await;
        }
    }

    async fn tell(&self, raw: &[u8], acknowledgement: Acknowledgement, tell: &mpsc::Sender<Told>) {
        let meaning = acknowledgement.meaning();
        let problem = acknowledgement.problem.as_ref();
        let bytes = hl7v2::acknowledge(raw, acknowledgement.code, problem, &self.stamp());
        // Who hung up is not told; what was done stands.
        drop(tell.send(Told { bytes, meaning, shared: None }).await);
    }

    pub(in crate::push) fn begun(&self, sender: &Sender, peer: Option<String>) -> Option<Exchange> {
        let request_id = RequestId::random()?.as_str().to_owned();
        let begun = Exchange::begun(request_id, self.clock.now(), peer).by(&sender.requestor());
        Some(Exchange {
            interaction: "push".to_owned(),
            discloser: Some(sender.organisation.as_str().to_owned()),
            ..begun
        })
    }

    /// Records how it ended. A refusal that cannot be recorded is told all the same: nothing was shared.
    pub(in crate::push) async fn record(&self, exchange: Exchange, event: Event, reason: &'static str) {
        let records = Records::from(exchange.ended(event, 0, Some(reason)));
        let recorded = match records.to_batch() {
            Ok(batch) => self.ledger.append(batch).await.is_ok(),
            Err(_) => false,
        };
        if !recorded {
            self.counts.add(Counted::Unrecorded);
        }
    }

    pub(in crate::push) fn arrival(&self, taken: &Taken) -> Arrival {
        Arrival {
            source: taken.outside.source.clone(),
            control_id: taken.outside.control_id.clone(),
            row_key: taken.outside.key.clone(),
            hash: taken.outside.hash,
            listener: taken.sender.listener.clone(),
            received_ms: self.now_ms(),
            care: taken.outside.mode.care(),
            receivers: names(&taken.sender.to),
            stood: taken.stood.clone(),
            raw: taken.raw.clone(),
        }
    }

    pub(in crate::push) fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }
}

impl Sender {
    /// As the one who asks.
    #[must_use]
    pub fn requestor(&self) -> Requestor {
        Requestor {
            party: Party::System(SystemClient {
                san: self.listener.clone(),
                organisation: self.organisation.clone(),
                purposes: self.purposes.clone(),
            }),
            proof: Proof::Message { listener: self.listener.clone() },
        }
    }
}

/// The one message of input that holds one.
fn only(sender: &Sender, raw: &[u8]) -> Result<Outside, Refused> {
    Outside::all(sender, raw)?.into_iter().next().ok_or(Refused::NoHeader)
}

pub(in crate::push) fn refusal(verdict: Verdict, problem: Problem) -> Answer {
    Answer::Refused { verdict, code: problem.code.to_owned(), text: problem.text }
}

pub(in crate::push) fn verdict(code: hl7v2::AckCode) -> Verdict {
    match code {
        hl7v2::AckCode::ApplicationReject | hl7v2::AckCode::CommitReject => Verdict::Reject,
        hl7v2::AckCode::ApplicationAccept
        | hl7v2::AckCode::ApplicationError
        | hl7v2::AckCode::CommitAccept
        | hl7v2::AckCode::CommitError => Verdict::Error,
    }
}
