//! Which names and numbers of a person come out: none that joins who she was to who she is.

use fhir::identifier::NHS_NUMBER;
use fhir::json::Node;

use super::plan::{IdentifierPlan, PlanId};
use crate::enforce::persons::is_nhs_number;

/// Uses of names that are not those of today.
const FORMER: [&str; 2] = ["old", "maiden"];

/// Whether a HumanName is not one of today: by its use, or because it has ended.
pub(super) fn is_former(name: Node<'_>) -> bool {
    name.member("use").is_some_and(|used| FORMER.iter().any(|one| used.is_string(one)))
        || name.member("period").is_some_and(|period| period.member("end").is_some())
}

/// The plan by which the Identifier `node` is shared, if it is. An NHS number that is no longer in use joins who a person
/// was to who she is, and is never shared.
pub(super) fn identifier_plan(node: Node<'_>, rule: &IdentifierPlan) -> Option<PlanId> {
    let system = node.member("system")?;
    if is_nhs_number(node) && node.member("use").is_some_and(|used| used.is_string("old")) {
        return None;
    }
    if rule.systems.iter().any(|named| system.is_string(named)) {
        return Some(rule.named);
    }
    rule.nhs_number.filter(|_| system.is_string(NHS_NUMBER))
}
