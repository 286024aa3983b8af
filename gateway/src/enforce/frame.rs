//! What an answer is made with, besides content and ruling.

use fhir::reference::Bases;

use super::behind::{self, Behind};
use super::household::{self, Sheltered};
use super::medicines::{self, Medicines};
use super::whom::Whom;
use crate::person::SystemName;
use crate::ports::Ports;
use crate::seal::Seal;
use crate::sensitive_codes::SensitiveCodes;
use crate::settings::Households;
use crate::trail::audit_event::Site;
use crate::trail::record::Exchange;

/// What an answer needs besides content and ruling.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The record of the exchange up to here.
    pub exchange: &'a Exchange,
    /// The gateway as it names itself.
    pub site: Site<'a>,
    /// Whose records these are.
    pub system: &'a SystemName,
    /// The names of that system.
    pub bases: &'a Bases,
    /// Which codes earn a label by themselves.
    pub codes: &'a SensitiveCodes,
    /// Makes versions and cursors.
    pub seal: &'a Seal,
    /// What the medicines that resources refer to are labelled as.
    pub medicines: &'a Medicines,
    /// Which whereabouts are those of a protected person.
    pub sheltered: &'a Sheltered,
    /// Whether that is asked.
    pub households: Households,
    /// Whom resources are about that say so through something else.
    pub behind: &'a Behind,
    /// Whom they are about, as far as that was read; without it each is read anew.
    pub whom: Option<&'a Whom<'a>>,
}

impl<'a> Frame<'a> {
    /// The frame of an exchange with `system`.
    #[must_use]
    pub fn of(exchange: &'a Exchange, system: &'a SystemName, ports: &'a Ports) -> Self {
        let codes = &ports.settings.sensitive_codes;
        Self {
            exchange,
            site: ports.site(),
            system,
            bases: ports.bases_of(system),
            codes,
            seal: &ports.seal,
            medicines: &medicines::NONE,
            sheltered: &household::NOWHERE,
            households: ports.households_of(system),
            behind: &behind::NOTHING,
            whom: None,
        }
    }
}

impl Frame<'_> {
    /// Where the face of the system is.
    pub(in crate::enforce) fn face(&self) -> String {
        format!("{}/{}/fhir", self.site.base, self.system)
    }
}
