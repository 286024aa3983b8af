//! A gateway put together by hand from the files of a site, so that a test can bring a ledger of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use fhir::json;
use fhir::reference::Bases;
use gateway::clock::Clock;
use gateway::consent::ConsentRegistry;
use gateway::decision::evidence::EvidenceCache;
use gateway::ledger::{AuditLedger, Content, Options, SegmentLedger};
use gateway::ports::Ports;
use gateway::push::open::Push;
use gateway::requestor::Keys;
use gateway::seal::Seal;
use gateway::serve::route;
use gateway::server::strangers::Strangers;
use gateway::settings::check;
use gateway::telemetry::metrics::Metrics;
use gateway::trail::record::Record;
use gateway::trail::store::{KEY_SCHEME, TrailStore};
use gateway::upstream::Upstream;

use super::front::Front;
use super::whole::Whole;

/// A gateway that serves at the address of its site.
pub(crate) struct Assembled {
    pub(crate) ports: Arc<Ports>,
    pub(crate) front: Front,
    ledger: Arc<SegmentLedger>,
}

impl Assembled {
    /// Starts the gateway of `site` with what `ledger` makes of a real one.
    pub(crate) async fn start(
        site: &Whole,
        ledger: impl FnOnce(Arc<SegmentLedger>, ConsentRegistry) -> Arc<dyn AuditLedger>,
    ) -> Self {
        let clock = Clock::machine();
        let settings = match check::load(&site.config(), gateway::serve::today(&clock)) {
            Ok(checked) => Arc::new(checked.settings),
            Err(unusable) => panic!("{unusable}"),
        };
        let folder = site.folder.path();
        let options = Options::new(folder.join("ledger"), "test/ledger", KEY_SCHEME);
        let real = Arc::new(SegmentLedger::open(&options, clock.clone()).unwrap());
        let consents = ConsentRegistry::open(folder, &settings.gateway.base).unwrap();
        let recorded = ledger(Arc::clone(&real), consents.clone());
        let bases: BTreeMap<_, _> = settings
            .systems
            .iter()
            .map(|system| (system.name.clone(), Bases::new([system.base.to_string().as_str()]).unwrap()))
            .collect();
        let metrics = Arc::new(Metrics::new());
        let ports = Arc::new(Ports {
            bases: Arc::new(bases),
            keys: Arc::new(Keys::load(&settings.issuers).unwrap()),
            upstream: Arc::new(Upstream::new(&settings).unwrap()),
            moment: None,
            ledger: Arc::clone(&recorded),
            trail: TrailStore::new(Arc::clone(&real)),
            consents: Arc::new(consents),
            evidence: Arc::new(EvidenceCache::default()),
            seal: Arc::new(Seal::open_or_create(folder).unwrap()),
            clock: clock.clone(),
            strangers: Arc::new(Strangers::new(clock.clone())),
            metrics,
            places: Arc::new(gateway::places::Places::new(settings.limits.in_flight_max)),
            settings: Arc::clone(&settings),
        });
        let current = Arc::clone(&ports);
        let now = Arc::new(move || Arc::clone(&current));
        let push = Push::open(&settings, folder, recorded, clock, now).await.unwrap();
        let live = Arc::new(ArcSwap::from(Arc::clone(&ports)));
        let exchange = route::exchange(live, Arc::clone(push.intake()));
        let front = Front::start(&settings, move |arrived| exchange(arrived)).await;
        Self { ports, front, ledger: real }
    }

    /// Everything that is recorded, in order.
    pub(crate) async fn records(&self) -> Vec<Record> {
        let entries = self.ledger.read_from(0, 1_000).await.unwrap();
        let payloads = entries.iter().filter_map(|entry| match &entry.content {
            Content::Present(payload) => Some(payload.clone()),
            Content::Erased => None,
        });
        payloads.filter_map(|payload| json::parse_into(payload, &json::Limits::default()).ok()).collect()
    }
}
