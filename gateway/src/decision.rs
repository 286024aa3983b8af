//! May they: rules alone (`admit`), then rules and evidence (`decide`). Pure but for `evidence`.
//!
//! The order is DESIGN section 2; the first step that fails names the refusal.

pub mod refusal;
pub mod ruling;
