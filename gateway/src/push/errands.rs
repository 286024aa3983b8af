//! Errands: what an operator wants done with a dead letter, left in the store for the gateway that runs on it.
//!
//! A command and a running gateway share nothing but this table. Who asks writes an errand; the gateway takes it, records
//! it, carries it out and notes what came of it. One that nobody has taken yet can be withdrawn. An errand that was taken
//! when the gateway stopped is carried out again: each has the effect of doing it once.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::letters::LetterId;
use super::store::{Store, StoreError};

/// The place of an errand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrandId(pub(in crate::push) i64);

/// What is wanted of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Its content is to be looked at.
    Show,
    /// It is to go on its way again, as it came or mended.
    Replay,
    /// Somebody has seen to it otherwise.
    Close,
}

/// Something to be done.
#[derive(Clone)]
pub struct Errand {
    /// Its place.
    pub id: ErrandId,
    /// The letter.
    pub letter: LetterId,
    /// What is wanted of it.
    pub what: What,
    /// Who wants it: the name given.
    pub by: String,
    /// The account of the machine that it was asked from.
    pub account: String,
    /// Why, in words.
    pub reason: String,
    /// What is to go in the place of its text.
    pub mended: Option<Vec<u8>>,
    /// When it was asked, in milliseconds since 1970.
    pub asked_ms: i64,
}

/// What is known of an errand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Nobody has taken it yet.
    Waiting,
    /// It is being carried out.
    Taken,
    /// It is over.
    Done(Done),
}

/// How an errand ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It was carried out, and recorded under this receipt.
    Well(String),
    /// The text of this digest may be shown: that is recorded under this receipt, for those whom that text names.
    Shown {
        /// The receipt.
        receipt: String,
        /// SHA-256 of the text, in hexadecimal digits.
        digest: String,
    },
    /// It was recorded, and came to nothing: the name of the reason.
    InVain(String),
    /// It could not be done now; asking again may help.
    NotNow(String),
    /// It cannot be done with this letter.
    Cannot(String),
}

impl Store {
    /// Leaves an errand.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was left.
    pub async fn ask(&self, errand: Errand) -> Result<ErrandId, StoreError> {
        self.run(move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO errand (letter, what, by_whom, account, reason, mended, asked_ms)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    errand.letter.0,
                    errand.what.name(),
                    errand.by,
                    errand.account,
                    errand.reason,
                    errand.mended,
                    errand.asked_ms
                ])?;
            Ok(ErrandId(connection.last_insert_rowid()))
        })
        .await
    }

    /// The oldest errand that is not over, which is taken with this.
    ///
    /// # Errors
    /// [`StoreError`]; then it is not taken.
    pub async fn take_errand(&self) -> Result<Option<Errand>, StoreError> {
        self.run(|connection| {
            let errand = connection
                .prepare_cached("SELECT * FROM errand WHERE state <> 'done' ORDER BY id LIMIT 1")?
                .query_row([], errand)
                .optional()?;
            if let Some(errand) = &errand {
                connection
                    .prepare_cached("UPDATE errand SET state = 'taken' WHERE id = ?1")?
                    .execute([errand.id.0])?;
            }
            Ok(errand)
        })
        .await
    }

    /// What is known of an errand; nothing when there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn progress(&self, id: ErrandId) -> Result<Option<Progress>, StoreError> {
        self.look(move |connection| {
            connection
                .prepare_cached("SELECT state, ended, told FROM errand WHERE id = ?1")?
                .query_row([id.0], |row| {
                    let state: String = row.get("state")?;
                    let (ended, told): (Option<String>, Option<String>) =
                        (row.get("ended")?, row.get("told")?);
                    Ok(match state.as_str() {
                        "open" => Progress::Waiting,
                        "done" => {
                            Progress::Done(Done::read(&ended.unwrap_or_default(), told.unwrap_or_default()))
                        }
                        _ => Progress::Taken,
                    })
                })
                .optional()
        })
        .await
    }

    /// Takes an errand back that nobody has taken; says whether it was one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn withdraw(&self, id: ErrandId) -> Result<bool, StoreError> {
        self.run(move |connection| {
            let changed = connection
                .prepare_cached("DELETE FROM errand WHERE id = ?1 AND state = 'open'")?
                .execute([id.0])?;
            Ok(changed == 1)
        })
        .await
    }

    /// Notes how an errand ended. What was to be put in is no longer needed then.
    ///
    /// # Errors
    /// [`StoreError`]; it is carried out again then.
    pub async fn errand_done(&self, id: ErrandId, done: Done) -> Result<(), StoreError> {
        self.run(move |connection| end(connection, id, &done)).await
    }

    /// Errands that wait, by the letters they are about.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn waiting_errands(&self) -> Result<Vec<(LetterId, What)>, StoreError> {
        self.run(|connection| {
            let mut waiting = connection
                .prepare_cached("SELECT letter, what FROM errand WHERE state <> 'done' ORDER BY id")?;
            let rows = waiting.query_map([], |row| {
                let what: String = row.get("what")?;
                Ok((LetterId(row.get("letter")?), What::of(&what)))
            })?;
            rows.collect()
        })
        .await
    }
}

/// Writes down how an errand ended.
pub(in crate::push) fn end(connection: &Connection, id: ErrandId, done: &Done) -> rusqlite::Result<()> {
    let (ended, told) = done.written();
    connection
        .prepare_cached(
            "UPDATE errand SET state = 'done', ended = ?2, told = ?3, mended = NULL WHERE id = ?1",
        )?
        .execute(params![id.0, ended, told])
        .map(drop)
}

fn errand(row: &Row<'_>) -> rusqlite::Result<Errand> {
    let what: String = row.get("what")?;
    Ok(Errand {
        id: ErrandId(row.get("id")?),
        letter: LetterId(row.get("letter")?),
        what: What::of(&what),
        by: row.get("by_whom")?,
        account: row.get("account")?,
        reason: row.get("reason")?,
        mended: row.get("mended")?,
        asked_ms: row.get("asked_ms")?,
    })
}

impl What {
    /// As it is written in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Show => "show",
            Self::Replay => "replay",
            Self::Close => "close",
        }
    }

    /// As it is recorded.
    #[must_use]
    pub const fn interaction(self) -> &'static str {
        match self {
            Self::Show => "inbox-show",
            Self::Replay => "inbox-replay",
            Self::Close => "inbox-close",
        }
    }

    fn of(name: &str) -> Self {
        // What is not known is the least that can be done, and is recorded.
        [Self::Replay, Self::Close].into_iter().find(|what| what.name() == name).unwrap_or(Self::Show)
    }
}

impl Done {
    fn written(&self) -> (&'static str, String) {
        match self {
            Self::Well(told) => ("well", told.clone()),
            Self::Shown { receipt, digest } => ("shown", format!("{receipt} {digest}")),
            Self::InVain(told) => ("in-vain", told.clone()),
            Self::NotNow(told) => ("not-now", told.clone()),
            Self::Cannot(told) => ("cannot", told.clone()),
        }
    }

    fn read(ended: &str, told: String) -> Self {
        match ended {
            "shown" => {
                let (receipt, digest) = told.split_once(' ').unwrap_or((&told, ""));
                Self::Shown { receipt: receipt.to_owned(), digest: digest.to_owned() }
            }
            "well" => Self::Well(told),
            "in-vain" => Self::InVain(told),
            "cannot" => Self::Cannot(told),
            _ => Self::NotNow(told),
        }
    }
}

impl std::fmt::Debug for Errand {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Errand({:?}, {:?}, {:?})", self.id, self.what, self.letter)
    }
}
