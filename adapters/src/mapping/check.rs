//! From a mapping as it is written to one as it is meant. Everything that is wrong is told at once.

mod element;
mod rule;

use jiff::tz::TimeZone;

use self::element::Elements;
use super::codes::{CodeMap, Meant, is_code};
use super::dates::Pattern;
use super::fault::{Notebook, did_you_mean};
use super::plan::{Each, FileCharset, Format, Plan, ResourcePlan, Selector, Source, Test, folded_column};
use super::written::{Table, Written};
use crate::Severity;

const RESOURCES_MAX: usize = 64;

/// Reads the whole file; what is wrong is noted.
pub(super) fn plan(mut table: Table<'_, '_>, notes: &Notebook) -> Option<Plan> {
    let name = table.required_text("mapping");
    let title = table.text("title");
    if let Some(name) = &name
        && !is_name(&name.value)
    {
        notes.note(&name.place, "a name has letters, digits, dots and hyphens only");
    }
    let codes = table.table("codes").map(|codes| code_maps(codes, notes)).unwrap_or_default();
    let mut checked = Checked { notes, format: Format::Csv, selectors: Vec::new(), codes, dates: Vec::new() };
    if !table.has("source") {
        notes.note(table.place(), "`[source]` is missing: it says what the file is");
    }
    let source = table.table("source").map(|source| checked.source(source));
    let mut left_out = Vec::new();
    for mut entry in table.tables("left_out") {
        let severity = checked.severity(&mut entry, Severity::Minor);
        let columns = entry.texts("columns");
        if entry.required_text("why").is_some_and(|why| why.value.trim().is_empty()) {
            notes.note(entry.place(), "say why these columns are left out");
        }
        left_out.extend(columns.iter().map(|column| (checked.selector(column), severity)));
        entry.refuse_unknown();
    }
    let mut resources: Vec<ResourcePlan> = Vec::new();
    let written = table.tables("resource");
    if written.is_empty() {
        notes.note(table.place(), "`[[resource]]` is missing: it says what the records become");
    }
    for entry in written.into_iter().take(RESOURCES_MAX) {
        let built = checked.resource(entry, &resources);
        resources.extend(built);
    }
    let place = table.place().clone();
    table.refuse_unknown();
    let Some((source, nulls, zone)) = source else {
        notes.note(&place, "nothing can be read without `[source]`");
        return None;
    };
    let Checked { selectors, codes, .. } = checked;
    let title = title.map(|title| title.value).unwrap_or_default();
    let name = name?.value;
    Some(Plan { name, title, source, selectors, codes, resources, left_out, nulls, zone })
}

/// What is known while the rest is checked.
struct Checked<'n> {
    notes: &'n Notebook,
    format: Format,
    selectors: Vec<Selector>,
    codes: Vec<CodeMap>,
    dates: Vec<Pattern>,
}

impl Checked<'_> {
    fn source(&mut self, mut table: Table<'_, '_>) -> (Source, Vec<String>, Option<TimeZone>) {
        let formats =
            [("csv", Format::Csv), ("json", Format::Json), ("ndjson", Format::Ndjson), ("xml", Format::Xml)];
        let format = table.required_text("format");
        self.format = self.word(format.as_ref(), &formats).unwrap_or(Format::Csv);
        let charsets = [("utf-8", FileCharset::Utf8), ("windows-1252", FileCharset::Windows1252)];
        let charset = table.text("charset");
        let charset = self.word(charset.as_ref(), &charsets).unwrap_or(FileCharset::Utf8);
        let delimiter = self.delimiter(&mut table);
        let records = table.text("records").map(|records| segments(&records.value)).unwrap_or_default();
        let record_key = table.texts("record_key");
        let columns = table.texts("columns");
        let optional = table.texts("optional");
        if self.format == Format::Csv {
            if !records.is_empty() {
                self.notes.note(&table.place().key("records", None), "rows need none: leave it out");
            }
        } else if !(record_key.is_empty() && columns.is_empty() && optional.is_empty()) {
            let text = "`record_key`, `columns` and `optional` are for csv only";
            self.notes.note(table.place(), text);
        }
        let zone = table.text("time_zone").and_then(|zone| {
            let found = TimeZone::get(&zone.value).ok();
            if found.is_none() {
                self.notes.note(&zone.place, "not in the IANA database, such as Europe/London");
            }
            found
        });
        self.dates = self.patterns(table.texts("dates"));
        let nulls = table.texts("nulls").into_iter().map(|null| null.value).collect();
        let record_key = record_key.iter().map(|column| self.selector(column)).collect();
        let optional = optional.iter().map(|column| self.selector(column)).collect();
        table.refuse_unknown();
        let columns = (!columns.is_empty()).then(|| columns.into_iter().map(|name| name.value).collect());
        let source =
            Source { format: self.format, charset, delimiter, records, record_key, columns, optional };
        (source, nulls, zone)
    }

    fn delimiter(&self, table: &mut Table<'_, '_>) -> u8 {
        let Some(written) = table.text("delimiter") else { return b',' };
        match written.value.as_bytes() {
            [byte] if byte.is_ascii_punctuation() && *byte != b'"' || *byte == b'\t' => *byte,
            _ => {
                self.notes.note(&written.place, "one character such as \",\", \";\", \"|\" or \"\\t\"");
                b','
            }
        }
    }

    /// The patterns of dates, none of which reads a text that another reads otherwise.
    fn patterns(&self, written: Vec<Written<String>>) -> Vec<Pattern> {
        let mut patterns: Vec<Pattern> = Vec::new();
        for text in written {
            match Pattern::parse(&text.value) {
                Ok(pattern) if patterns.iter().any(|held| held.clashes(&pattern)) => {
                    let text_ = "another pattern reads the same text as a different date: keep one of them";
                    self.notes.note(&text.place, text_);
                }
                Ok(pattern) => patterns.push(pattern),
                Err(error) => self.notes.note(&text.place, error.to_string()),
            }
        }
        patterns
    }

    /// What one of a few words means.
    fn word<T: Copy>(&self, written: Option<&Written<String>>, words: &[(&str, T)]) -> Option<T> {
        let written = written?;
        let found = words.iter().find(|(word, _)| *word == written.value);
        if found.is_none() {
            let all: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            let near = did_you_mean(&written.value, words.iter().map(|(word, _)| *word));
            self.notes.note(&written.place, format!("one of {}{near}", all.join(", ")));
        }
        found.map(|(_, meant)| *meant)
    }

    fn severity(&self, table: &mut Table<'_, '_>, unless: Severity) -> Severity {
        let words = [("trivial", Severity::Trivial), ("minor", Severity::Minor), ("major", Severity::Major)];
        let written = table.text("severity");
        self.word(written.as_ref(), &words).unwrap_or(unless)
    }

    /// The number of a column or path.
    fn selector(&mut self, written: &Written<String>) -> usize {
        let text = written.value.trim();
        if text.is_empty() {
            self.notes.note(&written.place, "a column or path is wanted here");
        }
        let selector = if self.format == Format::Csv {
            Selector { written: text.to_owned(), path: vec![folded_column(text)], from_record: false }
        } else {
            let (path, from_record) = match text.strip_prefix('/') {
                Some(rest) => (rest, true),
                None => (text, false),
            };
            Selector { written: text.to_owned(), path: segments(path), from_record }
        };
        let same = |held: &Selector| held.path == selector.path && held.from_record == selector.from_record;
        if let Some(at) = self.selectors.iter().position(same) {
            return at;
        }
        self.selectors.push(selector);
        self.selectors.len() - 1
    }

    fn each(&mut self, written: &Written<String>) -> Each {
        if self.format == Format::Csv {
            if written.value != "rows" {
                self.notes.note(&written.place, "in csv only \"rows\" can be gone through one by one");
            }
            return Each::Rows;
        }
        Each::Items(self.selector(written))
    }

    fn resource(&mut self, mut table: Table<'_, '_>, earlier: &[ResourcePlan]) -> Option<ResourcePlan> {
        let kind = table.required_text("type");
        let name = table.required_text("name");
        let id_from = table.texts("id_from");
        if id_from.is_empty() {
            let text = "say from which columns its id is made, so that the same record has the same id again: \
                        id_from = [\"...\"]";
            self.notes.note(&table.place().key("id_from", None), text);
        }
        let id_from = id_from.iter().map(|column| self.selector(column)).collect();
        let each = table.text("each").map(|each| self.each(&each));
        let when = table.table("when").map(|when| self.test(when));
        let items: Vec<(Written<String>, Each)> = table
            .table("items")
            .map(|mut items| {
                let entries = items.rest();
                let texts = entries.iter().filter_map(|entry| Some((entry.key.clone(), entry.text()?)));
                texts.map(|(path, written)| (path, self.each(&written))).collect()
            })
            .unwrap_or_default();
        let elements = table.table("elements");
        let place = table.place().clone();
        table.refuse_unknown();
        let kind = kind?;
        let Some(kind_id) = fhir::tables::resource_type(&kind.value) else {
            let near = did_you_mean(&kind.value, fhir::tables::resource_types().map(|found| found.name()));
            self.notes.note(&kind.place, format!("FHIR R4 has no such resource type{near}"));
            return None;
        };
        let name = name?;
        self.named_once(&name, earlier);
        let Some(mut elements) = elements else {
            self.notes.note(&place, "`[resource.elements]` is missing: it says what goes where");
            return None;
        };
        let mut tree = Elements::new(kind_id, items);
        for entry in elements.rest() {
            tree.add(self, &entry, earlier, each);
        }
        let fields = tree.finish(self.notes, &place);
        Some(ResourcePlan { kind: kind_id, name: name.value, id_from, each, when, fields })
    }

    fn named_once(&self, name: &Written<String>, earlier: &[ResourcePlan]) {
        if !is_name(&name.value) {
            self.notes.note(&name.place, "a name has letters, digits, dots and hyphens only");
        }
        if earlier.iter().any(|held| held.name == name.value) {
            self.notes.note(&name.place, "another resource has this name");
        }
    }

    /// When something holds.
    fn test(&mut self, mut table: Table<'_, '_>) -> Test {
        let mut test = Test::default();
        for column in table.texts("present") {
            test.present.push(self.selector(&column));
        }
        for column in table.texts("absent") {
            test.absent.push(self.selector(&column));
        }
        if let Some(mut except) = table.table("except") {
            test.except = self.values(&mut except);
        }
        test.any = table.tables("any").into_iter().map(|any| self.test(any)).collect();
        test.values = self.values(&mut table);
        test
    }

    fn values(&mut self, table: &mut Table<'_, '_>) -> Vec<(usize, Vec<String>)> {
        let mut values = Vec::new();
        for entry in table.rest() {
            let wanted = entry.texts().into_iter().map(|value| super::codes::folded(value.value.trim()));
            values.push((self.selector(&entry.key), wanted.collect()));
        }
        values
    }
}

fn code_maps(mut table: Table<'_, '_>, notes: &Notebook) -> Vec<CodeMap> {
    let mut maps = Vec::new();
    for entry in table.rest() {
        let Some(mut written) = entry.table() else { continue };
        let uri = |found: Option<Written<String>>| {
            let found = found?;
            if !found.value.contains(':') || found.value.contains(char::is_whitespace) {
                notes.note(&found.place, "a system is a URI such as \"http://snomed.info/sct\"");
            }
            Some(found.value)
        };
        let system = uri(written.text("system"));
        let from_system = uri(written.text("from_system"));
        let is_open = written.flag("open");
        if is_open && from_system.is_none() {
            notes.note(written.place(), "codes that are taken as they come need a `from_system`");
        }
        let mut map = CodeMap::new(entry.key.value.clone(), system, from_system);
        map.open = is_open;
        if let Some(mut codes) = written.table("map") {
            for code in codes.rest() {
                let meant = meant(&code, notes);
                if let Some(meant) = meant
                    && !map.add(code.key.value.trim(), meant)
                {
                    notes.note(
                        &code.key.place,
                        "the same code stands here twice, but for upper and lower case",
                    );
                }
            }
        } else if !is_open {
            notes.note(written.place(), "`map` is missing, or `open = true` to take codes as they come");
        }
        written.refuse_unknown();
        maps.push(map);
    }
    maps
}

fn meant(entry: &super::written::Entry<'_, '_>, notes: &Notebook) -> Option<Meant> {
    let code = |code: &str| {
        if !is_code(code) {
            notes.note(&entry.key.place, "a code has no white space but single spaces inside");
        }
        code.to_owned()
    };
    if let Some(text) = entry.as_text() {
        return Some(Meant::Code { code: code(text), display: None, broader: false });
    }
    let mut table = entry.table()?;
    if table.flag("nothing") {
        table.refuse_unknown();
        return Some(Meant::Nothing);
    }
    let found = table.required_text("code").map(|written| code(&written.value));
    let display = table.text("display").map(|display| display.value);
    let broader = table.flag("broader");
    table.refuse_unknown();
    Some(Meant::Code { code: found?, display, broader })
}

fn segments(path: &str) -> Vec<String> {
    path.split('/').filter(|step| !step.is_empty() && *step != ".").map(str::to_owned).collect()
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}
