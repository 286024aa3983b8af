//! Reading a table key by key: what is not asked for is unknown, and everything that is wrong is told.

use toml::{Table, Value};

/// One thing that is wrong with a scene. It holds names of keys and none of their values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {wrong}")]
pub struct Problem {
    /// The key, with its tables.
    pub key: String,
    /// What is wrong with it.
    pub wrong: &'static str,
}

/// A table that is being read.
pub(super) struct Fields<'a> {
    path: String,
    left: Table,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Fields<'a> {
    pub(super) const fn of(path: String, left: Table, problems: &'a mut Vec<Problem>) -> Self {
        Self { path, left, problems }
    }

    fn key(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Says what is wrong with a key.
    pub(super) fn wrong(&mut self, name: &str, wrong: &'static str) {
        let key = self.key(name);
        self.problems.push(Problem { key, wrong });
    }

    /// Whether there is such a key.
    pub(super) fn has(&self, name: &str) -> bool {
        self.left.contains_key(name)
    }

    /// A text that may be absent.
    pub(super) fn maybe(&mut self, name: &str) -> Option<String> {
        match self.left.remove(name)? {
            Value::String(text) if !text.trim().is_empty() => Some(text),
            Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_)
            | Value::Table(_) => {
                self.wrong(name, "a text that is not empty is wanted");
                None
            }
        }
    }

    /// A text that must be there.
    pub(super) fn text(&mut self, name: &str) -> String {
        if !self.left.contains_key(name) {
            self.wrong(name, "is required");
        }
        self.maybe(name).unwrap_or_default()
    }

    /// A text that `fits` says yes to, or nothing at all.
    pub(super) fn fitting(&mut self, name: &str, wrong: &'static str, fits: fn(&str) -> bool) -> String {
        let text = self.text(name);
        if !text.is_empty() && !fits(&text) {
            self.wrong(name, wrong);
        }
        text
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(
        &mut self,
        name: &str,
        words: &[(&str, T)],
        wrong: &'static str,
    ) -> Option<T> {
        let text = self.maybe(name)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meant)| *meant);
        if found.is_none() {
            self.wrong(name, wrong);
        }
        found
    }

    /// A whole number that is not negative.
    pub(super) fn number(&mut self, name: &str) -> Option<u64> {
        let value = self.left.remove(name)?;
        let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
        if number.is_none() {
            self.wrong(name, "a whole number is wanted");
        }
        number
    }

    /// A list of texts; empty where there is none.
    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
        let Some(value) = self.left.remove(name) else { return Vec::new() };
        let texts = value.as_array().and_then(|items| {
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        if texts.is_none() {
            self.wrong(name, "a list of texts is wanted");
        }
        texts.unwrap_or_default()
    }

    /// A table of texts; empty where there is none.
    pub(super) fn pairs(&mut self, name: &str) -> Vec<(String, String)> {
        let Some(value) = self.left.remove(name) else { return Vec::new() };
        let pairs = value.as_table().and_then(|table| {
            table
                .iter()
                .map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect::<Option<Vec<_>>>()
        });
        if pairs.is_none() {
            self.wrong(name, "a table of texts is wanted");
        }
        pairs.unwrap_or_default()
    }

    /// A table that may be absent, read by `read`.
    pub(super) fn table<T>(&mut self, name: &str, read: impl FnOnce(&mut Fields<'_>) -> T) -> Option<T> {
        let value = self.left.remove(name)?;
        let Value::Table(table) = value else {
            self.wrong(name, "a table is wanted");
            return None;
        };
        let mut inner = Fields::of(self.key(name), table, self.problems);
        let found = read(&mut inner);
        inner.finish();
        Some(found)
    }

    /// A table of tables, each read by `read`.
    pub(super) fn each<T>(
        &mut self,
        name: &str,
        mut read: impl FnMut(&mut Fields<'_>) -> T,
    ) -> Vec<(String, T)> {
        let found = self.table(name, |tables| {
            let names: Vec<String> = tables.left.keys().cloned().collect();
            let read = |one: String| Some((one.clone(), tables.table(&one, &mut read)?));
            names.into_iter().filter_map(read).collect()
        });
        found.unwrap_or_default()
    }

    /// Whatever was not asked for is unknown.
    pub(super) fn finish(mut self) {
        for name in std::mem::take(&mut self.left).keys() {
            self.wrong(name, "there is no such key");
        }
    }
}
