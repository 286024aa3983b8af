//! Codes of units, as validation judges them.

use super::terms::Membership;

/// The code system of UCUM.
pub(crate) const SYSTEM: &str = fhir::ucum::SYSTEM;

/// What UCUM says of a code.
pub(crate) fn told(code: &str) -> Membership {
    match fhir::ucum::is_code(code) {
        true => Membership::In,
        false => Membership::Out,
    }
}
