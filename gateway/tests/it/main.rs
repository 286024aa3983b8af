//! Promises of the gateway, tested from outside.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::clone_on_ref_ptr,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "tests fail by panicking, and say what they skipped"
)]

mod agreements;
mod audit_events;
mod balp;
mod beside_others;
mod binaries;
mod changing;
mod commands;
mod composites;
mod conditional;
mod controls;
mod decision;
mod docs;
mod documents;
mod everything;
mod explain;
mod faults;
mod formats;
mod fuzz;
mod golden;
mod hidden;
mod histories;
mod households;
mod identity;
mod inside;
mod interaction;
mod kin;
mod labelled;
mod ledger;
mod messages;
mod minimise;
mod naming;
mod outages;
mod own_consents;
mod own_records;
mod pages;
mod paging;
mod persons;
mod process;
mod pulled;
mod push;
mod refilling;
mod refusals;
mod serve;
mod server;
mod settings;
mod shielded;
mod site;
mod strangers;
mod support;
mod surface;
mod targets;
mod telemetry;
mod tidy;
mod together;
mod trail;
mod transacting;
mod transport;
mod unlabelled;
mod unproven;
mod upstream;
mod views;
