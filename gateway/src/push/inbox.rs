//! Messages as they came: stored before anything is done with them, each once.

use std::sync::Arc;

use rusqlite::{OptionalExtension, named_params, params};

use super::bound;
use super::busy::{Busy, Held};
use super::letters;
use super::stamped::Stamped;
use super::stood::Stood;
use super::store::{Store, StoreError};

/// A message as it came.
#[derive(Clone)]
pub struct Arrival {
    /// The organisation and application that sent it: within it a control id means one message.
    pub source: String,
    /// MSH-10.
    pub control_id: String,
    /// What a record is about.
    pub row_key: Option<String>,
    /// SHA-256 of the message.
    pub hash: [u8; 32],
    /// The listener or route it came by.
    pub listener: String,
    /// When it came, in milliseconds since 1970.
    pub received_ms: i64,
    /// Whether the sender counts on it once it is stored.
    pub care: Care,
    /// Whom it is meant for.
    pub receivers: String,
    /// Where in a file that is not read to its end it stood.
    pub stood: Option<Stood>,
    /// The message.
    pub raw: Vec<u8>,
}

/// Who sees to it that a stored message is dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// The gateway: the sender was told that it is stored, and waits for nothing more.
    TakenOver,
    /// The sender: it sends again until it has an answer.
    WithSender,
}

/// What the inbox knows of a message that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// It is in the inbox now, or was there without an answer: it has yet to be dealt with.
    Open(InboxId),
    /// It was answered before; the same answer again, and no second effect.
    Answered(Answer),
    /// Another message has this control id.
    Other,
}

/// The place of a message in the inbox. Later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InboxId(pub(in crate::push) i64);

/// Where a message is that is about to be answered.
pub enum Place {
    /// In the inbox.
    In(InboxId),
    /// Nowhere yet: nobody was told of it, and it is stored with its answer.
    With(Box<Arrival>),
}

/// What the inbox knows of a message that is not stored before it is dealt with.
pub(in crate::push) enum Sought {
    /// It was stored before.
    Known(Known),
    /// It is not there; and with this nobody else deals with it. Without, somebody does.
    Unknown(Option<Held>),
}

/// How a message was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is on its way.
    Accepted,
    /// It was not taken: the code of HL7 table 0357 and a fixed text.
    Refused {
        /// Whether the sender may send such messages at all.
        verdict: Verdict,
        /// HL7 table 0357.
        code: String,
        /// The text told.
        text: String,
    },
}

/// `AE` or `AR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// This message has an error, or may not be shared.
    Error,
    /// Messages of this kind are not taken.
    Reject,
}

/// A message that has yet to be dealt with.
pub struct Open {
    /// Its place.
    pub id: InboxId,
    /// The listener or route it came by.
    pub listener: String,
    /// The organisation and application that sent it.
    pub source: String,
    /// Its id.
    pub control_id: String,
    /// Whom it was meant for, when that was noted.
    pub receivers: Option<String>,
    /// The message.
    pub raw: Vec<u8>,
}

impl Store {
    /// Stores a message, unless it is known. What comes back is true on the disk.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing may be acknowledged.
    pub async fn receive(&self, arrival: Arrival) -> Result<Known, StoreError> {
        self.run(move |connection| known_or_put(connection, arrival).map(|(known, _)| known)).await
    }

    /// The same, and holds a message that nobody knew: it is held before anybody else can find it, so that nobody else can
    /// have dealt with it. When it is not stored after all, it is not held either.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing may be acknowledged.
    pub(in crate::push) async fn receive_held(
        &self,
        arrival: Arrival,
        busy: Arc<Busy>,
    ) -> Result<(Known, Option<Held>), StoreError> {
        self.run(move |connection| {
            let (known, new) = known_or_put(connection, arrival)?;
            Ok((known, new.and_then(|id| busy.hold_now(id))))
        })
        .await
    }

    /// Looks whether a message is known, and holds one that nobody knows: from that on until it is let go nobody else deals
    /// with it. Nothing is stored.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing may be acknowledged.
    pub(in crate::push) async fn seek(
        &self,
        (source, control_id, hash): (String, String, [u8; 32]),
        busy: Arc<Busy>,
    ) -> Result<Sought, StoreError> {
        self.look(move |connection| {
            Ok(match known(connection, (&source, &control_id), &hash)? {
                Some((_, known)) => Sought::Known(known),
                None => Sought::Unknown(busy.hold_called(&source, &control_id)),
            })
        })
        .await
    }

    /// Notes that a message is refused, and makes a dead letter of it. Its text stays with that, unless the person herself
    /// said no. Says how many letters are owed now that were not before.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing may be acknowledged.
    pub async fn refuse(
        &self,
        place: impl Into<Place>,
        answer: Answer,
        stamped: Vec<Stamped>,
        now_ms: i64,
    ) -> Result<u64, StoreError> {
        let place = place.into();
        self.run(move |connection| {
            let id = place.stored(connection)?;
            settle(connection, id, &answer)?;
            letters::found_out(connection, id, now_ms)?;
            let owed = letters::make_all(connection, id, &stamped, now_ms)?;
            let_go(connection, id)?;
            Ok(owed)
        })
        .await
    }

    /// Messages that were taken over and have no answer, in the order in which they came.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_messages(
        &self,
        after: Option<InboxId>,
        count_max: usize,
    ) -> Result<Vec<Open>, StoreError> {
        self.run(move |connection| {
            let mut open = connection.prepare_cached(
                "SELECT id, listener, source, control_id, receivers, raw FROM inbox
                 WHERE answer IS NULL AND taken_over = 1 AND raw IS NOT NULL AND id > ?1 ORDER BY id LIMIT ?2",
            )?;
            let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
            let rows = open.query_map(params![after.map_or(0, |id| id.0), count_max], |row| {
                Ok(Open {
                    id: InboxId(row.get("id")?),
                    listener: row.get("listener")?,
                    source: row.get("source")?,
                    control_id: row.get("control_id")?,
                    receivers: row.get("receivers")?,
                    raw: row.get("raw")?,
                })
            })?;
            rows.collect()
        })
        .await
    }

    /// Notes by name what the gateway cannot deal with a message for, and makes a dead letter of it. It stays, with its
    /// text, and has no answer yet. Says how many letters are owed now that were not before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn give_up_on(
        &self,
        id: InboxId,
        stamped: Stamped,
        (attempts, now_ms): (u32, i64),
    ) -> Result<u64, StoreError> {
        self.run(move |connection| {
            connection
                .prepare_cached("UPDATE inbox SET problem = ?2 WHERE id = ?1 AND answer IS NULL")?
                .execute(params![id.0, stamped.reason])?;
            letters::make(connection, id, &stamped, (now_ms, now_ms, attempts))
        })
        .await
    }

    /// Forgets messages that came before `received_ms`, unless they are still to be dealt with or delivered. Of those
    /// given up, and of letters whose senders have yet to hear of them, no more than the names is left; other dead letters, and
    /// those that somebody has seen to, go as well.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_before(&self, received_ms: i64) -> Result<usize, StoreError> {
        self.run(move |connection| {
            let over = "received_ms < ?1 AND (answer IS NOT NULL OR taken_over = 0)";
            connection.execute(
                "DELETE FROM letter WHERE last_ms < ?1 AND (state <> 'open' OR owed = 0)
                 AND (inbox IS NULL OR inbox NOT IN (SELECT inbox FROM outbox WHERE state = 'due'))",
                [received_ms],
            )?;
            // Of what is owed the name stays.
            connection.execute(
                "UPDATE letter SET raw = NULL, text_gone = 1 WHERE last_ms < ?1 AND raw IS NOT NULL",
                [received_ms],
            )?;
            bound::bound(connection)?;
            connection.execute("DELETE FROM file_row WHERE at_ms < ?1", [received_ms])?;
            connection.execute("DELETE FROM errand WHERE state = 'done' AND asked_ms < ?1", [received_ms])?;
            connection.execute(
                &format!(
                    "DELETE FROM outbox WHERE state IN ('delivered', 'closed')
                     AND inbox IN (SELECT id FROM inbox WHERE {over})"
                ),
                [received_ms],
            )?;
            let dead = format!(
                "state = 'dead' AND body IS NOT NULL AND inbox IN (SELECT id FROM inbox WHERE {over})"
            );
            // Whatever stands against it, and whether somebody has seen to it: no text stays longer but of what is on its way.
            connection.execute(
                &format!(
                    "UPDATE inbox SET raw = NULL WHERE raw IS NOT NULL AND received_ms < ?1
                     AND (({over}) OR id IN (SELECT inbox FROM letter WHERE stage = 'fault' AND last_ms < ?1))
                     AND id NOT IN (SELECT inbox FROM outbox WHERE state = 'due')"
                ),
                [received_ms],
            )?;
            connection.execute(&format!("UPDATE outbox SET body = NULL WHERE {dead}"), [received_ms])?;
            connection.execute(
                &format!(
                    "DELETE FROM inbox WHERE {over} AND id NOT IN (SELECT inbox FROM outbox)
                     AND id NOT IN (SELECT inbox FROM letter WHERE inbox IS NOT NULL)
                     AND NOT EXISTS (SELECT 1 FROM inbox AS older WHERE older.source = inbox.source
                         AND older.row_key = inbox.row_key AND older.id < inbox.id)"
                ),
                [received_ms],
            )
        })
        .await
    }
}

/// Looks whether a message is known, and stores it when it is not: its place comes with it then.
fn known_or_put(
    connection: &rusqlite::Connection,
    arrival: Arrival,
) -> rusqlite::Result<(Known, Option<InboxId>)> {
    let known = known(connection, (&arrival.source, &arrival.control_id), &arrival.hash)?;
    let Some((id, known)) = known else {
        let id = put(connection, arrival)?;
        return Ok((Known::Open(id), Some(id)));
    };
    if let Some(stood) = arrival.stood.filter(|_| known != Known::Other) {
        stood.note(connection, Some(id), arrival.received_ms)?;
    }
    Ok((known, None))
}

/// What the inbox knows of a message, and its place.
fn known(
    connection: &rusqlite::Connection,
    (source, control_id): (&str, &str),
    hash: &[u8; 32],
) -> rusqlite::Result<Option<(InboxId, Known)>> {
    connection
        .prepare_cached("SELECT id, hash, answer, problem FROM inbox WHERE source = ?1 AND control_id = ?2")?
        .query_row(params![source, control_id], |row| {
            let id = InboxId(row.get("id")?);
            let held: Vec<u8> = row.get("hash")?;
            let answer: Option<String> = row.get("answer")?;
            let problem: Option<String> = row.get("problem")?;
            let known = match answer {
                _ if held != hash => Known::Other,
                Some(answer) => Known::Answered(Answer::read(&answer, problem.as_deref())),
                None => Known::Open(id),
            };
            Ok((id, known))
        })
        .optional()
}

/// Stores a message that is not known.
fn put(connection: &rusqlite::Connection, arrival: Arrival) -> rusqlite::Result<InboxId> {
    connection
        .prepare_cached(
            "INSERT INTO inbox (source, control_id, row_key, hash, listener, received_ms, taken_over, receivers, raw)
             VALUES (:source, :control_id, :row_key, :hash, :listener, :received_ms, :taken_over, :receivers, :raw)",
        )?
        .execute(named_params! {
            ":source": arrival.source,
            ":control_id": arrival.control_id,
            ":row_key": arrival.row_key,
            ":hash": arrival.hash.as_slice(),
            ":listener": arrival.listener,
            ":received_ms": arrival.received_ms,
            ":taken_over": arrival.care == Care::TakenOver,
            ":receivers": arrival.receivers,
            ":raw": arrival.raw,
        })?;
    let id = InboxId(connection.last_insert_rowid());
    if let Some(stood) = arrival.stood {
        stood.note(connection, Some(id), arrival.received_ms)?;
    }
    Ok(id)
}

impl Place {
    /// The place in the inbox; what is not there yet is stored.
    pub(in crate::push) fn stored(self, connection: &rusqlite::Connection) -> rusqlite::Result<InboxId> {
        match self {
            Self::In(id) => Ok(id),
            Self::With(arrival) => put(connection, *arrival),
        }
    }
}

impl From<InboxId> for Place {
    fn from(id: InboxId) -> Self {
        Self::In(id)
    }
}

/// Writes the answer down.
pub(in crate::push) fn settle(
    connection: &rusqlite::Connection,
    id: InboxId,
    answer: &Answer,
) -> rusqlite::Result<()> {
    let (written, problem) = answer.written();
    connection
        .prepare_cached("UPDATE inbox SET answer = ?2, problem = ?3 WHERE id = ?1 AND answer IS NULL")?
        .execute(params![id.0, written, problem])?;
    Ok(())
}

/// Lets go of the text of a message that was answered, once none of its parcels waits: until then each attempt to
/// deliver is decided by it. A dead letter that is open keeps the text for those who see to it, unless the person said no.
pub(in crate::push) fn let_go(connection: &rusqlite::Connection, id: InboxId) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE inbox SET raw = NULL WHERE id = ?1 AND answer IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.inbox = ?1
                 AND (outbox.state = 'due' OR (outbox.state = 'dead' AND outbox.body IS NOT NULL)))
             AND NOT EXISTS (SELECT 1 FROM letter WHERE letter.inbox = ?1 AND letter.state = 'open' AND letter.text_gone = 0)",
        )?
        .execute([id.0])?;
    Ok(())
}

impl Answer {
    /// What the sender is told, when it is refused.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Accepted => None,
            Self::Refused { text, .. } => Some(text),
        }
    }

    fn written(&self) -> (&'static str, Option<String>) {
        match self {
            Self::Accepted => ("AA", None),
            Self::Refused { verdict: Verdict::Error, code, text } => ("AE", Some(format!("{code} {text}"))),
            Self::Refused { verdict: Verdict::Reject, code, text } => ("AR", Some(format!("{code} {text}"))),
        }
    }

    fn read(answer: &str, problem: Option<&str>) -> Self {
        let (code, text) = problem.and_then(|problem| problem.split_once(' ')).unwrap_or_default();
        let refused = |verdict| Self::Refused { verdict, code: code.to_owned(), text: text.to_owned() };
        match answer {
            "AA" => Self::Accepted,
            "AR" => refused(Verdict::Reject),
            _ => refused(Verdict::Error),
        }
    }
}

impl std::fmt::Debug for Arrival {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Arrival({} bytes)", self.raw.len())
    }
}

impl std::fmt::Debug for Open {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Open({:?}, {} bytes)", self.id, self.raw.len())
    }
}
