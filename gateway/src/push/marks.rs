//! What is noted of a parcel while it waits, so that its evidence stays true whenever the gateway stops.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::params;

use super::intent::Departed;
use super::outbox::{OutboxId, Parcel};
use super::store::{Store, StoreError};

/// An intent whose parcel was cut anew, and whose end is yet to be recorded.
#[derive(Clone)]
pub struct Former {
    /// The exchange of the intent, as JSON.
    pub intent: Vec<u8>,
    /// Whether its bytes may have arrived.
    pub departed: Departed,
}

/// Parcels that the store failed for: they are left alone for a while, ever longer.
#[derive(Debug, Default)]
pub struct Faults(Mutex<HashMap<OutboxId, Fault>>);

#[derive(Debug, Clone, Copy)]
struct Fault {
    count: u32,
    until_ms: i64,
}

impl Store {
    /// Notes that the bytes of a parcel are about to leave, and says whether they may have arrived before.
    ///
    /// # Errors
    /// [`StoreError`]; then they may not leave.
    pub async fn depart(&self, id: OutboxId) -> Result<Departed, StoreError> {
        self.run(move |connection| {
            let before = connection
                .prepare_cached("SELECT departed FROM outbox WHERE id = ?1")?
                .query_row([id.0], |row| row.get("departed").map(Departed::of))?;
            connection.prepare_cached("UPDATE outbox SET departed = 1 WHERE id = ?1")?.execute([id.0])?;
            Ok(before)
        })
        .await
    }

    /// Notes that the system said of the bytes of a parcel that it did not take them, or that they never left.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn came_back(&self, id: OutboxId) -> Result<(), StoreError> {
        self.change("UPDATE outbox SET departed = 0 WHERE id = ?1", id).await
    }

    /// The intent under which a parcel waits, and whether its bytes may have arrived.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn intent_of(&self, id: OutboxId) -> Result<(Vec<u8>, Departed), StoreError> {
        let Former { intent, departed } = self.run(move |connection| former(connection, id)).await?;
        Ok((intent, departed))
    }

    /// Notes that a parcel is held back by `reason`, which is recorded, and is tried again at `due_ms`.
    ///
    /// # Errors
    /// [`StoreError`]; the reason may be recorded again then.
    pub async fn hold(
        &self,
        id: OutboxId,
        reason: &'static str,
        now_ms: i64,
        due_ms: i64,
    ) -> Result<(), StoreError> {
        self.run(move |connection| {
            connection
                .prepare_cached(
                    "UPDATE outbox SET due_ms = ?3, reason = ?2, held_ms = COALESCE(held_ms, ?4),
                     held = CASE WHEN ' ' || held || ' ' LIKE '% ' || ?2 || ' %' THEN held ELSE TRIM(held || ' ' || ?2) END
                     WHERE id = ?1",
                )?
                .execute(params![id.0, reason, due_ms, now_ms])
                .map(drop)
        })
        .await
    }

    /// Notes the name under which the next intent for a parcel will be recorded, before it is.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing may be recorded under it.
    pub async fn name_anew(&self, id: OutboxId, request_id: String) -> Result<(), StoreError> {
        self.run(move |connection| {
            connection
                .prepare_cached("UPDATE outbox SET anew = ?2 WHERE id = ?1")?
                .execute(params![id.0, request_id])
                .map(drop)
        })
        .await
    }

    /// Notes that what was recorded under the name for a next intent is ended.
    ///
    /// # Errors
    /// [`StoreError`]; it may be ended again then.
    pub async fn unname(&self, id: OutboxId) -> Result<(), StoreError> {
        self.change("UPDATE outbox SET anew = NULL WHERE id = ?1", id).await
    }

    /// Puts what was cut anew of the same message in the place of a parcel that waits, and yields the earlier intent. The
    /// earlier bytes are gone then; the earlier intent is kept until its end is recorded.
    ///
    /// # Errors
    /// [`StoreError`]; the earlier parcel is there then, and may not go as it is.
    pub async fn replace(&self, id: OutboxId, parcel: Parcel) -> Result<Former, StoreError> {
        self.run(move |connection| {
            let former = former(connection, id)?;
            connection
                .prepare_cached(
                    "UPDATE outbox SET former = intent, former_departed = departed, departed = 0, anew = NULL,
                     bundle = ?2, body = ?3, intent = ?4 WHERE id = ?1",
                )?
                .execute(params![id.0, parcel.bundle, parcel.body.as_ref(), parcel.intent])?;
            Ok(former)
        })
        .await
    }

    /// Notes that the earlier intent of a parcel is ended.
    ///
    /// # Errors
    /// [`StoreError`]; it may be ended again then.
    pub async fn former_ended(&self, id: OutboxId) -> Result<(), StoreError> {
        self.change("UPDATE outbox SET former = NULL WHERE id = ?1", id).await
    }

    async fn change(&self, statement: &'static str, id: OutboxId) -> Result<(), StoreError> {
        self.run(move |connection| connection.prepare_cached(statement)?.execute([id.0]).map(drop)).await
    }
}

impl Faults {
    /// How many parcels are left alone.
    #[must_use]
    pub fn count(&self) -> usize {
        self.faults().len()
    }

    /// Whether a parcel is to be left alone now.
    #[must_use]
    pub fn rests(&self, id: OutboxId, now_ms: i64) -> bool {
        self.faults().get(&id).is_some_and(|fault| now_ms < fault.until_ms)
    }

    /// Leaves a parcel alone, for as long as `wait_ms` says after so many faults.
    pub fn add(&self, id: OutboxId, now_ms: i64, wait_ms: impl FnOnce(u32) -> i64) {
        let mut faults = self.faults();
        let count = faults.get(&id).map_or(0, |fault| fault.count);
        let until_ms = now_ms.saturating_add(wait_ms(count));
        faults.insert(id, Fault { count: count.saturating_add(1), until_ms });
    }

    /// The store works for a parcel again.
    pub fn clear(&self, id: OutboxId) {
        self.faults().remove(&id);
    }

    fn faults(&self) -> MutexGuard<'_, HashMap<OutboxId, Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The intent under which a parcel waits, as what it is once another takes its place.
fn former(connection: &rusqlite::Connection, id: OutboxId) -> rusqlite::Result<Former> {
    connection.prepare_cached("SELECT intent, departed FROM outbox WHERE id = ?1")?.query_row([id.0], |row| {
        Ok(Former { intent: row.get("intent")?, departed: Departed::of(row.get("departed")?) })
    })
}

impl std::fmt::Debug for Former {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Former({:?})", self.departed)
    }
}
