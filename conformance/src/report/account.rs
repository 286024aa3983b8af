//! An account of a run, whatever it ran: the one form from which the page, JUnit and the summary are made.
//!
//! Suites, scripts and attacks each end in values of their own; here they say what they came to in the same words. Nothing is
//! added: what a run may not tell is not in it, and so in no report.

mod advice;
mod attacks;
mod scripts;
mod suites;

use std::time::Duration;

use jiff::Timestamp;

use crate::bench::Exchanged;
use crate::check::{Grade, Status};
use crate::coverage::Covered;
use crate::run::Verdict;

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Account {
    /// What was run, as a heading begins: `Conformance`, `TestScripts`, `Privacy`.
    pub what: &'static str,
    /// The endpoint.
    pub base: String,
    /// When it began.
    pub began: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub verdict: Verdict,
    /// The verdict in a sentence, with numbers.
    pub sentence: String,
    /// What was run, and what each part came to.
    pub groups: Vec<Group>,
    /// What was left out, in sentences: nobody may read a verdict on it here.
    pub untested: Vec<String>,
    /// What else is to be known, in sentences.
    pub notes: Vec<String>,
    /// What was asked before anything was judged.
    pub asked: Vec<Exchanged>,
    /// Which clauses and requirements were looked at by which rows.
    pub coverage: Vec<Covered>,
}

/// A suite, a script, or a kind of attack.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub about: String,
    /// When it began, where that is known.
    pub began: Option<Timestamp>,
    /// What it holds.
    pub rows: Vec<Row>,
    /// How long it took.
    pub took: Duration,
}

/// A check, a test of a script, or an attack.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name.
    pub id: String,
    /// What it asks for, in one line.
    pub title: String,
    /// How it counts.
    pub status: Status,
    /// More about how it counts, where a word does not say it: a known gap, nothing proved.
    pub nuance: Option<&'static str>,
    /// How binding what it asks for is.
    pub weight: Weight,
    /// What goes wrong for others when it is unmet.
    pub why: Option<String>,
    /// Where it is written.
    pub clause: Option<String>,
    /// What was said beside the status.
    pub said: Said,
    /// What was done.
    pub steps: Steps,
    /// How long it took.
    pub took: Duration,
}

/// How binding a row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weight {
    /// By the words of a specification.
    Graded(Grade),
    /// By how bad it would be, in the words of a battery.
    Severe(String),
    /// Nothing says so.
    Unsaid,
}

/// What was said beside a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Nothing.
    Nothing,
    /// What was expected and what was found.
    Difference {
        /// What the clause asks for.
        expected: String,
        /// What was found instead.
        found: String,
    },
    /// Why it ended so.
    Reason(String),
}

/// What was done for a row.
#[derive(Debug, Clone)]
pub enum Steps {
    /// Requests, without what could name a record.
    Requests(Vec<Exchanged>),
    /// Actions of a script.
    Actions(Vec<Action>),
}

/// An action of a script.
#[derive(Debug, Clone)]
pub struct Action {
    /// What it does.
    pub label: String,
    /// How it counts.
    pub status: Status,
    /// Why.
    pub message: String,
    /// More of why.
    pub details: Vec<String>,
}

impl Weight {
    /// One word; empty where nothing says how binding it is.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Graded(grade) => grade.word(),
            Self::Severe(word) => word,
            Self::Unsaid => "",
        }
    }
}

impl Said {
    /// In one line; empty where there is nothing to say.
    #[must_use]
    pub fn line(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Difference { expected, found } => format!("expected {expected}; found {found}"),
            Self::Reason(reason) => reason.clone(),
        }
    }
}

impl Row {
    /// The status, and more where a word does not say it.
    #[must_use]
    pub fn status_line(&self) -> String {
        match self.nuance {
            Some(nuance) => format!("{}: {nuance}", self.status.word()),
            None => self.status.word().to_owned(),
        }
    }
}

impl Group {
    /// How many rows ended so.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        self.rows.iter().filter(|row| row.status == status).count()
    }
}

impl Account {
    /// Every row, in order.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.groups.iter().flat_map(|group| &group.rows)
    }

    /// How many rows ended so.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        self.rows().filter(|row| row.status == status).count()
    }

    /// The first row that makes the run what it is: the first failure, else the first that could not be found out.
    #[must_use]
    pub fn first_wrong(&self) -> Option<&Row> {
        let of = |status: Status| self.rows().find(move |row| row.status == status);
        of(Status::Fail).or_else(|| of(Status::Error))
    }
}
