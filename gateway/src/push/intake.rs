//! One message at a time: read its outside, store it, have it decided, put it on its way, answer.
//!
//! Each message is dealt with in a task of its own: a sender that hangs up cancels nothing. What is told means that
//! it is on the disk.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use adapters::hl7v2::{self, Envelope, Problem, Stamp};
use adapters::{Context, Refused, Translated, Why};
use fhir::json;
use fhir::ods_code::OdsCode;
use fhir::purpose_of_use::PurposeOfUse;
use futures_util::FutureExt;
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, mpsc};

use super::anew::known;
use super::answer::{Acknowledgement, Mode, Told, not_now};
use super::counts::{Counted, Counts};
use super::disclose::{Cleared, Disclose, NotCleared, Pushed};
use super::inbox::{Answer, Arrival, InboxId, Known, Verdict};
use super::outbox::Parcel;
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

/// Open messages that are taken up again at once.
const RESUMED_TOGETHER: usize = 64;
/// After so many faults of the program with a message that was taken over it is left alone.
const PANICS_MAX: u32 = 3;
/// Why it is left alone.
const GIVEN_UP: &str = "panicked-given-up";

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
    /// IANA zone of its local times.
    pub time_zone: String,
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
    pub busy: Busy,
}

/// Messages that are being dealt with: the same one twice waits for the first. And those that the program failed at.
#[derive(Debug, Default)]
pub struct Busy {
    ids: Mutex<HashSet<InboxId>>,
    panics: Mutex<HashMap<InboxId, u32>>,
    freed: Notify,
}

/// A message, and all that is known about it so far.
pub(in crate::push) struct Taken {
    pub(in crate::push) sender: Arc<Sender>,
    context: Context,
    envelope: Envelope,
    raw: Vec<u8>,
    pub(in crate::push) exchange: Exchange,
}

/// How dealing with a message ended.
enum Dealt {
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
            let dealt = tokio::spawn({
                let (intake, sender, raw, peer, tell) =
                    (Arc::clone(&intake), Arc::clone(&sender), raw.clone(), peer.clone(), tell.clone());
                async move { intake.deal(sender, raw, peer, &tell).await }
            });
            if dealt.await.is_err() {
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
        let mode = outside(sender, raw).map_or(Mode::Original, |(_, envelope)| Mode::of(&envelope));
        let answer = mode.dealt_with(&refusal(Verdict::Error, not_now()));
        self.tell(raw, answer.unwrap_or_else(|| mode.not_stored(not_now())), tell).await;
    }

    async fn deal(&self, sender: Arc<Sender>, raw: Vec<u8>, peer: Option<String>, tell: &mpsc::Sender<Told>) {
        self.counts.add(Counted::Received);
        let Some(begun) = self.begun(&sender, peer) else {
            return self.tell(&raw, Mode::Original.not_stored(not_now()), tell).await;
        };
        let (context, envelope) = match outside(&sender, &raw) {
            Ok(read) => read,
            Err(refused) => return self.unread(&raw, &refused, begun, tell).await,
        };
        let mode = Mode::of(&envelope);
        let exchange = Exchange { follows: Some(envelope.control_id.clone()), ..begun };
        let taken = Taken { sender, context, envelope, raw, exchange };
        let known = match self.store.receive(self.arrival(&taken, mode)).await {
            Ok(known) => known,
            Err(_) => {
                self.record(taken.exchange.clone(), Event::Failed, "not-stored").await;
                self.counts.add(Counted::Failed);
                return self.tell(&taken.raw, mode.not_stored(not_now()), tell).await;
            }
        };
        let id = match known {
            Known::Open(id) => id,
            Known::Other => {
                self.record(taken.exchange.clone(), Event::Refused, "control-id-reused").await;
                self.counts.add(Counted::Refused);
                let problem =
                    Problem { code: "205", text: "this control id was used for another message".to_owned() };
                return self.tell(&taken.raw, mode.not_stored(problem), tell).await;
            }
            Known::Answered(answer) => {
                self.counts.add(Counted::Repeated);
                return self.answer(&taken.raw, mode, &answer, tell).await;
            }
        };
        if let Some(stored) = mode.stored() {
            self.tell(&taken.raw, stored, tell).await;
        }
        let answer = match self.settle(id, &taken).await {
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
                let Some(sender) = known(senders, &message.listener, &message.source, None) else { continue };
                let Some(begun) = self.begun(sender, None) else { return };
                let Ok(taken) = self.taken(sender, &message.raw, begun) else { continue };
                // A fault of the program with one message must not keep the others waiting.
                if AssertUnwindSafe(self.settle(message.id, &taken)).catch_unwind().await.is_err() {
                    self.panicked_again(message.id, taken.exchange).await;
                }
            }
        }
    }

    pub(in crate::push) fn taken(
        &self,
        sender: &Arc<Sender>,
        raw: &[u8],
        begun: Exchange,
    ) -> Result<Taken, Refused> {
        let (context, envelope) = outside(sender, raw)?;
        let exchange = Exchange { follows: Some(envelope.control_id.clone()), ..begun };
        Ok(Taken { sender: Arc::clone(sender), context, envelope, raw: raw.to_vec(), exchange })
    }

    /// Records a fault of the program with a message that was taken over. After some it is left alone until the next
    /// start, or until somebody sees to it: what fails by itself would fail for ever.
    async fn panicked_again(&self, id: InboxId, exchange: Exchange) {
        self.counts.add(Counted::Failed);
        if self.busy.panicked(id) < PANICS_MAX {
            return self.record(exchange, Event::Failed, Ending::Panicked.reason()).await;
        }
        self.record(exchange, Event::Failed, GIVEN_UP).await;
        if self.store.give_up_on(id, GIVEN_UP).await.is_err() {
            self.counts.add(Counted::Unrecorded);
        }
        self.counts.add(Counted::Dead);
        tracing::error!(reason = GIVEN_UP, "a message that was taken over is given up until the next start");
    }

    /// Settles a message that is in the inbox, once.
    async fn settle(&self, id: InboxId, taken: &Taken) -> Dealt {
        let _held = self.busy.hold(id).await;
        // While this waited, another connection may have settled the same message.
        match self.store.receive(self.arrival(taken, Mode::of(&taken.envelope))).await {
            Ok(Known::Answered(answer)) => return Dealt::Settled(answer),
            Ok(Known::Open(_) | Known::Other) => {}
            Err(_) => return Dealt::Failed,
        }
        let answer = match self.parcels(taken).await {
            Ok((parcels, answer)) => {
                let now_ms = self.clock.now().as_millisecond();
                if self.store.accept(id, parcels.clone(), answer.clone(), now_ms).await.is_err() {
                    self.not_released(&parcels, "not-stored").await;
                    self.counts.add(Counted::Failed);
                    return Dealt::Failed;
                }
                self.wake.notify_one();
                answer
            }
            Err(Unsettled::Refused(answer)) => {
                if self.store.refuse(id, answer.clone()).await.is_err() {
                    self.counts.add(Counted::Failed);
                    return Dealt::Failed;
                }
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

    /// Translates a message and has it cleared for each system that receives.
    async fn parcels(&self, taken: &Taken) -> Result<(Vec<Parcel>, Answer), Unsettled> {
        let translated = match self.translated(taken) {
            Ok(translated) => translated,
            Err((reason, answer)) => {
                self.record(taken.exchange.clone(), Event::Refused, reason).await;
                return Err(Unsettled::Refused(answer));
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
        let mut refused = 0;
        for system in &taken.sender.to {
            match self.exchange.disclose(&pushed, system).await {
                Ok(Cleared { body, intent }) => parcels.push(Parcel {
                    system: system.clone(),
                    person: lane(&taken.envelope),
                    bundle: translated.id.clone(),
                    body,
                    intent,
                }),
                Err(NotCleared::Refused) => refused += 1,
                // Nothing was put on its way yet: all of it is done again when the sender sends it again.
                Err(NotCleared::Failed) => {
                    self.not_released(&parcels, "not-decided").await;
                    return Err(Unsettled::Failed);
                }
            }
        }
        let not_shared = |text: &str| refusal(Verdict::Error, Problem { code: "207", text: text.to_owned() });
        match (parcels.is_empty(), refused) {
            (false, 0) => Ok((parcels, Answer::Accepted)),
            (false, _) => Ok((parcels, not_shared("not shared with every receiver; the reason is recorded"))),
            (true, _) => Err(Unsettled::Refused(not_shared("not shared; the reason is recorded"))),
        }
    }

    /// The message as a Bundle, or the name of the reason and the answer.
    pub(in crate::push) fn translated(&self, taken: &Taken) -> Result<Translated, (&'static str, Answer)> {
        if !taken.envelope.processing.eq_ignore_ascii_case("P") {
            let problem = Problem { code: "202", text: "only production messages are taken".to_owned() };
            return Err(("not-a-production-message", refusal(Verdict::Reject, problem)));
        }
        let translated = hl7v2::translate(&taken.raw, &taken.context).map_err(|refused| {
            let (ack, problem) = refused.ack();
            ("not-translated", refusal(verdict(ack), problem))
        })?;
        let unreadable = |why| matches!(why, Why::DocumentUnreadable | Why::NoDocument);
        if translated.losses.iter().any(|loss| unreadable(loss.why)) {
            let problem =
                Problem { code: "207", text: "the document in the message cannot be read".to_owned() };
            return Err(("document-unreadable", refusal(Verdict::Error, problem)));
        }
        Ok(translated)
    }

    /// The answer to input that has no outside one could store it under.
    async fn unread(&self, raw: &[u8], refused: &Refused, begun: Exchange, tell: &mpsc::Sender<Told>) {
        self.record(begun, Event::Refused, "not-a-message").await;
        self.counts.add(Counted::Refused);
        let (code, problem) = refused.ack();
        self.tell(raw, Acknowledgement { code, problem: Some(problem) }, tell).await;
    }

    async fn answer(&self, raw: &[u8], mode: Mode, answer: &Answer, tell: &mpsc::Sender<Told>) {
        for acknowledgement in [mode.stored(), mode.dealt_with(answer)].into_iter().flatten() {
            self.tell(raw, acknowledgement, tell).await;
        }
    }

    async fn tell(&self, raw: &[u8], acknowledgement: Acknowledgement, tell: &mpsc::Sender<Told>) {
        let control_id = RequestId::random().map_or_else(String::new, |id| id.as_str().replace('-', ""));
        let stamp = Stamp {
            control_id: control_id.get(..20).unwrap_or_default().to_owned(),
            at: self.clock.now().strftime("%Y%m%d%H%M%S+0000").to_string(),
        };
        let meaning = acknowledgement.meaning();
        let bytes = hl7v2::acknowledge(raw, acknowledgement.code, acknowledgement.problem.as_ref(), &stamp);
        // Who hung up is not told; what was done stands.
        drop(tell.send(Told { bytes, meaning }).await);
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
    async fn record(&self, exchange: Exchange, event: Event, reason: &'static str) {
        let records = Records::from(exchange.ended(event, 0, Some(reason)));
        let recorded = match records.to_batch() {
            Ok(batch) => self.ledger.append(batch).await.is_ok(),
            Err(_) => false,
        };
        if !recorded {
            self.counts.add(Counted::Unrecorded);
        }
    }

    fn arrival(&self, taken: &Taken, mode: Mode) -> Arrival {
        Arrival {
            source: taken.context.source().to_owned(),
            control_id: taken.envelope.control_id.clone(),
            hash: Sha256::digest(&taken.raw).into(),
            listener: taken.sender.listener.clone(),
            received_ms: self.clock.now().as_millisecond(),
            care: mode.care(),
            raw: taken.raw.clone(),
        }
    }
}

/// Why a message has no parcels.
enum Unsettled {
    Refused(Answer),
    Failed,
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

impl Busy {
    /// Waits until nobody deals with the message, and deals with it until the guard goes.
    async fn hold(&self, id: InboxId) -> Held<'_> {
        loop {
            let freed = self.freed.notified();
            if self.ids().insert(id) {
                return Held { busy: self, id };
            }
            freed.await;
        }
    }

    /// Notes a fault of the program with a message, and says how many there were.
    fn panicked(&self, id: InboxId) -> u32 {
        let mut panics = self.panics.lock().unwrap_or_else(PoisonError::into_inner);
        let count = panics.entry(id).or_default();
        *count = count.saturating_add(1);
        *count
    }

    fn is_given_up(&self, id: InboxId) -> bool {
        let panics = self.panics.lock().unwrap_or_else(PoisonError::into_inner);
        panics.get(&id).is_some_and(|count| *count >= PANICS_MAX)
    }

    fn ids(&self) -> std::sync::MutexGuard<'_, HashSet<InboxId>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Held<'b> {
    busy: &'b Busy,
    id: InboxId,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.busy.ids().remove(&self.id);
        self.busy.freed.notify_waiters();
    }
}

/// The outside of a message, and what is known of the application that sent it: within one organisation each
/// application counts its messages on its own.
fn outside(sender: &Sender, raw: &[u8]) -> Result<(Context, Envelope), Refused> {
    let context = |source: &str| {
        Context::new(source, Some(sender.organisation.clone()), &sender.time_zone).map_err(|_| Refused::Maps)
    };
    let organisation = sender.organisation.as_str();
    let envelope = hl7v2::envelope(raw, &context(organisation)?)?;
    let source = format!("{organisation}/{}/{}", envelope.sender.facility, envelope.sender.application);
    Ok((context(&source)?, envelope))
}

/// What keeps the messages about one person in order: a digest of how the message names her, or of its visit.
fn lane(envelope: &Envelope) -> String {
    let number =
        envelope.persons.iter().find(|person| person.system.as_deref() == Some(fhir::identifier::NHS_NUMBER));
    let mut hash = Sha256::new();
    if let Some(identifier) = number.or_else(|| envelope.persons.first()) {
        hash.update(identifier.system.as_deref().unwrap_or_default());
        hash.update([0]);
        hash.update(&identifier.value);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn refusal(verdict: Verdict, problem: Problem) -> Answer {
    Answer::Refused { verdict, code: problem.code.to_owned(), text: problem.text }
}

fn verdict(code: hl7v2::AckCode) -> Verdict {
    match code {
        hl7v2::AckCode::ApplicationReject | hl7v2::AckCode::CommitReject => Verdict::Reject,
        hl7v2::AckCode::ApplicationAccept
        | hl7v2::AckCode::ApplicationError
        | hl7v2::AckCode::CommitAccept
        | hl7v2::AckCode::CommitError => Verdict::Error,
    }
}
