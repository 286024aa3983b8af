//! From events to the few tokens that FHIR XML is made of; everything else is dropped or refused here.

use std::borrow::Cow;

use quick_xml::NsReader;
use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, NamespaceError, QName, ResolveResult};

use super::characters::{Attribute, Attributes, forbidden, is_blank, is_name};
use super::narrative::{self, Before};
use super::{FHIR, Fault, InvalidXml, Limits, XHTML};

/// The namespace of the hints at schemas that are allowed, and dropped, on the outermost element.
const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// What FHIR XML is made of.
pub(super) enum Token<'a> {
    Open(Tag<'a>),
    Close,
    End,
}

/// The start of an element.
pub(super) struct Tag<'a> {
    /// Without its prefix.
    pub(super) name: &'a str,
    /// With its prefix.
    qualified: &'a str,
    pub(super) space: Space,
    /// Where it starts.
    pub(super) at: usize,
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) url: Option<Cow<'a, str>>,
    pub(super) value: Option<Cow<'a, str>>,
}

/// The namespace of an element.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    Fhir,
    /// Its attributes are not read: that is the narrative's matter.
    Xhtml,
}

/// The tokens of a text. Nothing after an error is of use.
pub(super) struct Tokens<'a> {
    source: &'a str,
    reader: NsReader<&'a [u8]>,
    limits: Limits,
    /// Elements that are open.
    depth: usize,
    elements: usize,
}

impl<'a> Tokens<'a> {
    /// Checks what concerns the text as a whole. A byte order mark is gone already; another one is text.
    pub(super) fn new(source: &'a str, limits: &Limits) -> Result<Self, InvalidXml> {
        // The tokeniser drops it without counting it, and every position would be wrong.
        if source.starts_with('\u{FEFF}') {
            return Err(Fault::Text.at(0));
        }
        if let Some(at) = forbidden(source) {
            return Err(Fault::Character.at(at));
        }
        let mut reader = NsReader::from_str(source);
        let config = reader.config_mut();
        config.enable_all_checks(true);
        config.expand_empty_elements = true;
        Ok(Self { source, reader, limits: *limits, depth: 0, elements: 0 })
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Result<Token<'a>, InvalidXml> {
        loop {
            let at = self.position();
            let event = self.reader.read_event().map_err(|error| fault_of(&error).at(at))?;
            match event {
                Event::Start(tag) => return self.open(&tag, at).map(Token::Open),
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Token::Close);
                }
                Event::Eof if self.depth > 0 || self.elements == 0 => return Err(Fault::Ended.at(at)),
                Event::Eof => return Ok(Token::End),
                Event::Text(text) if is_blank(&text) => {}
                Event::Text(_) | Event::GeneralRef(_) => return Err(Fault::Text.at(at)),
                Event::CData(_) => return Err(Fault::Cdata.at(at)),
                Event::Comment(text) if text.ends_with('-') => return Err(Fault::Comment.at(at)),
                Event::Comment(_) => {}
                Event::Decl(_) if at == 0 => self.declaration()?,
                Event::Decl(_) => return Err(Fault::Malformed.at(at)),
                Event::PI(instruction) => {
                    let target = instruction.target();
                    if !is_name(target) || target.eq_ignore_ascii_case("xml") {
                        return Err(Fault::Malformed.at(at));
                    }
                }
                // The tokeniser writes these as a start and an end.
                Event::Empty(_) => return Err(Fault::Malformed.at(at)),
                Event::DocType(_) => return Err(Fault::DocumentType.at(at)),
            }
        }
    }

    /// The text of the narrative that `tag` starts, from its `<` to its `>`. It is closed then.
    pub(super) fn narrative(&mut self, tag: &Tag<'a>) -> Result<&'a str, InvalidXml> {
        self.reader.read_to_end(QName(tag.qualified)).map_err(|error| fault_of(&error).at(tag.at))?;
        let div = self.source.get(tag.at..self.position()).unwrap_or_default();
        // The tag itself is counted already.
        let before = Before { depth: self.depth - 1, elements: self.elements - 1 };
        let checked = narrative::check(div, &self.limits, before);
        self.elements = checked.map_err(|InvalidXml { fault, at }| fault.at(tag.at + at))?;
        self.depth = self.depth.saturating_sub(1);
        Ok(div)
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }

    fn open(&mut self, start: &BytesStart<'_>, at: usize) -> Result<Tag<'a>, InvalidXml> {
        if self.depth == 0 && self.elements > 0 {
            return Err(Fault::Trailing.at(at));
        }
        self.depth += 1;
        self.elements += 1;
        self.limits.check(self.depth, self.elements).map_err(|fault| fault.at(at))?;
        let named = at + 1 + start.name().into_inner().len();
        let qualified = self.source.get(at + 1..named).unwrap_or_default();
        let name = match qualified.split_once(':') {
            Some((prefix, local)) if is_name(prefix) => local,
            Some(_) => return Err(Fault::Malformed.at(at)),
            None => qualified,
        };
        if !is_name(name) {
            return Err(Fault::Malformed.at(at));
        }
        let space = match self.reader.resolver().resolve_element(QName(qualified)).0 {
            ResolveResult::Bound(Namespace(FHIR)) => Space::Fhir,
            ResolveResult::Bound(Namespace(XHTML)) => Space::Xhtml,
            ResolveResult::Bound(_) | ResolveResult::Unbound | ResolveResult::Unknown(_) => {
                return Err(Fault::Namespace.at(at));
            }
        };
        let mut tag = Tag { name, qualified, space, at, id: None, url: None, value: None };
        if space == Space::Fhir {
            let written = self.source.get(named..named + start.attributes_raw().len()).unwrap_or_default();
            let mut attributes = Attributes::new(written, named, self.limits.attributes_max);
            while let Some(attribute) = attributes.next()? {
                self.attribute(attribute, &mut tag)?;
            }
        }
        Ok(tag)
    }

    /// Takes one attribute of an element of FHIR.
    fn attribute(&self, attribute: Attribute<'a>, tag: &mut Tag<'a>) -> Result<(), InvalidXml> {
        let value = attribute.value()?;
        let place = match attribute.name {
            "id" => &mut tag.id,
            "url" => &mut tag.url,
            "value" => &mut tag.value,
            "xmlns" => return Ok(()),
            name => {
                let space = self.reader.resolver().resolve_attribute(QName(name)).0;
                let is_hint = space == ResolveResult::Bound(Namespace(SCHEMA_INSTANCE)) && self.depth == 1;
                let known = match name.split_once(':') {
                    Some(("xmlns", _)) => true,
                    Some((_, "schemaLocation" | "noNamespaceSchemaLocation")) => is_hint,
                    Some(_) | None => false,
                };
                return if known { Ok(()) } else { Err(Fault::UnknownAttribute.at(attribute.at)) };
            }
        };
        if value.is_empty() {
            return Err(Fault::EmptyValue.at(attribute.at));
        }
        *place = Some(value);
        Ok(())
    }

    /// Checks the declaration that starts the text: version 1.0, UTF-8 if any encoding.
    fn declaration(&self) -> Result<(), InvalidXml> {
        let declared = self.source.get("<?xml".len()..self.position() - "?>".len()).unwrap_or_default();
        let mut attributes = Attributes::new(declared, "<?xml".len(), 3);
        let version = attributes.next()?.filter(|found| (found.name, found.raw) == ("version", "1.0"));
        version.ok_or(Fault::Malformed.at(0))?;
        let mut next = attributes.next()?;
        if let Some(encoding) = next.filter(|found| found.name == "encoding") {
            if !encoding.raw.eq_ignore_ascii_case("utf-8") {
                return Err(Fault::Encoding.at(encoding.at));
            }
            next = attributes.next()?;
        }
        if let Some(standalone) = next.filter(|found| found.name == "standalone") {
            if !matches!(standalone.raw, "yes" | "no") {
                return Err(Fault::Malformed.at(standalone.at));
            }
            next = attributes.next()?;
        }
        next.map_or(Ok(()), |found| Err(Fault::Malformed.at(found.at)))
    }
}

/// What an error of the tokeniser means. Its text may hold content and goes nowhere.
pub(super) fn fault_of(error: &Error) -> Fault {
    match error {
        Error::Namespace(NamespaceError::TooManyBindings(_) | NamespaceError::TooDeeplyNested(_)) => {
            Fault::TooManyAttributes
        }
        Error::Namespace(_) => Fault::Namespace,
        Error::Syntax(SyntaxError::InvalidBangMarkup) => Fault::Malformed,
        Error::Syntax(_) | Error::IllFormed(IllFormedError::MissingEndTag(_)) => Fault::Ended,
        Error::IllFormed(IllFormedError::DoubleHyphenInComment) => Fault::Comment,
        Error::IllFormed(IllFormedError::MissingDoctypeName) => Fault::DocumentType,
        Error::IllFormed(_) | Error::InvalidAttr(_) | Error::Escape(_) => Fault::Malformed,
        // Neither is possible over text in memory.
        Error::Io(_) | Error::Encoding(_) => Fault::Malformed,
    }
}
