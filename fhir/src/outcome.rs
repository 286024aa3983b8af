//! `OperationOutcome`: what a caller is told when something did not go, or went with a caveat.
//!
//! Texts are fixed when the program is written, or made of the site's own settings. Nothing of a request and nothing
//! of a record belongs in one.

use std::borrow::Cow;

use crate::element::{Element, Resource};
use crate::{json, xml};

/// How bad an issue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// Nothing further could be done.
    Fatal,
    /// The request was not carried out.
    Error,
    /// It was carried out, with something to heed.
    Warning,
    /// Something to know.
    Information,
}

/// What kind of issue it is (`http://hl7.org/fhir/issue-type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are FHIR's own and the code system explains them")]
pub enum IssueType {
    Invalid,
    Structure,
    Required,
    Value,
    Invariant,
    Security,
    Login,
    Unknown,
    Expired,
    Forbidden,
    Suppressed,
    Processing,
    NotSupported,
    Duplicate,
    MultipleMatches,
    NotFound,
    Deleted,
    TooLong,
    CodeInvalid,
    Extension,
    TooCostly,
    BusinessRule,
    Conflict,
    Transient,
    LockError,
    NoStore,
    Exception,
    Timeout,
    Incomplete,
    Throttled,
    Informational,
}

/// Codes that UK systems already know for refusals, with the code system each is found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpineCode {
    /// A consent or dissent stops it.
    NoPatientConsent,
    /// No sharing agreement in force covers it.
    NoOrganisationConsent,
    /// No legitimate relationship.
    NoRelationship,
    /// The role or its activities do not allow it.
    AccessDenied,
    /// A restricted person's record cannot be updated.
    ForbiddenUpdate,
    /// The record was invalidated and is never returned.
    InvalidatedResource,
    /// The version named is not the current one.
    ResourceVersionMismatch,
    /// A precondition is missing or does not hold.
    PreconditionFailed,
}

/// One issue of an [`OperationOutcome`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    severity: Severity,
    issue_type: IssueType,
    text: Cow<'static, str>,
    code: Option<SpineCode>,
    expressions: Vec<&'static str>,
}

/// One or more issues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationOutcome {
    first: Issue,
    others: Vec<Issue>,
}

impl Issue {
    /// An issue with a text fixed in the program.
    pub fn new(severity: Severity, issue_type: IssueType, text: &'static str) -> Self {
        Self { severity, issue_type, text: Cow::Borrowed(text), code: None, expressions: Vec::new() }
    }

    /// An issue whose text is made of the site's own settings, such as the title of an agreement.
    pub fn from_settings(severity: Severity, issue_type: IssueType, text: String) -> Self {
        Self { severity, issue_type, text: Cow::Owned(text), code: None, expressions: Vec::new() }
    }

    /// The same with a code that UK systems know.
    #[must_use]
    pub fn with_code(mut self, code: SpineCode) -> Self {
        self.code = Some(code);
        self
    }

    /// The same, pointing at an element path or a search parameter by the name that the standard gives it.
    #[must_use]
    pub fn with_expression(mut self, expression: &'static str) -> Self {
        self.expressions.push(expression);
        self
    }

    fn element(&self) -> Element {
        let coding = self.code.map(|code| vec![Element::coding(code.system(), code.code(), None)]);
        Element::new()
            .with("severity", self.severity.code())
            .with("code", self.issue_type.code())
            .with("details", Element::new().with("coding", coding).with("text", self.text.as_ref()))
            .with("expression", self.expressions.clone())
    }
}

impl OperationOutcome {
    /// An outcome with one issue.
    pub fn new(issue: Issue) -> Self {
        Self { first: issue, others: Vec::new() }
    }

    /// An outcome with one error.
    pub fn error(issue_type: IssueType, text: &'static str) -> Self {
        Self::new(Issue::new(Severity::Error, issue_type, text))
    }

    /// The same with one more issue.
    #[must_use]
    pub fn and(mut self, issue: Issue) -> Self {
        self.others.push(issue);
        self
    }

    /// The issues, in order.
    pub fn issues(&self) -> impl Iterator<Item = &Issue> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// As a resource, to stand in a Bundle.
    pub fn to_resource(&self) -> Resource {
        Resource::new("OperationOutcome").with("issue", self.issues().map(Issue::element).collect::<Vec<_>>())
    }

    /// As FHIR JSON.
    pub fn to_json(&self) -> Vec<u8> {
        self.to_resource().to_json()
    }

    /// As FHIR XML; nothing when a text of the site's settings holds what XML cannot say.
    pub fn to_xml(&self) -> Option<Vec<u8>> {
        let document = json::parse(self.to_json().into(), &json::Limits::default()).ok()?;
        xml::from_json(document.root(), &xml::Limits::default()).ok()
    }
}

impl From<Issue> for OperationOutcome {
    fn from(issue: Issue) -> Self {
        Self::new(issue)
    }
}

impl Severity {
    /// The code of `http://hl7.org/fhir/issue-severity`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Fatal => "fatal",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Information => "information",
        }
    }
}

impl IssueType {
    /// The code of `http://hl7.org/fhir/issue-type`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Structure => "structure",
            Self::Required => "required",
            Self::Value => "value",
            Self::Invariant => "invariant",
            Self::Security => "security",
            Self::Login => "login",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Forbidden => "forbidden",
            Self::Suppressed => "suppressed",
            Self::Processing => "processing",
            Self::NotSupported => "not-supported",
            Self::Duplicate => "duplicate",
            Self::MultipleMatches => "multiple-matches",
            Self::NotFound => "not-found",
            Self::Deleted => "deleted",
            Self::TooLong => "too-long",
            Self::CodeInvalid => "code-invalid",
            Self::Extension => "extension",
            Self::TooCostly => "too-costly",
            Self::BusinessRule => "business-rule",
            Self::Conflict => "conflict",
            Self::Transient => "transient",
            Self::LockError => "lock-error",
            Self::NoStore => "no-store",
            Self::Exception => "exception",
            Self::Timeout => "timeout",
            Self::Incomplete => "incomplete",
            Self::Throttled => "throttled",
            Self::Informational => "informational",
        }
    }
}

impl SpineCode {
    /// The code as those systems spell it.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoPatientConsent => "NO_PATIENT_CONSENT",
            Self::NoOrganisationConsent => "NO_ORGANISATION_CONSENT",
            Self::NoRelationship => "NO_RELATIONSHIP",
            Self::AccessDenied => "ACCESS_DENIED",
            Self::ForbiddenUpdate => "FORBIDDEN_UPDATE",
            Self::InvalidatedResource => "INVALIDATED_RESOURCE",
            Self::ResourceVersionMismatch => "RESOURCE_VERSION_MISMATCH",
            Self::PreconditionFailed => "PRECONDITION_FAILED",
        }
    }

    /// The code system: UK Core where it has the code, GP Connect's for the three that it lacks.
    pub fn system(self) -> &'static str {
        match self {
            Self::NoPatientConsent | Self::NoOrganisationConsent | Self::NoRelationship => {
                "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"
            }
            Self::AccessDenied
            | Self::ForbiddenUpdate
            | Self::InvalidatedResource
            | Self::ResourceVersionMismatch
            | Self::PreconditionFailed => "https://fhir.hl7.org.uk/CodeSystem/UKCore-SpineErrorOrWarningCode",
        }
    }
}
