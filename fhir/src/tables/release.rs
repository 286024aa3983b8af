//! Which release of FHIR a type is of, and where the tables of that release are.

use std::sync::LazyLock;

use super::{TABLES, Tables, decode};

/// Those of the other releases, by [`Release::number`] less one.
static OTHERS: [LazyLock<Tables>; 4] = [
    LazyLock::new(|| decode::decode(Release::Dstu2, Release::Dstu2.text()).unwrap_or_default()),
    LazyLock::new(|| decode::decode(Release::Stu3, Release::Stu3.text()).unwrap_or_default()),
    LazyLock::new(|| decode::decode(Release::R4b, Release::R4b.text()).unwrap_or_default()),
    LazyLock::new(|| decode::decode(Release::R5, Release::R5.text()).unwrap_or_default()),
];

/// A release of FHIR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Release {
    /// DSTU2 (1.0.2).
    Dstu2,
    /// STU3 (3.0.2).
    Stu3,
    /// R4 (4.0.1), which everything here speaks unless it says otherwise.
    R4,
    /// R4B (4.3.0).
    R4b,
    /// R5 (5.0.0).
    R5,
}

impl Release {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Dstu2 => include_str!("dstu2.txt"),
            Self::Stu3 => include_str!("stu3.txt"),
            Self::R4 => include_str!("r4.txt"),
            Self::R4b => include_str!("r4b.txt"),
            Self::R5 => include_str!("r5.txt"),
        }
    }

    /// The upper bits of the ids of its types and elements; R4 has none.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::R4 => 0,
            Self::Dstu2 => 1,
            Self::Stu3 => 2,
            Self::R4b => 3,
            Self::R5 => 4,
        }
    }

    pub(super) fn tables(self) -> &'static Tables {
        tables(self.number())
    }
}

/// The tables of the release with this number.
#[inline]
pub(super) fn tables(number: u8) -> &'static Tables {
    match usize::from(number).checked_sub(1).and_then(|at| OTHERS.get(at)) {
        None => &TABLES,
        Some(others) => others,
    }
}
