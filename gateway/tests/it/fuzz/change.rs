//! Changes of inputs, drawn by a seed: bytes, marks, parts doubled, moved and taken from other inputs.

use bytes::Bytes;
use fhir::json::{Kind, Limits, parse};

/// Texts that readers stumble over.
const TEXTS: [&str; 48] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\\u0061",
    "\\ud83d\\ude00",
    "\\ud800",
    "null",
    "true",
    "1.00",
    "-0",
    "1e400",
    "{}",
    "[]",
    "[[[[[[[[",
    "\"id\":\"x\",",
    "\"resourceType\":\"Patient\",",
    "\"modifierExtension\":[{\"url\":\"urn:m\"}],",
    "\"extension\":[{\"url\":\"urn:a\",\"valueString\":\"secret\"}],",
    "\"_id\":{\"extension\":[]},",
    "\"contained\":[{\"resourceType\":\"Patient\",\"id\":\"c1\"}],",
    "Patient/ann",
    "Patient/bob",
    "#c1",
    "\"reference\":\"Patient/bob\",",
    "%2F",
    "%00",
    "%41",
    "..",
    "/",
    "//",
    ";",
    "?",
    "&",
    "=",
    "|",
    "\\,",
    "$",
    ":not",
    ":missing",
    "<a/>",
    "&#13;",
    "\u{b}",
    "\u{1c}\r",
];

/// Values that stand in the place of others.
const VALUES: [&str; 14] = [
    "null",
    "[]",
    "{}",
    "true",
    "0.10",
    "\"\"",
    "\"secret\"",
    "[null]",
    "\"Patient/bob\"",
    "\"#c1\"",
    "{\"reference\":\"Patient/bob\"}",
    "{\"reference\":\"Patient/ann\",\"display\":\"secret\"}",
    "{\"resourceType\":\"Patient\",\"id\":\"c1\",\"birthDate\":\"secret\"}",
    "[{\"url\":\"urn:a\",\"extension\":[{\"url\":\"b\",\"valueReference\":{\"reference\":\"Patient/bob\"}}]}]",
];

/// Changes of inputs.
pub(crate) struct Changes<'i> {
    inputs: &'i [Vec<u8>],
    state: u64,
}

impl<'i> Changes<'i> {
    pub(crate) fn new(inputs: &'i [Vec<u8>], seed: u64) -> Self {
        Self { inputs, state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1 }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.state >> 33).expect("31 bits") % bound.max(1)
    }

    /// An input with one to four changes.
    pub(crate) fn one(&mut self) -> Vec<u8> {
        let mut out = self.inputs[self.below(self.inputs.len())].clone();
        for _ in 0..=self.below(4) {
            match self.below(2) {
                0 => self.change(&mut out),
                _ => self.value(&mut out),
            }
        }
        out
    }

    /// An input in which values stand in the place of others: JSON stays JSON.
    pub(crate) fn one_of_values(&mut self) -> Vec<u8> {
        let mut out = self.inputs[self.below(self.inputs.len())].clone();
        for _ in 0..=self.below(3) {
            self.value(&mut out);
        }
        out
    }

    /// Puts a value in the place or beside another, where the input is JSON or ends in it.
    fn value(&mut self, out: &mut Vec<u8>) {
        let places = values(out);
        let Some((from, to, holder)) = places.get(self.below(places.len())).copied() else {
            return self.change(out);
        };
        let other = match self.below(3) {
            0 => VALUES[self.below(VALUES.len())].as_bytes().to_vec(),
            1 => {
                let (from, to, _) = places[self.below(places.len())];
                out[from..to].to_vec()
            }
            _ => {
                let other = &self.inputs[self.below(self.inputs.len())];
                let places = values(other);
                let Some((from, to, _)) = places.get(self.below(places.len())).copied() else { return };
                other[from..to].to_vec()
            }
        };
        let beside = holder == Kind::Array && self.below(2) == 0;
        let other = if beside { [&other[..], b","].concat() } else { other };
        drop(out.splice(from..if beside { from } else { to }, other));
    }

    /// A part of `of` between two places, more often than not between two marks.
    fn part(&mut self, of: &[u8]) -> (usize, usize) {
        let is_mark = |byte: &u8| b"{}[],:\"/&|=.\n\r<>".contains(byte);
        let marks: Vec<usize> =
            of.iter().enumerate().filter(|(_, byte)| is_mark(byte)).map(|(at, _)| at).collect();
        let place = |changes: &mut Self| match changes.below(3) {
            0 => changes.below(of.len() + 1),
            _ if marks.is_empty() => changes.below(of.len() + 1),
            _ => marks[changes.below(marks.len())],
        };
        let (one, other) = (place(self), place(self));
        let (from, to) = (one.min(other), one.max(other));
        (from, to.min(from + 4_000))
    }

    fn change(&mut self, out: &mut Vec<u8>) {
        let at = self.below(out.len() + 1);
        match self.below(9) {
            0 if at < out.len() => out[at] = u8::try_from(self.below(256)).expect("a byte"),
            1 if at < out.len() => out[at] ^= 1 << self.below(8),
            2 if at < out.len() => drop(out.remove(at)),
            3 => {
                let (from, to) = self.part(out);
                drop(out.drain(from..to));
            }
            4 => {
                let (from, to) = self.part(out);
                let part = out[from..to].to_vec();
                drop(out.splice(at..at, part));
            }
            5 => {
                let other = self.inputs[self.below(self.inputs.len())].clone();
                let (from, to) = self.part(&other);
                let (begin, end) = self.part(out);
                drop(out.splice(begin..end, other[from..to].iter().copied()));
            }
            6 => {
                let other = self.inputs[self.below(self.inputs.len())].clone();
                let (from, to) = self.part(&other);
                drop(out.splice(at..at, other[from..to].iter().copied()));
            }
            7 => out.truncate(at),
            _ => {
                let text = TEXTS[self.below(TEXTS.len())];
                drop(out.splice(at..at, text.bytes()));
            }
        }
    }
}

/// Where the values of the JSON lie that the input is or ends in, but for the outermost, and what holds each.
fn values(input: &[u8]) -> Vec<(usize, usize, Kind)> {
    let start = input.windows(2).position(|two| two == b"\n\n").map_or(0, |at| at + 2);
    let Ok(document) = parse(Bytes::copy_from_slice(&input[start..]), &Limits::default()) else {
        return Vec::new();
    };
    let (mut open, mut found) = (vec![document.root()], Vec::new());
    while let Some(node) = open.pop() {
        let inside = node.members().map(|(_, held)| held).chain(node.items());
        for held in inside {
            found.push((start + held.offset(), start + held.end(), node.kind()));
            open.push(held);
        }
    }
    found
}
