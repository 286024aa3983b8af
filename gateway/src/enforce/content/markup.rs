//! What a text gives itself away by: names of resources, of their namespaces, of segments of messages, of parts of a mail.

/// Beginnings of segments that open a message, a batch or a file of HL7 v2.
const OPENS: [&str; 3] = ["MSH", "FHS", "BHS"];
/// Beginnings of segments that are about a person, or frame a batch, with the usual separator.
const SEGMENTS: [&str; 5] = ["PID|", "BTS|", "FTS|", "EVN|", "PV1|"];
/// Names that only records have: FHIR in JSON or YAML, FHIR in XML and Turtle, CDA and HL7 v2 in XML.
const NAMES: [&str; 4] = ["resourcetype", "hl7.org/fhir", "urn:hl7-org:", "clinicaldocument"];
/// Heads of parts of a mail, and content inside a text.
const MAIL: [&str; 4] =
    ["content-type:", "content-transfer-encoding:", "mime-version:", "content-disposition:"];
/// Content inside the text of a page that is no picture.
const INSIDE: [&str; 3] = ["data:application/", "data:text/", "data:message/"];
/// Encodings in which a text can be read as it is here.
const ENCODINGS: [&str; 6] = ["utf-8", "utf-16", "us-ascii", "ascii", "iso-8859-1", "windows-1252"];

/// Whether a text names what only records name, with its escapes taken away.
pub(super) fn holds_records(text: &str) -> bool {
    let plain = without_escapes(text).to_ascii_lowercase();
    NAMES.iter().chain(&INSIDE).any(|name| plain.contains(name)) || plain.contains("msh|^~\\&")
}

/// Whether a line of a text opens a message of HL7 v2, or is one of its segments.
pub(super) fn is_message(text: &str) -> bool {
    text.split(['\r', '\n', '\u{b}', '\u{1c}']).any(|line| {
        let line = line.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}');
        SEGMENTS.iter().any(|segment| line.starts_with(segment)) || opens(line)
    })
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
    let (inside, _) = text.strip_prefix("&#")?.split_once(';')?;
    let length = inside.len() + 3;
    match inside.strip_prefix(['x', 'X']) {
        Some(digits) => of(digits, 16, length),
        None => of(inside, 10, length),
    }
}
