//! For a CI system: a suite for each script, a case for its setup, each test and its teardown.

use super::super::outcome::ScriptsRun;
use crate::report::account::Account;
use crate::report::junit_of;

/// The run as JUnit XML, against the system at `base`.
#[must_use]
pub fn junit(run: &ScriptsRun, base: &str) -> String {
    junit_of(&Account::of_scripts(run, base))
}
