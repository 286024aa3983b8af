//! Where IHE and FHIR say so.

pub(super) const PATIENT_READ: &str =
    "https://profiles.ihe.net/ITI/BALP/StructureDefinition-IHE.BasicAudit.PatientRead.html";
pub(super) const PATIENT_QUERY: &str =
    "https://profiles.ihe.net/ITI/BALP/StructureDefinition-IHE.BasicAudit.PatientQuery.html";
pub(super) const PATIENT_CREATE: &str =
    "https://profiles.ihe.net/ITI/BALP/StructureDefinition-IHE.BasicAudit.PatientCreate.html";
pub(super) const PATIENT_UPDATE: &str =
    "https://profiles.ihe.net/ITI/BALP/StructureDefinition-IHE.BasicAudit.PatientUpdate.html";
pub(super) const PATIENT_DELETE: &str =
    "https://profiles.ihe.net/ITI/BALP/StructureDefinition-IHE.BasicAudit.PatientDelete.html";
pub(super) const READ: &str =
    "https://profiles.ihe.net/ITI/BALP/StructureDefinition-IHE.BasicAudit.Read.html";
pub(super) const QUERY: &str =
    "https://profiles.ihe.net/ITI/BALP/StructureDefinition-IHE.BasicAudit.Query.html";
pub(super) const CREATE: &str =
    "https://profiles.ihe.net/ITI/BALP/StructureDefinition-IHE.BasicAudit.Create.html";
pub(super) const OAUTH_MINIMAL: &str =
    "https://profiles.ihe.net/ITI/BALP/StructureDefinition-IHE.BasicAudit.OAUTHaccessTokenUse.Minimal.html";
pub(super) const ACCESS_DENIED: &str = "https://hl7.org/fhir/R4/security.html#AccessDenied";
pub(super) const OUTCOME: &str = "https://hl7.org/fhir/R4/auditevent-definitions.html#AuditEvent.outcome";
pub(super) const AUDIT_EVENT: &str = "https://hl7.org/fhir/R4/auditevent.html";
pub(super) const AGENT: &str =
    "https://hl7.org/fhir/R4/auditevent-definitions.html#AuditEvent.agent.requestor";
pub(super) const PURPOSE: &str =
    "https://hl7.org/fhir/R4/auditevent-definitions.html#AuditEvent.agent.purposeOfUse";
pub(super) const RECORDED: &str = "https://hl7.org/fhir/R4/auditevent-definitions.html#AuditEvent.recorded";
pub(super) const OBSERVER: &str =
    "https://hl7.org/fhir/R4/auditevent-definitions.html#AuditEvent.source.observer";
pub(super) const CONTENT: &str = "https://hl7.org/fhir/R4/security.html#audit";
pub(super) const KEPT: &str = "https://hl7.org/fhir/R4/auditevent.html#bnc";
pub(super) const ITI_81: &str =
    "https://profiles.ihe.net/ITI/BALP/CapabilityStatement-IHE.BALP.ATNA.AuditRecordRepository.html";
