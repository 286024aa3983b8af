//! TestScripts: read, checked, run, reported.
//!
//! A [`Library`] reads scripts of any release and dialect from one folder into one lenient tree and plans them; [`lint()`]
//! says what is wrong with a plan before anything is asked. What a script asks for and this engine does not do ends as an
//! error "unsupported: …" of that action, and the run with exit 2: never as a pass.
//!
//! Scripts are not trusted: no file outside their folder is read and no host but the systems that the user named is
//! called.

mod address;
mod defined;
mod evaluate;
mod expressions;
mod fake;
mod finding;
mod intercept;
mod library;
mod lint;
mod macros;
mod message;
mod minimum;
mod operator;
mod outcome;
mod parse;
mod path;
mod plan;
mod profile;
mod replay;
pub mod report;
mod rules;
mod run;
mod serve;
mod session;
mod standin;
mod status;
mod systems;
mod template;
mod told;

pub use defined::Defined;
pub use evaluate::Navigation;
pub use finding::{Finding, Severity};
pub use intercept::Interceptor;
pub use library::{Library, Script, Unreadable};
pub use lint::lint;
pub use outcome::{Act, ActionRun, Outcome, ScriptRun, ScriptsRun, TestRun};
pub use profile::{Checked, NoProfiles, ProfileCheck};
pub use replay::{BadRecording, Recording};
pub use run::{Around, Clients, Event, Format, Listener, Options, Road, Runner};
pub use standin::StandIn;
pub use systems::{Bounds, Systems};
pub use told::Telling;
