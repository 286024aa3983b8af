//! From bytes to segments: separators, release characters and character sets of ISO 9735, within bounds.

use std::borrow::Cow;

use super::Fault;
use super::part::{Part, Segment};
use crate::{Charset, Context, Refused, Severity, Why};

/// The most segments of an interchange.
const SEGMENTS_MAX: usize = 100_000;
/// The most bytes of a header that is answered.
const HEADER_BYTES: usize = 2_048;
/// The most components of an interchange.
const COMPONENTS_MAX: usize = 500_000;

/// The segments of an interchange, and how it is written.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) segments: Vec<Segment>,
    /// What parts the whole from the fraction of a number.
    pub(super) decimal: char,
    /// What had to be assumed about the character set.
    pub(super) remark: Option<Why>,
}

/// What `UNA` says.
#[derive(Debug, Clone, Copy)]
struct Separators {
    component: u8,
    element: u8,
    decimal: u8,
    /// None when it is a space: nothing is released then.
    release: Option<u8>,
    segment: u8,
}

/// Reads `input`.
pub(super) fn parse(input: &[u8], context: &Context) -> Result<Parsed, Refused> {
    if input.len() > context.bytes_max {
        return Err(Refused::TooLarge { max: context.bytes_max, unit: "bytes" });
    }
    let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input).trim_ascii_start();
    let (separators, rest) = match input.strip_prefix(b"UNA") {
        Some(advice) => Separators::of(advice)?,
        None => (Separators::USUAL, input),
    };
    let rest = rest.trim_ascii_start();
    if !rest.starts_with(b"UNB") {
        return Err(Fault::NoHeader.into());
    }
    // The mark by which DOS ends a file.
    let rest = rest.strip_suffix(b"\x1a").filter(|_| separators.segment != 0x1a).unwrap_or(rest);
    let (text, remark) = decode(rest, separators, context)?;
    let segments = Reader { separators, segments: Vec::new(), components: 0 }.read(&text)?;
    Ok(Parsed { segments, decimal: char::from(separators.decimal), remark })
}

/// The first segment of `input`, when that can be read, whatever is wrong with the rest.
pub(super) fn header(input: &[u8], context: &Context) -> Option<Segment> {
    let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input).trim_ascii_start();
    let separators = match input.strip_prefix(b"UNA") {
        Some(advice) => Separators::of(advice).ok()?.0,
        None => Separators::USUAL,
    };
    let behind = if input.starts_with(b"UNA") { 9 } else { 0 };
    let mut released = false;
    let ends = |byte: &u8| {
        let ends = *byte == separators.segment && !released;
        released = separators.release == Some(*byte) && !released;
        ends
    };
    let end = input.get(behind..)?.iter().take(HEADER_BYTES).position(ends)?;
    let parsed = parse(input.get(..=behind + end)?, context).ok()?;
    parsed.segments.into_iter().next()
}

impl Separators {
    /// What holds without `UNA`.
    const USUAL: Self =
        Self { component: b':', element: b'+', decimal: b'.', release: Some(b'?'), segment: b'\'' };

    /// Reads what stands behind `UNA`.
    fn of(advice: &[u8]) -> Result<(Self, &[u8]), Fault> {
        let ([component, element, decimal, release, _, segment], rest) =
            advice.split_first_chunk::<6>().ok_or(Fault::Separators)?;
        let separators = Self {
            component: *component,
            element: *element,
            decimal: *decimal,
            release: Some(*release).filter(|release| *release != b' '),
            segment: *segment,
        };
        let all = [*component, *element, *segment, *release];
        let usable = |byte: &u8| byte.is_ascii() && !byte.is_ascii_alphanumeric() && *byte != 0;
        let alike =
            all.iter().enumerate().any(|(at, byte)| all.iter().skip(at + 1).any(|other| other == byte));
        let blank = [*component, *element, *segment].contains(&b' ');
        // A comma or a point; nothing else parts numbers.
        if alike || blank || !all.iter().all(usable) || !matches!(decimal, b'.' | b',') {
            return Err(Fault::Separators);
        }
        Ok((separators, rest))
    }
}

/// The text of `input`, by the character set that `UNB` names.
fn decode<'i>(
    input: &'i [u8],
    separators: Separators,
    context: &Context,
) -> Result<(Cow<'i, str>, Option<Why>), Refused> {
    // Four letters, and then the version of the syntax.
    let ends = |byte: &u8| [separators.element, separators.component, separators.segment].contains(byte);
    let name = input.get(4..8).filter(|_| input.get(8).is_some_and(ends)).unwrap_or_default();
    let utf8 = || {
        std::str::from_utf8(input)
            .map(Cow::Borrowed)
            .map_err(|error| Refused::Encoding { offset: error.valid_up_to() })
    };
    let latin = || Cow::Owned(input.iter().map(|byte| char::from(*byte)).collect());
    if input.get(3).is_none_or(|byte| *byte != separators.element) {
        return Err(Fault::NoHeader.into());
    }
    match name {
        // Both have ASCII letters only; what is beyond is read as the sender is known to write.
        b"UNOA" | b"UNOB" if input.is_ascii() => Ok((utf8()?, None)),
        b"UNOA" | b"UNOB" => match context.charset {
            Charset::Utf8 => Ok((utf8()?, Some(Why::CharsetUndeclared))),
            Charset::Latin1 | Charset::Latin9 => Ok((latin(), None)),
        },
        b"UNOC" => Ok((latin(), None)),
        b"UNOW" => Ok((utf8()?, None)),
        _ => Err(Fault::Charset.into()),
    }
}

struct Reader {
    separators: Separators,
    segments: Vec<Segment>,
    components: usize,
}

impl Reader {
    fn read(mut self, text: &str) -> Result<Vec<Segment>, Refused> {
        let Separators { component, element, release, segment, .. } = self.separators;
        let is = |letter: char, separator: u8| letter == char::from(separator);
        let mut elements: Vec<Vec<Part>> = Vec::new();
        let mut parts: Vec<Part> = Vec::new();
        let mut value = Value::default();
        let mut begun = false;
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            if !begun && letter.is_ascii_whitespace() && !is(letter, segment) {
                continue;
            }
            begun = true;
            if release.is_some_and(|release| is(letter, release)) {
                let Some(released) = letters.next() else { return Err(self.ended()) };
                value.push(released);
            } else if is(letter, component) {
                parts.push(self.part(&mut value)?);
            } else if is(letter, element) {
                parts.push(self.part(&mut value)?);
                elements.push(std::mem::take(&mut parts));
            } else if is(letter, segment) {
                parts.push(self.part(&mut value)?);
                elements.push(std::mem::take(&mut parts));
                self.segment(std::mem::take(&mut elements))?;
                begun = false;
            } else {
                value.push(letter);
            }
        }
        if begun { Err(self.ended()) } else { Ok(self.segments) }
    }

    fn part(&mut self, value: &mut Value) -> Result<Part, Refused> {
        self.components += 1;
        if self.components > COMPONENTS_MAX {
            return Err(Refused::TooLarge { max: COMPONENTS_MAX, unit: "components" });
        }
        let Value { text, told } = std::mem::take(value);
        Ok(Part::new(text, told))
    }

    fn segment(&mut self, mut elements: Vec<Vec<Part>>) -> Result<(), Refused> {
        if self.segments.len() >= SEGMENTS_MAX {
            return Err(Refused::TooLarge { max: SEGMENTS_MAX, unit: "segments" });
        }
        let tag = elements.first().and_then(|parts| parts.first()).map(|part| part.peek().to_owned());
        let plain = |tag: &String| {
            tag.len() == 3 && tag.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        };
        let Some(tag) = tag.filter(plain) else {
            return Err(Fault::NotASegment { segment: self.segments.len() + 1 }.into());
        };
        // Nothing that is meant stands behind the tag in its own element.
        if elements.first().is_some_and(|parts| parts.len() > 1) {
            return Err(Fault::NotASegment { segment: self.segments.len() + 1 }.into());
        }
        elements.remove(0);
        self.segments.push(Segment::new(tag, elements));
        Ok(())
    }

    fn ended(&self) -> Refused {
        Fault::Ended { segment: self.segments.len() + 1 }.into()
    }
}

/// A component while it is read.
#[derive(Default)]
struct Value {
    text: String,
    told: Option<(Why, Severity)>,
}

impl Value {
    fn push(&mut self, letter: char) {
        match letter {
            // Lines broken by what carried the interchange, and what FHIR has no place for.
            control if control.is_control() => {
                self.told = Some((Why::ControlCharacters, Severity::Minor));
            }
            letter => self.text.push(letter),
        }
    }
}
