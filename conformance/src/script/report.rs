//! What a run of scripts came to, for people, CI systems and FHIR. They tell what the script says and what messages may
//! tell; never a token, and nothing of a record unless values were asked for.

mod json;
mod junit;
mod terminal;
mod testreport;

pub use json::json;
pub use junit::junit;
pub use terminal::{findings, first_failure, line, terminal, unread};
pub use testreport::testreport;
