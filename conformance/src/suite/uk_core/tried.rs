//! The checks on what the endpoint takes.

use serde_json::json;

use super::examples::Example;
use super::{check, taken};
use crate::check::{Check, Grade};

pub(super) const CHECKS: &[Check] = &[
    check(
        Grade::Should,
        "uk-core-takes-patient",
        "a Patient that conforms to UK Core is taken",
        "what is right is not shared",
        "https://hl7.org/fhir/R4/http.html#create",
        |bench| Box::pin(taken::takes(bench, Example::Patient)),
    ),
    check(
        Grade::Should,
        "uk-core-takes-organization",
        "a Organization that conforms to UK Core is taken",
        "what is right is not shared",
        "https://hl7.org/fhir/R4/http.html#create",
        |bench| Box::pin(taken::takes(bench, Example::Organization)),
    ),
    check(
        Grade::Should,
        "uk-core-takes-location",
        "a Location that conforms to UK Core is taken",
        "what is right is not shared",
        "https://hl7.org/fhir/R4/http.html#create",
        |bench| Box::pin(taken::takes(bench, Example::Location)),
    ),
    check(
        Grade::Should,
        "uk-core-takes-body-weight",
        "a body weight that conforms to UK Core is taken",
        "what is right is not shared",
        "https://hl7.org/fhir/R4/http.html#create",
        |bench| Box::pin(taken::takes(bench, Example::BodyWeight)),
    ),
    check(
        Grade::Should,
        "uk-core-takes-allergy-intolerance",
        "a AllergyIntolerance that conforms to UK Core is taken",
        "what is right is not shared",
        "https://hl7.org/fhir/R4/http.html#create",
        |bench| Box::pin(taken::takes(bench, Example::AllergyIntolerance)),
    ),
    check(
        Grade::Should,
        "uk-core-takes-immunization",
        "a Immunization that conforms to UK Core is taken",
        "what is right is not shared",
        "https://hl7.org/fhir/R4/http.html#create",
        |bench| Box::pin(taken::takes(bench, Example::Immunization)),
    ),
    check(
        Grade::Should,
        "uk-core-refuses-check-digit",
        "an NHS number whose check digit does not hold is refused",
        "it becomes another person's",
        "https://www.datadictionary.nhs.uk/attributes/nhs_number.html",
        |bench| Box::pin(taken::refuses(bench, Example::Patient, taken::wrong_digit)),
    ),
    check(
        Grade::Should,
        "uk-core-refuses-number-without-value",
        "an NHS number without a value is refused",
        "nobody can be found by it",
        "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient",
        |bench| Box::pin(taken::refuses(bench, Example::Patient, taken::no_value)),
    ),
    check(
        Grade::Should,
        "uk-core-refuses-two-numbers",
        "a Patient with two NHS numbers is refused",
        "nobody knows which one counts",
        "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient",
        |bench| Box::pin(taken::refuses(bench, Example::Patient, taken::two_numbers)),
    ),
    check(
        Grade::Should,
        "uk-core-refuses-status-as-text",
        "a verification status that is a text is refused",
        "nobody knows whether the number was traced",
        "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
        |bench| Box::pin(taken::refuses(bench, Example::Patient, taken::status_as_text)),
    ),
    check(
        Grade::Should,
        "uk-core-refuses-status-unknown",
        "a verification status of no value set is refused",
        "nobody knows whether the number was traced",
        "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
        |bench| Box::pin(taken::refuses(bench, Example::Patient, taken::status_unknown)),
    ),
    check(
        Grade::Should,
        "uk-core-refuses-status-misplaced",
        "a verification status beside a name is refused",
        "what it says is not read",
        "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
        |bench| Box::pin(taken::refuses(bench, Example::Patient, taken::status_misplaced)),
    ),
    check(
        Grade::Should,
        "uk-core-refuses-gender",
        "a gender of no value set is refused",
        "readers stop at it",
        "https://hl7.org/fhir/R4/valueset-administrative-gender.html",
        |bench| {
            Box::pin(taken::refuses(bench, Example::Patient, |held| {
                taken::put(held, "/gender", json!("feminine"))
            }))
        },
    ),
    check(
        Grade::Should,
        "uk-core-refuses-birth-date",
        "a birth date that is none is refused",
        "readers stop at it",
        "https://hl7.org/fhir/R4/datatypes.html#date",
        |bench| {
            Box::pin(taken::refuses(bench, Example::Patient, |held| {
                taken::put(held, "/birthDate", json!("23/11/1958"))
            }))
        },
    ),
    check(
        Grade::Should,
        "uk-core-refuses-organization-code",
        "an ODS code without a value is refused",
        "the organisation cannot be looked up",
        "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Organization",
        |bench| Box::pin(taken::refuses(bench, Example::Organization, taken::no_value)),
    ),
    check(
        Grade::Should,
        "uk-core-refuses-site-code",
        "an ODS site code without a value is refused",
        "the site cannot be looked up",
        "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Location",
        |bench| Box::pin(taken::refuses(bench, Example::Location, taken::no_value)),
    ),
    check(
        Grade::Should,
        "uk-core-refuses-weight-status",
        "a vital sign that is not final is refused",
        "UK Core fixes the status",
        "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Observation-VitalSigns",
        |bench| {
            Box::pin(taken::refuses(bench, Example::BodyWeight, |held| {
                taken::put(held, "/status", json!("preliminary"))
            }))
        },
    ),
    check(
        Grade::Should,
        "uk-core-refuses-weight-category",
        "a vital sign without a category is refused",
        "it is not found among vital signs",
        "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Observation-VitalSigns",
        |bench| Box::pin(taken::refuses(bench, Example::BodyWeight, |held| taken::without(held, "category"))),
    ),
    check(
        Grade::Should,
        "uk-core-refuses-weight-subject",
        "a vital sign of nobody is refused",
        "nobody knows whose it is",
        "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Observation-VitalSigns",
        |bench| Box::pin(taken::refuses(bench, Example::BodyWeight, |held| taken::without(held, "subject"))),
    ),
    check(
        Grade::Should,
        "uk-core-refuses-weight-time",
        "a vital sign without a time is refused",
        "nobody knows when it was",
        "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Observation-VitalSigns",
        |bench| {
            Box::pin(taken::refuses(bench, Example::BodyWeight, |held| {
                taken::without(held, "effectiveDateTime")
            }))
        },
    ),
    check(
        Grade::Should,
        "uk-core-refuses-weight-code",
        "a body weight with another code is refused",
        "it is read as something else",
        "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Observation-VitalSigns-BodyWeight",
        |bench| {
            Box::pin(taken::refuses(bench, Example::BodyWeight, |held| {
                taken::put(held, "/code/coding/0/code", json!("8302-2"))
            }))
        },
    ),
    check(
        Grade::Should,
        "uk-core-refuses-weight-unit",
        "a body weight in another unit is refused",
        "doses go wrong by it",
        "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Observation-VitalSigns-BodyWeight",
        |bench| {
            Box::pin(taken::refuses(bench, Example::BodyWeight, |held| {
                taken::put(held, "/valueQuantity/code", json!("[lb_av]"))
            }))
        },
    ),
    check(
        Grade::Should,
        "uk-core-refuses-allergy-without-code",
        "an allergy to nothing is refused",
        "nobody knows what to avoid",
        "https://fhir.hl7.org.uk/StructureDefinition/UKCore-AllergyIntolerance",
        |bench| {
            Box::pin(taken::refuses(bench, Example::AllergyIntolerance, |held| taken::without(held, "code")))
        },
    ),
    check(
        Grade::Should,
        "uk-core-refuses-reason-not-given",
        "an immunisation that was not given without a reason is refused",
        "nobody knows whether to ask again",
        "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Immunization",
        |bench| {
            Box::pin(taken::refuses(bench, Example::Immunization, |held| {
                taken::without(held, "statusReason")
            }))
        },
    ),
    check(
        Grade::Shall,
        "uk-core-no-false-patient",
        "no Patient is kept that claims a supported profile and does not conform",
        "a claim that does not hold misleads whoever reads by it",
        "https://hl7.org/fhir/R4/capabilitystatement-definitions.html#CapabilityStatement.rest.resource.supportedProfile",
        |bench| Box::pin(taken::no_false_claim(bench, Example::Patient, taken::no_value)),
    ),
    check(
        Grade::Shall,
        "uk-core-no-false-weight",
        "no body weight is kept that claims a supported profile and does not conform",
        "a claim that does not hold misleads whoever reads by it",
        "https://hl7.org/fhir/R4/capabilitystatement-definitions.html#CapabilityStatement.rest.resource.supportedProfile",
        |bench| {
            Box::pin(taken::no_false_claim(bench, Example::BodyWeight, |held| {
                taken::without(held, "category")
            }))
        },
    ),
];
