//! May they: rules alone (`admit`), then rules and evidence (`decide`). Pure but for `evidence`.
//!
//! The order is DESIGN section 2; the first step that fails names the refusal.

mod admit;
pub mod following;
mod mapped;
pub mod own;
pub mod search_guard;

pub mod evidence;
pub mod facts;

pub(crate) mod calendar;
pub mod consents;
mod decide;
mod relationship;
pub mod shield;

pub mod obligation;
pub mod refusal;
pub mod ruling;
mod standing;

pub use admit::admit;
pub use decide::decide;
pub use own::admit_own;
