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
    held: Mutex<HashSet<Message>>,
    panics: Mutex<HashMap<InboxId, u32>>,
    freed: Notify,
}

/// A message that nobody else deals with until this goes.
pub(in crate::push) struct Held {
    busy: Arc<Busy>,
    message: Message,
}

/// What tells one message from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Message {
    /// Its place in the inbox.
    At(InboxId),
    /// Who sent it and its id: it is in no inbox yet.
    Called(String, String),
}

/// A message that has yet to be dealt with, and whether that is for nobody else to do.
#[derive(Debug)]
pub(in crate::push) enum Turn {
    /// It is in the inbox, and others may deal with it as well, or have.
    Stored(InboxId),
    /// It came just now and is in the inbox: nobody else deals with it, or has.
    Arrived(InboxId, Held),
    /// It came just now, and its sender has no word of it: it is stored with what becomes of it.
    Unstored(Held),
}

impl From<(InboxId, Option<Held>)> for Turn {
    fn from((id, held): (InboxId, Option<Held>)) -> Self {
        held.map_or(Self::Stored(id), |held| Self::Arrived(id, held))
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
        self.hold_message(Message::At(id))
    }

    /// Deals with a message that is not in the inbox from now on, unless somebody does.
    pub(in crate::push) fn hold_called(self: &Arc<Self>, source: &str, control_id: &str) -> Option<Held> {
        self.hold_message(Message::Called(source.to_owned(), control_id.to_owned()))
    }

    /// Ready when somebody has dealt with a message since this was called.
    pub(in crate::push) fn freed(&self) -> impl Future<Output = ()> + '_ {
        self.freed.notified()
    }

    fn hold_message(self: &Arc<Self>, message: Message) -> Option<Held> {
        self.messages().insert(message.clone()).then(|| Held { busy: Arc::clone(self), message })
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

    fn messages(&self) -> MutexGuard<'_, HashSet<Message>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.busy.messages().remove(&self.message);
        self.busy.freed.notify_waiters();
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.message {
            Message::At(id) => write!(out, "Held({id:?})"),
            Message::Called(..) => out.write_str("Held(not stored)"),
        }
    }
}
