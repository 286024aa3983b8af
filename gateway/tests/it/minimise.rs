//! What leaves of a resource: golden cases, and properties over many resources and masks.

mod golden;
mod in_xml;
mod invent;
mod leaves;
mod merging;
pub(crate) mod oracle;
mod properties;
pub(crate) mod rules;
mod saturate;
mod saturated;
