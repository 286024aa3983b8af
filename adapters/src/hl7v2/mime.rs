//! Encapsulated data that a sender writes as the lines of a MIME part, one OBX segment a line: headers, then base64.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::concept::Known;
use super::message::{Message, Segment};

/// What the lines hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Content {
    /// The media type, where one is said or the name of the file tells it.
    pub(super) kind: Option<String>,
    /// The name of the file.
    pub(super) title: Option<String>,
    pub(super) bytes: Vec<u8>,
}

/// Whether `segment` is the first line of such a part.
pub(super) fn begins(message: &Message<'_>, segment: &Segment<'_>) -> bool {
    line(message, segment).to_ascii_lowercase().starts_with("content-type:")
}

/// Whether `segment` can be a further line: no encapsulated data by itself.
pub(super) fn goes_on(message: &Message<'_>, segment: &Segment<'_>) -> bool {
    let whole = segment.repetitions_of(message, 5).next().is_some_and(|part| !part.component(4).is_empty());
    !whole && !begins(message, segment)
}

/// OBX-5 as it stands; nothing for a blank line.
pub(super) fn line<'m>(message: &Message<'m>, segment: &Segment<'m>) -> &'m str {
    segment.repetitions_of(message, 5).next().and_then(|part| part.peek_whole()).unwrap_or_default()
}

/// What `lines` hold; nothing when it is not base64, or cannot be decoded.
pub(super) fn read<'l>(lines: impl Iterator<Item = &'l str>, known: Known<'_>) -> Option<Content> {
    let (mut kind, mut title, mut encoded) = (None, None, false);
    let mut body = String::new();
    for line in lines {
        let header = line.split_once(':').filter(|_| body.is_empty());
        match header {
            Some((name, value)) if name.eq_ignore_ascii_case("content-type") => {
                let mut parts = value.split(';').map(str::trim);
                kind = parts.next().filter(|kind| is_media_type(kind)).map(str::to_ascii_lowercase);
                title = parts.find_map(|part| {
                    let (name, value) = part.split_once('=')?;
                    let file = value.trim_matches('"').rsplit(['/', '\\']).next()?;
                    (name.eq_ignore_ascii_case("name") && !file.is_empty()).then(|| file.to_owned())
                });
            }
            Some((name, value)) if name.eq_ignore_ascii_case("content-transfer-encoding") => {
                encoded = value.trim().eq_ignore_ascii_case("base64");
            }
            Some(_) => {}
            None => body.extend(line.split_whitespace()),
        }
    }
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let decoder = GeneralPurpose::new(&base64::alphabet::STANDARD, config);
    let bytes = decoder.decode(body).ok().filter(|bytes| encoded && !bytes.is_empty())?;
    // Some senders call everything plain text; the name of the file knows better.
    let ending =
        title.as_deref().and_then(|title| title.rsplit_once('.')).map(|(_, ending)| format!("/{ending}"));
    let by_name = ending.and_then(|ending| known.codes.find("media-types", &ending, known.context));
    Some(Content { kind: by_name.map(|found| found.code.to_owned()).or(kind), title, bytes })
}

fn is_media_type(text: &str) -> bool {
    let token = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-".contains(&byte))
    };
    text.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

#[cfg(test)]
mod tests {
    use super::{Content, read};
    use crate::hl7v2::concept::Known;
    use crate::hl7v2::maps::maps;

    #[test]
    fn the_lines_of_a_part_are_one_file() {
        let context = crate::context::tests::hospital();
        let known = Known { codes: &maps().unwrap().codes, context: &context };
        let part = |lines: &[&str]| read(lines.iter().copied(), known);
        let head = "Content-Type: text/plain; charset=US-ASCII; name=C:\\MIME\\q1.pdf";
        let content = |kind: &str, title: Option<&str>| {
            let (kind, title) = (Some(kind.to_owned()), title.map(str::to_owned));
            Some(Content { kind, title, bytes: b"%PDF-1.4\n".to_vec() })
        };
        let pdf = content("application/pdf", Some("q1.pdf"));
        assert_eq!(part(&[head, "Content-transfer-encoding: base64", "", "JVBERi0x", "LjQK", ""]), pdf);
        let plain = content("text/plain", None);
        assert_eq!(
            part(&["Content-Type: text/plain", "Content-Transfer-Encoding: BASE64", "JVBERi0xLjQK"]),
            plain
        );
        assert_eq!(part(&[head, "", "JVBERi0xLjQK"]), None);
        assert_eq!(part(&[head, "Content-Transfer-Encoding: base64", "?"]), None);
        assert_eq!(part(&[head, "Content-Transfer-Encoding: base64"]), None);
    }
}
