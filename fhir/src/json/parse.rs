//! The parser: one pass that checks everything and writes the index.

use std::borrow::Cow;

use bytes::Bytes;

use super::document::Document;
use super::scan::{self, Escape};
use super::tape::{Entry, OFFSET_MAX, Tag};
use super::{Invalid, Limits};

/// Up to here an object is checked for duplicates name by name, above it by sorting.
const SMALL_OBJECT: u32 = 24;

/// The deepest nesting that is ever read, whatever is asked: what walks a document may recurse.
const DEPTH_CEILING: usize = 512;

/// Checks `bytes` against the grammar and `limits` and indexes them.
///
/// Accepts a subset of what RFC 8259 allows; every value of the result is valid, whoever looks at it.
///
/// # Errors
/// [`Invalid`] names what is wrong and where. Nothing of the content is in it.
pub fn parse(bytes: Bytes, limits: &Limits) -> Result<Document, Invalid> {
    let bytes_max = limits.bytes_max.min(OFFSET_MAX);
    if bytes.len() > bytes_max {
        return Err(Invalid::TooLong { bytes_max });
    }
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return Err(Invalid::ByteOrderMark);
    }
    if simdutf8::basic::from_utf8(&bytes).is_err() {
        let at = std::str::from_utf8(&bytes).map_or_else(|error| error.valid_up_to(), str::len);
        return Err(Invalid::Utf8 { at });
    }
    let tape = Parser::new(&bytes, limits).run()?;
    Ok(Document::new(bytes, tape))
}

/// An object or array that is still open.
#[derive(Clone, Copy)]
struct Frame {
    /// Hashes of the names so far, one bit each.
    names: u64,
    /// Where its entry is.
    open: u32,
    /// Members or items so far.
    count: u32,
    shape: Shape,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// The place of the outermost value.
    Outermost,
    Array,
    /// No name is escaped so far.
    Plain,
    /// A name is escaped.
    Escaped,
}

struct Parser<'a> {
    bytes: &'a [u8],
    limits: Limits,
    tape: Vec<Entry>,
    /// What is open around the current object or array.
    outer: Vec<Frame>,
    /// How many more values may come.
    values_left: usize,
    /// Why a step gave nothing. Kept here because a small result is a fast one.
    fault: Invalid,
}

impl<'a> Parser<'a> {
    fn new(bytes: &'a [u8], limits: &Limits) -> Self {
        let tape = Vec::with_capacity(bytes.len() / 8 + 16);
        let limits = Limits { depth_max: limits.depth_max.min(DEPTH_CEILING), ..*limits };
        Self {
            bytes,
            limits,
            tape,
            outer: Vec::with_capacity(16),
            values_left: limits.values_max,
            fault: Invalid::Shape,
        }
    }

    fn run(mut self) -> Result<Vec<Entry>, Invalid> {
        match self.document() {
            Some(()) => Ok(self.tape),
            None => Err(self.fault),
        }
    }

    /// Notes why there is no result.
    #[cold]
    fn fail<T>(&mut self, fault: Invalid) -> Option<T> {
        self.fault = fault;
        None
    }

    /// Reads the whole text.
    fn document(&mut self) -> Option<()> {
        let mut at = scan::space(self.bytes, 0);
        let mut frame = Frame { names: 0, open: 0, count: 0, shape: Shape::Outermost };
        'value: loop {
            // A member of an object, an item of an array or the outermost value starts at `at`.
            match frame.shape {
                Shape::Plain | Shape::Escaped => at = self.key(&mut frame, at)?,
                Shape::Array => frame.count += 1,
                Shape::Outermost => {}
            }
            match self.values_left.checked_sub(1) {
                Some(left) => self.values_left = left,
                None => return self.fail(Invalid::TooManyValues { at, values_max: self.limits.values_max }),
            }
            at = match self.bytes.get(at) {
                Some(b'"') => self.string(at)?,
                Some(b'{') => {
                    self.open(&mut frame, Tag::Object, Shape::Plain, at)?;
                    at = scan::space(self.bytes, at + 1);
                    if self.bytes.get(at) != Some(&b'}') {
                        continue 'value;
                    }
                    frame = self.close(frame, at)?;
                    at + 1
                }
                Some(b'[') => {
                    self.open(&mut frame, Tag::Array, Shape::Array, at)?;
                    at = scan::space(self.bytes, at + 1);
                    if self.bytes.get(at) != Some(&b']') {
                        continue 'value;
                    }
                    frame = self.close(frame, at)?;
                    at + 1
                }
                Some(b'-' | b'0'..=b'9') => {
                    let Some(end) = scan::number(self.bytes, at) else {
                        return self.fail(Invalid::Number { at });
                    };
                    self.tape.push(Entry::new(Tag::Number, at, end));
                    end
                }
                Some(b't') => self.word(Tag::True, b"true", at)?,
                Some(b'f') => self.word(Tag::False, b"false", at)?,
                Some(b'n') => self.word(Tag::Null, b"null", at)?,
                Some(_) => return self.fail(Invalid::Unexpected { at }),
                None => return self.fail(Invalid::Ended { at }),
            };
            // A value ended before `at`.
            loop {
                at = scan::space(self.bytes, at);
                let Some(byte) = self.bytes.get(at) else {
                    let is_done = frame.shape == Shape::Outermost;
                    return if is_done { Some(()) } else { self.fail(Invalid::Ended { at }) };
                };
                match (byte, frame.shape) {
                    (_, Shape::Outermost) => return self.fail(Invalid::Trailing { at }),
                    (b',', Shape::Plain | Shape::Escaped | Shape::Array) => {
                        at = scan::space(self.bytes, at + 1);
                        continue 'value;
                    }
                    (b'}', Shape::Plain | Shape::Escaped) | (b']', Shape::Array) => {
                        frame = self.close(frame, at)?;
                        at += 1;
                    }
                    (_, Shape::Plain | Shape::Escaped | Shape::Array) => {
                        return self.fail(Invalid::Unexpected { at });
                    }
                }
            }
        }
    }

    fn word(&mut self, tag: Tag, word: &[u8], at: usize) -> Option<usize> {
        let end = at + word.len();
        match self.bytes.get(at..end) {
            Some(found) if found == word => {
                self.tape.push(Entry::new(tag, at, end));
                Some(end)
            }
            Some(_) => self.fail(Invalid::Unexpected { at }),
            None => self.fail(Invalid::Ended { at: self.bytes.len() }),
        }
    }

    #[inline]
    fn string(&mut self, at: usize) -> Option<usize> {
        let end = scan::special(self.bytes, at + 1);
        if self.bytes.get(end) == Some(&b'"') {
            self.tape.push(Entry::new(Tag::Text, at, end + 1));
            return Some(end + 1);
        }
        let (end, tag) = self.rest_of_string(end, Tag::Text, Tag::EscapedText)?;
        self.tape.push(Entry::new(tag, at, end + 1));
        Some(end + 1)
    }

    /// Goes on from `at`, where the plain start of a string stopped, to its closing quote.
    #[inline(never)]
    fn rest_of_string(&mut self, mut at: usize, plain: Tag, escaped: Tag) -> Option<(usize, Tag)> {
        let mut tag = plain;
        loop {
            match self.bytes.get(at) {
                Some(b'"') => return Some((at, tag)),
                Some(b'\\') => {
                    tag = escaped;
                    at = match scan::escape(self.bytes, at) {
                        Escape::Char(_, end) => scan::special(self.bytes, end),
                        Escape::Bad => return self.fail(Invalid::Escape { at }),
                        Escape::Lone => return self.fail(Invalid::Surrogate { at }),
                    };
                }
                Some(_) => return self.fail(Invalid::Control { at }),
                None => return self.fail(Invalid::Ended { at }),
            }
        }
    }

    /// Reads a name and its colon; the value starts at the result.
    #[inline]
    fn key(&mut self, frame: &mut Frame, at: usize) -> Option<usize> {
        match self.bytes.get(at) {
            Some(b'"') => {}
            Some(_) => return self.fail(Invalid::Unexpected { at }),
            None => return self.fail(Invalid::Ended { at }),
        }
        frame.count += 1;
        if frame.count as usize > self.limits.members_max {
            return self.fail(Invalid::TooManyMembers { at, members_max: self.limits.members_max });
        }
        let (mut end, word) = scan::name(self.bytes, at + 1);
        if self.bytes.get(end) == Some(&b'"') {
            let bit = 1_u64 << (word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58);
            if frame.names & bit != 0 && frame.count <= SMALL_OBJECT {
                self.compare(frame.open, at, end)?;
            }
            frame.names |= bit;
            self.tape.push(Entry::new(Tag::Key, at, end + 1));
        } else {
            let (closing, tag) = self.rest_of_string(end, Tag::Key, Tag::EscapedKey)?;
            end = closing;
            frame.shape = Shape::Escaped;
            self.tape.push(Entry::new(tag, at, end + 1));
        }
        let mut at = end + 1;
        if self.bytes.get(at) != Some(&b':') {
            at = scan::space(self.bytes, at);
            match self.bytes.get(at) {
                Some(b':') => {}
                Some(_) => return self.fail(Invalid::Unexpected { at }),
                None => return self.fail(Invalid::Ended { at }),
            }
        }
        Some(scan::space(self.bytes, at + 1))
    }

    /// Opens an object or array: it becomes `frame`, and what was is kept.
    #[inline]
    fn open(&mut self, frame: &mut Frame, tag: Tag, shape: Shape, at: usize) -> Option<()> {
        if self.outer.len() >= self.limits.depth_max {
            return self.fail(Invalid::TooDeep { at, depth_max: self.limits.depth_max });
        }
        self.outer.push(*frame);
        *frame = Frame { names: 0, open: self.tape.len() as u32, count: 0, shape };
        self.tape.push(Entry::new(tag, at, 0));
        Some(())
    }

    /// Ends `frame` at its closing bracket and yields what is open around it.
    #[inline]
    fn close(&mut self, frame: Frame, at: usize) -> Option<Frame> {
        let is_large = frame.count > SMALL_OBJECT && frame.shape == Shape::Plain;
        if is_large || frame.shape == Shape::Escaped {
            self.sort_names(frame)?;
        }
        self.tape.push(Entry::new(Tag::Close, at, frame.count as usize));
        let next = self.tape.len();
        if let Some(entry) = self.tape.get_mut(frame.open as usize) {
            *entry = entry.with_end(next);
        }
        self.outer.pop()
    }

    /// Compares the name at `at` with those before it in the object whose entry is `open`.
    #[inline(never)]
    fn compare(&mut self, open: u32, at: usize, end: usize) -> Option<()> {
        let name = self.bytes.get(at..=end);
        let mut index = open as usize + 1;
        while let Some(key) = self.tape.get(index) {
            if key.end() - key.start() == end + 1 - at && self.bytes.get(key.start()..key.end()) == name {
                return self.fail(Invalid::Duplicate { at });
            }
            index = self.after_value(index + 1);
        }
        Some(())
    }

    /// Where the entry after the value at `index` is.
    fn after_value(&self, index: usize) -> usize {
        match self.tape.get(index) {
            Some(entry) if entry.is_container() => entry.end(),
            _ => index + 1,
        }
    }

    /// Compares all names of an object after decoding.
    #[inline(never)]
    fn sort_names(&mut self, frame: Frame) -> Option<()> {
        let mut names = Vec::with_capacity(frame.count as usize);
        let mut index = frame.open as usize + 1;
        while let Some(key) = self.tape.get(index) {
            let raw = self.bytes.get(key.start() + 1..key.end() - 1).unwrap_or_default();
            let name = if key.is_escaped_key() {
                Cow::Owned(scan::decode(raw).into_bytes())
            } else {
                Cow::Borrowed(raw)
            };
            names.push((name, key.start()));
            index = self.after_value(index + 1);
        }
        names.sort_unstable();
        let twice = names.iter().zip(names.iter().skip(1)).find(|(left, right)| left.0 == right.0);
        match twice {
            Some((_, (_, at))) => {
                let at = *at;
                self.fail(Invalid::Duplicate { at })
            }
            None => Some(()),
        }
    }
}
