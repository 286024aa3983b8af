//! Content of documents: attachments, Binaries, narrative.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fhir::json::Node;

use super::engine::Run;
use super::wire::{Kind, Line, Repetition};
use crate::{Severity, Why};

impl<'b> Run<'_, 'b> {
    /// An Attachment as OBX-2 and OBX-5: plain text as text, all else as it is.
    pub(super) fn attachment(&self, attachment: Node<'b>, line: &mut Line<'b>) -> bool {
        let binary =
            attachment.member("url").filter(|_| attachment.member("data").is_none()).and_then(|url| {
                let written = url.string()?;
                let found = self.source.named(&written).filter(|held| held.kind == "Binary")?;
                self.source.mark(url);
                self.source.wrote(&written);
                Some(found.node)
            });
        let holder = binary.unwrap_or(attachment);
        let kind = self.take(holder, "contentType").unwrap_or_default();
        self.take(attachment, "contentType");
        let Some(data) = self.take(holder, "data") else { return self.pointer(attachment, &kind, line) };
        // What follows from the content says nothing more.
        for name in ["size", "hash"] {
            if let Some(part) = attachment.member(name) {
                self.source.mark(part);
            }
        }
        let media = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let text = (media == "text/plain")
            .then(|| STANDARD.decode(&data).ok().and_then(|bytes| String::from_utf8(bytes).ok()))
            .flatten();
        if let Some(text) = text.filter(|text| {
            text.chars().all(|letter| self.profile.charset.has(letter)) && !text.trim().is_empty()
        }) {
            self.source.wrote(&text);
            line.add(2, Repetition::fixed("TX"));
            line.add(5, Repetition::of(holder, Kind::Lines, text));
            return true;
        }
        self.encapsulated(holder, &media, data, line);
        true
    }

    /// ED.
    fn encapsulated(&self, from: Node<'b>, media: &str, data: String, line: &mut Line<'b>) {
        let (kind, subtype) = media.split_once('/').unwrap_or(("application", "octet-stream"));
        let mut out = Repetition::new(from, Kind::Exact);
        out.put(
            2,
            match kind {
                "text" => "TEXT",
                "image" => "Image",
                "audio" => "Audio",
                _ => "Application",
            },
        );
        let short = subtype.len() <= 4 && subtype.bytes().all(|byte| byte.is_ascii_alphanumeric());
        out.put(3, if short { subtype.to_ascii_uppercase() } else { subtype.to_owned() });
        out.put(4, "Base64");
        out.put(5, data);
        line.add(2, Repetition::fixed("ED"));
        line.add(5, out);
    }

    /// RP: where the content is kept.
    fn pointer(&self, attachment: Node<'b>, kind: &str, line: &mut Line<'b>) -> bool {
        let Some(url) = self.take(attachment, "url") else { return false };
        self.source.wrote(&url);
        let mut out = Repetition::new(attachment, Kind::Exact);
        out.put(1, url);
        if let Some((kind, subtype)) = kind.split_once('/') {
            out.put(3, kind);
            out.put(4, subtype);
        }
        line.add(2, Repetition::fixed("RP"));
        line.add(5, out);
        true
    }

    /// A Narrative: the text it was made of when it says no more, else as HTML, to the letter.
    pub(super) fn narrative(&self, narrative: Node<'b>, line: &mut Line<'b>) -> bool {
        let Some(div) = narrative.member("div").and_then(Node::string) else { return false };
        self.source.mark(narrative);
        match plain(&div) {
            Some(text) if text.chars().all(|letter| self.profile.charset.has(letter)) => {
                if text.trim().is_empty() {
                    return false;
                }
                line.add(2, Repetition::fixed("TX"));
                line.add(5, Repetition::of(narrative, Kind::Lines, text));
            }
            Some(_) | None => {
                self.source.remark(narrative, Why::Narrowed, Severity::Trivial);
                self.encapsulated(narrative, "text/html", STANDARD.encode(div.as_bytes()), line);
            }
        }
        true
    }
}

/// The text of a narrative that is one block without any markup.
pub(super) fn plain(div: &str) -> Option<String> {
    let inner = div.strip_prefix("<div")?.split_once('>')?.1.strip_suffix("</div>")?.trim();
    let preformatted = inner.strip_prefix("<pre>").and_then(|inner| inner.strip_suffix("</pre>"));
    let text =
        preformatted.or_else(|| inner.strip_prefix("<p>").and_then(|inner| inner.strip_suffix("</p>")));
    let text = text.unwrap_or(inner);
    if text.contains('<') {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (name, next) = after.split_once(';')?;
        out.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            "nbsp" => '\u{a0}',
            other => {
                let digits = other.strip_prefix('#')?;
                let code = match digits.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => digits.parse().ok()?,
                };
                char::from_u32(code)?
            }
        });
        rest = next;
    }
    out.push_str(rest);
    // Outside of a preformatted block, line ends are white space.
    Some(if preformatted.is_some() { out } else { out.split_whitespace().collect::<Vec<_>>().join(" ") })
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn only_a_block_without_markup_is_plain_text() {
        for (div, expected) in [
            ("<div xmlns=\"x\"><pre>a &lt; b\n c</pre></div>", Some("a < b\n c")),
            ("<div xmlns=\"x\"><p>one\n two &#233;</p></div>", Some("one two é")),
            ("<div xmlns=\"x\">one</div>", Some("one")),
            ("<div xmlns=\"x\"><p>one</p><p>two</p></div>", None),
            ("<div xmlns=\"x\"><p>not <del>allergic</del></p></div>", None),
            ("<div xmlns=\"x\"><p>&unknown;</p></div>", None),
        ] {
            assert_eq!(plain(div).as_deref(), expected, "{div}");
        }
    }
}
