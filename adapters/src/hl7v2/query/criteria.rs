//! From the fields of a query to the parameters of a search of Patients.

use std::ops::RangeInclusive;

use super::{COUNT_MAX, Criterion, Query, Unasked, unknown};
use crate::hl7v2::concept::Known;
use crate::hl7v2::message::{Message, Part, Segment};
use crate::hl7v2::moment;
use crate::hl7v2::out::code_of;

/// Components of a field, and parts of a component, that are looked for.
const PARTS_MAX: u16 = 30;

/// An identifier that is put together from several criteria.
#[derive(Default)]
struct Identifier<'a, 'm> {
    value: Option<(String, Part<'a, 'm>)>,
    system: Option<String>,
}

impl Identifier<'_, '_> {
    /// Notes whose it is; nothing where it was said to be another's. A name, a universal id and a type may all say the same.
    fn is_of(&mut self, system: String) -> Option<()> {
        let is_same = self.system.as_ref().is_none_or(|said| *said == system);
        is_same.then(|| self.system = Some(system))
    }
}

impl Query {
    /// QPD-3 of `QBP^Q22`: `@PID.5.1^Fenwick~@PID.7^19420617`.
    pub(super) fn candidates(
        &mut self,
        message: &Message<'_>,
        segment: &Segment<'_>,
        known: Known<'_>,
    ) -> Result<(), Unasked> {
        let mut identifier = Identifier::default();
        for part in segment.repetitions_of(message, 3) {
            let field = part.component(1).peek().unwrap_or_default().to_ascii_uppercase();
            // An authority has its universal id and the type of that beside its name.
            only(part, (1..=2, if field == "@PID.3.4" { 3 } else { 1 }), "QPD")?;
            let said = part.component(2);
            // An authority may have no name, but a universal id alone.
            let value = match said.peek() {
                None if field != "@PID.3.4" => return Err(unknown(part, "QPD")),
                value => value.unwrap_or_default().into_owned(),
            };
            let text = |value: &str| exactly(value).ok_or_else(|| unknown(part, "QPD"));
            match field.as_str() {
                "@PID.3" | "@PID.3.1" if identifier.value.is_none() => {
                    if value.contains('*') {
                        return Err(unknown(part, "QPD"));
                    }
                    identifier.value = Some((value, part));
                }
                "@PID.3.4" | "@PID.3.4.1" | "@PID.3.4.2" => {
                    let system = system(said, known).ok_or_else(|| unknown(part, "QPD"))?;
                    identifier.is_of(system).ok_or_else(|| unknown(part, "QPD"))?;
                }
                // The type of a universal id says no more than that it is one.
                "@PID.3.4.3" if value.eq_ignore_ascii_case("ISO") => {}
                "@PID.3.5" if ["NH", "HN"].contains(&&*value) => {
                    let system = fhir::identifier::NHS_NUMBER.to_owned();
                    identifier.is_of(system).ok_or_else(|| unknown(part, "QPD"))?;
                }
                "@PID.5" | "@PID.5.1" | "@PID.5.1.1" => self.word(("family", "family:exact"), text(&value)?),
                "@PID.5.2" => self.word(("given", "given:exact"), text(&value)?),
                "@PID.7" | "@PID.7.1" => {
                    let date = date(&value, known).ok_or_else(|| unknown(part, "QPD"))?;
                    self.add("birthdate", &date);
                }
                "@PID.8" => {
                    let code =
                        code_of("administrative-sex", &value, known).ok_or_else(|| unknown(part, "QPD"))?;
                    self.add("gender", &code);
                }
                "@PID.11.3" => self.word(("address-city", "address-city:exact"), text(&value)?),
                "@PID.11.5" => self.word(("address-postalcode", "address-postalcode:exact"), text(&value)?),
                _ => return Err(unknown(part, "QPD")),
            }
        }
        if let Some((value, _)) = identifier.value {
            self.identifier(identifier.system.as_deref(), &value);
        } else if identifier.system.is_some() {
            return Err(Unasked::Nobody);
        }
        for field in [4, 5, 6, 7] {
            if let Some(part) = segment.repetitions_of(message, field).next() {
                // How alike somebody must be is not for the asker to say.
                return Err(unknown(part, "QPD"));
            }
        }
        self.domains_in(message, segment, 8, known)
    }

    /// QPD-3 of `QBP^Q21`: an identifier.
    pub(super) fn demographics(
        &mut self,
        message: &Message<'_>,
        segment: &Segment<'_>,
        known: Known<'_>,
    ) -> Result<(), Unasked> {
        let mut asked = segment.repetitions_of(message, 3);
        let part = asked.next().ok_or(Unasked::Nobody)?;
        if let Some(more) = asked.next() {
            return Err(unknown(more, "QPD"));
        }
        let value = part.component(1).peek().ok_or(Unasked::Nobody)?;
        let system =
            whose((part.component(4), part.component(5)), known).ok_or_else(|| unknown(part, "QPD"))?;
        self.identifier(system.as_deref(), &value);
        self.domains_in(message, segment, 4, known)
    }

    /// QRD-8 of `QRY^A19`: an identifier, or a name.
    pub(super) fn information(
        &mut self,
        message: &Message<'_>,
        segment: &Segment<'_>,
        known: Known<'_>,
    ) -> Result<(), Unasked> {
        let first = |field| segment.repetitions_of(message, field).next();
        if let Some(part) = first(2).filter(|part| part.peek().is_some_and(|format| format != "R")) {
            return Err(unknown(part, "QRD"));
        }
        if let Some(part) = first(3).filter(|part| part.peek().is_some_and(|priority| priority != "I")) {
            return Err(unknown(part, "QRD"));
        }
        if let Some(part) = first(9).filter(|part| part.peek().is_some_and(|what| what != "DEM")) {
            return Err(unknown(part, "QRD"));
        }
        let part = first(8).ok_or(Unasked::Nobody)?;
        if let Some(more) = segment.repetitions_of(message, 8).nth(1) {
            return Err(unknown(more, "QRD"));
        }
        // What further is said of a name is not searched by, nor what kind of name it is.
        for component in (4..=8).chain(10..=12).chain(14..=23) {
            if !part.component(component).is_empty() {
                return Err(unknown(part, "QRD"));
            }
        }
        if let Some(id) = part.component(1).peek() {
            let said = (part.component(9), part.component(13));
            let system = whose(said, known).ok_or_else(|| unknown(part, "QRD"))?;
            self.identifier(system.as_deref(), &id);
        }
        for (component, words) in [(2, ("family", "family:exact")), (3, ("given", "given:exact"))] {
            if let Some(value) = part.component(component).peek() {
                self.word(words, exactly(&value).ok_or_else(|| unknown(part, "QRD"))?);
            }
        }
        if let Some(part) = first(7) {
            self.quantity(part, "QRD")?;
        }
        // A filter that is not followed would find too many.
        if let Some(filter) = message.first("QRF")
            && let Some(part) = (2..=9).find_map(|field| filter.repetitions_of(message, field).next())
        {
            return Err(unknown(part, "QRF"));
        }
        Ok(())
    }

    /// RCP: when and how many.
    pub(super) fn control(&mut self, message: &Message<'_>) -> Result<(), Unasked> {
        let Some(segment) = message.first("RCP") else { return Ok(()) };
        let first = |field| segment.repetitions_of(message, field).next();
        if let Some(part) = first(1).filter(|part| part.peek().is_some_and(|priority| priority != "I")) {
            return Err(unknown(part, "RCP"));
        }
        if let Some(part) = first(2) {
            self.quantity(part, "RCP")?;
        }
        // Other sorts, modes and times of answering.
        let other = first(3).filter(|part| part.peek().is_some_and(|mode| mode != "R"));
        match other.or_else(|| (4..=7).find_map(first)) {
            Some(part) => Err(unknown(part, "RCP")),
            None => Ok(()),
        }
    }

    fn quantity(&mut self, part: Part<'_, '_>, segment: &'static str) -> Result<(), Unasked> {
        let unit = part.component(2).peek();
        let count = part.component(1).peek().and_then(|count| count.parse::<u32>().ok());
        match count.filter(|count| *count > 0 && unit.as_deref().is_none_or(|unit| unit == "RD")) {
            Some(count) => {
                self.count = Some(count.min(COUNT_MAX));
                Ok(())
            }
            None => Err(unknown(part, segment)),
        }
    }

    /// The authorities whose identifiers are wanted in the answer.
    fn domains_in(
        &mut self,
        message: &Message<'_>,
        segment: &Segment<'_>,
        field: u16,
        known: Known<'_>,
    ) -> Result<(), Unasked> {
        for part in segment.repetitions_of(message, field) {
            let system = system(part.component(4), known).ok_or_else(|| unknown(part, "QPD"))?;
            self.domains.push(system);
        }
        Ok(())
    }

    fn identifier(&mut self, system: Option<&str>, value: &str) {
        let value = match system {
            Some(system) if system == fhir::identifier::NHS_NUMBER => {
                let digits: String = value.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect();
                format!("{}|{}", escaped(system), escaped(&digits))
            }
            Some(system) => format!("{}|{}", escaped(system), escaped(value)),
            None => escaped(value),
        };
        self.criteria.push(Criterion { parameter: "identifier", value });
    }

    fn word(&mut self, (begins, exact): (&'static str, &'static str), (word, how): (String, How)) {
        self.add(if how == How::Begins { begins } else { exact }, &word);
    }

    fn add(&mut self, parameter: &'static str, value: &str) {
        self.criteria.push(Criterion { parameter, value: escaped(value) });
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Begins,
    Is,
}

/// A word, and whether what is sought only begins so: `Fen*`. A star elsewhere is not understood.
fn exactly(value: &str) -> Option<(String, How)> {
    let (word, how) = value.strip_suffix('*').map_or((value, How::Is), |word| (word, How::Begins));
    (!word.trim().is_empty() && !word.contains('*')).then(|| (word.trim().to_owned(), how))
}

/// What FHIR search reads as a separator is escaped.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for letter in value.chars() {
        if matches!(letter, '\\' | '|' | ',' | '$') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// Whose identifier it is: an authority, or the type of NHS numbers. `Some(None)` where neither is said, and nothing where
/// what is said is not understood: without it the identifier of anybody else would be found.
fn whose((authority, kind): (Part<'_, '_>, Part<'_, '_>), known: Known<'_>) -> Option<Option<String>> {
    if let Some(system) = known.authority(authority) {
        return Some(Some(system));
    }
    match (authority.is_empty(), kind.is_empty()) {
        (true, true) => Some(None),
        (true, false) if known.is_called_nhs_number(None, kind) => {
            Some(Some(fhir::identifier::NHS_NUMBER.to_owned()))
        }
        (_, _) => None,
    }
}

/// Whether nothing is said beyond these components, each of so many parts: it would be left out of the search.
fn only(
    part: Part<'_, '_>,
    (components, parts): (RangeInclusive<u16>, u16),
    segment: &'static str,
) -> Result<(), Unasked> {
    let is_more = |component: u16| {
        let said = part.component(component);
        let further = !components.contains(&component) && !said.is_empty();
        further || (parts + 1..=PARTS_MAX).any(|number| !said.subcomponent(number).is_empty())
    };
    if (1..=PARTS_MAX).any(is_more) { Err(unknown(part, segment)) } else { Ok(()) }
}

/// A date as exact as it is given; a time of day is not searched by.
fn date(value: &str, known: Known<'_>) -> Option<String> {
    let moment = moment::parse(value, &known.context.zone).ok()?;
    (!moment.has_time()).then(|| moment.date().to_owned())
}

/// The identifier system that an authority is known to stand for.
fn system(part: Part<'_, '_>, known: Known<'_>) -> Option<String> {
    let name = part.peek();
    let oid = name
        .as_deref()
        .filter(|name| name.contains('.') && name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
    if let Some(oid) = oid {
        let uri = format!("urn:oid:{oid}");
        let found = known.codes.find("identifier-systems", &uri, known.context);
        return Some(found.map_or(uri.clone(), |found| found.code.to_owned()));
    }
    known.authority(part)
}
