//! The grammar of FHIR times.

use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan, civil};

use super::{InvalidDateTime, Precision};

/// What a text states, field by field; what it leaves out is the least possible.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Fields {
    start: civil::DateTime,
    /// Digits of the fraction of a second that count; more than nine are cut.
    fraction_digits: u32,
    pub(super) offset_seconds: Option<i32>,
}

impl Fields {
    pub(super) fn of(at: Timestamp) -> Self {
        Self { start: Offset::UTC.to_datetime(at), fraction_digits: 3, offset_seconds: Some(0) }
    }

    pub(super) fn offset(&self) -> Option<Offset> {
        self.offset_seconds.and_then(|seconds| Offset::from_seconds(seconds).ok())
    }

    /// First moment inside and first moment after, as a clock on the wall shows them; the latter is absent beyond the
    /// end of the year 9999.
    pub(super) fn civil_range(&self, precision: Precision) -> (civil::DateTime, Option<civil::DateTime>) {
        let span = match precision {
            Precision::Year => 1.year(),
            Precision::Month => 1.month(),
            Precision::Day => 1.day(),
            Precision::Minute => 1.minute(),
            Precision::Second => 1.second(),
            Precision::Fraction => 10i64.pow(9u32.saturating_sub(self.fraction_digits)).nanoseconds(),
        };
        (self.start, self.start.checked_add(span).ok())
    }
}

/// Reads any of the forms; which of them a type allows is for the caller to say.
pub(super) fn read(text: &str) -> Result<(Precision, Fields), InvalidDateTime> {
    let mut cursor = Cursor(text.as_bytes());
    let year = cursor.number(4)?;
    if year == 0 {
        return Err(InvalidDateTime::NoSuchTime);
    }
    let (mut precision, mut month, mut day) = (Precision::Year, 1, 1);
    if cursor.take(b'-') {
        (precision, month) = (Precision::Month, cursor.number(2)?);
        if cursor.take(b'-') {
            (precision, day) = (Precision::Day, cursor.number(2)?);
        }
    }
    let date = civil::Date::new(narrow(year)?, narrow(month)?, narrow(day)?)
        .map_err(|_| InvalidDateTime::NoSuchTime)?;
    if cursor.is_empty() {
        let fields = Fields { start: date.at(0, 0, 0, 0), fraction_digits: 0, offset_seconds: None };
        return Ok((precision, fields));
    }
    if precision != Precision::Day || !cursor.take(b'T') {
        return Err(InvalidDateTime::Shape);
    }
    time(&mut cursor, date)
}

fn time(cursor: &mut Cursor<'_>, date: civil::Date) -> Result<(Precision, Fields), InvalidDateTime> {
    let hour = cursor.number(2)?;
    cursor.expect(b':')?;
    let minute = cursor.number(2)?;
    let (mut precision, mut second, mut nanosecond, mut fraction_digits) = (Precision::Minute, 0, 0, 0);
    if cursor.take(b':') {
        (precision, second) = (Precision::Second, cursor.number(2)?);
        if cursor.take(b'.') {
            precision = Precision::Fraction;
            (nanosecond, fraction_digits) = cursor.fraction()?;
        }
    }
    // A leap second is counted as the last second of its minute.
    let second = if second == 60 { 59 } else { second };
    let time = civil::Time::new(narrow(hour)?, narrow(minute)?, narrow(second)?, nanosecond)
        .map_err(|_| InvalidDateTime::NoSuchTime)?;
    let offset_seconds = cursor.offset()?;
    if !cursor.is_empty() {
        return Err(InvalidDateTime::Shape);
    }
    Ok((precision, Fields { start: date.to_datetime(time), fraction_digits, offset_seconds }))
}

fn narrow<T: TryFrom<i32>>(number: i32) -> Result<T, InvalidDateTime> {
    T::try_from(number).map_err(|_| InvalidDateTime::NoSuchTime)
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, wanted: u8) -> bool {
        match self.0.split_first() {
            Some((byte, rest)) if *byte == wanted => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn expect(&mut self, wanted: u8) -> Result<(), InvalidDateTime> {
        if self.take(wanted) { Ok(()) } else { Err(InvalidDateTime::Shape) }
    }

    /// Exactly `count` digits.
    fn number(&mut self, count: usize) -> Result<i32, InvalidDateTime> {
        let (digits, rest) = self.0.split_at_checked(count).ok_or(InvalidDateTime::Shape)?;
        self.0 = rest;
        digits.iter().try_fold(0i32, |sum, digit| match digit {
            b'0'..=b'9' => Ok(sum * 10 + i32::from(digit - b'0')),
            _ => Err(InvalidDateTime::Shape),
        })
    }

    /// One or more digits as nanoseconds, and how many of them count.
    fn fraction(&mut self) -> Result<(i32, u32), InvalidDateTime> {
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(count).ok_or(InvalidDateTime::Shape)?;
        if digits.is_empty() {
            return Err(InvalidDateTime::Shape);
        }
        self.0 = rest;
        let padded = digits.iter().copied().chain(std::iter::repeat(b'0')).take(9);
        let nanoseconds = padded.fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'));
        Ok((nanoseconds, u32::try_from(count.min(9)).unwrap_or(9)))
    }

    /// `Z`, `+hh:mm`, `-hh:mm` or nothing.
    fn offset(&mut self) -> Result<Option<i32>, InvalidDateTime> {
        if self.take(b'Z') {
            return Ok(Some(0));
        }
        let sign = match (self.take(b'+'), self.take(b'-')) {
            (false, false) => return Ok(None),
            (true, _) => 1,
            (false, true) => -1,
        };
        let hours = self.number(2)?;
        self.expect(b':')?;
        let minutes = self.number(2)?;
        if hours > 14 || minutes > 59 || (hours == 14 && minutes > 0) {
            return Err(InvalidDateTime::NoSuchTime);
        }
        Ok(Some(sign * (hours * 3600 + minutes * 60)))
    }
}
