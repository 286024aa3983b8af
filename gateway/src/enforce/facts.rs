//! Evidence read out of what an upstream holds: the only place that opens evidence content.
//!
//! What goes out are keys, codes and dates, never content. An upstream's answer is a claim: evidence about persons
//! nobody asked for, or that is cut off, is no evidence at all.

use std::collections::{BTreeMap, BTreeSet};

use fhir::json::Node;
use fhir::nhs_number::NhsNumber;
use fhir::reference::{Bases, Id, Local, Reference};
use fhir::security_label::{CONFIDENTIALITY, Confidentiality, SecurityLabel, Sensitivity};

use super::held::{Complete, Held};
use super::persons::{is_nhs_number, nhs_number};
use super::resource_facts::stated::Stated;
use super::targets::nodes;
use super::unfiltered::Unfiltered;
use crate::consent::compile::{self, Origin, Reading};
use crate::consent::provision::{Provisioned, Who};
use crate::decision::facts::Shield;
use crate::decision::obligation::Labels;
use crate::person::SystemName;

pub mod directory;
pub mod ties;

/// What a Patient says about who she is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatientFacts {
    /// The id on the system.
    pub id: Id,
    /// The NHS numbers in use on it, valid ones only.
    pub nhs_numbers: BTreeSet<NhsNumber>,
    /// Whether the number is verified.
    pub verification: Verification,
    /// Whether her whereabouts are protected.
    pub shield: Shield,
    /// Whether the record may be used.
    pub validity: Validity,
    /// The Patients of the system that it was merged with: those it replaces, and the one that replaces it.
    pub merged: BTreeSet<Id>,
    /// Those of them that it replaces.
    pub replaces: BTreeSet<Id>,
    /// Whether another one replaces it.
    pub standing: Standing,
    /// Persons it was merged with that are named by number, and those whose number was hers once.
    pub merged_numbers: BTreeSet<NhsNumber>,
}

impl PatientFacts {
    /// What two copies of one Patient say together: the most cautious of either.
    #[must_use]
    pub fn joined(mut self, other: Self) -> Self {
        if self.verification != other.verification {
            self.verification = Verification::NotVerified;
        }
        if other.validity == Validity::Invalidated {
            self.validity = Validity::Invalidated;
        }
        self.nhs_numbers.extend(other.nhs_numbers);
        self.shield = self.shield.max(other.shield);
        self.merged.extend(other.merged);
        self.replaces.extend(other.replaces);
        self.standing = self.standing.max(other.standing);
        self.merged_numbers.extend(other.merged_numbers);
        self
    }
}

/// Whether a Patient's NHS number is verified (UKCore-NHSNumberVerificationStatus).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// `01`, or `number-present-and-verified`: present and verified.
    Verified,
    /// Any other status.
    NotVerified,
    /// No status is stated.
    NotStated,
}

/// Whether a record may be used at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// It may.
    Valid,
    /// Its holder has taken it back (PDS `REDACTED`).
    Invalidated,
}

/// Whether a record was replaced when it was merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It was not.
    Current,
    /// It was (`replaced-by`).
    Replaced,
}

/// Why an answer is no evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotEvidence {
    /// Not a searchset.
    #[error("the system answered an evidence search with something else than a searchset")]
    Shape,
    /// There was more than may be read.
    #[error("the system holds more evidence than may be read")]
    Incomplete,
    /// A record that may be about whom was asked for cannot be translated.
    #[error("the system holds a record that cannot be translated and may be about the person")]
    Lacking,
    /// It is about persons nobody asked for.
    #[error("the system answered an evidence search with persons nobody asked for")]
    Strangers,
}

const VERIFICATION_STATUS: &str =
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus";

/// The Patients of an answer to `Patient?_id=` for the ids `asked`.
///
/// # Errors
/// [`NotEvidence`].
pub fn patients_by_id(
    held: &Unfiltered<Held>,
    asked: &BTreeSet<Id>,
    bases: &Bases,
) -> Result<Vec<PatientFacts>, NotEvidence> {
    let found = patients(held, bases)?;
    if found.iter().all(|facts| asked.contains(&facts.id)) { Ok(found) } else { Err(NotEvidence::Strangers) }
}

/// The Patients of an answer to `Patient?identifier=` for the NHS numbers `asked`.
///
/// # Errors
/// [`NotEvidence`].
pub fn patients_by_nhs_number(
    held: &Unfiltered<Held>,
    asked: &BTreeSet<NhsNumber>,
    bases: &Bases,
) -> Result<Vec<PatientFacts>, NotEvidence> {
    let mut found = Vec::new();
    for patient in resources(held, "Patient")? {
        // A number that is no longer in use still answers the search, and is nobody's key.
        if !all_nhs_numbers(patient).any(|number| asked.contains(&number)) {
            return Err(NotEvidence::Strangers);
        }
        found.push(facts_of(patient, bases).ok_or(NotEvidence::Shape)?);
    }
    Ok(found)
}

/// Whether an answer holds no resource of this type.
///
/// # Errors
/// [`NotEvidence`].
pub fn are_none(held: &Unfiltered<Held>, name: &str) -> Result<bool, NotEvidence> {
    resources(held, name).map(|found| found.is_empty())
}

/// The active Consents of an answer to `Consent?patient=` for the Patients `asked`, compiled.
///
/// # Errors
/// [`NotEvidence`].
pub fn consents(
    held: &Unfiltered<Held>,
    system: &SystemName,
    bases: &Bases,
    asked: &BTreeSet<Id>,
    who: &dyn Fn(&Local) -> Option<Who>,
) -> Result<Vec<(Id, Provisioned)>, NotEvidence> {
    let reading = Reading { origin: Origin::System { name: system, bases }, who };
    let mut found = Vec::new();
    for consent in resources(held, "Consent")? {
        let person = local_patient(consent.member("patient"), bases).ok_or(NotEvidence::Strangers)?;
        if !asked.contains(&person) {
            return Err(NotEvidence::Strangers);
        }
        let id = id_of(consent).ok_or(NotEvidence::Shape)?;
        let name = format!("{system}/Consent/{}", id.as_str());
        found.extend(compile::compile(consent, name, &reading).map(|provisioned| (person, provisioned)));
    }
    Ok(found)
}

/// The resources that the actors of the Consents of an answer refer to, by the Patient whose Consents they are.
///
/// # Errors
/// [`NotEvidence`].
pub fn actors_of_consents(
    held: &Unfiltered<Held>,
    bases: &Bases,
) -> Result<BTreeMap<Id, BTreeSet<Local>>, NotEvidence> {
    let mut by_person: BTreeMap<Id, BTreeSet<Local>> = BTreeMap::new();
    for consent in resources(held, "Consent")? {
        let person = local_patient(consent.member("patient"), bases).ok_or(NotEvidence::Strangers)?;
        let found = by_person.entry(person).or_default();
        for path in [
            &["provision", "actor", "reference", "reference"] as &[&str],
            &["provision", "provision", "actor", "reference", "reference"],
        ] {
            for reference in consent.walk(path).filter_map(Node::string) {
                found.extend(
                    Reference::parse(&reference, bases).ok().and_then(|parsed| parsed.local().cloned()),
                );
            }
        }
    }
    Ok(by_person)
}

/// What a Patient that was read whole from its holder says about who she is; nothing, if it is another resource or says
/// that parts of it were left out.
pub(in crate::enforce) fn of_read(resource: Node<'_>, bases: &Bases) -> Option<PatientFacts> {
    let is_patient = resource.member("resourceType").is_some_and(|name| name.is_string("Patient"));
    let mut tags = resource.walk(&["meta", "tag", "code"]);
    let is_whole = !tags.any(|code| code.is_string("SUBSETTED"));
    if is_patient && is_whole { facts_of(resource, bases) } else { None }
}

/// Whether a Patient, as this version of her has it, is to be shielded.
pub(in crate::enforce) fn shield_of(version: Node<'_>) -> Shield {
    let is_patient = version.member("resourceType").is_some_and(|name| name.is_string("Patient"));
    let facts = if is_patient { facts_of(version, &Bases::none()) } else { None };
    facts.map_or(Shield::None, |facts| facts.shield)
}

/// The NHS numbers that a Patient bears, in use or not; none for another resource.
pub(in crate::enforce) fn numbers_borne(resource: Node<'_>) -> BTreeSet<NhsNumber> {
    let is_patient = resource.member("resourceType").is_some_and(|name| name.is_string("Patient"));
    if is_patient { all_nhs_numbers(resource).collect() } else { BTreeSet::new() }
}

fn patients(held: &Unfiltered<Held>, bases: &Bases) -> Result<Vec<PatientFacts>, NotEvidence> {
    resources(held, "Patient")?
        .into_iter()
        .map(|patient| facts_of(patient, bases).ok_or(NotEvidence::Shape))
        .collect()
}

fn facts_of(patient: Node<'_>, bases: &Bases) -> Option<PatientFacts> {
    let Merges { merged, replaces, standing, mut merged_numbers } = merged_with(patient, bases);
    let in_use = || patient.walk(&["identifier"]).filter(is_nhs_number_in_use);
    let nhs_numbers: BTreeSet<NhsNumber> = in_use().filter_map(nhs_number).collect();
    // A number is superseded where records are merged, without any link.
    merged_numbers.extend(all_nhs_numbers(patient).filter(|number| !nhs_numbers.contains(number)));
    let mut verification = Verification::NotStated;
    for code in in_use().flat_map(verification_codes) {
        verification = match (verification, code.as_str()) {
            // In the code system of England, and in the one that UK Core had before.
            (Verification::NotStated | Verification::Verified, "01" | "number-present-and-verified") => {
                Verification::Verified
            }
            (_, _) => Verification::NotVerified,
        };
    }
    let Stated { labels, known } = Stated::of_meta(patient);
    // A label that cannot be read may be one that protects.
    let is_protected =
        known != Labels::Known || labels.iter().any(hides_whereabouts) || has_labelled_place(patient);
    // `REDACTED` of another system marks a view: only that of confidentiality takes a record back.
    let invalidated =
        labels.iter().any(|label| label.system() == CONFIDENTIALITY && label.code() == "REDACTED");
    Some(PatientFacts {
        id: id_of(patient)?,
        nhs_numbers,
        verification,
        shield: if is_protected { Shield::Shielded } else { Shield::None },
        validity: if invalidated { Validity::Invalidated } else { Validity::Valid },
        merged,
        replaces,
        standing,
        merged_numbers,
    })
}

/// With whom a Patient was merged.
struct Merges {
    merged: BTreeSet<Id>,
    replaces: BTreeSet<Id>,
    standing: Standing,
    merged_numbers: BTreeSet<NhsNumber>,
}

/// The Patients that this one was merged with, by id and by number.
fn merged_with(patient: Node<'_>, bases: &Bases) -> Merges {
    let (merged, replaces, merged_numbers) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut found = Merges { merged, replaces, standing: Standing::Current, merged_numbers };
    for link in patient.walk(&["link"]) {
        let is_of = |kind: &str| link.walk(&["type"]).any(|found| found.is_string(kind));
        let (replaces, replaced) = (is_of("replaces"), is_of("replaced-by"));
        if !replaces && !replaced {
            continue;
        }
        if replaced {
            found.standing = Standing::Replaced;
        }
        for other in link.walk(&["other"]) {
            let by_id = local_patient(Some(other), bases);
            if !replaced {
                found.replaces.extend(by_id.clone());
            }
            found.merged.extend(by_id);
            let named = other.walk(&["identifier"]).filter(|named| is_nhs_number(*named));
            found.merged_numbers.extend(named.filter_map(nhs_number));
        }
    }
    found
}

/// Whether a label of a Patient says that where she is is protected: a high degree, or the categories of places.
fn hides_whereabouts(label: &SecurityLabel) -> bool {
    label.confidentiality() >= Some(Confidentiality::Restricted)
        || matches!(label.sensitivity(), Some(Sensitivity::Locis | Sensitivity::Livarg))
}

/// Whether an address or a way to reach her bears a label of its own (DS4P) that protects it, of whichever category.
fn has_labelled_place(patient: Node<'_>) -> bool {
    let mut places = patient.walk(&["address"]).chain(patient.walk(&["telecom"])).map(Stated::inside);
    let protects = |label: &SecurityLabel| hides_whereabouts(label) || label.sensitivity().is_some();
    places.any(|place| place.known != Labels::Known || place.labels.iter().any(protects))
}

fn is_nhs_number_in_use(identifier: &Node<'_>) -> bool {
    is_nhs_number(*identifier) && !identifier.member("use").is_some_and(|used| used.is_string("old"))
}

fn all_nhs_numbers(patient: Node<'_>) -> impl Iterator<Item = NhsNumber> {
    let identifiers: Vec<_> = patient.walk(&["identifier"]).filter(|one| is_nhs_number(*one)).collect();
    identifiers.into_iter().filter_map(nhs_number)
}

fn verification_codes(identifier: Node<'_>) -> Vec<String> {
    identifier
        .walk(&["extension"])
        .filter(|extension| extension.member("url").is_some_and(|url| url.is_string(VERIFICATION_STATUS)))
        .flat_map(|extension| {
            let codes = extension.walk(&["valueCodeableConcept", "coding", "code"]);
            codes.filter_map(Node::string).map(String::from).collect::<Vec<_>>()
        })
        .collect()
}

fn id_of(resource: Node<'_>) -> Option<Id> {
    Id::parse(&resource.member("id")?.string()?).ok()
}

/// The Patient of the system that a reference names.
fn local_patient(reference: Option<Node<'_>>, bases: &Bases) -> Option<Id> {
    let text = reference?.member("reference")?.string()?;
    match Reference::parse(&text, bases).ok()? {
        Reference::Local(local) if local.resource_type.as_str() == "Patient" => Some(local.id),
        Reference::Local(_)
        | Reference::Elsewhere(_)
        | Reference::Urn(_)
        | Reference::Contained(_)
        | Reference::Container => None,
    }
}

/// The answer to a search for resources of a type by these ids.
///
/// # Errors
/// [`NotEvidence`] when it is cut off, or holds what nobody asked for.
pub fn only(held: Unfiltered<Held>, name: &str, ids: &BTreeSet<Id>) -> Result<Unfiltered<Held>, NotEvidence> {
    for found in resources(&held, name)? {
        if !ids.contains(&id_of(found).ok_or(NotEvidence::Shape)?) {
            return Err(NotEvidence::Strangers);
        }
    }
    Ok(held)
}

/// The same, whatever else the system sends beside what was asked for: that is thrown away.
///
/// # Errors
/// [`NotEvidence`], as [`only`].
pub fn only_matches(
    held: Unfiltered<Held>,
    name: &str,
    ids: &BTreeSet<Id>,
) -> Result<Unfiltered<Held>, NotEvidence> {
    resources(&held, name)?;
    for found in nodes(held.inner()) {
        if !id_of(found).is_some_and(|id| ids.contains(&id)) {
            return Err(NotEvidence::Strangers);
        }
    }
    Ok(held)
}

/// Every resource of type `name` that is the answer to a search, over all its pages.
pub(in crate::enforce) fn resources<'a>(
    held: &'a Unfiltered<Held>,
    name: &str,
) -> Result<Vec<Node<'a>>, NotEvidence> {
    let pages = match held.inner() {
        Held::Searchset { pages, complete: Complete::All, .. } => pages,
        Held::Searchset { complete: Complete::Lacking, .. } => return Err(NotEvidence::Lacking),
        Held::Searchset { complete: Complete::Bounded, .. } => return Err(NotEvidence::Incomplete),
        Held::Resource(_)
        | Held::Absent
        | Held::Binary { .. }
        | Held::Everything(_)
        | Held::History { .. } => {
            return Err(NotEvidence::Shape);
        }
    };
    let mut found = Vec::new();
    for entry in pages.iter().flat_map(|page| page.root().walk(&["entry"])) {
        let mode = entry.member("search").and_then(|search| search.member("mode"));
        let resource = entry.member("resource");
        match resource.and_then(|resource| resource.member("resourceType")) {
            Some(found_type) if found_type.is_string(name) => found.extend(resource),
            Some(found_type) if found_type.is_string("OperationOutcome") => {}
            Some(_) if mode.is_some_and(|mode| mode.is_string("include")) => {}
            Some(_) | None => return Err(NotEvidence::Strangers),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod misshapen;

#[cfg(test)]
mod tests {
    use fhir::json::{Limits, parse};

    use super::*;

    #[test]
    fn a_number_is_verified_by_the_status_of_either_code_system_and_by_nothing_else() {
        let of = |codes: &[&str]| {
            let codings: Vec<String> = codes.iter().map(|code| format!(r#"{{"code":"{code}"}}"#)).collect();
            let text = format!(
                r#"{{"resourceType":"Patient","id":"p","identifier":[{{"system":"https://fhir.nhs.uk/Id/nhs-number",
                "value":"9990000018","extension":[{{"url":"{VERIFICATION_STATUS}",
                "valueCodeableConcept":{{"coding":[{}]}}}}]}}]}}"#,
                codings.join(",")
            );
            let patient = parse(text.into(), &Limits::default()).expect("test input");
            facts_of(patient.root(), &Bases::none()).map(|facts| facts.verification)
        };
        use Verification::{NotStated, NotVerified, Verified};
        for (codes, expected) in [
            (&["01"][..], Verified),
            (&["number-present-and-verified"], Verified),
            (&["01", "number-present-and-verified"], Verified),
            (&["02"], NotVerified),
            (&["01", "number-present-but-not-traced"], NotVerified),
            (&[], NotStated),
        ] {
            assert_eq!(of(codes), Some(expected), "{codes:?}");
        }
    }
}
