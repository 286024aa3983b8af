//! UK Core: what is served and taken conforms to its profiles.
//!
//! What is [`served`] is held to the profiles that it claims, in process, and to what no profile says: check digits, the shape of
//! codes ([`codes`]). What is [`taken`] is tried with [`examples`] and single faults in them. A server need not validate what it is sent;
//! so a fault that is taken is a warning, but for one: what is kept may not claim a supported profile falsely.

mod codes;
mod examples;
mod served;
mod taken;
mod tried;

use super::judge::joined;
use crate::bench::Bench;
use crate::check::{Acting, Check, Grade, Judge};

/// Where the profiles of UK Core live.
const UK_CORE: &str = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-";

const fn check(
    grade: Grade,
    id: &'static str,
    title: &'static str,
    why: &'static str,
    clause: &'static str,
    judge: for<'a> fn(&'a Bench) -> Acting<'a>,
) -> Check {
    Check { id, title, why, clause, grade, judge: Judge::Acted(judge) }
}

pub(super) const CHECKS: &[Check] =
    &joined::<{ SERVED.len() + tried::CHECKS.len() }>(&[SERVED, tried::CHECKS]);

const SERVED: &[Check] = &[
    check(
        Grade::Shall,
        "uk-core-serves-patient",
        "each Patient that claims a profile of UK Core conforms to it",
        "a claim that does not hold misleads whoever reads by it",
        "https://hl7.org/fhir/R4/resource-definitions.html#Meta.profile",
        |bench| Box::pin(served::conforms(bench, "Patient")),
    ),
    check(
        Grade::Shall,
        "uk-core-serves-practitioner",
        "each Practitioner that claims a profile of UK Core conforms to it",
        "a claim that does not hold misleads whoever reads by it",
        "https://hl7.org/fhir/R4/resource-definitions.html#Meta.profile",
        |bench| Box::pin(served::conforms(bench, "Practitioner")),
    ),
    check(
        Grade::Shall,
        "uk-core-serves-practitioner-role",
        "each PractitionerRole that claims a profile of UK Core conforms to it",
        "a claim that does not hold misleads whoever reads by it",
        "https://hl7.org/fhir/R4/resource-definitions.html#Meta.profile",
        |bench| Box::pin(served::conforms(bench, "PractitionerRole")),
    ),
    check(
        Grade::Shall,
        "uk-core-serves-organization",
        "each Organization that claims a profile of UK Core conforms to it",
        "a claim that does not hold misleads whoever reads by it",
        "https://hl7.org/fhir/R4/resource-definitions.html#Meta.profile",
        |bench| Box::pin(served::conforms(bench, "Organization")),
    ),
    check(
        Grade::Shall,
        "uk-core-serves-location",
        "each Location that claims a profile of UK Core conforms to it",
        "a claim that does not hold misleads whoever reads by it",
        "https://hl7.org/fhir/R4/resource-definitions.html#Meta.profile",
        |bench| Box::pin(served::conforms(bench, "Location")),
    ),
    check(
        Grade::Shall,
        "uk-core-serves-encounter",
        "each Encounter that claims a profile of UK Core conforms to it",
        "a claim that does not hold misleads whoever reads by it",
        "https://hl7.org/fhir/R4/resource-definitions.html#Meta.profile",
        |bench| Box::pin(served::conforms(bench, "Encounter")),
    ),
    check(
        Grade::Shall,
        "uk-core-serves-condition",
        "each Condition that claims a profile of UK Core conforms to it",
        "a claim that does not hold misleads whoever reads by it",
        "https://hl7.org/fhir/R4/resource-definitions.html#Meta.profile",
        |bench| Box::pin(served::conforms(bench, "Condition")),
    ),
    check(
        Grade::Shall,
        "uk-core-serves-allergy-intolerance",
        "each AllergyIntolerance that claims a profile of UK Core conforms to it",
        "a claim that does not hold misleads whoever reads by it",
        "https://hl7.org/fhir/R4/resource-definitions.html#Meta.profile",
        |bench| Box::pin(served::conforms(bench, "AllergyIntolerance")),
    ),
    check(
        Grade::Shall,
        "uk-core-serves-observation",
        "each Observation that claims a profile of UK Core conforms to it",
        "a claim that does not hold misleads whoever reads by it",
        "https://hl7.org/fhir/R4/resource-definitions.html#Meta.profile",
        |bench| Box::pin(served::conforms(bench, "Observation")),
    ),
    check(
        Grade::Shall,
        "uk-core-serves-procedure",
        "each Procedure that claims a profile of UK Core conforms to it",
        "a claim that does not hold misleads whoever reads by it",
        "https://hl7.org/fhir/R4/resource-definitions.html#Meta.profile",
        |bench| Box::pin(served::conforms(bench, "Procedure")),
    ),
    check(
        Grade::Shall,
        "uk-core-serves-immunization",
        "each Immunization that claims a profile of UK Core conforms to it",
        "a claim that does not hold misleads whoever reads by it",
        "https://hl7.org/fhir/R4/resource-definitions.html#Meta.profile",
        |bench| Box::pin(served::conforms(bench, "Immunization")),
    ),
    check(
        Grade::Shall,
        "uk-core-serves-medication-request",
        "each MedicationRequest that claims a profile of UK Core conforms to it",
        "a claim that does not hold misleads whoever reads by it",
        "https://hl7.org/fhir/R4/resource-definitions.html#Meta.profile",
        |bench| Box::pin(served::conforms(bench, "MedicationRequest")),
    ),
    check(
        Grade::Shall,
        "uk-core-serves-medication-statement",
        "each MedicationStatement that claims a profile of UK Core conforms to it",
        "a claim that does not hold misleads whoever reads by it",
        "https://hl7.org/fhir/R4/resource-definitions.html#Meta.profile",
        |bench| Box::pin(served::conforms(bench, "MedicationStatement")),
    ),
    check(
        Grade::Shall,
        "uk-core-serves-medication",
        "each Medication that claims a profile of UK Core conforms to it",
        "a claim that does not hold misleads whoever reads by it",
        "https://hl7.org/fhir/R4/resource-definitions.html#Meta.profile",
        |bench| Box::pin(served::conforms(bench, "Medication")),
    ),
    check(
        Grade::Shall,
        "uk-core-serves-diagnostic-report",
        "each DiagnosticReport that claims a profile of UK Core conforms to it",
        "a claim that does not hold misleads whoever reads by it",
        "https://hl7.org/fhir/R4/resource-definitions.html#Meta.profile",
        |bench| Box::pin(served::conforms(bench, "DiagnosticReport")),
    ),
    check(
        Grade::Shall,
        "uk-core-serves-document-reference",
        "each DocumentReference that claims a profile of UK Core conforms to it",
        "a claim that does not hold misleads whoever reads by it",
        "https://hl7.org/fhir/R4/resource-definitions.html#Meta.profile",
        |bench| Box::pin(served::conforms(bench, "DocumentReference")),
    ),
    check(
        Grade::May,
        "uk-core-checked-whole",
        "everything in the records that are looked at can be told here",
        "what was not checked may not be taken for checked",
        "https://hl7.org/fhir/R4/validation.html",
        |bench| Box::pin(served::told_whole(bench)),
    ),
    check(
        Grade::Shall,
        "uk-core-profiles-known",
        "profiles of UK Core that records claim exist",
        "a claim that nobody can follow",
        "https://hl7.org/fhir/R4/resource-definitions.html#Meta.profile",
        |bench| Box::pin(served::profiles_known(bench)),
    ),
    check(
        Grade::Shall,
        "uk-core-supported-known",
        "profiles of UK Core that the CapabilityStatement names exist",
        "a claim that nobody can follow",
        "https://hl7.org/fhir/R4/capabilitystatement-definitions.html#CapabilityStatement.rest.resource.supportedProfile",
        |bench| Box::pin(served::supported_known(bench)),
    ),
    check(
        Grade::Shall,
        "uk-core-supported-of-type",
        "profiles stand at the type that they are of",
        "clients ask the wrong type",
        "https://hl7.org/fhir/R4/capabilitystatement-definitions.html#CapabilityStatement.rest.resource.supportedProfile",
        |bench| Box::pin(served::supported_of_type(bench)),
    ),
    check(
        Grade::Should,
        "uk-core-claims-stated",
        "profiles that records claim are named in the CapabilityStatement",
        "clients do not know what they will find",
        "https://hl7.org/fhir/R4/capabilitystatement-definitions.html#CapabilityStatement.rest.resource.supportedProfile",
        |bench| Box::pin(served::claims_stated(bench)),
    ),
    check(
        Grade::Shall,
        "uk-core-nhs-number-valid",
        "the check digit of each NHS number holds",
        "a number that was mistyped is another person's",
        "https://www.datadictionary.nhs.uk/attributes/nhs_number.html",
        |bench| Box::pin(served::number_valid(bench)),
    ),
    check(
        Grade::Shall,
        "uk-core-nhs-number-plain",
        "an NHS number is ten digits",
        "searches by it find nothing",
        "https://www.datadictionary.nhs.uk/attributes/nhs_number.html",
        |bench| Box::pin(served::number_plain(bench)),
    ),
    check(
        Grade::Shall,
        "uk-core-nhs-number-system",
        "NHS numbers have the system that UK Core fixes",
        "searches by it find nothing",
        "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient",
        |bench| Box::pin(served::number_system(bench)),
    ),
    check(
        Grade::Shall,
        "uk-core-nhs-number-once",
        "a Patient has one NHS number at most",
        "nobody knows which one counts",
        "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient",
        |bench| Box::pin(served::number_once(bench)),
    ),
    check(
        Grade::May,
        "uk-core-nhs-number-status",
        "each NHS number has its verification status",
        "nobody knows whether it was traced",
        "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient",
        |bench| Box::pin(served::verification_there(bench)),
    ),
    check(
        Grade::Shall,
        "uk-core-nhs-number-status-coded",
        "the verification status is a code of its value set",
        "nobody knows whether it was traced",
        "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
        |bench| Box::pin(served::verification_coded(bench)),
    ),
    check(
        Grade::Shall,
        "uk-core-found-by-nhs-number",
        "a Patient is found by system and value of the NHS number",
        "records of one person are made twice",
        "https://hl7.org/fhir/R4/search.html#token",
        |bench| Box::pin(served::found_by_number(bench)),
    ),
    check(
        Grade::Should,
        "uk-core-ods-code-shape",
        "ODS codes are capital letters and digits",
        "the organisation cannot be looked up",
        "https://digital.nhs.uk/developer/guides-and-documentation/building-healthcare-software/organisations-and-services",
        |bench| Box::pin(served::ods_shape(bench)),
    ),
    check(
        Grade::Shall,
        "uk-core-ods-code-system",
        "ODS codes have one of the two systems that UK Core fixes",
        "the organisation cannot be looked up",
        "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Organization",
        |bench| Box::pin(served::ods_system(bench)),
    ),
    check(
        Grade::Shall,
        "uk-core-snomed-system",
        "SNOMED CT has the system that FHIR gives it",
        "decision support does not see the code",
        "https://hl7.org/fhir/R4/snomedct.html",
        |bench| Box::pin(codes::snomed_system(bench)),
    ),
    check(
        Grade::Shall,
        "uk-core-snomed-codes",
        "codes of SNOMED CT are identifiers of SNOMED CT",
        "a code that was mistyped is another finding",
        "https://hl7.org/fhir/R4/snomedct.html",
        |bench| Box::pin(codes::snomed_codes(bench)),
    ),
    check(
        Grade::Shall,
        "uk-core-dmd-system",
        "codes of dm+d have the system that they share with SNOMED CT, or their own",
        "decision support does not see the medicine",
        "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Medication",
        |bench| Box::pin(codes::dmd_system(bench)),
    ),
    check(
        Grade::Should,
        "uk-core-extensions-known",
        "extensions of UK Core exist",
        "what they say is not read",
        "https://hl7.org/fhir/R4/extensibility.html#Extension",
        |bench| Box::pin(served::extensions_known(bench)),
    ),
];
