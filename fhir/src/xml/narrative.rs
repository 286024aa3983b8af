//! The check that a narrative is one well-formed `div` of XHTML that stands by itself.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::characters::{Attributes, is_name, referred};
use super::tokens::fault_of;
use super::{Fault, InvalidXml, Limits, XHTML};

/// What is open around a narrative and was counted before it.
#[derive(Clone, Copy)]
pub(super) struct Before {
    pub(super) depth: usize,
    pub(super) elements: usize,
}

/// Checks `div`, from its `<` to its `>`, and yields the number of elements so far, its own included.
///
/// Its elements have no prefix and are all in the namespace of XHTML, which it declares itself. Positions count from
/// its start.
pub(super) fn check(div: &str, limits: &Limits, before: Before) -> Result<usize, InvalidXml> {
    // The tokeniser drops a byte order mark without counting it.
    if !div.starts_with('<') {
        return Err(Fault::Text.at(0));
    }
    let mut reader = Reader::from_str(div);
    let config = reader.config_mut();
    config.enable_all_checks(true);
    config.expand_empty_elements = true;
    let Before { mut depth, mut elements } = before;
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let event = reader.read_event().map_err(|error| fault_of(&error).at(at))?;
        match event {
            Event::Start(tag) => {
                depth += 1;
                elements += 1;
                let is_outermost = elements == before.elements + 1;
                check_tag(&tag, at, limits.attributes_max, is_outermost.then_some("div"))?;
                limits.check(depth, elements).map_err(|fault| fault.at(at))?;
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                if depth == before.depth {
                    let end = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
                    return if end == div.len() { Ok(elements) } else { Err(Fault::Trailing.at(end)) };
                }
            }
            Event::Text(text) => {
                if let Some(within) = memchr::memmem::find(text.as_bytes(), b"]]>") {
                    return Err(Fault::Malformed.at(at + within));
                }
            }
            Event::GeneralRef(name) => {
                referred(&name).map_err(|fault| fault.at(at))?;
            }
            Event::Comment(text) => {
                if text.starts_with('>') || text.starts_with("->") || text.ends_with('-') {
                    return Err(Fault::Comment.at(at));
                }
            }
            Event::CData(_) => return Err(Fault::Cdata.at(at)),
            Event::PI(_) | Event::Decl(_) => return Err(Fault::Instruction.at(at)),
            // The tokeniser writes these as a start and an end.
            Event::Empty(_) => return Err(Fault::Malformed.at(at)),
            Event::DocType(_) => return Err(Fault::DocumentType.at(at)),
            Event::Eof => return Err(Fault::Ended.at(at)),
        }
    }
}

/// Checks the start of an element at byte `at`; `outermost` is the name it must have if it is the first.
fn check_tag(
    tag: &BytesStart<'_>,
    at: usize,
    attributes_max: usize,
    outermost: Option<&str>,
) -> Result<(), InvalidXml> {
    let name = tag.name().into_inner();
    if !is_name(name) {
        let fault = if name.contains(':') { Fault::Namespace } else { Fault::Malformed };
        return Err(fault.at(at));
    }
    let declared = declarations(Attributes::new(tag.attributes_raw(), at + 1 + name.len(), attributes_max))?;
    match outermost {
        Some(wanted) if at != 0 || name != wanted => Err(Fault::UnknownElement.at(at)),
        Some(_) if declared == Declared::Nothing => Err(Fault::Namespace.at(at)),
        Some(_) | None => Ok(()),
    }
}

/// Whether a tag declares the namespace of its elements.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Declared {
    Nothing,
    Xhtml,
}

/// Checks the attributes of one tag.
fn declarations(mut attributes: Attributes<'_>) -> Result<Declared, InvalidXml> {
    let mut declared = Declared::Nothing;
    while let Some(attribute) = attributes.next()? {
        let value = attribute.value()?;
        match attribute.name.split_once(':') {
            None if attribute.name == "xmlns" && value == XHTML => declared = Declared::Xhtml,
            None if attribute.name == "xmlns" => return Err(Fault::Namespace.at(attribute.at)),
            None | Some(("xml", _)) => {}
            Some(("xmlns", prefix)) if is_harmless(prefix, &value) => {}
            Some(_) => return Err(Fault::Namespace.at(attribute.at)),
        }
    }
    Ok(declared)
}

/// Whether a prefix may be bound so; as no name of a narrative may have one, it is never used.
fn is_harmless(prefix: &str, namespace: &str) -> bool {
    let reserved = ["http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/"];
    !prefix.to_ascii_lowercase().starts_with("xml") && !namespace.is_empty() && !reserved.contains(&namespace)
}
