//! What leaves with the commit that puts it into the outbox: a parcel that nothing is before, and whose ruling is of this
//! moment.
//!
//! Such a parcel is begun in the transaction that stores it, and carried from memory once that is on the disk; the
//! outbox has to be neither asked nor told a second time before it goes. The places are few, and fewer for each system: when
//! those of one are taken, because it is slow, the outbox is the way to it, and the others have theirs.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::delivery::{Delivery, Next};
use super::fresh::Fresh;
use super::outbox::{Due, Original, OutboxId};
use crate::person::SystemName;

/// Parcels that may be under way at once.
const PLACES: u32 = 64;
/// The same, to one system.
const PLACES_OF_ONE: usize = 16;

/// The places of parcels that leave at once. None is given while nothing delivers.
#[derive(Clone)]
pub struct Express {
    free: Arc<Semaphore>,
    /// The places of each system that something was sent to.
    of_each: Arc<Mutex<HashMap<SystemName, Arc<Semaphore>>>>,
    delivery: Arc<Mutex<Weak<Delivery>>>,
    under_way: Arc<Mutex<HashSet<OutboxId>>>,
}

/// Places for the parcels of one message.
pub(in crate::push) struct Places {
    delivery: Arc<Delivery>,
    taken: Vec<Taken>,
}

/// The place of a parcel.
struct Taken {
    system: SystemName,
    _of_all: OwnedSemaphorePermit,
    _of_the_system: OwnedSemaphorePermit,
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
            of_each: Arc::default(),
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

    /// Places for parcels to these systems, if there is one for each.
    pub(in crate::push) fn places<'a>(
        &self,
        systems: impl Iterator<Item = &'a SystemName>,
    ) -> Option<Places> {
        let taken: Option<Vec<Taken>> = systems.map(|system| self.place(system)).collect();
        // After the places: what closes waits for those who have one.
        let delivery = self.delivery.lock().unwrap_or_else(PoisonError::into_inner).upgrade()?;
        Some(Places { delivery, taken: taken? })
    }

    fn place(&self, system: &SystemName) -> Option<Taken> {
        let of_the_system = {
            let mut of_each = self.of_each.lock().unwrap_or_else(PoisonError::into_inner);
            let places = of_each.entry(system.clone());
            Arc::clone(places.or_insert_with(|| Arc::new(Semaphore::new(PLACES_OF_ONE))))
        };
        Some(Taken {
            system: system.clone(),
            _of_the_system: of_the_system.try_acquire_owned().ok()?,
            _of_all: Arc::clone(&self.free).try_acquire_owned().ok()?,
        })
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
            let place = self.taken.iter().position(|taken| taken.system == begun.due.parcel.system);
            let (delivery, place) =
                (Arc::clone(&self.delivery), place.map(|place| self.taken.swap_remove(place)));
            tokio::spawn(async move {
                let next = delivery.deliver_begun(&begun.due).await;
                // Noted as under way until all is noted that came of it, and counted until nothing is held any more.
                drop(begun);
                drop(place);
                // Who looks now finds it, if it waits.
                if next == Next::Waits {
                    delivery.wake.notify_one();
                }
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
