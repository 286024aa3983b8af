//! Reads TOML into values that know where they stand, and notes everything that does not fit.
//!
//! The grammar is the `toml` crate's. Its serde face stops at the first thing that does not fit; whoever writes a
//! mapping wants to hear of all of them at once, so this walks the crate's tree with places instead.

use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use super::fault::{Notebook, Place, did_you_mean};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Written<T> {
    /// What is written.
    pub(super) value: T,
    /// Where.
    pub(super) place: Place,
}

/// Reads a whole file. Nothing when its grammar is broken: the faults are noted then.
pub(super) fn parse<'a, T>(
    text: &'a str,
    notes: &Notebook,
    read: impl FnOnce(Table<'_, 'a>) -> T,
) -> Option<T> {
    let (tree, faults) = DeTable::parse_recoverable(text);
    for fault in &faults {
        let line = fault.span().map(|span| notes.line_of(span.start));
        notes.note(&Place { path: String::new(), line }, format!("not toml: {}", fault.message().trim()));
    }
    faults.is_empty().then(|| read(Table::new(tree.get_ref(), Place::whole(), notes)))
}

/// A table being read. Keys that nobody takes are faults.
#[derive(Debug)]
pub(super) struct Table<'t, 'a> {
    entries: &'t DeTable<'a>,
    place: Place,
    notes: &'t Notebook,
    known: BTreeSet<&'static str>,
}

impl<'t, 'a> Table<'t, 'a> {
    fn new(entries: &'t DeTable<'a>, place: Place, notes: &'t Notebook) -> Self {
        Self { entries, place, notes, known: BTreeSet::new() }
    }

    /// Where the table stands.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// A text.
    pub(super) fn text(&mut self, key: &'static str) -> Option<Written<String>> {
        let (value, place) = self.take(key)?;
        fit(self.notes, value.as_str().map(str::to_owned), place, value, "a text in quotes")
    }

    /// A text that must be there.
    pub(super) fn required_text(&mut self, key: &'static str) -> Option<Written<String>> {
        self.must_have(key);
        self.text(key)
    }

    /// A list of texts; empty when it is not there.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<Written<String>> {
        let Some((value, place)) = self.take(key) else { return Vec::new() };
        as_texts(self.notes, value, &place)
    }

    /// A text, a whole number or `true`/`false`, as the JSON that it is.
    pub(super) fn constant(&mut self, key: &'static str) -> Option<Written<Constant>> {
        let (value, place) = self.take(key)?;
        let found = match value {
            DeValue::String(text) => Some(Constant::Text(text.clone().into_owned())),
            DeValue::Integer(number) => Some(Constant::Bare(number.as_str().replace('_', ""))),
            DeValue::Float(number) => Some(Constant::Bare(number.as_str().replace('_', ""))),
            DeValue::Boolean(flag) => Some(Constant::Bare(flag.to_string())),
            DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
        };
        fit(self.notes, found, place, value, "a text, a number or true or false")
    }

    /// `true` or `false`; `false` when it is not there.
    pub(super) fn flag(&mut self, key: &'static str) -> bool {
        let Some((value, place)) = self.take(key) else { return false };
        fit(self.notes, value.as_bool(), place, value, "true or false").is_some_and(|flag| flag.value)
    }

    /// A table.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Self> {
        let (value, place) = self.take(key)?;
        as_table(self.notes, value, place)
    }

    /// Tables under `[[key]]`, or a list of them.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Self> {
        let Some((value, place)) = self.take(key) else { return Vec::new() };
        as_tables(self.notes, value, &place)
    }

    /// Every key that was not taken, in the order in which they are written.
    pub(super) fn rest(&mut self) -> Vec<Entry<'t, 'a>> {
        let rest = self.entries.iter().filter(|(key, _)| !self.known.contains(&**key.get_ref()));
        let mut entries: Vec<_> = rest
            .map(|(key, value)| {
                let at = key.span().start;
                let place = self.place.key(key.get_ref(), Some(self.notes.line_of(at)));
                let key = Written { value: key.get_ref().clone().into_owned(), place };
                (at, Entry { key, value: value.get_ref(), notes: self.notes })
            })
            .collect();
        entries.sort_by_key(|(at, _)| *at);
        entries.into_iter().map(|(_, entry)| entry).collect()
    }

    /// Notes every key that nobody took.
    pub(super) fn refuse_unknown(mut self) {
        for entry in self.rest() {
            let near = did_you_mean(&entry.key.value, self.known.iter().copied());
            self.notes.note(&entry.key.place, format!("this key is unknown{near}"));
        }
    }

    /// Whether a key is written here.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    fn take(&mut self, key: &'static str) -> Option<(&'t DeValue<'a>, Place)> {
        self.known.insert(key);
        let (written, value) = self.entries.get_key_value(key)?;
        let place = self.place.key(key, Some(self.notes.line_of(written.span().start)));
        Some((value.get_ref(), place))
    }

    fn must_have(&self, key: &'static str) {
        if !self.entries.contains_key(key) {
            self.notes.note(&self.place.key(key, None), "this key is missing and must be given");
        }
    }
}

/// A value that is written in the mapping itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Constant {
    /// A text.
    Text(String),
    /// A number, `true` or `false`.
    Bare(String),
}

impl Constant {
    /// The text between the quotes, or the number as it is written.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Text(text) | Self::Bare(text) => text,
        }
    }
}

/// A key that is the writer's own word, and its value.
#[derive(Debug)]
pub(super) struct Entry<'t, 'a> {
    /// The key.
    pub(super) key: Written<String>,
    value: &'t DeValue<'a>,
    notes: &'t Notebook,
}

impl<'t, 'a> Entry<'t, 'a> {
    /// The value as a text; nothing, without a fault, when it is none.
    pub(super) fn as_text(&self) -> Option<&str> {
        self.value.as_str()
    }

    /// The value as a text.
    pub(super) fn text(&self) -> Option<Written<String>> {
        let found = self.value.as_str().map(str::to_owned);
        fit(self.notes, found, self.key.place.clone(), self.value, "a text in quotes")
    }

    /// The value as a list of texts.
    pub(super) fn texts(&self) -> Vec<Written<String>> {
        as_texts(self.notes, self.value, &self.key.place)
    }

    /// The value as a table.
    pub(super) fn table(&self) -> Option<Table<'t, 'a>> {
        as_table(self.notes, self.value, self.key.place.clone())
    }

    /// The value as one table, or as a list of them.
    pub(super) fn one_or_more_tables(&self) -> Vec<Table<'t, 'a>> {
        if self.value.is_array() {
            return as_tables(self.notes, self.value, &self.key.place);
        }
        self.table().into_iter().collect()
    }
}

fn as_table<'t, 'a>(notes: &'t Notebook, value: &'t DeValue<'a>, place: Place) -> Option<Table<'t, 'a>> {
    let table = fit(notes, value.as_table(), place, value, "a table such as { from = \"...\" }")?;
    Some(Table::new(table.value, table.place, notes))
}

fn as_tables<'t, 'a>(notes: &'t Notebook, value: &'t DeValue<'a>, place: &Place) -> Vec<Table<'t, 'a>> {
    let Some(items) = fit(notes, value.as_array(), place.clone(), value, "a list of tables") else {
        return Vec::new();
    };
    let mut tables = Vec::new();
    for (number, item) in items.value.iter().enumerate() {
        let place = items.place.item(number, Some(notes.line_of(item.span().start)));
        tables.extend(as_table(notes, item.get_ref(), place));
    }
    tables
}

fn as_texts(notes: &Notebook, value: &DeValue<'_>, place: &Place) -> Vec<Written<String>> {
    let wanted = "a list of texts such as [\"one\", \"two\"]";
    let Some(items) = fit(notes, value.as_array(), place.clone(), value, wanted) else { return Vec::new() };
    let mut texts = Vec::new();
    for (number, item) in items.value.iter().enumerate() {
        let place = place.item(number, Some(notes.line_of(item.span().start)));
        let text = item.get_ref().as_str().map(str::to_owned);
        texts.extend(fit(notes, text, place, item.get_ref(), "a text in quotes"));
    }
    texts
}

fn fit<T>(
    notes: &Notebook,
    found: Option<T>,
    place: Place,
    value: &DeValue<'_>,
    wanted: &str,
) -> Option<Written<T>> {
    if found.is_none() {
        notes.note(&place, format!("{wanted} is wanted here, not {}", described(value)));
    }
    found.map(|value| Written { value, place })
}

fn described(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
