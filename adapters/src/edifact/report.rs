//! Applies the tables to a message.

use super::Fault;
use super::convert::Known;
use super::frame::{Counted, Frame, Framed};
use super::groups::{self, Investigation};
use super::maps::{Conversion, Group, Maps, Row};
use super::part::{Part, Segment};
use super::parties::{Parties, Party};
use crate::assembly::{Assembly, Number};
use crate::hl7v2::codes::local_system;
use crate::tree::{Node, Object};
use crate::{Context, Loss, Refused, Severity, Translated, Why};

/// A message while it becomes resources.
pub(super) struct Report<'m> {
    pub(super) known: Known<'m>,
    pub(super) assembly: Assembly<'m>,
    pub(super) group: Group,
    /// Whether the list element of the present group is still to be opened.
    pub(super) fresh: bool,
    pub(super) party: Option<Party<'m>>,
    pub(super) parties: Parties,
    pub(super) header: Number,
    pub(super) report: Number,
    pub(super) patient: Number,
    pub(super) request: Option<Number>,
    pub(super) specimen: Option<Number>,
    pub(super) result: Option<Number>,
    pub(super) results: Vec<Number>,
    pub(super) specimens: Vec<Number>,
    /// Results and specimens by the number the message gives them.
    pub(super) numbered: Vec<(Kind, &'m Part, Number)>,
    /// Results that belong to a specimen or to another result.
    pub(super) belongs: Vec<(Kind, &'m Part, Number)>,
    pub(super) timestamp: Option<String>,
    pub(super) sent: Option<String>,
}

/// What a number in the message is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Specimen,
    Result,
}

/// Translates one message of the interchange.
pub(super) fn translate(
    frame: &Frame,
    message: &Framed,
    digest: &str,
    maps: &Maps,
    context: &Context,
) -> Result<Translated, Refused> {
    let counted = message.held.clone()?;
    let header = frame.header.clone();
    let opener = message.segments.first().ok_or(Fault::MessageReference)?;
    known_type(opener)?;
    let count = |name: &str| message.segments.iter().filter(|segment| segment.name == name).count();
    if count("PNA") != 1 || count("S07") > 1 {
        return Err(Fault::NotOnePatient.into());
    }
    if count("S02") != 1 {
        return Err(Fault::NotOneReport.into());
    }
    let said = |element: u16| header.element(element).iter().map(Part::peek).collect::<Vec<_>>().join(":");
    // Control references begin anew, so the time of the interchange and its sender are part of what it is known by.
    let key = format!("{}+{}+{}+{}", said(2), said(4), said(5), message.reference);
    let known = Known { maps, context, decimal: frame.decimal };
    let mut assembly = Assembly::new(context.source(), key);
    let mut report = Report {
        header: assembly.add("MessageHeader", ""),
        patient: assembly.add("Patient", ""),
        report: assembly.add("DiagnosticReport", ""),
        known,
        assembly,
        group: Group::Header,
        fresh: false,
        party: None,
        parties: Parties::default(),
        request: None,
        specimen: None,
        result: None,
        results: Vec::new(),
        specimens: Vec::new(),
        numbered: Vec::new(),
        belongs: Vec::new(),
        timestamp: None,
        sent: None,
    };
    report.apply(&header);
    for segment in &message.segments {
        report.segment(segment);
    }
    report.close_party();
    let identifier = Object::new()
        .with("system", Node::Text(local_system(context.source())))
        .with("value", Node::Text(format!("{}/{}", said(5), message.reference)));
    let (id, bundle) = report.finish(counted, identifier, digest)?;
    let mut losses = Vec::new();
    if let Some(why) = frame.remark {
        losses.push(Loss { place: "UNB-1".to_owned(), why, severity: Severity::Minor });
    }
    if !frame.is_counted {
        losses.push(Loss { place: "UNZ-1".to_owned(), why: Why::Missing, severity: Severity::Minor });
    }
    if counted != Counted::Right
        && let Some(trailer) = message.segments.last()
    {
        match trailer.first(1) {
            Some(count) => count.tell(Why::Miscounted, Severity::Major),
            None => trailer.tell(Why::Miscounted, Severity::Major),
        }
    }
    for segment in std::iter::once(&header).chain(&message.segments) {
        segment.losses(maps.severity(&segment.name), &mut losses);
    }
    Ok(Translated { id, bundle, losses })
}

/// That the message is a service report of a variant that is known.
fn known_type(opener: &Segment) -> Result<(), Refused> {
    let said = |component: u16| opener.part(2, component).map(Part::peek).unwrap_or_default();
    match (said(1), said(5)) {
        ("MEDRPT", "NHS002" | "NHS003" | "NHS004") => Ok(()),
        (kind, variant) => {
            let plain = |text: &str| -> String {
                let letters = text.chars().filter(char::is_ascii_alphanumeric);
                letters.take(8).collect::<String>().to_ascii_uppercase()
            };
            Err(Refused::UnknownType { name: format!("{}:{}", plain(kind), plain(variant)) })
        }
    }
}

impl<'m> Report<'m> {
    fn segment(&mut self, segment: &'m Segment) {
        let named = match self.result.and_then(|result| self.assembly.look(result)) {
            Some(result) if result.find("code").is_some() => Investigation::Named,
            Some(_) | None => Investigation::Unnamed,
        };
        if let groups::Step::Begins(group) = groups::step(self.group, segment, named) {
            self.begin(group, segment);
        }
        // What a further range says is no part of the last.
        if segment.name == "RND" && self.group == Group::Range {
            self.fresh = true;
        }
        match (&mut self.party, self.group) {
            (Some(party), Group::Party) => party.add(segment),
            _ => self.apply(segment),
        }
    }

    fn begin(&mut self, group: Group, segment: &'m Segment) {
        self.close_party();
        self.group = group;
        self.fresh = group == Group::Range;
        if groups::is_marker(&segment.name) {
            groups::mark(segment);
        }
        match group {
            Group::Party => self.party = Some(Party::default()),
            Group::Clinical => {
                self.request();
            }
            Group::Specimen => {
                let number = self.assembly.add("Specimen", &segment.place());
                self.specimen = Some(number);
                self.result = None;
                self.specimens.push(number);
            }
            Group::Result => {
                let number = self.assembly.add("Observation", &segment.place());
                self.result = Some(number);
                self.results.push(number);
            }
            Group::Header
            | Group::Message
            | Group::Report
            | Group::Subject
            | Group::Person
            | Group::Range
            | Group::Unknown => {}
        }
    }

    fn close_party(&mut self) {
        if let Some(party) = self.party.take() {
            party.settle(self.known, &mut self.assembly, &mut self.parties);
        }
    }

    pub(super) fn request(&mut self) -> Number {
        match self.request {
            Some(request) => request,
            None => {
                let request = self.assembly.add("ServiceRequest", "");
                self.request = Some(request);
                request
            }
        }
    }

    /// Applies the rows that are for `segment` in the present group.
    fn apply<'s: 'm>(&mut self, segment: &'s Segment) {
        let qualifier = segment.qualifier();
        let maps = self.known.maps;
        let group = self.group;
        let rows = || maps.rows.iter().filter(|row| row.group == group && row.segment == segment.name);
        let qualified = |row: &Row| row.qualifier.as_deref() == Some(qualifier);
        if rows().any(qualified) {
            segment.first(1).into_iter().for_each(Part::carry);
        } else if qualifier.is_empty() && rows().any(|row| row.qualifier.is_some()) {
            segment.tell(Why::Missing, Severity::Minor);
        }
        for row in rows() {
            let beside = || rows().any(|other| qualified(other) && other.element == row.element);
            if qualified(row) || (row.qualifier.is_none() && !beside()) {
                self.row(row, segment);
            }
        }
    }

    fn row<'s: 'm>(&mut self, row: &Row, segment: &'s Segment) {
        if let Conversion::Aside(aside) = &row.conversion {
            self.aside(row, aside, segment);
            return;
        }
        let Some((kind, path)) = &row.target else { return };
        let number = match kind.as_str() {
            "MessageHeader" => Some(self.header),
            "DiagnosticReport" => Some(self.report),
            "Patient" => Some(self.patient),
            "ServiceRequest" => Some(self.request()),
            "Specimen" => self.specimen,
            _ => self.result,
        };
        if let Some(number) = number {
            self.place(row, segment, number, path);
        }
    }
}
