//! Writing JSON text of our own.

use super::scan::special;

/// Appends `text` to `out` as a JSON string, quotes included.
pub fn quote(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text.as_bytes();
    // What needs no escape goes in one piece: that is nearly everything.
    while let Some((plain, escaped)) = rest.split_at_checked(special(rest, 0)) {
        out.extend_from_slice(plain);
        let Some((byte, after)) = escaped.split_first() else { break };
        escape(*byte, out);
        rest = after;
    }
    out.push(b'"');
}

/// Appends the escape of a byte that has to have one.
fn escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: [u8; 16] = *b"0123456789abcdef";
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            out.extend_from_slice(b"\\u00");
            for digit in [byte >> 4, byte & 15] {
                out.extend(HEX.get(usize::from(digit)));
            }
        }
    }
}

/// Writes objects and arrays into a buffer and puts the commas.
///
/// The caller closes what it opens; [`Writer::finish`] closes what is left.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    open: Vec<u8>,
    next: Next,
}

/// What has to come before the next value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Nothing,
    Comma,
}

impl<'a> Writer<'a> {
    /// A writer that appends to `out`.
    pub const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, open: Vec::new(), next: Next::Nothing }
    }

    /// Opens an object.
    pub fn object(&mut self) -> &mut Self {
        self.open(b'{', b'}')
    }

    /// Opens an array.
    pub fn array(&mut self) -> &mut Self {
        self.open(b'[', b']')
    }

    /// Closes the innermost object or array.
    pub fn close(&mut self) -> &mut Self {
        self.out.extend(self.open.pop());
        self.next = Next::Comma;
        self
    }

    /// Writes a member's name; its value must follow.
    pub fn key(&mut self, name: &str) -> &mut Self {
        self.comma();
        quote(name, self.out);
        self.out.push(b':');
        self.next = Next::Nothing;
        self
    }

    /// Writes a string.
    pub fn string(&mut self, text: &str) -> &mut Self {
        self.comma();
        quote(text, self.out);
        self
    }

    /// Writes a whole number.
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.raw(number.to_string().as_bytes())
    }

    /// Writes `true` or `false`.
    #[expect(clippy::fn_params_excessive_bools, reason = "the parameter is the value to write")]
    pub fn boolean(&mut self, value: bool) -> &mut Self {
        self.raw(if value { b"true" } else { b"false" })
    }

    /// Writes bytes that are a JSON value already.
    pub fn raw(&mut self, value: &[u8]) -> &mut Self {
        self.comma();
        self.out.extend_from_slice(value);
        self
    }

    /// Closes everything that is open.
    pub fn finish(mut self) {
        while !self.open.is_empty() {
            self.close();
        }
    }

    fn open(&mut self, opening: u8, closing: u8) -> &mut Self {
        self.comma();
        self.out.push(opening);
        self.open.push(closing);
        self.next = Next::Nothing;
        self
    }

    fn comma(&mut self) {
        if self.next == Next::Comma {
            self.out.push(b',');
        }
        self.next = Next::Comma;
    }
}

#[cfg(test)]
mod tests {
    use super::quote;
    use crate::json::{Limits, parse};

    #[test]
    fn a_string_is_read_back_as_it_was_wherever_its_escapes_stand() {
        let odd: Vec<char> =
            (0..0x20).map(char::from).chain(['"', '\\', '/', 'e', 'é', '\u{7f}', '\u{2028}', '𝄞']).collect();
        for before in 0..18 {
            for one in &odd {
                for other in &odd {
                    let text = format!("{}{one}{other}{}{one}", "x".repeat(before), "y".repeat(9));
                    let mut out = Vec::new();
                    quote(&text, &mut out);
                    let read = parse(out.into(), &Limits::default()).expect("JSON");
                    assert_eq!(read.root().string().as_deref(), Some(text.as_str()));
                }
            }
        }
        let mut out = b"[".to_vec();
        quote("", &mut out);
        assert_eq!(out, br#"[""#.iter().chain(b"\"").copied().collect::<Vec<u8>>());
    }
}
