//! What leaves with the commit that puts it into the outbox: a parcel that nothing is before, and whose ruling is of this
//! moment.
//!
//! Such a parcel is begun in the transaction that stores it, and carried from memory once that is on the disk; the
//! outbox has to be neither asked nor told a second time before it goes. The places are few: when they are taken, because a
//! system is slow, the outbox is the way.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::delivery::Delivery;
use super::fresh::Fresh;
use super::outbox::{Due, Original, OutboxId};

/// Parcels that may be under way at once.
const PLACES: u32 = 16;

/// The places of parcels that leave at once. None is given while nothing delivers.
#[derive(Clone)]
pub struct Express {
    free: Arc<Semaphore>,
    delivery: Arc<Mutex<Weak<Delivery>>>,
    under_way: Arc<Mutex<HashSet<OutboxId>>>,
}

/// Places for the parcels of one message.
pub(in crate::push) struct Places {
    delivery: Arc<Delivery>,
    permit: OwnedSemaphorePermit,
}

/// What the outbox has to know to let the parcels of a message leave with the commit that puts them there.
pub(in crate::push) struct AtOnce {
    /// Which rulings are of this moment.
    pub(in crate::push) fresh: Fresh,
    /// The message.
    pub(in crate::push) original: Original,
    /// Where they are noted as under way.
    pub(in crate::push) express: Express,
}

/// A parcel that was begun with the commit that put it into the outbox.
pub(in crate::push) struct Begun {
    pub(in crate::push) due: Due,
    _under_way: UnderWay,
}

/// Keeps a parcel from being found due a second time, until this goes.
struct UnderWay {
    express: Express,
    id: OutboxId,
}

impl Default for Express {
    fn default() -> Self {
        Self {
            free: Arc::new(Semaphore::new(PLACES as usize)),
            delivery: Arc::default(),
            under_way: Arc::default(),
        }
    }
}

impl Express {
    /// Lets `delivery` carry what leaves at once, from now on.
    pub(in crate::push) fn open(&self, delivery: &Arc<Delivery>) {
        *self.delivery.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(delivery);
    }

    /// Whether anything may leave at once.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.delivery.lock().unwrap_or_else(PoisonError::into_inner).strong_count() > 0
    }

    /// Lets nothing more leave, and waits until all that is under way has arrived or is left to the outbox.
    pub(in crate::push) async fn close(&self) {
        *self.delivery.lock().unwrap_or_else(PoisonError::into_inner) = Weak::new();
        drop(self.free.acquire_many(PLACES).await);
    }

    /// Places for so many parcels, if there are as many.
    pub(in crate::push) fn places(&self, count: usize) -> Option<Places> {
        let count = u32::try_from(count).ok().filter(|count| (1..=PLACES).contains(count))?;
        let permit = Arc::clone(&self.free).try_acquire_many_owned(count).ok()?;
        // After the permit: what closes waits for those who have one.
        let delivery = self.delivery.lock().unwrap_or_else(PoisonError::into_inner).upgrade()?;
        Some(Places { delivery, permit })
    }

    /// Notes a parcel as under way; it is begun in a transaction that nobody sees yet.
    pub(in crate::push) fn begun(&self, due: Due) -> Begun {
        let id = due.id;
        self.ids().insert(id);
        Begun { due, _under_way: UnderWay { express: self.clone(), id } }
    }

    /// The parcels under way at this moment.
    pub(in crate::push) fn under_way(&self) -> HashSet<OutboxId> {
        self.ids().clone()
    }

    fn ids(&self) -> MutexGuard<'_, HashSet<OutboxId>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    /// Carries parcels, each in a task of its own.
    pub(in crate::push) fn carry(mut self, parcels: Vec<Begun>) {
        for begun in parcels {
            let (delivery, place) = (Arc::clone(&self.delivery), self.permit.split(1));
            tokio::spawn(async move {
                delivery.deliver_begun(&begun.due).await;
                // Noted as under way until all is noted that came of it, and counted until nothing is held any more.
                drop(begun);
                drop(place);
            });
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.express.ids().remove(&self.id);
    }
}

impl fmt::Debug for Express {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Express({} free)", self.free.available_permits())
    }
}
