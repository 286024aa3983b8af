//! The suites: named lists of checks.

mod error_bodies;
mod judge;
mod metadata;
mod read;

use crate::check::Check;

/// A suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// The CapabilityStatement.
    Metadata,
    /// Reading one resource.
    Read,
    /// What is said when something is wrong.
    ErrorBodies,
}

impl Suite {
    /// Every suite, in the order they run.
    pub const ALL: [Self; 3] = [Self::Metadata, Self::Read, Self::ErrorBodies];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Read => "read",
            Self::ErrorBodies => "error-bodies",
        }
    }

    /// What it is about, in one line.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Metadata => "the CapabilityStatement: is it there, valid, and served as R4 says",
            Self::Read => "reading one resource: identity, format, versions, HEAD and conditional reads",
            Self::ErrorBodies => "errors: the right status, and an OperationOutcome that is one",
        }
    }

    /// The suite of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name() == name)
    }

    /// Its checks.
    #[must_use]
    pub const fn checks(self) -> &'static [Check] {
        match self {
            Self::Metadata => metadata::CHECKS,
            Self::Read => read::CHECKS,
            Self::ErrorBodies => error_bodies::CHECKS,
        }
    }
}

/// The check of that name and its suite.
#[must_use]
pub fn find(id: &str) -> Option<(Suite, &'static Check)> {
    Suite::ALL
        .into_iter()
        .flat_map(|suite| suite.checks().iter().map(move |check| (suite, check)))
        .find(|(_, check)| check.id == id)
}
