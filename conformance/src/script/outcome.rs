//! What a run of scripts came to.

use std::path::PathBuf;
use std::time::Duration;

use crate::run::Verdict;

/// What an action, a test or a script came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It was not done; what it would have come to is not known.
    Skip,
    /// It held, or the request was answered.
    Pass,
    /// It did not hold, and only warns.
    Warning,
    /// It did not hold.
    Fail,
    /// It could not be done or judged.
    Error,
}

impl Outcome {
    /// One word for reports; the codes of TestReport.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Skip => "skip",
            Self::Warning => "warning",
            Self::Fail => "fail",
            Self::Error => "error",
        }
    }
}

/// An outcome and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) outcome: Outcome,
    pub(crate) message: String,
    pub(crate) details: Vec<String>,
}

impl Judgement {
    pub(crate) fn new(outcome: Outcome, message: impl Into<String>) -> Self {
        Self { outcome, message: message.into(), details: Vec::new() }
    }

    pub(crate) fn pass() -> Self {
        Self::new(Outcome::Pass, "")
    }

    pub(crate) fn fail(message: impl Into<String>) -> Self {
        Self::new(Outcome::Fail, message)
    }

    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self::new(Outcome::Error, message)
    }

    pub(crate) fn skip(message: impl Into<String>) -> Self {
        Self::new(Outcome::Skip, message)
    }

    /// What the engine does not do.
    pub(crate) fn unsupported(what: impl AsRef<str>) -> Self {
        Self::new(Outcome::Error, format!("unsupported: {}", what.as_ref()))
    }

    /// The worse of two, and what is said of both.
    pub(crate) fn and(mut self, other: Self) -> Self {
        if other.outcome > self.outcome || other.outcome == self.outcome && self.message.is_empty() {
            self.message = other.message;
        }
        self.outcome = self.outcome.max(other.outcome);
        self.details.extend(other.details);
        self
    }
}

/// Whether an action asks or judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It sends a request.
    Operation,
    /// It judges what came back.
    Assert,
}

/// An action that was run, or was not.
#[derive(Debug, Clone)]
pub struct ActionRun {
    /// What it is.
    pub act: Act,
    /// Its path in the script.
    pub place: String,
    /// Its id.
    pub id: Option<String>,
    /// Its label or description, or what it does in a few words.
    pub label: String,
    /// What it came to.
    pub outcome: Outcome,
    /// Why. Nothing of a record, unless values were asked for.
    pub message: String,
    /// More of why: each difference, each finding.
    pub details: Vec<String>,
    /// Requirements that it is traced to.
    pub requirements: Vec<String>,
    /// Scripts that were run within it.
    pub within: Vec<ScriptRun>,
}

impl ActionRun {
    /// Whether it ended because the engine does not do what it asks.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        self.outcome == Outcome::Error && self.message.starts_with("unsupported: ")
    }
}

/// A setup, a test or a teardown that was run.
#[derive(Debug, Clone)]
pub struct TestRun {
    /// `setup`, `teardown`, or the name of the test.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// What it came to.
    pub outcome: Outcome,
    /// Why it was skipped as a whole.
    pub message: String,
    /// Its actions, in order.
    pub actions: Vec<ActionRun>,
    /// How long it took.
    pub took: Duration,
}

/// A script that was run.
#[derive(Debug, Clone)]
pub struct ScriptRun {
    /// Its name.
    pub name: String,
    /// Its canonical address.
    pub url: Option<String>,
    /// Its id.
    pub id: Option<String>,
    /// The file.
    pub file: PathBuf,
    /// When it began, in UTC.
    pub began: String,
    /// What it came to.
    pub outcome: Outcome,
    /// Why it did not run, if it did not.
    pub message: String,
    /// The setup, if there is one.
    pub setup: Option<TestRun>,
    /// The tests.
    pub tests: Vec<TestRun>,
    /// The teardown, if there is one.
    pub teardown: Option<TestRun>,
    /// How long it took.
    pub took: Duration,
    /// Requests that were answered, and those that were not.
    pub answered: usize,
    /// See [`ScriptRun::answered`].
    pub unanswered: usize,
}

impl ScriptRun {
    /// Setup, tests and teardown.
    pub fn parts(&self) -> impl Iterator<Item = &TestRun> {
        self.setup.iter().chain(&self.tests).chain(&self.teardown)
    }

    /// All actions, those of scripts within too.
    #[must_use]
    pub fn actions(&self) -> Vec<&ActionRun> {
        let mut found = Vec::new();
        for action in self.parts().flat_map(|part| &part.actions) {
            found.push(action);
            for within in &action.within {
                found.extend(within.actions());
            }
        }
        found
    }

    /// What is said of it as unsupported, if anything is.
    #[must_use]
    pub fn unsupported(&self) -> Vec<&str> {
        let own = Some(self.message.as_str()).filter(|message| message.starts_with("unsupported: "));
        let tests = self
            .parts()
            .map(|part| part.message.as_str())
            .filter(|message| message.starts_with("unsupported: "));
        let actions = self.actions().into_iter().filter(|action| action.is_unsupported());
        own.into_iter().chain(tests).chain(actions.map(|action| action.message.as_str())).collect()
    }
}

/// All that was run.
#[derive(Debug, Clone, Default)]
pub struct ScriptsRun {
    /// The scripts, in order of their files.
    pub scripts: Vec<ScriptRun>,
    /// Files that were asked for and are no scripts that can be run, and why.
    pub unread: Vec<(PathBuf, String)>,
}

impl ScriptsRun {
    /// How many scripts came to this.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.scripts.iter().filter(|script| script.outcome == outcome).count()
    }

    /// How the run ended. What could not be judged is never a pass, and neither is a run in which nothing was.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let answered: usize = self.scripts.iter().map(|script| script.answered).sum();
        let unanswered: usize = self.scripts.iter().map(|script| script.unanswered).sum();
        if answered == 0 && unanswered > 0 {
            return Verdict::Unusable;
        }
        let unsupported = self.scripts.iter().any(|script| !script.unsupported().is_empty());
        let error = self.count(Outcome::Error) > 0 || !self.unread.is_empty() || unsupported;
        let nothing = self.scripts.iter().all(|script| script.outcome == Outcome::Skip);
        match (self.count(Outcome::Fail), error) {
            _ if unsupported => Verdict::Error,
            (0, true) => Verdict::Error,
            (0, false) if nothing => Verdict::Error,
            (0, false) => Verdict::Pass,
            _ => Verdict::Fail,
        }
    }
}
