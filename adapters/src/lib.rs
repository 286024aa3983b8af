//! Other shapes of health and social care records, into FHIR R4.
//!
//! Bytes and a [`Context`] in, [`Translated`] out: a Bundle, and a [`Loss`] for everything of the source
//! that the Bundle does not carry. Each format is a module with a `translate` of this one shape.
//! What goes where is written in the tables of `maps/`; the code here reads them and converts types.
//! Ids are deterministic (source system, message id, place), so a repeated message has the same effect.
//!
//! Absent on purpose: sockets, files, clock, policy. Whether a translated record may be shared is not
//! decided here; a translation is content and must be treated as such by its caller.

mod assembly;
pub mod cda;
mod context;
pub mod edifact;
mod glance;
pub mod hl7v2;
mod identity;
mod key;
mod loss;
pub mod mapping;
pub mod mllp;
pub mod notices;
mod refused;
mod sound;
mod tree;
pub mod versions;
mod whereabouts;

pub use context::{Charset, Context, UnknownTimeZone};
pub use loss::{Loss, Severity, Why};
pub use refused::Refused;

/// What a translation yields.
///
/// `Debug` shows sizes only: the Bundle is content.
pub struct Translated {
    /// `Bundle.id`, which the source system and the id of the message determine.
    pub id: String,
    /// A FHIR R4 Bundle as JSON.
    pub bundle: Vec<u8>,
    /// Everything the Bundle does not carry, in the order of the source.
    pub losses: Vec<Loss>,
}

impl std::fmt::Debug for Translated {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Translated")
            .field("bundle_bytes", &self.bundle.len())
            .field("losses", &self.losses.len())
            .finish()
    }
}
