//! FHIR R4 into HL7 v2: a minimised Bundle as a message for one receiver.
//!
//! A [`Profile`] says how the receiver takes messages: version, character set, segments, lengths. The tables in
//! `maps/hl7v2-out` say what each message is made of and which element goes to which field. While a message is
//! written each element that reaches it is marked; what is not marked in the end is a [`Loss`] with its path in the Bundle.
//!
//! A loss that would make the rest read otherwise refuses the message ([`Unsent::Dangerous`]): a modifier element, a status
//! that cannot be said, a number without its unit, a mark of protection. Absent is absent: the null `""`, which deletes
//! what a receiver has, is never written, for in a minimised Bundle what was withheld looks like what is not there.

mod convert;
mod document;
mod engine;
mod map;
pub(crate) mod path;
mod people;
mod profile;
mod source;
mod survey;
mod times;
mod unsent;
mod values;
mod version;
mod wire;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::Bytes;
use fhir::json::{Limits, Node};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::codes::Codes;
use super::concept::Known;
use super::envelope::{AckWhen, Party};
use crate::Loss;
use engine::Run;
use map::Tables;
use profile::Times;
use source::Source;
pub(super) use wire::{Line, Repetition};

pub use profile::{InvalidProfile, Profile};
pub use unsent::{Danger, Unsent};
pub use version::Version;

/// A message as it goes out.
pub struct Message {
    /// MSH-10, which the Bundle, the event and the receiver determine.
    pub control_id: String,
    /// The message in the character set of the receiver.
    pub bytes: Vec<u8>,
    /// Everything of the Bundle that the message does not carry, in the order of the Bundle. The place is its path.
    pub losses: Vec<Loss>,
    /// The resources of which it says nothing, as `Type/id`: but for those that are about the exchange itself.
    pub untold: Vec<String>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Message")
            .field("control_id", &self.control_id)
            .field("bytes", &self.bytes.len())
            .field("losses", &self.losses.len())
            .finish()
    }
}

/// What makes the header.
struct Stamp {
    control_id: String,
    at: String,
}

impl Stamp {
    /// A text of the tables; `@trigger` and `@time` stand for what the message is.
    fn fixed<'t>(&'t self, text: &'t str, trigger: &'t str) -> &'t str {
        match text {
            "@trigger" => trigger,
            "@time" => &self.at,
            text => text,
        }
    }
}

/// All tables of this direction.
struct Maps {
    tables: Tables,
    codes: Codes,
}

const TABLES: [&str; 4] = [
    include_str!("../../maps/hl7v2-out/messages.map"),
    include_str!("../../maps/hl7v2-out/person.segments"),
    include_str!("../../maps/hl7v2-out/clinical.segments"),
    include_str!("../../maps/hl7v2-out/meaning.map"),
];

fn maps() -> Result<&'static Maps, Unsent> {
    static MAPS: LazyLock<Option<Maps>> = LazyLock::new(|| {
        let tables = map::read(&TABLES).ok()?;
        let codes = Codes::read(&[include_str!("../../maps/hl7v2-out/codes.map")]).ok()?;
        Some(Maps { tables, codes })
    });
    MAPS.as_ref().ok_or(Unsent::Maps)
}

/// The events that messages are written of, such as `A01`.
#[must_use]
pub fn events() -> Vec<&'static str> {
    maps()
        .map(|maps| {
            maps.tables
                .messages
                .iter()
                .filter(|message| !message.takes.is_empty())
                .map(|message| message.trigger.as_str())
                .collect()
        })
        .unwrap_or_default()
}

/// Writes the Bundle as the message of `event` (such as `A01`) for a receiver.
///
/// The same Bundle for the same receiver has the same bytes. `at` is when the message is made, for a Bundle that has no
/// timestamp of its own.
///
/// # Errors
/// [`Unsent`] when no message can say what the Bundle says; nothing may be sent then.
pub fn write(bundle: &[u8], event: &str, profile: &Profile, at: Timestamp) -> Result<Message, Unsent> {
    let maps = maps()?;
    let incoming = super::maps::maps().map_err(|_| Unsent::Maps)?;
    let message =
        find(maps, event).ok().filter(|message| !message.takes.is_empty()).ok_or(Unsent::UnknownEvent)?;
    let document =
        fhir::json::parse(Bytes::copy_from_slice(bundle), &Limits::default()).map_err(Unsent::Json)?;
    let source = Source::read(&document)?;
    if let Some(header) = source.only("MessageHeader")?
        && header.node.str_at(&["eventCoding", "system"]).as_deref()
            == Some("http://terminology.hl7.org/CodeSystem/v2-0003")
        && let Some(from) = header.node.str_at(&["eventCoding", "code"])
        && !message.takes.iter().any(|taken| *taken == from)
    {
        return Err(Unsent::OtherEvent);
    }
    let stamp = stamp(bundle, event, profile, at, &source);
    let mut run = Run {
        source: &source,
        tables: &maps.tables,
        codes: &incoming.codes,
        own_codes: &maps.codes,
        profile,
        message,
        stamp: &stamp,
        domains: &[],
        lines: Vec::new(),
        counts: BTreeMap::new(),
    };
    run.parts(&message.parts, &mut Vec::new())?;
    let lines = std::mem::take(&mut run.lines);
    let missing = message.needs.iter().find(|name| lines.iter().all(|line| line.name != **name));
    if let Some(name) = missing {
        return Err(Unsent::Missing { place: name.clone() });
    }
    let mut text = String::with_capacity(bundle.len() / 2);
    header(message, profile, &stamp).write(&mut text, profile, &source)?;
    for line in &lines {
        line.write(&mut text, profile, &source)?;
    }
    let losses = survey::losses(&source, &maps.tables, message)?;
    let bytes = wire::bytes(text, profile.charset)?;
    Ok(Message { control_id: stamp.control_id, bytes, losses, untold: survey::untold(&source, &[]) })
}

/// The control id and the time of the message.
fn stamp(bundle: &[u8], event: &str, profile: &Profile, at: Timestamp, source: &Source<'_>) -> Stamp {
    let mut hash = Sha256::new();
    let receiver = [&profile.receiver.application, &profile.receiver.facility].map(String::as_bytes);
    for part in [
        b"portcullis hl7v2 out 1".as_slice(),
        event.as_bytes(),
        receiver[0],
        receiver[1],
        profile.version.as_str().as_bytes(),
        bundle,
    ] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    // Version 2.3 has room for twenty letters.
    let control_id = hash.finalize().iter().take(10).map(|byte| format!("{byte:02X}")).collect();
    let own = source.root.member("timestamp").and_then(Node::string);
    let at = own
        .and_then(|own| times::moment(&own, profile.times, &profile.zone))
        .or_else(|| times::moment(&at.to_string(), Times::Offset, &profile.zone))
        .unwrap_or_default();
    Stamp { control_id, at }
}

/// What an answer to a query says of itself.
pub(super) struct Answer<'a> {
    pub(super) event: &'a str,
    pub(super) sender: &'a Party,
    pub(super) receiver: &'a Party,
    pub(super) processing: &'a str,
    pub(super) control_id: &'a str,
    pub(super) at: &'a str,
    pub(super) domains: &'a [String],
}

/// Writes the Patients of `bundle` as an answer; `around` gives the segments before and after, by how many were found.
pub(super) fn answer(
    bundle: &[u8],
    answer: &Answer<'_>,
    profile: &Profile,
    around: impl Fn(usize) -> (Vec<Line<'static>>, Vec<Line<'static>>),
) -> Result<Message, Unsent> {
    let maps = maps()?;
    let incoming = super::maps::maps().map_err(|_| Unsent::Maps)?;
    let message = find(maps, answer.event)?;
    let document =
        fhir::json::parse(Bytes::copy_from_slice(bundle), &Limits::default()).map_err(Unsent::Json)?;
    let source = Source::read(&document)?;
    let stamp = Stamp { control_id: answer.control_id.to_owned(), at: answer.at.to_owned() };
    let mut run = Run {
        source: &source,
        tables: &maps.tables,
        codes: &incoming.codes,
        own_codes: &maps.codes,
        profile,
        message,
        stamp: &stamp,
        domains: answer.domains,
        lines: Vec::new(),
        counts: BTreeMap::new(),
    };
    let mut left_out = Vec::new();
    for held in source.held.iter().filter(|held| held.kind == "Patient") {
        match run.parts(&message.parts, &mut vec![("Patient".to_owned(), held.node)]) {
            Ok(()) => {}
            // Who has no identifier of the kind that is asked for is not asked for.
            Err(Unsent::Missing { .. }) if !answer.domains.is_empty() => left_out.push(held.node.offset()),
            Err(why) => return Err(why),
        }
    }
    let lines = std::mem::take(&mut run.lines);
    let found = lines.iter().filter(|line| line.name == "PID").count();
    let (before, after) = around(found);
    let mut text = String::with_capacity(bundle.len() / 2 + 512);
    answer.header(message, profile, &stamp).write(&mut text, profile, &source)?;
    for line in before.iter().chain(&lines).chain(&after) {
        line.write(&mut text, profile, &source)?;
    }
    let losses = survey::losses(&source, &maps.tables, message)?;
    let untold = survey::untold(&source, &left_out);
    Ok(Message { control_id: stamp.control_id, bytes: wire::bytes(text, profile.charset)?, losses, untold })
}

/// An answer of these segments.
pub(super) fn plain(
    answer: &Answer<'_>,
    lines: Vec<Line<'static>>,
    profile: &Profile,
) -> Result<Vec<u8>, Unsent> {
    let document =
        fhir::json::parse(Bytes::from_static(b"{\"resourceType\":\"Bundle\"}"), &Limits::default())
            .map_err(Unsent::Json)?;
    let source = Source::read(&document)?;
    let stamp = Stamp { control_id: answer.control_id.to_owned(), at: answer.at.to_owned() };
    let message = find(maps()?, answer.event)?;
    let mut text = String::new();
    answer.header(message, profile, &stamp).write(&mut text, profile, &source)?;
    for line in lines {
        line.write(&mut text, profile, &source)?;
    }
    wire::bytes(text, profile.charset)
}

impl Answer<'_> {
    /// MSH. An answer is not acknowledged in its turn.
    fn header(&self, message: &map::Message, profile: &Profile, stamp: &Stamp) -> Line<'static> {
        let profile = Profile {
            sender: self.sender.clone(),
            receiver: self.receiver.clone(),
            processing: self.processing.to_owned(),
            accept: None,
            application: None,
            ..profile.clone()
        };
        header(message, &profile, stamp)
    }
}

/// The code of FHIR that a sender's code of the map `map` stands for.
pub(super) fn code_of(map: &str, code: &str, known: Known<'_>) -> Option<String> {
    known
        .codes
        .find(map, code, known.context)
        .filter(|found| !found.broader)
        .map(|found| found.code.to_owned())
}

fn find<'m>(maps: &'m Maps, event: &str) -> Result<&'m map::Message, Unsent> {
    maps.tables.messages.iter().find(|message| message.trigger == event).ok_or(Unsent::UnknownEvent)
}

/// MSH.
fn header<'b>(message: &map::Message, profile: &Profile, stamp: &Stamp) -> Line<'b> {
    let mut line = Line::new("MSH");
    let mut add = |field, text: &str| line.add(field, Repetition::fixed(text));
    add(3, &profile.sender.application);
    add(4, &profile.sender.facility);
    add(5, &profile.receiver.application);
    add(6, &profile.receiver.facility);
    add(7, &stamp.at);
    add(10, &stamp.control_id);
    add(11, &profile.processing);
    add(12, profile.version.as_str());
    add(15, profile.accept.map_or("", AckWhen::as_str));
    add(16, profile.application.map_or("", AckWhen::as_str));
    add(18, profile.charset.as_str());
    let mut kind = Repetition::fixed(&message.code);
    kind.put(2, message.trigger.as_str());
    if profile.version.as_str() != "2.3" {
        kind.put(3, message.structure.as_str());
    }
    line.add(9, kind);
    line
}

#[cfg(test)]
mod tests {
    use super::{TABLES, map, maps};
    use crate::hl7v2::codes::Codes;

    #[test]
    fn the_tables_of_this_program_can_be_read() {
        assert_eq!(map::read(&TABLES).err(), None);
        assert_eq!(Codes::read(&[include_str!("../../maps/hl7v2-out/codes.map")]).err(), None);
        assert!(maps().is_ok());
    }

    #[test]
    fn a_faulty_table_names_its_line() {
        for (text, expected) in [
            ("segment PID\n5 Patient.name nonsense", (2, "an unknown conversion")),
            ("segment PID\n5 Patient.name", (2, "an element without a conversion")),
            ("segment PID\nx Patient.name xpn", (2, "not a line of the tables")),
            ("segment PID\n5 Patient..name xpn", (2, "a faulty path")),
            ("5 Patient.name xpn", (1, "a row of no segment")),
            ("segment PID\n5 Patient.name xpn since 3.0", (2, "an unknown version")),
            ("message ADT A01 ADT_A01 takes A01\nline PID", (0, "a segment without a map")),
            ("message ADT A01 ADT_A01 takes A01\nfor Condition\nsegment PID", (3, "a `for` without an end")),
            ("message ADT A01 ADT_A01 takes A01\nend", (2, "an end of nothing")),
            ("use kin", (1, "a part that is not there")),
            ("loss Patient huge", (1, "an unknown severity")),
        ] {
            assert_eq!(map::read(&[text]).err(), Some(expected), "{text}");
        }
    }
}
