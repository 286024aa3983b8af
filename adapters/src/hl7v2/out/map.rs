//! What a message is made of, and which element goes to which field: `maps/hl7v2-out`.
//!
//! ```text
//! message ADT A01 ADT_A01 takes A01     message code, trigger, structure; triggers that its content may come from
//! status Encounter.status in-progress   of a resource that is sent, the element is one of these (`-`: or not there)
//! need PV1                              segments without which there is no such message
//! line PID                              a segment, by its map
//! line OBX if PATH|PATH                 when one of these is there; `unless`; `since 2.5`, `until 2.6`
//! for AllergyIntolerance                what follows up to `end` for each resource of the type that nothing said yet
//! for Report >result                    for each resource the element of the present one leads to
//! for @ Patient.contact                 for each of these elements
//! also @ Observation.component          the same, also when the segment before it was not written
//! end
//! never Composition.relatesTo           to lose this is as dangerous as to lose a modifier
//! part NAME                             lines that messages share, until the next; `use NAME`
//!
//! segment PID
//! 5*  Patient.name[use!=old]  xpn       field (`*`: it repeats), element, conversion
//! 1   =#                                the number of the segment among its likes
//! 2   =I                                this text; `_` stands for a space
//! ```
//! After the conversion may follow `since 2.5`, `until 2.6`, `on A03|A08`, `required`, `if PATH` and `unless PATH`. The first row that says something
//! wins, unless the field repeats. A path begins with a type that is open, or with `@`, the open element; `>Type` follows a reference.

use super::path::Path;
use super::version::Version;
use crate::Severity;

/// All tables.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) messages: Vec<Message>,
    pub(super) segments: Vec<Segment>,
    /// Elements that are said by where a resource stands.
    pub(super) quiet: Vec<String>,
    /// References to the person that a resource is about.
    pub(super) persons: Vec<(Path, Need)>,
    /// Elements that are as dangerous as modifiers.
    pub(super) never: Vec<String>,
    /// Values of modifier elements that change nothing when they are not said.
    pub(super) harmless: Vec<(String, Vec<String>)>,
    /// What it is that is lost with an element.
    pub(super) losses: Vec<(String, Severity)>,
    /// Which values of an element let its resource be sent.
    pub(super) statuses: Vec<Status>,
}

/// A message type.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) code: String,
    pub(super) trigger: String,
    pub(super) structure: String,
    pub(super) takes: Vec<String>,
    pub(super) statuses: Vec<Status>,
    /// Segments without which there is no such message.
    pub(super) needs: Vec<String>,
    pub(super) parts: Vec<Part>,
}

/// The values of an element that a message can stand for.
#[derive(Debug)]
pub(super) struct Status {
    pub(super) path: Path,
    pub(super) values: Vec<String>,
}

/// A part of a message.
#[derive(Debug)]
pub(super) enum Part {
    Line(Line),
    Each(Each),
}

/// One segment.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) segment: String,
    pub(super) when: When,
}

/// Parts for each of something.
#[derive(Debug)]
pub(super) struct Each {
    pub(super) over: Over,
    pub(super) hangs: Hangs,
    pub(super) parts: Vec<Part>,
}

/// Whether parts belong to the segment before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hangs {
    /// Without it they would belong to another.
    On,
    Free,
}

/// What parts are repeated over.
#[derive(Debug)]
pub(super) enum Over {
    /// Resources of a type that were not sent yet.
    Resources(String),
    /// Resources that an element leads to.
    Targets(Path),
    /// Elements.
    Elements(Path),
}

/// Conditions of a line or row.
#[derive(Debug, Default)]
pub(super) struct When {
    pub(super) since: Option<Version>,
    pub(super) until: Option<Version>,
    pub(super) triggers: Vec<String>,
    pub(super) only_if: Vec<Path>,
    pub(super) unless: Vec<Path>,
}

/// The map of a segment.
#[derive(Debug)]
pub(super) struct Segment {
    /// The name; after a `/` what tells maps of one segment apart.
    pub(super) name: String,
    pub(super) rows: Vec<Row>,
}

/// One element to one field.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) field: u16,
    pub(super) component: Option<u16>,
    pub(super) repeats: Repeats,
    pub(super) source: From,
    pub(super) need: Need,
    pub(super) when: When,
}

impl Row {
    /// Whether what it says is a place or a way to reach somebody.
    pub(super) fn is_place(&self) -> bool {
        match &self.source {
            From::Element(_, Conversion::Address | Conversion::Telecom) => true,
            From::Element(path, _) => path.element().contains(".valueAddress"),
            From::Ordinal | From::Fixed(_) => false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeats {
    Once,
    Many,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Optional,
    Required,
}

/// Where the content of a field comes from.
#[derive(Debug)]
pub(super) enum From {
    Ordinal,
    Fixed(String),
    Element(Path, Conversion),
}

/// How an element becomes a field. The argument names a code map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Conversion {
    Text,
    Lines,
    Time,
    Date,
    Number,
    Boolean,
    /// A code that the element must have one of; another is a loss.
    Code(String),
    /// A code without which the message would read otherwise.
    Status(String),
    Concept(String),
    Coding(String),
    Label(String),
    Identifier,
    Verification,
    Entity,
    Name,
    Address,
    Telecom,
    Person,
    /// The date of birth of a Patient, with its time.
    Birth,
    /// A concept in words.
    Words,
    Organization,
    Place,
    Value,
    Range,
    Quantity,
    /// A concept whose parts are subcomponents.
    SubConcept,
    Licence,
    Attachment,
    Narrative,
}

/// What is open while the tables are read: the message, and each `for` in it.
type Open = (Option<(Over, Hangs)>, Vec<Part>);

/// A line that cannot be read: its number and why.
pub(super) type Fault = (usize, &'static str);

/// Reads the tables.
pub(super) fn read(texts: &[&str]) -> Result<Tables, Fault> {
    let mut tables = Tables::default();
    // The parts of what is open: the message, and each `for` in it.
    let mut open: Vec<Open> = Vec::new();
    let mut shared: Vec<(&str, Vec<Vec<&str>>)> = Vec::new();
    let mut sharing = false;
    for (number, text) in texts.iter().flat_map(|text| (1..).zip(text.lines())) {
        let text = text.split("  #").next().unwrap_or_default();
        let words: Vec<&str> = text.split_whitespace().collect();
        let fault = |what| (number, what);
        if text.starts_with('#') || words.is_empty() {
            continue;
        }
        match words.as_slice() {
            ["part", name] => {
                shared.push((name, Vec::new()));
                sharing = true;
            }
            ["use", name] => {
                let (_, lines) =
                    shared.iter().find(|(held, _)| held == name).ok_or(fault("a part that is not there"))?;
                lines.iter().try_for_each(|words| tables.line(words, &mut open)).map_err(fault)?;
            }
            [first, ..] => {
                sharing &= !matches!(*first, "message" | "segment");
                match shared.last_mut().filter(|_| sharing) {
                    Some((_, lines)) => lines.push(words),
                    None => tables.line(&words, &mut open).map_err(fault)?,
                }
            }
            [] => {}
        }
    }
    tables.close(&mut open).map_err(|what| (0, what))?;
    for message in &tables.messages {
        tables.check(&message.parts).map_err(|what| (0, what))?;
    }
    Ok(tables)
}

impl Tables {
    pub(super) fn segment(&self, name: &str) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.name == name)
    }

    fn check(&self, parts: &[Part]) -> Result<(), &'static str> {
        parts.iter().try_for_each(|part| match part {
            Part::Line(line) => self.segment(&line.segment).map(drop).ok_or("a segment without a map"),
            Part::Each(each) => self.check(&each.parts),
        })
    }

    fn line(&mut self, words: &[&str], open: &mut Vec<Open>) -> Result<(), &'static str> {
        let add = |open: &mut Vec<Open>, part| {
            open.last_mut().map(|(_, parts)| parts.push(part)).ok_or("a part of no message")
        };
        match words {
            ["message", code, trigger, structure, "takes", takes @ ..] => {
                self.close(open)?;
                open.push((None, Vec::new()));
                self.messages.push(Message {
                    code: (*code).to_owned(),
                    trigger: (*trigger).to_owned(),
                    structure: (*structure).to_owned(),
                    takes: takes.iter().map(|word| (*word).to_owned()).collect(),
                    statuses: Vec::new(),
                    needs: Vec::new(),
                    parts: Vec::new(),
                });
            }
            ["need", segments @ ..] => {
                let message = self.messages.last_mut().ok_or("a need of no message")?;
                message.needs.extend(segments.iter().map(|word| (*word).to_owned()));
            }
            ["line", segment, rest @ ..] => {
                add(open, Part::Line(Line { segment: (*segment).to_owned(), when: When::read(rest)?.0 }))?;
            }
            ["for" | "also", over @ ..] => {
                let hangs = if words.first() == Some(&"for") { Hangs::On } else { Hangs::Free };
                open.push((Some((Over::read(over)?, hangs)), Vec::new()));
            }
            ["end"] => match open.pop() {
                Some((Some((over, hangs)), parts)) => add(open, Part::Each(Each { over, hangs, parts }))?,
                Some((None, _)) | None => return Err("an end of nothing"),
            },
            ["status", path, values @ ..] => {
                let values = values.iter().map(|value| (*value).to_owned()).collect();
                let status = Status { path: Path::read(path)?, values };
                match self.messages.last_mut().filter(|_| !open.is_empty()) {
                    Some(message) => message.statuses.push(status),
                    None => self.statuses.push(status),
                }
            }
            ["quiet", elements @ ..] => self.quiet.extend(elements.iter().map(|word| (*word).to_owned())),
            ["person", path] => self.persons.push((Path::read(path)?, Need::Required)),
            ["person", path, "optional"] => self.persons.push((Path::read(path)?, Need::Optional)),
            ["never", elements @ ..] => self.never.extend(elements.iter().map(|word| (*word).to_owned())),
            ["harmless", element, values @ ..] => {
                let values = values.iter().map(|value| (*value).to_owned()).collect();
                self.harmless.push(((*element).to_owned(), values));
            }
            ["loss", element, severity] => {
                self.losses.push(((*element).to_owned(), severity_of(severity)?));
            }
            ["segment", name] => {
                self.close(open)?;
                self.segments.push(Segment { name: (*name).to_owned(), rows: Vec::new() });
            }
            [field, rest @ ..] => {
                let row = Row::read(field, rest)?;
                self.segments.last_mut().ok_or("a row of no segment")?.rows.push(row);
            }
            [] => {}
        }
        Ok(())
    }

    fn close(&mut self, open: &mut Vec<Open>) -> Result<(), &'static str> {
        match open.pop() {
            None => Ok(()),
            Some((None, parts)) if open.is_empty() => {
                let message = self.messages.last_mut().ok_or("parts of no message")?;
                message.parts = parts;
                Ok(())
            }
            Some(_) => Err("a `for` without an end"),
        }
    }
}

fn severity_of(word: &str) -> Result<Severity, &'static str> {
    Ok(match word {
        "trivial" => Severity::Trivial,
        "minor" => Severity::Minor,
        "major" => Severity::Major,
        _ => return Err("an unknown severity"),
    })
}

impl Over {
    fn read(words: &[&str]) -> Result<Self, &'static str> {
        Ok(match words {
            ["@", path] => Self::Elements(Path::read(path)?),
            [path] if path.contains('>') => Self::Targets(Path::read(path)?),
            [kind] => Self::Resources((*kind).to_owned()),
            _ => return Err("a `for` over nothing"),
        })
    }
}

impl When {
    /// The conditions in `words`, and whether the field is required.
    fn read(words: &[&str]) -> Result<(Self, Need), &'static str> {
        let mut when = Self::default();
        let mut need = Need::Optional;
        let mut words = words.iter();
        let paths = |text: &str| text.split('|').map(Path::read).collect::<Result<Vec<_>, _>>();
        while let Some(word) = words.next() {
            if *word == "required" {
                need = Need::Required;
                continue;
            }
            let value = words.next().ok_or("a condition without a value")?;
            match *word {
                "since" => when.since = Some(Version::parse(value).ok_or("an unknown version")?),
                "until" => when.until = Some(Version::parse(value).ok_or("an unknown version")?),
                "on" => when.triggers = value.split('|').map(str::to_owned).collect(),
                "if" => when.only_if = paths(value)?,
                "unless" => when.unless = paths(value)?,
                _ => return Err("an unknown condition"),
            }
        }
        Ok((when, need))
    }

    /// Whether the version has what this is about.
    pub(super) fn in_version(&self, version: Version) -> bool {
        self.since.is_none_or(|since| version >= since) && self.until.is_none_or(|until| version <= until)
    }
}

impl Row {
    fn read(field: &str, rest: &[&str]) -> Result<Self, &'static str> {
        let (field, repeats) =
            field.strip_suffix('*').map_or((field, Repeats::Once), |field| (field, Repeats::Many));
        let (field, component) = match field.split_once('.') {
            Some((field, component)) => (field, Some(component.parse().map_err(|_| "not a component")?)),
            None => (field, None),
        };
        let field = field.parse().ok().filter(|field| *field > 0).ok_or("not a line of the tables")?;
        let (source, conditions) = match rest {
            ["=#", conditions @ ..] => (From::Ordinal, conditions),
            [fixed, conditions @ ..] if fixed.starts_with('=') => {
                (From::Fixed(fixed.trim_start_matches('=').replace('_', " ")), conditions)
            }
            [path, conversion, conditions @ ..] => {
                (From::Element(Path::read(path)?, Conversion::read(conversion)?), conditions)
            }
            _ => return Err("an element without a conversion"),
        };
        let (when, need) = When::read(conditions)?;
        Ok(Self { field, component, repeats, source, need, when })
    }
}

impl Conversion {
    fn read(word: &str) -> Result<Self, &'static str> {
        let (name, argument) = word.split_once(':').unwrap_or((word, ""));
        let argument = argument.to_owned();
        Ok(match name {
            "text" => Self::Text,
            "lines" => Self::Lines,
            "ts" => Self::Time,
            "date" => Self::Date,
            "nm" => Self::Number,
            "boolean" => Self::Boolean,
            "code" => Self::Code(argument),
            "status" => Self::Status(argument),
            "concept" => Self::Concept(argument),
            "coding" => Self::Coding(argument),
            "label" => Self::Label(argument),
            "cx" => Self::Identifier,
            "verification" => Self::Verification,
            "ei" => Self::Entity,
            "xpn" => Self::Name,
            "xad" => Self::Address,
            "xtn" => Self::Telecom,
            "xcn" => Self::Person,
            "birth" => Self::Birth,
            "words" => Self::Words,
            "xon" => Self::Organization,
            "pl" => Self::Place,
            "value" => Self::Value,
            "range" => Self::Range,
            "cq" => Self::Quantity,
            "subconcept" => Self::SubConcept,
            "licence" => Self::Licence,
            "attachment" => Self::Attachment,
            "narrative" => Self::Narrative,
            _ => return Err("an unknown conversion"),
        })
    }
}
