//! Tells the result of a run: to a person, to a CI system, to a program.

pub mod account;
mod html;
mod json;
mod junit;
mod paint;
mod resource;
mod summary;
mod terminal;
mod testreport;

pub use html::{PAGE_BYTES_MAX, html};
pub use json::{json, json_with};
pub use junit::{junit, junit_of};
pub use paint::Paint;
pub(crate) use resource::{clean, entries, text};
pub use summary::summary;
pub use terminal::{coverage, explain, explain_attack, in_full, lines, list, list_attacks, terminal};
pub use testreport::testreport;
