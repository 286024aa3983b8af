//! The answer to a query: `RSP^K22`, `RSP^K21`, `ADR^A19`.

use bytes::Bytes;
use fhir::json::{self, Limits, Node};

use super::{Asked, Outline, Query};
use crate::hl7v2::acknowledgement::{AckCode, Stamp, Wrong};
use crate::hl7v2::out::{self, Line, Message, Profile, Repetition, Unsent};

/// How a query went (HL7 table 0208).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Ok,
    NotFound,
    Error,
    Rejected,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::NotFound => "NF",
            Self::Error => "AE",
            Self::Rejected => "AR",
        }
    }
}

impl Query {
    /// The answer with the Patients of a minimised searchset; `next` is the pointer to go on with, when there are more.
    ///
    /// Everything in it comes from the query and from `bundle`: whoever is not in `bundle`, for whatever reason, leaves no trace.
    /// What an OperationOutcome in it says of the answer as a whole is said too: an ERR of severity `W` for a warning and `I` for
    /// all else, before version 2.5 the first of it in MSA-3, a warning before all else.
    ///
    /// # Errors
    /// [`Unsent`] when a Patient cannot be said as it is; nothing may be answered then but [`Outline::failed`].
    pub fn found(
        &self,
        bundle: &[u8],
        next: Option<&str>,
        profile: &Profile,
        stamp: &Stamp,
    ) -> Result<Message, Unsent> {
        let notes = notes(bundle);
        let more = next.map(|next| {
            let mut line = Line::new("DSC");
            line.add(1, Repetition::fixed(next));
            line.add(2, Repetition::fixed("I"));
            line
        });
        let around = |found: usize| {
            let status = if found == 0 { Status::NotFound } else { Status::Ok };
            let outline = &self.outline;
            let mut accepted = outline.msa(AckCode::ApplicationAccept, None);
            let mut said: Vec<Line<'static>> = Vec::new();
            match notes.first().filter(|_| !profile.version().is_2_5()) {
                Some(first) => accepted.add(3, Repetition::fixed(&first.text)),
                None => said.extend(notes.iter().map(Note::line)),
            }
            let head = [accepted].into_iter().chain(said);
            let head = head.chain([outline.qak(status), outline.echo.clone()]).collect();
            (head, more.iter().cloned().collect::<Vec<_>>())
        };
        let frame = self.outline.frame(stamp, &self.domains);
        out::answer(bundle, &frame, profile, around)
    }
}

impl Outline {
    /// The answer to a query that went wrong.
    ///
    /// # Errors
    /// [`Unsent::Unencodable`] when the query itself holds letters that the receiver has not.
    pub fn failed(
        &self,
        code: AckCode,
        wrong: &Wrong,
        profile: &Profile,
        stamp: &Stamp,
    ) -> Result<Vec<u8>, Unsent> {
        let status = match code {
            AckCode::ApplicationReject | AckCode::CommitReject => Status::Rejected,
            AckCode::ApplicationAccept
            | AckCode::ApplicationError
            | AckCode::CommitAccept
            | AckCode::CommitError => Status::Error,
        };
        let lines =
            vec![self.msa(code, Some(wrong)), error(wrong, profile), self.qak(status), self.echo.clone()];
        out::plain(&self.frame(stamp, &[]), lines, profile)
    }

    fn frame<'a>(&'a self, stamp: &'a Stamp, domains: &'a [String]) -> out::Answer<'a> {
        let event = match self.kind {
            Asked::Candidates => "K22",
            Asked::Demographics => "K21",
            Asked::Information => "A19",
        };
        out::Answer {
            event,
            sender: &self.receiver,
            receiver: &self.sender,
            processing: &self.processing,
            control_id: &stamp.control_id,
            at: &stamp.at,
            domains,
        }
    }

    fn msa(&self, code: AckCode, wrong: Option<&Wrong>) -> Line<'static> {
        let mut line = Line::new("MSA");
        line.add(1, Repetition::fixed(code.as_str()));
        line.add(2, Repetition::fixed(&self.control_id));
        if let Some(wrong) = wrong {
            line.add(3, Repetition::fixed(&wrong.problem.text));
        }
        line
    }

    /// QAK, which names the query but for `QRY^A19`, which has no name.
    fn qak(&self, status: Status) -> Line<'static> {
        let mut line = Line::new("QAK");
        line.add(1, Repetition::fixed(&self.tag));
        line.add(2, Repetition::fixed(status.as_str()));
        let name = self.echo.fields.iter().find(|(field, _)| *field == 1).and_then(|(_, held)| held.first());
        if let (Some(name), true) = (name, self.kind != Asked::Information) {
            line.add(3, name.clone());
        }
        line
    }
}

/// Something that a searchset says of itself as a whole.
struct Note {
    severity: &'static str,
    text: String,
}

/// What a searchset says of itself as a whole, warnings first.
fn notes(bundle: &[u8]) -> Vec<Note> {
    let Ok(document) = json::parse(Bytes::copy_from_slice(bundle), &Limits::default()) else {
        return Vec::new();
    };
    let resources = document.root().walk(&["entry", "resource"]);
    let is_outcome = |kind: &str| kind == "OperationOutcome";
    let outcomes =
        resources.filter(|resource| resource.str_at(&["resourceType"]).is_some_and(|kind| is_outcome(&kind)));
    let issues = outcomes.flat_map(|outcome| outcome.walk(&["issue"]).collect::<Vec<_>>());
    let note = |issue: Node<'_>| {
        let is_warning = issue.member("severity").is_some_and(|severity| severity.is_string("warning"));
        let text = issue.str_at(&["details", "text"])?.into_owned();
        Some(Note { severity: if is_warning { "W" } else { "I" }, text })
    };
    let (mut warnings, others): (Vec<Note>, Vec<Note>) =
        issues.filter_map(note).partition(|note| note.severity == "W");
    warnings.extend(others);
    warnings
}

impl Note {
    /// That something is to be known, and nothing went wrong with the query.
    fn line(&self) -> Line<'static> {
        let mut line = Line::new("ERR");
        let mut code = Repetition::fixed("0");
        code.put(3, "HL70357");
        line.add(3, code);
        line.add(4, Repetition::fixed(self.severity));
        line.add(8, Repetition::fixed(&self.text));
        line
    }
}

/// ERR as the version has it.
fn error(wrong: &Wrong, profile: &Profile) -> Line<'static> {
    let mut line = Line::new("ERR");
    let number = |number: u16| number.to_string();
    let mut place = Repetition::fixed("");
    if let Some(at) = wrong.place {
        place.put(1, at.segment);
        place.put(2, number(at.occurrence));
        if let Some(field) = at.field {
            place.put(3, number(field));
        }
    }
    if profile.version().is_2_5() {
        if let Some(at) = wrong.place.filter(|at| at.field.is_some()) {
            place.put(4, number(at.repetition));
        }
        line.add(2, place);
        let mut code = Repetition::fixed(wrong.problem.code);
        code.put(3, "HL70357");
        line.add(3, code);
        line.add(4, Repetition::fixed("E"));
        line.add(8, Repetition::fixed(&wrong.problem.text));
    } else {
        for (sub, text) in (1..).zip([wrong.problem.code, &wrong.problem.text, "HL70357"]) {
            place.put_sub(4, sub, text);
        }
        line.add(1, place);
    }
    line
}
