//! Dead letters: what could not be read, translated, decided or delivered, with the reason, until somebody sees to it.
//!
//! A letter holds no content of its own where the message is in the inbox: its text stays there while the letter is open
//! (see `super::inbox`), and goes at once when the person herself said no.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::anew::Wanted;
use super::errands::{self, Done, ErrandId};
use super::inbox::InboxId;
use super::outbox::Text;
use super::stamped::{Head, Stamped};
use super::store::{Store, StoreError};
use crate::person::SystemName;

/// The place of a dead letter. Later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterId(pub(in crate::push) i64);

/// A dead letter as it is listed: nothing of its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its place.
    pub id: LetterId,
    /// What it came to grief at.
    pub stage: Stage,
    /// The name of the reason, as in the ledger.
    pub reason: String,
    /// What the sender was told, or what is wrong with it, in words.
    pub told: Option<String>,
    /// Where in a file it stood.
    pub place: Option<String>,
    /// The organisation and application that sent it.
    pub source: String,
    /// The id of the message.
    pub control_id: String,
    /// The listener or route it came by.
    pub listener: String,
    /// The system that did not get it; none when nothing of it was decided for any.
    pub system: Option<SystemName>,
    /// When it came, in milliseconds since 1970.
    pub first_ms: i64,
    /// When it was tried last, in milliseconds since 1970.
    pub last_ms: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// What became of it.
    pub state: LetterState,
    /// How many bytes of it are kept; none when its text is gone.
    pub bytes: Option<u64>,
    /// Messages about the same person that came later and reached the same system since.
    pub overtaken_by: u32,
    /// Whether its sender has yet to hear of it.
    pub owed: Owed,
    /// Whom the message was meant for, when that was noted.
    pub(in crate::push) receivers: Option<String>,
}

/// Whether the sender of what became a letter has yet to hear of it: it will not come again by itself then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owed {
    /// It was told.
    No,
    /// It was told nothing, or that all is well.
    Yes,
}

/// What a letter came to grief at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It is no message, document or record.
    Read,
    /// Something else came under its id before.
    Repeat,
    /// It could not be translated.
    Translate,
    /// It may not be shared.
    Decide,
    /// It did not arrive.
    Deliver,
    /// The program failed at it time and again.
    Fault,
}

/// What became of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterState {
    /// Nobody has seen to it yet.
    Open,
    /// It was sent on its way again.
    Replayed,
    /// Somebody has seen to it otherwise.
    Closed,
}

/// What is needed to deal with a letter again.
#[derive(Clone)]
pub struct Opened {
    /// The letter.
    pub letter: Letter,
    /// The message in the inbox, when it is there.
    pub inbox: Option<InboxId>,
    /// Its text, while it is kept.
    pub raw: Option<Vec<u8>>,
    /// What a record is about.
    pub(in crate::push) row_key: Option<String>,
}

pub(in crate::push) const COLUMNS: &str = "letter.id AS id, stage, letter.reason AS reason, told, place, letter.source AS source,
    letter.control_id AS control_id, letter.listener AS listener, letter.system AS system, letter.first_ms AS first_ms,
    last_ms, letter.attempts AS attempts, letter.state AS state, letter.inbox AS inbox, owed, letter.receivers AS receivers,
    CASE WHEN text_gone = 0 THEN COALESCE(LENGTH(letter.raw), LENGTH(message.raw)) END AS bytes,
    (SELECT COUNT(*) FROM outbox AS mine JOIN outbox AS later ON later.person = mine.person AND later.system = mine.system
        AND later.id > mine.id AND later.state = 'delivered'
        WHERE mine.inbox = letter.inbox AND mine.system = letter.system) AS overtaken";
const TEXT: &str =
    "CASE WHEN text_gone = 0 THEN COALESCE(letter.raw, message.raw) END AS text, message.row_key AS row_key";
pub(in crate::push) const LETTERS: &str = "letter LEFT JOIN inbox AS message ON message.id = letter.inbox";

impl Store {
    /// A dead letter with its text.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn letter(&self, id: LetterId) -> Result<Option<Opened>, StoreError> {
        self.look(move |connection| {
            connection
                .prepare_cached(&format!("SELECT {COLUMNS}, {TEXT} FROM {LETTERS} WHERE letter.id = ?1"))?
                .query_row([id.0], opened)
                .optional()
        })
        .await
    }

    /// Keeps something that has no place in the inbox. The same again is the same letter, tried once more, and what somebody
    /// has seen to stays so. Says how many letters are owed now that were not before: one or none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep(
        &self,
        head: Head,
        stamped: Stamped,
        raw: Vec<u8>,
        now_ms: i64,
    ) -> Result<u64, StoreError> {
        self.run(move |connection| {
            let owed = |connection: &Connection| {
                let owed = "SELECT COUNT(*) FROM letter WHERE source = ?1 AND control_id = ?2 AND hash = ?3
                    AND inbox IS NULL AND owed = 1 AND state = 'open'";
                let key = params![head.source, head.control_id, head.hash.as_slice()];
                connection.prepare_cached(owed)?.query_row(key, |row| row.get::<_, u32>(0)).map(u64::from)
            };
            let before = owed(connection)?;
            connection
                .prepare_cached(
                    "INSERT INTO letter (stage, reason, told, place, source, control_id, hash, listener, receivers, owed, raw,
                        first_ms, last_ms)
                     VALUES (:stage, :reason, :told, :place, :source, :control_id, :hash, :listener, :receivers, :owed, :raw,
                        :now, :now)
                     ON CONFLICT (source, control_id, hash) WHERE inbox IS NULL DO UPDATE SET
                     reason = :reason, told = :told, last_ms = :now, attempts = attempts + 1, owed = MAX(owed, :owed),
                     text_gone = CASE state WHEN 'open' THEN 0 ELSE text_gone END,
                     raw = CASE state WHEN 'open' THEN :raw ELSE raw END",
                )?
                .execute(named_params! {
                    ":stage": stamped.stage.name(), ":reason": stamped.reason, ":told": stamped.told,
                    ":place": head.place, ":source": head.source, ":control_id": head.control_id,
                    ":hash": head.hash.as_slice(), ":listener": head.listener, ":receivers": head.receivers,
                    ":owed": stamped.owed == Owed::Yes, ":raw": raw, ":now": now_ms,
                })?;
            if let Some(stood) = &head.stood {
                stood.note(connection, None, now_ms)?;
            }
            Ok(owed(connection)?.saturating_sub(before))
        })
        .await
    }

    /// Notes that a letter was tried again in vain. Of what was acknowledged it stays the letter that it was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tried_in_vain(&self, id: LetterId, stamped: Stamped, now_ms: i64) -> Result<(), StoreError> {
        self.run(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE letter SET stage = CASE WHEN stage IN ('deliver', 'fault') THEN stage ELSE ?2 END, reason = ?3, told = ?4, last_ms = ?5, attempts = attempts + 1,
                     text_gone = MAX(text_gone, ?6), raw = CASE WHEN ?6 THEN NULL ELSE raw END WHERE id = ?1",
                )?
                .execute(params![
                    id.0,
                    stamped.stage.name(),
                    stamped.reason,
                    stamped.told,
                    now_ms,
                    stamped.text == Text::Gone
                ])?;
            let_go_of(connection, id)
        })
        .await
    }

    /// Notes that what a letter held has come in anew, as the errand wanted it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn supersede(
        &self,
        id: LetterId,
        (errand, receipt): (ErrandId, String),
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.run(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE letter SET state = 'replayed', raw = NULL, last_ms = ?2, attempts = attempts + 1 WHERE id = ?1",
                )?
                .execute(params![id.0, now_ms])?;
            end_parcel(connection, id)?;
            errands::end(connection, errand, &Done::Well(receipt))?;
            let_go_of(connection, id)
        })
        .await
    }

    /// The systems for which something of a message is on its way, or arrived.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn receivers_of(&self, inbox: InboxId) -> Result<Vec<SystemName>, StoreError> {
        self.run(move |connection| {
            let mut found = connection.prepare_cached(
                "SELECT system FROM outbox WHERE inbox = ?1 AND state IN ('due', 'delivered')",
            )?;
            let rows = found.query_map([inbox.0], |row| row.get::<_, String>("system"))?;
            rows.map(|system| system.map(|system| SystemName::new(&system))).collect()
        })
        .await
    }

    /// Whether something of a message is still on its way.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_waiting(&self, inbox: InboxId) -> Result<bool, StoreError> {
        self.look(move |connection| {
            connection
                .prepare_cached("SELECT 1 FROM outbox WHERE inbox = ?1 AND state = 'due'")?
                .exists([inbox.0])
        })
        .await
    }

    /// Notes that somebody has seen to a letter otherwise. Its text goes, and what is left of its parcel.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn close_letter(&self, id: LetterId, now_ms: i64) -> Result<(), StoreError> {
        self.run(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE letter SET state = 'closed', raw = NULL, last_ms = ?2 WHERE id = ?1 AND state = 'open'",
                )?
                .execute(params![id.0, now_ms])?;
            end_parcel(connection, id)?;
            // What was taken over and never answered is answered by this.
            connection
                .prepare_cached(
                    "UPDATE inbox SET answer = 'AE', problem = '207 seen to by an operator'
                     WHERE answer IS NULL AND id IN (SELECT inbox FROM letter WHERE id = ?1)",
                )?
                .execute([id.0])?;
            let_go_of(connection, id)
        })
        .await
    }
}

/// Which letters are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those nobody has seen to.
    Open,
    /// All that are remembered.
    All,
}

/// Makes the letter of a message that is in the inbox, or opens the one there is; what somebody closed for this very reason
/// stays closed. Says how many letters are owed now that were not before: one or none.
pub(in crate::push) fn make(
    connection: &Connection,
    inbox: InboxId,
    stamped: &Stamped,
    (first_ms, now_ms, attempts): (i64, i64, u32),
) -> rusqlite::Result<u64> {
    let system = stamped.system.as_ref().map(SystemName::as_str);
    let owed = || {
        let owed = "SELECT COUNT(*) FROM letter WHERE inbox = ?1 AND COALESCE(system, '') = ?2 AND owed = 1 AND state = 'open'";
        let key = params![inbox.0, system.unwrap_or_default()];
        connection.prepare_cached(owed)?.query_row(key, |row| row.get::<_, u32>(0)).map(u64::from)
    };
    let before = owed()?;
    connection
        .prepare_cached(
            "INSERT INTO letter (inbox, system, stage, reason, told, source, control_id, hash, listener, receivers, owed, text_gone,
                first_ms, last_ms, attempts)
             SELECT id, :system, :stage, :reason, :told, source, control_id, hash, listener, receivers, :owed, :gone OR raw IS NULL,
                :first, :now, :attempts FROM inbox WHERE id = :inbox
             ON CONFLICT (inbox, COALESCE(system, '')) WHERE inbox IS NOT NULL DO UPDATE SET stage = :stage, reason = :reason,
             told = :told, last_ms = :now, attempts = letter.attempts + :attempts, text_gone = excluded.text_gone,
             owed = CASE WHEN :gone THEN :owed ELSE MAX(owed, :owed) END,
             state = CASE WHEN state = 'closed' AND stage = :stage AND reason = :reason AND told IS :told
                AND hash = excluded.hash THEN 'closed' ELSE 'open' END",
        )?
        .execute(named_params! {
            ":inbox": inbox.0, ":system": system,
            ":stage": stamped.stage.name(), ":reason": stamped.reason, ":told": stamped.told,
            ":gone": stamped.text == Text::Gone, ":owed": stamped.owed == Owed::Yes, ":first": first_ms, ":now": now_ms, ":attempts": attempts,
        })?;
    Ok(owed()?.saturating_sub(before))
}

/// Makes the letters of a message, and says how many are owed now that were not before.
pub(in crate::push) fn make_all(
    connection: &Connection,
    inbox: InboxId,
    stamped: &[Stamped],
    now_ms: i64,
) -> rusqlite::Result<u64> {
    stamped
        .iter()
        .try_fold(0, |owed, stamped| Ok(owed + make(connection, inbox, stamped, (now_ms, now_ms, 1))?))
}

/// Notes that a message at which the program failed is answered now.
pub(in crate::push) fn found_out(
    connection: &Connection,
    inbox: InboxId,
    now_ms: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE letter SET state = 'replayed', last_ms = ?2 WHERE inbox = ?1 AND stage = 'fault' AND state = 'open'",
        )?
        .execute(params![inbox.0, now_ms])
        .map(drop)
}

/// Notes that what letters of a message were about is on its way.
pub(in crate::push) fn answered(
    connection: &Connection,
    inbox: InboxId,
    now_ms: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE letter SET state = 'replayed', last_ms = ?2, attempts = attempts + 1 WHERE inbox = ?1 AND state = 'open'
             AND (system IS NULL OR system IN (SELECT system FROM outbox WHERE outbox.inbox = ?1
                 AND outbox.state IN ('due', 'delivered')))",
        )?
        .execute(params![inbox.0, now_ms])
        .map(drop)
}

/// Nothing more comes of the parcel of a letter.
fn end_parcel(connection: &Connection, id: LetterId) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE outbox SET state = 'closed', body = NULL WHERE state = 'dead'
             AND (inbox, system) IN (SELECT inbox, system FROM letter WHERE id = ?1)",
        )?
        .execute([id.0])
        .map(drop)
}

/// Lets go of the text of the message of a letter, when nothing else needs it.
fn let_go_of(connection: &Connection, id: LetterId) -> rusqlite::Result<()> {
    let message: Option<i64> = connection
        .prepare_cached("SELECT inbox FROM letter WHERE id = ?1")?
        .query_row([id.0], |row| row.get("inbox"))?;
    message.map_or(Ok(()), |message| super::inbox::let_go(connection, InboxId(message)))
}

/// A letter as it is listed.
pub(in crate::push) fn letter(row: &Row<'_>) -> rusqlite::Result<Letter> {
    let stage: String = row.get("stage")?;
    let state: String = row.get("state")?;
    let system: Option<String> = row.get("system")?;
    let bytes: Option<i64> = row.get("bytes")?;
    Ok(Letter {
        id: LetterId(row.get("id")?),
        stage: Stage::of(&stage),
        reason: row.get("reason")?,
        told: row.get("told")?,
        place: row.get("place")?,
        source: row.get("source")?,
        control_id: row.get("control_id")?,
        listener: row.get("listener")?,
        system: system.as_deref().map(SystemName::new),
        first_ms: row.get("first_ms")?,
        last_ms: row.get("last_ms")?,
        attempts: row.get("attempts")?,
        state: LetterState::of(&state),
        bytes: bytes.map(|bytes| u64::try_from(bytes).unwrap_or(0)),
        overtaken_by: row.get("overtaken")?,
        owed: if row.get("owed")? { Owed::Yes } else { Owed::No },
        receivers: row.get("receivers")?,
    })
}

fn opened(row: &Row<'_>) -> rusqlite::Result<Opened> {
    let inbox: Option<i64> = row.get("inbox")?;
    Ok(Opened {
        letter: letter(row)?,
        inbox: inbox.map(InboxId),
        raw: row.get("text")?,
        row_key: row.get("row_key")?,
    })
}

impl Letter {
    /// Where the message is wanted.
    pub(in crate::push) fn wanted(&self) -> Wanted<'_> {
        self.system.as_ref().map_or(Wanted::All(self.receivers.as_deref()), Wanted::System)
    }
}

impl LetterId {
    /// The number by which people name it.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }
}

impl From<i64> for LetterId {
    fn from(number: i64) -> Self {
        Self(number)
    }
}

impl Stage {
    /// As it is written in the store and told.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Repeat => "repeat",
            Self::Translate => "translate",
            Self::Decide => "decide",
            Self::Deliver => "deliver",
            Self::Fault => "fault",
        }
    }

    fn of(name: &str) -> Self {
        [Self::Read, Self::Repeat, Self::Translate, Self::Decide, Self::Deliver]
            .into_iter()
            .find(|stage| stage.name() == name)
            .unwrap_or(Self::Fault)
    }
}

impl LetterState {
    /// As it is written in the store and told.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Replayed => "replayed",
            Self::Closed => "closed",
        }
    }

    fn of(name: &str) -> Self {
        [Self::Replayed, Self::Closed].into_iter().find(|state| state.name() == name).unwrap_or(Self::Open)
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Opened({:?})", self.letter.id)
    }
}
