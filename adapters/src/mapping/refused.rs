//! Why a file, or a record of it, was not translated.

/// Why a file, or a record of it, was not translated. No variant holds content of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// This record only: the next may be read.
    Record,
    /// Nothing more can be read.
    File,
}

/// Why a file, or a record of it, was not translated. No variant holds content of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The file is in UTF-16.
    #[error("the file is in utf-16: save it as utf-8")]
    Utf16,
    /// The bytes are not in the character set that the mapping names, or that a file of XML declares.
    #[error("byte {byte} is not in the character set that the mapping names (`charset`) or the xml declares")]
    Encoding {
        /// The first byte that is wrong, counted from 0.
        byte: u64,
    },
    /// A file of XML declares a character set that is not read, or that its byte order mark or its bytes speak against.
    #[error(
        "the file declares a character set that it is not in, or that is not read: save it as utf-8 and declare that"
    )]
    Declared,
    /// Reading failed.
    #[error("the file cannot be read: {kind}")]
    Unreadable {
        /// What failed.
        kind: std::io::ErrorKind,
    },
    /// The file has no header and no rows.
    #[error("the file is empty")]
    Empty,
    /// A column that the mapping needs.
    #[error(
        "the file has no column `{name}`: look how it is spelt in the file, and whether `delimiter` is what stands between \
         columns; if it may be missing, name it in `optional`"
    )]
    NoColumn {
        /// As the mapping calls it.
        name: String,
    },
    /// Two columns that the mapping cannot tell apart.
    #[error("the file has more than one column `{name}`")]
    SameColumn {
        /// As the mapping calls it.
        name: String,
    },
    /// The header or the rows have not as many cells as they must.
    #[error("row {row} has {found} cells where {wanted} are wanted")]
    Ragged {
        /// The row.
        row: u64,
        /// Its cells.
        found: usize,
        /// What it should have.
        wanted: usize,
        /// Whether other rows may still be read: not when they are gathered by a key.
        reach: Reach,
    },
    /// A quote that is never closed.
    #[error("a quote in row {row} is never closed")]
    Unterminated {
        /// The row in which it opens.
        row: u64,
    },
    /// Letters between a closing quote and the delimiter.
    #[error("letters follow a closing quote in row {row}")]
    Quote {
        /// The row.
        row: u64,
    },
    /// More than a bound allows.
    #[error("more than {max} {unit}{}", row_text(*.row))]
    TooLarge {
        /// The bound.
        max: usize,
        /// What is bounded.
        unit: &'static str,
        /// The row or line, 0 when none is known.
        row: u64,
    },
    /// Rows with a key that stood elsewhere in the file, apart from these.
    #[error("the key of row {row} stood further up, apart from it: sort the file by `record_key`")]
    KeyReturns {
        /// The row.
        row: u64,
    },
    /// A resource whose id cannot be made, because what it is made from is empty.
    #[error("{place}: what the id of `{resource}` is made from is empty")]
    NoKey {
        /// As the mapping calls it.
        resource: String,
        /// Where the record stands.
        place: String,
    },
    /// A resource whose id cannot be made, because the record says several things where it is made from: it may be about
    /// several people.
    #[error("{place}: what the id of `{resource}` is made from holds several values")]
    KeyTwice {
        /// As the mapping calls it.
        resource: String,
        /// Where the record stands.
        place: String,
    },
    /// A resource whose id is to be what its columns say, which no id of FHIR can be.
    #[error(
        "{place}: what the id of `{resource}` is made from cannot be an id: letters, digits and hyphens, 64 at most"
    )]
    KeyNotAnId {
        /// As the mapping calls it.
        resource: String,
        /// Where the record stands.
        place: String,
    },
    /// Two different resources of a record would have the same id.
    #[error("{place}: two different `{resource}` would have the same id; `id_from` does not tell them apart")]
    SameKey {
        /// As the mapping calls it.
        resource: String,
        /// Where the record stands.
        place: String,
    },
    /// The mapping makes nothing of a record.
    #[error(
        "{place}: the mapping makes no resource of it: nothing stands where the rules look, or no `when` holds"
    )]
    NothingBuilt {
        /// Where the record stands.
        place: String,
    },
    /// There is nothing at the path of the records.
    #[error("there are no records at the path that the mapping names (`records`)")]
    NoRecords,
    /// A record that is no object.
    #[error("{place}: not an object")]
    NotARecord {
        /// Where it stands.
        place: String,
    },
    /// Not JSON that may be read.
    #[error("not json: {0}")]
    Json(fhir::json::Invalid),
    /// A document type declaration.
    #[error("a document type declaration is not allowed")]
    DocumentType,
    /// An entity that XML itself does not define.
    #[error("an entity that xml does not define")]
    Entity,
    /// Not well-formed XML.
    #[error("not well-formed xml")]
    Xml,
    /// A Bundle that is read back is none of this mapping.
    #[error("not a bundle that this mapping wrote, with its provenance")]
    NotOurs,
    /// The rows would say what a label protects, without the label.
    #[error("{place} is a security label that the rows would not say, and what it protects they would")]
    LabelLost {
        /// Its path in the Bundle.
        place: String,
    },
    /// The mapping cannot be read backwards.
    #[error("only a mapping of csv can be read backwards")]
    OneWay,
}

fn row_text(row: u64) -> String {
    if row == 0 { String::new() } else { format!(" in row {row}") }
}

impl Refused {
    /// Whether the records after this one may still be read.
    #[must_use]
    pub fn reach(&self) -> Reach {
        match self {
            Self::Ragged { reach, .. } => *reach,
            Self::NoKey { .. }
            | Self::KeyTwice { .. }
            | Self::KeyNotAnId { .. }
            | Self::SameKey { .. }
            | Self::NothingBuilt { .. }
            | Self::NotARecord { .. }
            | Self::LabelLost { .. }
            | Self::NotOurs => Reach::Record,
            Self::Utf16
            | Self::Encoding { .. }
            | Self::Declared
            | Self::Unreadable { .. }
            | Self::Empty
            | Self::NoColumn { .. }
            | Self::SameColumn { .. }
            | Self::Unterminated { .. }
            | Self::Quote { .. }
            | Self::TooLarge { .. }
            | Self::KeyReturns { .. }
            | Self::NoRecords
            | Self::Json(_)
            | Self::DocumentType
            | Self::Entity
            | Self::Xml
            | Self::OneWay => Reach::File,
        }
    }

    /// The same, in this row.
    pub(super) fn in_row(self, number: u64) -> Self {
        if let Self::TooLarge { max, unit, row: 0 } = self {
            return Self::TooLarge { max, unit, row: number };
        }
        self
    }
}
