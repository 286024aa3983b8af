//! Messages that are being dealt with: the same one twice waits for the first. And those that the program failed at.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::inbox::InboxId;

/// After so many faults of the program with a message that was taken over it is left alone.
pub(in crate::push) const PANICS_MAX: u32 = 3;

/// Messages that are being dealt with, and those that the program failed at.
#[derive(Debug, Default)]
pub struct Busy {
    ids: Mutex<HashSet<InboxId>>,
    panics: Mutex<HashMap<InboxId, u32>>,
    freed: Notify,
}

/// A message that nobody else deals with until this goes.
pub(in crate::push) struct Held {
    busy: Arc<Busy>,
    id: InboxId,
}

/// A message that has yet to be dealt with, and whether that is for nobody else to do.
#[derive(Debug)]
pub(in crate::push) struct Turn {
    /// Its place.
    pub(in crate::push) id: InboxId,
    /// Nobody else deals with it, or has: it came just now.
    pub(in crate::push) held: Option<Held>,
}

impl From<InboxId> for Turn {
    /// One that others may deal with as well, or have.
    fn from(id: InboxId) -> Self {
        Self { id, held: None }
    }
}

impl Busy {
    /// Waits until nobody deals with the message, and deals with it until the guard goes.
    pub(in crate::push) async fn hold(self: &Arc<Self>, id: InboxId) -> Held {
        loop {
            let freed = self.freed.notified();
            if let Some(held) = self.hold_now(id) {
                return held;
            }
            freed.await;
        }
    }

    /// Deals with the message from now on, unless somebody does.
    pub(in crate::push) fn hold_now(self: &Arc<Self>, id: InboxId) -> Option<Held> {
        self.ids().insert(id).then(|| Held { busy: Arc::clone(self), id })
    }

    /// Notes a fault of the program with a message, and says how many there were.
    pub(in crate::push) fn panicked(&self, id: InboxId) -> u32 {
        let mut panics = self.panics.lock().unwrap_or_else(PoisonError::into_inner);
        let count = panics.entry(id).or_default();
        *count = count.saturating_add(1);
        *count
    }

    pub(in crate::push) fn is_given_up(&self, id: InboxId) -> bool {
        let panics = self.panics.lock().unwrap_or_else(PoisonError::into_inner);
        panics.get(&id).is_some_and(|count| *count >= PANICS_MAX)
    }

    fn ids(&self) -> MutexGuard<'_, HashSet<InboxId>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.busy.ids().remove(&self.id);
        self.busy.freed.notify_waiters();
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Held({:?})", self.id)
    }
}
