//! The file in which pushed messages are safe: SQLite, written through to the disk at each commit.
//!
//! One thread owns the connection. What waits when it is free is committed together, so that many senders
//! share one write to the disk; each caller hears only after the commit that holds its change.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tokio::sync::{mpsc, oneshot};

use super::{rows, since};

/// Callers that may wait at once; more wait to be let in.
const WAITING_MAX: usize = 1_024;
/// Changes in one commit.
const TOGETHER_MAX: usize = 256;
/// Statements that stay prepared: with fewer than there are, each message would have all of its own parsed anew.
const PREPARED_MAX: usize = 96;
/// How long another process may hold the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS inbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    control_id TEXT NOT NULL,
    hash BLOB NOT NULL,
    listener TEXT NOT NULL,
    received_ms INTEGER NOT NULL,
    taken_over INTEGER NOT NULL,
    raw BLOB,
    answer TEXT,
    problem TEXT,
    UNIQUE (source, control_id)
) STRICT;
CREATE INDEX IF NOT EXISTS inbox_open ON inbox (id) WHERE answer IS NULL AND taken_over = 1;
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    inbox INTEGER NOT NULL REFERENCES inbox (id),
    system TEXT NOT NULL,
    person TEXT NOT NULL,
    bundle TEXT NOT NULL,
    body BLOB,
    intent BLOB NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    first_ms INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'due',
    reason TEXT,
    departed INTEGER NOT NULL DEFAULT 0,
    held TEXT NOT NULL DEFAULT '',
    held_ms INTEGER,
    anew TEXT,
    former BLOB,
    former_departed INTEGER NOT NULL DEFAULT 0,
    UNIQUE (inbox, system)
) STRICT;
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (system, person, id) WHERE state = 'due';
CREATE INDEX IF NOT EXISTS outbox_arrived ON outbox (system, person, id) WHERE state = 'delivered';
CREATE INDEX IF NOT EXISTS outbox_dead ON outbox (id) WHERE state = 'dead';
CREATE TABLE IF NOT EXISTS letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    inbox INTEGER,
    system TEXT,
    stage TEXT NOT NULL,
    reason TEXT NOT NULL,
    told TEXT,
    place TEXT,
    source TEXT NOT NULL,
    control_id TEXT NOT NULL,
    hash BLOB NOT NULL,
    listener TEXT NOT NULL,
    raw BLOB,
    text_gone INTEGER NOT NULL DEFAULT 0,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 1,
    state TEXT NOT NULL DEFAULT 'open'
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS letter_of ON letter (inbox, COALESCE(system, '')) WHERE inbox IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS letter_alone ON letter (source, control_id, hash) WHERE inbox IS NULL;
CREATE TABLE IF NOT EXISTS errand (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    letter INTEGER NOT NULL,
    what TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    account TEXT NOT NULL,
    reason TEXT NOT NULL,
    mended BLOB,
    asked_ms INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'open',
    ended TEXT,
    told TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS errand_open ON errand (id) WHERE state <> 'done';
";

/// What a file of an earlier build lacks. Whether its parcels had left was not noted there: they may have.
const SCHEMA_SINCE: &str = "
BEGIN IMMEDIATE;
ALTER TABLE outbox ADD COLUMN departed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN held TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN held_ms INTEGER;
ALTER TABLE outbox ADD COLUMN anew TEXT;
ALTER TABLE outbox ADD COLUMN former BLOB;
ALTER TABLE outbox ADD COLUMN former_departed INTEGER NOT NULL DEFAULT 0;
UPDATE outbox SET departed = 1;
COMMIT;
";

/// The letters of what was given up before there were letters.
const LETTERS_SINCE: &str = "
INSERT INTO letter (inbox, system, stage, reason, source, control_id, hash, listener, text_gone, first_ms, last_ms, attempts)
SELECT inbox.id, system, 'deliver', COALESCE(reason, 'unknown'), source, control_id, hash, listener, body IS NULL,
    first_ms, due_ms, attempts FROM outbox JOIN inbox ON inbox.id = outbox.inbox WHERE state = 'dead';
INSERT INTO letter (inbox, stage, reason, source, control_id, hash, listener, first_ms, last_ms)
SELECT id, 'fault', problem, source, control_id, hash, listener, received_ms, received_ms FROM inbox
    WHERE answer IS NULL AND taken_over = 1 AND problem IS NOT NULL;
";

/// The store of pushed messages. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    jobs: mpsc::Sender<Job>,
    /// Joined when the last clone goes, so that the file is closed by then.
    _thread: Arc<Joined>,
}

/// Why the store did not do it. Nothing was changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be read or written.
    #[error("the message store cannot be read or written: {0}")]
    Sqlite(String),
    /// The store has ended.
    #[error("the message store has ended")]
    Ended,
}

type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Change = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Done + Send>;
type Look = Box<dyn FnOnce(&Connection) + Send>;

/// What is asked of the thread that has the connection.
enum Job {
    /// Something is to be changed, and committed.
    Change(Change),
    /// Something is to be read: nobody who writes waits for that.
    Look(Look),
}

#[derive(Debug)]
struct Joined(Mutex<Option<JoinHandle<()>>>);

impl Store {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be opened or is not such a store.
    pub fn open(file: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(file)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(PREPARED_MAX);
        // A prepared statement stays as it is whatever is asked with it: planned anew for each value it costs more than it finds.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // FULL: a commit has reached the disk when it returns, also in write-ahead mode.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;",
        )?;
        let letters = "SELECT COUNT(*) FROM sqlite_master WHERE name = 'letter'";
        let lettered = connection.query_row(letters, [], |row| row.get::<_, i64>(0))? > 0;
        connection.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} COMMIT;"))?;
        if !lettered {
            connection.execute_batch(&format!("BEGIN IMMEDIATE; {LETTERS_SINCE} COMMIT;"))?;
        }
        let known = "SELECT COUNT(*) FROM pragma_table_info('outbox') WHERE name = 'departed'";
        if connection.query_row(known, [], |row| row.get::<_, i64>(0))? == 0 {
            connection.execute_batch(SCHEMA_SINCE)?;
        }
        let keyed = "SELECT COUNT(*) FROM pragma_table_info('inbox') WHERE name = 'row_key'";
        if connection.query_row(keyed, [], |row| row.get::<_, i64>(0))? == 0 {
            connection.execute_batch(rows::SINCE)?;
        }
        connection.execute_batch(rows::INDEX)?;
        since::carry_over(&connection)?;
        let (jobs, queue) = mpsc::channel(WAITING_MAX);
        let thread = std::thread::Builder::new()
            .name("push-store".to_owned())
            .spawn(move || work(&connection, queue))
            .map_err(|error| StoreError::Sqlite(error.kind().to_string()))?;
        Ok(Self { jobs, _thread: Arc::new(Joined(Mutex::new(Some(thread)))) })
    }

    /// Runs `change` in a transaction and answers once that is on the disk.
    ///
    /// A `change` that fails is undone alone. A caller that stops waiting does not take its change back.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was changed then.
    pub(in crate::push) async fn run<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        let job: Change = Box::new(move |connection| {
            let outcome = connection.and_then(|connection| alone(connection, change));
            Box::new(move |committed| {
                // The caller may have stopped waiting; the change stands all the same.
                drop(tell.send(committed.and(outcome)));
            })
        });
        self.jobs.send(Job::Change(job)).await.map_err(|_| StoreError::Ended)?;
        told.await.map_err(|_| StoreError::Ended)?
    }

    /// Reads what is committed, by one statement. It waits for no other process, and none waits for it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(in crate::push) async fn look<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        let job: Look = Box::new(move |connection| {
            drop(tell.send(question(connection).map_err(StoreError::from)));
        });
        self.jobs.send(Job::Look(job)).await.map_err(|_| StoreError::Ended)?;
        told.await.map_err(|_| StoreError::Ended)?
    }
}

/// Runs one change so that it can be undone without the others of its commit.
fn alone<T>(
    connection: &Connection,
    change: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, StoreError> {
    say(connection, "SAVEPOINT job")?;
    let outcome = change(connection);
    if outcome.is_err() {
        say(connection, "ROLLBACK TO job")?;
    }
    say(connection, "RELEASE job")?;
    Ok(outcome?)
}

/// Runs a statement that is run again and again.
fn say(connection: &Connection, statement: &'static str) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute([]).map(drop)
}

fn work(connection: &Connection, mut queue: mpsc::Receiver<Job>) {
    while let Some(first) = queue.blocking_recv() {
        let first = match first {
            Job::Change(first) => first,
            Job::Look(look) => {
                look(connection);
                continue;
            }
        };
        // Without a transaction nothing is run: it would take effect although its caller is told otherwise.
        let begun = say(connection, "BEGIN IMMEDIATE").map_err(StoreError::from).map(|()| connection);
        let mut done = vec![first(begun.clone())];
        let mut looks = Vec::new();
        while done.len() + looks.len() < TOGETHER_MAX {
            match queue.try_recv() {
                Ok(Job::Change(next)) => done.push(next(begun.clone())),
                Ok(Job::Look(look)) => looks.push(look),
                Err(_) => break,
            }
        }
        let committed = begun.and_then(|connection| Ok(say(connection, "COMMIT")?));
        if committed.is_err() && !connection.is_autocommit() {
            // What failed to commit must not be carried into the next one.
            drop(connection.execute_batch("ROLLBACK"));
        }
        for done in done {
            done(committed.clone());
        }
        for look in looks {
            look(connection);
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        // Only the kind: a message of SQLite may quote what was being written.
        Self::Sqlite(
            error.sqlite_error_code().map_or_else(|| "unexpected".to_owned(), |code| format!("{code:?}")),
        )
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        // The sender was dropped before this field, so the thread ends by itself; on its own thread nothing is waited for.
        let handle = self.0.lock().ok().and_then(|mut handle| handle.take());
        if let Some(handle) = handle.filter(|handle| handle.thread().id() != std::thread::current().id()) {
            drop(handle.join());
        }
    }
}
