//! The index and the cursor over it.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::scan;
use super::tape::{Entry, Tag};
use super::walk::Walk;

mod within;

pub use within::MembersWithin;

/// A JSON text that passed the parser: the bytes as they came and an index over them.
///
/// It cannot be printed or serialised; `Debug` tells its length only.
pub struct Document {
    bytes: Bytes,
    tape: Vec<Entry>,
    number: u64,
}

/// Where a value stands: in which of all documents that this process has read, and where in it.
///
/// No two values share one, not even after a document is gone: what was found out about a value can be kept by its
/// place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    document: u64,
    index: usize,
}

impl Document {
    pub(super) fn new(bytes: Bytes, tape: Vec<Entry>) -> Self {
        static READ: AtomicU64 = AtomicU64::new(0);
        Self { bytes, tape, number: READ.fetch_add(1, Ordering::Relaxed) }
    }

    /// The outermost value.
    #[must_use]
    pub fn root(&self) -> Node<'_> {
        self.node(0)
    }

    /// Length of the text in bytes.
    #[must_use]
    pub const fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    #[inline]
    fn node(&self, index: usize) -> Node<'_> {
        Node { document: self, index, entry: self.entry(index) }
    }

    #[inline]
    fn entry(&self, index: usize) -> Entry {
        self.tape.get(index).copied().unwrap_or(Entry::new(Tag::Close, 0, 0))
    }

    #[inline]
    fn slice(&self, start: usize, end: usize) -> &[u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Whether the name at `entry` is `name`, however it is escaped. Few names of another have its length.
    #[inline]
    fn is_called(&self, entry: Entry, name: &str) -> bool {
        match entry.is_escaped_key() {
            true => self.key(entry).is(name),
            false => {
                entry.end() - entry.start() == name.len() + 2
                    && scan::are_same(self.slice(entry.start() + 1, entry.end() - 1), name.as_bytes())
            }
        }
    }

    /// Where the entry after the value at `index` is.
    #[inline]
    fn after(&self, index: usize) -> usize {
        let entry = self.entry(index);
        if entry.is_container() { entry.end() } else { index + 1 }
    }

    #[inline]
    fn key(&self, entry: Entry) -> Key<'_> {
        let escaped = if entry.is_escaped_key() { Escaped::Yes } else { Escaped::No };
        Key { raw: self.slice(entry.start() + 1, entry.end() - 1), offset: entry.start(), escaped }
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Document({} bytes)", self.bytes.len())
    }
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{...}`
    Object,
    /// `[...]`
    Array,
    /// `"..."`
    String,
    /// A number.
    Number,
    /// `true` or `false`
    Boolean,
    /// `null`
    Null,
}

/// A value of a [`Document`]. Copying it copies three words.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    document: &'a Document,
    index: usize,
    entry: Entry,
}

impl<'a> Node<'a> {
    /// What the value is.
    #[inline]
    #[must_use]
    pub fn kind(self) -> Kind {
        const KINDS: [Kind; 8] = [
            Kind::Object,
            Kind::Array,
            Kind::String,
            Kind::String,
            Kind::Number,
            Kind::Boolean,
            Kind::Boolean,
            Kind::Null,
        ];
        // A cursor is never on a name or a closing bracket, whose tags are above these.
        KINDS.get(self.entry.tag() as usize & 7).copied().unwrap_or(Kind::Null)
    }

    /// The bytes of the value as they came, quotes and brackets included.
    #[inline]
    #[must_use]
    pub fn raw(self) -> &'a [u8] {
        self.document.slice(self.offset(), self.end())
    }

    /// Where the value starts in the text.
    #[inline]
    #[must_use]
    pub fn offset(self) -> usize {
        self.entry().start()
    }

    /// Where the value ends in the text.
    #[inline]
    #[must_use]
    pub fn end(self) -> usize {
        let entry = self.entry();
        if entry.is_container() { self.close().start() + 1 } else { entry.end() }
    }

    /// Where the value stands, among all values of all documents.
    #[must_use]
    pub fn place(self) -> Place {
        Place { document: self.document.number, index: self.index }
    }

    /// The whole text that the value is part of.
    #[must_use]
    pub fn source(self) -> &'a [u8] {
        &self.document.bytes
    }

    /// The members of an object in their order; nothing for any other kind.
    #[inline]
    #[must_use]
    pub fn members(self) -> Members<'a> {
        let entry = self.entry();
        let end = if entry.tag() == Tag::Object { entry.end() - 1 } else { 0 };
        Members { document: self.document, index: self.index + 1, end }
    }

    /// The items of an array in their order; nothing for any other kind.
    #[inline]
    #[must_use]
    pub fn items(self) -> Items<'a> {
        let entry = self.entry();
        let end = if entry.tag() == Tag::Array { entry.end() - 1 } else { 0 };
        Items { document: self.document, index: self.index + 1, end }
    }

    /// The member called `name`, however the name is escaped.
    #[must_use]
    pub fn member(self, name: &str) -> Option<Self> {
        let Members { document, mut index, end } = self.members();
        while index < end {
            if document.is_called(document.entry(index), name) {
                return Some(document.node(index + 1));
            }
            index = document.after(index + 1);
        }
        None
    }

    /// The number of members or items; 0 for a scalar.
    #[must_use]
    pub fn len(self) -> usize {
        if self.entry().is_container() { self.close().end() } else { 0 }
    }

    /// Whether there are no members or items.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The text of a string, escapes resolved; nothing for any other kind.
    #[must_use]
    pub fn string(self) -> Option<Cow<'a, str>> {
        match self.text()? {
            (raw, Escaped::No) => std::str::from_utf8(raw).ok().map(Cow::Borrowed),
            (raw, Escaped::Yes) => Some(Cow::Owned(scan::decode(raw))),
        }
    }

    /// The text of a string, escapes resolved, as bytes; nothing for any other kind.
    #[inline]
    #[must_use]
    pub fn string_bytes(self) -> Option<Cow<'a, [u8]>> {
        match self.text()? {
            (raw, Escaped::No) => Some(Cow::Borrowed(raw)),
            (raw, Escaped::Yes) => Some(Cow::Owned(scan::decode(raw).into_bytes())),
        }
    }

    /// Whether the value is the string `text`, however it is escaped.
    #[inline]
    #[must_use]
    pub fn is_string(self, text: &str) -> bool {
        match self.text() {
            Some((raw, Escaped::No)) => raw == text.as_bytes(),
            Some((raw, Escaped::Yes)) => scan::decode(raw) == text,
            None => false,
        }
    }

    /// The digits of a number as they came; nothing for any other kind.
    #[must_use]
    pub fn number_text(self) -> Option<&'a str> {
        match self.kind() {
            Kind::Number => std::str::from_utf8(self.raw()).ok(),
            Kind::Object | Kind::Array | Kind::String | Kind::Boolean | Kind::Null => None,
        }
    }

    /// The value of a boolean; nothing for any other kind.
    #[must_use]
    pub fn boolean(self) -> Option<bool> {
        match self.kind() {
            Kind::Boolean => Some(self.entry().tag() == Tag::True),
            Kind::Object | Kind::Array | Kind::String | Kind::Number | Kind::Null => None,
        }
    }

    /// Whether the value is `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// Every value that is reached by the members called as in `path`, one after the other, where arrays on the way
    /// (and at the end) stand for each of their items.
    #[must_use]
    pub fn walk<'p>(self, path: &'p [&'p str]) -> Walk<'a, 'p> {
        Walk::from(self, path)
    }

    /// The text of the first string that [`Node::walk`] finds.
    #[must_use]
    pub fn str_at(self, path: &[&str]) -> Option<Cow<'a, str>> {
        // Most paths are one name, and end there.
        if let ([name], Kind::Object) = (path, self.kind()) {
            let value = self.member(name)?;
            if value.kind() != Kind::Array {
                return value.string();
            }
        }
        self.walk(path).find_map(Node::string)
    }

    /// Whether any object in the value, at any depth, has a member called one of `names`, however it is escaped.
    #[must_use]
    #[inline]
    pub fn has_name_within<const N: usize>(self, names: &[&str; N]) -> bool {
        self.entry.is_container() && self.holds_name(names)
    }

    fn holds_name<const N: usize>(self, names: &[&str; N]) -> bool {
        let inside = self.document.tape.get(self.index..self.entry.end()).unwrap_or_default();
        inside.iter().filter(|entry| entry.is_key()).any(|entry| {
            let length = entry.end() - entry.start() - 2;
            let may_be = names.iter().any(|name| name.len() == length) || entry.is_escaped_key();
            may_be && names.iter().any(|name| self.document.key(*entry).is(name))
        })
    }

    /// The bytes of a string between its quotes.
    #[inline]
    fn text(self) -> Option<(&'a [u8], Escaped)> {
        let entry = self.entry();
        let escaped = match entry.tag() {
            Tag::Text => Escaped::No,
            Tag::EscapedText => Escaped::Yes,
            Tag::Object | Tag::Array | Tag::Number | Tag::True | Tag::False | Tag::Null => return None,
            Tag::Key | Tag::EscapedKey | Tag::Close => return None,
        };
        Some((self.document.slice(entry.start() + 1, entry.end() - 1), escaped))
    }

    #[inline]
    const fn entry(self) -> Entry {
        self.entry
    }

    /// The entry of the closing bracket.
    #[inline]
    fn close(self) -> Entry {
        self.document.entry(self.entry.end() - 1)
    }

    /// Where the entry after this value is.
    #[inline]
    fn after(self) -> usize {
        if self.entry.is_container() { self.entry.end() } else { self.index + 1 }
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Node({:?} at byte {})", self.kind(), self.offset())
    }
}

/// The name of a member.
#[derive(Clone, Copy)]
pub struct Key<'a> {
    /// Between the quotes.
    raw: &'a [u8],
    offset: usize,
    escaped: Escaped,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escaped {
    No,
    Yes,
}

impl<'a> Key<'a> {
    /// The bytes of the name as they came, between the quotes.
    #[inline]
    #[must_use]
    pub const fn raw(self) -> &'a [u8] {
        self.raw
    }

    /// Where the name starts in the text, quote included.
    #[inline]
    #[must_use]
    pub const fn offset(self) -> usize {
        self.offset
    }

    /// Whether the name holds no escape, and nothing but a colon stands between it and `value`, its value.
    #[inline]
    #[must_use]
    pub fn is_tight(self, value: Node<'_>) -> bool {
        self.escaped == Escaped::No && self.offset + self.raw.len() + 3 == value.offset()
    }

    /// Whether the name holds an escape.
    #[inline]
    #[must_use]
    pub fn is_escaped(self) -> bool {
        self.escaped == Escaped::Yes
    }

    /// The name, escapes resolved, as bytes.
    #[inline]
    #[must_use]
    pub fn bytes(self) -> Cow<'a, [u8]> {
        match self.escaped {
            Escaped::No => Cow::Borrowed(self.raw()),
            Escaped::Yes => Cow::Owned(scan::decode(self.raw()).into_bytes()),
        }
    }

    /// The name, escapes resolved.
    #[must_use]
    pub fn text(self) -> Cow<'a, str> {
        match self.escaped {
            Escaped::No => Cow::Borrowed(std::str::from_utf8(self.raw()).unwrap_or_default()),
            Escaped::Yes => Cow::Owned(scan::decode(self.raw())),
        }
    }

    /// Whether this is the name, however it is escaped.
    #[inline]
    #[must_use]
    pub fn is(self, name: &str) -> bool {
        match self.escaped {
            Escaped::No => self.raw() == name.as_bytes(),
            Escaped::Yes => scan::decode(self.raw()) == name,
        }
    }
}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(..)")
    }
}

/// The members of an object.
#[derive(Clone)]
pub struct Members<'a> {
    document: &'a Document,
    index: usize,
    end: usize,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Key<'a>, Node<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.index >= self.end {
            return None;
        }
        let key = self.document.key(self.document.entry(self.index));
        let value = self.document.node(self.index + 1);
        self.index = value.after();
        Some((key, value))
    }
}

/// The items of an array.
#[derive(Clone)]
pub struct Items<'a> {
    document: &'a Document,
    index: usize,
    end: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = Node<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.index >= self.end {
            return None;
        }
        let value = self.document.node(self.index);
        self.index = value.after();
        Some(value)
    }
}
