//! Tells the result of a run: to a person, to a CI system, to a program.

mod json;
mod junit;
mod terminal;

pub use json::json;
pub use junit::junit;
pub use terminal::{explain, list, terminal};
