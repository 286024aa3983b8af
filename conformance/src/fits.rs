//! Which options of `run` belong together: what would be ignored is refused by name.
//!
//! A run that is asked to be `--read-only` and writes, or to count `--requirements` and does not, is worse than none.

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

/// What `run` runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Suites of an endpoint.
    Suites,
    /// TestScripts.
    Scripts,
    /// The suite `privacy`.
    Privacy,
}

/// Headings of the help, under which the options of each mode stand.
const SCRIPTS: &str = "Options of --script";
const PRIVACY: &str = "Options of the suite privacy, which attacks and changes what is behind the base";

impl Mode {
    const fn words(self) -> &'static str {
        match self {
            Self::Suites => "these suites",
            Self::Scripts => "scripts",
            Self::Privacy => "the suite privacy",
        }
    }

    /// Whether the option `id` under `heading` has an effect here.
    fn knows(self, id: &str, heading: Option<&str>) -> bool {
        match (self, heading) {
            (Self::Suites, Some(SCRIPTS)) => id == "systems",
            (Self::Suites, Some(PRIVACY)) => id == "seed",
            (Self::Scripts, None) => {
                !matches!(id, "read_only" | "searches" | "patient" | "scene" | "requirements")
            }
            (Self::Scripts, Some(heading)) => heading == SCRIPTS,
            (Self::Privacy, None) => matches!(id, "base" | "suites" | "report" | "help"),
            (Self::Privacy, Some(heading)) => heading == PRIVACY,
            (Self::Suites, _) => true,
        }
    }
}

/// Holds the options that were given for `run` to what `mode` knows.
///
/// # Errors
/// The options that would have no effect, in words.
pub(crate) fn fitting(mode: Mode, command: &Command, given: &ArgMatches) -> Result<(), String> {
    let told = |id: &str| {
        given.try_contains_id(id).unwrap_or(false) && given.value_source(id) == Some(ValueSource::CommandLine)
    };
    let strays: Vec<String> = command
        .get_arguments()
        .filter(|option| told(option.get_id().as_str()))
        .filter(|option| !mode.knows(option.get_id().as_str(), option.get_help_heading()))
        .filter_map(|option| option.get_long().map(|long| format!("--{long}")))
        .collect();
    if strays.is_empty() {
        return Ok(());
    }
    Err(format!("{} would have no effect on {}, and nothing was run", strays.join(", "), mode.words()))
}
