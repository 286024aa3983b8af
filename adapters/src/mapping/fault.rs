//! What is wrong with a mapping: where, and what to do about it.

use std::cell::RefCell;
use std::fmt;

/// One thing to put right in a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file, as the caller calls it.
    pub file: String,
    /// The line, counted from 1, when there is one.
    pub line: Option<usize>,
    /// The dotted path of the key, such as `resource[0].elements.birthDate`; empty for the file as a whole.
    pub path: String,
    /// What is wrong and what to do.
    pub text: String,
}

/// Everything that is wrong with a mapping, in the order of the lines. There is at least one fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(out, ":{line}")?;
        }
        out.write_str(": ")?;
        if !self.path.is_empty() {
            write!(out, "{}: ", self.path)?;
        }
        out.write_str(&self.text)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            fault.fmt(out)?;
        }
        Ok(())
    }
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The dotted path.
    pub(super) path: String,
    /// The line, counted from 1; none when nothing is written there.
    pub(super) line: Option<usize>,
}

impl Place {
    /// The file as a whole.
    pub(super) const fn whole() -> Self {
        Self { path: String::new(), line: None }
    }

    /// A key inside this place.
    pub(super) fn key(&self, key: &str, line: Option<usize>) -> Self {
        let bare = !key.is_empty()
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        let key = if bare { key.to_owned() } else { format!("\"{key}\"") };
        let path = if self.path.is_empty() { key } else { format!("{}.{key}", self.path) };
        Self { path, line: line.or(self.line) }
    }

    /// An item of this place, counted from 0.
    pub(super) fn item(&self, number: usize, line: Option<usize>) -> Self {
        Self { path: format!("{}[{number}]", self.path), line: line.or(self.line) }
    }
}

/// Collects what is wrong with a file, so that everything is told at once.
#[derive(Debug)]
pub(super) struct Notebook {
    file: String,
    line_ends: Vec<usize>,
    faults: RefCell<Vec<Fault>>,
}

impl Notebook {
    /// A notebook for a file with this text.
    pub(super) fn new(file: &str, text: &str) -> Self {
        let line_ends =
            text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
        Self { file: file.to_owned(), line_ends, faults: RefCell::new(Vec::new()) }
    }

    /// The line of a byte, counted from 1.
    pub(super) fn line_of(&self, byte: usize) -> usize {
        self.line_ends.partition_point(|end| *end < byte) + 1
    }

    /// Notes a fault.
    pub(super) fn note(&self, place: &Place, text: impl Into<String>) {
        let fault =
            Fault { file: self.file.clone(), line: place.line, path: place.path.clone(), text: text.into() };
        let mut faults = self.faults.borrow_mut();
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }

    /// Whether nothing is wrong so far.
    pub(super) fn is_clean(&self) -> bool {
        self.faults.borrow().is_empty()
    }

    /// Everything noted, in the order of the lines.
    pub(super) fn into_faults(self) -> Faults {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|fault| fault.line.unwrap_or(0));
        Faults(faults)
    }
}

/// `; did you mean ...?` for a word that is not among the candidates; empty when none is near.
pub(super) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let word = word.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 5)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, near)| format!("; did you mean `{near}`?"))
        .unwrap_or_default()
}
