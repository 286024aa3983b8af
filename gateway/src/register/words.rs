//! Plain English for codes: what people read in the register.

use fhir::security_label::SecurityLabel;
use jiff::civil::Date;

use crate::agreement::{ConfidentialityBasis, Identifiability, RelationshipKind};

/// `1 April 2026`.
pub(super) fn day(day: Date) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let month =
        usize::try_from(day.month() - 1).ok().and_then(|at| MONTHS.get(at)).copied().unwrap_or_default();
    format!("{} {month} {}", day.day(), day.year())
}

/// What kind of information a resource type holds.
pub(super) fn kind(resource_type: &str) -> String {
    let known = match resource_type {
        "Patient" => "The person",
        "RelatedPerson" => "Family and friends",
        "Encounter" => "Hospital stays and visits",
        "EpisodeOfCare" => "Periods of care",
        "Condition" => "Health problems",
        "AllergyIntolerance" => "Allergies and intolerances",
        "MedicationRequest" | "MedicationStatement" | "MedicationAdministration" | "MedicationDispense" => {
            "Medicines"
        }
        "Medication" => "Details of medicines",
        "Observation" => "Findings and measurements",
        "DiagnosticReport" => "Test reports",
        "Procedure" => "Operations and treatments",
        "Immunization" => "Vaccinations",
        "Appointment" => "Appointments",
        "CarePlan" => "Care plans",
        "Goal" => "Goals",
        "CareTeam" => "People who care for the person",
        "ServiceRequest" => "Referrals and requests",
        "Task" => "Tasks",
        "Composition" => "Letters",
        "DocumentReference" => "Documents",
        "Binary" => "Files of documents",
        "Consent" => "Choices about sharing",
        "Flag" => "Alerts",
        "QuestionnaireResponse" => "Answers to questions",
        "Practitioner" | "PractitionerRole" => "Staff",
        "Organization" => "Organisations",
        "HealthcareService" => "Services",
        "Location" => "Places",
        "Device" => "Devices",
        other => return spaced(other),
    };
    known.to_owned()
}

/// An element path in words: `address.postalCode` is `address: postal code`.
pub(super) fn element(path: &str) -> String {
    if let Some(url) = path.strip_prefix("extension:") {
        return format!("Additional detail ({url})");
    }
    if let Some(system) = path.strip_prefix("identifier:") {
        return match system {
            fhir::identifier::ODS_ORGANIZATION_CODE => "ODS code".to_owned(),
            fhir::identifier::NHS_NUMBER => "NHS number".to_owned(),
            other => format!("Identifier ({other})"),
        };
    }
    if let Some((list, key)) = path.split_once(':').filter(|(list, _)| !list.contains('.')) {
        return format!("{} ({key})", element(list));
    }
    if let Some((before, url)) = path.split_once(".extension:") {
        return format!("{}: additional detail ({url})", element(before));
    }
    let steps: Vec<_> = path.split('.').map(|step| step_words(step.trim_end_matches("[x]"))).collect();
    let mut text = steps.join(": ");
    if let Some(first) = text.get(..1).map(str::to_uppercase) {
        text.replace_range(..1, &first);
    }
    text
}

fn step_words(name: &str) -> String {
    match name {
        "telecom" => "telephone and e-mail".to_owned(),
        "identifier" => "NHS number".to_owned(),
        "communication" => "languages".to_owned(),
        "onset" => "since when".to_owned(),
        "effective" | "occurrence" => "when".to_owned(),
        "value" => "result".to_owned(),
        "deceased" => "whether the person has died".to_owned(),
        "link" => "links between records of the person".to_owned(),
        "active" => "whether the record is in use".to_owned(),
        other => spaced(other).to_lowercase(),
    }
}

/// `postalCode` is `postal Code`.
fn spaced(name: &str) -> String {
    name.chars().enumerate().fold(String::new(), |mut text, (at, letter)| {
        if at > 0 && letter.is_uppercase() {
            text.push(' ');
        }
        text.push(letter);
        text
    })
}

/// A security label in words.
pub(super) fn label(label: &SecurityLabel) -> String {
    if let Some(sensitivity) = label.sensitivity() {
        return sensitivity.display().to_owned();
    }
    match label.confidentiality() {
        Some(degree) => format!("confidentiality {} or higher", degree.code()),
        None => label.code().to_owned(),
    }
}

/// The basis in confidentiality in words.
pub(super) const fn confidentiality(basis: ConfidentialityBasis) -> &'static str {
    match basis {
        ConfidentialityBasis::ImpliedConsent => "implied consent for the person's own care",
        ConfidentialityBasis::ExplicitConsent => "the person's explicit consent",
        ConfidentialityBasis::LegalDuty => "a duty in law",
        ConfidentialityBasis::Section251 => "support under section 251 of the NHS Act 2006",
        ConfidentialityBasis::PublicInterest => "overriding public interest",
    }
}

/// What people can do about it.
pub(super) const fn choice(basis: ConfidentialityBasis) -> &'static str {
    match basis {
        ConfidentialityBasis::ImpliedConsent => {
            "People can object. An objection that is recorded stops the sharing, save in the exceptions below. The \
             national data opt-out is not about a person's own care."
        }
        ConfidentialityBasis::ExplicitConsent => {
            "Nothing is shared unless the person has said yes, and may say no again."
        }
        ConfidentialityBasis::LegalDuty
        | ConfidentialityBasis::Section251
        | ConfidentialityBasis::PublicInterest => {
            "An objection that is recorded stops the sharing, save in the exceptions below."
        }
    }
}

/// Whether people can be known from what is shared.
pub(super) const fn identifiability(of: Identifiability) -> &'static str {
    match of {
        Identifiability::Identifiable => "identifiable: it says who the person is",
        Identifiability::Pseudonymised => "pseudonymised: a key stands in the place of the person",
        Identifiability::Anonymised => "anonymised: it does not say who the person is",
    }
}

/// A tie of care in words.
pub(super) const fn tie(kind: RelationshipKind) -> &'static str {
    match kind {
        RelationshipKind::CareTeam => "is in the person's care team",
        RelationshipKind::Encounter => "looks after the person during a stay or visit",
        RelationshipKind::EpisodeOfCare => "has the person in its care",
        RelationshipKind::Referral => "has been sent a referral of the person",
    }
}
