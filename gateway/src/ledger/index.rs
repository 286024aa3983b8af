//! The derived index: which entries have which keys. SQLite beside the segments; never the truth, made again from the
//! entries whenever it is lost, behind, or not that of this lane.
//!
//! Values stand in it only as keyed hashes: who steals the index alone learns nothing from it.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use aws_lc_rs::hmac;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use tokio::sync::watch;

use super::erasure::Erasure;
use super::lane::LaneId;
use super::read::{Check, Content, Entry, Reader};
use super::record::Kind;

/// Under what an entry can be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexKey {
    /// What the value is, such as `person` or `request`.
    pub kind: &'static str,
    /// The value, in its one spelling.
    pub value: String,
}

/// Which keys entries have.
#[derive(Debug, Clone, Copy)]
pub struct KeyScheme {
    /// Changes whenever `keys` answers differently than before: the index is then made again.
    pub version: u32,
    /// The keys of an entry with this payload.
    pub keys: fn(payload: &[u8]) -> Vec<IndexKey>,
}

/// The kind of key that every entry has without being asked: the receipt of its batch, as in the header.
pub const RECEIPT: &str = "receipt";

/// The kind of key of one entry alone: the hexadecimal digits of its leaf hash.
pub const LEAF: &str = "leaf";

/// Which part of the entries with a key is wanted. Newest come first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Only entries with a lower index than this, where the page before ended.
    pub before: Option<u64>,
    /// Only entries appended at this time or later.
    pub from: Option<Timestamp>,
    /// Only entries appended before this time.
    pub until: Option<Timestamp>,
    /// At most so many.
    pub count_max: usize,
}

impl Page {
    /// The newest `count_max` entries.
    pub fn newest(count_max: usize) -> Self {
        Self { before: None, from: None, until: None, count_max }
    }
}

/// Why the index cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It has not caught up in the time allowed.
    #[error("the index of the ledger is behind")]
    Behind,
    /// It cannot be read.
    #[error("the index of the ledger cannot be read")]
    Unreadable(#[source] rusqlite::Error),
}

/// Entries looked at in one transaction.
const STEP: u64 = 2_000;
/// How long the index may rest before it looks for new entries; who waits for it wakes it.
const REST: Duration = Duration::from_millis(100);
/// Appends go first where processors are short: the index catches up.
const POLITENESS: i32 = 10;
const FILE: &str = "index.sqlite";

/// The index, and the thread that keeps it up.
#[derive(Debug)]
pub(super) struct Index {
    /// A connection that reads, and which making of the index it reads.
    readings: Mutex<Option<(u64, Connection)>>,
    making: Arc<AtomicU64>,
    names: Names,
    wake: SyncSender<()>,
    indexed: watch::Receiver<u64>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Index {
    pub(super) fn start(
        reader: Reader,
        lane: LaneId,
        secret: &[u8; 32],
        scheme: KeyScheme,
    ) -> std::io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let names = Names::new(reader.folder.path(), secret);
        let (publish, indexed) = watch::channel(0);
        let making = Arc::new(AtomicU64::new(0));
        let (kept, names_kept) = (Arc::clone(&making), names.clone());
        let keeper = Keeper { reader, lane, scheme, names: names_kept, publish, making: kept };
        let thread =
            thread::Builder::new().name("ledger-index".to_owned()).spawn(move || keeper.run(&woken))?;
        Ok(Self { readings: Mutex::new(None), making, names, wake, indexed, thread: Some(thread) })
    }

    /// Waits until every entry below `head` is in the index.
    pub(super) async fn wait_for(&self, head: u64, timeout: Duration) -> Result<(), IndexError> {
        let mut indexed = self.indexed.clone();
        if *indexed.borrow_and_update() >= head {
            return Ok(());
        }
        // A wake-up that is already waiting does as well.
        self.wake.try_send(()).ok();
        let reached = tokio::time::timeout(timeout, indexed.wait_for(|now| *now >= head)).await;
        match reached {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(IndexError::Behind),
        }
    }

    /// The indices of the entries with `key`, newest first.
    pub(super) fn find(&self, key: &IndexKey, page: &Page) -> Result<Vec<u64>, IndexError> {
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        let found = (|| {
            let making = self.making.load(Ordering::Acquire);
            let connection = match readings.take().filter(|(of, _)| *of == making) {
                Some((_, connection)) => connection,
                None => {
                    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                    let connection = Connection::open_with_flags(&self.names.path, flags)?;
                    connection.busy_timeout(Duration::from_millis(500))?;
                    connection
                }
            };
            let found = self.names.find(&connection, key, page)?;
            *readings = Some((making, connection));
            Ok(found)
        })();
        found.map_err(IndexError::Unreadable)
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        let (closed, _) = sync_channel(1);
        drop(std::mem::replace(&mut self.wake, closed));
        if let Some(thread) = self.thread.take() {
            // Its panic, if it had one, was reported when it happened.
            drop(thread.join());
        }
    }
}

/// Where the index is, and how it names what it holds.
#[derive(Clone)]
struct Names {
    path: std::path::PathBuf,
    secret: hmac::Key,
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Names").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Names {
    fn new(folder: &Path, secret: &[u8; 32]) -> Self {
        Self { path: folder.join(FILE), secret: hmac::Key::new(hmac::HMAC_SHA256, secret) }
    }

    /// Half a keyed hash of kind and value.
    fn digest(&self, kind: &str, value: &str) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.secret);
        context.update(kind.as_bytes());
        context.update(&[0]);
        context.update(value.as_bytes());
        context.sign().as_ref().iter().take(16).copied().collect()
    }

    fn find(&self, connection: &Connection, key: &IndexKey, page: &Page) -> rusqlite::Result<Vec<u64>> {
        let mut query = connection.prepare_cached(
            "SELECT entry FROM entry_key WHERE digest = ?1 AND entry < ?2 AND at >= ?3 AND at < ?4 \
             ORDER BY entry DESC LIMIT ?5",
        )?;
        let time = |at: Option<Timestamp>, otherwise| at.map_or(otherwise, Timestamp::as_microsecond);
        let wanted = params![
            self.digest(key.kind, &key.value),
            page.before.map_or(i64::MAX, signed),
            time(page.from, i64::MIN),
            time(page.until, i64::MAX),
            i64::try_from(page.count_max).unwrap_or(i64::MAX),
        ];
        let rows = query.query_map(wanted, |row| row.get::<_, i64>(0))?;
        rows.map(|row| row.map(|entry| u64::try_from(entry).unwrap_or(0))).collect()
    }
}

/// How much is done before the index rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// Someone waits, or it has just started: everything.
    Haste,
    /// One step: under a flood of appends the index falls behind rather than slow them down.
    Ease,
}

/// Keeps the index up, in a thread of its own.
struct Keeper {
    reader: Reader,
    lane: LaneId,
    scheme: KeyScheme,
    names: Names,
    publish: watch::Sender<u64>,
    /// Counts how often the index was opened or made: files that readers have open may be of an earlier one.
    making: Arc<AtomicU64>,
}

/// Why a step of the keeper did not succeed.
#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error("the index cannot be written")]
    Index(#[from] rusqlite::Error),
    #[error("the entries cannot be read")]
    Entries(#[from] super::survey::ReadError),
}

impl Keeper {
    fn run(self, woken: &Receiver<()>) {
        // On Linux this is the priority of this thread alone. Without it the index still works, only less politely.
        rustix::process::setpriority_process(None, POLITENESS).ok();
        let (mut open, mut pace) = (None, Pace::Haste);
        loop {
            let kept = self.keep(&mut open, pace, woken);
            if kept.is_err() {
                tracing::warn!("the index of the ledger could not be kept up; it is tried again");
                open = None;
            }
            pace = match woken.recv_timeout(REST) {
                Ok(()) => Pace::Haste,
                Err(RecvTimeoutError::Timeout) => Pace::Ease,
                Err(RecvTimeoutError::Disconnected) => return,
            };
        }
    }

    /// Opens the index if need be and brings it up to the durable head, or nearer to it.
    fn keep(
        &self,
        open: &mut Option<(Connection, u64)>,
        mut pace: Pace,
        woken: &Receiver<()>,
    ) -> Result<(), KeepError> {
        if open.is_none() {
            *open = Some(self.open()?);
            self.making.fetch_add(1, Ordering::AcqRel);
        }
        if let Some((connection, next)) = open {
            while *next < self.reader.shared.head() {
                *next = self.step(connection, *next)?;
                self.publish.send_replace(*next);
                pace = match woken.try_recv() {
                    Ok(()) => Pace::Haste,
                    Err(TryRecvError::Empty) => pace,
                    Err(TryRecvError::Disconnected) => break,
                };
                if pace == Pace::Ease {
                    break;
                }
            }
            self.publish.send_if_modified(|published| std::mem::replace(published, *next) != *next);
        }
        Ok(())
    }

    /// Opens the index and tells from where on it lacks entries; makes it anew if it is not to be trusted.
    fn open(&self) -> Result<(Connection, u64), KeepError> {
        if let Ok(connection) = self.connect()
            && let Some(next) = self.trusted(&connection)?
        {
            return Ok((connection, next));
        }
        for suffix in ["", "-wal", "-shm"] {
            let mut path = self.names.path.clone().into_os_string();
            path.push(suffix);
            // What is not there need not go, and what cannot go shows when it is opened.
            drop(std::fs::remove_file(path));
        }
        let connection = self.connect()?;
        connection.execute_batch(
            "BEGIN;
             DROP TABLE IF EXISTS entry_key;
             DROP TABLE IF EXISTS state;
             CREATE TABLE entry_key (digest BLOB NOT NULL, entry INTEGER NOT NULL, at INTEGER NOT NULL,
                                     PRIMARY KEY (digest, entry)) WITHOUT ROWID;
             CREATE TABLE state (lane TEXT NOT NULL, scheme INTEGER NOT NULL, next INTEGER NOT NULL,
                                 last_leaf BLOB NOT NULL);
             COMMIT;",
        )?;
        let fresh = params![self.lane.to_string(), self.scheme.version, 0, Vec::<u8>::new()];
        connection.execute("INSERT INTO state VALUES (?1, ?2, ?3, ?4)", fresh)?;
        Ok((connection, 0))
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let connection = Connection::open(&self.names.path)?;
        connection.busy_timeout(Duration::from_millis(500))?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON; \
             PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -16000;",
        )?;
        Ok(connection)
    }

    /// Up to which entry the index can be trusted; not at all, if it is of another lane, another scheme or another past.
    fn trusted(&self, connection: &Connection) -> Result<Option<u64>, KeepError> {
        let state = connection.query_row("SELECT lane, scheme, next, last_leaf FROM state", [], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, u32>(1)?,
                row.get::<_, i64>(2)?,
                row.get::<_, Vec<u8>>(3)?,
            ))
        });
        let Some((lane, scheme, next, last_leaf)) = state.optional().ok().flatten() else { return Ok(None) };
        let next = u64::try_from(next).unwrap_or(u64::MAX);
        if lane != self.lane.to_string() || scheme != self.scheme.version || next > self.reader.shared.head()
        {
            return Ok(None);
        }
        let same_past = match next.checked_sub(1) {
            None => true,
            Some(last) => {
                self.reader.leaf(last)?.is_some_and(|(_, leaf)| leaf.hash.as_bytes()[..] == last_leaf)
            }
        };
        Ok(same_past.then_some(next))
    }

    /// Indexes the entries that follow `from`, in one transaction.
    fn step(&self, connection: &mut Connection, from: u64) -> Result<u64, KeepError> {
        let entries = self.reader.entries(from, STEP, Check::Checksum)?;
        let (mut next, mut last_leaf) = (from, Vec::new());
        let (mut rows, mut erased) = (Vec::new(), Vec::new());
        for entry in &entries {
            self.rows_of(entry, &entries, &mut rows, &mut erased)?;
            next = entry.index + 1;
            last_leaf = entry.leaf.as_bytes().to_vec();
        }
        // In the order of the table, whose pages are then touched once.
        rows.sort_unstable();
        let transaction = connection.transaction()?;
        {
            let mut insert =
                transaction.prepare_cached("INSERT OR IGNORE INTO entry_key VALUES (?1, ?2, ?3)")?;
            for (digest, entry, at) in &rows {
                insert.execute(params![digest, entry, at])?;
            }
        }
        for entry in erased {
            transaction.execute("DELETE FROM entry_key WHERE entry = ?1", params![signed(entry)])?;
        }
        if next > from {
            let state = params![signed(next), last_leaf];
            transaction.execute("UPDATE state SET next = ?1, last_leaf = ?2", state)?;
        }
        transaction.commit()?;
        Ok(next)
    }

    /// Adds the rows of `entry`; `near` are entries that its batch may begin with.
    fn rows_of(
        &self,
        entry: &Entry,
        near: &[Entry],
        rows: &mut Vec<Row>,
        erased: &mut Vec<u64>,
    ) -> Result<(), KeepError> {
        let mut put = |kind: &str, value: &str| {
            rows.push((self.names.digest(kind, value), signed(entry.index), entry.at.as_microsecond()));
        };
        let first = near
            .first()
            .and_then(|first| near.get(usize::try_from(entry.batch.start.checked_sub(first.index)?).ok()?));
        let receipt = match first {
            Some(first) => Some(first.leaf),
            None => self.reader.leaf(entry.batch.start)?.map(|(_, leaf)| leaf.hash),
        };
        if let Some(receipt) = receipt {
            put(RECEIPT, &receipt.to_base64url());
        }
        let Content::Present(payload) = &entry.content else { return Ok(()) };
        match entry.kind {
            Kind::Entry => {
                put(LEAF, &entry.leaf.to_hex());
                for key in (self.scheme.keys)(payload) {
                    put(key.kind, &key.value);
                }
            }
            Kind::Erasure => erased.extend(Erasure::parse(payload).map(|erasure| erasure.index)),
        }
        Ok(())
    }
}

/// Digest of the key, index of the entry, its time.
type Row = (Vec<u8>, i64, i64);

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
