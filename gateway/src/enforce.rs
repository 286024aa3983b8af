//! Between a record and the wire: the only module that can look inside [`unfiltered::Unfiltered`].
//!
//! Small on purpose, and reviewed hardest. No I/O but the ledger append in `release`, no settings, no clock.

mod bundle;
pub mod facts;
pub mod held;
pub mod minimise;
mod persons;
pub mod release;
pub mod subjects;
pub mod unfiltered;
