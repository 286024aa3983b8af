//! Push: HL7 v2 messages that come in, and what of them goes on to the systems that receive (DESIGN section 2).
//!
//! ```text
//! MLLP, HTTP -> intake -> inbox durable -> translate, decide, minimise -> intent durable -> outbox durable -> AA
//!                                                                                         -> delivery -> receiving system
//! ```
//! Where the sender hears nothing before `AA`, inbox and outbox are one commit ([`express`] and ADR 57).
//!
//! An acknowledgement means that it is on the disk. The same message again has the same answer and no second
//! effect. Delivery is in order for each person, is retried, and has the same effect however often it happens; a system that
//! does not answer holds up no other:
//! the Bundle is put under an id that its message determines. The first attempt is carried under the ruling that cut
//! it while that is of the moment ([`fresh`]); before any other the message is decided anew, as things are then: what waits goes out as it was cut, is cut anew, or is held back until it may go. Only the person's
//! own word and what cannot pass end it at once.

pub mod anew;
pub mod answer;
pub mod asking;
mod bound;
pub mod busy;
pub mod clerk;
pub mod counts;
pub mod courier;
pub mod delivery;
pub mod desk;
pub mod disclose;
mod enclosed;
mod entering;
pub mod errands;
pub mod express;
pub mod folder;
pub mod form;
pub mod fresh;
pub mod http;
pub mod inbox;
pub mod intake;
pub mod intent;
mod kept;
pub mod letters;
pub mod listed;
mod mapped;
pub mod marks;
pub mod mllp;
pub(crate) mod named;
pub mod open;
pub mod outbox;
mod placing;
pub mod replay;
mod rows;
mod several;
mod since;
pub mod stamped;
pub mod stood;
pub mod store;
#[cfg(test)]
mod tests;
mod turns;
