//! The ledger, on real files.

mod appending;
mod erasing;
mod failing;
mod finding;
mod killing;
mod support;
mod tampering;
