//! Versions of HL7 v2.

/// A version of HL7 v2, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(usize);

const NAMES: [&str; 11] =
    ["2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2"];

impl Version {
    /// The version called `text`, from 2.3 to 2.8.2.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        NAMES.iter().position(|name| *name == text).map(Self)
    }

    /// As MSH-12 has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        NAMES.get(self.0).copied().unwrap_or("2.4")
    }

    /// Whether it is 2.5 or later: encoded types, ERR by codes.
    pub(in crate::hl7v2) fn is_2_5(self) -> bool {
        self.0 >= 3
    }

    /// Whether it is 2.7 or later: truncation is marked.
    pub(in crate::hl7v2) fn is_2_7(self) -> bool {
        self.0 >= 6
    }
}
