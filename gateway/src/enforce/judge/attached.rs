//! What hangs on a resource: the addresses of attachments, and content in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fhir::json::{Document, Limits, parse};
use fhir::reference::Reference;

use super::super::minimise::Written;
use super::super::persons::Came;
use super::reach::Inside;
use super::{BINARY, Judge, Stands, Targets};

/// Bounds of a resource inside content.
const LIMITS: Limits =
    Limits { bytes_max: 20 << 20, depth_max: 64, members_max: 10_000, values_max: 1_000_000 };
/// Marks of XML that holds resources, in either kind of quotes.
const NAMESPACES: [&[u8]; 2] = [b"\"http://hl7.org/fhir\"", b"'http://hl7.org/fhir'"];
const RESOURCE_TYPE: &[u8] = b"resourcetype";

/// What content turns out to be.
enum Look {
    /// Nothing that is made of resources.
    Whole,
    /// A resource.
    Resource(Document),
    /// Resources in a form that is not looked into.
    Opaque,
}

impl Judge<'_> {
    /// How the address of an attachment is written: that of a Binary of this system, where Binaries are shared at all.
    /// Whether this one is, is decided when it is read.
    pub(super) fn link(&self, url: &str, inside: &Inside) -> Option<Written> {
        if self.came == Came::Submitted {
            return Some(Written::AsItStands);
        }
        let shares_binaries = fhir::tables::resource_type(BINARY)
            .is_some_and(|binary| !self.ruling.admitted().share().tables(binary).is_empty());
        match Reference::parse(url, self.bases) {
            Ok(Reference::Local(local))
                if shares_binaries && local.version.is_none() && local.resource_type.as_str() == BINARY =>
            {
                let relative = local.to_relative();
                Some(if relative == url { Written::AsItStands } else { Written::Anew(relative) })
            }
            Ok(Reference::Urn(urn)) if inside.get(&*urn).is_some_and(|becomes| becomes.is_shown()) => {
                Some(Written::AsItStands)
            }
            Ok(
                Reference::Local(_)
                | Reference::Urn(_)
                | Reference::Elsewhere(_)
                | Reference::Contained(_)
                | Reference::Container,
            )
            | Err(_) => None,
        }
    }

    /// How content is written. A resource in it is minimised as if it were read alone; nothing when it cannot be, or
    /// when that one has such content itself: the work would grow with every layer.
    pub(super) fn content(&self, base64: &str) -> Option<Written> {
        match look(base64) {
            Look::Whole => Some(Written::AsItStands),
            Look::Opaque => None,
            Look::Resource(_) if self.stands == Stands::InContent => None,
            Look::Resource(document) => {
                let alone = Judge {
                    version: None,
                    under: &[],
                    targets: self.inner_targets(),
                    sheltered: self.sheltered_inside,
                    stands: Stands::InContent,
                    ..*self
                };
                let judged = alone.judge(document.root()).ok()?;
                Some(Written::Anew(STANDARD.encode(judged.bytes)))
            }
        }
    }

    /// Nothing is looked up for what stands inside content.
    const fn inner_targets(&self) -> Targets<'static> {
        match self.came {
            Came::FromHolder => Targets::NONE,
            Came::Submitted => Targets::OfOpenTypes,
        }
    }
}

/// Looks into content, whatever it says it is.
fn look(base64: &str) -> Look {
    let packed: String = base64.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    let Ok(bytes) = STANDARD.decode(packed) else { return Look::Opaque };
    let is_wide = bytes.iter().take(4).any(|byte| *byte == 0);
    let plain: Vec<u8> = if is_wide { bytes.into_iter().filter(|byte| *byte != 0).collect() } else { bytes };
    let begin = plain
        .iter()
        .position(|byte| !byte.is_ascii_whitespace() && !matches!(byte, 0xEF | 0xBB | 0xBF | 0xFE | 0xFF))
        .unwrap_or(plain.len());
    let text = plain.get(begin..).unwrap_or_default();
    match text.first() {
        Some(b'{' | b'[') => look_into_json(text),
        Some(b'<') if NAMESPACES.iter().any(|name| holds(text, name)) => Look::Opaque,
        Some(_) | None => Look::Whole,
    }
}

fn look_into_json(text: &[u8]) -> Look {
    let document = parse(text.to_vec().into(), &LIMITS);
    let document = match document {
        Ok(document) if document.root().member("resourceType").is_some() => return Look::Resource(document),
        Ok(document) => Some(document),
        Err(_) => None,
    };
    let named = document.is_some_and(|document| document.root().has_name_within(&["resourceType"]));
    if named || holds(&text.to_ascii_lowercase(), RESOURCE_TYPE) { Look::Opaque } else { Look::Whole }
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_found_in_content_whatever_it_says_it_is() {
        let name = |bytes: &[u8]| match look(&STANDARD.encode(bytes)) {
            Look::Whole => "whole",
            Look::Resource(_) => "resource",
            Look::Opaque => "opaque",
        };
        let wide: Vec<u8> =
            "<Patient xmlns=\"http://hl7.org/fhir\"/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (content, expected) in [
            (&b"a letter"[..], "whole"),
            (b"%PDF-1.7", "whole"),
            (b"", "whole"),
            (br"{\rtf1\ansi a letter}", "whole"),
            (br#"{"name":"no resource"}"#, "whole"),
            (br#"<ClinicalDocument xmlns="urn:hl7-org:v3"/>"#, "whole"),
            (br#"{"resourceType":"Patient"}"#, "resource"),
            (br#"{"id":"x","\u0072esourceType":"Patient"}"#, "resource"),
            (b"\xEF\xBB\xBF \n{\"resourceType\":\"Patient\"}", "resource"),
            (br#"[{"resourceType":"Patient"}]"#, "opaque"),
            (b"{\"resourceType\":\"Patient\"}\n{\"resourceType\":\"Patient\"}", "opaque"),
            (br#"{"x":{"resourceType":"Patient"}}"#, "opaque"),
            (br#"{"resourceType":"Patient","#, "opaque"),
            (br#"<Patient xmlns="http://hl7.org/fhir"/>"#, "opaque"),
            (br#"<?xml version="1.0"?><f:Patient xmlns:f='http://hl7.org/fhir'/>"#, "opaque"),
            (&wide, "opaque"),
        ] {
            assert_eq!(name(content), expected, "{}", String::from_utf8_lossy(content));
        }
        assert!(matches!(look("not base64!"), Look::Opaque));
        assert!(matches!(look("eyJyZXNvdXJj\nZVR5cGUiOiJY\nIn0="), Look::Resource(_)), "in lines");
    }
}
