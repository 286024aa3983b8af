//! The content of a document: OBX segments of an MDM message.
//!
//! A run of text values (TX, FT, ST) under one code is one part; each ED value is one. A part is a
//! Binary, an attachment of the DocumentReference that points at it, and a section of the Composition.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use super::concept::Known;
use super::draft::Draft;
use super::message::{Message, Part, Segment};
use super::mime;
use crate::tree::{Node, Object};
use crate::{Severity, Why};

/// One part of a document.
struct Content {
    place: String,
    /// The code of its first segment, without its observation sub-id.
    code: Option<Node>,
    title: Option<String>,
    created: Option<Node>,
    kind: String,
    bytes: Vec<u8>,
    text: Option<String>,
}

/// Adds the parts in the segments `name` of `message`; false when there are none.
pub(super) fn apply(draft: &mut Draft<'_>, message: &Message<'_>, name: &str, known: Known<'_>) -> bool {
    let mut parts: Vec<Content> = Vec::new();
    // The code of the run of text that the last segment belonged to.
    let mut previous: Option<Option<&str>> = None;
    for segment in message.named(name) {
        let kind = segment.peek(message, 2).unwrap_or_default().to_ascii_uppercase();
        let withdrawn =
            segment.peek(message, 11).is_some_and(|status| ["D", "X", "W"].contains(&status.as_ref()));
        if withdrawn {
            let held = [5, 3, 11].into_iter().find_map(|field| segment.repetitions_of(message, field).next());
            held.inspect(|part| part.remark(Why::Withdrawn, Severity::Major));
            previous = None;
            continue;
        }
        match kind.as_str() {
            "TX" | "FT" | "ST" => {
                let text = text(segment, message);
                let code = segment.repetitions_of(message, 3).next().and_then(|part| part.peek_whole());
                match parts.last_mut().filter(|_| previous == Some(code)) {
                    Some(part) => part.add(segment, message, &text),
                    None if text.is_empty() => continue,
                    None => parts.push(Content { text: Some(text), ..Content::new(segment, message, known) }),
                }
                segment.repetitions_of(message, 2).for_each(|part| part.mark());
                previous = Some(code);
            }
            "ED" => {
                previous = None;
                segment.repetitions_of(message, 2).for_each(|part| part.mark());
                for value in segment.repetitions_of(message, 5) {
                    if let Some((kind, bytes)) = encapsulated(value, known) {
                        let content = Content::new(segment, message, known);
                        parts.push(Content { place: value.place(), kind, bytes, ..content });
                    }
                }
            }
            _ => previous = None,
        }
    }
    let any = !parts.is_empty();
    for part in parts {
        part.put(draft);
    }
    any
}

/// The content of `value`, an ED or RP in OBX-5, as a Binary and the attachment that points at it.
pub(super) fn attachment(
    draft: &mut Draft<'_>,
    value: Part<'_, '_>,
    segment: &Segment<'_>,
    message: &Message<'_>,
    known: Known<'_>,
) -> Option<Node> {
    let kind = segment.peek(message, 2).unwrap_or_default().to_ascii_uppercase();
    if kind == "RP" {
        return pointer(value, known, segment, message);
    }
    let (kind, bytes) = encapsulated(value, known)?;
    segment.repetitions_of(message, 2).for_each(|part| part.mark());
    let content = Content::new(segment, message, known);
    let content = Content { place: value.place(), kind, bytes, ..content };
    Some(content.attachment(draft).into())
}

/// The content of a MIME part whose lines are `lines`; `first` is the value of the first.
pub(super) fn part(
    draft: &mut Draft<'_>,
    first: Part<'_, '_>,
    lines: &[&Segment<'_>],
    known: Known<'_>,
) -> Option<Node> {
    let message = first.message;
    let Some(read) = mime::read(lines.iter().map(|segment| mime::line(message, segment)), known) else {
        first.remark(Why::DocumentUnreadable, Severity::Major);
        return None;
    };
    for field in lines.iter().flat_map(|segment| [2, 5].map(|field| segment.repetitions_of(message, field))) {
        field.for_each(|part| part.mark());
    }
    let content = Content::new(first.segment, message, known);
    let kind = read.kind.unwrap_or_else(|| "application/octet-stream".to_owned());
    let title = content.title.clone().or(read.title);
    let content = Content { place: first.place(), kind, bytes: read.bytes, title, ..content };
    Some(content.attachment(draft).into())
}

/// RP: where the content is kept. Nobody here can read it, so it is told as it stands.
fn pointer(
    value: Part<'_, '_>,
    known: Known<'_>,
    segment: &Segment<'_>,
    message: &Message<'_>,
) -> Option<Node> {
    let written = value.component(1).text()?;
    segment.repetitions_of(message, 2).for_each(|part| part.mark());
    let mut attachment = Object::new();
    if !value.component(3).is_empty() || !value.component(4).is_empty() {
        attachment.put("contentType", Node::Text(media_type_at(value, (3, 4), known)));
    }
    let is_url = written.split_once("://").is_some_and(|(scheme, rest)| {
        !rest.is_empty() && !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphabetic())
    });
    if is_url {
        attachment.put("url", Node::Text(without_blanks(&written)));
    } else {
        attachment.put("title", Node::Text(written));
    }
    Some(attachment.into())
}

/// An address with its blanks as an address writes them: they lead to the same.
fn without_blanks(address: &str) -> String {
    let mut written = String::with_capacity(address.len());
    for letter in address.chars() {
        if letter.is_whitespace() {
            let mut bytes = [0; 4];
            for byte in letter.encode_utf8(&mut bytes).bytes() {
                written.push_str(&format!("%{byte:02X}"));
            }
        } else {
            written.push(letter);
        }
    }
    written
}

/// The text in OBX-5, its repetitions as lines; empty for a blank line.
fn text(segment: &Segment<'_>, message: &Message<'_>) -> String {
    let mut lines: Vec<String> = Vec::new();
    for part in segment.repetitions_of(message, 5) {
        lines.resize(usize::from(part.repetition()).saturating_sub(1), String::new());
        lines.extend(part.whole_text());
    }
    lines.join("\n")
}

/// The media type and bytes of an ED value: source, type, subtype, encoding, data.
fn encapsulated(value: Part<'_, '_>, known: Known<'_>) -> Option<(String, Vec<u8>)> {
    let encoding = value.component(4).peek().unwrap_or_default().to_ascii_uppercase();
    let data = value.component(5);
    let bytes = match encoding.as_str() {
        "BASE64" => {
            let raw: String =
                data.raw().unwrap_or_default().replace("\\.br\\", "").split_whitespace().collect();
            // Padding is often forgotten; what is encoded is not changed by that.
            let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
            GeneralPurpose::new(&base64::alphabet::STANDARD, config).decode(raw).ok()
        }
        "A" | "ASCII" => data.text().map(String::into_bytes),
        "HEX" => hexadecimal(data.raw().unwrap_or_default()),
        _ => None,
    };
    let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else {
        let place = if data.raw().is_some_and(|raw| !raw.is_empty()) { data } else { value };
        place.remark(Why::DocumentUnreadable, Severity::Major);
        return None;
    };
    let kind = media_type(value, known);
    value.component(4).text();
    Some((kind, bytes))
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .map(|letter| letter.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| {
        digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| (byte << 4) | digit)).collect()
    })
}

/// The media type of an ED value, by its type and subtype.
fn media_type(value: Part<'_, '_>, known: Known<'_>) -> String {
    media_type_at(value, (2, 3), known)
}

fn media_type_at(value: Part<'_, '_>, (first, second): (u16, u16), known: Known<'_>) -> String {
    let kind = value.component(first).peek().unwrap_or_default().to_ascii_lowercase();
    let subtype = value.component(second).peek().unwrap_or_default().to_ascii_lowercase();
    let use_both = || {
        value.component(first).text();
        value.component(second).text();
    };
    if let Some(found) = known.codes.find("media-types", &format!("{kind}/{subtype}"), known.context) {
        use_both();
        return found.code.to_owned();
    }
    let token = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-".contains(&byte))
    };
    if ["application", "text", "image", "audio", "video"].contains(&kind.as_str()) && token(&subtype) {
        use_both();
        return format!("{kind}/{subtype}");
    }
    value.remark(Why::CodeNotMapped, Severity::Minor);
    "application/octet-stream".to_owned()
}

impl Content {
    fn new(segment: &Segment<'_>, message: &Message<'_>, known: Known<'_>) -> Self {
        let field = |number| segment.repetitions_of(message, number).next();
        let code = field(3).and_then(|part| known.concept(part, ""));
        let title = field(3)
            .and_then(|part| part.component(2).peek().or_else(|| part.component(5).peek()))
            .map(std::borrow::Cow::into_owned);
        let created = field(14).and_then(|part| known.date_time(part));
        let place = field(5).map_or_else(String::new, |part| part.place());
        Self { place, code, title, created, kind: "text/plain".to_owned(), bytes: Vec::new(), text: None }
    }

    /// Goes on with the text of another segment under the same code.
    fn add(&mut self, segment: &Segment<'_>, message: &Message<'_>, text: &str) {
        segment.repetitions_of(message, 3).take(1).for_each(|part| part.mark());
        let whole = self.text.get_or_insert_default();
        whole.push('\n');
        whole.push_str(text);
    }

    /// Adds the Binary, and points at it.
    fn attachment(&self, draft: &mut Draft<'_>) -> Object {
        let bytes = self.text.as_ref().map_or(self.bytes.as_slice(), String::as_bytes);
        let binary = Object::new()
            .with("contentType", Node::text(self.kind.as_str()))
            .with("data", Node::Text(STANDARD.encode(bytes)));
        let id = draft.other("Binary", &self.place, binary);
        let mut attachment = Object::new()
            .with("contentType", Node::text(self.kind.as_str()))
            .with("url", Node::Text(format!("urn:uuid:{id}")))
            .with("size", Node::Bare(bytes.len().to_string()));
        if let Some(title) = &self.title {
            attachment.put("title", Node::text(title.as_str()));
        }
        if let Some(created) = &self.created {
            attachment.put("creation", created.clone());
        }
        attachment
    }

    fn put(self, draft: &mut Draft<'_>) {
        let attachment = self.attachment(draft);
        let mut section = Object::new();
        if let Some(title) = &self.title {
            section.put("title", Node::text(title.as_str()));
        }
        if let Some(code) = self.code {
            section.put("code", code);
        }
        if let Some(text) = &self.text {
            section.put("text", narrative(text));
        }
        if let Some(slot) = draft.whole("DocumentReference") {
            section.push("entry", Node::reference(&draft.id_of(slot)));
        }
        if let Some(reference) = draft.named("DocumentReference") {
            reference.push("content", Object::new().with("attachment", attachment.into()).into());
        }
        if let Some(composition) = draft.named("Composition") {
            composition.push("section", section.into());
        }
    }
}

/// Text as a Narrative that looks as it was written.
fn narrative(text: &str) -> Node {
    let mut div = String::with_capacity(text.len() + 64);
    div.push_str("<div xmlns=\"http://www.w3.org/1999/xhtml\"><pre>");
    for letter in text.chars() {
        match letter {
            '&' => div.push_str("&amp;"),
            '<' => div.push_str("&lt;"),
            '>' => div.push_str("&gt;"),
            '\r' => {}
            other => div.push(other),
        }
    }
    div.push_str("</pre></div>");
    Object::new().with("status", Node::text("generated")).with("div", Node::Text(div)).into()
}
