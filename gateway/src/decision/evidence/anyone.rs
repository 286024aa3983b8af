//! What the sources of evidence are asked where nothing is told: the same, whoever it is about and whether there is
//! anybody.
//!
//! Finding nothing asks for no evidence, and finding somebody who is hidden does. While a source is down the first
//! would be told as nothing and the second as a fault, so whoever waits for an outage could list who is hidden. Where
//! an agreement withholds existence and nothing is to be shown, each source is therefore asked everything that could
//! have been asked about anyone, once: what the exchange has asked already is not asked again ([`Road`]), and the rest
//! is asked about a number and an id that nobody bears. Whether there is a fault then depends on the sources alone, and
//! so does how many questions there are.
//!
//! Deliberately absent: memory. What was remembered of one exchange would be an outage that the next does not see.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use fhir::nhs_number::NhsNumber;
use fhir::ods_code::OdsCode;
use fhir::reference::Id;
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::asked::{Asked, consenting, proving};
use super::gather::nhs_numbers;
use super::ties::DIRECTORY;
use super::{EvidenceFault, EvidenceSource, Wells};
use crate::agreement::{Existence, SharingAgreement};
use crate::decision::ruling::Admitted;
use crate::enforce::facts::{self, NotEvidence, directory, ties};
use crate::enforce::held::Held;
use crate::enforce::unfiltered::Unfiltered;
use crate::interaction::ReadTarget;
use crate::person::{PersonKey, SystemName};
use crate::upstream::UpstreamFault;

/// A number with a right check digit that is given to nobody.
const NOBODY: &str = "9999999999";
/// An id that nothing bears.
const NOTHING: &str = "00000000-0000-4000-8000-000000000000";

/// Types by which resources say whom they are about.
const BEHIND: [&str; 2] = ["Group", "RelatedPerson"];

/// A system, a type and the parameter by which it is searched.
type Question = (SystemName, &'static str, &'static str);

/// A source of evidence that notes which of its questions were answered.
pub struct Road<'a> {
    source: &'a dyn EvidenceSource,
    answered: Mutex<Vec<Question>>,
    answers: Answers,
}

/// When what a source says was asked of those behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answers {
    /// Just now.
    Now,
    /// It may have been for somebody else before: whether it is answered now is not told by that.
    Before,
}

/// On whose behalf anyone is asked about: what of an admitted question the sources depend on, and nothing of whom it is
/// about.
#[derive(Debug)]
pub struct Anyone {
    agreement: Arc<SharingAgreement>,
    discloser: OdsCode,
    holder: SystemName,
    at: Timestamp,
    number: NhsNumber,
    id: Id,
}

/// Whether a system that does not take a question is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusing {
    /// It is: everybody is asked about in this way.
    Fault,
    /// It holds no such resources.
    HoldsNone,
}

impl<'a> Road<'a> {
    /// Notes what is asked of `source`.
    #[must_use]
    pub fn over(source: &'a dyn EvidenceSource) -> Self {
        Self { source, answered: Mutex::default(), answers: Answers::Now }
    }

    /// The same of a source that says again what it has said: what is asked about nobody is asked in any case.
    #[must_use]
    pub fn over_said(source: &'a dyn EvidenceSource) -> Self {
        Self { answers: Answers::Before, ..Self::over(source) }
    }

    fn knows(&self, question: &Question) -> bool {
        self.answers == Answers::Now
            && self.answered.lock().unwrap_or_else(PoisonError::into_inner).contains(question)
    }
}

impl EvidenceSource for Road<'_> {
    fn search_all<'a>(
        &'a self,
        system: &'a SystemName,
        resource_type: &'static str,
        parameters: Vec<(&'static str, String)>,
    ) -> BoxFuture<'a, Result<Unfiltered<Held>, UpstreamFault>> {
        let name = parameters.first().map_or("", |(name, _)| *name);
        Box::pin(async move {
            let found = self.source.search_all(system, resource_type, parameters).await?;
            let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
            answered.push((system.clone(), resource_type, name));
            Ok(found)
        })
    }

    fn read_one<'a>(
        &'a self,
        system: &'a SystemName,
        target: &'a ReadTarget,
    ) -> BoxFuture<'a, Result<Unfiltered<Held>, UpstreamFault>> {
        self.source.read_one(system, target)
    }
}

impl Anyone {
    /// Prepares to ask on behalf of `admitted`; nothing where existence is open.
    #[must_use]
    pub fn of(admitted: &Admitted) -> Option<Self> {
        if admitted.existence() == Existence::Open {
            return None;
        }
        Some(Self {
            agreement: Arc::clone(admitted.agreement()),
            discloser: admitted.parties().discloser.clone(),
            holder: admitted.system().clone(),
            at: admitted.question().at,
            number: nobody()?,
            id: nothing()?,
        })
    }

    /// Asks every source what `road` has not asked yet, in the order of [`super::Evidence::gather`].
    ///
    /// # Errors
    /// The first [`EvidenceFault`].
    pub async fn ask(&self, road: &Road<'_>, wells: Wells<'_>) -> Result<(), EvidenceFault> {
        let holder = Asked::of(&self.holder, wells.settings)?;
        for resource_type in BEHIND {
            self.behind(&holder, resource_type, road).await?;
        }
        self.patient_by_id(&holder, road).await?;
        self.patient_by_number(&holder, road).await?;
        for source in proving(wells.settings, &self.discloser, Some(&self.holder))? {
            self.patient_by_number(&source, road).await?;
            self.ties(&source, road).await?;
        }
        for source in consenting(wells.settings, &self.discloser, Some(&self.holder))? {
            self.patient_by_number(&source, road).await?;
            self.consents(&source, road).await?;
        }
        let nobody = BTreeSet::from([PersonKey::Nhs(self.number)]);
        wells.consents.active_for_all(nobody, self.at).await?;
        Ok(())
    }

    async fn behind(
        &self,
        asked: &Asked<'_>,
        resource_type: &'static str,
        road: &Road<'_>,
    ) -> Result<(), EvidenceFault> {
        let parameters = vec![("_id", self.id.as_str().to_owned())];
        // Whoever is found is nobody that was asked for.
        let read = |held: &Unfiltered<Held>| match facts::are_none(held, resource_type)? {
            true => Ok(()),
            false => Err(NotEvidence::Strangers),
        };
        match search(asked, road, resource_type, parameters, Refusing::HoldsNone, &read).await {
            Err(EvidenceFault::Upstream(why)) if why.is_refusal() => Ok(()),
            answered => answered,
        }
    }

    async fn patient_by_id(&self, asked: &Asked<'_>, road: &Road<'_>) -> Result<(), EvidenceFault> {
        let ids = BTreeSet::from([self.id.clone()]);
        let parameters = vec![("_id", self.id.as_str().to_owned())];
        let read = |held: &Unfiltered<Held>| facts::patients_by_id(held, &ids, &asked.bases).map(drop);
        search(asked, road, "Patient", parameters, Refusing::Fault, &read).await
    }

    async fn patient_by_number(&self, asked: &Asked<'_>, road: &Road<'_>) -> Result<(), EvidenceFault> {
        let numbers = BTreeSet::from([self.number]);
        let parameters = vec![("identifier", nhs_numbers(&numbers))];
        let read =
            |held: &Unfiltered<Held>| facts::patients_by_nhs_number(held, &numbers, &asked.bases).map(drop);
        search(asked, road, "Patient", parameters, Refusing::Fault, &read).await
    }

    async fn ties(&self, asked: &Asked<'_>, road: &Road<'_>) -> Result<(), EvidenceFault> {
        let ids = BTreeSet::from([self.id.clone()]);
        for kind in &self.agreement.relationship {
            let parameters = vec![("patient", self.id.as_str().to_owned())];
            let read = |held: &Unfiltered<Held>| {
                ties::ties(held, *kind, &asked.system.name, &asked.bases, &ids).map(drop)
            };
            search(asked, road, ties::type_of(*kind), parameters, Refusing::HoldsNone, &read).await?;
        }
        self.directory(asked, road).await
    }

    async fn consents(&self, asked: &Asked<'_>, road: &Road<'_>) -> Result<(), EvidenceFault> {
        let ids = BTreeSet::from([self.id.clone()]);
        let parameters = vec![("patient", self.id.as_str().to_owned()), ("status", "active".to_owned())];
        let name = &asked.system.name;
        let read =
            |held: &Unfiltered<Held>| facts::consents(held, name, &asked.bases, &ids, &|_| None).map(drop);
        search(asked, road, "Consent", parameters, Refusing::Fault, &read).await?;
        self.directory(asked, road).await
    }

    async fn directory(&self, asked: &Asked<'_>, road: &Road<'_>) -> Result<(), EvidenceFault> {
        for resource_type in DIRECTORY {
            let parameters = vec![("_id", self.id.as_str().to_owned())];
            let read = |held: &Unfiltered<Held>| {
                directory::entries(held, resource_type, &asked.bases).map(|_: BTreeMap<_, _>| ())
            };
            search(asked, road, resource_type, parameters, Refusing::HoldsNone, &read).await?;
        }
        Ok(())
    }
}

/// A number that nobody has.
#[must_use]
pub fn nobody() -> Option<NhsNumber> {
    NhsNumber::parse(NOBODY).ok()
}

/// An id that nothing bears.
#[must_use]
pub fn nothing() -> Option<Id> {
    Id::parse(NOTHING).ok()
}

async fn search(
    asked: &Asked<'_>,
    road: &Road<'_>,
    resource_type: &'static str,
    parameters: Vec<(&'static str, String)>,
    refusing: Refusing,
    read: &(dyn Fn(&Unfiltered<Held>) -> Result<(), NotEvidence> + Sync),
) -> Result<(), EvidenceFault> {
    let system = &asked.system.name;
    let name = parameters.first().map_or("", |(name, _)| *name);
    if road.knows(&(system.clone(), resource_type, name)) {
        return Ok(());
    }
    match road.search_all(system, resource_type, parameters).await {
        Ok(held) => read(&held).map_err(|source| asked.fault(source)),
        Err(why) if why.is_not_taken() && refusing == Refusing::HoldsNone => Ok(()),
        Err(fault) => Err(EvidenceFault::Upstream(fault)),
    }
}
