//! The parameters of the store, and where each looks: written by hand for the types that it knows well.

/// What a parameter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compares {
    Token,
    Text,
    Date,
    Number,
    Quantity,
    Reference,
    Uri,
    Composite,
}

impl Compares {
    /// Its code.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Text => "string",
            Self::Date => "date",
            Self::Number => "number",
            Self::Quantity => "quantity",
            Self::Reference => "reference",
            Self::Uri => "uri",
            Self::Composite => "composite",
        }
    }
}

/// A parameter: its name, what it compares, and the members that lead to its values, by alternatives.
///
/// Of a composite the first path leads to what holds its parts, and the others are the parts: first the kind, then the
/// member.
pub(crate) type Row = (&'static str, Compares, &'static [&'static str]);

use Compares::{Composite, Date, Number, Quantity, Reference, Text, Token, Uri};

/// Those of every type.
pub(crate) const COMMON: &[Row] = &[
    ("_id", Token, &["id"]),
    ("_lastUpdated", Date, &["meta.lastUpdated"]),
    ("_tag", Token, &["meta.tag"]),
    ("identifier", Token, &["identifier"]),
];

/// Those of a type beside the common ones.
pub(crate) fn rows(resource_type: &str) -> &'static [Row] {
    match resource_type {
        "Patient" => &[
            ("active", Token, &["active"]),
            ("address", Text, &["address"]),
            ("address-city", Text, &["address.city"]),
            ("address-postalcode", Text, &["address.postalCode"]),
            ("birthdate", Date, &["birthDate"]),
            ("email", Token, &["telecom=email"]),
            ("family", Text, &["name.family"]),
            ("gender", Token, &["gender"]),
            ("given", Text, &["name.given"]),
            ("name", Text, &["name"]),
            ("phone", Token, &["telecom=phone"]),
            ("telecom", Token, &["telecom"]),
        ],
        "Observation" => &[
            ("code", Token, &["code"]),
            ("code-value-quantity", Composite, &["", "token code", "quantity valueQuantity"]),
            ("component-code", Token, &["component.code"]),
            (
                "component-code-value-quantity",
                Composite,
                &["component", "token code", "quantity valueQuantity"],
            ),
            ("component-value-quantity", Quantity, &["component.valueQuantity"]),
            ("date", Date, &["effectiveDateTime", "effectivePeriod", "effectiveInstant"]),
            ("encounter", Reference, &["encounter"]),
            ("patient", Reference, &["subject>Patient"]),
            ("performer", Reference, &["performer"]),
            ("status", Token, &["status"]),
            ("subject", Reference, &["subject"]),
            ("value-concept", Token, &["valueCodeableConcept"]),
            ("value-quantity", Quantity, &["valueQuantity"]),
            ("value-string", Text, &["valueString"]),
        ],
        "Condition" => &[
            ("clinical-status", Token, &["clinicalStatus"]),
            ("code", Token, &["code"]),
            ("onset-date", Date, &["onsetDateTime", "onsetPeriod"]),
            ("patient", Reference, &["subject>Patient"]),
            ("recorded-date", Date, &["recordedDate"]),
            ("subject", Reference, &["subject"]),
            ("verification-status", Token, &["verificationStatus"]),
        ],
        "Encounter" => &[
            ("class", Token, &["class"]),
            ("date", Date, &["period"]),
            ("patient", Reference, &["subject>Patient"]),
            ("status", Token, &["status"]),
            ("subject", Reference, &["subject"]),
        ],
        "RiskAssessment" => &[
            ("date", Date, &["occurrenceDateTime"]),
            ("patient", Reference, &["subject>Patient"]),
            ("probability", Number, &["prediction.probabilityDecimal"]),
            ("subject", Reference, &["subject"]),
        ],
        "ValueSet" => &[
            ("name", Text, &["name"]),
            ("status", Token, &["status"]),
            ("title", Text, &["title"]),
            ("url", Uri, &["url"]),
        ],
        _ => &[],
    }
}

/// The parameter of that name.
pub(crate) fn row(resource_type: &str, name: &str) -> Option<&'static Row> {
    rows(resource_type).iter().chain(COMMON).find(|(known, _, _)| *known == name)
}

/// The names of the parameters that follow references, with their types: `Observation:subject`.
pub(crate) fn followed(resource_type: &str) -> Vec<String> {
    let rows = rows(resource_type).iter().filter(|(_, kind, _)| *kind == Reference);
    rows.map(|(name, _, _)| format!("{resource_type}:{name}")).collect()
}

/// Every type with parameters that follow references.
pub(crate) const REFERRING: [&str; 4] = ["Observation", "Condition", "Encounter", "RiskAssessment"];
