//! What operators see: logs, spans, numbers. Never a name, a number, a query, a path or a body, at any level.

pub mod metrics;
