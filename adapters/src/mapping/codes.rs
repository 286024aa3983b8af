//! Code maps: what a sender's code means, and what becomes of a code that the map does not know.

use std::collections::BTreeMap;

/// A code map of a mapping.
#[derive(Debug, Clone)]
pub(super) struct CodeMap {
    /// As the mapping calls it.
    pub(super) name: String,
    /// The system of the codes that are meant.
    pub(super) system: Option<String>,
    /// The system of the codes as the sender writes them.
    pub(super) from_system: Option<String>,
    /// Whether codes that the map does not name are taken as they come, without a loss.
    pub(super) open: bool,
    /// By the code in lower-case letters: how it is written, and what it means.
    entries: BTreeMap<String, (String, Meant)>,
}

/// What a code means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meant {
    /// This code.
    Code {
        /// The code.
        code: String,
        /// What people call it.
        display: Option<String>,
        /// Whether it says less than the sender's code.
        broader: bool,
    },
    /// That there is nothing to say.
    Nothing,
}

impl CodeMap {
    /// An empty map.
    pub(super) fn new(name: String, system: Option<String>, from_system: Option<String>) -> Self {
        Self { name, system, from_system, open: false, entries: BTreeMap::new() }
    }

    /// Adds a code. False when the same code, but for upper and lower case, is there already.
    pub(super) fn add(&mut self, written: &str, meant: Meant) -> bool {
        self.entries.insert(folded(written), (written.to_owned(), meant)).is_none()
    }

    /// What `written` means, whatever the case of its letters.
    pub(super) fn find(&self, written: &str) -> Option<&Meant> {
        if self.entries.is_empty() {
            return None;
        }
        let found = self.entries.get(written).or_else(|| self.entries.get(&folded(written)));
        found.map(|(_, meant)| meant)
    }

    /// Everything that codes of the map may mean.
    pub(super) fn codes(&self) -> impl Iterator<Item = &str> {
        self.entries.values().filter_map(|(_, meant)| match meant {
            Meant::Code { code, .. } => Some(code.as_str()),
            Meant::Nothing => None,
        })
    }

    /// The sender's codes, in small letters, whose meaning `is_it` picks.
    pub(super) fn written(&self, is_it: impl Fn(&Meant) -> bool) -> impl Iterator<Item = String> {
        let found = self.entries.iter().filter(move |(_, (_, meant))| is_it(meant));
        found.map(|(folded, _)| folded.clone())
    }

    /// Everything that codes of the map mean.
    pub(super) fn meanings(&self) -> impl Iterator<Item = &Meant> {
        self.entries.values().map(|(_, meant)| meant)
    }

    /// Whether the sender's code stands beside the one that is meant.
    pub(super) fn keeps_original(&self) -> bool {
        self.system.is_some() && self.from_system.is_some() && self.from_system != self.system
    }

    /// Whether the sender's code can be told from what is meant.
    pub(super) fn is_one_to_one(&self) -> bool {
        let mut seen: Vec<&str> = self.codes().collect();
        seen.sort_unstable();
        let all = seen.len();
        seen.dedup();
        seen.len() == all && !self.has_nothing()
    }

    /// Whether some code says that there is nothing to say.
    pub(super) fn has_nothing(&self) -> bool {
        self.entries.values().any(|(_, meant)| *meant == Meant::Nothing)
    }

    /// The sender's code that means `code`, as the map writes it.
    pub(super) fn back(&self, code: &str) -> Option<&str> {
        let found = self.entries.values().find(|(_, meant)| match meant {
            Meant::Code { code: held, .. } => held == code,
            Meant::Nothing => false,
        });
        found.map(|(written, _)| written.as_str())
    }
}

/// Codes are compared without regard to the case of ASCII letters.
pub(super) fn folded(written: &str) -> String {
    written.to_ascii_lowercase()
}

/// Whether a text has the form of a FHIR code: no white space but single spaces inside.
pub(super) fn is_code(text: &str) -> bool {
    let letters = !text.is_empty() && text.len() <= 1024 && !text.chars().any(char::is_control);
    letters && text.split(' ').all(|word| !word.is_empty() && !word.contains(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::{CodeMap, Meant, is_code};

    fn code(code: &str) -> Meant {
        Meant::Code { code: code.to_owned(), display: None, broader: false }
    }

    #[test]
    fn a_code_is_found_whatever_its_case_and_never_guessed() {
        let mut map = CodeMap::new("sex".to_owned(), None, None);
        assert!(map.add("Male", code("male")));
        assert!(!map.add("MALE", code("female")));
        assert!(map.find("male").is_some() && map.find("Mal").is_none());
    }

    #[test]
    fn a_map_is_one_to_one_when_each_meaning_has_one_code() {
        let mut map = CodeMap::new("sex".to_owned(), None, None);
        map.add("1", code("male"));
        map.add("2", code("female"));
        assert!(map.is_one_to_one());
        assert_eq!(map.back("female"), Some("2"));
        map.add("M", code("male"));
        assert!(!map.is_one_to_one());
    }

    #[test]
    fn a_code_has_no_white_space_but_single_spaces_inside() {
        assert!(is_code("Long Term Support: Community"));
        for text in ["", " a", "a  b", "a\tb", "a "] {
            assert!(!is_code(text), "{text:?}");
        }
    }
}
