//! Delivery: what is in the outbox reaches the systems that receive, in order for each person.
//!
//! Each Bundle is put under an id that its message determines (`PUT [base]/Bundle/id`), so that doing it twice has the
//! effect of doing it once; every FHIR server that stores Bundles and lets clients choose ids can take it. A message, document or
//! notice that goes in its place bears the same id each time. A parcel can
//! wait for days: before each attempt its message is decided anew, so that what the person has said meanwhile, and the
//! end of an agreement, reach it too. What may go through later is tried again, ever less often. What never will, or not
//! within days, is given up, recorded and counted: someone will not hear what they need to know.
//!
//! Before the bytes of a parcel leave, that is noted on the disk. The note goes only when the system said that it took
//! nothing, or was not reached; while it stands, the intent ends as unconfirmed and never as not delivered.

use std::fmt::Debug;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::Notify;

use super::anew::Decided;
use super::counts::{Counted, Counts};
use super::intake::{Intake, Sender};
use super::intent::{self, Departed, Unrecorded};
use super::marks::{Faults, Former};
use super::outbox::{Due, OutboxId, Parcel, Text};
use super::store::{Store, StoreError};
use crate::clock::Clock;
use crate::ledger::AuditLedger;
use crate::outcome::Ending;
use crate::trail::record::Event;

/// How long answered messages are remembered, to know them when they come again.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How often what is over is forgotten.
const FORGOTTEN_EVERY: Duration = Duration::from_secs(60);

/// Why an intent ends whose parcel was cut anew.
const CUT_ANEW: &str = "cut-anew";

/// How long delivery is tried.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// The wait after the first failure; each further one waits twice as long.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// After this time a parcel is given up.
    pub give_up: Duration,
}

/// Everyone who may send, as things are set up at that moment.
pub type Senders = Arc<dyn Fn() -> Vec<Arc<Sender>> + Send + Sync>;

/// Takes parcels to the systems that receive them.
pub trait Carrier: Debug + Send + Sync {
    /// Puts the Bundle of `parcel` to its system.
    ///
    /// # Errors
    /// [`NotCarried`].
    fn carry<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<(), NotCarried>>;
}

/// Why a parcel is not delivered, by the name that is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotDelivered {
    /// It may arrive later without anyone changing anything.
    #[error("not delivered yet: {0}")]
    Yet(&'static str),
    /// A rule stands against it that may pass. That is recorded, once, and it is tried again.
    #[error("held back: {0}")]
    Held(&'static str),
    /// The person said no. That is recorded.
    #[error("not delivered, by the person's own word: {0}")]
    Denied(&'static str),
    /// The system will not take it, or a rule that cannot pass stands against it.
    #[error("not delivered: {0}")]
    Ever(&'static str),
}

/// What is known when a system did not confirm that it took a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCarried {
    /// Nothing of it is stored there.
    #[error("not carried: {0}")]
    Nothing(#[source] NotDelivered),
    /// It may be stored there, by the name of what came between.
    #[error("not confirmed: {0}")]
    Perhaps(&'static str),
}

/// What there is to do once an attempt has settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::push) enum Next {
    /// It waits, or another of the same person does: it has a time now, or the other has its turn.
    Waits,
    /// Nothing that was not known before.
    Nothing,
}

/// Delivers until it is told to stop.
pub struct Delivery {
    /// The outbox.
    pub store: Store,
    /// What decides anew about messages.
    pub intake: Arc<Intake>,
    /// Who sent them.
    pub senders: Senders,
    /// Where outcomes are recorded.
    pub ledger: Arc<dyn AuditLedger>,
    /// The way to the systems.
    pub carrier: Arc<dyn Carrier>,
    /// The time.
    pub clock: Clock,
    /// What came of the parcels.
    pub counts: Arc<Counts>,
    /// Rung when something new is in the outbox.
    pub wake: Arc<Notify>,
    /// How long it is tried.
    pub patience: Patience,
    /// Parcels that the store failed for.
    pub faults: Faults,
    /// When what is over was forgotten last, in milliseconds since 1970.
    pub forgotten_ms: AtomicI64,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(5 * 60),
            give_up: Duration::from_secs(3 * 24 * 60 * 60),
        }
    }
}

impl Delivery {
    /// Forgets what is over, now and then.
    pub(in crate::push) async fn forget(&self) -> Result<(), StoreError> {
        let now_ms = self.now_ms();
        if now_ms.saturating_sub(self.forgotten_ms.load(Ordering::Relaxed)) < millis(FORGOTTEN_EVERY) {
            return Ok(());
        }
        self.store.forget_before(now_ms.saturating_sub(millis(REMEMBERED))).await?;
        self.forgotten_ms.store(now_ms, Ordering::Relaxed);
        Ok(())
    }

    /// A fault of the program with one parcel must not end the delivery of all. After a fault of the store the parcel is
    /// left alone for a while: what is recorded of each attempt would fill the ledger otherwise.
    pub(in crate::push) async fn deliver(&self, id: OutboxId) -> Result<Next, StoreError> {
        let intake = Arc::clone(&self.intake);
        let stands = move |intent: &[u8]| intake.fresh.stands(intent, Instant::now());
        let settled = match self.store.begin(id, stands).await {
            Ok(Some(due)) => self.attempt_safely(&due, &(self.senders)()).await,
            Ok(None) => Ok(Next::Waits),
            Err(fault) => Err(fault),
        };
        self.note_fault(id, &settled);
        settled
    }

    /// Delivers a parcel that was begun as it was put into the outbox.
    pub(in crate::push) async fn deliver_begun(&self, due: &Due) -> Next {
        let settled = self.attempt_safely(due, &[]).await;
        self.note_fault(due.id, &settled);
        settled.unwrap_or(Next::Waits)
    }

    async fn attempt_safely(&self, due: &Due, senders: &[Arc<Sender>]) -> Result<Next, StoreError> {
        match AssertUnwindSafe(self.attempt(due, senders)).catch_unwind().await {
            Ok(settled) => settled,
            Err(_) => self.panicked(due).await,
        }
    }

    fn note_fault(&self, id: OutboxId, settled: &Result<Next, StoreError>) {
        match settled {
            Ok(_) => self.faults.clear(id),
            Err(_) => self.faults.add(id, self.now_ms(), |count| millis(self.wait(count))),
        }
    }

    async fn attempt(&self, due: &Due, senders: &[Arc<Sender>]) -> Result<Next, StoreError> {
        if let Some(before) = due.leaves {
            return self.carry(due, &due.parcel, before).await;
        }
        if self.end_what_is_open(due).await?.is_err() {
            return self.not_delivered(due, NotDelivered::Yet("ledger")).await;
        }
        let parcel = match self.intake.decide_anew(senders, due).await {
            Ok(Decided::Stands) => due.parcel.clone(),
            Ok(Decided::CutAnew(cleared)) => {
                let anew = Parcel { body: cleared.body, intent: cleared.intent, ..due.parcel.clone() };
                let former = self.store.replace(due.id, anew.clone()).await?;
                // Should this fail, it is done before the next attempt.
                drop(self.end_former(due.id, &former).await?);
                anew
            }
            Err(why) => return self.not_delivered(due, why).await,
        };
        let before = self.store.depart(due.id).await?;
        self.carry(due, &parcel, before).await
    }

    /// Takes a parcel to its system, once it is noted that its bytes leave; they may have arrived `before`.
    async fn carry(&self, due: &Due, parcel: &Parcel, before: Departed) -> Result<Next, StoreError> {
        match self.carrier.carry(parcel).await {
            Ok(()) => {
                // The outcome first: a parcel that is noted as delivered is one whose delivery is recorded.
                drop(intent::record(&parcel.intent, Event::Outcome, None, self.evidence()).await);
                let another_waits = self.store.delivered(due.id).await?;
                self.counts.add(Counted::Delivered);
                Ok(if another_waits { Next::Waits } else { Next::Nothing })
            }
            Err(NotCarried::Perhaps(reason)) => self.not_delivered(due, NotDelivered::Yet(reason)).await,
            Err(NotCarried::Nothing(why)) => {
                // An answer about this attempt says nothing about an earlier one.
                if before == Departed::No {
                    self.store.came_back(due.id).await?;
                }
                self.not_delivered(due, why).await
            }
        }
    }

    /// Ends the intents of a parcel under which nothing is sent any more: the gateway stopped before it could.
    async fn end_what_is_open(&self, due: &Due) -> Result<Result<(), Unrecorded>, StoreError> {
        if let Some(name) = &due.anew {
            let ended = intent::not_released(&due.parcel.intent, Some(name), CUT_ANEW, self.evidence()).await;
            if ended.is_err() {
                return Ok(ended);
            }
            self.store.unname(due.id).await?;
        }
        match &due.former {
            Some(former) => self.end_former(due.id, former).await,
            None => Ok(Ok(())),
        }
    }

    async fn end_former(&self, id: OutboxId, former: &Former) -> Result<Result<(), Unrecorded>, StoreError> {
        let ended = intent::end(&former.intent, former.departed, CUT_ANEW, self.evidence()).await;
        if ended.is_ok() {
            self.store.former_ended(id).await?;
        }
        Ok(ended)
    }

    /// Holds a parcel back that the program failed at: recorded and counted once.
    async fn panicked(&self, due: &Due) -> Result<Next, StoreError> {
        let reason = Ending::Panicked.reason();
        if !due.is_held_by(reason) {
            self.counts.add(Counted::Failed);
            drop(intent::record(&due.parcel.intent, Event::Failed, Some(reason), self.evidence()).await);
        }
        self.not_delivered(due, NotDelivered::Held(reason)).await
    }

    async fn not_delivered(&self, due: &Due, why: NotDelivered) -> Result<Next, StoreError> {
        self.note_not_delivered(due, why).await?;
        Ok(Next::Waits)
    }

    async fn note_not_delivered(&self, due: &Due, why: NotDelivered) -> Result<(), StoreError> {
        let now_ms = self.now_ms();
        let next_ms = now_ms.saturating_add(millis(self.wait_of(due)));
        let is_over = |since_ms: i64| now_ms.saturating_sub(since_ms) > millis(self.patience.give_up);
        match why {
            NotDelivered::Yet(reason) if is_over(due.first_ms) => self.give_up(due, reason, Text::Kept).await,
            NotDelivered::Yet(reason) => {
                self.store.retry(due.id, next_ms, reason).await?;
                self.counts.add(Counted::Retried);
                Ok(())
            }
            // What waited long before it was held back first has its time from then on.
            NotDelivered::Held(reason) if due.held_ms.is_some_and(is_over) => {
                self.give_up(due, reason, Text::Kept).await
            }
            NotDelivered::Held(reason) => {
                self.store.hold(due.id, reason, now_ms, next_ms).await?;
                self.counts.add(Counted::Retried);
                if !due.is_held_by(reason) {
                    self.counts.add(Counted::Held);
                    let system = due.parcel.system.as_str();
                    tracing::warn!(reason, system, "a message is held back; it is tried again");
                }
                Ok(())
            }
            NotDelivered::Denied(reason) => self.give_up(due, reason, Text::Gone).await,
            NotDelivered::Ever(reason) => self.give_up(due, reason, Text::Kept).await,
        }
    }

    /// Gives a parcel up once that is recorded. The intent is the one under which it waits now.
    async fn give_up(&self, due: &Due, reason: &'static str, text: Text) -> Result<(), StoreError> {
        let (intent, departed) = self.store.intent_of(due.id).await?;
        if intent::end(&intent, departed, reason, self.evidence()).await.is_err() {
            let next_ms = self.now_ms().saturating_add(millis(self.wait_of(due)));
            return self.store.retry(due.id, next_ms, "ledger").await;
        }
        let owed = self.store.give_up(due.id, reason, text, self.now_ms()).await?;
        self.counts.add_many(Counted::Dead, owed);
        let system = due.parcel.system.as_str();
        tracing::warn!(reason, system, "a message is given up; somebody will not hear of it");
        Ok(())
    }

    fn evidence(&self) -> (&dyn AuditLedger, &Counts) {
        (&*self.ledger, &self.counts)
    }

    /// The wait of a parcel, up to a quarter longer: those that failed together are not tried together again.
    fn wait_of(&self, due: &Due) -> Duration {
        let wait = self.wait(due.attempts);
        let spread = due.id.spread(due.attempts);
        wait.saturating_add(wait.saturating_mul(spread) / 1_000)
    }

    fn wait(&self, attempts: u32) -> Duration {
        self.patience.first.saturating_mul(2_u32.saturating_pow(attempts.min(20))).min(self.patience.longest)
    }

    pub(in crate::push) fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }
}

impl Debug for Delivery {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Delivery({:?})", self.patience)
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
