//! Business identifiers and the identifier systems of UK health and care.

use std::fmt;

use crate::nhs_number::NhsNumber;
use crate::ods_code::OdsCode;

/// NHS number of a person.
pub const NHS_NUMBER: &str = "https://fhir.nhs.uk/Id/nhs-number";
/// Other names of the system of NHS numbers: those that were used before, and its OID. As they stand after `http://`.
const NHS_NUMBER_NAMES: [&str; 4] = [
    "fhir.nhs.uk/Id/nhs-number",
    "fhir.nhs.net/Id/nhs-number",
    "urn:oid:2.16.840.1.113883.2.1.4.1",
    "2.16.840.1.113883.2.1.4.1",
];
/// ODS code of an organisation.
pub const ODS_ORGANIZATION_CODE: &str = "https://fhir.nhs.uk/Id/ods-organization-code";
/// ODS code of a site.
pub const ODS_SITE_CODE: &str = "https://fhir.nhs.uk/Id/ods-site-code";
/// Spine directory: a member of staff.
pub const SDS_USER_ID: &str = "https://fhir.nhs.uk/Id/sds-user-id";
/// Spine directory: a member of staff in one role at one organisation.
pub const SDS_ROLE_PROFILE_ID: &str = "https://fhir.nhs.uk/Id/sds-role-profile-id";
/// Spine accredited system.
pub const SPINE_ASID: &str = "https://fhir.nhs.uk/Id/spine-ASID";
/// Spine interaction.
pub const NHS_SERVICE_INTERACTION_ID: &str = "https://fhir.nhs.uk/Id/nhsServiceInteractionId";
/// Directory of Services: a service.
pub const DOS_SERVICE_ID: &str = "https://fhir.nhs.uk/Id/dos-service-id";
/// General Medical Council reference number.
pub const GMC_NUMBER: &str = "https://fhir.hl7.org.uk/Id/gmc-number";
/// Nursing and Midwifery Council number.
pub const NMC_NUMBER: &str = "https://fhir.hl7.org.uk/Id/nmc-number";
/// General Medical Practitioner code of a general practitioner.
pub const GMP_NUMBER: &str = "https://fhir.hl7.org.uk/Id/gmp-number";
/// General Dental Council number.
pub const GDC_NUMBER: &str = "https://fhir.hl7.org.uk/Id/gdc-number";
/// General Pharmaceutical Council number.
pub const GPHC_NUMBER: &str = "https://fhir.hl7.org.uk/Id/gphc-number";
/// Health and Care Professions Council number.
pub const HCPC_NUMBER: &str = "https://fhir.hl7.org.uk/Id/hcpc-number";
/// Unique property reference number of an address.
pub const UPRN: &str = "https://fhir.hl7.org.uk/Id/UPRN";
/// Values that are themselves URIs (`urn:uuid:`, `urn:oid:`, URLs).
pub const URI: &str = "urn:ietf:rfc:3986";

/// Whether a system of identifiers is that of NHS numbers, by [`NHS_NUMBER`] or by a name that it had before.
#[must_use]
pub fn names_nhs_numbers(system: &str) -> bool {
    if system == NHS_NUMBER {
        return true;
    }
    let bare = system.trim().trim_end_matches('/');
    let bare = bare.split_once("://").map_or(bare, |(_, rest)| rest);
    NHS_NUMBER_NAMES.iter().any(|name| bare.eq_ignore_ascii_case(name))
}

/// A business identifier: what `value` is unique in, and the value.
///
/// `Debug` shows the system and hides the value, which may be a person's.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identifier {
    /// The namespace of the value; absent when the sender gave none.
    pub system: Option<String>,
    /// The value, as it was written.
    pub value: String,
}

impl Identifier {
    /// An identifier in a known namespace.
    pub fn new(system: impl Into<String>, value: impl Into<String>) -> Self {
        Self { system: Some(system.into()), value: value.into() }
    }

    /// The NHS number, when this is one and it is valid.
    pub fn nhs_number(&self) -> Option<NhsNumber> {
        self.is_of(NHS_NUMBER).then(|| NhsNumber::parse(&self.value).ok()).flatten()
    }

    /// The ODS code of an organisation or site, when this is one.
    pub fn ods_code(&self) -> Option<OdsCode> {
        (self.is_of(ODS_ORGANIZATION_CODE) || self.is_of(ODS_SITE_CODE))
            .then(|| OdsCode::parse(&self.value).ok())
            .flatten()
    }

    /// Whether the value belongs to `system`.
    pub fn is_of(&self, system: &str) -> bool {
        self.system.as_deref() == Some(system)
    }
}

impl From<NhsNumber> for Identifier {
    fn from(number: NhsNumber) -> Self {
        Self::new(NHS_NUMBER, number.as_str())
    }
}

impl From<&OdsCode> for Identifier {
    fn from(code: &OdsCode) -> Self {
        Self::new(ODS_ORGANIZATION_CODE, code.as_str())
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identifier").field("system", &self.system).finish_non_exhaustive()
    }
}
