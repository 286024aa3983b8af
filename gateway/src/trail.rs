//! What is recorded of each exchange, and how it is shown: AuditEvent, Provenance, the person's page.

pub mod record;
