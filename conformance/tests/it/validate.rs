//! Validation: small tables that need nothing else, and corpora held by ratchets.

mod corpora;
mod hostile;
mod packs;
mod places;
mod profiles;
mod rules;
mod unlucky;

use std::sync::OnceLock;

use conformance::definitions::Definitions;
use conformance::tree::{Limits, Tree};
use conformance::validate::{Finding, Severity, validate};

/// The definitions that are shipped, read once.
pub(crate) fn shipped() -> &'static Definitions {
    static SHIPPED: OnceLock<Definitions> = OnceLock::new();
    SHIPPED.get_or_init(|| Definitions::shipped().expect("the shipped packs are whole"))
}

pub(crate) fn findings(json: &str, profiles: &[&str]) -> Vec<Finding> {
    let tree = Tree::read(json.as_bytes(), &Limits::default()).expect("a tree");
    validate(&tree, shipped(), profiles)
}

/// `code path` of each error, sorted.
pub(crate) fn errors(found: &[Finding]) -> Vec<String> {
    let errors = found.iter().filter(|finding| finding.severity == Severity::Error);
    let mut told: Vec<String> =
        errors.map(|finding| format!("{} {}", finding.code(), finding.path)).collect();
    told.sort();
    told
}
