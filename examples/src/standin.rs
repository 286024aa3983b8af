//! A stand-in FHIR R4 server: in memory, on loopback, a handful of interactions done as the specification says.
//!
//! It plays the hospital that holds records and the council that receives them. It knows nothing of the gateway
//! and is never part of it. What it cannot do its CapabilityStatement does not claim.

mod answer;
mod capability;
mod criterion;
mod instant;
mod number;
mod parameter;
pub mod query;
mod search;
mod serve;
mod store;
mod transaction;
mod write;

pub use answer::{Answer, Call};
pub use serve::{Standin, StandinError, start};
