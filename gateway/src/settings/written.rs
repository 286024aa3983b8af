//! Reads a TOML file into values that know where they stand, and notes everything that does not fit.
//!
//! The grammar is the `toml` crate's. Its serde face stops at the first thing that does not fit; an operator wants
//! to hear of all of them at once, so this walks the crate's tree with places instead.

use std::collections::BTreeSet;

use jiff::civil::Date;
use toml::de::{DeTable, DeValue};

use super::problem::{Notebook, Place, did_you_mean};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Written<T> {
    /// What is written.
    pub(crate) value: T,
    /// Where.
    pub(crate) place: Place,
}

impl<T> Written<T> {
    /// The same place with what the value means; notes the error of `parse` otherwise.
    pub(crate) fn parsed<U, E: std::fmt::Display>(
        &self,
        notes: &Notebook,
        parse: impl FnOnce(&T) -> Result<U, E>,
    ) -> Option<U> {
        match parse(&self.value) {
            Ok(meant) => Some(meant),
            Err(error) => {
                notes.error(&self.place, error.to_string());
                None
            }
        }
    }
}

/// Reads a whole file. `None` when its grammar is broken: the faults are noted, and nothing else can be said.
pub(crate) fn parse<'a, T>(
    text: &'a str,
    notes: &Notebook,
    read: impl FnOnce(Table<'_, 'a>) -> T,
) -> Option<T> {
    let (tree, faults) = DeTable::parse_recoverable(text);
    for fault in &faults {
        let line = fault.span().map(|span| notes.line_of(span.start));
        let place = Place { path: String::new(), line };
        notes.error(&place, format!("this is not TOML: {}", fault.message().replace('\n', " ")));
    }
    faults.is_empty().then(|| read(Table::new(tree.get_ref(), Place::whole(), notes)))
}

/// A table whose keys are taken one by one; what nobody took is unknown.
#[derive(Debug)]
pub(crate) struct Table<'t, 'a> {
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
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// A text.
    pub(crate) fn text(&mut self, key: &'static str) -> Option<Written<String>> {
        let (value, place) = self.take(key)?;
        as_text(self.notes, value, place)
    }

    /// A text that must be there.
    pub(crate) fn required_text(&mut self, key: &'static str) -> Option<Written<String>> {
        self.must_have(key);
        self.text(key)
    }

    /// A list of texts; empty when it is not there.
    pub(crate) fn texts(&mut self, key: &'static str) -> Vec<Written<String>> {
        let Some((value, place)) = self.take(key) else { return Vec::new() };
        as_texts(self.notes, value, &place)
    }

    /// A list of texts, and whether there is one.
    pub(crate) fn optional_texts(&mut self, key: &'static str) -> Option<Vec<Written<String>>> {
        let (value, place) = self.take(key)?;
        Some(as_texts(self.notes, value, &place))
    }

    /// A list of texts that must be there; it may be empty.
    pub(crate) fn required_texts(&mut self, key: &'static str) -> Vec<Written<String>> {
        self.must_have(key);
        self.texts(key)
    }

    /// A whole number.
    pub(crate) fn number(&mut self, key: &'static str) -> Option<Written<i64>> {
        let (value, place) = self.take(key)?;
        let number = value.as_integer().and_then(|integer| {
            i64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok()
        });
        self.fit(number, place, value, "a whole number such as 5000")
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, key: &'static str) -> Option<Written<bool>> {
        let (value, place) = self.take(key)?;
        self.fit(value.as_bool(), place, value, "true or false")
    }

    /// A day.
    pub(crate) fn date(&mut self, key: &'static str) -> Option<Written<Date>> {
        let (value, place) = self.take(key)?;
        let date = value.as_datetime().filter(|moment| moment.time.is_none()).and_then(|moment| moment.date);
        let date = date.and_then(|date| {
            Date::new(
                i16::try_from(date.year).ok()?,
                i8::try_from(date.month).ok()?,
                i8::try_from(date.day).ok()?,
            )
            .ok()
        });
        self.fit(date, place, value, "a day such as 2026-04-01, without quotes")
    }

    /// A day that must be there.
    pub(crate) fn required_date(&mut self, key: &'static str) -> Option<Written<Date>> {
        self.must_have(key);
        self.date(key)
    }

    /// A table inside this one.
    pub(crate) fn table(&mut self, key: &'static str) -> Option<Self> {
        let (value, place) = self.take(key)?;
        let table = self.fit(value.as_table(), place, value, "a table")?;
        Some(Self::new(table.value, table.place, self.notes))
    }

    /// A table that must be there.
    pub(crate) fn required_table(&mut self, key: &'static str) -> Option<Self> {
        self.must_have(key);
        self.table(key)
    }

    /// The tables of `[[key]]`; none when there are none.
    pub(crate) fn tables(&mut self, key: &'static str) -> Vec<Self> {
        let Some((value, place)) = self.take(key) else { return Vec::new() };
        let wanted = format!("one or more tables, each headed [[{key}]]");
        let Some(items) = self.fit(value.as_array(), place, value, &wanted) else { return Vec::new() };
        let mut tables = Vec::new();
        for (number, item) in items.value.iter().enumerate() {
            let place = items.place.item(number, Some(self.notes.line_of(item.span().start)));
            let Some(table) = self.fit(item.get_ref().as_table(), place, item.get_ref(), &wanted) else {
                continue;
            };
            tables.push(Self::new(table.value, table.place, self.notes));
        }
        tables
    }

    /// Every key that was not taken, with its value: for tables whose keys are the operator's words.
    pub(crate) fn rest(&mut self) -> Vec<Entry<'t, 'a>> {
        let rest = self.entries.iter().filter(|(key, _)| !self.known.contains(&**key.get_ref()));
        let mut entries: Vec<_> = rest
            .map(|(key, value)| {
                let line = self.notes.line_of(key.span().start);
                let place = self.place.key(key.get_ref(), Some(line));
                let at = key.span().start;
                let key = Written { value: key.get_ref().clone().into_owned(), place };
                (at, Entry { key, value: value.get_ref(), notes: self.notes })
            })
            .collect();
        entries.sort_by_key(|(at, _)| *at);
        entries.into_iter().map(|(_, entry)| entry).collect()
    }

    /// Notes every key that nobody took.
    pub(crate) fn refuse_unknown(mut self) {
        for entry in self.rest() {
            let near = did_you_mean(&entry.key.value, self.known.iter().copied());
            self.notes.error(&entry.key.place, format!("this key is unknown{near}"));
        }
    }

    fn take(&mut self, key: &'static str) -> Option<(&'t DeValue<'a>, Place)> {
        self.known.insert(key);
        let (written, value) = self.entries.get_key_value(key)?;
        let place = self.place.key(key, Some(self.notes.line_of(written.span().start)));
        Some((value.get_ref(), place))
    }

    fn must_have(&self, key: &'static str) {
        if !self.entries.contains_key(key) {
            self.notes.error(&self.place.key(key, None), "this key is missing and must be given");
        }
    }

    fn fit<T>(
        &self,
        found: Option<T>,
        place: Place,
        value: &DeValue<'a>,
        wanted: &str,
    ) -> Option<Written<T>> {
        fit(self.notes, found, place, value, wanted)
    }
}

/// A key that is the operator's word, and its value.
#[derive(Debug)]
pub(crate) struct Entry<'t, 'a> {
    /// The key.
    pub(crate) key: Written<String>,
    value: &'t DeValue<'a>,
    notes: &'t Notebook,
}

impl<'t, 'a> Entry<'t, 'a> {
    /// The value as a text.
    pub(crate) fn text(&self) -> Option<Written<String>> {
        if self.value.is_table() {
            let key = &self.key.value;
            let text =
                format!("a text is wanted here; a path with dots stands in quotes: \"{key}.more\" = \"...\"");
            self.notes.error(&self.key.place, text);
            return None;
        }
        as_text(self.notes, self.value, self.key.place.clone())
    }

    /// The value as a list of texts.
    pub(crate) fn texts(&self) -> Vec<Written<String>> {
        as_texts(self.notes, self.value, &self.key.place)
    }

    /// The value as a table.
    pub(crate) fn table(&self) -> Option<Table<'t, 'a>> {
        let table = fit(self.notes, self.value.as_table(), self.key.place.clone(), self.value, "a table")?;
        Some(Table::new(table.value, table.place, self.notes))
    }
}

fn as_text(notes: &Notebook, value: &DeValue<'_>, place: Place) -> Option<Written<String>> {
    fit(notes, value.as_str().map(str::to_owned), place, value, "a text in quotes")
}

fn as_texts(notes: &Notebook, value: &DeValue<'_>, place: &Place) -> Vec<Written<String>> {
    let wanted = "a list of texts such as [\"one\", \"two\"]";
    let Some(items) = fit(notes, value.as_array(), place.clone(), value, wanted) else { return Vec::new() };
    let mut texts = Vec::new();
    for (number, item) in items.value.iter().enumerate() {
        let place = place.item(number, Some(notes.line_of(item.span().start)));
        texts.extend(as_text(notes, item.get_ref(), place));
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
        notes.error(&place, format!("{wanted} is wanted here, not {}", described(value)));
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
