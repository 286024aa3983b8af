//! From JSON, as it is met rather than as it should be.

mod scalars;

use std::borrow::Cow;

pub(super) use scalars::is_number;

use super::build::Builder;
use super::oddity::{Malformed, Odd, Oddity};
use super::{Format, Limits, NONE, Tree, Written};

pub(super) fn read(source: &str, oddities: Vec<Oddity>, limits: &Limits) -> Result<Tree, Malformed> {
    let mut reader =
        Reader { source, bytes: source.as_bytes(), at: 0, build: Builder::new(source, oddities, limits) };
    reader.space()?;
    match reader.peek() {
        Some(b'{') => reader.object()?,
        Some(_) => return Err(Malformed::NoObject),
        None => return Err(Malformed::Ended),
    }
    reader.space()?;
    if reader.peek().is_some() {
        reader.build.odd(reader.at, Odd::Trailing);
    }
    let mut build = reader.build;
    let told = build.row(0).map_or(0, |row| row.resource_type);
    if told == 0 {
        build.odd(0, Odd::NoResourceType);
    }
    if let Some(root) = build.row_mut(0) {
        root.name = told;
    }
    Ok(build.finish(Format::Json))
}

struct Reader<'s> {
    source: &'s str,
    bytes: &'s [u8],
    at: usize,
    build: Builder<'s>,
}

/// The values of one name in one object.
struct Slots {
    name: u32,
    /// The next node that the other of `name` and `_name` made.
    next: u32,
}

impl<'s> Reader<'s> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn bad<T>(&self) -> Result<T, Malformed> {
        if self.at >= self.bytes.len() { Err(Malformed::Ended) } else { Err(Malformed::Json { at: self.at }) }
    }

    /// Goes over white space and comments.
    fn space(&mut self) -> Result<(), Malformed> {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                b'/' => self.comment()?,
                _ => break,
            }
        }
        Ok(())
    }

    fn comment(&mut self) -> Result<(), Malformed> {
        let rest = self.source.get(self.at..).unwrap_or_default();
        let bytes = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").ok_or(Malformed::Ended)? + 2
        } else {
            return self.bad();
        };
        self.build.odd(self.at, Odd::Comment);
        self.at += bytes;
        Ok(())
    }

    /// Reads the object here into the open element.
    fn object(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        self.at += 1;
        self.space()?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            let node = self.build.node();
            let name = self.build.row(node).map_or(0, |row| row.name);
            let name = self.build.name_text(name);
            self.build.odd(start, Odd::Empty { name });
            return Ok(());
        }
        let mut holes = Holes::None;
        loop {
            if self.peek() != Some(b'"') {
                return self.bad();
            }
            let at = self.at;
            let key = self.string()?;
            self.space()?;
            if self.peek() != Some(b':') {
                return self.bad();
            }
            self.at += 1;
            self.space()?;
            self.member(&key, at, &mut holes)?;
            if !self.comma(b'}')? {
                break;
            }
        }
        if let Holes::Some = holes {
            self.build.close_holes();
        }
        Ok(())
    }

    /// Whether another item follows; else the closing bracket is read.
    fn comma(&mut self, closing: u8) -> Result<bool, Malformed> {
        self.space()?;
        match self.peek() {
            Some(b',') => {
                let at = self.at;
                self.at += 1;
                self.space()?;
                if self.peek() == Some(closing) {
                    self.build.odd(at, Odd::TrailingComma);
                    self.at += 1;
                    return Ok(false);
                }
                Ok(true)
            }
            Some(byte) if byte == closing => {
                self.at += 1;
                Ok(false)
            }
            _ => self.bad(),
        }
    }

    fn member(&mut self, key: &str, at: usize, holes: &mut Holes) -> Result<(), Malformed> {
        match (key, key.strip_prefix('_')) {
            ("resourceType", _) if !self.is_instance() => self.resource_type(at, holes),
            ("fhir_comments", _) => {
                self.build.odd(at, Odd::Comment);
                self.skip(0)
            }
            (_, Some(bare)) if !bare.is_empty() => self.sibling(bare, at, holes),
            _ => self.property(key, at, holes),
        }
    }

    /// Whether the open element is `ExampleScenario.instance`, which has an element `resourceType`.
    fn is_instance(&self) -> bool {
        let row = self.build.row(self.build.node());
        row.is_some_and(|row| row.parent == 0 && self.build.name_text(row.name) == "instance")
    }

    fn resource_type(&mut self, at: usize, holes: &mut Holes) -> Result<(), Malformed> {
        let node = self.build.node();
        let told = self.build.row(node).is_some_and(|row| row.resource_type != 0);
        if told {
            self.build.odd(at, Odd::Duplicate { name: "resourceType".to_owned() });
        }
        if self.peek() != Some(b'"') {
            self.build.odd(at, Odd::ResourceType);
            return self.property("resourceType", at, holes);
        }
        let name = self.string()?;
        let number = self.build.name(&name);
        if let Some(row) = self.build.row_mut(node).filter(|_| !told) {
            row.resource_type = number;
        }
        Ok(())
    }

    fn property(&mut self, key: &str, at: usize, holes: &mut Holes) -> Result<(), Malformed> {
        let name = self.build.name(key);
        let mut mark = self.build.mark(name);
        if mark.bare {
            self.build.odd(at, Odd::Duplicate { name: key.to_owned() });
        }
        let next = if mark.bare { NONE } else { mark.first };
        let (expected, twice) = (mark.count, mark.bare);
        mark.bare = true;
        self.build.set_mark(name, mark);
        let mut slots = Slots { name, next };
        let count = match self.peek() {
            Some(b'[') => self.items(&mut slots, at, holes)?,
            Some(b'n') => {
                self.word("null")?;
                if mark.first == NONE {
                    self.build.odd(at, Odd::Null { name: key.to_owned() });
                }
                expected
            }
            _ => {
                let node = self.slot(&mut slots)?;
                self.value(node)?;
                1
            }
        };
        if mark.sibling && !twice && count != expected {
            self.build.odd(at, Odd::Mismatch { name: key.to_owned() });
        }
        Ok(())
    }

    /// Reads the array here as values of a name; yields how many.
    fn items(&mut self, slots: &mut Slots, at: usize, holes: &mut Holes) -> Result<u32, Malformed> {
        self.at += 1;
        self.space()?;
        if self.peek() == Some(b']') {
            self.at += 1;
            let name = self.build.name_text(slots.name);
            self.build.odd(at, Odd::EmptyArray { name });
            return Ok(0);
        }
        let mut count = 0;
        loop {
            if self.peek() == Some(b'[') {
                // No deeper: the items of what is in there are skipped.
                let name = self.build.name_text(slots.name);
                self.build.odd(self.at, Odd::NestedArray { name });
                self.skip(0)?;
            } else {
                count += 1;
                let node = self.slot(slots)?;
                if let Some(row) = self.build.row_mut(node) {
                    row.listed = true;
                }
                if self.peek() == Some(b'n') {
                    self.word("null")?;
                    self.hole(node, holes);
                } else {
                    self.value(node)?;
                }
            }
            if !self.comma(b']')? {
                return Ok(count);
            }
        }
    }

    /// Marks a node that has no value as one that only keeps a place.
    fn hole(&mut self, node: u32, holes: &mut Holes) {
        if let Some(row) = self.build.row_mut(node).filter(|row| row.value.is_none()) {
            row.value_start = NONE;
            *holes = Holes::Some;
        }
    }

    /// The node for the next value of a name.
    fn slot(&mut self, slots: &mut Slots) -> Result<u32, Malformed> {
        if slots.next == NONE {
            return self.build.add(slots.name, self.at);
        }
        let node = slots.next;
        slots.next = self.build.following(node);
        Ok(node)
    }

    /// Reads `_name`: what belongs to the primitives called `name`.
    fn sibling(&mut self, bare: &str, at: usize, holes: &mut Holes) -> Result<(), Malformed> {
        let name = self.build.name(bare);
        let mut mark = self.build.mark(name);
        if mark.sibling {
            self.build.odd(at, Odd::Duplicate { name: format!("_{bare}") });
        }
        let mut slots = Slots { name, next: mark.first };
        let expected = mark.count;
        mark.sibling = true;
        self.build.set_mark(name, mark);
        let mut count = 0;
        if self.peek() == Some(b'[') {
            self.at += 1;
            self.space()?;
            let mut more = self.peek() != Some(b']');
            if !more {
                self.at += 1;
                self.build.odd(at, Odd::EmptyArray { name: format!("_{bare}") });
            }
            while more {
                count += 1;
                let node = self.slot(&mut slots)?;
                if let Some(row) = self.build.row_mut(node) {
                    row.listed = true;
                }
                self.part(node, bare, holes)?;
                more = self.comma(b']')?;
            }
        } else {
            count = 1;
            let node = self.slot(&mut slots)?;
            self.part(node, bare, holes)?;
        }
        if mark.bare && count != expected {
            self.build.odd(at, Odd::Mismatch { name: bare.to_owned() });
        }
        Ok(())
    }

    /// Reads one item of `_name` into its node.
    fn part(&mut self, node: u32, bare: &str, holes: &mut Holes) -> Result<(), Malformed> {
        match self.peek() {
            Some(b'{') => {
                self.build.enter(node, self.at)?;
                self.object()?;
                self.build.leave();
                Ok(())
            }
            Some(b'n') => {
                self.word("null")?;
                self.hole(node, holes);
                Ok(())
            }
            _ => {
                self.build.odd(self.at, Odd::Sibling { name: bare.to_owned() });
                self.hole(node, holes);
                self.skip(0)
            }
        }
    }

    /// Reads an object or scalar into `node`.
    fn value(&mut self, node: u32) -> Result<(), Malformed> {
        let start = self.at;
        match self.peek() {
            Some(b'{') => {
                self.build.enter(node, start)?;
                self.object()?;
                self.build.leave();
            }
            Some(b'"') => {
                let text = self.string()?;
                if text.is_empty() {
                    let name = self.build.row(node).map_or(0, |row| row.name);
                    let name = self.build.name_text(name);
                    self.build.odd(start, Odd::EmptyValue { name });
                }
                match text {
                    Cow::Borrowed(_) => self.build.set_source(node, Written::Text, start + 1, self.at - 1),
                    Cow::Owned(text) => self.build.set_decoded(node, Written::Text, &text),
                }
            }
            Some(b't') => {
                self.word("true")?;
                self.build.set_source(node, Written::Boolean, start, self.at);
            }
            Some(b'f') => {
                self.word("false")?;
                self.build.set_source(node, Written::Boolean, start, self.at);
            }
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                self.build.set_source(node, Written::Number, start, self.at);
            }
            _ => return self.bad(),
        }
        Ok(())
    }

    /// Goes over a value.
    fn skip(&mut self, depth: usize) -> Result<(), Malformed> {
        let open = match self.peek() {
            Some(byte @ (b'{' | b'[')) => byte,
            Some(b'"') => return self.string().map(drop),
            Some(b't') => return self.word("true"),
            Some(b'f') => return self.word("false"),
            Some(b'n') => return self.word("null"),
            _ => return self.number(),
        };
        if depth > 64 {
            return Err(Malformed::TooDeep { depth_max: 64, at: self.at });
        }
        let closing = if open == b'{' { b'}' } else { b']' };
        self.at += 1;
        self.space()?;
        if self.peek() == Some(closing) {
            self.at += 1;
            return Ok(());
        }
        loop {
            if open == b'{' {
                if self.peek() != Some(b'"') {
                    return self.bad();
                }
                self.string()?;
                self.space()?;
                if self.peek() != Some(b':') {
                    return self.bad();
                }
                self.at += 1;
                self.space()?;
            }
            self.skip(depth + 1)?;
            if !self.comma(closing)? {
                return Ok(());
            }
        }
    }

    fn word(&mut self, word: &str) -> Result<(), Malformed> {
        if self.source.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            return Ok(());
        }
        self.bad()
    }

    fn number(&mut self) -> Result<(), Malformed> {
        let rest = self.source.get(self.at..).unwrap_or_default();
        let end =
            rest.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')).unwrap_or(rest.len());
        if !is_number(rest.get(..end).unwrap_or_default()) {
            return self.bad();
        }
        self.at += end;
        Ok(())
    }
}

/// Whether an object has children that may only keep a place.
enum Holes {
    None,
    Some,
}
