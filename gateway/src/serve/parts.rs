//! What a set of settings is turned into before it takes effect, and what stays for the life of the process.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;

use fhir::reference::Bases;

use super::{Faults, Unstartable};
use crate::clock::Clock;
use crate::consent::ConsentRegistry;
use crate::decision::evidence::EvidenceCache;
use crate::ledger::SegmentLedger;
use crate::places::Places;
use crate::ports::Ports;
use crate::requestor::Keys;
use crate::seal::Seal;
use crate::server::listener::Doors;
use crate::server::strangers::Strangers;
use crate::settings::Settings;
use crate::telemetry::metrics::Metrics;
use crate::trail::store::TrailStore;
use crate::upstream::Upstream;

/// What comes of the files that settings name: made whole, or not at all.
pub(super) struct Parts {
    pub(super) doors: Doors,
    pub(super) keys: Arc<Keys>,
    upstream: Arc<Upstream>,
}

/// What the process holds from start to end: everything durable, and how much is under way at once.
#[derive(Debug)]
pub(super) struct State {
    pub(super) ledger: Arc<SegmentLedger>,
    pub(super) ledger_folder: PathBuf,
    consents: Arc<ConsentRegistry>,
    seal: Arc<Seal>,
    pub(super) places: Arc<Places>,
}

impl Parts {
    /// Reads every file; every fault of every file is told.
    ///
    /// Keys that were fetched `before` stay, when they come from the same place.
    pub(super) fn prepare(
        settings: &Settings,
        clock: &Clock,
        before: Option<&Keys>,
    ) -> Result<Self, Unstartable> {
        match (
            Keys::load_after(&settings.issuers, clock, before),
            Upstream::new(settings),
            Doors::new(settings),
        ) {
            (Ok(keys), Ok(upstream), Ok(doors)) => {
                Ok(Self { doors, keys: Arc::new(keys), upstream: Arc::new(upstream) })
            }
            (keys, upstream, doors) => Err(Unstartable::Files(Faults::of(
                keys.err().unwrap_or_default(),
                upstream.err().unwrap_or_default(),
                doors.err(),
            ))),
        }
    }

    /// The snapshot that exchanges run on.
    pub(super) fn ports(
        &self,
        settings: &Arc<Settings>,
        state: &State,
        strangers: &Arc<Strangers>,
        metrics: &Arc<Metrics>,
        clock: &Clock,
    ) -> Ports {
        let bases = settings.systems.iter().map(|system| {
            let base = system.base.to_string();
            let names =
                std::iter::once(base.trim_end_matches('/')).chain(system.aliases.iter().map(String::as_str));
            // The settings have checked each of them.
            (system.name.clone(), Bases::new(names).unwrap_or_else(|_| Bases::none()))
        });
        Ports {
            settings: Arc::clone(settings),
            bases: Arc::new(bases.collect()),
            keys: Arc::clone(&self.keys),
            upstream: Arc::clone(&self.upstream),
            moment: None,
            ledger: Arc::clone(&state.ledger) as Arc<dyn crate::ledger::AuditLedger>,
            trail: TrailStore::new(Arc::clone(&state.ledger)),
            consents: Arc::clone(&state.consents),
            // What was remembered under other settings may not hold under these.
            evidence: Arc::new(EvidenceCache::default()),
            seal: Arc::clone(&state.seal),
            clock: clock.clone(),
            strangers: Arc::clone(strangers),
            metrics: Arc::clone(metrics),
            places: Arc::clone(&state.places),
        }
    }
}

impl State {
    /// Opens everything durable. The ledger comes first: its lock keeps a second process out of the folder.
    pub(super) fn open(settings: &Settings, clock: &Clock) -> Result<Self, Unstartable> {
        let folder = &settings.gateway.state;
        let ledger_folder = super::ledger_folder(settings);
        for made in [folder, &ledger_folder] {
            make(made).map_err(Unstartable::State)?;
        }
        let ledger = SegmentLedger::open(&super::ledger_options(settings), clock.clone())
            .map_err(|fault| Unstartable::Ledger(ledger_folder.clone(), fault))?;
        let consents =
            ConsentRegistry::open(folder, &settings.gateway.base).map_err(Unstartable::Consents)?;
        let seal = Seal::open_or_create(folder)?;
        Ok(Self {
            ledger: Arc::new(ledger),
            ledger_folder,
            consents: Arc::new(consents),
            seal: Arc::new(seal),
            places: Arc::new(Places::new(settings.limits.in_flight_max)),
        })
    }
}

/// Makes a folder that nobody else may look into; one that is there stays as it is.
fn make(folder: &PathBuf) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
