//! Colours of a terminal, beside words that say the same.

use crate::check::Status;
use crate::run::Verdict;

/// Whether words are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// They are not: no control code is written.
    Plain,
    /// They are, by the codes of ECMA-48.
    Coloured,
}

impl Paint {
    /// The word of a status, as wide as all of them.
    #[must_use]
    pub fn status(self, status: Status) -> String {
        self.in_colour(of(status), &format!("{:<8}", status.word()))
    }

    /// What is said of a verdict.
    #[must_use]
    pub fn verdict(self, verdict: Verdict, text: &str) -> String {
        let status = match verdict {
            Verdict::Pass => Status::Pass,
            Verdict::Fail => Status::Fail,
            Verdict::Error | Verdict::Unusable => Status::Error,
        };
        self.in_colour(of(status), text)
    }

    fn in_colour(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}

const fn of(status: Status) -> &'static str {
    match status {
        Status::Pass => "32",
        Status::Fail => "1;31",
        Status::Warning | Status::Error => "33",
        Status::Note => "36",
        Status::Skip => "2",
    }
}
