use fhir::outcome::{Issue, IssueType, OperationOutcome, Severity, SpineCode};
use serde_json::json;

use crate::corpus;

#[test]
fn a_refusal_says_kind_text_and_the_code_that_uk_systems_know() {
    let issue = Issue::new(Severity::Error, IssueType::Forbidden, "no legitimate relationship is recorded")
        .with_code(SpineCode::NoRelationship);
    assert_eq!(
        corpus::tree(&OperationOutcome::new(issue).to_json()),
        json!({
            "resourceType": "OperationOutcome",
            "issue": [{
                "severity": "error",
                "code": "forbidden",
                "details": {
                    "coding": [{
                        "system": "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1",
                        "code": "NO_RELATIONSHIP"
                    }],
                    "text": "no legitimate relationship is recorded"
                }
            }]
        })
    );
}

#[test]
fn several_issues_keep_their_order_and_expressions_are_texts() {
    let outcome = OperationOutcome::error(IssueType::Invalid, "first").and(
        Issue::new(Severity::Warning, IssueType::NotSupported, "second").with_expression("Patient.name"),
    );
    let text = String::from_utf8(outcome.to_json()).expect("UTF-8");
    assert_eq!(
        text,
        concat!(
            r#"{"resourceType":"OperationOutcome","issue":["#,
            r#"{"severity":"error","code":"invalid","details":{"text":"first"}},"#,
            r#"{"severity":"warning","code":"not-supported","details":{"text":"second"},"expression":["Patient.name"]}]}"#
        )
    );
}
