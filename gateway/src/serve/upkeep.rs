//! What the gateway records of itself: that it started and stopped, who could not prove who they are, and which
//! answers nobody took.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::RwLock;
use tokio::time::interval;

use crate::ports::Ports;
use crate::server::arrived::RequestId;
use crate::server::attend::NotDelivered;
use crate::server::strangers::Counted;
use crate::trail::record::{Event, Exchange};
use crate::trail::records::Records;

const FLUSH_EVERY: Duration = Duration::from_secs(10);

/// Writes the counts of minutes that are over, again and again.
pub(super) async fn run(live: Arc<ArcSwap<Ports>>) {
    let mut tick = interval(FLUSH_EVERY);
    loop {
        tick.tick().await;
        let ports = live.load_full();
        flush(&ports, ports.strangers.take()).await;
    }
}

/// One entry for each source and minute.
pub(super) async fn flush(ports: &Ports, counted: Vec<Counted>) {
    for one in counted {
        let mut exchange = Exchange::begun(random(), one.minute, Some(one.source)).ended(
            Event::NotAuthenticated,
            401,
            Some("not-authenticated"),
        );
        exchange.count = one.count;
        append(ports, exchange).await;
    }
}

/// One entry that says what an operator did: `started`, `reloaded`, `stopped`.
pub(super) async fn operated(ports: &Ports, what: &'static str) {
    let mut exchange =
        Exchange::begun(random(), ports.clock.now(), None).ended(Event::Operated, 0, Some(what));
    exchange.interaction = "operate".into();
    append(ports, exchange).await;
}

/// Answers that nobody took, on their way into the ledger.
#[derive(Debug, Default)]
pub(super) struct Undelivered(Arc<RwLock<()>>);

impl Undelivered {
    /// Records that nobody took an answer, under the id of its request.
    pub(super) fn told(&self, live: Arc<ArcSwap<Ports>>) -> NotDelivered {
        let under_way = Arc::clone(&self.0);
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
            tokio::spawn(async move {
                append(&ports, exchange).await;
                drop(recording);
            });
        })
    }

    /// Waits until all of them are recorded.
    pub(super) async fn recorded(&self) {
        drop(self.0.write().await);
    }
}

/// The ledger says itself when it cannot write; readiness and exchanges show it.
async fn append(ports: &Ports, exchange: Exchange) {
    match Records::from(exchange).to_batch() {
        Ok(batch) => match ports.ledger.append(batch).await {
            Ok(_) => {}
            Err(fault) => {
                tracing::error!(reason = %fault, "an entry of the gateway about itself was not recorded")
            }
        },
        Err(_) => tracing::error!("an entry of the gateway about itself could not be encoded"),
    }
}

fn random() -> String {
    RequestId::random().unwrap_or_else(RequestId::unknown).to_string()
}
