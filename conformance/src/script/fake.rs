//! Resources that are made up where a script asks for one of a type without saying more.
//!
//! Only of types for which little is required and no code has to be chosen; of others none is made up.

/// What R4 wants of a resource of a type, and a marker that it is made up.
const LEAST: [(&str, &str); 14] = [
    ("Patient", r#""active":true,"name":[{"family":"Made-up","given":["Pat"]}]"#),
    ("Practitioner", r#""active":true,"name":[{"family":"Made-up"}]"#),
    ("PractitionerRole", r#""active":true"#),
    ("Organization", r#""active":true,"name":"Made-up""#),
    ("Location", r#""name":"Made-up""#),
    ("HealthcareService", r#""active":true,"name":"Made-up""#),
    ("Device", r#""deviceName":[{"name":"Made-up","type":"user-friendly-name"}]"#),
    ("Medication", r#""code":{"text":"Made-up"}"#),
    ("Observation", r#""status":"final","code":{"text":"Made-up"}"#),
    ("Basic", r#""code":{"text":"Made-up"}"#),
    ("Binary", r#""contentType":"text/plain","data":"bWFkZSB1cA==""#),
    ("Questionnaire", r#""status":"draft""#),
    ("ValueSet", r#""status":"draft""#),
    ("CodeSystem", r#""status":"draft","content":"not-present""#),
];

/// A resource of this type.
pub(crate) fn resource(kind: &str) -> Option<String> {
    let (_, members) = LEAST.iter().find(|(held, _)| *held == kind)?;
    Some(format!(r#"{{"resourceType":"{kind}",{members}}}"#))
}
