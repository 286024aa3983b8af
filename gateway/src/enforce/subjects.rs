//! Whom fetched content concerns: keys and labels, no content.

use std::collections::BTreeSet;

use fhir::nhs_number::NhsNumber;
use fhir::reference::Id;

use crate::person::SystemName;

/// The persons an exchange concerns, as the content and the request name them.
#[derive(Debug, Clone, Default)]
pub struct Subjects {
    /// The system on which the Patient ids live.
    pub system: Option<SystemName>,
    /// Patient ids that the content refers to or the request names.
    pub patients: BTreeSet<Id>,
    /// Persons named by NHS number alone.
    pub nhs_numbers: BTreeSet<NhsNumber>,
    /// Those of `patients` and `nhs_numbers` that the request itself names: refused ones stand in their own trail.
    pub named: Named,
    /// Ties of care stated by the content itself (a pushed Encounter or referral), by ODS code.
    pub stated_ties: Vec<StatedTie>,
}

/// The persons the request itself names.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// By Patient id.
    pub patients: BTreeSet<Id>,
    /// By NHS number.
    pub nhs_numbers: BTreeSet<NhsNumber>,
}

/// A tie of care that a pushed message states about its own person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedTie {
    /// `Encounter/...` or `ServiceRequest/...` in the message.
    pub evidence: String,
}
