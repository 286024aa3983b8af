//! The narrative of a section: XHTML as the narrative block of CDA.
//!
//! What the block has stays what it is; of other markup the text stays. What could run something never comes through, nor
//! what is not to be seen. Words that are struck out are said to be, or the document is refused.

use fhir::json::Node;

use super::engine::Run;
use super::unwritten::{Danger, Unwritten};
use super::xml::{Element, Item};
use crate::cda::parse::parse;
use crate::cda::source::{Element as Markup, What};
use crate::{Severity, Why};

/// Attributes that an element of the block may have.
const KEPT: [(&[&str], &[&str]); 5] = [
    (&["table"], &["summary", "width", "border", "frame", "rules", "cellspacing", "cellpadding"]),
    (&["th", "td"], &["abbr", "axis", "headers", "scope", "rowspan", "colspan", "align", "valign"]),
    (&["tr", "thead", "tbody", "tfoot"], &["align", "valign"]),
    (&["col", "colgroup"], &["span", "width", "align", "valign"]),
    (&["linkHtml"], &["title"]),
];

/// Elements that have no style.
const PLAIN: [&str; 4] = ["linkHtml", "br", "sub", "sup"];

/// One narrative while it is written.
struct Block<'x, 'r, 'b> {
    run: &'x Run<'r, 'b>,
    /// The narrative in the Bundle.
    div: Node<'b>,
}

impl<'b> Run<'_, 'b> {
    /// Writes the narrative `div` into `text`.
    pub(super) fn narrative(&self, div: Node<'b>, text: &mut Element) -> Result<(), Unwritten> {
        let place = || Unwritten::Narrative { place: format!("{}.section.text.div", self.source.place(div)) };
        let own = div.string().ok_or_else(place)?;
        let own = self.clean(div, &own);
        // In this element white space counts.
        let whole = format!("<text xmlns=\"urn:hl7-org:v3\">{}</text>", fhir::xml::as_characters(&own));
        let tree = parse(&whole).map_err(|_| place())?;
        let root = Markup { tree: &tree, at: 0 };
        let mut inner = root.children();
        let (Some(body), None) = (inner.next(), inner.next()) else { return Err(place()) };
        if body.name() != "div" {
            return Err(place());
        }
        let block = Block { run: self, div };
        block.within(body, "Text", text)?;
        if tree.is_exhausted() {
            return Err(Unwritten::TooLarge { max: own.len(), unit: "references in a narrative" });
        }
        trim(text);
        self.source.mark(div);
        Ok(())
    }
}

impl Block<'_, '_, '_> {
    /// Writes what is in `from` into `out`, which is a `kind`.
    fn within(&self, from: Markup<'_>, kind: &str, out: &mut Element) -> Result<(), Unwritten> {
        for (at, node) in from.content() {
            match &node.what {
                What::Text { text, .. } => self.text(text, kind, out),
                What::Element { .. } => self.child(Markup { tree: from.tree, at }, kind, out)?,
            }
        }
        Ok(())
    }

    fn text(&self, text: &str, kind: &str, out: &mut Element) {
        let is_blank = text.chars().all(|letter| letter.is_ascii_whitespace());
        match kind {
            "List" if !is_blank => out.add(Element::new("item").saying(text)),
            "List" | "Table" | "Rows" | "Row" | "Columns" | "Nothing" => {
                if !is_blank {
                    self.remark(Why::LeftOut, Severity::Major);
                }
            }
            _ => out.content.push(Item::Text(text.to_owned())),
        }
    }

    fn child(&self, from: Markup<'_>, kind: &str, out: &mut Element) -> Result<(), Unwritten> {
        let name = from.name().to_ascii_lowercase();
        let looks = from.peek("style").unwrap_or_default().to_ascii_lowercase().replace(' ', "");
        if looks.contains("display:none") || looks.contains("visibility:hidden") {
            self.remark(Why::LeftOut, Severity::Major);
            return Ok(());
        }
        let Some((block, style)) = self.run.maps.tables.markup.get(&name) else {
            self.remark(Why::Narrowed, Severity::Trivial);
            return self.within(from, kind, out);
        };
        let style = if looks.contains("line-through") { Some("deleted") } else { style.as_deref() };
        match block.as_str() {
            "active" => {
                self.remark(Why::LeftOut, Severity::Major);
                Ok(())
            }
            "picture" => {
                self.remark(Why::NotMapped, Severity::Major);
                if let Some(words) = from.peek("alt") {
                    self.text(words, kind, out);
                }
                Ok(())
            }
            ">" if self.is_plain(from) && self.run.maps.order.child(kind, "paragraph").is_some() => {
                self.open(from, "paragraph", style, kind, out)
            }
            ">" => self.apart(from, kind, style, out),
            block if self.run.maps.order.child(kind, block).is_some() => {
                self.open(from, block, style, kind, out)
            }
            "tr" if kind == "Table" => {
                if out
                    .content
                    .last()
                    .is_none_or(|last| !matches!(last, Item::Element(last) if last.name == "tbody"))
                {
                    out.add(Element::new("tbody"));
                }
                match out.content.last_mut() {
                    Some(Item::Element(body)) => self.open(from, "tr", style, "Rows", body),
                    Some(Item::Text(_)) | None => Ok(()),
                }
            }
            block if kind == "List" && self.run.maps.order.child("Item", block).is_some() => {
                let mut item = Element::new("item");
                self.open(from, block, style, "Item", &mut item)?;
                out.add(item);
                Ok(())
            }
            "content" | "linkHtml" | "sub" | "sup" => {
                self.never_struck(style)?;
                self.remark(Why::Narrowed, Severity::Trivial);
                self.within(from, kind, out)
            }
            _ => self.apart(from, kind, style, out),
        }
    }

    /// The parts of a block that has no place here, set off from what is around it.
    fn apart(
        &self,
        from: Markup<'_>,
        kind: &str,
        style: Option<&str>,
        out: &mut Element,
    ) -> Result<(), Unwritten> {
        self.never_struck(style)?;
        self.set_off(kind, out);
        self.within(from, kind, out)?;
        self.set_off(kind, out);
        Ok(())
    }

    fn set_off(&self, kind: &str, out: &mut Element) {
        let is_block = |child: &Element| matches!(child.name.as_str(), "br" | "paragraph" | "list" | "table");
        match out.content.last() {
            None => {}
            Some(Item::Element(child)) if is_block(child) => {}
            Some(_) if self.run.maps.order.child(kind, "br").is_some() => out.add(Element::new("br")),
            Some(_) => self.text(" ", kind, out),
        }
    }

    fn open(
        &self,
        from: Markup<'_>,
        block: &str,
        style: Option<&str>,
        kind: &str,
        out: &mut Element,
    ) -> Result<(), Unwritten> {
        self.run.count()?;
        let inner = self.run.maps.order.child(kind, block).unwrap_or("Words");
        let mut made = Element::new(block);
        match style {
            Some("ordered") => made.set("listType", "ordered".to_owned()),
            Some("deleted") if block == "content" => made.set("revised", "delete".to_owned()),
            Some("revised") => made.set("revised", "insert".to_owned()),
            Some("deleted") => return self.struck(from, block, kind, out),
            Some(style) if !PLAIN.contains(&block) => made.set("styleCode", style.to_owned()),
            Some(_) | None => {}
        }
        self.attributes(from, &mut made);
        self.within(from, inner, &mut made)?;
        let is_empty = match block {
            "list" => !made.children().any(|child| child.name == "item"),
            "tr" => made.children().next().is_none(),
            "thead" | "tbody" | "tfoot" => made.children().next().is_none(),
            "table" => {
                bodied(&mut made);
                made.child("tbody").is_none()
            }
            _ => false,
        };
        if !is_empty {
            out.add(made);
        }
        Ok(())
    }

    /// A block whose words are struck out: each of them is.
    fn struck(&self, from: Markup<'_>, block: &str, kind: &str, out: &mut Element) -> Result<(), Unwritten> {
        let inner = self.run.maps.order.child(kind, block).unwrap_or("Words");
        if self.run.maps.order.child(inner, "content").is_none() {
            return self.never_struck(Some("deleted"));
        }
        let mut made = Element::new(block);
        let mut content = Element::new("content").with("revised", "delete");
        self.attributes(from, &mut made);
        self.within(from, "Content", &mut content)?;
        made.add(content);
        out.add(made);
        Ok(())
    }

    /// Refuses to show words that were struck out as if they stood.
    fn never_struck(&self, style: Option<&str>) -> Result<(), Unwritten> {
        if style == Some("deleted") {
            let place = format!("{}.section.text.div", self.run.source.place(self.div));
            return Err(Unwritten::Dangerous { place, why: Danger::Modifier });
        }
        Ok(())
    }

    fn attributes(&self, from: Markup<'_>, made: &mut Element) {
        let kept = KEPT
            .iter()
            .find(|(names, _)| names.contains(&made.name.as_str()))
            .map_or(&[][..], |(_, kept)| kept);
        for attribute in from.attributes() {
            let value = attribute.value.trim();
            match attribute.name {
                "id" if self.run.is_free(value) => made.set("ID", value.to_owned()),
                "class" if !PLAIN.contains(&made.name.as_str()) => {
                    let all = made.attribute("styleCode").into_iter().chain(value.split_ascii_whitespace());
                    let all = all.collect::<Vec<_>>().join(" ");
                    if !all.is_empty() {
                        made.set("styleCode", all);
                    }
                }
                "href" if made.name == "linkHtml" => {
                    if is_harmless(value) {
                        made.set("href", value.to_owned());
                    } else {
                        self.remark(Why::LeftOut, Severity::Minor);
                    }
                }
                name if kept.contains(&name) && !value.is_empty() => made.set(name, value.to_owned()),
                "xmlns" => {}
                _ => self.remark(Why::Narrowed, Severity::Trivial),
            }
        }
    }

    /// Whether there are no blocks in it.
    fn is_plain(&self, from: Markup<'_>) -> bool {
        from.children().all(|child| {
            let block = self.run.maps.tables.markup.get(&child.name().to_ascii_lowercase());
            let is_inline = block.is_none_or(|(block, _)| {
                matches!(block.as_str(), "content" | "linkHtml" | "br" | "sub" | "sup" | "picture" | "active")
            });
            is_inline && self.is_plain(child)
        })
    }

    fn remark(&self, why: Why, severity: Severity) {
        self.run.source.remark(self.div, why, severity);
    }
}

impl Run<'_, '_> {
    /// Takes the id, if nothing has it yet and XML takes it as one.
    fn is_free(&self, id: &str) -> bool {
        let first = id.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
        let plain = id.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.".contains(letter));
        first && plain && self.ids.borrow_mut().insert(id.to_owned())
    }
}

/// A table has a body: its head stands for it when there is no other.
fn bodied(table: &mut Element) {
    table.content.retain(|item| match item {
        Item::Element(child) => {
            !matches!(child.name.as_str(), "thead" | "tbody" | "tfoot") || !child.content.is_empty()
        }
        Item::Text(_) => true,
    });
    if table.child("tbody").is_some() {
        return;
    }
    for item in &mut table.content {
        if let Item::Element(child) = item
            && matches!(child.name.as_str(), "thead" | "tfoot")
        {
            "tbody".clone_into(&mut child.name);
        }
    }
}

/// Leaves out breaks at the ends.
fn trim(text: &mut Element) {
    let is_break = |item: &Item| match item {
        Item::Element(child) => child.name == "br",
        Item::Text(text) => text.trim().is_empty(),
    };
    while text.content.last().is_some_and(is_break) {
        text.content.pop();
    }
}

/// Whether a link leads somewhere and runs nothing.
fn is_harmless(link: &str) -> bool {
    let link = link.to_ascii_lowercase();
    ["http://", "https://", "mailto:", "tel:", "#"].iter().any(|start| link.starts_with(start))
}

/// The words that an element shows.
pub(super) fn shown(element: &Element) -> String {
    let mut out = String::new();
    for item in &element.content {
        match item {
            Item::Text(text) => out.push_str(text),
            Item::Element(child) => {
                out.push(' ');
                out.push_str(&shown(child));
                out.push(' ');
            }
        }
    }
    out
}
