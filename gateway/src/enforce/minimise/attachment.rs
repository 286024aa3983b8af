//! What an attachment tells of its content: a hash and a size of what is not shown as it stands would be a check on
//! every guess at it.

use fhir::json::{Key, Kind, Node};

use super::super::content;
use super::plan::{Action, Entry};
use super::walk::{Came, Stop, Walker, wrong_kind};
use super::{Unsafe, Written};

/// Drops what tells of content where that is not shared.
pub(super) fn drop_digests(entries: &mut [Entry]) {
    if entries.iter().any(|entry| matches!(entry.action, Action::Content)) {
        return;
    }
    for entry in entries.iter_mut().filter(|entry| matches!(entry.action, Action::Digest(_))) {
        entry.action = Action::Drop;
    }
}

impl<'d> Walker<'_, '_, 'd> {
    /// Writes what tells of the content of the attachment `holder`, if that comes out as it stands.
    pub(super) fn digest(
        &mut self,
        entry: &Entry,
        kind: Kind,
        (key, value): (Key<'d>, Node<'d>),
        holder: Node<'d>,
    ) -> Result<Came, Stop> {
        if value.kind() != kind {
            return Err(wrong_kind(entry));
        }
        self.stated = holder.member("contentType");
        let content = holder.member("data").filter(|content| content.kind() == Kind::String);
        if content.and_then(|content| self.content_of(content)) != Some(Written::AsItStands) {
            self.withheld.element(entry.element);
            return Ok(Came::Nothing);
        }
        self.name(entry, key, value);
        self.as_it_stands(value);
        Ok(Came::Written)
    }

    /// Writes content, as far as it may be seen.
    pub(super) fn write_content(&mut self, entry: &Entry, value: Node<'d>) -> Result<Came, Stop> {
        let written = self.content_of(value);
        // A Binary is nothing without its content.
        if written.is_none() && self.owner.name() == "Binary" {
            return Err(Unsafe::Opaque(self.owner).into());
        }
        // An extension is nothing without its value (FHIR ext-1).
        if written.is_none() && self.in_extension {
            self.withheld.element(entry.element);
            return Ok(Came::Strip(entry.element));
        }
        Ok(self.written_or_left(entry, written, value))
    }

    /// How content is written; looked into once.
    fn content_of(&mut self, value: Node<'d>) -> Option<Written> {
        match &self.content {
            Some((at, written)) if *at == value.offset() => written.clone(),
            Some(_) | None => {
                let base64 = value.string().unwrap_or_default();
                let stated = self.stated.and_then(Node::string);
                let written = (self.view.content)(&base64);
                // What is not what it says it is was not meant by whoever listed that type.
                let written = written.filter(|written| {
                    *written != Written::AsItStands || content::looks_like(stated.as_deref(), &base64)
                });
                self.content = Some((value.offset(), written.clone()));
                written
            }
        }
    }

    pub(super) fn written_or_left(
        &mut self,
        entry: &Entry,
        written: Option<Written>,
        value: Node<'d>,
    ) -> Came {
        match written {
            Some(written) => {
                self.write_address(&written, value);
                Came::Written
            }
            None => {
                self.withheld.element(entry.element);
                Came::Nothing
            }
        }
    }
}
