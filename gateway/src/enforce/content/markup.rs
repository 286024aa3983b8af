//! What a text gives itself away by: names of resources, of their namespaces, of segments of messages, of parts of a mail.

/// Beginnings of segments that open a message, a batch or a file of HL7 v2.
const OPENS: [&str; 3] = ["MSH", "FHS", "BHS"];
/// Beginnings of segments that are about a person, or frame a batch, with the usual separator.
const SEGMENTS: [&str; 5] = ["PID|", "BTS|", "FTS|", "EVN|", "PV1|"];
/// Names that only records have: FHIR in JSON or YAML, FHIR in XML and Turtle, CDA in XML.
const NAMES: [&str; 3] = ["resourcetype", "hl7.org/fhir", "clinicaldocument"];
/// How the namespaces of CDA and of HL7 v2 in XML begin.
const NAMESPACE: &str = "urn:hl7-org:";
/// The most declarations of such a namespace that are looked into; a letter has one or two.
const DECLARED_MAX: usize = 16;
/// Heads of parts of a mail, and content inside a text.
const MAIL: [&str; 4] =
    ["content-type:", "content-transfer-encoding:", "mime-version:", "content-disposition:"];
/// Content inside the text of a page that is no picture and no font.
const INSIDE: [&str; 3] = ["data:application/", "data:text/", "data:message/"];
/// Fonts, by the media types that pages state for them.
const FONTS: [&str; 4] = [
    "data:application/font-",
    "data:application/x-font-",
    "data:application/vnd.ms-fontobject",
    "data:application/vnd.ms-opentype",
];
/// Encodings in which a text can be read as it is here.
const ENCODINGS: [&str; 6] = ["utf-8", "utf-16", "us-ascii", "ascii", "iso-8859-1", "windows-1252"];

/// Whether a text names what only records name, with its escapes taken away.
pub(super) fn holds_records(text: &str) -> bool {
    let plain = without_escapes(text).to_ascii_lowercase();
    NAMES.iter().any(|name| plain.contains(name))
        || holds_content(&plain)
        || uses_namespace(&plain)
        || plain.contains("msh|^~\\&")
}

/// Whether there is content inside a text that is no picture and no font.
fn holds_content(plain: &str) -> bool {
    let is_font =
        |at: usize| plain.get(at..).is_some_and(|rest| FONTS.iter().any(|font| rest.starts_with(font)));
    INSIDE.iter().any(|name| plain.match_indices(name).any(|(at, _)| !is_font(at)))
}

/// Whether a text names a namespace of records otherwise than to declare a prefix that no element of it bears. Style
/// sheets leave such declarations behind in the pages they make.
fn uses_namespace(plain: &str) -> bool {
    let mut declared = 0;
    plain.match_indices(NAMESPACE).any(|(at, _)| {
        declared += 1;
        let prefix = plain.get(..at).and_then(declared_prefix);
        declared > DECLARED_MAX || prefix.is_none_or(|prefix| plain.contains(&format!("<{prefix}:")))
    })
}

/// The prefix of the declaration of a namespace of which `before` ends with the opening quotation mark.
fn declared_prefix(before: &str) -> Option<&str> {
    let name = before.strip_suffix(['"', '\''])?.trim_end().strip_suffix('=')?.trim_end();
    let at = name.rfind(|letter: char| letter.is_whitespace() || letter == '<')?;
    name.get(at..)?.trim_start().strip_prefix("xmlns:").filter(|prefix| !prefix.is_empty())
}

/// Whether a line of a text opens a message of HL7 v2, or is one of its segments.
pub(super) fn is_message(text: &str) -> bool {
    text.split(['\r', '\n', '\u{b}', '\u{1c}'])
        .map(beginning)
        .any(|line| SEGMENTS.iter().any(|segment| line.starts_with(segment)) || opens(line))
        || text.split(['\r', '\n', '\'']).map(beginning).any(opens_interchange)
}

fn beginning(line: &str) -> &str {
    line.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}')
}

/// Whether a segment opens an interchange or a message of EDIFACT: the advice of its separators, or its name with one of
/// them and what has to follow.
fn opens_interchange(segment: &str) -> bool {
    if let Some(advice) = segment.strip_prefix("UNA") {
        let mut letters = advice.chars();
        let is_advice = letters.by_ref().take(6).all(|letter| letter.is_ascii_punctuation() || letter == ' ');
        return is_advice && advice.len() >= 5;
    }
    let Some(rest) = ["UNB", "UNH"].iter().find_map(|name| segment.strip_prefix(name)) else { return false };
    let Some(separator) = rest.chars().next().filter(char::is_ascii_punctuation) else { return false };
    rest.matches(separator).take(2).count() == 2
}

/// Whether a line opens a message: its name, a separator, and the letters that separate more.
fn opens(line: &str) -> bool {
    let Some(rest) = OPENS.iter().find_map(|name| line.strip_prefix(name)) else { return false };
    let is_mark = |letter: char| letter.is_ascii_punctuation() || letter.is_ascii_control();
    let mut letters = rest.chars();
    let Some(separator) = letters.next().filter(|letter| is_mark(*letter)) else { return false };
    let marks = letters.take_while(|letter| *letter != separator).take(6);
    let marks: Vec<char> = marks.collect();
    (1..=5).contains(&marks.len()) && marks.into_iter().all(is_mark)
}

/// Whether a line of a text is the head of a part of a mail.
pub(super) fn is_mail(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start();
        MAIL.iter().any(|head| line.get(..head.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(head)))
    })
}

/// Whether a text is markup that may say anything by names of its own, or that is written in letters that are not read here.
pub(super) fn is_open_to_entities(text: &str) -> bool {
    if !text.starts_with('<') {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    if lower.contains("<!entity") {
        return true;
    }
    let declared = lower.strip_prefix("<?xml").and_then(|rest| rest.split("?>").next());
    let encoding = declared.and_then(|declared| declared.split("encoding").nth(1)).map(|rest| {
        let rest = rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '=');
        rest.trim_matches(['"', '\'', ' ', '\t', '\r', '\n']).to_owned()
    });
    let is_read = |name: String| ENCODINGS.iter().any(|known| name.starts_with(known));
    encoding.is_some_and(|name| !is_read(name))
}

/// A text with what stands for a letter as that letter: `\u0072` of JSON and Turtle, `&#47;` and `&#x2F;` of markup, `%2F`
/// of addresses.
fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '&', '%']) {
        let (before, from) = rest.split_at(at);
        plain.push_str(before);
        let (letter, length) = escape(from).unwrap_or_else(|| {
            let first = from.chars().next().unwrap_or_default();
            (first, first.len_utf8())
        });
        plain.push(letter);
        rest = from.get(length..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

/// The letter that the escape at the beginning of `text` stands for, and how long the escape is.
fn escape(text: &str) -> Option<(char, usize)> {
    let of = |digits: &str, radix: u32, length: usize| {
        let number = u32::from_str_radix(digits, radix).ok()?;
        Some((char::from_u32(number)?, length))
    };
    if let Some(rest) = text.strip_prefix("\\u") {
        return of(rest.get(..4)?, 16, 6);
    }
    if let Some(rest) = text.strip_prefix("\\U") {
        return of(rest.get(..8)?, 16, 10);
    }
    // A solidus may be escaped in JSON.
    if text.starts_with("\\/") {
        return Some(('/', 2));
    }
    if let Some(rest) = text.strip_prefix('%') {
        return of(rest.get(..2)?, 16, 3);
    }
    // As browsers read it: leading zeros as many as there are, and the semicolon may be missing.
    let rest = text.strip_prefix("&#")?;
    let (digits, radix, before) = match rest.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16, 3),
        None => (rest, 10, 2),
    };
    let run = digits.bytes().take_while(|byte| char::from(*byte).is_digit(radix)).count();
    let end = before + run;
    let length = if text.as_bytes().get(end) == Some(&b';') { end + 1 } else { end };
    of(digits.get(..run)?, radix, length)
}
