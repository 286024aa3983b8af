//! The key on which consent, opt-outs, relationships and the trail of a person join (DESIGN section 3).

use std::fmt;
use std::sync::Arc;

use fhir::nhs_number::NhsNumber;
use fhir::reference::Id;

/// The name of a `[[system]]`: the first segment of its paths.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SystemName(Arc<str>);

impl SystemName {
    /// Wraps a name that the settings have checked.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// The name as written in the settings.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SystemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SystemName({})", self.0)
    }
}

impl fmt::Display for SystemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who a record is about, the same everywhere in the gateway.
///
/// The valid NHS number on the holder's Patient (verification status 01, or none on a system with
/// `trusted_identity = true`), else the holder's own id. Prints no number.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PersonKey {
    /// A person known by a verified NHS number: the same person on every system.
    Nhs(NhsNumber),
    /// A person known to one system only.
    Local {
        /// The system that holds the record.
        system: SystemName,
        /// The id of the Patient resource there.
        id: Id,
    },
}

impl fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nhs(_) => f.write_str("PersonKey::Nhs(..)"),
            Self::Local { system, .. } => write!(f, "PersonKey::Local({system}, ..)"),
        }
    }
}
