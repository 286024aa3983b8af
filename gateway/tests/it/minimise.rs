//! What leaves of a resource: golden cases, and properties over many resources and masks.

mod golden;
mod in_xml;
mod invent;
mod oracle;
mod properties;
mod rules;
