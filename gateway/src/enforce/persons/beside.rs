//! A resource by itself, and beside others in one text.

use fhir::json::Node;
use fhir::reference::Bases;

use super::{About, At, Came, PersonsOf, Scan, Stands};

/// The persons of `resource`, whose references may lead to others in `whole`.
pub(super) fn scanned(resource: Node<'_>, whole: Node<'_>, came: Came, bases: &Bases) -> PersonsOf {
    let mut scan = Scan { whole, came, bases, hops: 0, found: PersonsOf::default() };
    let owner = resource.str_at(&["resourceType"]).unwrap_or_default();
    let stands = if owner == "Bundle" { Stands::Frame } else { Stands::Alone };
    scan.resource(resource, &At { part: resource, owner, stands });
    scan.found
}

/// Whether `resource` says itself whom it is about, when it stands beside others in `whole`: who stands in those must
/// permit too, and does not speak for it.
pub(in crate::enforce) fn says_whom(resource: Node<'_>, whole: Node<'_>, came: Came, bases: &Bases) -> About {
    scanned(resource, whole, came, bases).about
}
