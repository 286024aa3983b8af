//! Conformance suites against any FHIR R4 endpoint, ours or not.
//!
//! A run has three steps: [`observe`] asks the endpoint harmless questions, [`check`]s judge the answers or act on the endpoint
//! by themselves through a [`mod@bench`], [`report`]s tell the result. Every check names the clause of the
//! specification it holds the endpoint to and how binding that clause is; what an endpoint does not claim to offer
//! is skipped, never failed, and a skipped check is never a pass.
//!
//! The [`privacy`] suite is of another kind: it attacks a server that stands in front of a fixture, and changes records there.
//!
//! Nothing of a body, a token or a patient's id goes into a report: findings are made of statuses, codes of the
//! specification and our own words.

pub mod bench;
pub mod check;
pub mod definitions;
pub mod elements;
pub mod fhirpath;
pub mod model;
pub mod observe;
pub mod privacy;
pub mod report;
pub mod run;
pub mod script;
pub mod suite;
pub mod target;
pub mod tree;
pub mod validate;
