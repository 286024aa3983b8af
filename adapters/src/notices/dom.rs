//! FHIR of any version as elements with children, whether it was written in XML or in JSON, and what became of each.

use std::cell::Cell;

use bytes::Bytes;
use fhir::json::{self, Kind, Limits};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::Fault;
use crate::cda::{self, charset};
use crate::{Charset, Loss, Refused, Severity, Why};

/// The deepest nesting of elements.
const DEPTH_MAX: usize = 48;
/// The most elements.
const ELEMENTS_MAX: usize = 100_000;
/// The most attributes of an element; FHIR needs three.
const ATTRIBUTES_MAX: usize = 16;
/// The namespace of narratives.
const XHTML: &str = "http://www.w3.org/1999/xhtml";

/// An element, a resource or a primitive value.
#[derive(Debug, Clone, Default)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) value: Option<String>,
    pub(super) children: Vec<Element>,
    /// Which of its name it is among its siblings, from 1.
    occurrence: u32,
    /// What it is called when it does not stand in a resource.
    pub(super) called: Option<String>,
    fate: Cell<Fate>,
}

/// What became of an element's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Fate {
    #[default]
    Open,
    Carried,
    Told(Why, Severity),
}

impl Element {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// A primitive.
    pub(super) fn with_value(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), value: Some(value.to_owned()), ..Self::default() }
    }

    pub(super) fn all<'e, 'n>(&'e self, name: &'n str) -> impl Iterator<Item = &'e Self> + use<'e, 'n> {
        self.children.iter().filter(move |child| child.name == name)
    }

    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The value of a child, without marking it.
    pub(super) fn peek(&self, name: &str) -> Option<&str> {
        self.child(name)?.value.as_deref()
    }

    /// The value at a path of children, without marking it.
    pub(super) fn at(&self, path: &[&str]) -> Option<&str> {
        match path {
            [] => self.value.as_deref(),
            [first, rest @ ..] => self.all(first).find_map(|child| child.at(rest)),
        }
    }

    /// The kind of a resource.
    pub(super) fn kind(&self) -> &str {
        self.peek("resourceType").unwrap_or_default()
    }

    pub(super) fn push(&mut self, child: Self) {
        self.children.push(child);
    }

    /// The value is carried.
    pub(super) fn carry(&self) {
        if self.fate.get() == Fate::Open {
            self.fate.set(Fate::Carried);
        }
    }

    /// Every value within is carried.
    pub(super) fn carry_all(&self) {
        self.carry();
        self.children.iter().for_each(Self::carry_all);
    }

    pub(super) fn tell(&self, why: Why, severity: Severity) {
        self.fate.set(Fate::Told(why, severity));
    }

    /// Whether it, or anything within, is carried.
    pub(super) fn has_carried(&self) -> bool {
        self.fate.get() == Fate::Carried || self.children.iter().any(Self::has_carried)
    }

    /// Whether it is left out as a whole.
    pub(super) fn is_told(&self) -> bool {
        self.value.is_none() && matches!(self.fate.get(), Fate::Told(..))
    }

    /// Whether it has a value that can be what it says.
    pub(super) fn says(&self) -> bool {
        let unreadable = matches!(self.fate.get(), Fate::Told(Why::NotATime | Why::NotOfType, _));
        self.value.as_deref().is_some_and(|value| !value.trim().is_empty()) && !unreadable
    }

    /// One step of where it stands.
    pub(super) fn step(&self) -> String {
        match &self.called {
            Some(called) => called.clone(),
            // As XML has it.
            None if self.name == "resource" => format!("resource.{}", self.kind()),
            None if self.occurrence > 1 => format!("{}[{}]", self.name, self.occurrence),
            None => self.name.clone(),
        }
    }

    /// Adds what was not carried, in its order. `path` is where this stands; `severity` tells how serious a loss is there.
    pub(super) fn losses(&self, path: &str, severity: &dyn Fn(&str) -> Severity, losses: &mut Vec<Loss>) {
        let place = || self.called.clone().unwrap_or_else(|| path.to_owned());
        match self.fate.get() {
            Fate::Told(why, severity) => losses.push(Loss { place: place(), why, severity }),
            Fate::Open if self.value.is_some() => {
                losses.push(Loss { place: place(), why: Why::NotMapped, severity: severity(path) });
            }
            Fate::Open | Fate::Carried => {}
        }
        // A whole that is told needs no word for each of its parts.
        if self.is_told() {
            return;
        }
        for child in &self.children {
            child.losses(&format!("{path}.{}", child.step()), severity, losses);
        }
    }

    /// Numbers the children of each name.
    fn number(&mut self) {
        let mut seen: std::collections::BTreeMap<String, u32> = std::collections::BTreeMap::new();
        for child in &mut self.children {
            let count = seen.entry(child.name.clone()).or_default();
            *count += 1;
            child.occurrence = *count;
            child.number();
        }
    }
}

/// Reads one resource, in XML or in JSON.
pub(super) fn read(input: &[u8], bytes_max: usize) -> Result<Element, Refused> {
    if input.len() > bytes_max {
        return Err(Refused::TooLarge { max: bytes_max, unit: "bytes" });
    }
    let start = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input).trim_ascii_start();
    let mut root = match start.first() {
        // A byte order mark of UTF-16.
        Some(0xfe | 0xff) => xml(input)?,
        Some(b'<') => xml(start)?,
        Some(b'{') => json(start)?,
        Some(_) | None => return Err(Fault::NoBundle.into()),
    };
    root.number();
    Ok(root)
}

fn json(input: &[u8]) -> Result<Element, Refused> {
    let limits = Limits { depth_max: DEPTH_MAX, values_max: ELEMENTS_MAX, ..Limits::default() };
    let document = json::parse(Bytes::copy_from_slice(input), &limits).map_err(|_| Fault::Json)?;
    let mut root = Element::default();
    members(document.root(), &mut root);
    Ok(root)
}

fn members(node: json::Node<'_>, element: &mut Element) {
    for (key, value) in node.members() {
        let name = key.text();
        if value.kind() == Kind::Array {
            for item in value.items() {
                element.children.push(member(&name, item));
            }
        } else {
            element.children.push(member(&name, value));
        }
    }
}

fn member(name: &str, node: json::Node<'_>) -> Element {
    let mut element = Element::new(name);
    match node.kind() {
        Kind::Object => members(node, &mut element),
        Kind::String => element.value = node.string().map(std::borrow::Cow::into_owned),
        Kind::Array | Kind::Number | Kind::Boolean | Kind::Null => {
            element.value =
                std::str::from_utf8(node.raw()).ok().filter(|raw| *raw != "null").map(str::to_owned)
        }
    }
    element
}

fn xml(input: &[u8]) -> Result<Element, Refused> {
    let text = charset::decode(input, Charset::Utf8).map_err(|fault| {
        let cda::Fault::Bytes { at } = fault else { return Fault::Encoding.into() };
        Refused::Encoding { offset: at }
    })?;
    let mut reader = Reader::from_str(text.trim_start());
    reader.config_mut().enable_all_checks(true);
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<Element> = Vec::new();
    let mut root: Option<Element> = None;
    let mut names = Names::default();
    let mut elements = 0;
    loop {
        match reader.read_event().map_err(|_| Fault::Xml)? {
            Event::Start(tag) => {
                elements += 1;
                if elements > ELEMENTS_MAX {
                    return Err(Refused::TooLarge { max: ELEMENTS_MAX, unit: "elements" });
                }
                if open.len() >= DEPTH_MAX {
                    return Err(Refused::TooLarge { max: DEPTH_MAX, unit: "elements inside one another" });
                }
                if root.is_some() {
                    return Err(Fault::Xml.into());
                }
                open.push(element(&tag, names.open(&tag, &open)?)?);
            }
            Event::End(_) => {
                let Some(mut closed) = open.pop() else { return Err(Fault::Xml.into()) };
                names.close(open.len());
                match open.last_mut() {
                    // The element that holds a resource holds its type and its elements.
                    Some(holder) if matches!(holder.name.as_str(), "resource" | "contained") => {
                        if !holder.children.is_empty() {
                            return Err(Fault::Xml.into());
                        }
                        holder.push(Element::with_value("resourceType", &closed.name));
                        holder.children.append(&mut closed.children);
                    }
                    Some(holder) => holder.push(closed),
                    None => {
                        let mut whole = Element::default();
                        whole.push(Element::with_value("resourceType", &closed.name));
                        whole.children.append(&mut closed.children);
                        root = Some(whole);
                    }
                }
            }
            Event::Text(text) => {
                let text = text.xml10_content();
                words(&mut open, &text)?;
            }
            Event::CData(text) => {
                let text = text.xml10_content();
                words(&mut open, &text)?;
            }
            // Only a narrative has text, and that is told as a whole.
            Event::GeneralRef(_) => words(&mut open, "&")?,
            Event::DocType(_) => return Err(Fault::DocumentType.into()),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::Empty(_) => return Err(Fault::Xml.into()),
            Event::Eof if open.is_empty() => return root.ok_or_else(|| Fault::NoBundle.into()),
            Event::Eof => return Err(Fault::Xml.into()),
        }
    }
}

/// What the prefixes that are open stand for, each with how deep it was declared; the empty one is that of names without.
#[derive(Debug, Default)]
struct Names(Vec<(usize, String, Space)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Space {
    Fhir,
    Xhtml,
    Other,
}

impl Names {
    /// The name without its prefix of an element that starts in those of `open`: of FHIR, or of a narrative.
    fn open<'t>(&mut self, tag: &'t BytesStart<'_>, open: &[Element]) -> Result<&'t str, Fault> {
        for attribute in tag.attributes().take(ATTRIBUTES_MAX) {
            let attribute = attribute.map_err(|_| Fault::Xml)?;
            let key = attribute.key.into_inner();
            let Some(prefix) = key.strip_prefix("xmlns:").or((key == "xmlns").then_some("")) else {
                continue;
            };
            let value = quick_xml::escape::unescape(&attribute.value).map_err(|_| Fault::Xml)?;
            let space = match &*value {
                super::FHIR => Space::Fhir,
                XHTML => Space::Xhtml,
                _ => Space::Other,
            };
            self.0.push((open.len(), prefix.to_owned(), space));
        }
        let (prefix, name) = split(tag.name().into_inner());
        let found = self.0.iter().rev().find(|(_, held, _)| held == prefix);
        let is_narrative = name == "div" || open.iter().any(|element| element.name == "div");
        match found.map(|(_, _, space)| *space) {
            Some(Space::Fhir) => Ok(name),
            Some(Space::Xhtml) if is_narrative => Ok(name),
            Some(Space::Xhtml | Space::Other) | None => Err(Fault::Namespace),
        }
    }

    /// An element of this depth has ended.
    fn close(&mut self, depth: usize) {
        self.0.retain(|(declared, _, _)| *declared < depth);
    }
}

/// A name as its prefix, or none, and the rest.
fn split(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}

/// An element with its attributes: `value` is its value, others are children.
fn element(tag: &BytesStart<'_>, name: &str) -> Result<Element, Refused> {
    let mut element = Element::new(name);
    for (count, attribute) in tag.attributes().enumerate() {
        if count >= ATTRIBUTES_MAX {
            return Err(Refused::TooLarge { max: ATTRIBUTES_MAX, unit: "attributes" });
        }
        let attribute = attribute.map_err(|_| Fault::Xml)?;
        if attribute.value.contains('<') {
            return Err(Fault::Xml.into());
        }
        let key = attribute.key.into_inner();
        // References to entities other than the five of XML are refused here.
        let value = quick_xml::escape::unescape(&attribute.value).map_err(|_| Fault::Xml)?;
        match key {
            "value" => element.value = Some(value.into_owned()),
            "xmlns" => {}
            key if key.starts_with("xmlns:") || key.starts_with("xsi:") => {}
            key => element.push(Element::with_value(key, &value)),
        }
    }
    Ok(element)
}

/// Text stands in a narrative only.
fn words(open: &mut [Element], text: &str) -> Result<(), Refused> {
    if text.trim().is_empty() {
        return Ok(());
    }
    let narrative = open.iter().any(|element| element.name == "div");
    match open.last_mut() {
        Some(element) if narrative => {
            element.value.get_or_insert_default().push_str(text);
            Ok(())
        }
        Some(_) | None => Err(Fault::Xml.into()),
    }
}
