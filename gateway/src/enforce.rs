//! Between a record and the wire: the only module that can look inside [`unfiltered::Unfiltered`].
//!
//! Small on purpose, and reviewed hardest. No I/O but the ledger append in `release`, no settings, no clock.

mod account;
pub mod amassed;
pub mod answer;
pub mod behind;
mod binary;
mod bundle;
mod bundled;
mod content;
mod criteria;
mod document;
pub mod everything;
pub mod existing;
pub mod facts;
mod frame;
pub mod held;
mod history;
pub mod household;
pub mod included;
mod judge;
pub mod lines;
pub mod masks;
mod matched;
pub mod medicines;
pub mod merge;
pub mod message;
pub mod message_out;
pub mod minimise;
pub mod naming;
pub mod own;
pub mod parameters;
pub mod patch;
mod persons;
pub mod query_answer;
pub mod received;
pub mod release;
pub mod repeated;
mod resource_facts;
mod shown;
mod side_by_side;
pub mod sieve;
pub mod subjects;
pub mod submitted;
pub mod targets;
pub mod together;
pub mod transaction;
pub mod unfiltered;
mod versions_bundle;
pub mod whom;
mod worded;

pub(crate) use resource_facts::is_decided_by;
