//! ODS codes: the names of NHS organisations, councils and care providers.

use std::fmt;
use std::str::FromStr;

/// An ODS organisation or site code, in upper case.
///
/// ODS codes are the same code in either case, so they are folded when they are read: two spellings of one
/// organisation never become two organisations.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OdsCode(Box<str>);

/// Why a text is not an ODS code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOdsCode {
    /// Not three to twelve letters and digits.
    #[error("an ODS code has three to twelve letters and digits")]
    Shape,
    /// A setting names an organisation without `ods:` in front.
    #[error("an organisation is written as ods:CODE")]
    Prefix,
}

impl OdsCode {
    /// Reads a bare code such as `RX1`.
    ///
    /// # Errors
    /// [`InvalidOdsCode::Shape`].
    pub fn parse(text: &str) -> Result<Self, InvalidOdsCode> {
        if !(3..=12).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(InvalidOdsCode::Shape);
        }
        Ok(Self(text.to_ascii_uppercase().into_boxed_str()))
    }

    /// Reads the form that settings and agreements use: `ods:RX1`.
    ///
    /// # Errors
    /// [`InvalidOdsCode`].
    pub fn parse_setting(text: &str) -> Result<Self, InvalidOdsCode> {
        Self::parse(text.strip_prefix("ods:").ok_or(InvalidOdsCode::Prefix)?)
    }

    /// Whether one is the other, or a site of it: an organisation with a code of three characters, such as a trust, has
    /// sites whose codes of five begin with them.
    #[must_use]
    pub fn is_or_has_site(&self, other: &Self) -> bool {
        let (whole, site) = if self.0.len() <= other.0.len() { (self, other) } else { (other, self) };
        self == other || (whole.0.len() == 3 && site.0.len() == 5 && site.0.starts_with(&*whole.0))
    }

    /// The code in upper case, without prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that settings and agreements use: `ods:RX1`.
    pub fn to_setting(&self) -> String {
        format!("ods:{}", self.0)
    }
}

impl FromStr for OdsCode {
    type Err = InvalidOdsCode;

    /// Reads `RX1` or `ods:RX1`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text.strip_prefix("ods:").unwrap_or(text))
    }
}

impl fmt::Display for OdsCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for OdsCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OdsCode({})", self.0)
    }
}
