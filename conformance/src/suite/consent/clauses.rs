//! Where IHE and FHIR say so.

pub(super) const BASIC: &str =
    "https://profiles.ihe.net/ITI/PCF/StructureDefinition-IHE.PCF.consentBasic.html";
pub(super) const INTERMEDIATE: &str =
    "https://profiles.ihe.net/ITI/PCF/StructureDefinition-IHE.PCF.consentIntermediate.html";
pub(super) const ADVANCED: &str =
    "https://profiles.ihe.net/ITI/PCF/StructureDefinition-IHE.PCF.consentAdvanced.html";
pub(super) const VOLUME: &str = "https://profiles.ihe.net/ITI/PCF/volume-1.html";
pub(super) const ITI_108: &str = "https://profiles.ihe.net/ITI/PCF/ITI-108.html";
pub(super) const AUTHZ: &str =
    "https://profiles.ihe.net/ITI/BALP/StructureDefinition-IHE.BasicAudit.AuthZconsent.html";
pub(super) const ACCESS_DENIED: &str = "https://hl7.org/fhir/R4/security.html#AccessDenied";
pub(super) const STATUS: &str = "https://hl7.org/fhir/R4/consent-definitions.html#Consent.status";
pub(super) const PATIENT: &str = "https://hl7.org/fhir/R4/consent-definitions.html#Consent.patient";
pub(super) const PROVISION: &str = "https://hl7.org/fhir/R4/consent-definitions.html#Consent.provision";
pub(super) const ACTOR: &str = "https://hl7.org/fhir/R4/consent-definitions.html#Consent.provision.actor";
pub(super) const PURPOSE: &str = "https://hl7.org/fhir/R4/consent-definitions.html#Consent.provision.purpose";
pub(super) const PERIOD: &str = "https://hl7.org/fhir/R4/consent-definitions.html#Consent.provision.period";
