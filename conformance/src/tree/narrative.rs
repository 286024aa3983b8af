//! Whether a narrative is what FHIR allows: an XHTML `div` of text, lists, tables, images and links, without anything
//! that acts.
//!
//! FHIR R4 section 2.4.0.1, invariants txt-1 and txt-2.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// What is wrong with a narrative. It holds no content but names of XHTML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NarrativeFault {
    /// It is not well-formed, or not one `div`.
    #[error("the narrative is not one well-formed div")]
    Malformed,
    /// An element that narratives do not have.
    #[error("the narrative holds the element {name}")]
    Element {
        /// The name.
        name: String,
    },
    /// An attribute that narratives do not have there.
    #[error("the narrative holds the attribute {name}")]
    Attribute {
        /// The name.
        name: String,
    },
    /// It is not in the namespace of XHTML.
    #[error("the narrative is not in the namespace of XHTML")]
    Namespace,
    /// There is neither text nor an image.
    #[error("the narrative says nothing")]
    Blank,
}

const XHTML: &str = "http://www.w3.org/1999/xhtml";

const ELEMENTS: [&str; 49] = [
    "p",
    "br",
    "div",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "a",
    "span",
    "b",
    "em",
    "i",
    "strong",
    "small",
    "big",
    "tt",
    "dfn",
    "q",
    "var",
    "abbr",
    "acronym",
    "cite",
    "blockquote",
    "hr",
    "address",
    "bdo",
    "kbd",
    "sub",
    "sup",
    "ul",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "pre",
    "table",
    "caption",
    "colgroup",
    "col",
    "thead",
    "tr",
    "tfoot",
    "tbody",
    "th",
    "td",
    "code",
];

const MORE_ELEMENTS: [&str; 4] = ["samp", "img", "map", "area"];

const ATTRIBUTES: [&str; 14] = [
    "title",
    "style",
    "class",
    "id",
    "xml:lang",
    "lang",
    "dir",
    "accesskey",
    "tabindex",
    "span",
    "width",
    "align",
    "valign",
    "char",
];

/// Attributes of certain elements.
const OWN_ATTRIBUTES: [(&str, &[&str]); 19] = [
    ("a", &["href", "name", "rel", "rev", "shape", "coords", "charset", "type", "hreflang"]),
    ("img", &["src", "longdesc", "height", "width", "usemap", "ismap", "alt", "border"]),
    ("map", &["name"]),
    ("area", &["shape", "coords", "href", "nohref", "alt"]),
    ("table", &["summary", "width", "border", "frame", "rules", "cellspacing", "cellpadding", "pagewidth"]),
    (
        "td",
        &["abbr", "axis", "headers", "scope", "rowspan", "colspan", "charoff", "nowrap", "bgcolor", "height"],
    ),
    (
        "th",
        &["abbr", "axis", "headers", "scope", "rowspan", "colspan", "charoff", "nowrap", "bgcolor", "height"],
    ),
    ("tr", &["charoff", "bgcolor"]),
    ("thead", &["charoff"]),
    ("tbody", &["charoff"]),
    ("tfoot", &["charoff"]),
    ("col", &["charoff"]),
    ("colgroup", &["charoff"]),
    ("blockquote", &["cite"]),
    ("q", &["cite"]),
    ("ol", &["start", "type"]),
    ("ul", &["type"]),
    ("li", &["value"]),
    ("pre", &["xml:space"]),
];

/// Checks a narrative.
///
/// # Errors
/// The first [`NarrativeFault`].
pub fn check_narrative(markup: &str) -> Result<(), NarrativeFault> {
    let numbered = fhir::xml::as_characters(markup.trim());
    let mut reader = Reader::from_str(&numbered);
    reader.config_mut().check_end_names = true;
    let (mut depth, mut roots) = (0_usize, 0_usize);
    let mut says = false;
    loop {
        match reader.read_event().map_err(|_| NarrativeFault::Malformed)? {
            Event::Start(tag) => {
                roots += usize::from(depth == 0);
                says |= element(&tag, depth)?;
                depth += 1;
            }
            Event::Empty(tag) => {
                roots += usize::from(depth == 0);
                says |= element(&tag, depth)?;
            }
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Text(text) => {
                let blank = text.chars().all(char::is_whitespace);
                if depth == 0 && !blank {
                    return Err(NarrativeFault::Malformed);
                }
                says |= !blank;
            }
            Event::GeneralRef(name) => {
                let of_xml = matches!(&*name, "amp" | "lt" | "gt" | "quot" | "apos");
                if !of_xml && !name.resolve_char_ref().is_ok_and(|found| found.is_some()) {
                    return Err(NarrativeFault::Malformed);
                }
                says = true;
            }
            Event::CData(_) => says = true,
            Event::Comment(_) => {}
            Event::DocType(_) | Event::PI(_) | Event::Decl(_) => return Err(NarrativeFault::Malformed),
            Event::Eof => break,
        }
    }
    match (depth, roots, says) {
        (0, 1, true) => Ok(()),
        (0, 1, false) => Err(NarrativeFault::Blank),
        _ => Err(NarrativeFault::Malformed),
    }
}

/// Whether the root of `markup` declares the namespace of XHTML itself, as a narrative in JSON must.
#[must_use]
pub fn declares_xhtml(markup: &str) -> bool {
    let tag = markup.trim_start().split('>').next().unwrap_or_default();
    tag.contains(XHTML)
}

/// A text with the references of HTML in it resolved; nothing if one is not known.
pub(crate) fn without_references(text: &str) -> Option<String> {
    let numbered = fhir::xml::as_characters(text);
    quick_xml::escape::unescape(&numbered).ok().map(std::borrow::Cow::into_owned)
}

/// Checks an element; tells whether it is an image.
fn element(tag: &BytesStart<'_>, depth: usize) -> Result<bool, NarrativeFault> {
    let qualified = tag.name().into_inner();
    let name = qualified.rsplit_once(':').map_or(qualified, |(_, name)| name);
    if depth == 0 && name != "div" {
        return Err(NarrativeFault::Malformed);
    }
    if !ELEMENTS.contains(&name) && !MORE_ELEMENTS.contains(&name) {
        return Err(NarrativeFault::Element { name: name.to_owned() });
    }
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|_| NarrativeFault::Malformed)?;
        let key = attribute.key.into_inner();
        let own =
            OWN_ATTRIBUTES.iter().find(|(found, _)| *found == name).map_or(&[] as &[&str], |(_, keys)| keys);
        let known =
            ATTRIBUTES.contains(&key) || own.contains(&key) || key == "xmlns" || key.starts_with("xmlns:");
        if key == "xmlns" && &*attribute.value != XHTML {
            return Err(NarrativeFault::Namespace);
        }
        let acts = attribute.value.trim_start().to_ascii_lowercase().starts_with("javascript:");
        if !known || acts {
            return Err(NarrativeFault::Attribute { name: key.to_owned() });
        }
    }
    Ok(name == "img")
}
