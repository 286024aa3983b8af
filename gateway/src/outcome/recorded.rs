//! An ending is recorded, and only then told.

use super::{Ended, Ending};
use crate::enforce::release::Unreleased;
use crate::ledger::Receipt;
use crate::ports::Ports;
use crate::server::reply::Reply;

impl Ended {
    /// Records the ending, in as much detail as a share, and only then tells it.
    ///
    /// When it cannot be recorded, that is what is told.
    pub async fn record(mut self, ports: &Ports) -> Reply {
        self.ending.count(&ports.metrics);
        if let Ending::NotAuthenticated(_) = &self.ending {
            ports.strangers.count(self.records.exchange.peer.as_deref());
            return self.ending.to_reply();
        }
        match self.append(ports).await {
            Ok(receipt) => self.ending.to_reply().with_receipt(receipt.to_header()),
            Err(fault) => self.unrecorded(fault, ports),
        }
    }

    /// Records what became of an attempt, before another is made.
    ///
    /// # Errors
    /// That it could not be recorded: then there is no other.
    pub async fn noted(self, ports: &Ports) -> Result<(), Self> {
        self.kept(ports).await.map(drop)
    }

    /// Records what became of a part of something, and how that ended.
    ///
    /// # Errors
    /// That it could not be recorded.
    pub(crate) async fn kept(mut self, ports: &Ports) -> Result<Ending, Self> {
        self.ending.count(&ports.metrics);
        match self.append(ports).await {
            Ok(_) => Ok(self.ending),
            Err(fault) => Err(Self { ending: Ending::Unrecorded(fault), records: self.records }),
        }
    }

    async fn append(&mut self, ports: &Ports) -> Result<Receipt, Unreleased> {
        let told = self.ending.told();
        let reason = Some(self.ending.reason());
        let exchange = self.records.exchange.clone();
        self.records.exchange = exchange.ended(self.ending.event(), told.status.as_u16(), reason);
        let batch = self.records.to_batch().map_err(Unreleased::NotEncoded)?;
        ports.ledger.append(batch).await.map_err(Unreleased::Ledger)
    }

    /// The ending could not be recorded either: that is what is told, and it counts once.
    fn unrecorded(&self, why: Unreleased, ports: &Ports) -> Reply {
        let ending = Ending::Unrecorded(why);
        if !matches!(self.ending, Ending::Unrecorded(Unreleased::Ledger(_) | Unreleased::NotEncoded(_))) {
            ending.count(&ports.metrics);
        }
        ending.to_reply()
    }
}
