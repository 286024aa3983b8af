//! Where something stood in a file that is not read to its end yet. Such a file is read again, from its beginning: what
//! was dealt with must be known as itself then, although later rows of the same file said something else since.

use rusqlite::{Connection, OptionalExtension, params};

use super::inbox::InboxId;
use super::store::{Store, StoreError};

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stood {
    /// The file: the same name is the same file.
    pub file: String,
    /// Which of its records it is, counted from 1.
    pub nth: u64,
    /// What it means that the same file comes again.
    pub again: Again,
}

/// What it means that the same file comes again before all of it was dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It lies there still, and says nothing anew.
    Reread,
    /// It is sent anew, and says what it says after all that came between.
    Resent,
}

impl Stood {
    fn nth(&self) -> i64 {
        i64::try_from(self.nth).unwrap_or(i64::MAX)
    }

    /// The id of the record that stood here and said the same, when it is known by that.
    pub(in crate::push) fn known(
        &self,
        connection: &Connection,
        (hash, newest): (&[u8; 32], Option<InboxId>),
    ) -> rusqlite::Result<Option<String>> {
        let known: Option<String> = connection
            .prepare_cached(
                "SELECT control_id FROM file_row JOIN inbox ON inbox.id = file_row.inbox
                 WHERE file = ?1 AND nth = ?2 AND hash = ?3",
            )?
            .query_row(params![self.file, self.nth(), hash.as_slice()], |row| row.get("control_id"))
            .optional()?;
        let Some(known) = known else { return Ok(None) };
        let counts = match self.again {
            Again::Reread => true,
            // What came last for its key came of this file, here or further down.
            Again::Resent => connection
                .prepare_cached("SELECT 1 FROM file_row WHERE file = ?1 AND inbox = ?2 AND nth >= ?3")?
                .exists(params![self.file, newest.map(|id| id.0), self.nth()])?,
        };
        Ok(counts.then_some(known))
    }

    /// Notes what stood here; nothing for what has no place in the inbox.
    pub(in crate::push) fn note(
        &self,
        connection: &Connection,
        inbox: Option<InboxId>,
        now_ms: i64,
    ) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO file_row (file, nth, inbox, at_ms) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![self.file, self.nth(), inbox.map(|id| id.0), now_ms])
            .map(drop)
    }
}

impl Store {
    /// Whether what stood here is a letter already, and had no place in the inbox.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(in crate::push) async fn is_kept(&self, stood: Stood) -> Result<bool, StoreError> {
        self.look(move |connection| {
            connection
                .prepare_cached("SELECT 1 FROM file_row WHERE file = ?1 AND nth = ?2 AND inbox IS NULL")?
                .exists(params![stood.file, stood.nth()])
        })
        .await
    }

    /// Forgets where in a file things stood: all of it was dealt with.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(in crate::push) async fn file_done(&self, file: String) -> Result<(), StoreError> {
        self.run(move |connection| {
            connection.prepare_cached("DELETE FROM file_row WHERE file = ?1")?.execute([file]).map(drop)
        })
        .await
    }
}
