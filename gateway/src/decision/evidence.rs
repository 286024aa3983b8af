//! Everything that `decide` needs to know about the persons of an exchange, gathered for all of them at once.
//!
//! Who is who, the shield and the Consents are read anew for each exchange. Ties of care, and that a number is held by
//! one Patient only, are remembered for a minute, and only when they help: what is not remembered is asked, so nobody
//! waits for a minute to pass. For one page: one request for the Patients (none for a Patient that was itself read a
//! moment ago), one more for numbers seen for the first time, and at most one for each kind of tie the agreement names, in its order, until everyone has one.
//!
//! Deliberately absent: any judgement. A tie that does not count is evidence like one that does.

use std::collections::BTreeMap;

use fhir::reference::Id;
use futures_util::future::BoxFuture;

use super::facts::{Identity, PersonEvidence};
use super::ruling::Admitted;
use crate::consent::{ConsentFault, ConsentRegistry};
use crate::enforce::facts::NotEvidence;
use crate::enforce::held::Held;
use crate::enforce::subjects::{StatedTie, Subjects};
use crate::enforce::unfiltered::Unfiltered;
use crate::interaction::ReadTarget;
use crate::person::{PersonKey, SystemName};
use crate::settings::Settings;
use crate::upstream::{Upstream, UpstreamFault};

pub mod anyone;
pub mod apart;
mod asked;
mod cache;
mod choices;
mod claims;
mod gather;
mod merged;
pub mod moment;
mod ties;

pub use cache::EvidenceCache;

/// What is known about the persons of an exchange.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    persons: BTreeMap<PersonKey, PersonEvidence>,
    patients: BTreeMap<Id, PersonKey>,
    stated_ties: Vec<StatedTie>,
    epochs: BTreeMap<PersonKey, u64>,
    unusable: Vec<Unusable>,
}

/// Answers searches for evidence: the upstream, when the gateway serves.
pub trait EvidenceSource: Send + Sync {
    /// Every match of a search on a system, over all its pages.
    fn search_all<'a>(
        &'a self,
        system: &'a SystemName,
        resource_type: &'static str,
        parameters: Vec<(&'static str, String)>,
    ) -> BoxFuture<'a, Result<Unfiltered<Held>, UpstreamFault>>;

    /// One resource by its id, where a system lets none be searched for.
    fn read_one<'a>(
        &'a self,
        system: &'a SystemName,
        target: &'a ReadTarget,
    ) -> BoxFuture<'a, Result<Unfiltered<Held>, UpstreamFault>>;
}

impl EvidenceSource for Upstream {
    fn search_all<'a>(
        &'a self,
        system: &'a SystemName,
        resource_type: &'static str,
        parameters: Vec<(&'static str, String)>,
    ) -> BoxFuture<'a, Result<Unfiltered<Held>, UpstreamFault>> {
        Box::pin(self.search_all(system, resource_type, parameters))
    }

    fn read_one<'a>(
        &'a self,
        system: &'a SystemName,
        target: &'a ReadTarget,
    ) -> BoxFuture<'a, Result<Unfiltered<Held>, UpstreamFault>> {
        Box::pin(self.read(system, target))
    }
}

/// Where evidence is gathered from.
#[derive(Clone, Copy)]
pub struct Wells<'a> {
    /// Which systems prove what.
    pub settings: &'a Settings,
    /// The systems themselves.
    pub upstream: &'a dyn EvidenceSource,
    /// The persons' choices.
    pub consents: &'a ConsentRegistry,
    /// What is remembered for a minute.
    pub cache: &'a EvidenceCache,
}

/// Why evidence about some cannot be used, where there is evidence about others. They are decided about all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// A system does not answer about them.
    Upstream(UpstreamFault),
    /// A system answers about them with something that is no evidence.
    NotEvidence {
        /// Which.
        system: SystemName,
        /// What was wrong.
        source: NotEvidence,
    },
}

impl Unusable {
    /// The fault, where it may lie in what is held about those who were asked about. That a system is too slow, busy or
    /// cannot be reached does not.
    #[must_use]
    pub fn of(fault: &EvidenceFault) -> Option<Self> {
        match fault {
            EvidenceFault::Upstream(fault) => {
                let is_of_system = matches!(
                    fault,
                    UpstreamFault::TimedOut
                        | UpstreamFault::Unreachable
                        | UpstreamFault::Busy
                        | UpstreamFault::UnknownSystem
                );
                (!is_of_system).then_some(Self::Upstream(*fault))
            }
            EvidenceFault::NotEvidence { system, source } => {
                Some(Self::NotEvidence { system: system.clone(), source: *source })
            }
            EvidenceFault::UnknownSystem { .. } | EvidenceFault::Consent(_) => None,
        }
    }

    /// The name of the reason in records and metrics: that of the fault.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Upstream(_) => UNANSWERED,
            Self::NotEvidence { .. } => UNUSABLE,
        }
    }

    /// Whether the same may be answered a moment later.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Upstream(fault) => fault.is_transient(),
            Self::NotEvidence { .. } => false,
        }
    }
}

impl From<Unusable> for EvidenceFault {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Upstream(fault) => Self::Upstream(fault),
            Unusable::NotEvidence { system, source } => Self::NotEvidence { system, source },
        }
    }
}

const UNANSWERED: &str = "evidence-unanswered";
const UNUSABLE: &str = "evidence-unusable";

/// Why evidence could not be gathered. Nothing is decided then, and nothing is shared.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceFault {
    /// A system did not answer.
    #[error("a search for evidence was not answered")]
    Upstream(#[source] UpstreamFault),
    /// A system answered with something that is no evidence.
    #[error("{system} gave no evidence")]
    NotEvidence {
        /// Which.
        system: SystemName,
        /// What was wrong.
        source: NotEvidence,
    },
    /// The settings do not know the system any more, or its base cannot be read.
    #[error("{system} is not a system of the settings")]
    UnknownSystem {
        /// Which.
        system: SystemName,
    },
    /// The registry of Consents could not be read.
    #[error("the consent registry could not be read")]
    Consent(#[from] ConsentFault),
}

impl EvidenceFault {
    /// The name of the reason in records and metrics: stable, lower case, with hyphens.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Upstream(_) => UNANSWERED,
            Self::NotEvidence { .. } => UNUSABLE,
            Self::UnknownSystem { .. } => "evidence-unknown-system",
            Self::Consent(_) => "evidence-consent",
        }
    }
}

impl Evidence {
    /// Gathers what is known about the persons of an exchange.
    ///
    /// Those about whom alone it cannot be used are in it as not proved ([`super::facts::Proven`]), and nobody else is worse for it.
    ///
    /// # Errors
    /// [`EvidenceFault`] of a system as a whole.
    pub async fn gather(
        admitted: &Admitted,
        subjects: &Subjects,
        wells: Wells<'_>,
    ) -> Result<Self, EvidenceFault> {
        gather::gather(admitted, subjects, wells).await
    }

    /// Evidence from elsewhere than the live systems: for `explain` and replay.
    #[must_use]
    pub fn stated(
        persons: BTreeMap<PersonKey, PersonEvidence>,
        patients: BTreeMap<Id, PersonKey>,
        stated_ties: Vec<StatedTie>,
    ) -> Self {
        Self { persons, patients, stated_ties, epochs: BTreeMap::new(), unusable: Vec::new() }
    }

    /// Nothing about nobody: it stands whatever anyone chooses.
    #[must_use]
    pub fn none() -> Self {
        Self::stated(BTreeMap::new(), BTreeMap::new(), Vec::new())
    }

    /// The same, resting on what was gathered before as well: current only while that is.
    #[must_use]
    pub fn resting_on(mut self, before: &Self) -> Self {
        self.epochs.extend(before.epochs.iter().map(|(key, seen)| (key.clone(), *seen)));
        self.doubt(before.unusable.iter().cloned());
        self
    }

    /// Notes faults in what is held about some.
    pub fn doubt(&mut self, why: impl IntoIterator<Item = Unusable>) {
        for why in why {
            if !self.unusable.contains(&why) {
                self.unusable.push(why);
            }
        }
    }

    /// The faults in what is held about some, each once.
    #[must_use]
    pub fn unusable(&self) -> &[Unusable] {
        &self.unusable
    }

    /// The same, where it can be used about everybody: for what goes as a whole or not at all.
    ///
    /// # Errors
    /// The first fault in what is held about somebody.
    pub fn whole(self) -> Result<Self, EvidenceFault> {
        match self.unusable.first() {
            Some(why) => Err(why.clone().into()),
            None => Ok(self),
        }
    }

    /// Each person and what is known about her, in the order of the keys.
    pub fn persons(&self) -> impl Iterator<Item = (&PersonKey, &PersonEvidence)> {
        self.persons.iter()
    }

    /// Who each Patient of the system at hand is.
    #[must_use]
    pub const fn patients(&self) -> &BTreeMap<Id, PersonKey> {
        &self.patients
    }

    /// The ties that the content itself states, where they are about this person. They are about one; when there are
    /// several whose record it is, about nobody.
    #[must_use]
    pub fn stated_ties(&self, person: &PersonKey) -> &[StatedTie] {
        let mut whose = self.persons.iter().filter(|(_, known)| known.met.is_in_person());
        match (whose.next(), whose.next()) {
            (Some((one, _)), None) if one == person => &self.stated_ties,
            (Some(_) | None, _) => &[],
        }
    }

    /// Whether no Consent of these persons was written since the evidence was gathered.
    #[must_use]
    pub fn is_current(&self, consents: &ConsentRegistry) -> bool {
        self.epochs.iter().all(|(key, seen)| consents.epoch(key) == *seen)
    }

    /// Persons who share an NHS number with another Patient of the system: a fault at the holder, and an alarm.
    pub fn duplicated(&self) -> impl Iterator<Item = &PersonKey> {
        self.persons.iter().filter(|(_, person)| person.identity == Identity::Duplicated).map(|(key, _)| key)
    }
}
