//! NHS numbers: the identifier that joins a person's records, consents and trail.

use std::fmt;
use std::str::FromStr;

/// An NHS number whose check digit holds.
///
/// `Debug` shows `NhsNumber(..)` and there is no `Display`: writing the digits anywhere takes a deliberate
/// [`as_str`](Self::as_str).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NhsNumber([u8; 10]);

/// Why a text is not an NHS number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNhsNumber {
    /// Not ten digits, plain or grouped 3-3-4 by single spaces.
    #[error("an NHS number has ten digits, plain or in groups of three, three and four")]
    NotTenDigits,
    /// The tenth digit is not the modulus 11 check digit of the others.
    #[error("the check digit of the NHS number does not hold")]
    CheckDigit,
    /// Ten zeros satisfy the check but were never given to anybody.
    #[error("an NHS number is never all zeros")]
    AllZeros,
}

impl NhsNumber {
    /// Reads an NHS number written plain (`9990000018`) or grouped (`999 000 0018`).
    ///
    /// # Errors
    /// [`InvalidNhsNumber`] says what does not hold; it never carries the text.
    pub fn parse(text: &str) -> Result<Self, InvalidNhsNumber> {
        let digits = match text.as_bytes() {
            [a, b, c, b' ', d, e, f, b' ', g, h, i, j] => [a, b, c, d, e, f, g, h, i, j].map(|digit| *digit),
            plain => <[u8; 10]>::try_from(plain).map_err(|_| InvalidNhsNumber::NotTenDigits)?,
        };
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(InvalidNhsNumber::NotTenDigits);
        }
        if digits.iter().all(|digit| *digit == b'0') {
            return Err(InvalidNhsNumber::AllZeros);
        }
        let [body @ .., check] = digits;
        let sum: u32 =
            (2..=10u32).rev().zip(body).map(|(weight, digit)| weight * u32::from(digit - b'0')).sum();
        let expected = match 11 - sum % 11 {
            11 => 0,
            10 => return Err(InvalidNhsNumber::CheckDigit),
            digit => digit,
        };
        if expected != u32::from(check - b'0') {
            return Err(InvalidNhsNumber::CheckDigit);
        }
        Ok(Self(digits))
    }

    /// The ten ASCII digits as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The ten ASCII digits as bytes.
    pub fn digits(&self) -> &[u8; 10] {
        &self.0
    }
}

impl FromStr for NhsNumber {
    type Err = InvalidNhsNumber;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Debug for NhsNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NhsNumber(..)")
    }
}
