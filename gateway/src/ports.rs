//! What an exchange may use. One snapshot an exchange: a reload in the middle changes nothing for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use fhir::reference::Bases;

use crate::clock::Clock;
use crate::consent::ConsentRegistry;
use crate::decision::evidence::anyone::Road;
use crate::decision::evidence::moment::Moment;
use crate::decision::evidence::{EvidenceCache, EvidenceSource, Wells};
use crate::enforce::release::Released;
use crate::ledger::AuditLedger;
use crate::person::SystemName;
use crate::places::Places;
use crate::requestor::Keys;
use crate::seal::Seal;
use crate::server::strangers::Strangers;
use crate::settings::{Households, Settings};
use crate::telemetry::metrics::Metrics;
use crate::trail::audit_event::Site;
use crate::trail::store::TrailStore;
use crate::upstream::Upstream;

/// Everything a stage may reach besides its input.
#[derive(Debug, Clone)]
pub struct Ports {
    /// What the files said when the exchange began.
    pub settings: Arc<Settings>,
    /// The names of each system.
    pub bases: Arc<BTreeMap<SystemName, Bases>>,
    /// Keys of the issuers.
    pub keys: Arc<Keys>,
    /// Clients of the systems.
    pub upstream: Arc<Upstream>,
    /// The one moment in which evidence is gathered, where several decisions rest on it alike.
    pub moment: Option<Arc<Moment>>,
    /// Where exchanges are recorded.
    pub ledger: Arc<dyn AuditLedger>,
    /// Where records are found again.
    pub trail: TrailStore,
    /// The persons' choices.
    pub consents: Arc<ConsentRegistry>,
    /// Evidence of the last minute.
    pub evidence: Arc<EvidenceCache>,
    /// Seals cursors and sessions, digests versions.
    pub seal: Arc<Seal>,
    /// The time.
    pub clock: Clock,
    /// Callers who could not prove who they are, by source and minute.
    pub strangers: Arc<Strangers>,
    /// Numbers for operators.
    pub metrics: Arc<Metrics>,
    /// Places for what is under way at once.
    pub places: Arc<Places>,
}

/// No names at all: every absolute reference points elsewhere.
static NO_BASES: std::sync::LazyLock<Bases> = std::sync::LazyLock::new(Bases::none);

impl Ports {
    /// Counts what is about to leave for someone else than the person herself.
    #[must_use]
    pub fn counted(&self, released: Released) -> Released {
        self.count(&released);
        released
    }

    /// The same, of what goes as a part of something else.
    pub fn count(&self, released: &Released) {
        self.metrics.shared(released.persons_shared());
        if released.is_under_override() {
            self.metrics.overridden();
        }
    }

    /// The same, where no more than this many requests may be under way to a system at once, whichever exchange they
    /// are of: the entries of a batch take what one exchange may.
    #[must_use]
    pub fn asking_at_most(&self, at_once: usize) -> Self {
        Self { upstream: Arc::new(self.upstream.at_most(at_once)), ..self.clone() }
    }

    /// The same, where what is asked for evidence is asked once, however many decisions rest on it.
    #[must_use]
    pub fn at_one_moment(&self) -> Self {
        let source: Arc<dyn EvidenceSource> = Arc::<Upstream>::clone(&self.upstream);
        Self { moment: Some(Arc::new(Moment::of(source))), ..self.clone() }
    }

    /// A road to evidence that notes what is answered.
    #[must_use]
    pub fn road(&self) -> Road<'_> {
        match &self.moment {
            Some(moment) => Road::over_said(&**moment),
            None => Road::over(&*self.upstream),
        }
    }

    /// Where evidence is gathered from.
    #[must_use]
    pub fn wells(&self) -> Wells<'_> {
        let upstream: &dyn EvidenceSource = match &self.moment {
            Some(moment) => &**moment,
            None => &*self.upstream,
        };
        Wells { settings: &self.settings, upstream, consents: &self.consents, cache: &self.evidence }
    }

    /// The names of a system.
    #[must_use]
    pub fn bases_of(&self, system: &SystemName) -> &Bases {
        self.bases.get(system).unwrap_or(&NO_BASES)
    }

    /// Whether the whereabouts of protected persons are hidden in what the system tells of others.
    #[must_use]
    pub fn households_of(&self, system: &SystemName) -> Households {
        self.settings.system(system.as_str()).map_or_else(Households::default, |system| system.households)
    }

    /// The gateway as it names itself.
    #[must_use]
    pub fn site(&self) -> Site<'_> {
        Site { base: &self.settings.gateway.base, organisation: &self.settings.gateway.organisation }
    }
}
