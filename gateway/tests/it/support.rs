//! What tests of the edges stand on: settings of a small site, issuers with real keys, real certificates, and an
//! upstream that can fail in every way.

pub(crate) mod asking;
pub(crate) mod assembled;
pub(crate) mod front;
pub(crate) mod historic;
pub(crate) mod holding;
pub(crate) mod identity;
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod receiver;
pub(crate) mod sharing;
pub(crate) mod site;
pub(crate) mod tls;
pub(crate) mod transacting;
pub(crate) mod upstream;
pub(crate) mod whole;
pub(crate) mod wire;
