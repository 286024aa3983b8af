//! The ledger that ships: segment files in a folder, one writer, one lane.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use super::AuditLedger;
use super::active::Active;
use super::aside::{Checkpointer, Preparer};
use super::batch::{BATCH_ENTRIES_MAX, Batch, Bounds, LedgerError, Prepared, Receipt};
use super::erasure::Erasure;
use super::files::{Folder, Sizes};
use super::health::Health;
use super::identity::{Identity, KeyError};
use super::index::{Index, IndexError, IndexKey, KeyScheme, Page};
use super::lane::LaneId;
use super::lock::{FolderLock, LockError};
use super::note::VerifierKey;
use super::read::{Check, Content, Entry, Reader, Shared};
use super::record::{Kind, SegmentHeader};
use super::repair::{Last, Recovery, overwrite, reopen};
use super::survey::{ReadError, lane_of, survey};
use super::tree::{Hash, consistency_ranges, inclusion_ranges, subtrees};
use super::writer::{Command, Rhythm, State, Work, Writer};
use crate::clock::Clock;

/// How a ledger is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its folder: held by one process at a time.
    pub folder: PathBuf,
    /// Name of the log, as in `share.example.nhs.uk/ledger`; the lane is added to it. Used when the folder is new.
    pub origin: String,
    /// Which keys the index has.
    pub scheme: KeyScheme,
    /// How many bytes of entries one segment holds.
    pub segment_bytes: u64,
    /// How many bytes may wait to be written.
    pub queue_bytes_max: usize,
    /// The largest batch, all its entries together.
    pub batch_bytes_max: usize,
    /// How long an append waits for room in the queue.
    pub queue_patience: Duration,
    /// How long at most an entry waits for a checkpoint.
    pub checkpoint_interval: Duration,
    /// After how many entries a checkpoint is made sooner.
    pub checkpoint_entries: u64,
}

impl Options {
    /// The usual options.
    pub fn new(folder: impl Into<PathBuf>, origin: impl Into<String>, scheme: KeyScheme) -> Self {
        Self {
            folder: folder.into(),
            origin: origin.into(),
            scheme,
            segment_bytes: 32 << 20,
            queue_bytes_max: 16 << 20,
            batch_bytes_max: 4 << 20,
            queue_patience: Duration::from_millis(250),
            checkpoint_interval: Duration::from_secs(10),
            checkpoint_entries: 50_000,
        }
    }
}

/// Why a ledger cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its folder is in use, or cannot be locked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Its keys cannot be had.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// It cannot be read, or is not what was written: then nothing is changed, and a person has to look.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The system would not let it be made ready.
    #[error("the ledger cannot be made ready")]
    Io(#[from] io::Error),
}

impl OpenError {
    /// The exit status of a process that ends because of it: 75 if another one holds the folder, else 74.
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Lock(LockError::InUse { .. }) => 75,
            Self::Lock(LockError::Io { .. }) | Self::Keys(_) | Self::Read(_) | Self::Io(_) => 74,
        }
    }
}

/// Why an entry was not erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// There is no such entry.
    #[error("there is no such entry")]
    NoEntry,
    /// It was erased before.
    #[error("the entry was erased before")]
    ErasedBefore,
    /// It is itself the record of an erasure.
    #[error("the record of an erasure cannot be erased")]
    IsErasure,
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The erasure could not be recorded, or was recorded and is not carried out yet: it will be.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A lane of segment files.
#[derive(Debug)]
pub struct SegmentLedger {
    lane: LaneId,
    verifier: VerifierKey,
    clock: Clock,
    bounds: Bounds,
    queue_patience: Duration,
    room: Arc<Semaphore>,
    commands: Sender<Command>,
    reader: Reader,
    recovery: Recovery,
    // The writer ends before the index, and the lock is let go last.
    writer: Mutex<Option<JoinHandle<()>>>,
    index: Arc<Index>,
    _lock: FolderLock,
}

/// Room in the queue is counted in these.
const ROOM_BYTES: usize = 1 << 10;

impl SegmentLedger {
    /// Opens the ledger in a folder, which is made if it is not there: checks all that is in it, puts right what an
    /// interruption left, and starts writing.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(options: &Options, clock: Clock) -> Result<Self, OpenError> {
        let lock = FolderLock::acquire(&options.folder)?;
        let folder = Folder::new(&options.folder);
        let identity = Identity::load_or_make(&folder, &options.origin)?;
        let lane = lane_of(&identity.verifier)?;
        let found = survey(&folder, &identity.verifier, &mut |_, _| {})?;
        let torn_note_bytes = cut_notes(&folder, &found.segments, found.notes_bytes)?;
        let mut recovery = Recovery { torn_note_bytes, ..Recovery::default() };
        let sizes = Sizes::for_segment(options.segment_bytes.max(4 * options.batch_bytes_max as u64));
        let entries = BATCH_ENTRIES_MAX.min(sizes.entries());
        let bounds = Bounds { bytes: options.batch_bytes_max, entries };
        folder.remove_remains(found.segments.last().map_or(1, |(number, _)| number + 1))?;
        let checkpointed = found.last_checkpoint.map_or(0, |last| last.checkpoint.size);
        let mut segments = found.segments;
        let active = match segments.last() {
            Some((number, first)) => {
                let last = Last { number: *number, first: *first, leaves_durable: checkpointed };
                reopen(&folder, last, &mut recovery)?
            }
            None => {
                folder.prepare(sizes)?;
                segments.push((1, 0));
                Active::begin(&folder, SegmentHeader { lane, number: 1, first: 0, root: Hash::of_nothing() })?
            }
        };
        let shared = Arc::new(Shared::new(found.tree.size(), checkpointed, segments));
        let reader = Reader { folder: folder.clone(), shared };
        for index in found.unfinished_erasures {
            if let Some((number, leaf)) = reader.leaf(index)? {
                overwrite(&folder, number, u64::from(leaf.offset))?;
                recovery.erasures_finished += 1;
            }
        }
        let index = Index::start(reader.clone(), lane, &identity.index_secret, options.scheme)?;
        let (commands, receiver) = channel();
        let verifier = identity.verifier;
        let writer = Writer {
            folder: folder.clone(),
            lane,
            origin: verifier.name().to_owned(),
            tree: found.tree,
            state: State::Writing(active),
            reader: reader.clone(),
            preparer: Preparer::start(folder.clone(), sizes)?,
            checkpointer: Checkpointer::start_thread(folder, identity.signer)?,
            rhythm: Rhythm { interval: options.checkpoint_interval, entries: options.checkpoint_entries },
            commands: receiver,
            unfinished_erasures: std::collections::BTreeSet::new(),
            work: Work::default(),
        };
        let writer = thread::Builder::new().name("ledger-write".to_owned()).spawn(move || writer.run())?;
        Ok(Self {
            lane,
            verifier,
            clock,
            bounds,
            queue_patience: options.queue_patience,
            room: Arc::new(Semaphore::new(
                options.queue_bytes_max.max(options.batch_bytes_max) / ROOM_BYTES + 1,
            )),
            commands,
            reader,
            recovery,
            writer: Mutex::new(Some(writer)),
            index: Arc::new(index),
            _lock: lock,
        })
    }

    /// The lane it writes.
    pub fn lane(&self) -> LaneId {
        self.lane
    }

    /// The key that its checkpoints are verified with.
    pub fn public_key(&self) -> &VerifierKey {
        &self.verifier
    }

    /// What was found and put right when it was opened.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Whether it takes entries, as it changes.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.reader.shared.health.subscribe()
    }

    /// The number of entries that are durable.
    pub fn head(&self) -> u64 {
        self.reader.shared.head()
    }

    /// The number of entries that a signed checkpoint vouches for.
    pub fn checkpointed(&self) -> u64 {
        self.reader.shared.checkpointed()
    }

    /// Signs and stores a checkpoint over every entry appended before.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub async fn checkpoint(&self) -> Result<(), LedgerError> {
        let (done, answer) = oneshot::channel();
        self.commands.send(Command::Checkpoint { done }).map_err(|_| LedgerError::Closed)?;
        answer.await.map_err(|_| LedgerError::Closed)?
    }

    /// Writes what is waiting, makes a last checkpoint and ends. Later appends are refused.
    pub async fn close(&self) {
        let mut health = self.health();
        if self.commands.send(Command::Close).is_ok() {
            // An error means that it is closed already.
            drop(health.wait_for(|health| *health == Health::Closed).await);
        }
    }

    /// Removes salt and payload of entry `index` for good, as `authority` (the law, and who decided) demands. The leaf
    /// stays, so that every proof still holds; the erasure is itself an entry.
    ///
    /// # Errors
    /// [`EraseError`].
    pub async fn erase(&self, index: u64, authority: &str) -> Result<Receipt, EraseError> {
        let entry = self.read(self.lane, index).await?.ok_or(EraseError::NoEntry)?;
        match (entry.kind, entry.content) {
            (Kind::Erasure, _) => return Err(EraseError::IsErasure),
            (Kind::Entry, Content::Erased) => return Err(EraseError::ErasedBefore),
            (Kind::Entry, Content::Present(_)) => {}
        }
        let erasure = Erasure { index, authority: authority.to_owned() };
        let batch = Batch::new(erasure.to_payload());
        let batch = Prepared::new(&batch, Kind::Erasure, self.clock.now(), self.bounds)?;
        let (done, answer) = oneshot::channel();
        self.commands.send(Command::Erase { index, batch, done }).map_err(|_| LedgerError::Closed)?;
        Ok(answer.await.map_err(|_| LedgerError::Closed)??)
    }

    /// Entry `index` of `lane`; `None` if there is none.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn read(&self, lane: LaneId, index: u64) -> Result<Option<Entry>, ReadError> {
        if lane != self.lane {
            return Ok(None);
        }
        Ok(self.read_from(index, 1).await?.into_iter().next())
    }

    /// Up to `count_max` entries from `index` on, possibly fewer; none at the end.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn read_from(&self, index: u64, count_max: u64) -> Result<Vec<Entry>, ReadError> {
        let reader = self.reader.clone();
        off_the_runtime(move || reader.entries(index, count_max, Check::Leaf)).await
    }

    /// The hashes that prove entry `index` to be in the tree of `size` entries; `None` if it is not in it, or the tree
    /// is not yet so large.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn prove_inclusion(&self, index: u64, size: u64) -> Result<Option<Vec<Hash>>, ReadError> {
        self.prove(inclusion_ranges(index, size), size).await
    }

    /// The hashes that prove the tree of `old` entries to be the start of that of `size`; `None` where there is nothing
    /// to prove.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn prove_consistency(&self, old: u64, size: u64) -> Result<Option<Vec<Hash>>, ReadError> {
        self.prove(consistency_ranges(old, size), size).await
    }

    async fn prove(
        &self,
        ranges: Option<Vec<std::ops::Range<u64>>>,
        size: u64,
    ) -> Result<Option<Vec<Hash>>, ReadError> {
        let Some(ranges) = ranges.filter(|_| size <= self.head()) else { return Ok(None) };
        let reader = self.reader.clone();
        off_the_runtime(move || {
            let (mut next, mut failed) = (0, false);
            let leaves = std::iter::from_fn(|| {
                if next >= size || failed {
                    return None;
                }
                let leaves = reader.leaf_hashes(next);
                match &leaves {
                    Ok(leaves) => next += leaves.len() as u64,
                    Err(_) => failed = true,
                }
                Some(leaves)
            });
            let each = leaves.flat_map(|leaves| match leaves {
                Ok(leaves) => leaves.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            });
            subtrees(&ranges, each).map(Some)
        })
        .await
    }

    /// Waits until the index holds every entry below `head`, at most for `timeout`.
    ///
    /// # Errors
    /// [`IndexError::Behind`].
    pub async fn wait_until_indexed(&self, head: u64, timeout: Duration) -> Result<(), IndexError> {
        self.index.wait_for(head, timeout).await
    }

    /// The indices of entries with `key`, newest first. What was appended last may be missing:
    /// [`SegmentLedger::wait_until_indexed`] first.
    ///
    /// # Errors
    /// [`IndexError::Unreadable`].
    pub async fn find(&self, key: IndexKey, page: Page) -> Result<Vec<u64>, IndexError> {
        let index = Arc::clone(&self.index);
        off_the_runtime(move || index.find(&key, &page)).await
    }

    async fn room_for(&self, bytes: usize) -> Result<OwnedSemaphorePermit, LedgerError> {
        let units = u32::try_from(bytes / ROOM_BYTES + 1).map_err(|_| LedgerError::TooLarge)?;
        if let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(units) {
            return Ok(room);
        }
        let room = Arc::clone(&self.room).acquire_many_owned(units);
        match tokio::time::timeout(self.queue_patience, room).await {
            Ok(room) => room.map_err(|_| LedgerError::Closed),
            Err(_) => Err(LedgerError::Full),
        }
    }

    async fn append_batch(&self, batch: &Batch) -> Result<Receipt, LedgerError> {
        let batch = Prepared::new(batch, Kind::Entry, self.clock.now(), self.bounds)?;
        let room = self.room_for(batch.bytes.len()).await?;
        let (done, answer) = oneshot::channel();
        self.commands.send(Command::Append { batch, room, done }).map_err(|_| LedgerError::Closed)?;
        answer.await.map_err(|_| LedgerError::Closed)?
    }
}

impl AuditLedger for SegmentLedger {
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<Receipt, LedgerError>> {
        Box::pin(async move { self.append_batch(&batch).await })
    }
}

impl Drop for SegmentLedger {
    fn drop(&mut self) {
        // If it is closed already, nobody listens.
        drop(self.commands.send(Command::Close));
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            // Its panic, if it had one, was reported when it happened.
            drop(writer.join());
        }
    }
}

/// Runs `read`, which may wait for the disk, where it holds up nothing else.
async fn off_the_runtime<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(read).await {
        Ok(read) => read,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await,
        },
    }
}

/// Removes an unfinished checkpoint from the last `*.notes` file, durably; yields how many bytes that were.
fn cut_notes(
    folder: &Folder,
    segments: &[(u64, u64)],
    (whole, all): (usize, usize),
) -> Result<u64, OpenError> {
    let Some((number, _)) = segments.last().filter(|_| whole < all) else { return Ok(0) };
    let path = folder.file(&super::files::names(*number).notes);
    let file = std::fs::OpenOptions::new().write(true).open(path)?;
    super::active::cut(&file, whole as u64)?;
    Ok((all - whole) as u64)
}
