//! Records have no ids of their own: each has a key, and what came last for that is known. A record that returns to what
//! it said before is news, and one that was refused is asked about anew: the reason may have passed.

use rusqlite::{Connection, OptionalExtension, params};

use super::form::Outside;
use super::inbox::{InboxId, Place};
use super::intake::{Intake, Taken};
use super::stood::Stood;
use super::store::{Store, StoreError};
use crate::person::SystemName;

/// What a file of an earlier build lacks. Which key its records have was not noted there: they may come once more.
pub(in crate::push) const SINCE: &str = "BEGIN IMMEDIATE; ALTER TABLE inbox ADD COLUMN row_key TEXT; COMMIT;";
/// Finds what came last for a key.
pub(in crate::push) const INDEX: &str =
    "CREATE INDEX IF NOT EXISTS inbox_row ON inbox (source, row_key, id) WHERE row_key IS NOT NULL";

/// A record that came.
struct Row {
    source: String,
    key: String,
    /// What it is called when nothing has that name.
    control_id: String,
    hash: [u8; 32],
    raw: Vec<u8>,
    stood: Option<Stood>,
    now_ms: i64,
}

/// The ids beside `control_id`: what returns has an id of its own each time.
fn names(control_id: &str) -> impl Iterator<Item = String> + '_ {
    let later = (2_u32..).map(move |number| format!("{control_id}.{number}"));
    std::iter::once(control_id.to_owned()).chain(later)
}

impl Store {
    /// The id under which a record is, or is about to be, in the inbox. What came last for its key and was refused is
    /// open again with this, unless it is read a second time only.
    async fn name_row(&self, row: Row) -> Result<String, StoreError> {
        self.run(move |connection| {
            let last = connection
                .prepare_cached(
                    "SELECT id, control_id, hash, answer FROM inbox WHERE source = ?1 AND row_key = ?2
                     ORDER BY id DESC LIMIT 1",
                )?
                .query_row(params![row.source, row.key], |last| {
                    Ok((
                        last.get::<_, i64>("id")?,
                        last.get::<_, String>("control_id")?,
                        last.get::<_, Vec<u8>>("hash")?,
                        last.get::<_, Option<String>>("answer")?,
                    ))
                })
                .optional()?;
            let newest = last.as_ref().map(|(id, ..)| InboxId(*id));
            if let Some(stood) = &row.stood
                && let Some(control_id) = stood.known(connection, (&row.hash, newest))?
            {
                return Ok(control_id);
            }
            match last {
                Some((id, control_id, hash, answer)) if hash == row.hash => {
                    if answer.is_some_and(|answer| answer != "AA") {
                        reopen(connection, id, &row)?;
                    }
                    Ok(control_id)
                }
                Some(_) | None => unused(connection, &row),
            }
        })
        .await
    }
}

fn reopen(connection: &Connection, id: i64, row: &Row) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE inbox SET answer = NULL, problem = NULL, raw = ?2, received_ms = ?3 WHERE id = ?1",
        )?
        .execute(params![id, row.raw, row.now_ms])
        .map(drop)
}

/// An id that nothing bears.
fn unused(connection: &Connection, row: &Row) -> rusqlite::Result<String> {
    let mut taken = connection.prepare_cached("SELECT 1 FROM inbox WHERE source = ?1 AND control_id = ?2")?;
    for name in names(&row.control_id) {
        if !taken.exists(params![row.source, name])? {
            return Ok(name);
        }
    }
    Err(rusqlite::Error::QueryReturnedNoRows)
}

impl Intake {
    /// Gives a record the id under which it is in the inbox. Everything else has one of its own.
    pub(in crate::push) async fn name(&self, taken: &mut Taken) -> Result<(), StoreError> {
        let Outside { source, control_id, key: Some(key), hash, .. } = &taken.outside else { return Ok(()) };
        let row = Row {
            source: source.clone(),
            key: key.clone(),
            control_id: control_id.clone(),
            hash: *hash,
            raw: taken.raw.clone(),
            stood: taken.stood.clone(),
            now_ms: self.now_ms(),
        };
        let name = self.store.name_row(row).await?;
        taken.exchange.follows = Some(name.clone());
        taken.outside.control_id = name;
        Ok(())
    }

    /// The systems that have nothing of a message yet: a record that is asked about anew may have reached some.
    pub(in crate::push) async fn still_without(
        &self,
        place: &Place,
        taken: &Taken,
    ) -> Result<Vec<SystemName>, StoreError> {
        let mut to = taken.sender.to.clone();
        if let (Some(_), Place::In(id)) = (&taken.outside.key, place) {
            let reached = self.store.receivers_of(*id).await?;
            to.retain(|system| !reached.contains(system));
        }
        Ok(to)
    }
}
