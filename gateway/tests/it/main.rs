//! Promises of the gateway, tested from outside.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod identity;
mod ledger;
mod interaction;
mod support;
mod agreements;
mod golden;
mod settings;
mod site;
mod tidy;
