//! Which agreement covers a question: a look-up, and the refusal when none does.

use std::collections::HashMap;
use std::sync::Arc;

use fhir::ods_code::OdsCode;
use fhir::purpose_of_use::PurposeOfUse;
use fhir::role::SdsRole;
use jiff::civil::Date;

use super::{Share, SharingAgreement, Standing};
use crate::decision::refusal::Refusal;
use crate::person::SystemName;

/// All agreements of a site, indexed by the organisations they bind.
#[derive(Debug, Default)]
pub struct Agreements {
    all: Vec<Arc<SharingAgreement>>,
    by_parties: HashMap<OdsCode, HashMap<OdsCode, Vec<Arc<Compiled>>>>,
}

#[derive(Debug)]
struct Compiled {
    agreement: Arc<SharingAgreement>,
    roles: HashMap<SdsRole, RoleBlock>,
    systems: HashMap<SystemName, Arc<Share>>,
}

#[derive(Debug)]
struct RoleBlock {
    share: Arc<Share>,
    standing: Standing,
}

/// How an agreement covers a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cover {
    /// It is one of the `purposes`.
    Purpose,
    /// It is one of the `overrides`: a reason must be given.
    Override,
}

/// The agreement and block that cover a member of staff.
#[derive(Debug, Clone)]
pub struct RoleMatch {
    /// The one agreement.
    pub agreement: Arc<SharingAgreement>,
    /// What the block of the role shares.
    pub share: Arc<Share>,
    /// Whether a registered colleague must answer for the role.
    pub standing: Standing,
    /// How the purpose is covered.
    pub cover: Cover,
}

/// The agreement and block that cover what is sent to a system.
#[derive(Debug, Clone)]
pub struct SystemMatch {
    /// The one agreement.
    pub agreement: Arc<SharingAgreement>,
    /// What the block of the system lets through.
    pub share: Arc<Share>,
    /// How the purpose is covered.
    pub cover: Cover,
}

impl Agreements {
    /// Indexes agreements that have been checked against each other; they are kept in the order of their ids.
    #[must_use]
    pub fn new(mut all: Vec<Arc<SharingAgreement>>) -> Self {
        all.sort_by(|a, b| a.id.cmp(&b.id));
        let mut by_parties: HashMap<OdsCode, HashMap<OdsCode, Vec<Arc<Compiled>>>> = HashMap::new();
        for agreement in &all {
            let compiled = Arc::new(Compiled::new(agreement));
            for discloser in &agreement.discloser {
                let recipients = by_parties.entry(discloser.clone()).or_default();
                for recipient in &agreement.recipient {
                    recipients.entry(recipient.clone()).or_default().push(Arc::clone(&compiled));
                }
            }
        }
        Self { all, by_parties }
    }

    /// Every agreement, in the order of their ids.
    #[must_use]
    pub fn all(&self) -> &[Arc<SharingAgreement>] {
        &self.all
    }

    /// The agreement of this id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&Arc<SharingAgreement>> {
        self.all.binary_search_by(|agreement| (*agreement.id).cmp(id)).ok().and_then(|at| self.all.get(at))
    }

    /// The one agreement in force under which a member of staff of `recipient` may read what `discloser` holds.
    ///
    /// # Errors
    /// [`Refusal::NoSharingAgreement`], [`Refusal::RoleNotCovered`] or [`Refusal::PurposeNotCovered`]: the first rule,
    /// in this order, that no agreement satisfies.
    pub fn matching_role(
        &self,
        discloser: &OdsCode,
        recipient: &OdsCode,
        purpose: PurposeOfUse,
        role: SdsRole,
        today: Date,
    ) -> Result<RoleMatch, Refusal> {
        let mut refusal = Refusal::NoSharingAgreement;
        for compiled in self.in_force(discloser, recipient, today) {
            let Some(block) = compiled.roles.get(&role) else {
                refusal = later(refusal, Refusal::RoleNotCovered);
                continue;
            };
            let Some(cover) = compiled.agreement.cover(purpose) else {
                refusal = Refusal::PurposeNotCovered(purpose);
                continue;
            };
            return Ok(RoleMatch {
                agreement: Arc::clone(&compiled.agreement),
                share: Arc::clone(&block.share),
                standing: block.standing,
                cover,
            });
        }
        Err(refusal)
    }

    /// The one agreement in force under which `discloser` may send to `system` of `recipient`.
    ///
    /// # Errors
    /// As [`Agreements::matching_role`].
    pub fn matching_system(
        &self,
        discloser: &OdsCode,
        recipient: &OdsCode,
        purpose: PurposeOfUse,
        system: &SystemName,
        today: Date,
    ) -> Result<SystemMatch, Refusal> {
        let mut refusal = Refusal::NoSharingAgreement;
        for compiled in self.in_force(discloser, recipient, today) {
            let Some(share) = compiled.systems.get(system) else {
                refusal = later(refusal, Refusal::RoleNotCovered);
                continue;
            };
            let Some(cover) = compiled.agreement.cover(purpose) else {
                refusal = Refusal::PurposeNotCovered(purpose);
                continue;
            };
            let agreement = Arc::clone(&compiled.agreement);
            return Ok(SystemMatch { agreement, share: Arc::clone(share), cover });
        }
        Err(refusal)
    }

    fn in_force(
        &self,
        discloser: &OdsCode,
        recipient: &OdsCode,
        today: Date,
    ) -> impl Iterator<Item = &Arc<Compiled>> {
        let found = self.by_parties.get(discloser).and_then(|recipients| recipients.get(recipient));
        found.into_iter().flatten().filter(move |compiled| compiled.agreement.is_in_force(today))
    }
}

impl Compiled {
    fn new(agreement: &Arc<SharingAgreement>) -> Self {
        let mut roles = HashMap::new();
        for block in &agreement.roles {
            for role in &block.roles {
                roles.insert(*role, RoleBlock { share: Arc::clone(&block.share), standing: block.standing });
            }
        }
        let mut systems = HashMap::new();
        for block in &agreement.systems {
            for system in &block.systems {
                systems.insert(system.clone(), Arc::clone(&block.share));
            }
        }
        Self { agreement: Arc::clone(agreement), roles, systems }
    }
}

impl SharingAgreement {
    /// How a purpose is covered; `None` when it is not. Purposes match exactly, not by their parents.
    #[must_use]
    pub fn cover(&self, purpose: PurposeOfUse) -> Option<Cover> {
        if self.purposes.contains(&purpose) {
            return Some(Cover::Purpose);
        }
        self.overrides.contains(&purpose).then_some(Cover::Override)
    }
}

/// The refusal that is reached later in the order of decision: it says more about what is missing.
fn later(known: Refusal, found: Refusal) -> Refusal {
    if matches!(known, Refusal::PurposeNotCovered(_)) { known } else { found }
}
