//! What a check is, and what it can find.

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use crate::bench::{Bench, Exchanged};
use crate::observe::Observed;

/// How binding the clause behind a check is (RFC 2119 words as FHIR uses them).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grade {
    /// Unmet is a failure.
    Shall,
    /// Unmet is a warning.
    Should,
    /// Unmet is a note.
    May,
}

impl Grade {
    /// The word as the specification writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Shall => "SHALL",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        }
    }
}

/// One thing that is checked.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Its name, stable over releases: suite and subject in kebab case.
    pub id: &'static str,
    /// What is asked of the endpoint, in one line.
    pub title: &'static str,
    /// What goes wrong for others when it is unmet.
    pub why: &'static str,
    /// Where the specification says so.
    pub clause: &'static str,
    /// How binding the clause is.
    pub grade: Grade,
    /// How it is found out.
    pub judge: Judge,
}

/// How a check finds out.
#[derive(Clone, Copy)]
pub enum Judge {
    /// By what the harmless questions brought; pure.
    Observed(fn(&Observed) -> Judgement),
    /// By asking for itself; it may create, change and delete what it made.
    Acted(for<'a> fn(&'a Bench) -> Acting<'a>),
}

/// A judgement that is on its way.
pub type Acting<'a> = Pin<Box<dyn Future<Output = Judgement> + Send + 'a>>;

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Observed(_) => f.write_str("Observed(..)"),
            Self::Acted(_) => f.write_str("Acted(..)"),
        }
    }
}

/// What a judge says: met, or why there is no more to say.
pub type Judgement = Result<(), Otherwise>;

/// Why a check is not simply met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Otherwise {
    /// The clause is not met.
    Unmet {
        /// What the clause asks for.
        expected: String,
        /// What was found instead.
        found: String,
    },
    /// It does not apply to this endpoint or this run.
    Skipped(Cow<'static, str>),
    /// It could not be found out.
    Error(Cow<'static, str>),
}

impl Otherwise {
    /// What does not apply here.
    pub(crate) fn skipped(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Skipped(reason.into())
    }

    /// What could not be found out.
    pub(crate) fn error(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Error(reason.into())
    }

    /// An unmet clause.
    pub(crate) fn unmet(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Unmet { expected: expected.into(), found: found.into() }
    }
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Met.
    Pass,
    /// A SHALL is unmet.
    Fail,
    /// A SHOULD is unmet.
    Warning,
    /// A MAY is not used.
    Note,
    /// Does not apply here.
    Skip,
    /// Could not be found out.
    Error,
}

impl Status {
    /// One word for reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Warning => "warning",
            Self::Note => "note",
            Self::Skip => "skip",
            Self::Error => "error",
        }
    }
}

/// A check and how it ended.
#[derive(Debug)]
pub struct Finding {
    /// The check.
    pub check: &'static Check,
    /// How it ended.
    pub status: Status,
    /// What the judge said.
    pub judgement: Judgement,
    /// What a check that acts asked for, in order; without what could name a record.
    pub exchanged: Vec<Exchanged>,
    /// How long it took.
    pub took: Duration,
}

impl Finding {
    /// What `judgement` means for `check`.
    #[must_use]
    pub fn of(
        check: &'static Check,
        judgement: Judgement,
        exchanged: Vec<Exchanged>,
        took: Duration,
    ) -> Self {
        let status = match (&judgement, check.grade) {
            (Ok(()), _) => Status::Pass,
            (Err(Otherwise::Unmet { .. }), Grade::Shall) => Status::Fail,
            (Err(Otherwise::Unmet { .. }), Grade::Should) => Status::Warning,
            (Err(Otherwise::Unmet { .. }), Grade::May) => Status::Note,
            (Err(Otherwise::Skipped(_)), _) => Status::Skip,
            (Err(Otherwise::Error(_)), _) => Status::Error,
        };
        Self { check, status, judgement, exchanged, took }
    }

    /// What is to be said beside the status; empty when the check is met.
    #[must_use]
    pub fn detail(&self) -> String {
        match &self.judgement {
            Ok(()) => String::new(),
            Err(Otherwise::Unmet { expected, found }) => format!("expected {expected}; found {found}"),
            Err(Otherwise::Skipped(reason) | Otherwise::Error(reason)) => reason.clone().into_owned(),
        }
    }
}
