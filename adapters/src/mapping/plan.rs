//! A mapping as it is meant: everything is looked up, nothing is left to be found out while rows go by.

use fhir::tables::TypeId;
use jiff::tz::TimeZone;

use super::codes::CodeMap;
use super::dates::Pattern;
use crate::Severity;

/// A checked mapping.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) source: Source,
    /// Every column or path that is named.
    pub(super) selectors: Vec<Selector>,
    pub(super) codes: Vec<CodeMap>,
    pub(super) resources: Vec<ResourcePlan>,
    /// Columns that are left out on purpose, and how much that matters.
    pub(super) left_out: Vec<(usize, Severity)>,
    /// Values that say that there is none.
    pub(super) nulls: Vec<String>,
    /// Whose clock the sender's local times are; the context's when it is not told.
    pub(super) zone: Option<TimeZone>,
}

/// How the file is written.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) format: Format,
    pub(super) charset: FileCharset,
    pub(super) delimiter: u8,
    /// The way to the records of a JSON or XML file.
    pub(super) records: Vec<String>,
    /// Rows beside each other with the same values here are one record. Empty: each row is one.
    pub(super) record_key: Vec<usize>,
    /// The columns of a file without a header.
    pub(super) columns: Option<Vec<String>>,
    /// Columns that a file may lack.
    pub(super) optional: Vec<usize>,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    Json,
    Ndjson,
    Xml,
}

/// How the letters of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileCharset {
    Utf8,
    Windows1252,
}

/// A column, or a path inside a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selector {
    /// As the mapping writes it.
    pub(super) written: String,
    /// The names on the way; for a column its one name, folded.
    pub(super) path: Vec<String>,
    /// Whether the way begins at the record, wherever it is used.
    pub(super) from_record: bool,
}

/// One resource of a record.
#[derive(Debug)]
pub(super) struct ResourcePlan {
    pub(super) kind: TypeId,
    /// As the mapping calls it.
    pub(super) name: String,
    /// What its id is made from.
    pub(super) id_from: Vec<usize>,
    pub(super) each: Option<Each>,
    pub(super) when: Option<Test>,
    pub(super) fields: Vec<Field>,
}

/// Something that happens once for every row or item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Each {
    /// Every row of the record.
    Rows,
    /// Every item at this path.
    Items(usize),
}

/// One element of an object.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) key: &'static str,
    /// The element by its place in the tables: the types of a choice share it.
    pub(super) element: usize,
    pub(super) form: Form,
    pub(super) is_choice: bool,
    pub(super) required: bool,
    pub(super) is_primitive: bool,
    pub(super) items: Vec<Item>,
}

/// Whether an element repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    One,
    List,
}

/// One value of an element.
#[derive(Debug)]
pub(super) struct Item {
    /// What tells it from others of the list; empty when there is one.
    pub(super) label: String,
    pub(super) each: Option<Each>,
    pub(super) shape: Shape,
    /// Whether anything of it comes from the source.
    pub(super) is_sourced: bool,
}

/// What a value is made of.
#[derive(Debug)]
pub(super) enum Shape {
    Object(TypeId, Vec<Field>),
    /// The first rule that yields something.
    Value(Vec<Rule>),
}

/// Where a value comes from.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) value: Value,
    pub(super) when: Option<Test>,
    /// What stands when the cell is empty, as JSON.
    pub(super) default: Option<Vec<u8>>,
    /// What stands when the cell cannot be understood, as JSON.
    pub(super) otherwise: Option<Vec<u8>>,
    /// How much it matters when the cell cannot be carried.
    pub(super) severity: Severity,
    /// The path of the element, as the mapping writes it.
    pub(super) path: String,
}

/// What a rule writes.
#[derive(Debug)]
pub(super) enum Value {
    /// This, as JSON.
    Fixed(Vec<u8>),
    /// A reference to another resource of the record.
    Reference(usize),
    /// What a cell says.
    Cell { selector: usize, conversion: Conversion },
}

/// How the text of a cell becomes a value.
#[derive(Debug)]
pub(super) enum Conversion {
    Text,
    /// A text without white space.
    Uri,
    /// Base64, checked and carried as it is.
    Base64,
    /// A list of texts in one cell.
    Split(char),
    Code(usize),
    Coding(usize),
    Concept(usize),
    /// By a code map, or as JSON writes it.
    Boolean(Option<usize>),
    /// A whole number of at least this.
    Integer(i64),
    Decimal,
    /// A number, and what follows it inside the quantity, as JSON.
    Quantity(Vec<u8>),
    Time(TimeKind, Vec<Pattern>),
    /// The system of the identifier.
    Identifier(String),
    /// A reference by identifier: the type it points at, and the system.
    Logical(&'static str, String),
}

/// Which of FHIR's types of time is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeKind {
    Date,
    DateTime,
    Instant,
    Time,
}

/// When something holds. Everything must.
#[derive(Debug, Default)]
pub(super) struct Test {
    pub(super) present: Vec<usize>,
    pub(super) absent: Vec<usize>,
    pub(super) values: Vec<(usize, Vec<String>)>,
    pub(super) except: Vec<(usize, Vec<String>)>,
    /// One of these, when there are any.
    pub(super) any: Vec<Self>,
}

impl Plan {
    /// The severity of a cell that has no place: as the mapping says, or minor.
    pub(super) fn severity_of(&self, selector: Option<usize>) -> Option<Severity> {
        let found = self.left_out.iter().find(|(left_out, _)| Some(*left_out) == selector);
        found.map(|(_, severity)| *severity)
    }
}

/// Column names are compared without regard to case, spaces, hyphens and underscores.
#[must_use]
pub fn folded_column(name: &str) -> String {
    let folded: String =
        name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if folded.is_empty() { name.trim().to_owned() } else { folded }
}
