//! Between a translated message and what may leave of it: the exchange of a push.

use std::fmt::Debug;

use bytes::Bytes;
use fhir::json::Document;
use futures_util::future::BoxFuture;

use super::delivery::NotDelivered;
use super::fresh::Grounds;
use super::outbox::Due;
use crate::enforce::unfiltered::Unfiltered;
use crate::person::SystemName;
use crate::requestor::Requestor;
use crate::trail::record::Exchange;

/// A translated message on its way to be decided about.
#[derive(Debug)]
pub struct Pushed {
    /// Who sent it.
    pub requestor: Requestor,
    /// The record of the exchange up to here.
    pub exchange: Exchange,
    /// What it became.
    pub bundle: Unfiltered<Document>,
}

/// What may leave: minimised, and the intent to send it is recorded durably.
pub struct Cleared {
    /// The bytes, as they were released.
    pub body: Bytes,
    /// The exchange of the recorded intent, as JSON: the outcome of the delivery is recorded with it.
    pub intent: Vec<u8>,
    /// What the ruling rests on.
    pub grounds: Grounds,
}

/// What of a message that was cleared before may go now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The very bytes that were cleared.
    Stands,
    /// Something else: what was cleared before may not go.
    Other,
}

/// Why nothing goes to a system. It is recorded already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCleared {
    /// It may not be shared, by the name that is recorded, and sending it again does not change that.
    #[error("not shared: {0}")]
    Refused(&'static str),
    /// The person said no.
    #[error("not shared, by the person's own word: {0}")]
    Denied(&'static str),
    /// It could not be decided or recorded now.
    #[error("not decided")]
    Failed,
}

/// Decides about a pushed message, minimises it, and records the intent to send it; and again before each delivery.
pub trait Disclose: Debug + Send + Sync {
    /// What of `pushed` may go to `system`.
    ///
    /// # Errors
    /// [`NotCleared`]; why is recorded.
    fn disclose<'a>(
        &'a self,
        pushed: &'a Pushed,
        system: &'a SystemName,
    ) -> BoxFuture<'a, Result<Cleared, NotCleared>>;

    /// Whether the parcel of `due` is still what of `pushed` may go to its system.
    ///
    /// # Errors
    /// [`NotDelivered`]: when nothing of it may go, that is recorded, unless `due` is held back by that very reason.
    fn again<'a>(&'a self, pushed: &'a Pushed, due: &'a Due)
    -> BoxFuture<'a, Result<Standing, NotDelivered>>;

    /// What of `pushed` may go now to the system of `due`; the intent is recorded under the name `request_id`.
    ///
    /// # Errors
    /// [`NotDelivered`], as for [`Disclose::again`].
    fn anew<'a>(
        &'a self,
        pushed: &'a Pushed,
        due: &'a Due,
        request_id: &'a str,
    ) -> BoxFuture<'a, Result<Cleared, NotDelivered>>;
}

impl Debug for Cleared {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Cleared({} bytes)", self.body.len())
    }
}
