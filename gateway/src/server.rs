//! The front door: sockets, TLS, HTTP. What comes in leaves as [`arrived::Arrived`], plain values and nothing of HTTP;
//! what goes out comes in as [`reply::Reply`] and leaves as a response made anew.
//!
//! No clinical rule lives here, and nothing here can look into a record.

pub mod arrive;
pub mod arrived;
pub mod attend;
pub mod coding;
pub mod correlation;
pub mod delivery;
pub mod format;
pub mod head;
pub mod inside;
pub mod listener;
pub mod ops;
mod policy;
pub mod reply;
pub mod revocation;
pub mod strangers;
pub mod target;
mod telling;
pub mod tls;

mod activity;
mod manner;
mod watched;
