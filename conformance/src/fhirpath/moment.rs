//! Dates, times and both, with the precision that they state.

use std::cmp::Ordering;
use std::fmt;

use jiff::civil;

/// A date, a time of day, or both, as far as it is stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub(super) year: i16,
    pub(super) month: u8,
    pub(super) day: u8,
    pub(super) hour: u8,
    pub(super) minute: u8,
    pub(super) second: u8,
    pub(super) nanos: u32,
    pub(super) precision: Precision,
    /// Minutes east of Greenwich.
    pub(super) offset: Option<i16>,
}

/// How much of a moment is stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// `2026`
    Year,
    /// `2026-04`
    Month,
    /// `2026-04-01`
    Day,
    /// `T10`
    Hour,
    /// `T10:30`
    Minute,
    /// `T10:30:00`
    Second,
    /// `T10:30:00.000`
    Fraction,
}

impl Precision {
    pub(super) const ALL: [Self; 7] =
        [Self::Year, Self::Month, Self::Day, Self::Hour, Self::Minute, Self::Second, Self::Fraction];

    /// The digits of a dateTime of this precision; of a time of day eight fewer.
    pub(super) const fn digits(self) -> i64 {
        match self {
            Self::Year => 4,
            Self::Month => 6,
            Self::Day => 8,
            Self::Hour => 10,
            Self::Minute => 12,
            Self::Second => 14,
            Self::Fraction => 17,
        }
    }
}

impl Moment {
    const START: Self = Self {
        year: 1,
        month: 1,
        day: 1,
        hour: 0,
        minute: 0,
        second: 0,
        nanos: 0,
        precision: Precision::Year,
        offset: None,
    };

    /// Reads a date: `2026`, `2026-04`, `2026-04-01`.
    #[must_use]
    pub fn date(text: &str) -> Option<Self> {
        let (moment, rest) = date_part(text)?;
        rest.is_empty().then_some(moment)
    }

    /// Reads a date and time, or a date alone: `2026-04-01T10:30:00.5+01:00`.
    #[must_use]
    pub fn date_time(text: &str) -> Option<Self> {
        let (moment, rest) = date_part(text)?;
        match rest.strip_prefix('T') {
            None => rest.is_empty().then_some(moment),
            Some("") => Some(moment),
            Some(time) => {
                if moment.precision != Precision::Day {
                    return None;
                }
                let (moment, rest) = time_part(moment, time)?;
                let offset = offset(rest)?;
                Some(Self { offset, ..moment })
            }
        }
    }

    /// Reads a time of day: `10:30:00`.
    #[must_use]
    pub fn time(text: &str) -> Option<Self> {
        let (moment, rest) = time_part(Self::START, text)?;
        rest.is_empty().then_some(moment)
    }

    /// A moment of a clock, in UTC and milliseconds.
    #[must_use]
    pub fn of(now: jiff::Timestamp) -> Self {
        let utc = jiff::tz::Offset::UTC.to_datetime(now);
        let whole = utc.subsec_nanosecond() / 1_000_000 * 1_000_000;
        Self {
            nanos: whole.unsigned_abs(),
            precision: Precision::Fraction,
            offset: Some(0),
            ..Self::START.with(utc)
        }
    }

    /// The day of it.
    pub(super) fn to_day(self) -> Self {
        Self {
            year: self.year,
            month: self.month,
            day: self.day,
            precision: self.precision.min(Precision::Day),
            ..Self::START
        }
    }

    /// The time of day of it.
    pub(super) fn to_time(self) -> Self {
        Self { year: 1, month: 1, day: 1, offset: None, ..self }
    }

    pub(super) fn civil(self) -> Option<civil::DateTime> {
        let byte = |value: u8| i8::try_from(value).ok();
        civil::DateTime::new(
            self.year,
            byte(self.month)?,
            byte(self.day)?,
            byte(self.hour)?,
            byte(self.minute)?,
            byte(self.second)?,
            i32::try_from(self.nanos).ok()?,
        )
        .ok()
    }

    /// The same precision and offset with other fields.
    pub(super) fn with(self, civil: civil::DateTime) -> Self {
        let byte = |value: i8| value.unsigned_abs();
        Self {
            year: civil.year(),
            month: byte(civil.month()),
            day: byte(civil.day()),
            hour: byte(civil.hour()),
            minute: byte(civil.minute()),
            second: byte(civil.second()),
            nanos: civil.subsec_nanosecond().unsigned_abs(),
            ..self
        }
    }

    fn in_utc(self) -> Option<Self> {
        let minutes = i64::from(self.offset?);
        let span = jiff::Span::new().try_minutes(-minutes).ok()?;
        Some(Self { offset: Some(0), ..self.with(self.civil()?.checked_add(span).ok()?) })
    }

    /// Compares as far as both are stated; nothing when what is stated does not tell.
    #[must_use]
    pub fn compare(self, other: Self) -> Option<Ordering> {
        let timed = self.precision >= Precision::Hour && other.precision >= Precision::Hour;
        match (self.offset, other.offset) {
            (Some(left), Some(right)) if timed && left != right => self.in_utc()?.by_fields(other.in_utc()?),
            (Some(_), None) | (None, Some(_)) if timed => self.apart(other),
            _ => self.by_fields(other),
        }
    }

    /// Compares one that states its offset with one that does not: no offset is beyond fourteen hours.
    fn apart(self, other: Self) -> Option<Ordering> {
        let utc = |one: Self| if one.offset.is_some() { one.in_utc()?.civil() } else { one.civil() };
        let (left, right) = (utc(self)?, utc(other)?);
        let hours = right.since((jiff::Unit::Hour, left)).ok()?.get_hours();
        (hours.abs() > 15).then(|| left.cmp(&right))
    }

    fn by_fields(self, other: Self) -> Option<Ordering> {
        let fields = |one: Self| {
            let second = (u64::from(one.second) << 32) | u64::from(one.nanos);
            [
                (Precision::Year, u64::from(one.year.unsigned_abs())),
                (Precision::Month, one.month.into()),
                (Precision::Day, one.day.into()),
                (Precision::Hour, one.hour.into()),
                (Precision::Minute, one.minute.into()),
                (Precision::Second, second),
            ]
        };
        for ((precision, left), (_, right)) in fields(self).into_iter().zip(fields(other)) {
            match (self.precision >= precision, other.precision >= precision) {
                (true, true) if left != right => return Some(left.cmp(&right)),
                (true, true) => {}
                (false, false) => break,
                (true, false) | (false, true) => return None,
            }
        }
        Some(Ordering::Equal)
    }

    /// Its text as a date or dateTime.
    pub(super) fn write_date_time(self, out: &mut impl fmt::Write) -> fmt::Result {
        write!(out, "{:04}", self.year)?;
        if self.precision >= Precision::Month {
            write!(out, "-{:02}", self.month)?;
        }
        if self.precision >= Precision::Day {
            write!(out, "-{:02}", self.day)?;
        }
        if self.precision >= Precision::Hour {
            out.write_str("T")?;
            self.write_time(out)?;
        }
        match self.offset {
            Some(0) => out.write_str("Z"),
            Some(offset) => {
                let sign = if offset < 0 { '-' } else { '+' };
                write!(out, "{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60)
            }
            None => Ok(()),
        }
    }

    /// Its text as a time of day.
    pub(super) fn write_time(self, out: &mut impl fmt::Write) -> fmt::Result {
        write!(out, "{:02}", self.hour)?;
        if self.precision >= Precision::Minute {
            write!(out, ":{:02}", self.minute)?;
        }
        if self.precision >= Precision::Second {
            write!(out, ":{:02}", self.second)?;
        }
        if self.precision >= Precision::Fraction {
            let nanos = format!("{:09}", self.nanos);
            let kept = nanos.trim_end_matches('0').len().max(3);
            write!(out, ".{}", nanos.get(..kept).unwrap_or(&nanos))?;
        }
        Ok(())
    }
}

/// Takes `count` digits off the front.
fn digits(text: &str, count: usize) -> Option<(u16, &str)> {
    let (number, rest) = text.split_at_checked(count)?;
    let plain = number.bytes().all(|byte| byte.is_ascii_digit());
    Some((number.parse().ok().filter(|_| plain)?, rest))
}

fn two(text: &str, from: u8, to: u8) -> Option<(u8, &str)> {
    let (number, rest) = digits(text, 2)?;
    let number = u8::try_from(number).ok().filter(|number| (from..=to).contains(number))?;
    Some((number, rest))
}

fn date_part(text: &str) -> Option<(Moment, &str)> {
    let (year, rest) = digits(text, 4)?;
    let mut moment = Moment { year: i16::try_from(year).ok().filter(|year| *year > 0)?, ..Moment::START };
    let Some(month) = rest.strip_prefix('-') else { return Some((moment, rest)) };
    let (month, rest) = two(month, 1, 12)?;
    (moment.month, moment.precision) = (month, Precision::Month);
    let Some(day) = rest.strip_prefix('-') else { return Some((moment, rest)) };
    let (day, rest) = two(day, 1, 31)?;
    (moment.day, moment.precision) = (day, Precision::Day);
    moment.civil()?;
    Some((moment, rest))
}

fn time_part(moment: Moment, text: &str) -> Option<(Moment, &str)> {
    let (hour, rest) = two(text, 0, 23)?;
    let mut moment = Moment { hour, precision: Precision::Hour, ..moment };
    let Some(minute) = rest.strip_prefix(':') else { return Some((moment, rest)) };
    let (minute, rest) = two(minute, 0, 59)?;
    (moment.minute, moment.precision) = (minute, Precision::Minute);
    let Some(second) = rest.strip_prefix(':') else { return Some((moment, rest)) };
    // A leap second is the second before it: no calendar here knows it.
    let (second, rest) = two(second, 0, 60)?;
    (moment.second, moment.precision) = (second.min(59), Precision::Second);
    let Some(fraction) = rest.strip_prefix('.') else { return Some((moment, rest)) };
    let count = fraction.bytes().take_while(u8::is_ascii_digit).count();
    let (stated, rest) = fraction.split_at_checked(count).filter(|(stated, _)| !stated.is_empty())?;
    let padded: String = stated.chars().chain(std::iter::repeat('0')).take(9).collect();
    (moment.nanos, moment.precision) = (padded.parse().ok()?, Precision::Fraction);
    Some((moment, rest))
}

/// Reads what follows a time: nothing, `Z` or `+hh:mm`.
#[expect(clippy::option_option, reason = "no offset is not a wrong one")]
fn offset(text: &str) -> Option<Option<i16>> {
    let sign = match text.chars().next() {
        None => return Some(None),
        Some('Z') => return (text.len() == 1).then_some(Some(0)),
        Some('+') => 1,
        Some('-') => -1,
        Some(_) => return None,
    };
    let (hours, rest) = two(text.get(1..)?, 0, 14)?;
    let (minutes, rest) = two(rest.strip_prefix(':')?, 0, 59)?;
    rest.is_empty().then_some(Some(sign * (i16::from(hours) * 60 + i16::from(minutes))))
}
