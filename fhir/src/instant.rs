//! Time as FHIR writes it: a text with a precision, which stands for a range.
//!
//! `2026-04` is the whole of April; `2026-04-01T10:00:00Z` is one second. Comparing goes by ranges and the text is
//! kept as it came. No clock here: what "now" is comes from the caller.

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

mod text;

/// A FHIR date, dateTime or instant.
///
/// `Debug` hides it: a date of birth is a person's.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DateTime {
    text: Box<str>,
    precision: Precision,
    fields: text::Fields,
}

/// How much of a time is stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Precision {
    /// `2026`
    Year,
    /// `2026-04`
    Month,
    /// `2026-04-01`
    Day,
    /// `2026-04-01T10:00Z`, in searches only.
    Minute,
    /// `2026-04-01T10:00:00Z`
    Second,
    /// `2026-04-01T10:00:00.123Z`
    Fraction,
}

/// Why a text is not a FHIR time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDateTime {
    /// Not in the grammar of the type asked for.
    #[error("not a date or time as FHIR writes it")]
    Shape,
    /// In the grammar, but no such day, time or offset exists.
    #[error("no such day, time or offset")]
    NoSuchTime,
}

/// A span of time from `from` up to but not including `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Range {
    /// The first moment inside.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

/// A FHIR `Period`: open where a bound is absent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Period {
    /// When it begins.
    pub start: Option<DateTime>,
    /// When it ends; the whole of it is inside.
    pub end: Option<DateTime>,
}

/// Which zone a time means that states none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unzoned {
    /// The civil time of the United Kingdom: what a person at a desk there means by a day.
    UnitedKingdom,
    /// Universal time: what many servers assume.
    Utc,
}

impl DateTime {
    /// Reads a FHIR `dateTime`: a date of any precision, or a time with seconds and an offset.
    ///
    /// # Errors
    /// [`InvalidDateTime`].
    pub fn parse(text: &str) -> Result<Self, InvalidDateTime> {
        let parsed = Self::read(text)?;
        match (parsed.precision, parsed.fields.offset_seconds) {
            (Precision::Year | Precision::Month | Precision::Day, _) => Ok(parsed),
            (Precision::Second | Precision::Fraction, Some(_)) => Ok(parsed),
            (Precision::Minute | Precision::Second | Precision::Fraction, _) => Err(InvalidDateTime::Shape),
        }
    }

    /// Reads a FHIR `date`: no time of day.
    ///
    /// # Errors
    /// [`InvalidDateTime`].
    pub fn parse_date(text: &str) -> Result<Self, InvalidDateTime> {
        let parsed = Self::read(text)?;
        if parsed.precision <= Precision::Day { Ok(parsed) } else { Err(InvalidDateTime::Shape) }
    }

    /// Reads a FHIR `instant`: at least seconds, and an offset.
    ///
    /// # Errors
    /// [`InvalidDateTime`].
    pub fn parse_instant(text: &str) -> Result<Self, InvalidDateTime> {
        let parsed = Self::parse(text)?;
        if parsed.precision >= Precision::Second { Ok(parsed) } else { Err(InvalidDateTime::Shape) }
    }

    /// Reads a time as a search may state it: seconds and offset may be left out.
    ///
    /// # Errors
    /// [`InvalidDateTime`].
    pub fn parse_search(text: &str) -> Result<Self, InvalidDateTime> {
        Self::read(text)
    }

    fn read(text: &str) -> Result<Self, InvalidDateTime> {
        let (precision, fields) = text::read(text)?;
        Ok(Self { text: text.into(), precision, fields })
    }

    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How much is stated.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The span it stands for, by the civil time of the United Kingdom where no offset is stated.
    pub fn range(&self) -> Range {
        self.range_with(Unzoned::UnitedKingdom)
    }

    /// The span it stands for.
    pub fn range_with(&self, unzoned: Unzoned) -> Range {
        let zone = match (self.fields.offset(), unzoned) {
            (Some(offset), _) => offset.to_time_zone(),
            (None, Unzoned::Utc) => TimeZone::UTC,
            (None, Unzoned::UnitedKingdom) => united_kingdom(),
        };
        let (first, after) = self.fields.civil_range(self.precision);
        let from = moment(first, &zone).unwrap_or(Timestamp::MIN);
        let to = after.and_then(|after| moment(after, &zone)).unwrap_or(Timestamp::MAX);
        Range { from, to }
    }
}

/// An `instant` of our own making: UTC with milliseconds.
impl From<Timestamp> for DateTime {
    fn from(at: Timestamp) -> Self {
        let text = format!("{at:.3}");
        Self::read(&text).unwrap_or_else(|_| Self {
            text: text.into(),
            precision: Precision::Fraction,
            fields: text::Fields::of(at),
        })
    }
}

fn moment(at: civil::DateTime, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(at).compatible().ok()
}

fn united_kingdom() -> TimeZone {
    TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC)
}

impl Range {
    /// Whether all of `inner` lies inside.
    pub fn contains(&self, inner: &Self) -> bool {
        self.from <= inner.from && inner.to <= self.to
    }

    /// Whether the moment lies inside.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    /// Whether the two have a moment in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.from < other.to && other.from < self.to
    }
}

impl Period {
    /// The span it stands for: without bound where none is stated.
    pub fn range(&self) -> Range {
        self.range_with(Unzoned::UnitedKingdom)
    }

    /// The span it stands for.
    pub fn range_with(&self, unzoned: Unzoned) -> Range {
        Range {
            from: self.start.as_ref().map_or(Timestamp::MIN, |start| start.range_with(unzoned).from),
            to: self.end.as_ref().map_or(Timestamp::MAX, |end| end.range_with(unzoned).to),
        }
    }

    /// Whether the moment lies inside.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.range().holds(at)
    }
}

impl fmt::Debug for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DateTime(.., {:?})", self.precision)
    }
}
