//! What a translation could not carry.

use std::fmt;

/// Something of the source that the Bundle does not carry, or carries changed.
///
/// Holds the place and the reason, never the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Where it stood: for HL7 v2 `segment[occurrence]-field[repetition].component.subcomponent`,
    /// numbers that are 1 by default left out: `PID-5[2].4`; for a mapping the row and column, or the path.
    pub place: String,
    /// Why it was not carried.
    pub why: Why,
    /// How much it matters.
    pub severity: Severity,
}

/// How much a loss matters to whoever receives the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Sequence numbers, routing, formatting.
    Trivial,
    /// Administrative detail.
    Minor,
    /// Content that identifies the person or that care may depend on.
    Major,
}

/// Why something was not carried as it stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The map has no place for it.
    NotMapped,
    /// The element takes one value and had one.
    PlaceTaken,
    /// The sender wrote that there is no value.
    Nulled,
    /// The element takes only certain codes, and this is none of them.
    CodeNotMapped,
    /// The code was carried as a broader one.
    Narrowed,
    /// Not a date or time that exists, or less exact than FHIR can say.
    NotATime,
    /// A local time that happens twice when the clocks go back; the first was taken.
    TimeAmbiguous,
    /// Called an NHS number but the check digit is wrong; carried as a plain value.
    NotAnNhsNumber,
    /// An NHS number beside another one: both are carried, and nothing says which is the person's.
    AnotherNhsNumber,
    /// Where somebody is whose whereabouts are protected, in words that have no mark of protection for it.
    Protected,
    /// Not of the form the element needs.
    NotOfType,
    /// Characters that FHIR does not allow were left out.
    ControlCharacters,
    /// An escape sequence that is not understood was carried as it stood, or formatting was left out.
    Escape,
    /// The message holds letters beyond ASCII and names no character set; it was read as UTF-8.
    CharsetUndeclared,
    /// The message holds letters of Windows-1252 that the set it names has not; they were read as these.
    CharsetWider,
    /// The message names a set of one byte a letter, and its letters beyond ASCII are all such as UTF-8 writes them.
    CharsetDoubtful,
    /// The message switches to another character set in the midst of a value, which was not followed.
    CharsetSwitched,
    /// The document's content cannot be decoded.
    DocumentUnreadable,
    /// A message that should carry a document carries none.
    NoDocument,
    /// The sender marked the document part as wrong or deleted.
    Withdrawn,
    /// Not in the code map; carried as the sender's own code or text.
    CodeKept,
    /// The map has a place for it, but not under the conditions that hold.
    ConditionUnmet,
    /// The map, or the receiver, leaves it out on purpose.
    LeftOut,
    /// The release of FHIR that the input is of has no such element.
    UnknownElement,
    /// The standard asks for it, and the source does not have it.
    Missing,
    /// A trailer counts other than what there is: something may have been cut off, or added.
    Miscounted,
    /// A time that ends before it begins: the end was left out.
    EndsBeforeStart,
    /// A notice was issued less than a day before what it gives notice of.
    ShortNotice,
    /// The version that the receiver takes has no place for it.
    VersionLacks,
    /// It was cut to what the receiver takes.
    Truncated,
    /// It holds letters that the receiver's character set has not.
    Unencodable,
    /// Rows that are made of a Bundle do not say it, or the mapping reads something else there.
    NotInRows,
    /// The mapping would refuse the rows that are made of a Bundle: what they do not hold cannot be told.
    RowsRefused,
}

impl Why {
    /// A sentence for an operator, with nothing of the message in it.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::NotMapped => "the map has no place for it",
            Self::PlaceTaken => "the element takes one value and has one",
            Self::Nulled => "the sender says that there is no value",
            Self::CodeNotMapped => "the element takes only certain codes and this is none of them",
            Self::Narrowed => "carried as a broader code",
            Self::NotATime => "not a date or time that FHIR can say",
            Self::TimeAmbiguous => "a local time that happens twice, the first was taken",
            Self::NotAnNhsNumber => "not a valid NHS number, carried as a plain value",
            Self::AnotherNhsNumber => {
                "another NHS number stands beside it, and nothing says which is the person's"
            }
            Self::Protected => {
                "where a protected person is, which is not said without the mark of protection"
            }
            Self::NotOfType => "not of the form the element needs",
            Self::ControlCharacters => "control characters were left out",
            Self::Escape => "an escape sequence was carried as text or left out",
            Self::CharsetUndeclared => "no character set is named, read as utf-8",
            Self::CharsetWider => "letters of windows-1252 that the named character set has not",
            Self::CharsetDoubtful => "letters that look like utf-8 were read as the named character set",
            Self::CharsetSwitched => "a switch to another character set was not followed",
            Self::DocumentUnreadable => "the content of the document cannot be decoded",
            Self::NoDocument => "there is no document content in the message",
            Self::Withdrawn => "the sender marked this part as wrong or deleted",
            Self::CodeKept => "not in the code map, carried as the sender's own",
            Self::ConditionUnmet => "the conditions of the map leave no place for it",
            Self::LeftOut => "the map leaves it out on purpose",
            Self::UnknownElement => "the release of the input has no such element",
            Self::Missing => "the standard asks for it and it is not there",
            Self::Miscounted => "a trailer counts other than what there is",
            Self::EndsBeforeStart => "it ends before it begins, so the end was left out",
            Self::ShortNotice => "issued less than a day before the proposed discharge",
            Self::VersionLacks => "the version of the receiver has no place for it",
            Self::Truncated => "cut to the length that the receiver takes",
            Self::Unencodable => "letters that the receiver's character set has not were replaced",
            Self::NotInRows => "the rows do not say it",
            Self::RowsRefused => {
                "the mapping would not read these rows as one record again, so what they lack is not known"
            }
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}\t{}\t{}", self.place, self.severity, self.why.text())
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Trivial => "trivial",
            Self::Minor => "minor",
            Self::Major => "major",
        })
    }
}
