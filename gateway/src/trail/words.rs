//! Plain English for codes that stand in records: what a person reads on her page.

/// What kind of data a resource type is, in everyday words.
#[must_use]
pub(super) fn kind(resource_type: &str) -> &'static str {
    match resource_type {
        "Patient" | "RelatedPerson" => "name and personal details",
        "Condition" => "health problems",
        "AllergyIntolerance" => "allergies",
        "MedicationRequest"
        | "MedicationStatement"
        | "MedicationAdministration"
        | "MedicationDispense"
        | "Medication" => "medicines",
        "Observation" | "DiagnosticReport" => "test results and measurements",
        "Procedure" => "operations and treatments",
        "Immunization" => "vaccinations",
        "Encounter" | "EpisodeOfCare" => "hospital stays and visits",
        "Appointment" => "appointments",
        "CarePlan" | "Goal" => "care plans",
        "CareTeam" => "the people who care for you",
        "ServiceRequest" | "Task" => "referrals",
        "Composition" | "DocumentReference" | "Binary" | "Bundle" => "letters and documents",
        "Consent" => "your choices about sharing",
        "AuditEvent" | "Provenance" => "the list of who has seen your record",
        "Flag" => "alerts",
        "QuestionnaireResponse" => "answers to questions",
        "Coverage" | "Account" | "Claim" => "payments",
        _ => "other parts of your record",
    }
}

/// Why a request was refused, in everyday words.
#[must_use]
pub(super) fn refusal(reason: Option<&str>) -> String {
    let text = match reason.unwrap_or_default() {
        "no-sharing-agreement" => "They were refused: there is no sharing agreement with their organisation.",
        "role-not-covered" => "They were refused: their job does not need this information.",
        "supervision-missing" => "They were refused: they need a supervisor for this, and none was named.",
        "purpose-not-covered" => "They were refused: information is not shared for the purpose they gave.",
        "override-reason-missing" => "They were refused: they said it was an emergency but gave no reason.",
        "type-not-shared" | "nothing-necessary" => {
            "They were refused: they do not need this kind of information."
        }
        "search-reads-hidden-element"
        | "search-names-no-person"
        | "search-negates-hidden-element"
        | "search-not-served" => "They were refused: they searched by something they may not see.",
        "no-legitimate-relationship" => "They were refused: they are not recorded as part of your care.",
        "consent-denied" => "They were refused: you have said no to this sharing.",
        "opted-out" => "They were refused: you have opted out of uses other than your own care.",
        "implied-consent-does-not-cover" => {
            "They were refused: this is not for your own care, and you have not agreed to it."
        }
        "labelled" => "They were refused: this information is marked as sensitive.",
        "shielded" => "They were refused: your details are specially protected.",
        "person-uncertain" => "They were refused: it was not certain that the record was yours.",
        _ => "They were refused, and nothing was shared.",
    };
    text.to_owned()
}

/// A tie of care as it is recorded, in everyday words.
#[must_use]
pub(super) fn relationship(recorded: &str) -> String {
    let text = match recorded.split(' ').next().unwrap_or_default() {
        "care-team" => "Their organisation is in your care team",
        "encounter" => "Their organisation looked after you during a stay or visit",
        "episode-of-care" => "Their organisation has you in its care",
        "referral" => "You were referred to their organisation",
        "stated" => "The message about your care was addressed to them",
        "overridden" => "No link to your care is recorded; this was an emergency access",
        _ => return String::new(),
    };
    text.to_owned()
}

/// What was kept back, in everyday words; never which.
#[must_use]
pub(super) fn kept_back(withheld: &[(String, u32)]) -> String {
    let resources = withheld.iter().any(|(what, _)| !what.contains('.'));
    let elements = withheld.iter().any(|(what, _)| what.contains('.'));
    let text = match (resources, elements) {
        (true, _) => "Some parts of your record were kept back",
        (false, true) => "Details that they do not need were kept back",
        (false, false) => "",
    };
    text.to_owned()
}
