//! Strict JSON over the received bytes.
//!
//! [`parse`] checks the whole text once and yields a [`Document`]: the bytes as they came and a compact index over
//! them. [`Node`] is a cursor into it that copies nothing. What the grammar of RFC 8259 leaves to taste is refused
//! here, because two readers that differ on it would see two records: duplicate member names (also when one is
//! escaped), lone surrogates, a byte order mark, trailing bytes. Numbers stay the text they were.
//!
//! Deliberately absent: editing, serialising a document, and any message that quotes content.

mod document;
mod parse;
mod scan;
mod tape;
#[cfg(test)]
mod tests;
mod value;
mod walk;
mod write;

pub use document::{Document, Items, Key, Kind, Members, MembersWithin, Node, Place};
pub use parse::parse;
pub use value::{parse_into, parse_value};
pub use walk::Walk;
pub use write::{Writer, quote};

/// Bounds on one JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole text; never more than 256 MiB, whatever is asked.
    pub bytes_max: usize,
    /// Objects and arrays inside one another; the outermost counts as one. Never more
    /// than 512, whatever is asked.
    pub depth_max: usize,
    /// Members of one object.
    pub members_max: usize,
    /// Values of the whole text: scalars, arrays and objects.
    pub values_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_max: 16 << 20, depth_max: 64, members_max: 1_000, values_max: 2_000_000 }
    }
}

/// Why a text is not JSON that may be read. Positions are byte offsets; nothing of the content is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The text is longer than allowed.
    #[error("the text is longer than {bytes_max} bytes")]
    TooLong {
        /// The bound.
        bytes_max: usize,
    },
    /// The text starts with a byte order mark.
    #[error("the text starts with a byte order mark")]
    ByteOrderMark,
    /// The text is not UTF-8.
    #[error("the text is not utf-8 at byte {at}")]
    Utf8 {
        /// Where the first bad byte is.
        at: usize,
    },
    /// The text ends inside a value, or is empty.
    #[error("the text ends too early at byte {at}")]
    Ended {
        /// The length of the text.
        at: usize,
    },
    /// A byte that the grammar does not allow there.
    #[error("unexpected byte at {at}")]
    Unexpected {
        /// Where it is.
        at: usize,
    },
    /// Something other than white space follows the value.
    #[error("bytes follow the value at byte {at}")]
    Trailing {
        /// Where they start.
        at: usize,
    },
    /// A control character inside a string.
    #[error("unescaped control character at byte {at}")]
    Control {
        /// Where it is.
        at: usize,
    },
    /// A backslash that starts no escape.
    #[error("bad escape at byte {at}")]
    Escape {
        /// Where the backslash is.
        at: usize,
    },
    /// An escaped surrogate without its other half.
    #[error("lone surrogate at byte {at}")]
    Surrogate {
        /// Where the backslash is.
        at: usize,
    },
    /// A number that the grammar does not allow.
    #[error("bad number at byte {at}")]
    Number {
        /// Where the number starts.
        at: usize,
    },
    /// A name stands twice in one object, escaped or not.
    #[error("duplicate member name at byte {at}")]
    Duplicate {
        /// Where the second one, or the object that holds both, starts.
        at: usize,
    },
    /// Too many objects and arrays inside one another.
    #[error("nested deeper than {depth_max} at byte {at}")]
    TooDeep {
        /// Where the one too many starts.
        at: usize,
        /// The bound.
        depth_max: usize,
    },
    /// Too many members in one object.
    #[error("an object has more than {members_max} members at byte {at}")]
    TooManyMembers {
        /// Where the one too many starts.
        at: usize,
        /// The bound.
        members_max: usize,
    },
    /// Too many values in the text.
    #[error("more than {values_max} values at byte {at}")]
    TooManyValues {
        /// Where the one too many starts.
        at: usize,
        /// The bound.
        values_max: usize,
    },
    /// Well-formed, but not of the shape that was asked for ([`parse_into`] only).
    #[error("the text does not have the expected shape")]
    Shape,
}
