//! II as an Identifier.

use fhir::identifier::{NHS_NUMBER, URI};
use fhir::nhs_number::NhsNumber;

use super::coded::Known;
use super::codes::{is_oid, is_uuid};
use super::source::Element;
use crate::tree::{Node, Object};
use crate::{Severity, Why};

/// An NHS number that was traced.
pub(super) const TRACED: &str = "2.16.840.1.113883.2.1.4.1";
/// One that somebody said.
pub(super) const UNTRACED: &str = "2.16.840.1.113883.2.1.3.2.4.18.23";
const VERIFICATION: &str =
    "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus";

impl Known<'_> {
    /// An II as an Identifier. What is called an NHS number but is none is kept as a plain value.
    pub(super) fn identifier(&self, element: Element<'_>) -> Option<Node> {
        let root = element.peek("root");
        let extension = element.peek("extension");
        let mut identifier = Object::new();
        match (root, extension) {
            (Some(root @ (TRACED | UNTRACED)), Some(value)) => {
                let digits: String = value.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect();
                match NhsNumber::parse(&digits) {
                    Ok(number) => {
                        if root == UNTRACED {
                            identifier.put("extension", Node::List(vec![self.untraced()?]));
                        }
                        identifier.put("system", Node::text(NHS_NUMBER));
                        identifier.put("value", Node::text(number.as_str()));
                    }
                    Err(_) => {
                        element.remark(Some("extension"), Why::NotAnNhsNumber, Severity::Major);
                        identifier.put("value", Node::text(value));
                    }
                }
            }
            (Some(root), Some(value)) => {
                match self.system(root) {
                    Some(system) => identifier.put("system", Node::Text(system)),
                    None => element.remark(Some("root"), Why::NotOfType, Severity::Minor),
                }
                identifier.put("value", Node::text(value));
            }
            (Some(root), None) => {
                identifier.put("system", Node::text(URI));
                identifier.put("value", Node::Text(alone(root)));
            }
            (None, Some(value)) => identifier.put("value", Node::text(value)),
            (None, None) => return None,
        }
        element.mark(&["root", "extension", "displayable"]);
        if let Some(assigner) = element.take("assigningAuthorityName") {
            identifier.put("assigner", Object::new().with("display", Node::text(assigner)).into());
        }
        Some(identifier.into())
    }

    /// The system of identifiers under `root`, as the sender's context or the tables have it.
    fn system(&self, root: &str) -> Option<String> {
        let own = self.context.identifier_systems.get(&root.to_ascii_uppercase());
        own.cloned().or_else(|| self.codes.system(root))
    }

    fn untraced(&self) -> Option<Node> {
        let status = self.codes.target("nhs-number-verification", "02")?.concept();
        Some(Object::new().with("url", Node::text(VERIFICATION)).with("valueCodeableConcept", status).into())
    }
}

/// What names an instance all by itself.
pub(super) fn alone(root: &str) -> String {
    if is_oid(root) {
        format!("urn:oid:{root}")
    } else if is_uuid(root) {
        format!("urn:uuid:{}", root.to_ascii_lowercase())
    } else {
        root.to_owned()
    }
}
