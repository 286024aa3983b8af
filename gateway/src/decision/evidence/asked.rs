//! The systems that are asked for evidence.

use fhir::ods_code::OdsCode;
use fhir::reference::Bases;

use super::EvidenceFault;
use crate::enforce::facts::NotEvidence;
use crate::person::SystemName;
use crate::settings::{Settings, System};

/// A system that is asked for evidence.
pub(super) struct Asked<'a> {
    pub(super) system: &'a System,
    pub(super) bases: Bases,
}

/// The systems of the discloser that prove ties, the one at hand first.
pub(super) fn proving<'a>(
    settings: &'a Settings,
    discloser: &OdsCode,
    at_hand: Option<&SystemName>,
) -> Result<Vec<Asked<'a>>, EvidenceFault> {
    let systems = settings.systems.iter();
    let mut proving: Vec<&System> =
        systems.filter(|system| system.relationship_source && system.organisation == *discloser).collect();
    proving.sort_by_key(|system| at_hand != Some(&system.name));
    proving.into_iter().map(|system| Asked::of(&system.name, settings)).collect()
}

/// The systems whose Consents count: the one at hand and those of the discloser.
pub(super) fn consenting<'a>(
    settings: &'a Settings,
    discloser: &OdsCode,
    at_hand: Option<&SystemName>,
) -> Result<Vec<Asked<'a>>, EvidenceFault> {
    let counts = |system: &&System| {
        system.consent_source && (at_hand == Some(&system.name) || system.organisation == *discloser)
    };
    settings.systems.iter().filter(counts).map(|system| Asked::of(&system.name, settings)).collect()
}

impl<'a> Asked<'a> {
    pub(super) fn of(name: &SystemName, settings: &'a Settings) -> Result<Self, EvidenceFault> {
        let unknown = || EvidenceFault::UnknownSystem { system: name.clone() };
        let system = settings.system(name.as_str()).ok_or_else(unknown)?;
        let base = system.base.to_string();
        let names = std::iter::once(base.as_str()).chain(system.aliases.iter().map(String::as_str));
        Ok(Self { system, bases: Bases::new(names).map_err(|_| unknown())? })
    }
}

impl Asked<'_> {
    pub(super) fn fault(&self, source: NotEvidence) -> EvidenceFault {
        EvidenceFault::NotEvidence { system: self.system.name.clone(), source }
    }
}
