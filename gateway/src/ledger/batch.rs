//! What is appended, what the caller gets for it, and why it may not be appended.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use super::fault::Fault;
use super::lane::LaneId;
use super::record::{ENTRY_BYTES, Head, Kind, encode_entry};
use super::tree::Hash;

/// The most entries of one batch.
pub const BATCH_ENTRIES_MAX: usize = 8_192;

/// Entries that are appended together or not at all: the exchange's own first, then one for each person.
#[derive(Clone)]
pub struct Batch {
    payloads: Vec<Bytes>,
}

impl Batch {
    /// A batch of one: the entry of the exchange itself.
    pub fn new(own: impl Into<Bytes>) -> Self {
        Self { payloads: vec![own.into()] }
    }

    /// Adds the entry of one more person.
    #[must_use]
    pub fn with(mut self, payload: impl Into<Bytes>) -> Self {
        self.payloads.push(payload.into());
        self
    }

    fn stored_bytes(&self) -> usize {
        self.payloads.iter().map(|payload| payload.len().saturating_add(ENTRY_BYTES + 8)).sum()
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({} entries)", self.payloads.len())
    }
}

/// Says that a batch is durable, and which one it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The lane it is in.
    pub lane: LaneId,
    /// Index of its first entry.
    pub index: u64,
    /// Salted leaf hash of its first entry.
    pub leaf: Hash,
}

impl Receipt {
    /// The value of the header `Portcullis-Receipt`: nothing in it counts or orders.
    pub fn to_header(&self) -> String {
        self.leaf.to_base64url()
    }
}

/// Why nothing was appended.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// More is waiting than can be written.
    #[error("the ledger has too much waiting to be written")]
    Full,
    /// The disk did not take it. The ledger goes on by itself when the disk does.
    #[error("the ledger cannot be written")]
    Io(#[source] Arc<io::Error>),
    /// What is on disk is not what was written: only a person can decide what to do.
    #[error("the ledger is damaged")]
    Damaged(#[source] Fault),
    /// The ledger was closed.
    #[error("the ledger is closed")]
    Closed,
    /// The batch is larger than one may be.
    #[error("the batch is too large for the ledger")]
    TooLarge,
    /// No random number could be had for a salt.
    #[error("no random number could be had")]
    Random,
}

/// How large a batch may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) bytes: usize,
    pub(super) entries: usize,
}

/// A batch as it will stand on disk, but for what only the writer knows.
pub(super) struct Prepared {
    pub(super) bytes: Vec<u8>,
    /// Where each entry begins in `bytes`, and its leaf.
    pub(super) entries: Vec<(usize, Hash)>,
}

impl Prepared {
    /// Salts and hashes `batch`, in the caller's thread: the writer has enough to do.
    ///
    /// # Errors
    /// [`LedgerError::TooLarge`] beyond `bounds`, [`LedgerError::Random`].
    pub(super) fn new(batch: &Batch, kind: Kind, at: Timestamp, bounds: Bounds) -> Result<Self, LedgerError> {
        let stored = batch.stored_bytes();
        let count = u16::try_from(batch.payloads.len()).unwrap_or(u16::MAX);
        if stored > bounds.bytes || usize::from(count) > bounds.entries {
            return Err(LedgerError::TooLarge);
        }
        let mut prepared =
            Self { bytes: Vec::with_capacity(stored), entries: Vec::with_capacity(batch.payloads.len()) };
        for (payload, position) in batch.payloads.iter().zip(0..) {
            let salt = salt()?;
            let start = prepared.bytes.len();
            let leaf = encode_entry(&Head { at, position, count, kind }, &salt, payload, &mut prepared.bytes);
            prepared.entries.push((start, leaf));
        }
        Ok(prepared)
    }
}

/// A fresh salt. Random numbers are drawn for many at a time: one by one they cost as much as the hash.
fn salt() -> Result<[u8; 32], LedgerError> {
    const DRAWN: usize = 64;
    thread_local! {
        static SALTS: RefCell<Vec<[u8; 32]>> = const { RefCell::new(Vec::new()) };
    }
    SALTS.with_borrow_mut(|salts| {
        if salts.is_empty() {
            let mut drawn = [0; 32 * DRAWN];
            aws_lc_rs::rand::fill(&mut drawn).map_err(|_| LedgerError::Random)?;
            salts.extend(drawn.as_chunks().0);
        }
        salts.pop().ok_or(LedgerError::Random)
    })
}
