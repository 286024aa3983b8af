//! Portcullis: a FHIR gateway for health and social care.
//!
//! It shares what a person's care needs and no more, and leaves evidence of every share. The life of one exchange
//! is `exchange`; read it first, then `ARCHITECTURE.md`.
//!
//! Two promises rule every module here:
//! 1. nothing leaves unless it was decided, minimised and recorded, and the first byte follows the durable record;
//! 2. a legitimate share is never blocked by accident: every refusal names its reason and is recorded like a share.

pub mod agreement;
pub mod behind;
pub mod capability;
pub mod change;
pub mod clock;
pub mod commands;
pub mod conditional;
pub mod consent;
pub mod decision;
pub mod delete;
pub mod enforce;
pub mod exchange;
pub mod follow;
mod hex;
pub mod include;
pub mod interaction;
pub mod ledger;
pub mod limits;
pub mod message;
mod named;
pub mod outcome;
pub mod own;
pub mod pace;
pub mod pages;
pub mod pem;
pub mod person;
pub mod places;
pub mod ports;
pub mod push;
pub mod refill;
pub mod register;
pub mod requestor;
pub mod seal;
pub mod sensitive_codes;
pub mod serve;
pub mod server;
pub mod settings;
pub mod submit;
pub mod telemetry;
pub mod trail;
pub mod upstream;
