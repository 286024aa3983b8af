//! A CDA text as a tree that remembers what of it was carried.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Range;

use crate::{Severity, Why};

/// No node.
pub(super) const NONE: u32 = u32::MAX;

/// The namespaces that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Space {
    /// `urn:hl7-org:v3`.
    V3,
    /// `urn:hl7-org:sdtc`.
    Sdtc,
    /// `NPFIT:HL7:Localisation`.
    Npfit,
    /// XML Schema instances.
    Xsi,
    /// Any other, or none.
    Other,
}

/// The whole text.
pub(super) struct Tree<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) attributes: Vec<Attribute<'a>>,
    /// Where in the text the documents stand.
    pub(super) spans: HashMap<u32, Range<usize>>,
    /// Elements of narratives by their `ID`.
    pub(super) ids: HashMap<String, u32>,
    /// How many more nodes may be looked at.
    pub(super) visits: Cell<usize>,
    /// How many more bytes may be copied by reference.
    pub(super) copies: Cell<usize>,
    pub(super) remarks: RefCell<Vec<Remark>>,
}

/// An element or a run of text.
pub(super) struct Node<'a> {
    pub(super) parent: u32,
    pub(super) next: u32,
    pub(super) first: u32,
    pub(super) what: What<'a>,
}

/// What a node is.
pub(super) enum What<'a> {
    /// An element with its attributes, and its number among siblings of the same name.
    Element { name: &'a str, space: Space, from: u32, until: u32, position: u32 },
    /// Text.
    Text { text: Cow<'a, str>, carried: Cell<bool> },
}

/// An attribute. Of a prefix, only that of XML Schema instances is resolved.
pub(super) struct Attribute<'a> {
    pub(super) name: &'a str,
    pub(super) value: Cow<'a, str>,
    pub(super) carried: Cell<bool>,
}

/// Something that a conversion has to say about a place.
pub(super) struct Remark {
    pub(super) at: u32,
    pub(super) attribute: Option<&'static str>,
    pub(super) why: Why,
    pub(super) severity: Severity,
}

/// Whether what is read counts as carried.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Carried,
    AsItIs,
}

/// An element of the tree.
#[derive(Clone, Copy)]
pub(super) struct Element<'t> {
    pub(super) tree: &'t Tree<'t>,
    pub(super) at: u32,
}

impl<'t> Tree<'t> {
    pub(super) fn node(&self, at: u32) -> Option<&Node<'t>> {
        self.nodes.get(usize::try_from(at).ok()?)
    }

    /// The documents that stand in no other document.
    pub(super) fn documents(&'t self) -> Vec<Element<'t>> {
        let mut found = Vec::new();
        let mut open = vec![Element { tree: self, at: 0 }];
        while let Some(element) = open.pop() {
            if element.is(Space::V3, "ClinicalDocument") {
                found.push(element);
                continue;
            }
            let from = open.len();
            open.extend(element.children());
            if let Some(added) = open.get_mut(from..) {
                added.reverse();
            }
        }
        found
    }

    /// Whether more was looked at or copied than a document may cost.
    pub(super) fn is_exhausted(&self) -> bool {
        self.visits.get() == 0 || self.copies.get() == 0
    }
}

impl<'t> Element<'t> {
    fn node(self) -> Option<&'t Node<'t>> {
        self.tree.node(self.at)
    }

    pub(super) fn name(self) -> &'t str {
        match self.node().map(|node| &node.what) {
            Some(What::Element { name, .. }) => name,
            Some(What::Text { .. }) | None => "",
        }
    }

    pub(super) fn space(self) -> Space {
        match self.node().map(|node| &node.what) {
            Some(What::Element { space, .. }) => *space,
            Some(What::Text { .. }) | None => Space::Other,
        }
    }

    pub(super) fn is(self, space: Space, name: &str) -> bool {
        self.space() == space && self.name() == name
    }

    pub(super) fn parent(self) -> Option<Self> {
        let parent = self.node()?.parent;
        (parent != NONE).then_some(Self { tree: self.tree, at: parent })
    }

    /// The nodes in it, in order.
    pub(super) fn content(self) -> impl Iterator<Item = (u32, &'t Node<'t>)> {
        let tree = self.tree;
        let mut next = self.node().map_or(NONE, |node| node.first);
        std::iter::from_fn(move || {
            let at = next;
            let node = tree.node(at)?;
            let left = tree.visits.get().checked_sub(1)?;
            tree.visits.set(left);
            next = node.next;
            Some((at, node))
        })
    }

    /// The elements in it.
    pub(super) fn children(self) -> impl Iterator<Item = Self> {
        let tree = self.tree;
        self.content()
            .filter(|(_, node)| matches!(node.what, What::Element { .. }))
            .map(move |(at, _)| Self { tree, at })
    }

    /// The first child of this name in the namespace of CDA.
    pub(super) fn child(self, name: &str) -> Option<Self> {
        self.children().find(|child| child.is(Space::V3, name))
    }

    pub(super) fn attributes(self) -> &'t [Attribute<'t>] {
        match self.node().map(|node| &node.what) {
            Some(What::Element { from, until, .. }) => {
                let range = usize::try_from(*from).unwrap_or(0)..usize::try_from(*until).unwrap_or(0);
                self.tree.attributes.get(range).unwrap_or_default()
            }
            Some(What::Text { .. }) | None => &[],
        }
    }

    /// The attribute of this name.
    pub(super) fn attribute(self, name: &str) -> Option<&'t Attribute<'t>> {
        self.attributes().iter().find(|attribute| attribute.name == name)
    }

    /// The value of the attribute, white space around it left out; `None` when it is empty.
    pub(super) fn peek(self, name: &str) -> Option<&'t str> {
        self.attribute(name).map(|attribute| attribute.value.trim()).filter(|value| !value.is_empty())
    }

    /// The same, marked as carried.
    pub(super) fn take(self, name: &str) -> Option<&'t str> {
        let attribute = self.attribute(name)?;
        let value = attribute.value.trim();
        (!value.is_empty()).then(|| {
            attribute.carried.set(true);
            value
        })
    }

    /// Marks attributes as carried.
    pub(super) fn mark(self, names: &[&str]) {
        for attribute in self.attributes() {
            if names.contains(&attribute.name) {
                attribute.carried.set(true);
            }
        }
    }

    /// Whether a statement says that it is not so. What is neither a plain yes nor a plain no counts as yes.
    pub(super) fn is_negated(self) -> bool {
        self.attributes().iter().any(|attribute| {
            is_negation(attribute.name) && !matches!(attribute.value.trim(), "" | "false" | "0")
        })
    }

    /// Whether its mood is that of what has happened. A criterion and a range are always in a mood of their own.
    pub(super) fn has_happened(self) -> bool {
        self.peek("moodCode").is_none_or(|mood| match mood {
            "EVN" => true,
            "EVN.CRT" => matches!(self.name(), "criterion" | "observationRange"),
            _ => false,
        })
    }

    /// Whether it is a time that is taken out of others.
    pub(super) fn is_exception(self) -> bool {
        self.peek("operator") == Some("E")
    }

    /// Whether it, or anything in it, holds a code, a value or a text.
    pub(super) fn says(self) -> bool {
        let is_said = |name: &str| matches!(name, "code" | "displayName" | "value");
        self.attributes()
            .iter()
            .any(|attribute| is_said(attribute.name) && !attribute.value.trim().is_empty())
            || self.content().any(|(at, node)| match &node.what {
                What::Text { text, .. } => !text.trim().is_empty(),
                What::Element { .. } => Self { tree: self.tree, at }.says(),
            })
    }

    /// Whether what it holds is there to be read as no longer so.
    pub(super) fn is_struck_out(self) -> bool {
        let styles = self.peek("styleCode").unwrap_or_default();
        matches!(self.name(), "delete" | "del" | "s" | "strike")
            || self.peek("revised") == Some("delete")
            || styles.split_ascii_whitespace().any(|style| style.eq_ignore_ascii_case("strikethrough"))
    }

    /// The text in it at any depth but what is struck out, runs of white space as one space, marked as carried.
    pub(super) fn text(self) -> Option<String> {
        let mut out = String::new();
        self.gather(&mut out, Mark::Carried);
        let out = squeezed(&out);
        (!out.is_empty()).then_some(out)
    }

    /// The same, not marked.
    pub(super) fn peek_text(self) -> Option<String> {
        let mut out = String::new();
        self.gather(&mut out, Mark::AsItIs);
        let out = squeezed(&out);
        (!out.is_empty()).then_some(out)
    }

    fn gather(self, out: &mut String, mark: Mark) {
        for (at, node) in self.content() {
            match &node.what {
                What::Text { text, carried } => {
                    out.push_str(text);
                    carried.set(carried.get() || mark == Mark::Carried);
                }
                What::Element { .. } if (Self { tree: self.tree, at }).is_struck_out() => {}
                What::Element { name, .. } => {
                    if matches!(*name, "br" | "paragraph" | "item" | "tr" | "td" | "th" | "p" | "li") {
                        out.push(' ');
                    }
                    Self { tree: self.tree, at }.gather(out, mark);
                }
            }
        }
    }

    /// Says something about the element, or its attribute.
    pub(super) fn remark(self, attribute: Option<&'static str>, why: Why, severity: Severity) {
        self.tree.remarks.borrow_mut().push(Remark { at: self.at, attribute, why, severity });
    }

    /// The XPath of the element.
    pub(super) fn path(self) -> String {
        let mut up = vec![self];
        while let Some(parent) = up.last().and_then(|element| element.parent()) {
            up.push(parent);
        }
        let mut path = String::new();
        for element in up.iter().rev() {
            element.step(&mut path);
        }
        path
    }

    /// Adds its own step of the XPath.
    pub(super) fn step(self, path: &mut String) {
        path.push('/');
        path.push_str(match self.space() {
            Space::Sdtc => "sdtc:",
            Space::Npfit => "npfit:",
            Space::V3 | Space::Xsi | Space::Other => "",
        });
        path.push_str(self.name());
        if let Some(Node { what: What::Element { position, .. }, .. }) = self.node()
            && *position > 1
        {
            path.push_str(&format!("[{position}]"));
        }
    }
}

/// Whether an attribute of this name, with whatever prefix, turns a statement, an act or a value around.
pub(super) fn is_negation(name: &str) -> bool {
    let local = name.rsplit(':').next().unwrap_or(name);
    matches!(local, "negationInd" | "actionNegationInd" | "valueNegationInd")
}

/// Runs of white space as one space, none at the ends.
pub(super) fn squeezed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split(|letter: char| letter.is_ascii_whitespace()).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}
