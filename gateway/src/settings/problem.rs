//! What is wrong with a file: where, and what to do about it.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

/// One thing to put right, or to think about, in the settings or an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether the gateway can run with it.
    pub gravity: Gravity,
    /// The file it stands in.
    pub file: PathBuf,
    /// The line, when there is one.
    pub line: Option<usize>,
    /// The dotted path of the key, such as `listen.tls.certificate`; empty for the file as a whole.
    pub path: String,
    /// What is wrong and what to do.
    pub text: String,
}

/// Whether the gateway can run with a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// It cannot: exit 64.
    Error,
    /// It can, but somebody should look.
    Warning,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        match self.gravity {
            Gravity::Error => f.write_str(": ")?,
            Gravity::Warning => f.write_str(": warning: ")?,
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.text)
    }
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The dotted path.
    pub(crate) path: String,
    /// The line, counted from one; none when nothing is written there.
    pub(crate) line: Option<usize>,
}

impl Place {
    /// The file as a whole.
    pub(crate) const fn whole() -> Self {
        Self { path: String::new(), line: None }
    }

    /// A key inside this place.
    pub(crate) fn key(&self, key: &str, line: Option<usize>) -> Self {
        let key = if is_bare(key) { key.to_owned() } else { format!("\"{key}\"") };
        let path = if self.path.is_empty() { key } else { format!("{}.{key}", self.path) };
        Self { path, line: line.or(self.line) }
    }

    /// An item of this place, counted from zero.
    pub(crate) fn item(&self, number: usize, line: Option<usize>) -> Self {
        Self { path: format!("{}[{number}]", self.path), line: line.or(self.line) }
    }
}

fn is_bare(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// Collects what is wrong with one file, so that everything is told at once.
#[derive(Debug)]
pub(crate) struct Notebook {
    file: PathBuf,
    line_ends: Vec<usize>,
    problems: RefCell<Vec<Problem>>,
}

impl Notebook {
    /// A notebook for a file with this text.
    pub(crate) fn new(file: &Path, text: &str) -> Self {
        let line_ends =
            text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
        Self { file: file.to_owned(), line_ends, problems: RefCell::new(Vec::new()) }
    }

    /// The file.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The line of a byte, counted from one.
    pub(crate) fn line_of(&self, byte: usize) -> usize {
        self.line_ends.partition_point(|end| *end < byte) + 1
    }

    /// Notes something that stops the gateway from running.
    pub(crate) fn error(&self, place: &Place, text: impl Into<String>) {
        self.note(Gravity::Error, place, text.into());
    }

    /// Notes something that somebody should look at.
    /// Whether an error stands in it already.
    pub(crate) fn has_errors(&self) -> bool {
        self.problems.borrow().iter().any(|problem| problem.gravity == Gravity::Error)
    }

    pub(crate) fn warn(&self, place: &Place, text: impl Into<String>) {
        self.note(Gravity::Warning, place, text.into());
    }

    fn note(&self, gravity: Gravity, place: &Place, text: String) {
        let problem =
            Problem { gravity, file: self.file.clone(), line: place.line, path: place.path.clone(), text };
        let mut problems = self.problems.borrow_mut();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    /// Everything noted, in the order of the lines.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| (problem.line.unwrap_or(0), problem.gravity));
        problems
    }
}

/// The candidate that was most likely meant by `word`.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 5)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `, did you mean ...?` for a word that is not among the candidates; empty when none is near.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}
