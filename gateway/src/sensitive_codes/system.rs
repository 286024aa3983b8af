//! The names of code systems: one system, many spellings.

use std::borrow::Cow;

pub(super) const SNOMED_CT: &str = "http://snomed.info/sct";
pub(super) const LOINC: &str = "http://loinc.org";
pub(super) const ICD_10: &str = "http://hl7.org/fhir/sid/icd-10";
const ATC: &str = "http://www.whocc.no/atc";
const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";

/// Other names of a system, in small letters, without `urn:oid:` before an object identifier, without `/` at the end,
/// `http` for `https`. dm+d uses identifiers of SNOMED CT, and national editions of ICD-10 are taken as one.
const NAMES: &[(&str, &str)] = &[
    ("2.16.840.1.113883.6.96", SNOMED_CT),
    ("http://snomed.info/id", SNOMED_CT),
    ("snomed ct", SNOMED_CT),
    ("snomed-ct", SNOMED_CT),
    ("snomed", SNOMED_CT),
    ("sct", SNOMED_CT),
    ("http://dmd.nhs.uk", SNOMED_CT),
    ("2.16.840.1.113883.2.1.3.2.4.15", SNOMED_CT),
    ("2.16.840.1.113883.6.1", LOINC),
    ("http://www.loinc.org", LOINC),
    ("loinc", LOINC),
    ("ln", LOINC),
    ("2.16.840.1.113883.6.3", ICD_10),
    ("2.16.840.1.113883.6.90", ICD_10),
    ("http://hl7.org/fhir/sid/icd-10-uk", ICD_10),
    ("http://hl7.org/fhir/sid/icd-10-cm", ICD_10),
    ("http://hl7.org/fhir/sid/icd-10-gm", ICD_10),
    ("icd-10", ICD_10),
    ("icd-10-cm", ICD_10),
    ("icd10", ICD_10),
    ("i10", ICD_10),
    ("2.16.840.1.113883.6.73", ATC),
    ("http://whocc.no/atc", ATC),
    ("2.16.840.1.113883.6.88", RXNORM),
];

/// The one name of a system: its version, its spelling and its aliases put aside.
pub(super) fn canonical(system: &str) -> Cow<'_, str> {
    // Most systems are written as they should be.
    if let Some(known) = [SNOMED_CT, LOINC, ICD_10].into_iter().find(|known| *known == system) {
        return Cow::Borrowed(known);
    }
    let system = system.trim();
    let system = system.split_once('|').map_or(system, |(name, _)| name).trim_end().to_ascii_lowercase();
    let system = system.trim_end_matches('/');
    let system = system.strip_prefix("urn:oid:").unwrap_or(system);
    let system = match system.strip_prefix("https://") {
        Some(rest) => format!("http://{rest}"),
        None => system.to_owned(),
    };
    // An edition or a version of SNOMED CT: `http://snomed.info/sct/83821000000107/version/20230412`.
    if system.strip_prefix(SNOMED_CT).is_some_and(|rest| rest.starts_with('/')) {
        return Cow::Borrowed(SNOMED_CT);
    }
    match NAMES.iter().find(|(name, _)| *name == system) {
        Some((_, known)) => Cow::Borrowed(known),
        None => Cow::Owned(system),
    }
}
