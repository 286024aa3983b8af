//! Delivery: what is in the outbox reaches the systems that receive, in order for each person.
//!
//! Each Bundle is put under an id that its message determines (`PUT [base]/Bundle/id`), so that doing it twice has the
//! effect of doing it once; every FHIR server that stores Bundles and lets clients choose ids can take it. A parcel can
//! wait for days: before each attempt its message is decided anew, so that what the person has said meanwhile, and the
//! end of an agreement, reach it too. What may go through later is tried again, ever less often. What never will, or not within days, is given up, recorded and
//! counted: someone will not hear what they need to know.

use std::fmt::Debug;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use fhir::json;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use tokio::sync::{Notify, watch};

use super::counts::{Counted, Counts};
use super::disclose::Standing;
use super::intake::{Intake, Sender};
use super::outbox::{Due, OutboxId, Parcel};
use super::store::{Store, StoreError};
use crate::clock::Clock;
use crate::ledger::AuditLedger;
use crate::outcome::Ending;
use crate::trail::record::{Event, Exchange};
use crate::trail::records::Records;

/// Parcels under way at once, each of another person.
const TOGETHER: usize = 16;
/// How long answered messages are remembered, to know them when they come again.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The longest sleep between two looks into the outbox.
const LOOK: Duration = Duration::from_secs(30);
/// After the store could not be read.
const STORE_PAUSE: Duration = Duration::from_secs(1);

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
    /// [`NotDelivered`].
    fn carry<'a>(&'a self, parcel: &'a Parcel) -> BoxFuture<'a, Result<(), NotDelivered>>;
}

/// Why a parcel did not arrive, by the name that is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotDelivered {
    /// It may arrive later without anyone changing anything.
    #[error("not delivered yet: {0}")]
    Yet(&'static str),
    /// The system will not take it.
    #[error("not delivered: {0}")]
    Ever(&'static str),
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
    /// Takes up what was left when the gateway last stopped, then delivers until `drain` turns true.
    ///
    /// Messages that were taken over and not dealt with are dealt with first, and whenever there is nothing else to do.
    pub async fn run(self, mut drain: watch::Receiver<bool>) {
        while !*drain.borrow() {
            self.intake.resume(&(self.senders)()).await;
            let pause = self.round().await;
            tokio::select! {
                biased;
                stopped = drain.wait_for(|draining| *draining) => return drop(stopped),
                () = self.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Delivers all that is due, and says how long there will be nothing to do.
    pub async fn round(&self) -> Duration {
        let forgotten = self.now_ms().saturating_sub(millis(REMEMBERED));
        if self.store.forget_before(forgotten).await.is_err() {
            return STORE_PAUSE;
        }
        loop {
            let Ok(due) = self.store.due(self.now_ms(), TOGETHER).await else { return STORE_PAUSE };
            if due.is_empty() {
                break;
            }
            let senders = (self.senders)();
            let carried = join_all(due.into_iter().map(|due| self.deliver(due, &senders))).await;
            if carried.into_iter().any(|settled| settled.is_err()) {
                return STORE_PAUSE;
            }
        }
        if let Ok(backlog) = self.store.backlog().await {
            self.counts.note(backlog);
        }
        match self.store.next_due_ms().await {
            Ok(Some(due_ms)) => {
                let wait = u64::try_from(due_ms.saturating_sub(self.now_ms())).unwrap_or(0);
                Duration::from_millis(wait.max(1)).min(LOOK)
            }
            Ok(None) => LOOK,
            Err(_) => STORE_PAUSE,
        }
    }

    /// A fault of the program with one parcel must not end the delivery of all.
    async fn deliver(&self, due: Due, senders: &[Arc<Sender>]) -> Result<(), StoreError> {
        match AssertUnwindSafe(self.attempt(&due, senders)).catch_unwind().await {
            Ok(settled) => settled,
            Err(_) => {
                let why = NotDelivered::Yet(Ending::Panicked.reason());
                self.not_delivered(&due, &due.parcel, why).await
            }
        }
    }

    async fn attempt(&self, due: &Due, senders: &[Arc<Sender>]) -> Result<(), StoreError> {
        let parcel = match self.intake.decide_anew(senders, due).await {
            Ok(Standing::Stands) => due.parcel.clone(),
            Ok(Standing::CutAnew(cleared)) => {
                let anew = Parcel { body: cleared.body, intent: cleared.intent, ..due.parcel.clone() };
                self.record(&due.parcel, Event::NotDelivered, Some("cut-anew")).await;
                self.store.replace(due.id, anew.clone()).await?;
                anew
            }
            Err(why) => return self.not_delivered(due, &due.parcel, why).await,
        };
        match self.carrier.carry(&parcel).await {
            Ok(()) => {
                // The outcome first: a parcel that is noted as delivered is one whose delivery is recorded.
                self.record(&parcel, Event::Outcome, None).await;
                self.store.delivered(due.id).await?;
                self.counts.add(Counted::Delivered);
                Ok(())
            }
            Err(why) => self.not_delivered(due, &parcel, why).await,
        }
    }

    async fn not_delivered(&self, due: &Due, parcel: &Parcel, why: NotDelivered) -> Result<(), StoreError> {
        match why {
            NotDelivered::Yet(reason) => {
                let now_ms = self.now_ms();
                if now_ms.saturating_sub(due.first_ms) > millis(self.patience.give_up) {
                    return self.give_up(due.id, parcel, reason).await;
                }
                let next_ms = now_ms.saturating_add(millis(self.wait(due.attempts)));
                self.store.retry(due.id, next_ms, reason).await?;
                self.counts.add(Counted::Retried);
                Ok(())
            }
            NotDelivered::Ever(reason) => self.give_up(due.id, parcel, reason).await,
        }
    }

    async fn give_up(&self, id: OutboxId, parcel: &Parcel, reason: &'static str) -> Result<(), StoreError> {
        self.record(parcel, Event::NotDelivered, Some(reason)).await;
        self.store.give_up(id, reason).await?;
        self.counts.add(Counted::Dead);
        Ok(())
    }

    /// Records what became of the intent. What cannot be recorded now is still true; it is counted.
    async fn record(&self, parcel: &Parcel, event: Event, reason: Option<&str>) {
        let held = json::parse_into::<Exchange>(parcel.intent.clone().into(), &json::Limits::default());
        let Ok(exchange) = held else { return self.counts.add(Counted::Unrecorded) };
        let records = Records::from(exchange.ended(event, 0, reason));
        let Ok(batch) = records.to_batch() else { return self.counts.add(Counted::Unrecorded) };
        if self.ledger.append(batch).await.is_err() {
            self.counts.add(Counted::Unrecorded);
        }
    }

    fn wait(&self, attempts: u32) -> Duration {
        self.patience.first.saturating_mul(2_u32.saturating_pow(attempts.min(20))).min(self.patience.longest)
    }

    fn now_ms(&self) -> i64 {
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
