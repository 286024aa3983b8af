//! What was released and is on its way: delivered in order for each person, retried, or given up.

use std::collections::HashSet;

use bytes::Bytes;
use rusqlite::{OptionalExtension, Row, params};
use sha2::{Digest, Sha256};

use super::errands::{self, Done, ErrandId};
use super::inbox::{InboxId, let_go};
use super::intent::Departed;
use super::letters::{self, LetterId, Owed, Stage};
use super::marks::Former;
use super::placing::{put, waits};
use super::stamped::Stamped;
use super::store::{Store, StoreError};
use crate::person::SystemName;

/// Asks for what is due at a system. It reads two indices, and of the rows no more than the heads: what is delivered already,
/// and the texts of what waits, would have to be read through each time otherwise.
pub(in crate::push) const DUE: &str = "
    SELECT head.id AS id FROM outbox AS head INDEXED BY outbox_turn
    WHERE head.state = 'due' AND head.system = ?1 AND head.due_ms <= ?2 AND head.body IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM outbox AS earlier INDEXED BY outbox_due WHERE earlier.state = 'due'
        AND earlier.system = head.system AND earlier.person = head.person AND earlier.id < head.id)
    ORDER BY head.due_ms, head.id LIMIT ?3";
/// Asks for the first system after another that something waits for.
pub(in crate::push) const NEXT_SYSTEM: &str =
    "SELECT MIN(system) FROM outbox INDEXED BY outbox_turn WHERE state = 'due' AND system > ?1";
/// Asks when something that is not due yet at a system is.
pub(in crate::push) const NEXT_MS: &str = "SELECT MIN(due_ms) FROM outbox INDEXED BY outbox_turn
    WHERE state = 'due' AND system = ?1 AND due_ms > ?2";

/// Something to be delivered.
#[derive(Clone)]
pub struct Parcel {
    /// The system that receives it.
    pub system: SystemName,
    /// What keeps the order of one person's parcels: a digest, not the person.
    pub person: String,
    /// The id of the Bundle: the same message always has the same.
    pub bundle: String,
    /// The released bytes.
    pub body: Bytes,
    /// The exchange of the recorded intent, as JSON: its outcome is recorded with it.
    pub intent: Vec<u8>,
}

/// A parcel whose turn it is.
#[derive(Clone)]
pub struct Due {
    /// Its place in the outbox.
    pub id: OutboxId,
    /// The parcel.
    pub parcel: Parcel,
    /// The message it was cut from.
    pub original: Original,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was put into the outbox, in milliseconds since 1970.
    pub first_ms: i64,
    /// The reasons it was held back by so far, each recorded once.
    pub held: Vec<String>,
    /// When it was held back first, in milliseconds since 1970.
    pub held_ms: Option<i64>,
    /// The name of an intent that may have been recorded, and under which nothing left.
    pub anew: Option<String>,
    /// An earlier intent whose end is not known to be recorded.
    pub former: Option<Former>,
    /// Whether its bytes may have arrived before, once it is noted that they leave now: it goes under the ruling that cut it.
    pub leaves: Option<Departed>,
}

impl Due {
    /// Whether it is held back by `reason` already, and that is recorded.
    #[must_use]
    pub fn is_held_by(&self, reason: &str) -> bool {
        self.held.iter().any(|held| held == reason)
    }

    /// Whether no intent but its own has to be ended before it is tried.
    const fn has_nothing_open(&self) -> bool {
        self.anew.is_none() && self.former.is_none()
    }
}

/// What happens to the text of a message when a parcel of it is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// It stays, with the parcel, for those who see to it, as long as answered messages are remembered.
    Kept,
    /// It goes at once: the person wants it so.
    Gone,
}

/// The message that a parcel was cut from.
#[derive(Clone)]
pub enum Original {
    /// As it came.
    Held {
        /// The listener or route it came by.
        listener: String,
        /// The organisation and application that sent it: stays the same when the listener is named otherwise.
        source: String,
        /// Its id.
        control_id: String,
        /// The message.
        raw: Vec<u8>,
    },
    /// It is not there any more: nobody can tell what of it may go.
    Lost,
}

/// The place of a parcel in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutboxId(pub(in crate::push) i64);

impl OutboxId {
    /// A number of thousandths below a quarter, by which the attempts of many parcels are spread: always the same for an
    /// attempt of a parcel.
    pub(in crate::push) fn spread(self, attempts: u32) -> u32 {
        let mut hash = Sha256::new();
        hash.update(self.0.to_be_bytes());
        hash.update(attempts.to_be_bytes());
        let first = hash.finalize().first().copied().unwrap_or_default();
        u32::from(first).saturating_mul(250) / 256
    }
}

/// What is due.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// The parcels of each system that something waits for.
    pub of_each: Vec<(SystemName, Vec<OutboxId>)>,
    /// When another may be tried, first, in milliseconds since 1970; none when there is none. Those whose time has come and
    /// that wait behind others are not meant: the end of the others is their turn.
    pub next_ms: Option<i64>,
}

/// What there is to deliver.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Parcels on their way.
    pub due: u64,
    /// Letters whose senders have yet to hear of them: each is a share that did not happen.
    pub dead: u64,
}

impl Store {
    /// Puts parcels of a dead letter into the outbox, as the errand wants it, and notes that: all as one. Once no letter
    /// of the message is open it counts as accepted. `mended` takes the place of its text.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing is on its way.
    pub async fn replay(
        &self,
        replayed: Replayed,
        parcels: Vec<Parcel>,
        stamped: Vec<Stamped>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.run(move |connection| {
            let Replayed { letter, inbox, mended, errand, receipt } = replayed;
            if let Some(mended) = mended {
                connection
                    .prepare_cached("UPDATE inbox SET raw = ?2 WHERE id = ?1")?
                    .execute(params![inbox.0, mended])?;
            }
            put(connection, inbox, (parcels, None), now_ms)?;
            connection
                .prepare_cached(
                    "UPDATE letter SET state = 'replayed', last_ms = ?2, attempts = attempts + 1 WHERE id = ?1",
                )?
                .execute(params![letter.0, now_ms])?;
            letters::make_all(connection, inbox, &stamped, now_ms)?;
            connection
                .prepare_cached(
                    "UPDATE inbox SET answer = 'AA', problem = NULL WHERE id = ?1
                     AND NOT EXISTS (SELECT 1 FROM letter WHERE letter.inbox = ?1 AND state = 'open')",
                )?
                .execute([inbox.0])?;
            errands::end(connection, errand, &Done::Well(receipt))?;
            let_go(connection, inbox)
        })
        .await
    }

    /// Parcels whose turn it is at each system that is not in `not_asked`: for each person the oldest, if it is time. Those that
    /// have been due longest come first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due(
        &self,
        now_ms: i64,
        count_max: usize,
        not_asked: HashSet<SystemName>,
    ) -> Result<Listed, StoreError> {
        self.run(move |connection| {
            let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
            let mut next_system = connection.prepare_cached(NEXT_SYSTEM)?;
            let mut due = connection.prepare_cached(DUE)?;
            let mut next_ms = connection.prepare_cached(NEXT_MS)?;
            let (mut listed, mut after) = (Listed::default(), String::new());
            while let Some(name) = next_system.query_row([&after], |row| row.get::<_, Option<String>>(0))? {
                let system = SystemName::new(&name);
                if !not_asked.contains(&system) {
                    let rows =
                        due.query_map(params![name, now_ms, count_max], |row| row.get("id").map(OutboxId))?;
                    listed.of_each.push((system, rows.collect::<Result<_, _>>()?));
                    let next: Option<i64> = next_ms.query_row(params![name, now_ms], |row| row.get(0))?;
                    listed.next_ms = listed.next_ms.into_iter().chain(next).min();
                }
                after = name;
            }
            Ok(listed)
        })
        .await
    }

    /// Notes that a parcel is tried, and yields it as it is; none when it does not wait any more. While this fails nothing is
    /// appended to the ledger for it.
    ///
    /// Where nothing else of it is open, and `stands` says of its intent that the ruling under which that was recorded still
    /// stands, it is noted at once that its bytes leave.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin(
        &self,
        id: OutboxId,
        stands: impl FnOnce(&[u8]) -> bool + Send + 'static,
    ) -> Result<Option<Due>, StoreError> {
        self.run(move |connection| {
            let due = connection
                .prepare_cached(
                    "SELECT system, person, bundle, body, intent, attempts, first_ms, held, held_ms, anew, former,
                        former_departed, departed, listener, source, control_id, raw
                     FROM outbox JOIN inbox ON inbox.id = outbox.inbox
                     WHERE outbox.id = ?1 AND state = 'due' AND body IS NOT NULL",
                )?
                .query_row([id.0], |row| Ok((due_of(id, row)?, Departed::of(row.get("departed")?))))
                .optional()?;
            let Some((due, before)) = due else { return Ok(None) };
            let leaves = due.has_nothing_open() && stands(&due.parcel.intent);
            let change = match leaves {
                true => "UPDATE outbox SET attempts = attempts + 1, departed = 1 WHERE id = ?1",
                false => "UPDATE outbox SET attempts = attempts + 1 WHERE id = ?1",
            };
            connection.prepare_cached(change)?.execute([id.0])?;
            Ok(Some(Due { leaves: leaves.then_some(before), ..due }))
        })
        .await
    }

    /// Notes that a parcel was delivered. Its bytes are no longer needed then. Says whether another of the same person waits
    /// for the same system: it is the other's turn now.
    ///
    /// # Errors
    /// [`StoreError`]; it will be delivered again then, to the same effect.
    pub async fn delivered(&self, id: OutboxId) -> Result<bool, StoreError> {
        self.run(move |connection| {
            let (message, system, person) = connection
                .prepare_cached(
                    "UPDATE outbox SET state = 'delivered', body = NULL, reason = NULL WHERE id = ?1
                     RETURNING inbox, system, person",
                )?
                .query_row([id.0], |row| {
                    Ok((
                        InboxId(row.get("inbox")?),
                        row.get::<_, String>("system")?,
                        row.get::<_, String>("person")?,
                    ))
                })?;
            let_go(connection, message)?;
            waits(connection, &system, &person)
        })
        .await
    }

    /// Notes that a parcel was not delivered and is tried again at `due_ms`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn retry(&self, id: OutboxId, due_ms: i64, reason: &'static str) -> Result<(), StoreError> {
        self.run(move |connection| {
            connection
                .prepare_cached("UPDATE outbox SET due_ms = ?2, reason = ?3 WHERE id = ?1")?
                .execute(params![id.0, due_ms, reason])
                .map(drop)
        })
        .await
    }

    /// Gives a parcel up, and makes a dead letter of it. It stays, so that it can be looked at; it does not hold up those
    /// behind it. Says how many letters are owed now that were not before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn give_up(
        &self,
        id: OutboxId,
        reason: &'static str,
        text: Text,
        now_ms: i64,
    ) -> Result<u64, StoreError> {
        self.run(move |connection| {
            connection
                .prepare_cached("UPDATE outbox SET state = 'dead', reason = ?2 WHERE id = ?1")?
                .execute(params![id.0, reason])?;
            if text == Text::Gone {
                connection.prepare_cached("UPDATE outbox SET body = NULL WHERE id = ?1")?.execute([id.0])?;
            }
            let (inbox, system, attempts, first_ms) = connection
                .prepare_cached("SELECT inbox, system, attempts, first_ms FROM outbox WHERE id = ?1")?
                .query_row([id.0], |row| {
                    let system: String = row.get("system")?;
                    Ok((
                        InboxId(row.get("inbox")?),
                        SystemName::new(&system),
                        row.get("attempts")?,
                        row.get("first_ms")?,
                    ))
                })?;
            let stamped = Stamped {
                system: Some(system),
                stage: Stage::Deliver,
                reason: reason.to_owned(),
                told: None,
                text,
                owed: Owed::Yes,
            };
            let owed = letters::make(connection, inbox, &stamped, (first_ms, now_ms, attempts))?;
            let_go(connection, inbox)?;
            Ok(owed)
        })
        .await
    }

    /// How much there is to deliver.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn backlog(&self) -> Result<Backlog, StoreError> {
        self.run(|connection| {
            connection.query_row(
                "SELECT (SELECT COUNT(*) FROM outbox WHERE state = 'due') AS due,
                 (SELECT COUNT(*) FROM letter WHERE owed = 1 AND state = 'open') AS dead",
                [],
                |row| {
                    let count = |value: i64| u64::try_from(value).unwrap_or(0);
                    Ok(Backlog { due: count(row.get("due")?), dead: count(row.get("dead")?) })
                },
            )
        })
        .await
    }
}

fn due_of(id: OutboxId, row: &Row<'_>) -> rusqlite::Result<Due> {
    let system: String = row.get("system")?;
    let body: Vec<u8> = row.get("body")?;
    let raw: Option<Vec<u8>> = row.get("raw")?;
    let (listener, source, control_id) = (row.get("listener")?, row.get("source")?, row.get("control_id")?);
    let held: String = row.get("held")?;
    let former: Option<Vec<u8>> = row.get("former")?;
    let departed = Departed::of(row.get("former_departed")?);
    Ok(Due {
        id,
        parcel: Parcel {
            system: SystemName::new(&system),
            person: row.get("person")?,
            bundle: row.get("bundle")?,
            body: body.into(),
            intent: row.get("intent")?,
        },
        original: raw.map_or(Original::Lost, |raw| Original::Held { listener, source, control_id, raw }),
        attempts: row.get("attempts")?,
        first_ms: row.get("first_ms")?,
        held: held.split_whitespace().map(str::to_owned).collect(),
        held_ms: row.get("held_ms")?,
        anew: row.get("anew")?,
        former: former.map(|intent| Former { intent, departed }),
        leaves: None,
    })
}

/// A dead letter that is about to go on its way again.
pub struct Replayed {
    /// The letter.
    pub letter: LetterId,
    /// Its message.
    pub inbox: InboxId,
    /// What takes the place of its text.
    pub mended: Option<Vec<u8>>,
    /// Who wants it so.
    pub errand: ErrandId,
    /// The entry of the ledger that says so.
    pub receipt: String,
}

impl std::fmt::Debug for Replayed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Replayed({:?})", self.letter)
    }
}

impl std::fmt::Debug for Parcel {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Parcel(to {}, {} bytes)", self.system, self.body.len())
    }
}

impl std::fmt::Debug for Original {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Held { raw, .. } => write!(out, "Held({} bytes)", raw.len()),
            Self::Lost => out.write_str("Lost"),
        }
    }
}

impl std::fmt::Debug for Due {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Due({:?}, {:?}, attempts {})", self.id, self.parcel, self.attempts)
    }
}
