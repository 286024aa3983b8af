//! The members of all objects in a value, at any depth: one pass over the index.

use super::super::tape::Entry;
use super::{Document, Key, Node};

impl<'a> Node<'a> {
    /// The members of every object in the value, at any depth and itself among them, in the order of the text.
    #[inline]
    #[must_use]
    pub fn members_within(self) -> MembersWithin<'a> {
        let index = self.index + 1;
        let end = if self.entry.is_container() { self.entry.end() } else { index };
        let inside = self.document.tape.get(index..end).unwrap_or_default();
        MembersWithin { document: self.document, index, inside: inside.iter() }
    }

    /// The values of every member called `name` of an object in the value, at any depth and itself among them, in the order of the
    /// text, however the name is escaped.
    #[inline]
    pub fn members_called(self, name: &str) -> impl Iterator<Item = Self> {
        let Self { document, index, entry } = self;
        let end = if entry.is_container() { entry.end() } else { index };
        let inside = document.tape.get(index..end).unwrap_or_default();
        let called = (index..)
            .zip(inside)
            .filter(move |(_, entry)| entry.is_key() && document.is_called(**entry, name));
        called.map(move |(at, _)| document.node(at + 1))
    }
}

/// The members of all objects in a value; see [`Node::members_within`].
#[derive(Clone)]
pub struct MembersWithin<'a> {
    document: &'a Document,
    /// Where the first of `inside` is.
    index: usize,
    inside: std::slice::Iter<'a, Entry>,
}

impl<'a> Iterator for MembersWithin<'a> {
    type Item = (Key<'a>, Node<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let entry = *self.inside.next()?;
            self.index += 1;
            if entry.is_key() {
                return Some((self.document.key(entry), self.document.node(self.index)));
            }
        }
    }
}
