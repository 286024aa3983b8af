//! What is recorded of each exchange, and how it is shown: AuditEvent, Provenance, the person's page.

pub mod audit_event;
pub mod page;
pub mod provenance;
pub mod record;
pub mod records;
pub mod sent;
pub mod store;
mod words;
