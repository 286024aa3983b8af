//! Which acknowledgements a message gets, and when: original and enhanced mode (HL7 v2 chapter 2).
//!
//! Pure. In original mode every message has one application acknowledgement. In enhanced mode MSH-15 asks for
//! the answer of the storage (`CA`, `CE`, `CR`) and MSH-16 for that of the application (`AA`, `AE`, `AR`).

use adapters::hl7v2::{AckCode, AckWhen, Envelope, Problem};

use super::asking::Leaving;
use super::inbox::{Answer, Care, Verdict};
use super::letters::Owed;

/// Which acknowledgements a sender wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One answer, from the application.
    Original,
    /// One from the storage and one from the application, each when it is wanted.
    Enhanced {
        /// MSH-15.
        accept: AckWhen,
        /// MSH-16.
        application: AckWhen,
    },
}

/// What an acknowledgement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// MSA-1.
    pub code: AckCode,
    /// What went wrong, if anything.
    pub problem: Option<Problem>,
}

/// What an acknowledgement means for the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// There is nothing more to do.
    Taken,
    /// Sending the same again changes nothing.
    NotTaken,
    /// It should be sent again.
    NotNow,
}

impl Meaning {
    /// What is told of two together: that some should be sent again, before that some never will be taken.
    pub(in crate::push) const fn worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::NotNow, _) | (_, Self::NotNow) => Self::NotNow,
            (Self::NotTaken, _) | (_, Self::NotTaken) => Self::NotTaken,
            (Self::Taken, Self::Taken) => Self::Taken,
        }
    }

    /// How metrics call it.
    pub(in crate::push) const fn class(self) -> &'static str {
        match self {
            Self::Taken => "2xx",
            Self::NotTaken => "4xx",
            Self::NotNow => "5xx",
        }
    }
}

/// An acknowledgement, or the answer to a query, as it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The message.
    pub bytes: Vec<u8>,
    /// What it means.
    pub meaning: Meaning,
    /// What was shared with it, should nobody take it.
    pub shared: Option<Leaving>,
}

/// What is told when something failed that may work later.
const NOT_NOW: &str = "could not be dealt with now, send it again";

/// The problem of [`Meaning::NotNow`].
#[must_use]
pub fn not_now() -> Problem {
    Problem { code: "207", text: NOT_NOW.to_owned() }
}

impl Acknowledgement {
    /// What it means for the sender.
    #[must_use]
    pub fn meaning(&self) -> Meaning {
        match &self.problem {
            None => Meaning::Taken,
            Some(problem) if problem.text == NOT_NOW => Meaning::NotNow,
            Some(_) => Meaning::NotTaken,
        }
    }
}

impl Mode {
    /// What the header of a message asks for. In enhanced mode what is not asked for is not wanted.
    #[must_use]
    pub fn of(envelope: &Envelope) -> Self {
        match (envelope.accept, envelope.application) {
            (None, None) => Self::Original,
            (accept, application) => Self::Enhanced {
                accept: accept.unwrap_or(AckWhen::Never),
                application: application.unwrap_or(AckWhen::Never),
            },
        }
    }

    /// Who sees to a message of this mode once it is stored. A sender that is told so, or wants to hear nothing,
    /// does not send it again.
    #[must_use]
    pub fn care(self) -> Care {
        match self {
            Self::Original => Care::WithSender,
            Self::Enhanced { accept: AckWhen::Always | AckWhen::OnSuccess, .. } => Care::TakenOver,
            Self::Enhanced { application: AckWhen::Always | AckWhen::OnSuccess, .. } => Care::WithSender,
            Self::Enhanced { .. } => Care::TakenOver,
        }
    }

    /// Whether a sender of this mode hears nothing of a refusal once its message is stored.
    #[must_use]
    pub fn owed(self) -> Owed {
        match (self, self.care()) {
            (Self::Original, _) | (Self::Enhanced { .. }, Care::WithSender) => Owed::No,
            (Self::Enhanced { application: AckWhen::Always | AckWhen::OnError, .. }, Care::TakenOver) => {
                Owed::No
            }
            (Self::Enhanced { application: AckWhen::Never | AckWhen::OnSuccess, .. }, Care::TakenOver) => {
                Owed::Yes
            }
        }
    }

    /// The answer of the storage, once the message is in the inbox.
    #[must_use]
    pub fn stored(self) -> Option<Acknowledgement> {
        match self {
            Self::Enhanced { accept: AckWhen::Always | AckWhen::OnSuccess, .. } => {
                Some(Acknowledgement { code: AckCode::CommitAccept, problem: None })
            }
            Self::Original | Self::Enhanced { accept: AckWhen::Never | AckWhen::OnError, .. } => None,
        }
    }

    /// The answer to a message that could not be stored. It is told even to those who want no such answer when
    /// nothing else would be told: silence would pass for success.
    #[must_use]
    pub fn not_stored(self, problem: Problem) -> Acknowledgement {
        match self {
            Self::Original => Acknowledgement { code: AckCode::ApplicationError, problem: Some(problem) },
            Self::Enhanced { .. } => Acknowledgement { code: AckCode::CommitError, problem: Some(problem) },
        }
    }

    /// The answer of the application.
    #[must_use]
    pub fn dealt_with(self, answer: &Answer) -> Option<Acknowledgement> {
        let acknowledgement = answer.into();
        let wanted = match self {
            Self::Original => return Some(acknowledgement),
            Self::Enhanced { application, .. } => application,
        };
        let accepted = matches!(answer, Answer::Accepted);
        match wanted {
            AckWhen::Always => Some(acknowledgement),
            AckWhen::OnSuccess => accepted.then_some(acknowledgement),
            AckWhen::OnError => (!accepted).then_some(acknowledgement),
            AckWhen::Never => None,
        }
    }
}

impl From<&Answer> for Acknowledgement {
    fn from(answer: &Answer) -> Self {
        match answer {
            Answer::Accepted => Self { code: AckCode::ApplicationAccept, problem: None },
            Answer::Refused { verdict, code, text } => Self {
                code: match verdict {
                    Verdict::Error => AckCode::ApplicationError,
                    Verdict::Reject => AckCode::ApplicationReject,
                },
                problem: Some(Problem { code: known(code), text: text.clone() }),
            },
        }
    }
}

/// A code of HL7 table 0357 as a constant.
fn known(code: &str) -> &'static str {
    ["100", "101", "102", "103", "200", "201", "202", "203", "204", "205", "206", "207"]
        .into_iter()
        .find(|known| *known == code)
        .unwrap_or("207")
}

#[cfg(test)]
mod tests {
    use adapters::hl7v2::{AckCode, AckWhen, Problem};

    use super::{Answer, Care, Mode, Owed, Verdict};

    fn codes(mode: Mode, answer: &Answer) -> Vec<&'static str> {
        [mode.stored(), mode.dealt_with(answer)].into_iter().flatten().map(|ack| ack.code.as_str()).collect()
    }

    #[test]
    fn each_mode_has_its_answers() {
        let refused =
            Answer::Refused { verdict: Verdict::Error, code: "207".to_owned(), text: "no".to_owned() };
        let rejected =
            Answer::Refused { verdict: Verdict::Reject, code: "200".to_owned(), text: "no".to_owned() };
        let enhanced = |accept, application| Mode::Enhanced { accept, application };
        use AckWhen::{Always, Never, OnError, OnSuccess};
        for (mode, accepted, errors, rejects) in [
            (Mode::Original, vec!["AA"], vec!["AE"], vec!["AR"]),
            (enhanced(Always, Always), vec!["CA", "AA"], vec!["CA", "AE"], vec!["CA", "AR"]),
            (enhanced(Always, Never), vec!["CA"], vec!["CA"], vec!["CA"]),
            (enhanced(Never, Always), vec!["AA"], vec!["AE"], vec!["AR"]),
            (enhanced(OnError, OnError), vec![], vec!["AE"], vec!["AR"]),
            (enhanced(OnSuccess, OnSuccess), vec!["CA", "AA"], vec!["CA"], vec!["CA"]),
            (enhanced(Never, Never), vec![], vec![], vec![]),
        ] {
            assert_eq!(codes(mode, &Answer::Accepted), accepted, "{mode:?}");
            assert_eq!(codes(mode, &refused), errors, "{mode:?}");
            assert_eq!(codes(mode, &rejected), rejects, "{mode:?}");
            // Who gets no word of a refusal is owed one, unless it waits for another and sends again without.
            let hears = mode.dealt_with(&refused).is_some() || mode.care() == Care::WithSender;
            assert_eq!(mode.owed() == Owed::No, hears, "{mode:?}");
        }
    }

    #[test]
    fn what_could_not_be_stored_is_never_met_with_silence() {
        let problem = Problem { code: "207", text: "try again".to_owned() };
        assert_eq!(Mode::Original.not_stored(problem.clone()).code, AckCode::ApplicationError);
        let silent = Mode::Enhanced { accept: AckWhen::Never, application: AckWhen::Never };
        assert_eq!(silent.not_stored(problem).code, AckCode::CommitError);
    }
}
