//! Letters and pictures among what a section refers to, as the files that they are.

use fhir::json::Node;

use super::attached::{bare, is_said};
use super::engine::Run;
use super::narrative::shown;
use super::unwritten::Unwritten;
use super::xml::Element;

/// A file among the entries of a section.
pub(super) struct Attached {
    /// The id of its statement.
    id: String,
    title: Option<String>,
}

impl Attached {
    /// The line of the text that leads to it.
    pub(super) fn shown(&self) -> Element {
        let mut line = Element::new("paragraph");
        if let Some(title) = &self.title {
            line.add(Element::new("caption").saying(title.as_str()));
        }
        line.add(Element::new("renderMultiMedia").with("referencedObject", self.id.as_str()));
        line
    }
}

impl<'b> Run<'_, 'b> {
    /// What `resource`, a DocumentReference, holds in this Bundle and no section before held: a statement for each file, the first
    /// with what names the document. A text whose words `told`, the narrative, has is there already.
    pub(super) fn media(
        &self,
        resource: Node<'b>,
        told: &Element,
    ) -> Result<Vec<(Element, Attached)>, Unwritten> {
        let mut made = Vec::new();
        if !resource.member("resourceType").is_some_and(|kind| kind.is_string("DocumentReference")) {
            return Ok(made);
        }
        for content in resource.walk(&["content"]) {
            let Some(attachment) = content.member("attachment") else { continue };
            let Some((kind, data)) = self.file(attachment) else { continue };
            let is_told = || kind.is_some_and(|kind| is_said(kind, data, &bare(&shown(told))));
            if self.source.is_carried(data) || is_told() {
                continue;
            }
            self.count()?;
            let title = attachment.member("title").and_then(|title| self.string(title));
            let attached = Attached { id: self.own_name(), title };
            let mut media = Element::new("observationMedia").with("ID", attached.id.as_str());
            if made.is_empty() {
                self.rule("document", resource, &mut media)?;
            }
            self.rule("document-file", content, &mut media)?;
            made.push((media, attached));
        }
        Ok(made)
    }

    /// The media type and the content of an Attachment, where the Bundle holds it.
    fn file(&self, attachment: Node<'b>) -> Option<(Option<Node<'b>>, Node<'b>)> {
        let own = attachment.member("contentType");
        if let Some(data) = attachment.member("data") {
            return Some((own, data));
        }
        let url = attachment.member("url")?.string()?;
        let held = self.source.at_url(&url)?;
        Some((own.or_else(|| held.member("contentType")), held.member("data")?))
    }

    /// An id that nothing in the document has.
    fn own_name(&self) -> String {
        let mut ids = self.ids.borrow_mut();
        let mut number = ids.len();
        loop {
            let id = format!("file-{number}");
            if ids.insert(id.clone()) {
                return id;
            }
            number += 1;
        }
    }
}
