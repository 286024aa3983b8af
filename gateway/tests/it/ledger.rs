//! The ledger, on real files.

mod appending;
mod child;
mod commanding;
mod erasing;
mod failing;
mod finding;
mod forging;
mod killing;
mod support;
mod tampering;
