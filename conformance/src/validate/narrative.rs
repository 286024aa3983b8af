//! Narrative: the part of XHTML that FHIR allows.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::Run;
use super::finding::Rule;
use crate::tree::Node;

/// The elements that a narrative may have (FHIR R4 narrative.html#2.4.2, txt-1).
const ELEMENTS: [&str; 55] = [
    "a",
    "abbr",
    "acronym",
    "b",
    "big",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "li",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "ul",
    "var",
    "u",
    "del",
    "ins",
    "bdo",
    "kbd",
    "map",
];

/// The attributes that any of them may have, and those of some.
const ATTRIBUTES: [&str; 37] = [
    "abbr",
    "accept-charset",
    "align",
    "alt",
    "axis",
    "border",
    "cellhalign",
    "cellpadding",
    "cellspacing",
    "cellvalign",
    "char",
    "charoff",
    "charset",
    "class",
    "colspan",
    "dir",
    "frame",
    "headers",
    "height",
    "href",
    "hreflang",
    "id",
    "lang",
    "longdesc",
    "name",
    "nowrap",
    "rel",
    "rev",
    "rowspan",
    "rules",
    "scope",
    "span",
    "src",
    "style",
    "title",
    "valign",
    "width",
];

const XHTML: &str = "http://www.w3.org/1999/xhtml";

impl<'a> Run<'a> {
    /// Holds a narrative to the elements and attributes that it may have.
    pub(crate) fn narrative(&mut self, node: Node<'a>) {
        let Some(markup) = node.text() else {
            return self.error(Rule::Narrative, node, "a narrative without content");
        };
        if let Err(why) = check(markup) {
            self.error(Rule::Narrative, node, why);
        }
    }
}

/// Why a markup is no narrative.
fn check(markup: &str) -> Result<(), &'static str> {
    let mut reader = Reader::from_str(markup);
    let mut open = 0_usize;
    let mut roots = 0_usize;
    let mut content = false;
    loop {
        let event = reader.read_event().map_err(|_| "the narrative is not well-formed xml")?;
        match event {
            Event::Start(start) => {
                root(&start, open, &mut roots)?;
                element(&start)?;
                open = open.saturating_add(1);
            }
            Event::Empty(start) => {
                root(&start, open, &mut roots)?;
                element(&start)?;
                content |= start.name().as_ref() == "img";
            }
            Event::End(_) => open = open.saturating_sub(1),
            Event::Text(text) => {
                let blank = text.trim().is_empty();
                if open == 0 && !blank {
                    return Err("text outside the div");
                }
                content |= !blank;
            }
            Event::GeneralRef(name) => {
                content = true;
                if !entity(&name) {
                    return Err("an entity that xhtml does not have");
                }
            }
            Event::CData(_) => content = true,
            Event::Eof => break,
            Event::DocType(_) => return Err("a document type"),
            Event::PI(_) => return Err("a processing instruction"),
            Event::Comment(_) | Event::Decl(_) => {}
        }
    }
    if open > 0 || roots != 1 {
        return Err("the narrative is not one div");
    }
    if content { Ok(()) } else { Err("a narrative without any content") }
}

fn root(start: &BytesStart<'_>, open: usize, roots: &mut usize) -> Result<(), &'static str> {
    if open > 0 {
        return Ok(());
    }
    *roots = roots.saturating_add(1);
    if start.local_name().as_ref() != "div" {
        return Err("the narrative is not a div");
    }
    Ok(())
}

fn element(start: &BytesStart<'_>) -> Result<(), &'static str> {
    let name = start.local_name();
    let known = ELEMENTS.iter().any(|one| *one == name.as_ref());
    if !known {
        return Err("an element that a narrative may not have");
    }
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| "the narrative is not well-formed xml")?;
        let key = attribute.key.as_ref();
        if key == "xmlns" || key.starts_with("xmlns:") {
            if key == "xmlns" && attribute.value.as_ref() != XHTML {
                return Err("the narrative is not in the namespace of xhtml");
            }
            continue;
        }
        let known = ATTRIBUTES.iter().any(|one| *one == key) || key.starts_with("xml:");
        if !known {
            return Err("an attribute that a narrative may not have");
        }
        let value = attribute.value.trim().to_ascii_lowercase();
        if matches!(key, "href" | "src") && value.starts_with("javascript:") {
            return Err("a script in a link");
        }
    }
    Ok(())
}

/// The entities of XML, numbers, and those of XHTML: letters and digits.
fn entity(name: &str) -> bool {
    name.starts_with(|first: char| first == '#' || first.is_ascii_alphabetic())
        && name.chars().skip(1).all(|letter| letter.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_narrative_is_one_div_of_what_is_allowed() {
        for good in [
            "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p class=\"a\">text &amp; &#160; &nbsp;</p></div>",
            "<div xmlns=\"http://www.w3.org/1999/xhtml\"><img src=\"#a\" alt=\"b\"/></div>",
            "<h:div xmlns:h=\"http://www.w3.org/1999/xhtml\"><h:p>x</h:p></h:div>",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "text",
            "<p>text</p>",
            "<div>a</div><div>b</div>",
            "<div> </div>",
            "<div><script>x</script></div>",
            "<div onclick=\"x\">a</div>",
            "<div><a href=\" javascript:x\">a</a></div>",
            "<div><p>a</div>",
            "<div>a",
            "<div xmlns=\"http://other\">a</div>",
            "<!DOCTYPE div><div>a</div>",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
