//! The documents of an envelope, each in a text of its own: the envelope without the others.

use std::borrow::Cow;
use std::ops::Range;

use super::{Fault, Outside, charset, outside, parse};
use crate::{Context, Refused};

/// Documents in one envelope.
const DOCUMENTS_MAX: usize = 64;
/// What the repeats of an envelope may come to, unless its documents are larger.
const REPEATED_BYTES_MAX: usize = 1 << 20;

/// A document with the text that holds it alone.
pub struct Alone<'i> {
    /// Its outside, or why it has none: that is no fault of those beside it.
    pub outside: Result<Outside, Refused>,
    /// The input as it came, when it holds this document only; else as UTF-8, without the other documents.
    pub text: Cow<'i, [u8]>,
}

/// Takes the documents of `input` apart, in the order of [`super::documents`]. What stands around them is in the text of
/// each, so that prefixes and the like mean what they meant.
///
/// # Errors
/// [`Refused`] when the input holds no document, or more than an envelope may hold.
pub fn apart<'i>(input: &'i [u8], context: &Context) -> Result<Vec<Alone<'i>>, Refused> {
    if input.len() > context.bytes_max {
        return Err(Refused::TooLarge { max: context.bytes_max, unit: "bytes" });
    }
    let text = charset::decode(input, context.charset)?;
    let tree = parse::parse(&text)?;
    let roots = tree.documents();
    if roots.is_empty() {
        return Err(Fault::NoDocument.into());
    }
    if roots.len() > DOCUMENTS_MAX {
        return Err(Refused::TooLarge { max: DOCUMENTS_MAX, unit: "documents in an envelope" });
    }
    let spans: Vec<Range<usize>> =
        roots.iter().filter_map(|root| tree.spans.get(&root.at).cloned()).collect();
    // What stands around documents is in the text of each: a large envelope of many small ones would fill a disk.
    let within: usize = spans.iter().map(Range::len).sum();
    let repeated = text.len().saturating_sub(within).saturating_mul(roots.len().saturating_sub(1));
    if repeated > REPEATED_BYTES_MAX.max(within) {
        return Err(Refused::TooLarge { max: REPEATED_BYTES_MAX, unit: "bytes around its documents" });
    }
    let mut all = Vec::with_capacity(roots.len());
    for (number, root) in roots.iter().enumerate() {
        let held = match roots.len() {
            1 => Cow::Borrowed(input),
            _ => Cow::Owned(without_others(&text, &spans, number)),
        };
        all.push(Alone { outside: outside::outside(*root), text: held });
    }
    Ok(all)
}

/// `text` without the spans but that of this number, as UTF-8 that says so whatever its prolog declares.
fn without_others(text: &str, spans: &[Range<usize>], number: usize) -> Vec<u8> {
    let mut kept = b"\xef\xbb\xbf".to_vec();
    let mut from = 0;
    for (_, span) in spans.iter().enumerate().filter(|(other, _)| *other != number) {
        kept.extend_from_slice(text.get(from..span.start).unwrap_or_default().as_bytes());
        from = span.end;
    }
    kept.extend_from_slice(text.get(from..).unwrap_or_default().as_bytes());
    kept
}

impl std::fmt::Debug for Alone<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Alone({} bytes)", self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::{Alone, DOCUMENTS_MAX, REPEATED_BYTES_MAX, apart};
    use crate::cda::{documents, outsides};
    use crate::{Context, Refused, Translated};

    fn context() -> Context {
        Context::new("hospital", None, "Europe/London").expect("a context")
    }

    fn letter(number: usize) -> String {
        format!(
            "<h:ClinicalDocument><h:id root=\"1.2\" extension=\"D{number}\"/><h:title>Caf\u{e9} {number}</h:title></h:ClinicalDocument>"
        )
    }

    fn envelope(count: usize) -> String {
        let letters: String = (1..=count).map(|number| format!("<part>{}</part>", letter(number))).collect();
        format!(
            "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><env xmlns:h=\"urn:hl7-org:v3\">{letters}<end/></env>"
        )
    }

    fn but_for_digests(translated: &Translated) -> String {
        let bundle =
            String::from_utf8_lossy(&translated.bundle).replace("ClinicalDocument[2]", "ClinicalDocument");
        let mut parts = bundle.split("ni:///sha-256;");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |kept, part| kept + part.split_once('"').map_or(part, |(_, rest)| rest))
    }

    fn latin(text: &str) -> Vec<u8> {
        text.chars().map(|letter| u8::try_from(u32::from(letter)).expect("a latin letter")).collect()
    }

    #[test]
    fn each_document_stands_alone_and_is_the_one_it_was() {
        let input = latin(&envelope(3));
        let whole = outsides(&input, &context()).expect("outsides");
        let alone = apart(&input, &context()).expect("documents");
        assert_eq!(alone.len(), 3);
        for (number, (Alone { outside, text }, before)) in alone.iter().zip(&whole).enumerate() {
            let held = String::from_utf8(text.to_vec()).expect("UTF-8");
            for other in 1..=3 {
                assert_eq!(held.contains(&format!("Caf\u{e9} {other}")), other == number + 1, "{held}");
            }
            let outside = outside.as_ref().expect("an outside");
            let again = outsides(text, &context()).expect("an outside");
            assert_eq!(again.len(), 1);
            assert_eq!((&outside.id, outside.digest), (&before.id, before.digest));
            assert_eq!((&again[0].id, again[0].digest), (&before.id, before.digest));
        }
    }

    #[test]
    fn a_document_without_an_id_is_refused_by_itself() {
        let input = latin(&envelope(3).replace("<h:id root=\"1.2\" extension=\"D2\"/>", ""));
        let alone = apart(&input, &context()).expect("documents");
        let ids: Vec<Option<&str>> =
            alone.iter().map(|one| one.outside.as_ref().ok().map(|outside| outside.id.as_str())).collect();
        assert_eq!(ids, [Some("urn:oid:1.2 D1"), None, Some("urn:oid:1.2 D3")]);
        let held = String::from_utf8_lossy(&alone[1].text);
        assert!(held.contains("Caf\u{e9} 2") && !held.contains("Caf\u{e9} 1"), "{held}");
    }

    #[test]
    fn a_document_that_came_alone_stays_as_it_came_and_crowds_are_refused() {
        let input = latin(&envelope(1));
        assert_eq!(apart(&input, &context()).expect("one")[0].text.as_ref(), input);
        assert_eq!(apart(&latin(&envelope(DOCUMENTS_MAX)), &context()).expect("many").len(), DOCUMENTS_MAX);
        let refused = apart(&latin(&envelope(DOCUMENTS_MAX + 1)), &context()).err();
        assert!(matches!(refused, Some(Refused::TooLarge { max: DOCUMENTS_MAX, .. })), "{refused:?}");
        let wordy = |count: usize| latin(&envelope(count).replace("<end/>", &"<end> </end>".repeat(20_000)));
        assert_eq!(apart(&wordy(4), &context()).expect("some").len(), 4);
        let refused = apart(&wordy(64), &context()).err();
        assert!(matches!(refused, Some(Refused::TooLarge { max: REPEATED_BYTES_MAX, .. })), "{refused:?}");
    }

    #[test]
    fn a_document_in_an_envelope_translates_as_it_does_among_others() {
        let one = include_str!("../../tests/cases/cda/discharge-summary/in.xml");
        let two = one.replace("left hip", "right hip");
        let bare = |text: &str| text.split_once("?>").map_or(text, |(_, rest)| rest).to_owned();
        let input = format!("<env>{}{}</env>", bare(one), bare(&two));
        let together = documents(input.as_bytes(), &context()).expect("translated");
        let alone = apart(input.as_bytes(), &context()).expect("documents");
        assert_eq!((together.len(), alone.len()), (2, 2));
        for (one, before) in alone.iter().zip(&together) {
            let translated = documents(&one.text, &context()).expect("translated");
            assert_eq!(translated.len(), 1);
            // It is the first of its name now, and the digest of its source is that of its own text.
            assert!(but_for_digests(&translated[0]) == but_for_digests(before));
        }
    }
}
