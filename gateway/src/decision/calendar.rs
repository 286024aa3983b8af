//! Days as people in the United Kingdom count them.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// The day on which `at` falls in the United Kingdom.
pub(crate) fn day_of(at: Timestamp) -> Date {
    let zone = TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC);
    at.to_zoned(zone).date()
}

/// The day `days` after `day`; the last day of the calendar when there is none.
pub(in crate::decision) fn days_after(day: Date, days: u16) -> Date {
    day.saturating_add(i64::from(days).days())
}
