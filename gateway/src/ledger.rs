//! The audit ledger: what was shared, refused or overridden, so that it cannot be lost and cannot be changed unseen.
//!
//! A lane is an RFC 6962 tree over entries in preallocated segment files. [`AuditLedger::append`] answers once its batch
//! would survive a power cut. Beside it: signed checkpoints, erasure by law that leaves every proof intact, a derived
//! index, and [`verify`] that needs nothing but the folder and the public key.
//!
//! Payloads are bytes here: no FHIR, no policy. What they hold is the business of `trail`.

mod active;
mod aside;
mod batch;
mod checkpoint;
mod erasure;
mod export;
mod fault;
mod files;
mod health;
mod identity;
mod index;
mod lane;
mod lock;
pub mod note;
mod read;
mod record;
mod repair;
mod scan;
mod segment_ledger;
mod survey;
pub mod tree;
pub mod verify;
mod writer;

use std::fmt::Debug;

use futures_util::future::BoxFuture;

pub use batch::{BATCH_ENTRIES_MAX, Batch, LedgerError, Receipt};
pub use checkpoint::Checkpoint;
pub use erasure::Erasure;
pub use export::{ExportError, Exported, export, last_checkpoint};
pub use fault::{Fault, FaultKind};
pub use health::{Health, Strain};
pub use identity::{KeyError, PUBLIC_KEY_FILE, read_public_key};
pub use index::{IndexError, IndexKey, KeyScheme, LEAF, Page, RECEIPT};
pub use lane::LaneId;
pub use lock::{FolderLock, LockError};
pub use read::{Content, Entry};
pub use record::Kind;
pub use repair::Recovery;
pub use segment_ledger::{EraseError, OpenError, Options, SegmentLedger};
pub use survey::ReadError;

/// Where exchanges are recorded.
pub trait AuditLedger: Debug + Send + Sync {
    /// Appends `batch` as one. `Ok` only once it would survive a power cut.
    ///
    /// A caller that stops waiting does not take its batch back.
    ///
    /// # Errors
    /// [`LedgerError`]; the batch is then not to be relied on, though after an interruption it may turn out to be there.
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Receipt, LedgerError>>;
}

#[cfg(test)]
mod tests;
