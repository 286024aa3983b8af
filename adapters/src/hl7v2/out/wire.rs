//! From fields to the text of a message: escapes, truncation, character set.

use fhir::json::Node;

use super::profile::{Letters, Profile, TooLong, Unencodable};
use super::source::Source;
use super::unsent::Unsent;
use crate::{Severity, Why};

/// One repetition of a field: components, each of subcomponents.
#[derive(Debug, Clone)]
pub(in crate::hl7v2) struct Repetition<'b> {
    pub(in crate::hl7v2) components: Vec<Vec<String>>,
    /// Where it comes from.
    pub(in crate::hl7v2) from: Option<Node<'b>>,
    pub(in crate::hl7v2) kind: Kind,
}

/// What may be done with the text of a repetition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::hl7v2) enum Kind {
    /// Codes, identifiers, numbers, times: as it stands or not at all.
    Exact,
    /// Words: they may be cut when the receiver says so.
    Words,
    /// Words of many lines.
    Lines,
}

/// One segment.
#[derive(Debug, Clone)]
pub(in crate::hl7v2) struct Line<'b> {
    pub(in crate::hl7v2) name: String,
    /// By number, in the order of their numbers.
    pub(in crate::hl7v2) fields: Vec<(u16, Vec<Repetition<'b>>)>,
}

impl<'b> Repetition<'b> {
    pub(super) fn new(from: Node<'b>, kind: Kind) -> Self {
        Self { components: Vec::new(), from: Some(from), kind }
    }

    /// A text of ours.
    pub(in crate::hl7v2) fn fixed(text: &str) -> Self {
        Self { components: vec![vec![text.to_owned()]], from: None, kind: Kind::Exact }
    }

    /// One value.
    pub(super) fn of(from: Node<'b>, kind: Kind, text: impl Into<String>) -> Self {
        Self { components: vec![vec![text.into()]], from: Some(from), kind }
    }

    /// Sets a component, from 1.
    pub(in crate::hl7v2) fn put(&mut self, component: usize, text: impl Into<String>) {
        self.put_sub(component, 1, text);
    }

    /// Sets a subcomponent, from 1.
    pub(in crate::hl7v2) fn put_sub(&mut self, component: usize, sub: usize, text: impl Into<String>) {
        if self.components.len() < component {
            self.components.resize(component, Vec::new());
        }
        let Some(held) = self.components.get_mut(component.saturating_sub(1)) else { return };
        if held.len() < sub {
            held.resize(sub, String::new());
        }
        if let Some(slot) = held.get_mut(sub.saturating_sub(1)) {
            *slot = text.into();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.components.iter().flatten().all(String::is_empty)
    }
}

impl<'b> Line<'b> {
    pub(in crate::hl7v2) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), fields: Vec::new() }
    }

    pub(super) fn has(&self, field: u16) -> bool {
        self.fields.iter().any(|(held, _)| *held == field)
    }

    /// Whether something stands in a component of the first repetition of a field.
    pub(super) fn has_component(&self, field: u16, component: u16) -> bool {
        let held = self.fields.iter().find(|(held, _)| *held == field).and_then(|(_, held)| held.first());
        let part = held.and_then(|held| held.components.get(usize::from(component).saturating_sub(1)));
        part.is_some_and(|part| !part.concat().is_empty())
    }

    /// Adds a repetition to a field.
    pub(in crate::hl7v2) fn add(&mut self, field: u16, repetition: Repetition<'b>) {
        if repetition.is_empty() {
            return;
        }
        match self.fields.iter_mut().find(|(held, _)| *held == field) {
            // The same again says nothing.
            Some((_, held)) if held.iter().any(|held| held.components == repetition.components) => {}
            Some((_, repetitions)) => repetitions.push(repetition),
            None => {
                let at = self.fields.partition_point(|(held, _)| *held < field);
                self.fields.insert(at, (field, vec![repetition]));
            }
        }
    }

    /// Sets a component of the last repetition of a field, where nothing stands yet.
    pub(super) fn add_component(&mut self, field: u16, component: u16, repetition: Repetition<'b>) {
        let Some(text) = repetition.components.first().and_then(|parts| parts.first()).cloned() else {
            return;
        };
        let component = usize::from(component);
        match self.fields.iter_mut().find(|(held, _)| *held == field) {
            Some((_, repetitions)) => {
                if let Some(last) = repetitions.last_mut() {
                    last.put(component, text);
                }
            }
            None => {
                let mut whole =
                    Repetition { components: Vec::new(), from: repetition.from, kind: repetition.kind };
                whole.put(component, text);
                self.add(field, whole);
            }
        }
    }

    /// Writes the segment at the end of `out`.
    pub(super) fn write(
        &self,
        out: &mut String,
        profile: &Profile,
        source: &Source<'b>,
    ) -> Result<(), Unsent> {
        out.push_str(&self.name);
        // MSH-1 is the separator itself, and MSH-2 stands as it is.
        let mut written = if self.name == "MSH" {
            out.push_str(if profile.version.is_2_7() { "|^~\\&#" } else { "|^~\\&" });
            2
        } else {
            0
        };
        for (field, repetitions) in &self.fields {
            out.extend(std::iter::repeat_n('|', usize::from(field.saturating_sub(written))));
            written = *field;
            for (index, repetition) in repetitions.iter().enumerate() {
                if index > 0 {
                    out.push('~');
                }
                repetition.write(out, (&self.name, *field), profile, source)?;
            }
        }
        out.push('\r');
        Ok(())
    }
}

impl<'b> Repetition<'b> {
    fn write(
        &self,
        out: &mut String,
        (segment, field): (&str, u16),
        profile: &Profile,
        source: &Source<'b>,
    ) -> Result<(), Unsent> {
        let full =
            |parts: &[String]| parts.iter().rposition(|part| !part.is_empty()).map_or(0, |last| last + 1);
        let most = self.components.iter().rposition(|parts| full(parts) > 0).map_or(0, |last| last + 1);
        let start = out.len();
        for (index, parts) in self.components.iter().take(most).enumerate() {
            if index > 0 {
                out.push('^');
            }
            for (sub, text) in parts.iter().take(full(parts)).enumerate() {
                if sub > 0 {
                    out.push('&');
                }
                let component = u16::try_from(index + 1).unwrap_or(u16::MAX);
                let key = |component| (segment.to_owned(), field, component);
                let longest = (!profile.lengths.is_empty())
                    .then(|| {
                        profile
                            .lengths
                            .get(&key(component))
                            .or_else(|| (most == 1).then(|| profile.lengths.get(&key(0))).flatten())
                    })
                    .flatten();
                self.piece(out, text, longest.copied(), profile, source)?;
            }
        }
        let whole =
            profile.lengths.get(&(segment.to_owned(), field, 0)).filter(|_| !profile.lengths.is_empty());
        let length = out.get(start..).map_or(0, |written| written.chars().count());
        if whole.is_some_and(|longest| length > *longest) {
            return Err(Unsent::TooLong { place: self.place(source) });
        }
        Ok(())
    }

    /// One value, escaped; cut when it is too long and may be.
    fn piece(
        &self,
        out: &mut String,
        text: &str,
        longest: Option<usize>,
        profile: &Profile,
        source: &Source<'b>,
    ) -> Result<(), Unsent> {
        // Written so it would delete what the receiver has.
        let said = text.chars().filter(|letter| !letter.is_whitespace() && !is_forbidden(*letter));
        if said.eq("\"\"".chars()) {
            out.push_str("\\X2222\\");
            return Ok(());
        }
        let mark = profile.version.is_2_7();
        let start = out.len();
        let mut count = 0;
        let most = longest.unwrap_or(usize::MAX);
        let mut letters = text.chars().peekable();
        // Up to here it may be written and still be marked as cut.
        let mut safe = start;
        while let Some(letter) = letters.next() {
            if letter == '\r' && letters.peek() == Some(&'\n') {
                continue;
            }
            let before = out.len();
            self.letter(out, letter, profile, source)?;
            count += out.get(before..).map_or(0, |written| written.chars().count());
            if count > most {
                if self.kind == Kind::Exact || profile.too_long == TooLong::Refuse {
                    return Err(Unsent::TooLong { place: self.place(source) });
                }
                out.truncate(safe);
                if mark {
                    out.push('#');
                }
                self.remark(source, Why::Truncated, Severity::Major);
                return Ok(());
            }
            if count + usize::from(mark) <= most {
                safe = out.len();
            }
        }
        Ok(())
    }

    fn letter(
        &self,
        out: &mut String,
        letter: char,
        profile: &Profile,
        source: &Source<'b>,
    ) -> Result<(), Unsent> {
        match letter {
            '|' => out.push_str("\\F\\"),
            '^' => out.push_str("\\S\\"),
            '&' => out.push_str("\\T\\"),
            '~' => out.push_str("\\R\\"),
            '\\' => out.push_str("\\E\\"),
            '#' if profile.version.is_2_7() => out.push_str("\\P\\"),
            '\n' | '\r' if self.kind == Kind::Lines => out.push_str("\\.br\\"),
            control if is_forbidden(control) => {
                out.push(' ');
                self.remark(source, Why::ControlCharacters, Severity::Minor);
            }
            other if profile.charset.has(other) => out.push(other),
            _ => match profile.unencodable {
                Unencodable::Refuse => return Err(Unsent::Unencodable { place: self.place(source) }),
                Unencodable::QuestionMark => {
                    out.push('?');
                    self.remark(source, Why::Unencodable, Severity::Major);
                }
            },
        }
        Ok(())
    }

    fn remark(&self, source: &Source<'b>, why: Why, severity: Severity) {
        if let Some(from) = self.from {
            source.remark(from, why, severity);
        }
    }

    fn place(&self, source: &Source<'b>) -> String {
        self.from.map_or_else(|| "header".to_owned(), |from| source.place_at(from.offset()))
    }
}

/// Whether a letter may not stand in a message: control characters, and what some take for a line end.
fn is_forbidden(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}')
}

/// The bytes of `text`, all letters of which are in the set.
pub(super) fn bytes(text: String, letters: Letters) -> Result<Vec<u8>, Unsent> {
    match letters {
        Letters::Utf8 => Ok(text.into_bytes()),
        Letters::Ascii | Letters::Latin1 | Letters::Latin9 => {
            let bytes: Option<Vec<u8>> = text.chars().map(|letter| letters.byte(letter)).collect();
            bytes.ok_or_else(|| Unsent::Unencodable { place: "Bundle".to_owned() })
        }
    }
}
