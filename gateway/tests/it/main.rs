//! Promises of the gateway, tested from outside.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod agreements;
mod audit_events;
mod balp;
mod commands;
mod decision;
mod docs;
mod explain;
mod golden;
mod identity;
mod interaction;
mod ledger;
mod minimise;
mod pages;
mod push;
mod serve;
mod server;
mod settings;
mod site;
mod support;
mod telemetry;
mod tidy;
mod trail;
mod upstream;
