//! The search parameters a stand-in knows, as data: the R4 definition of each in one row.

/// How a parameter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The logical id.
    Id,
    /// A code, coding, concept or identifier.
    Token,
    /// A reference to another resource.
    Reference,
    /// Text, by its beginning.
    Text,
    /// A date or period.
    Date,
    /// An address, whole.
    Uri,
    /// A number, to the digits it is asked with.
    Number,
    /// A number with a unit.
    Quantity,
    /// A telephone number or address of this system.
    Contact(&'static str),
    /// Two values of one element, each by its kind and the paths below it.
    Composite(&'static [Part; 2]),
}

/// One of the values of a composite.
pub(super) type Part = (Kind, &'static [&'static str]);

/// One search parameter of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Dotted paths into the resource, or-ed; an empty one is the resource itself.
    pub(super) paths: &'static [&'static str],
    /// The type a bare id refers to; empty when any type may.
    pub(super) target: &'static str,
}

/// A resource type and its parameters.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) name: &'static str,
    pub(super) parameters: &'static [Parameter],
}

const fn token(name: &'static str, paths: &'static [&'static str]) -> Parameter {
    Parameter { name, kind: Kind::Token, paths, target: "" }
}

const fn text(name: &'static str, paths: &'static [&'static str]) -> Parameter {
    Parameter { name, kind: Kind::Text, paths, target: "" }
}

const fn date(name: &'static str, paths: &'static [&'static str]) -> Parameter {
    Parameter { name, kind: Kind::Date, paths, target: "" }
}

const fn uri(name: &'static str, paths: &'static [&'static str]) -> Parameter {
    Parameter { name, kind: Kind::Uri, paths, target: "" }
}

const fn number(name: &'static str, paths: &'static [&'static str]) -> Parameter {
    Parameter { name, kind: Kind::Number, paths, target: "" }
}

const fn quantity(name: &'static str, paths: &'static [&'static str]) -> Parameter {
    Parameter { name, kind: Kind::Quantity, paths, target: "" }
}

const fn composite(
    name: &'static str,
    paths: &'static [&'static str],
    parts: &'static [Part; 2],
) -> Parameter {
    Parameter { name, kind: Kind::Composite(parts), paths, target: "" }
}

const fn reference(name: &'static str, paths: &'static [&'static str], target: &'static str) -> Parameter {
    Parameter { name, kind: Kind::Reference, paths, target }
}

/// Every type has it.
pub(super) const ID: Parameter = Parameter { name: "_id", kind: Kind::Id, paths: &["id"], target: "" };
/// Every type has it.
pub(super) const LAST_UPDATED: Parameter = date("_lastUpdated", &["meta.lastUpdated"]);
const CODE_PART: Part = (Kind::Token, &["code"]);
const CONCEPT_PART: Part = (Kind::Token, &["valueCodeableConcept"]);
const QUANTITY_PART: Part = (Kind::Quantity, &["valueQuantity"]);
const DATE_PART: Part = (Kind::Date, &["valueDateTime", "valuePeriod"]);
const TEXT_PART: Part = (Kind::Text, &["valueString"]);
const IDENTIFIER: Parameter = token("identifier", &["identifier"]);
const STATUS: Parameter = token("status", &["status"]);
const CODE: Parameter = token("code", &["code"]);
const CATEGORY: Parameter = token("category", &["category"]);
const SUBJECT: Parameter = reference("subject", &["subject"], "Patient");
const PATIENT_AS_SUBJECT: Parameter = reference("patient", &["subject"], "Patient");
const PATIENT: Parameter = reference("patient", &["patient"], "Patient");
const ENCOUNTER: Parameter = reference("encounter", &["encounter"], "Encounter");
const CLINICAL_STATUS: Parameter = token("clinical-status", &["clinicalStatus"]);

/// Every type a stand-in holds.
pub(super) const TYPES: &[Served] = &[
    Served { name: "Account", parameters: &[IDENTIFIER, reference("subject", &["subject"], "")] },
    Served {
        name: "AllergyIntolerance",
        parameters: &[IDENTIFIER, PATIENT, CODE, CATEGORY, CLINICAL_STATUS],
    },
    Served { name: "Appointment", parameters: &[IDENTIFIER, STATUS] },
    Served { name: "AuditEvent", parameters: &[] },
    Served { name: "Basic", parameters: &[IDENTIFIER, SUBJECT] },
    Served { name: "Binary", parameters: &[] },
    Served { name: "Bundle", parameters: &[IDENTIFIER, token("type", &["type"])] },
    Served { name: "CarePlan", parameters: &[IDENTIFIER, PATIENT_AS_SUBJECT, SUBJECT, STATUS, CATEGORY] },
    Served {
        name: "CareTeam",
        parameters: &[
            IDENTIFIER,
            PATIENT_AS_SUBJECT,
            SUBJECT,
            STATUS,
            CATEGORY,
            ENCOUNTER,
            reference("participant", &["participant.member"], ""),
        ],
    },
    Served { name: "ClinicalImpression", parameters: &[IDENTIFIER, PATIENT_AS_SUBJECT, SUBJECT, STATUS] },
    Served { name: "Communication", parameters: &[IDENTIFIER, PATIENT_AS_SUBJECT, SUBJECT, STATUS] },
    Served {
        name: "Composition",
        parameters: &[
            IDENTIFIER,
            PATIENT_AS_SUBJECT,
            SUBJECT,
            STATUS,
            token("type", &["type"]),
            date("date", &["date"]),
        ],
    },
    Served {
        name: "Condition",
        parameters: &[
            IDENTIFIER,
            PATIENT_AS_SUBJECT,
            SUBJECT,
            CODE,
            CATEGORY,
            CLINICAL_STATUS,
            token("verification-status", &["verificationStatus"]),
            ENCOUNTER,
            quantity("onset-age", &["onsetAge"]),
            text("onset-info", &["onsetString"]),
            date("onset-date", &["onsetDateTime", "onsetPeriod"]),
            date("recorded-date", &["recordedDate"]),
        ],
    },
    Served { name: "Consent", parameters: &[IDENTIFIER, PATIENT, STATUS, CATEGORY] },
    Served { name: "Device", parameters: &[IDENTIFIER, PATIENT] },
    Served {
        name: "DiagnosticReport",
        parameters: &[IDENTIFIER, PATIENT_AS_SUBJECT, SUBJECT, CODE, CATEGORY, STATUS],
    },
    Served {
        name: "DocumentReference",
        parameters: &[
            IDENTIFIER,
            PATIENT_AS_SUBJECT,
            SUBJECT,
            STATUS,
            CATEGORY,
            token("type", &["type"]),
            date("date", &["date"]),
            uri("location", &["content.attachment.url"]),
        ],
    },
    Served {
        name: "Encounter",
        parameters: &[
            IDENTIFIER,
            PATIENT_AS_SUBJECT,
            SUBJECT,
            STATUS,
            token("class", &["class"]),
            date("date", &["period"]),
            reference("service-provider", &["serviceProvider"], "Organization"),
        ],
    },
    Served { name: "Endpoint", parameters: &[IDENTIFIER] },
    Served {
        name: "EpisodeOfCare",
        parameters: &[
            IDENTIFIER,
            PATIENT,
            STATUS,
            reference("organization", &["managingOrganization"], "Organization"),
        ],
    },
    Served { name: "FamilyMemberHistory", parameters: &[IDENTIFIER, PATIENT] },
    Served { name: "Flag", parameters: &[IDENTIFIER, PATIENT_AS_SUBJECT, SUBJECT] },
    Served {
        name: "Group",
        parameters: &[
            IDENTIFIER,
            CODE,
            token("type", &["type"]),
            reference("member", &["member.entity"], ""),
        ],
    },
    Served { name: "ImagingStudy", parameters: &[IDENTIFIER, PATIENT_AS_SUBJECT, SUBJECT] },
    Served { name: "Immunization", parameters: &[IDENTIFIER, PATIENT, STATUS] },
    Served {
        name: "List",
        parameters: &[
            IDENTIFIER,
            PATIENT_AS_SUBJECT,
            SUBJECT,
            STATUS,
            CODE,
            reference("item", &["entry.item"], ""),
        ],
    },
    Served { name: "Location", parameters: &[IDENTIFIER, text("name", &["name"])] },
    Served { name: "MeasureReport", parameters: &[IDENTIFIER, PATIENT_AS_SUBJECT, SUBJECT] },
    Served { name: "Media", parameters: &[IDENTIFIER, PATIENT_AS_SUBJECT, SUBJECT] },
    Served { name: "Medication", parameters: &[IDENTIFIER, CODE] },
    Served {
        name: "MedicationRequest",
        parameters: &[
            IDENTIFIER,
            PATIENT_AS_SUBJECT,
            SUBJECT,
            STATUS,
            token("code", &["medicationCodeableConcept"]),
        ],
    },
    Served {
        name: "MedicationStatement",
        parameters: &[
            IDENTIFIER,
            PATIENT_AS_SUBJECT,
            SUBJECT,
            STATUS,
            token("code", &["medicationCodeableConcept"]),
        ],
    },
    Served { name: "MessageHeader", parameters: &[] },
    Served {
        name: "Observation",
        parameters: &[
            IDENTIFIER,
            PATIENT_AS_SUBJECT,
            SUBJECT,
            CODE,
            CATEGORY,
            STATUS,
            ENCOUNTER,
            date("date", &["effectiveDateTime", "effectivePeriod"]),
            reference("performer", &["performer"], ""),
            token("value-concept", &["valueCodeableConcept"]),
            quantity("value-quantity", &["valueQuantity"]),
            token("component-code", &["component.code"]),
            quantity("component-value-quantity", &["component.valueQuantity"]),
            token("component-value-concept", &["component.valueCodeableConcept"]),
            token("component-data-absent-reason", &["component.dataAbsentReason"]),
            text("value-string", &["valueString"]),
            date("value-date", &["valueDateTime", "valuePeriod"]),
            token("combo-code", &["code", "component.code"]),
            token("combo-value-concept", &["valueCodeableConcept", "component.valueCodeableConcept"]),
            quantity("combo-value-quantity", &["valueQuantity", "component.valueQuantity"]),
            composite("code-value-concept", &[""], &[CODE_PART, CONCEPT_PART]),
            composite("code-value-date", &[""], &[CODE_PART, DATE_PART]),
            composite("code-value-quantity", &[""], &[CODE_PART, QUANTITY_PART]),
            composite("code-value-string", &[""], &[CODE_PART, TEXT_PART]),
            composite("component-code-value-concept", &["component"], &[CODE_PART, CONCEPT_PART]),
            composite("component-code-value-quantity", &["component"], &[CODE_PART, QUANTITY_PART]),
            composite("combo-code-value-concept", &["", "component"], &[CODE_PART, CONCEPT_PART]),
            composite("combo-code-value-quantity", &["", "component"], &[CODE_PART, QUANTITY_PART]),
        ],
    },
    Served { name: "Organization", parameters: &[IDENTIFIER, text("name", &["name", "alias"])] },
    Served {
        name: "Patient",
        parameters: &[
            IDENTIFIER,
            token("active", &["active"]),
            date("birthdate", &["birthDate"]),
            token("gender", &["gender"]),
            text("family", &["name.family"]),
            text("given", &["name.given"]),
            text("name", &["name.family", "name.given", "name.text", "name.prefix", "name.suffix"]),
            text("address-postalcode", &["address.postalCode"]),
            token("telecom", &["telecom"]),
            Parameter { name: "phone", kind: Kind::Contact("phone"), paths: &["telecom"], target: "" },
            Parameter { name: "email", kind: Kind::Contact("email"), paths: &["telecom"], target: "" },
            text("address-country", &["address.country"]),
            text("address-state", &["address.state"]),
            token("address-use", &["address.use"]),
            text("address-city", &["address.city"]),
            text(
                "address",
                &[
                    "address.text",
                    "address.line",
                    "address.city",
                    "address.district",
                    "address.state",
                    "address.postalCode",
                    "address.country",
                ],
            ),
            reference("general-practitioner", &["generalPractitioner"], ""),
        ],
    },
    Served {
        name: "Person",
        parameters: &[IDENTIFIER, text("name", &["name.family", "name.given", "name.text"])],
    },
    Served {
        name: "Practitioner",
        parameters: &[IDENTIFIER, text("name", &["name.family", "name.given", "name.text"])],
    },
    Served {
        name: "PractitionerRole",
        parameters: &[
            IDENTIFIER,
            reference("practitioner", &["practitioner"], "Practitioner"),
            reference("organization", &["organization"], "Organization"),
            token("role", &["code"]),
        ],
    },
    Served { name: "Procedure", parameters: &[IDENTIFIER, PATIENT_AS_SUBJECT, SUBJECT, CODE, STATUS] },
    Served {
        name: "Provenance",
        parameters: &[reference("target", &["target"], ""), date("recorded", &["recorded"])],
    },
    Served { name: "QuestionnaireResponse", parameters: &[IDENTIFIER, PATIENT_AS_SUBJECT, SUBJECT, STATUS] },
    Served { name: "RelatedPerson", parameters: &[IDENTIFIER, PATIENT] },
    Served {
        name: "RiskAssessment",
        parameters: &[
            IDENTIFIER,
            PATIENT_AS_SUBJECT,
            SUBJECT,
            date("date", &["occurrenceDateTime", "occurrencePeriod"]),
            token("risk", &["prediction.qualitativeRisk"]),
            number("probability", &["prediction.probabilityDecimal"]),
        ],
    },
    Served {
        name: "ServiceRequest",
        parameters: &[
            IDENTIFIER,
            PATIENT_AS_SUBJECT,
            SUBJECT,
            STATUS,
            CODE,
            CATEGORY,
            reference("performer", &["performer"], ""),
        ],
    },
    Served { name: "Subscription", parameters: &[STATUS] },
    Served { name: "Task", parameters: &[IDENTIFIER, reference("patient", &["for"], "Patient"), STATUS] },
    Served {
        name: "ValueSet",
        parameters: &[
            IDENTIFIER,
            STATUS,
            uri("url", &["url"]),
            uri("reference", &["compose.include.system"]),
            text("name", &["name"]),
            text("title", &["title"]),
        ],
    },
];

/// The type of that name, when it is held here.
pub(super) fn served(name: &str) -> Option<&'static Served> {
    TYPES.iter().find(|served| served.name == name)
}

impl Served {
    /// The parameter of that name.
    pub(super) fn parameter(&self, name: &str) -> Option<&'static Parameter> {
        let of_all = [&ID, &LAST_UPDATED].into_iter();
        of_all.chain(self.parameters).find(|parameter| parameter.name == name)
    }
}
