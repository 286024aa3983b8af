//! Code maps, code systems and identifier systems: `maps/hl7v2/codes.map`.
//!
//! ```text
//! map administrative-sex http://hl7.org/fhir/administrative-gender http://terminology.hl7.org/CodeSystem/v2-0001
//! M male Male            source code, code, display
//! A ~other Other         `~`: the target is broader than the source
//! E !revoked             `!`: it is only the nearest, and that matters
//! * ~unknown             what any other code is; `-`: nothing, and it is told that nothing is known
//! ```
//! A target of `=` is the source code itself; one with `|` is a code of another system than the map's.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::Context;

/// All code maps.
#[derive(Debug, Default)]
pub(crate) struct Codes(HashMap<String, Map, BuildHasherDefault<OfName>>);

/// The hash of the name of a map, or of a code in one: what is kept by them is ours, and nobody else can choose it.
#[derive(Debug, Default)]
struct OfName(u64);

impl Hasher for OfName {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.add(u64::from_le_bytes(*word)));
        self.add(rest.iter().fold(rest.len() as u64, |word, byte| word << 8 | u64::from(*byte)));
    }

    fn write_u8(&mut self, byte: u8) {
        self.0 ^= u64::from(byte);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

impl OfName {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

#[derive(Debug, Default)]
struct Map {
    system: String,
    from: Option<String>,
    /// In the order of their codes, which are those of the table: what a message says is looked for among them, and never added.
    entries: Vec<(String, Entry)>,
    /// The number of each entry by its code.
    numbers: HashMap<String, usize, BuildHasherDefault<OfName>>,
    /// What a code is that is none of the entries; an empty code is no code.
    otherwise: Option<Entry>,
    /// The number of the first of the entries with this target.
    targets: HashMap<String, usize, BuildHasherDefault<OfName>>,
}

#[derive(Debug)]
struct Entry {
    /// Of the map, unless the entry names its own.
    system: Option<String>,
    code: String,
    display: String,
    broader: bool,
    grave: bool,
}

/// A code found in a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found<'c> {
    pub(crate) system: &'c str,
    pub(crate) code: &'c str,
    pub(crate) display: &'c str,
    pub(crate) broader: bool,
    /// What is lost by that matters.
    pub(crate) grave: bool,
}

impl Codes {
    /// Reads the tables.
    pub(crate) fn read(tables: &[&str]) -> Result<Self, (usize, &'static str)> {
        let mut codes = Self::default();
        let mut present: Option<String> = None;
        for (line, text) in tables.iter().flat_map(|table| (1..).zip(table.lines())) {
            if text.trim().is_empty() || text.starts_with('#') {
                continue;
            }
            let mut words = text.split_whitespace();
            let (Some(first), Some(second)) = (words.next(), words.next()) else {
                return Err((line, "a code and its target"));
            };
            if first == "map" {
                let system = words.next().ok_or((line, "a map needs a system"))?;
                let from = words.next().map(str::to_owned);
                let map = Map { system: plain(system), from, ..Map::default() };
                if codes.0.insert(second.to_owned(), map).is_some() {
                    return Err((line, "the map is there twice"));
                }
                present = Some(second.to_owned());
                continue;
            }
            let map = present
                .as_ref()
                .and_then(|name| codes.0.get_mut(name))
                .ok_or((line, "a code before the first map"))?;
            let code = second.trim_start_matches(['~', '!']);
            let code = if code == "=" { first } else { code };
            let (system, code) =
                code.split_once('|').map_or((None, code), |(system, code)| (Some(system.to_owned()), code));
            let entry = Entry {
                system,
                code: plain(code),
                display: words.collect::<Vec<_>>().join(" "),
                broader: second.starts_with(['~', '!']),
                grave: second.starts_with('!'),
            };
            if first == "*" {
                map.otherwise = Some(entry);
                continue;
            }
            let first = first.to_ascii_uppercase();
            if map.numbers.insert(first.clone(), map.entries.len()).is_some() {
                return Err((line, "the code is there twice"));
            }
            map.entries.push((first, entry));
        }
        codes.0.values_mut().for_each(Map::settle);
        Ok(codes)
    }

    pub(crate) fn has(&self, map: &str) -> bool {
        self.0.contains_key(map)
    }

    /// What `code` is in `map`, by the sender's own codes first.
    pub(crate) fn find<'c>(&'c self, map: &str, code: &str, context: &Context) -> Option<Found<'c>> {
        let code = code.trim();
        let code = if code.bytes().any(|byte| byte.is_ascii_lowercase()) {
            code.to_ascii_uppercase().into()
        } else {
            Cow::Borrowed(code)
        };
        // Most senders have no codes of their own, and this is asked for every field.
        let standard = (!context.codes.is_empty())
            .then(|| {
                context
                    .codes
                    .get(&(map.to_owned(), code.clone().into_owned()))
                    .map(|standard| standard.to_ascii_uppercase())
            })
            .flatten();
        let map = self.0.get(map)?;
        map.entry(standard.as_deref().unwrap_or(&code)).map(|(_, entry)| entry.found(map))
    }

    /// What a code is in `map` that it does not know, where it says that.
    pub(crate) fn otherwise<'c>(&'c self, map: &str) -> Option<Found<'c>> {
        let map = self.0.get(map)?;
        map.otherwise.as_ref().map(|entry| entry.found(map))
    }

    /// The entry of `map` whose target is `code`.
    pub(crate) fn target<'c>(&'c self, map: &str, code: &str) -> Option<Found<'c>> {
        let map = self.0.get(map)?;
        map.entries.get(*map.targets.get(code)?).map(|(_, entry)| entry.found(map))
    }

    /// What `code` is in `map`, whoever sends it: a code and its system.
    pub(super) fn given<'c>(&'c self, map: &str, code: &str) -> Option<(&'c str, &'c str)> {
        let map = self.0.get(map)?;
        let found = map.entry(&code.to_ascii_uppercase())?.1.found(map);
        Some((found.code, found.system))
    }

    /// The code on the left of `map` that becomes exactly `system|code`.
    pub(super) fn source_of<'c>(&'c self, map: &str, system: &str, code: &str) -> Option<&'c str> {
        let map = self.0.get(map)?;
        let becomes = |entry: &Entry| {
            let found = entry.found(map);
            !entry.broader && found.system == system && found.code == code
        };
        if let Some((key, _)) = map.entry(&code.to_ascii_uppercase()).filter(|(_, entry)| becomes(entry)) {
            return Some(key);
        }
        map.entries.iter().find(|(_, entry)| becomes(entry)).map(|(key, _)| key.as_str())
    }

    /// The code system that the codes on the left of `map` come from.
    pub(crate) fn from<'c>(&'c self, map: &str) -> Option<&'c str> {
        self.0.get(map)?.from.as_deref()
    }
}

impl Map {
    /// Puts the entries into the order of their codes.
    fn settle(&mut self) {
        self.entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (number, (code, entry)) in self.entries.iter().enumerate() {
            self.numbers.insert(code.clone(), number);
            self.targets.entry(entry.code.clone()).or_insert(number);
        }
    }

    /// The entry of `code`.
    fn entry(&self, code: &str) -> Option<&(String, Entry)> {
        self.entries.get(*self.numbers.get(code)?)
    }
}

impl Entry {
    fn found<'c>(&'c self, map: &'c Map) -> Found<'c> {
        Found {
            system: self.system.as_deref().unwrap_or(&map.system),
            code: &self.code,
            display: &self.display,
            broader: self.broader,
            grave: self.grave,
        }
    }
}

/// The URI of the code system that HL7 v2 calls `name`.
///
/// A name that is not known stays recognisable as `urn:id:name`; it is never taken for another system.
pub(crate) fn code_system(name: &str, codes: &Codes, context: &Context) -> String {
    if let Some(found) = codes.find("code-systems", name, context) {
        return found.code.to_owned();
    }
    let upper = name.trim().to_ascii_uppercase();
    let table = upper
        .strip_prefix("HL7")
        .filter(|number| number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit()));
    match table {
        Some(number) => format!("http://terminology.hl7.org/CodeSystem/v2-{number}"),
        None => local_system(name),
    }
}

/// A URI for a name that only its sender knows.
pub(crate) fn local_system(name: &str) -> String {
    let mut uri = "urn:id:".to_owned();
    for byte in name.trim().bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}

fn plain(word: &str) -> String {
    if word == "-" { String::new() } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{Codes, code_system, local_system};

    #[test]
    fn a_local_code_is_read_as_the_standard_one_the_context_names() {
        let codes = Codes::read(&["map sex http://example.org/sex\nM male Male\nA ~other Other\n"]).unwrap();
        let context = crate::context::tests::hospital().with_code("sex", "man", "M");
        assert_eq!(codes.find("sex", "MAN", &context).unwrap().code, "male");
        assert!(codes.find("sex", "a", &context).unwrap().broader);
        assert_eq!(codes.find("sex", "Q", &context), None);
        assert_eq!(codes.otherwise("sex"), None);
    }

    #[test]
    fn a_map_may_say_what_an_unknown_code_is() {
        let codes =
            Codes::read(&["map state -\nA active\nE !revoked\n* ~unknown\nmap flag -\n* -\n"]).unwrap();
        let context = crate::context::tests::hospital();
        assert_eq!(codes.find("state", "*", &context), None);
        assert_eq!(codes.otherwise("state").unwrap().code, "unknown");
        assert_eq!(codes.otherwise("flag").unwrap().code, "");
        let ended = codes.find("state", "E", &context).unwrap();
        assert!(ended.broader && ended.grave);
    }

    #[test]
    fn a_code_system_is_known_or_stays_local() {
        let codes = Codes::read(&["map code-systems -\nSCT http://snomed.info/sct\n"]).unwrap();
        let context = crate::context::tests::hospital();
        for (name, uri) in [
            ("sct", "http://snomed.info/sct"),
            ("HL70203", "http://terminology.hl7.org/CodeSystem/v2-0203"),
            ("HL7nnnn", "urn:id:HL7nnnn"),
            ("Winpath codes", "urn:id:Winpath%20codes"),
        ] {
            assert_eq!(code_system(name, &codes, &context), uri);
        }
        assert_eq!(local_system("ä:b"), "urn:id:%C3%A4%3Ab");
    }

    #[test]
    fn a_faulty_table_is_refused() {
        for text in ["M male\n", "map x http://s\nM\n", "map x http://s\nM a\nm b\n", "map x\n"] {
            assert!(Codes::read(&[text]).is_err(), "{text}");
        }
    }
}
