//! Which acknowledgements are due, by MSH-15 and MSH-16; and faults by their places, as each version writes them.

use std::fmt::Write;

use super::{AckCode, Echo, Problem, Stamp};
use crate::hl7v2::envelope::AckWhen;
use crate::hl7v2::escape::escape;
use crate::hl7v2::message::Delimiters;
use crate::hl7v2::out::Version;

/// Which acknowledgements a message asks for (HL7 v2 chapter 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// MSH-15 and MSH-16 are empty: one acknowledgement, of the application.
    Original,
    /// One of who keeps the message and one of the application, each when it is asked for.
    Enhanced {
        /// MSH-15.
        accept: AckWhen,
        /// MSH-16.
        application: AckWhen,
    },
}

/// How it went with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All was well.
    Taken,
    /// There was an error; it may go well when it is sent again.
    Failed,
    /// Such messages are not taken.
    Rejected,
}

/// Where in a message something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The segment.
    pub segment: &'static str,
    /// Which of the segments of this name, from 1.
    pub occurrence: u16,
    /// The field, if it is about one.
    pub field: Option<u16>,
    /// Which repetition of it, from 1.
    pub repetition: u16,
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// What.
    pub problem: Problem,
    /// Where; nothing when it is about the message as a whole.
    pub place: Option<Place>,
}

impl Due {
    /// What MSH-15 and MSH-16 ask for. In enhanced mode what is not asked for is not due.
    #[must_use]
    pub fn of(accept: Option<AckWhen>, application: Option<AckWhen>) -> Self {
        match (accept, application) {
            (None, None) => Self::Original,
            (accept, application) => Self::Enhanced {
                accept: accept.unwrap_or(AckWhen::Never),
                application: application.unwrap_or(AckWhen::Never),
            },
        }
    }

    /// The acknowledgement of who keeps the message; nothing in original mode.
    #[must_use]
    pub fn accept(self, outcome: Outcome) -> Option<AckCode> {
        let Self::Enhanced { accept, .. } = self else { return None };
        let code = match outcome {
            Outcome::Taken => AckCode::CommitAccept,
            Outcome::Failed => AckCode::CommitError,
            Outcome::Rejected => AckCode::CommitReject,
        };
        accept.holds(outcome).then_some(code)
    }

    /// The acknowledgement of the application. A message that was not kept (`kept` is not [`Outcome::Taken`]) never reached
    /// it: then there is none in enhanced mode.
    #[must_use]
    pub fn application(self, kept: Outcome, outcome: Outcome) -> Option<AckCode> {
        let code = match outcome {
            Outcome::Taken => AckCode::ApplicationAccept,
            Outcome::Failed => AckCode::ApplicationError,
            Outcome::Rejected => AckCode::ApplicationReject,
        };
        match self {
            Self::Original => Some(code),
            Self::Enhanced { application, .. } => {
                (kept == Outcome::Taken && application.holds(outcome)).then_some(code)
            }
        }
    }
}

impl AckWhen {
    fn holds(self, outcome: Outcome) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::OnError => outcome != Outcome::Taken,
            Self::OnSuccess => outcome == Outcome::Taken,
        }
    }
}

/// The acknowledgement of `received` with all that is wrong, as the version of `received` writes it: up to 2.4 as MSA-3,
/// MSA-6 and the places of ERR-1, from 2.5 with an ERR segment each (ERR-2, 3, 4, 7 and 8).
#[must_use]
pub fn acknowledge_all(received: &[u8], code: AckCode, wrong: &[Wrong], stamp: &Stamp) -> Vec<u8> {
    let echo = Echo::of(received);
    let mut out = echo.header(stamp);
    out.push_str(&echo.wrong(code, wrong));
    out.into_bytes()
}

impl Echo {
    /// MSA, and ERR where something is wrong.
    fn wrong(&self, code: AckCode, wrong: &[Wrong]) -> String {
        // What cannot be read as a version is answered in the older way, which every receiver passes over.
        let newer = Version::parse(&self.version).is_some_and(Version::is_2_5);
        let errors = if newer { newer_errors } else { older_errors };
        format!("MSA|{}|{}|{}", code.as_str(), self.control_id, errors(code, wrong))
    }
}

fn own(text: &str) -> String {
    escape(text, &Delimiters::USUAL)
}

/// From MSA-3 on, from version 2.5. MSA-3 is kept for those who look nowhere else.
fn newer_errors(code: AckCode, wrong: &[Wrong]) -> String {
    let mut out = wrong.first().map(|wrong| own(&wrong.problem.text)).unwrap_or_default();
    out.push('\r');
    let severity = if code.is_accept() { "W" } else { "E" };
    for wrong in wrong {
        let place = wrong.place.map(Place::erl).unwrap_or_default();
        let (code, text) = (own(wrong.problem.code), own(&wrong.problem.text));
        put(&mut out, format_args!("ERR||{place}|{code}^^HL70357|{severity}|||{text}|{text}\r"));
    }
    out
}

/// From MSA-3 on, up to version 2.4.
fn older_errors(_: AckCode, wrong: &[Wrong]) -> String {
    let Some(first) = wrong.first() else { return "\r".to_owned() };
    let (code, text) = (own(first.problem.code), own(&first.problem.text));
    let mut out = format!("{text}|||{code}^{text}^HL70357\r");
    let place = |wrong: &Wrong| {
        let place = wrong.place.map_or_else(|| "^^".to_owned(), Place::eld);
        format!("{place}^{}&{}&HL70357", own(wrong.problem.code), own(&wrong.problem.text))
    };
    let places: Vec<String> = wrong.iter().map(place).collect();
    put(&mut out, format_args!("ERR|{}\r", places.join("~")));
    out
}

/// Writing to a String cannot fail.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok());
}

impl Place {
    /// ERR-1 up to version 2.4.
    fn eld(self) -> String {
        let field = self.field.map(|field| field.to_string()).unwrap_or_default();
        format!("{}^{}^{field}", self.segment, self.occurrence)
    }

    /// ERR-2 from version 2.5.
    fn erl(self) -> String {
        match self.field {
            Some(field) => format!("{}^{}^{field}^{}", self.segment, self.occurrence, self.repetition),
            None => format!("{}^{}", self.segment, self.occurrence),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AckCode, AckWhen, Due, Outcome, Place, Problem, Stamp, Wrong, acknowledge_all};

    #[test]
    fn each_mode_has_its_acknowledgements() {
        use AckWhen::{Always, Never, OnError, OnSuccess};
        let all = [Outcome::Taken, Outcome::Failed, Outcome::Rejected];
        let told = |due: Due| {
            let code = |code: Option<AckCode>| code.map_or("-", AckCode::as_str);
            let accept = all.map(|outcome| code(due.accept(outcome))).join(" ");
            let application = all.map(|outcome| code(due.application(Outcome::Taken, outcome))).join(" ");
            format!("{accept} / {application}")
        };
        for (accept, application, expected) in [
            (None, None, "- - - / AA AE AR"),
            (Some(Always), Some(Always), "CA CE CR / AA AE AR"),
            (Some(Always), Some(Never), "CA CE CR / - - -"),
            (Some(Never), Some(Always), "- - - / AA AE AR"),
            (Some(OnError), Some(OnError), "- CE CR / - AE AR"),
            (Some(OnSuccess), Some(OnSuccess), "CA - - / AA - -"),
            (Some(Always), None, "CA CE CR / - - -"),
            (None, Some(OnError), "- - - / - AE AR"),
        ] {
            assert_eq!(told(Due::of(accept, application)), expected, "{accept:?} {application:?}");
        }
        let both = Due::of(Some(Always), Some(Always));
        assert_eq!(both.application(Outcome::Failed, Outcome::Failed), None);
        assert_eq!(
            Due::Original.application(Outcome::Failed, Outcome::Failed),
            Some(AckCode::ApplicationError)
        );
    }

    #[test]
    fn what_is_wrong_is_written_as_the_version_has_it() {
        let place = Place { segment: "QPD", occurrence: 1, field: Some(3), repetition: 2 };
        let wrong =
            |text: &str, place| Wrong { problem: Problem { code: "204", text: text.to_owned() }, place };
        let all = [wrong("no | such", Some(place)), wrong("second", None)];
        let stamp = Stamp { control_id: "G1".to_owned(), at: "20260301120000+0000".to_owned() };
        let answer = |version: &str, wrong: &[Wrong]| {
            let received = format!("MSH|^~\\&|A|B|C|D|2026||QBP^Q22|M1|P|{version}\r");
            let bytes = acknowledge_all(received.as_bytes(), AckCode::ApplicationError, wrong, &stamp);
            String::from_utf8(bytes).unwrap().split_once('\r').unwrap().1.to_owned()
        };
        for version in ["2.3", "2.4", "9"] {
            assert_eq!(
                answer(version, &all),
                "MSA|AE|M1|no \\F\\ such|||204^no \\F\\ such^HL70357\r\
                 ERR|QPD^1^3^204&no \\F\\ such&HL70357~^^^204&second&HL70357\r"
            );
            assert_eq!(answer(version, &[]), "MSA|AE|M1|\r");
        }
        assert_eq!(
            answer("2.5", &all),
            "MSA|AE|M1|no \\F\\ such\r\
             ERR||QPD^1^3^2|204^^HL70357|E|||no \\F\\ such|no \\F\\ such\r\
             ERR|||204^^HL70357|E|||second|second\r"
        );
    }
}
