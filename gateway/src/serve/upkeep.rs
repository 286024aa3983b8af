//! What the gateway records of itself: that it started and stopped, who could not prove who they are, and which
//! answers nobody took. What the ledger cannot take waits, and is written when it can.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{RwLock, oneshot};
use tokio::time::interval;

use crate::ledger::AuditLedger;
use crate::ports::Ports;
use crate::server::arrived::RequestId;
use crate::server::attend::NotDelivered;
use crate::server::strangers::Counted;
use crate::trail::record::{Event, Exchange};
use crate::trail::records::Records;

const FLUSH_EVERY: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Entries that wait for the ledger at most; of more, the oldest are lost, and the log says so.
const WAITING_MAX: usize = 10_000;

/// Entries of the gateway about itself that the ledger has not taken yet, oldest first.
#[derive(Debug, Default)]
pub(super) struct Entries {
    waiting: Mutex<VecDeque<Exchange>>,
    /// Held by whoever writes: an entry leaves the queue when the ledger has it, and not before.
    writing: tokio::sync::Mutex<()>,
}

/// Has the keys of issuers fetched when it is time to, again and again.
pub(super) async fn keep_keys(live: Arc<ArcSwap<Ports>>) {
    let mut tick = interval(LOOK_EVERY);
    loop {
        tick.tick().await;
        live.load_full().keys.refresh_due();
    }
}

/// Writes what waits and the counts of minutes that are over, again and again,
/// until told to stop: never in the middle of an entry.
pub(super) async fn run(
    live: Arc<ArcSwap<Ports>>,
    entries: Arc<Entries>,
    mut stopping: oneshot::Receiver<Infallible>,
) {
    let mut tick = interval(FLUSH_EVERY);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = &mut stopping => return,
        }
        let ports = live.load_full();
        entries.flush(&*ports.ledger, ports.strangers.take()).await;
    }
}

impl Entries {
    /// One entry for each source and minute, after all that waits.
    pub(super) async fn flush(&self, ledger: &dyn AuditLedger, counted: Vec<Counted>) {
        self.waiting().extend(counted.into_iter().map(of_strangers));
        self.write(ledger).await;
    }

    /// One entry that says what an operator did: `started`, `reloaded`, `stopped`.
    pub(super) async fn operated(&self, ports: &Ports, what: &'static str) {
        let mut exchange =
            Exchange::begun(random(), ports.clock.now(), None).ended(Event::Operated, 0, Some(what));
        exchange.interaction = "operate".into();
        self.append(&*ports.ledger, exchange).await;
    }

    /// One entry for each code that the settings in force take out of the lists of sensitive codes, with the reason.
    pub(super) async fn taken_out(&self, ports: &Ports) {
        for off in ports.settings.sensitive_codes.switched_off() {
            let what = format!("not sensitive here: {}|{}: {}", off.system, off.code, off.reason);
            let mut exchange =
                Exchange::begun(random(), ports.clock.now(), None).ended(Event::Operated, 0, Some(&what));
            exchange.interaction = "operate".into();
            self.append(&*ports.ledger, exchange).await;
        }
    }

    async fn append(&self, ledger: &dyn AuditLedger, exchange: Exchange) {
        self.waiting().push_back(exchange);
        self.write(ledger).await;
    }

    /// Writes what waits, until the ledger refuses.
    async fn write(&self, ledger: &dyn AuditLedger) {
        let _alone = self.writing.lock().await;
        loop {
            let Some(next) = self.waiting().front().cloned() else { return };
            match Records::from(next).to_batch() {
                Ok(batch) => {
                    if let Err(fault) = ledger.append(batch).await {
                        tracing::error!(reason = %fault, "an entry of the gateway about itself waits for the ledger");
                        return self.forget_oldest();
                    }
                }
                Err(_) => tracing::error!("an entry of the gateway about itself could not be encoded"),
            }
            self.waiting().pop_front();
        }
    }

    fn forget_oldest(&self) {
        let mut waiting = self.waiting();
        let lost = waiting.len().saturating_sub(WAITING_MAX);
        if lost > 0 {
            waiting.drain(..lost);
            tracing::error!(count = lost, "entries of the gateway about itself were lost");
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Exchange>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of_strangers(one: Counted) -> Exchange {
    let exchange = Exchange::begun(random(), one.minute, Some(one.source));
    Exchange { count: one.count, ..exchange.ended(Event::NotAuthenticated, 401, Some("not-authenticated")) }
}
/// Answers that nobody took, on their way into the ledger.
#[derive(Debug, Default)]
pub(super) struct Undelivered {
    under_way: Arc<RwLock<()>>,
    entries: Arc<Entries>,
}

impl Undelivered {
    pub(super) fn new(entries: Arc<Entries>) -> Self {
        Self { under_way: Arc::default(), entries }
    }

    /// Records that nobody took an answer, under the id of its request.
    pub(super) fn told(&self, live: Arc<ArcSwap<Ports>>) -> NotDelivered {
        let (under_way, entries) = (Arc::clone(&self.under_way), Arc::clone(&self.entries));
        Arc::new(move |request_id: &RequestId, receipt: Option<&str>| {
            // Nothing was released without a receipt, so there is nothing to correct.
            let Some(receipt) = receipt.map(str::to_owned) else { return };
            // Only the end of the gateway holds it alone: then the ledger is closed.
            let Ok(recording) = Arc::clone(&under_way).try_read_owned() else { return };
            let ports = live.load_full();
            let mut exchange = Exchange::begun(request_id.to_string(), ports.clock.now(), None).ended(
                Event::NotDelivered,
                0,
                Some("not-delivered"),
            );
            exchange.follows = Some(receipt);
            let entries = Arc::clone(&entries);
            tokio::spawn(async move {
                entries.append(&*ports.ledger, exchange).await;
                drop(recording);
            });
        })
    }

    /// Waits until all of them are recorded.
    pub(super) async fn recorded(&self) {
        drop(self.under_way.write().await);
    }
}

fn random() -> String {
    RequestId::random().unwrap_or_else(RequestId::unknown).to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures_util::future::BoxFuture;
    use jiff::Timestamp;

    use super::*;
    use crate::clock::Clock;
    use crate::ledger::{Batch, LedgerError, Options, Receipt, SegmentLedger};
    use crate::trail::store::KEY_SCHEME;

    /// A ledger that can be told to refuse.
    #[derive(Debug)]
    struct Moody {
        ledger: SegmentLedger,
        refuses: AtomicBool,
    }

    impl AuditLedger for Moody {
        fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Receipt, LedgerError>> {
            match self.refuses.load(Ordering::SeqCst) {
                true => Box::pin(async { Err(LedgerError::Full) }),
                false => self.ledger.append(batch),
            }
        }
    }

    #[tokio::test]
    async fn what_the_ledger_cannot_take_is_written_once_when_it_can() {
        let home = tempfile::tempdir().expect("a folder");
        let options = Options::new(home.path(), "share.example/ledger", KEY_SCHEME);
        let clock = Clock::standing_at(Timestamp::UNIX_EPOCH);
        let ledger = SegmentLedger::open(&options, clock).expect("a ledger");
        let moody = Moody { ledger, refuses: AtomicBool::new(true) };
        let entries = Entries::default();
        let counted =
            |source: &str, count| Counted { minute: Timestamp::UNIX_EPOCH, source: source.into(), count };
        entries.flush(&moody, vec![counted("10.0.0.1", 3)]).await;
        entries.flush(&moody, vec![counted("10.0.0.2", 4)]).await;
        assert_eq!(moody.ledger.head(), 0);
        moody.refuses.store(false, Ordering::SeqCst);
        entries.flush(&moody, Vec::new()).await;
        entries.flush(&moody, Vec::new()).await;
        assert_eq!(moody.ledger.head(), 2);
    }

    #[test]
    fn what_waits_is_bounded_and_the_newest_stay() {
        let entries = Entries::default();
        let one = |count| Counted { minute: Timestamp::UNIX_EPOCH, source: "10.0.0.1".into(), count };
        entries.waiting().extend((0..WAITING_MAX as u64 + 5).map(|count| of_strangers(one(count))));
        entries.forget_oldest();
        assert_eq!(entries.waiting().len(), WAITING_MAX);
        assert_eq!(entries.waiting().front().expect("an entry").count, 5);
    }
}
