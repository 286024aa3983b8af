//! The demo: a hospital, a council, a sign-in page and the gateway on loopback, and the story they play.
//!
//! Nothing here is ever part of `portcullis`: the servers are stand-ins that hold invented people.

pub mod canary;
pub mod council;
pub mod house;
pub mod json;
pub mod leaks;
pub mod people;
pub mod sign_in;
pub mod standin;
pub mod story;
pub mod wire;
