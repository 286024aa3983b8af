//! The registry of Consents: SQLite in the state folder, every version kept, nothing ever deleted.
//!
//! A write is acknowledged once it would survive a power cut, and only after the person's epoch has moved: whoever reads
//! the epoch after that acknowledgement sees that a decision made before is out of date. Reads and writes run on
//! blocking threads, a bounded number at once. What stands for a person is kept in memory beside the epoch it was read
//! under, and counts only while that epoch is hers: this process alone writes the registry.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use fhir::json::{self, Limits};
use fhir::nhs_number::NhsNumber;
use fhir::reference::Id;
use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::ConsentFault;
use super::compile::{self, Reading};
use super::kept::Shards;
use super::provision::Provisioned;
use super::store;
use super::validate::ValidConsent;
use crate::enforce::unfiltered::Unfiltered;
use crate::hex::hex;
use crate::person::PersonKey;

/// The file in the state folder.
const FILE: &str = "consents.sqlite";
/// Connections that read at once.
const READERS: usize = 4;
/// Callers that wait or work at once; more are told to try again.
const CALLERS_MAX: usize = 512;

/// Where the gateway's own Consents live.
#[derive(Debug, Clone)]
pub struct ConsentRegistry {
    inner: Arc<Inner>,
}

struct Inner {
    base: String,
    writer: Mutex<Connection>,
    readers: Vec<Mutex<Connection>>,
    next: AtomicUsize,
    shards: Shards,
    callers: Arc<Semaphore>,
}

/// A person and her active choices, whenever they hold.
type ActiveOf = (PersonKey, Arc<[Provisioned]>);

/// One version of a Consent as it is stored.
#[derive(Debug)]
pub struct Stored {
    /// Its id.
    pub id: Id,
    /// Which version this is, from 1.
    pub version: u32,
    /// Whose choice it is.
    pub person: NhsNumber,
    /// Its status.
    pub status: String,
    /// When this version was written.
    pub recorded_at: Timestamp,
    /// The resource, `id` and `meta` included.
    pub body: Unfiltered<Bytes>,
}

impl ConsentRegistry {
    /// Opens the registry in `folder`, or makes one. `base` is that of the gateway. Blocks.
    ///
    /// # Errors
    /// [`ConsentFault::Store`].
    pub fn open(folder: &Path, base: &str) -> Result<Self, ConsentFault> {
        let path = folder.join(FILE);
        let writer = store::open_writer(&path)?;
        let readers =
            (0..READERS).map(|_| store::open_reader(&path).map(Mutex::new)).collect::<Result<_, _>>()?;
        Ok(Self {
            inner: Arc::new(Inner {
                base: base.to_owned(),
                writer: Mutex::new(writer),
                readers,
                next: AtomicUsize::new(0),
                shards: Shards::new(),
                callers: Arc::new(Semaphore::new(CALLERS_MAX)),
            }),
        })
    }

    /// Stores a new Consent. `Ok` only once it would survive a power cut.
    ///
    /// # Errors
    /// [`ConsentFault`]; nothing is stored then, or it is not known.
    pub async fn create(&self, consent: ValidConsent, now: Timestamp) -> Result<Stored, ConsentFault> {
        self.run(move |inner| {
            let id = random_id()?;
            inner.write(consent.person(), |connection| store::create(connection, &id, &consent, now))
        })
        .await
    }

    /// Stores a new version of a Consent whose current version is `if_match`. `Ok` only once it would survive a power cut.
    ///
    /// # Errors
    /// [`ConsentFault::NotFound`], [`ConsentFault::OtherVersion`], [`ConsentFault::OtherPerson`], and as
    /// [`ConsentRegistry::create`].
    pub async fn update(
        &self,
        id: &Id,
        if_match: u32,
        consent: ValidConsent,
        now: Timestamp,
    ) -> Result<Stored, ConsentFault> {
        let id = id.clone();
        self.run(move |inner| {
            inner
                .write(consent.person(), |connection| store::update(connection, &id, if_match, &consent, now))
        })
        .await
    }

    /// The current version of a Consent.
    ///
    /// # Errors
    /// [`ConsentFault`].
    pub async fn read(&self, id: &Id) -> Result<Option<Stored>, ConsentFault> {
        let id = id.clone();
        self.run(move |inner| store::read(&inner.reader(), &id)).await
    }

    /// One version of a Consent.
    ///
    /// # Errors
    /// [`ConsentFault`].
    pub async fn read_version(&self, id: &Id, version: u32) -> Result<Option<Stored>, ConsentFault> {
        let id = id.clone();
        self.run(move |inner| store::read_version(&inner.reader(), &id, version)).await
    }

    /// Up to `count` versions of a Consent, newest first: those before `before` and not older than `since`; and how many
    /// there are that are not older.
    ///
    /// # Errors
    /// [`ConsentFault`].
    pub async fn versions(
        &self,
        id: &Id,
        since: Option<Timestamp>,
        before: Option<u32>,
        count: usize,
    ) -> Result<(Vec<Stored>, usize), ConsentFault> {
        let id = id.clone();
        self.run(move |inner| store::versions(&mut inner.reader(), &id, since, before, count)).await
    }

    /// The current version of every Consent of a person, whatever its status, oldest first.
    ///
    /// # Errors
    /// [`ConsentFault`].
    pub async fn search(&self, person: NhsNumber) -> Result<Vec<Stored>, ConsentFault> {
        self.run(move |inner| store::of_person(&inner.reader(), person)).await
    }

    /// What a person has decided that stands at `now`.
    ///
    /// # Errors
    /// [`ConsentFault`].
    pub async fn active_for(
        &self,
        person: &PersonKey,
        now: Timestamp,
    ) -> Result<Vec<Provisioned>, ConsentFault> {
        let mut found = self.active_for_all(BTreeSet::from([person.clone()]), now).await?;
        Ok(found.remove(person).unwrap_or_default())
    }

    /// What each of several persons has decided that stands at `now`; who has decided nothing may be missing.
    ///
    /// # Errors
    /// [`ConsentFault`].
    pub async fn active_for_all(
        &self,
        persons: BTreeSet<PersonKey>,
        now: Timestamp,
    ) -> Result<BTreeMap<PersonKey, Vec<Provisioned>>, ConsentFault> {
        let mut found = BTreeMap::new();
        let mut unread = Vec::new();
        let standing = |active: &[Provisioned]| {
            active
                .iter()
                .filter(|provisioned| provisioned.rule.period.holds(now))
                .cloned()
                .collect::<Vec<_>>()
        };
        for person in persons {
            let PersonKey::Nhs(number) = &person else { continue };
            let number = *number;
            // Before anything is read: a write that comes between moves it, and what was read is not used again.
            let epoch = self.inner.shards.epoch(number);
            match self.inner.shards.active(number, epoch) {
                Some(active) => drop(found.insert(person, standing(&active))),
                None => unread.push((person, number, epoch)),
            }
        }
        if unread.is_empty() {
            return Ok(found);
        }
        let read = self.run(move |inner| inner.read_active(unread)).await?;
        found.extend(read.into_iter().map(|(person, active)| (person, standing(&active))));
        Ok(found)
    }

    /// How often the choices of a person, or of somebody with the same hash, have changed since the start. Cheap.
    #[must_use]
    pub fn epoch(&self, person: &PersonKey) -> u64 {
        match person {
            PersonKey::Nhs(number) => self.inner.shards.epoch(*number),
            // The registry holds nothing about someone without a number.
            PersonKey::Local { .. } => 0,
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, ConsentFault> + Send + 'static,
    ) -> Result<T, ConsentFault> {
        let caller = Arc::clone(&self.inner.callers).try_acquire_owned().map_err(|_| ConsentFault::Busy)?;
        let inner = Arc::clone(&self.inner);
        spawn_blocking(move || {
            let done = work(&inner);
            drop(caller);
            done
        })
        .await
        .map_err(|_| ConsentFault::Interrupted)?
    }
}

impl Inner {
    /// Writes about one person and moves her epoch, also when it is not known whether the write was stored.
    fn write(
        &self,
        person: NhsNumber,
        work: impl FnOnce(&mut Connection) -> Result<Stored, ConsentFault>,
    ) -> Result<Stored, ConsentFault> {
        let _moved_at_last = self.shards.moving(person);
        work(&mut lock(&self.writer))
    }

    /// A connection that reads: a free one if there is one.
    fn reader(&self) -> MutexGuard<'_, Connection> {
        for reader in &self.readers {
            if let Ok(free) = reader.try_lock() {
                return free;
            }
        }
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.readers.len().max(1);
        match self.readers.get(turn) {
            Some(reader) => lock(reader),
            None => lock(&self.writer),
        }
    }

    /// Reads the active choices of persons as of one moment, and keeps each beside the epoch seen before.
    fn read_active(&self, persons: Vec<(PersonKey, NhsNumber, u64)>) -> Result<Vec<ActiveOf>, ConsentFault> {
        let mut reader = self.reader();
        let snapshot = reader.transaction()?;
        let mut found = Vec::with_capacity(persons.len());
        for (person, number, epoch) in persons {
            let mut active = Vec::new();
            for (id, body) in store::active(&snapshot, number)? {
                active.extend(self.compile(&id, body)?);
            }
            let active: Arc<[Provisioned]> = active.into();
            self.shards.keep(number, epoch, Arc::clone(&active));
            found.push((person, active));
        }
        Ok(found)
    }

    fn compile(&self, id: &Id, body: Vec<u8>) -> Result<Option<Provisioned>, ConsentFault> {
        let document = json::parse(body.into(), &Limits::default()).map_err(|_| ConsentFault::Corrupt)?;
        let name = format!("Consent/{}", id.as_str());
        Ok(compile::compile(document.root(), name, &Reading::of_gateway(&self.base)))
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inner(..)")
    }
}

/// A connection is left whole by a panic: its transaction is rolled back when it is dropped.
fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn random_id() -> Result<Id, ConsentFault> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| ConsentFault::NoRandomness)?;
    let text = hex(&bytes);
    Id::parse(&text).map_err(|_| ConsentFault::NoRandomness)
}
