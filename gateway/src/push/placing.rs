//! Parcels put into the outbox, with the answer to their message.

use std::time::Instant;

use rusqlite::{named_params, params};

use super::counts::Counted;
use super::express::{AtOnce, Begun};
use super::inbox::{Answer, InboxId, Place, let_go, settle};
use super::intake::{Intake, Taken};
use super::intent::Departed;
use super::letters;
use super::outbox::{Due, Original, OutboxId, Parcel};
use super::stamped::Stamped;
use super::store::{Store, StoreError};

impl Store {
    /// Puts parcels into the outbox and notes the message's answer, as one; for the systems that get nothing there are dead
    /// letters. The message stays until the parcels are gone. Says how many letters are owed now that were not before.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing may be acknowledged.
    pub async fn accept(
        &self,
        place: impl Into<Place>,
        parcels: Vec<Parcel>,
        noted: (Answer, Vec<Stamped>),
        now_ms: i64,
    ) -> Result<u64, StoreError> {
        self.accept_at_once(place.into(), (parcels, None), noted, now_ms).await.map(|(owed, _)| owed)
    }

    /// The same. With `at_once`, for a message that came just now, each parcel that nothing is before and whose ruling is of
    /// this moment is begun in the same transaction: once this returns it may leave.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing may be acknowledged, and nothing may leave.
    pub(in crate::push) async fn accept_at_once(
        &self,
        place: Place,
        (parcels, at_once): (Vec<Parcel>, Option<AtOnce>),
        (answer, stamped): (Answer, Vec<Stamped>),
        now_ms: i64,
    ) -> Result<(u64, Vec<Begun>), StoreError> {
        self.run(move |connection| {
            let id = place.stored(connection)?;
            let (waiting, begun) = put(connection, id, (parcels, at_once), now_ms)?;
            letters::answered(connection, id, now_ms)?;
            let owed = letters::make_all(connection, id, &stamped, now_ms)?;
            settle(connection, id, &answer)?;
            // Each attempt to deliver is decided by its text.
            if waiting == 0 {
                let_go(connection, id)?;
            }
            Ok((owed, begun))
        })
        .await
    }
}

impl Intake {
    /// Puts what was cleared into the outbox, with the answer; what may leave at once leaves.
    pub(in crate::push) async fn put_on_its_way(
        &self,
        taken: &Taken,
        (place, came_now): (Place, bool),
        parcels: Vec<Parcel>,
        noted: (Answer, Vec<Stamped>),
    ) -> Result<(), StoreError> {
        let systems = parcels.iter().map(|parcel| &parcel.system);
        let places = if came_now { self.express.places(systems) } else { None };
        let at_once = places.is_some().then(|| AtOnce {
            fresh: self.fresh.clone(),
            original: taken.original(),
            express: self.express.clone(),
        });
        let (count, noted_letters) = (parcels.len(), !noted.1.is_empty());
        let accepted =
            self.store.accept_at_once(place, (parcels.clone(), at_once), noted, self.now_ms()).await;
        let (owed, begun) = match accepted {
            Ok(accepted) => accepted,
            Err(fault) => {
                self.not_released(&parcels, "not-stored").await;
                self.counts.add(Counted::Failed);
                return Err(fault);
            }
        };
        self.counts.add_many(Counted::Dead, owed);
        if begun.len() < count || noted_letters {
            self.wake.notify_one();
        }
        if let Some(places) = places {
            places.carry(begun);
        }
        Ok(())
    }
}

impl Taken {
    /// The message, as the outbox knows it.
    fn original(&self) -> Original {
        Original::Held {
            listener: self.sender.listener.clone(),
            source: self.outside.source.clone(),
            control_id: self.outside.control_id.clone(),
            raw: self.raw.clone(),
        }
    }
}

/// Puts parcels into the outbox. One that was given up waits anew; one that is on its way, or arrived, stays as it is. Says how
/// many wait now that did not before, and yields those that are begun with this.
pub(in crate::push) fn put(
    connection: &rusqlite::Connection,
    id: InboxId,
    (parcels, at_once): (Vec<Parcel>, Option<AtOnce>),
    now_ms: i64,
) -> rusqlite::Result<(usize, Vec<Begun>)> {
    let (mut waiting, mut begun) = (0, Vec::new());
    let mut insert = connection.prepare_cached(
        "INSERT INTO outbox (inbox, system, person, bundle, body, intent, first_ms, due_ms, attempts, departed)
         VALUES (:inbox, :system, :person, :bundle, :body, :intent, :now, :now, :leaves, :leaves)
         ON CONFLICT (inbox, system) DO UPDATE SET person = :person, bundle = :bundle, body = :body, intent = :intent,
            attempts = 0, first_ms = :now, due_ms = :now, state = 'due', reason = NULL, departed = 0, held = '',
            held_ms = NULL, anew = NULL WHERE state IN ('dead', 'closed')",
    )?;
    for parcel in parcels {
        let leaves = match &at_once {
            Some(at_once) if !waits(connection, parcel.system.as_str(), &parcel.person)? => {
                Some(at_once).filter(|at_once| at_once.fresh.stands(&parcel.intent, Instant::now()))
            }
            Some(_) | None => None,
        };
        waiting += insert.execute(named_params! {
            ":inbox": id.0,
            ":system": parcel.system.as_str(),
            ":person": parcel.person,
            ":bundle": parcel.bundle,
            ":body": parcel.body.as_ref(),
            ":intent": parcel.intent,
            ":now": now_ms,
            ":leaves": leaves.is_some(),
        })?;
        if let Some(AtOnce { original, express, .. }) = leaves {
            begun.push(express.begun(Due {
                id: OutboxId(connection.last_insert_rowid()),
                parcel,
                original: original.clone(),
                attempts: 0,
                first_ms: now_ms,
                held: Vec::new(),
                held_ms: None,
                anew: None,
                former: None,
                leaves: Some(Departed::No),
            }));
        }
    }
    Ok((waiting, begun))
}

/// Whether a parcel of that person waits for that system, or is under way.
pub(in crate::push) fn waits(
    connection: &rusqlite::Connection,
    system: &str,
    person: &str,
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT 1 FROM outbox INDEXED BY outbox_due WHERE state = 'due' AND system = ?1 AND person = ?2",
        )?
        .exists(params![system, person])
}
