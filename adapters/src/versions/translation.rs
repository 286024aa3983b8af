//! Codes and addresses of the tables: `LEFT=RIGHT`, and those that lead one way.

use std::collections::HashMap;

/// Values on both sides.
#[derive(Debug, Clone, Default)]
pub(super) struct Translation {
    /// To the target; whether the way back leads to the same.
    there: HashMap<String, (String, Exact)>,
    /// From the target.
    back: HashMap<String, (String, Exact)>,
    /// Beginnings of values.
    beginnings: Vec<(String, String)>,
}

/// Whether a translation leads back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exact {
    Yes,
    No,
}

impl Translation {
    /// The value on the other side; a value that is not told of is the same there.
    pub(super) fn of(&self, value: &str) -> (String, Exact) {
        if let Some(found) = self.there.get(value) {
            return found.clone();
        }
        for (from, to) in &self.beginnings {
            if let Some(rest) = value.strip_prefix(from.as_str()) {
                return (format!("{to}{rest}"), Exact::Yes);
            }
        }
        // The way back would lead elsewhere.
        let is_other = self.back.contains_key(value)
            || self.beginnings.iter().any(|(_, to)| value.starts_with(to.as_str()));
        (value.to_owned(), if is_other { Exact::No } else { Exact::Yes })
    }

    #[cfg(test)]
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, (&str, Exact))> {
        self.there.iter().map(|(from, (to, exact))| (from.as_str(), (to.as_str(), *exact)))
    }

    /// Whether it is told of.
    pub(super) fn knows(&self, value: &str) -> bool {
        self.there.contains_key(value)
    }

    /// The value that `value` of the other side stands for here.
    pub(super) fn undone(&self, value: &str) -> String {
        if let Some((found, _)) = self.back.get(value) {
            return found.clone();
        }
        // Of several that become one, each stands for what it became.
        value.to_owned()
    }

    pub(super) fn flipped(&self) -> Self {
        Self {
            there: self.back.clone(),
            back: self.there.clone(),
            beginnings: self.beginnings.iter().map(|(from, to)| (to.clone(), from.clone())).collect(),
        }
    }

    pub(super) fn add(&mut self, words: &[&str]) -> Result<(), &'static str> {
        for word in words {
            let Some((at, sign)) = word.char_indices().find(|(_, sign)| matches!(sign, '=' | '>' | '<'))
            else {
                return Err("a pair needs =, > or <");
            };
            let (left, right) = (word.get(..at).unwrap_or_default(), word.get(at + 1..).unwrap_or_default());
            if let (Some(left), Some(right)) = (left.strip_suffix('*'), right.strip_suffix('*')) {
                self.beginnings.push((left.to_owned(), right.to_owned()));
                continue;
            }
            let exact = if sign == '=' { Exact::Yes } else { Exact::No };
            if sign != '<' && self.there.insert(left.to_owned(), (right.to_owned(), exact)).is_some() {
                return Err("a value is told of twice");
            }
            if sign != '>' && self.back.insert(right.to_owned(), (left.to_owned(), exact)).is_some() {
                return Err("a value is told of twice");
            }
        }
        Ok(())
    }
}
